/* Money: the ledger of a day, what a spent budget does, and counts that an amount buys. */
#include "world.h"

#include "core/budget.h"
#include "core/classes.h"

static struct pool_spec priced(double price)
{
    struct pool_spec pool;
    pool_spec_defaults(&pool);
    pool.replicas_max = 100;
    pool.class_[0].price_per_hour = price;
    pool.cost.daily_budget = 100;
    return pool;
}

static struct pool_observation holding(int64_t ready)
{
    struct pool_observation o;
    world_observe_healthy(&o, ready);
    o.class_ready[0] = ready;
    return o;
}

static void what_is_held_is_billed_by_time_and_days_begin_at_midnight(void **state)
{
    (void)state;
    struct pool_spec pool = priced(3);
    struct pool_observation o = holding(4);
    struct budget_ledger ledger;
    struct budget_view view = {0};
    const int64_t midnight = 20000 * DAY_NS;
    budget_init(&ledger, 0);
    for (int i = 0; i <= 30; i++) /* half an hour before midnight */
        view = budget_tick(&ledger, &pool, &o, i * MINUTE_NS,
                           midnight - HOUR_NS + (int64_t)i * MINUTE_NS);
    assert_true(fabs(view.spent - 6) < 1e-9);
    for (int i = 31; i <= 90; i++)
        view = budget_tick(&ledger, &pool, &o, i * MINUTE_NS,
                           midnight - HOUR_NS + (int64_t)i * MINUTE_NS);
    assert_true(fabs(view.spent - 6) < 0.21); /* the half hour since midnight */
    assert_false(view.exhausted);
}

static void warm_draining_and_blocked_ones_cost_the_highest_price(void **state)
{
    (void)state;
    struct pool_spec pool = priced(3);
    struct pool_observation o = holding(1);
    struct budget_ledger ledger;
    pool.class_count = 2;
    pool.class_[1] = pool.class_[0];
    pool.class_[1].price_per_hour = 5;
    o.actual_count = 3; /* two are warm or blocked */
    o.draining = 1;
    budget_init(&ledger, 0);
    (void)budget_tick(&ledger, &pool, &o, 0, 0);
    assert_true(fabs(ledger.per_hour - 18) < 1e-9);
}

static void R14_an_unknown_price_is_an_unknown_sum(void **state)
{
    (void)state;
    struct pool_spec pool = priced((double)NAN);
    struct pool_observation o = holding(2);
    struct budget_ledger ledger;
    budget_init(&ledger, 0);
    assert_true(budget_tick(&ledger, &pool, &o, 0, 0).unknown);
    o.spent_today = 40; /* somebody else keeps the books */
    struct budget_view view = budget_tick(&ledger, &pool, &o, MINUTE_NS, MINUTE_NS);
    assert_false(view.unknown || view.exhausted);
    o.spent_today = 100;
    assert_true(budget_tick(&ledger, &pool, &o, 2 * MINUTE_NS, 2 * MINUTE_NS).exhausted);
    o.budget_unreadable = 1;
    assert_true(budget_tick(&ledger, &pool, &o, 3 * MINUTE_NS, 3 * MINUTE_NS).unknown);
}

static void steps_follow_only_while_money_is_still_spent(void **state)
{
    (void)state;
    struct pool_spec pool = priced(3);
    struct pool_observation o = holding(2);
    struct budget_ledger ledger;
    pool.cost.step_count = 2;
    pool.cost.step[0] = (struct budget_step_spec){BUDGET_SCALE_TO_MIN, 0};
    pool.cost.step[1] = (struct budget_step_spec){BUDGET_FALLBACK_MODEL, 5 * MINUTE_NS};
    o.spent_today = 100;
    budget_init(&ledger, 0);
    struct budget_view view = budget_tick(&ledger, &pool, &o, 0, 0);
    assert_true(view.to_min && !view.fallback);
    o = holding(0); /* nothing runs any more: nothing more is done */
    o.spent_today = 100;
    for (int i = 1; i < 20; i++)
        view = budget_tick(&ledger, &pool, &o, i * MINUTE_NS, i * MINUTE_NS);
    assert_true(view.to_min && !view.fallback);
    o = holding(1);
    o.spent_today = 100;
    (void)budget_tick(&ledger, &pool, &o, 20 * MINUTE_NS, 20 * MINUTE_NS);
    view = budget_tick(&ledger, &pool, &o, 21 * MINUTE_NS, 21 * MINUTE_NS);
    assert_true(view.to_min && view.fallback);
    o.spent_today = 0; /* another day */
    view = budget_tick(&ledger, &pool, &o, 22 * MINUTE_NS, 22 * MINUTE_NS);
    assert_false(view.to_min || view.fallback);
}

static void a_long_silence_is_not_billed_whole(void **state)
{
    (void)state;
    struct pool_spec pool = priced(3);
    struct pool_observation o = holding(2);
    struct budget_ledger ledger;
    budget_init(&ledger, 0);
    (void)budget_tick(&ledger, &pool, &o, 0, HOUR_NS);
    const struct budget_view view = budget_tick(&ledger, &pool, &o, 10 * HOUR_NS, 11 * HOUR_NS);
    assert_true(fabs(view.spent - 6) < 1e-9); /* one hour of it */
}

/* The slow obvious version: every count tried. */
static void what_an_amount_buys_is_what_trying_all_counts_finds(void **state)
{
    (void)state;
    struct pool_spec pool = priced(4);
    struct pool_observation o = holding(0);
    pool.class_count = 3;
    for (size_t i = 1; i < 3; i++)
        opt_defaults(class_options, class_option_count, &pool.class_[i]);
    pool.class_[1].kind = CAPACITY_SPOT;
    pool.class_[1].price_per_hour = 1.5;
    pool.class_[1].replicas_max = 6;
    pool.class_[2].kind = CAPACITY_RESERVED;
    pool.class_[2].price_per_hour = 2;
    pool.class_[2].replicas_max = 3;
    pool.replicas_max = 40;
    for (int share = 0; share <= 100; share += 10)
        for (double money = 0; money < 120; money += 1.7) {
            struct class_terms terms = {.spot_max_percent = share};
            int64_t counts[CLASSES_PER_POOL_MAX];
            int64_t most = 0;
            for (int64_t n = 0; n <= 40; n++) {
                classes_split(&pool, &o, &terms, n, counts);
                if (classes_cost(&pool, counts) <= money)
                    most = n;
            }
            const int64_t found = classes_afford(&pool, &o, &terms, money);
            assert_int_equal(found < 40 ? found : 40, most);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_held_is_billed_by_time_and_days_begin_at_midnight),
        cmocka_unit_test(warm_draining_and_blocked_ones_cost_the_highest_price),
        cmocka_unit_test(R14_an_unknown_price_is_an_unknown_sum),
        cmocka_unit_test(steps_follow_only_while_money_is_still_spent),
        cmocka_unit_test(a_long_silence_is_not_billed_whole),
        cmocka_unit_test(what_an_amount_buys_is_what_trying_all_counts_finds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
