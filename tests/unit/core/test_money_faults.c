/* Money that runs out or cannot be known in the middle of a spike: nothing is added beyond it, and
 * what runs is kept (FAULTS 82 and 83, R14). */
#include "world.h"

/* A spike at 2 money an hour and replica: the budget of the day is spent while it rises. */
static void fault_82_a_budget_that_is_spent_in_a_spike_adds_nothing_and_stops_nothing(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->pool[0].cost.daily_budget = 100;
    w->pool[0].class_[0].price_per_hour = 2;
    world_start(w, 3);
    static const struct {
        double spent;
        int64_t asked;
        int64_t expected;
    } steps[] = {
        {20, 6, 6},  {90, 8, 8},  {100, 20, 8}, {130, 40, 8},
        {130, 5, 5}, {130, 9, 5}, {0, 9, 9}, /* a new day */
    };
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        w->o.pool[0].spent_today = steps[i].spent;
        w->o.pool[0].waiting_requests = 500;
        w->o.pool[0].ready = w->o.pool[0].actual_count = group_desired(w->group, w->state, 0);
        assert_int_equal(world_ask(w, MINUTE_NS, steps[i].asked), steps[i].expected);
    }
    world_free(w);
}

static void fault_82_an_urgent_demand_does_not_pass_a_spent_budget(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->pool[0].cost.daily_budget = 10;
    world_start(w, 2);
    w->config.urgent = true;
    w->o.pool[0].spent_today = 11;
    assert_int_equal(world_ask(w, SECOND_NS, 50), 2);
    assert_true(world_said(w, STAGE_FLEET, REASON_BUDGET_SPENT));
    world_free(w);
}

static void fault_83_a_negative_price_is_refused_and_a_missing_one_is_no_price_of_zero(void **state)
{
    (void)state;
    static const double refused[] = {-1, -INFINITY, INFINITY, 1e300};
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        struct world *w = world_new();
        struct diag diag = {0};
        w->pool[0].class_[0].price_per_hour = refused[i];
        assert_int_equal(group_compile(&w->arena, "g", w->pool, 1, &w->group, &diag), RC_RANGE);
        assert_non_null(strstr(diag.where, "pricePerHour"));
        world_free(w);
    }
    struct world *w = world_new();
    w->pool[0].cost.max_per_hour = 1000;
    w->pool[0].class_[0].price_per_hour = NAN;
    world_start(w, 4);
    w->o.pool[0].ready = w->o.pool[0].actual_count = 4;
    w->o.pool[0].class_ready[0] = 4;
    assert_int_equal(world_ask(w, SECOND_NS, 30), 4);
    assert_int_equal(world_ask(w, SECOND_NS, 3), 3);
    world_free(w);
}

/* Neither "nothing was spent" nor "all is spent, scale to the minimum": nobody knows. */
static void R14_a_sum_that_cannot_be_adds_nothing_and_stops_nothing(void **state)
{
    (void)state;
    static const double sums[] = {-1, -INFINITY, INFINITY, 1e300};
    for (size_t i = 0; i < COUNT_OF(sums); i++) {
        struct world *w = world_new();
        w->pool[0].cost.daily_budget = 100;
        w->pool[0].cost.step[0].action = BUDGET_SCALE_TO_MIN;
        w->pool[0].cost.step_count = 1;
        world_start(w, 5);
        w->o.pool[0].spent_today = sums[i];
        assert_int_equal(world_ask(w, SECOND_NS, 9), 5);
        assert_int_equal(world_ask(w, SECOND_NS, 5), 5);
        assert_int_equal(world_ask(w, SECOND_NS, 4), 4);
        world_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fault_82_a_budget_that_is_spent_in_a_spike_adds_nothing_and_stops_nothing),
        cmocka_unit_test(R14_a_sum_that_cannot_be_adds_nothing_and_stops_nothing),
        cmocka_unit_test(fault_82_an_urgent_demand_does_not_pass_a_spent_budget),
        cmocka_unit_test(
            fault_83_a_negative_price_is_refused_and_a_missing_one_is_no_price_of_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
