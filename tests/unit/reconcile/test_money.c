/* Money and spot down to the actions: which class is started, what is drained, which pool a model
 * is routed to. */
#include "plant.h"

struct seen {
    size_t started[CLASSES_PER_POOL_MAX];
    uint16_t order[2]; /* of the two entries of the model, by pool */
};
static struct seen seen;

static void look(struct plant *p, const struct action *a)
{
    (void)p;
    if (a->kind == ACTION_START)
        seen.started[a->class_]++;
    if (a->kind == ACTION_TELL && a->message->kind == MESSAGE_ROUTES)
        for (size_t i = 0; i < a->message->routes->model_count; i++)
            seen.order[a->message->routes->model[i].pool] = a->message->routes->model[i].order;
}

/* A pool with an on-demand class at 4 and a spot class at 1 an hour. */
static struct plant *money_plant(void)
{
    struct plant *p = plant_new();
    plant_pool(p, "large");
    struct class_spec *class = p->pool[0].class_;
    class[0].price_per_hour = 4;
    class[1] = class[0];
    strcpy(class[1].name, "spot");
    class[1].kind = CAPACITY_SPOT;
    class[1].price_per_hour = 1;
    p->pool[0].class_count = 2;
    p->pool[0].replicas_min = 1;
    p->on_action = look;
    seen = (struct seen){0};
    return p;
}

static void an_hourly_limit_starts_what_it_buys(void **unused)
{
    (void)unused;
    struct plant *p = money_plant();
    p->pool[0].cost.max_per_hour = 11;
    p->pool[0].cost.spot_max_percent = 50;
    plant_ask(p, 0, 10);
    plant_start(p);
    plant_run(p, 20 * SECOND_NS);
    assert_int_equal(seen.started[0], 2); /* 2 * 4 + 2 * 1 = 10 */
    assert_int_equal(seen.started[1], 2);
    plant_free(p);
}

static void a_spent_budget_drains_to_the_minimum_and_routes_to_the_next_pool(void **unused)
{
    (void)unused;
    struct plant *p = money_plant();
    static const struct route_model models[] = {
        {.name = "m", .pool = 0, .order = 0, .weight_percent = 100},
        {.name = "m", .pool = 1, .order = 1, .weight_percent = 100},
    };
    plant_pool(p, "small");
    p->spec.model = models;
    p->spec.model_count = 2;
    p->pool[0].class_count = 1;
    p->pool[0].cost.daily_budget = 4;
    p->pool[0].cost.step_count = 2;
    p->pool[0].cost.step[0] = (struct budget_step_spec){BUDGET_SCALE_TO_MIN, 0};
    p->pool[0].cost.step[1] = (struct budget_step_spec){BUDGET_FALLBACK_MODEL, 5 * MINUTE_NS};
    plant_ask(p, 0, 4);
    plant_ask(p, 1, 1);
    plant_start(p);
    plant_run(p, 10 * MINUTE_NS); /* 16 an hour: gone after a quarter of an hour */
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 4);
    plant_run(p, 6 * MINUTE_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 1);
    assert_true(plant_noted(p, "replica-draining"));
    assert_int_equal(seen.order[0], 0);
    plant_run(p, 6 * MINUTE_NS); /* one still costs: the next step */
    assert_true(plant_noted(p, "fallback"));
    assert_true(seen.order[0] > seen.order[1]);
    p->wall_offset_ns += DAY_NS; /* another day */
    plant_run(p, MINUTE_NS);
    assert_true(plant_noted(p, "fallback-ended"));
    assert_true(seen.order[0] < seen.order[1]);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 4);
    plant_free(p);
}

static void tell_money(struct plant *p, bool up, double money)
{
    plant_event(p, &(struct event){.kind = EVENT_MONEY, .pool = "large", .up = up, .money = money});
}

static void R14_a_sum_kept_outside_that_cannot_be_read_adds_nothing_and_stops_nothing(void **unused)
{
    (void)unused;
    struct plant *p = money_plant();
    p->pool[0].class_count = 1;
    p->pool[0].cost.daily_budget = 100;
    plant_ask(p, 0, 2);
    plant_start(p);
    tell_money(p, true, 10);
    plant_run(p, 20 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 2);
    tell_money(p, true, NAN);
    plant_ask(p, 0, 5);
    plant_run(p, 20 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 2); /* nothing new, nothing stopped */
    tell_money(p, true, 99);
    plant_run(p, 20 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 5);
    tell_money(p, true, 100);
    plant_ask(p, 0, 7);
    plant_run(p, 20 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 5); /* spent */
    tell_money(p, false, 0);
    plant_run(p, 20 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 7); /* our own sum rules again */
    plant_free(p);
}

static void fault_01_a_source_that_fails_raises_to_its_fallback_and_never_lowers(void **unused)
{
    (void)unused;
    struct plant *p = money_plant();
    p->pool[0].class_count = 1;
    p->pool[0].replicas_max = 6;
    plant_ask(p, 0, 2);
    plant_start(p);
    plant_run(p, 20 * SECOND_NS);
    plant_event(p, &(struct event){.kind = EVENT_FALLBACK, .pool = "large", .count = 4});
    plant_run(p, 20 * SECOND_NS);
    assert_int_equal(plant_status(p, 0).desired, 4);
    plant_ask(p, 0, 5);
    plant_run(p, 20 * SECOND_NS);
    assert_int_equal(plant_status(p, 0).desired, 5);
    plant_event(p, &(struct event){.kind = EVENT_FALLBACK, .pool = "large", .count = 1000});
    plant_run(p, 20 * SECOND_NS);
    assert_int_equal(plant_status(p, 0).desired, 6); /* within the bounds */
    plant_free(p);
}

static void spot_replicas_under_notice_are_replaced_on_demand(void **unused)
{
    (void)unused;
    struct plant *p = money_plant();
    plant_ask(p, 0, 3);
    plant_start(p);
    plant_run(p, 20 * SECOND_NS);
    assert_int_equal(seen.started[1], 3);
    const uint64_t taken = p->body[0].id;
    const struct event notice = {.kind = EVENT_NOTICE, .replica = taken, .up = true};
    plant_event(p, &notice);
    plant_run(p, 30 * SECOND_NS);
    assert_int_equal(seen.started[0], 1); /* not spot: the class rests */
    assert_false(plant_body(p, taken)->alive);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 3);
    plant_ask(p, 0, 4);
    plant_run(p, 30 * SECOND_NS);
    assert_int_equal(seen.started[0], 2);
    plant_ask(p, 0, 6);
    plant_run(p, 11 * MINUTE_NS);
    plant_ask(p, 0, 8);
    plant_run(p, MINUTE_NS);
    assert_true(seen.started[1] > 3); /* rested */
    plant_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_hourly_limit_starts_what_it_buys),
        cmocka_unit_test(a_spent_budget_drains_to_the_minimum_and_routes_to_the_next_pool),
        cmocka_unit_test(R14_a_sum_kept_outside_that_cannot_be_read_adds_nothing_and_stops_nothing),
        cmocka_unit_test(fault_01_a_source_that_fails_raises_to_its_fallback_and_never_lowers),
        cmocka_unit_test(spot_replicas_under_notice_are_replaced_on_demand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
