/* The life of a pool: ticks with snapshots, starts, routes, drains, stops, records. */
#include "plant.h"

static void a_wanted_replica_is_started_and_routed_when_it_is_ready(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    plant_ask(p, 0, 2);
    plant_start(p);
    plant_run(p, SECOND_NS);
    assert_int_equal(p->starts, 2);
    assert_int_equal(plant_count(p, 0, REPLICA_STARTING), 2);
    assert_int_equal(p->gateway[0].route_count, 0);
    plant_run(p, 5 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 2);
    assert_int_equal(p->gateway[0].route_count, 2);
    assert_int_equal(plant_status(p, 0).start_p50_ns, 5 * SECOND_NS);
    plant_free(p);
}

static void a_tick_comes_each_period_and_its_record_gives_the_same_bytes_again(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    plant_ask(p, 0, 1);
    plant_start(p);
    plant_run(p, 20 * SECOND_NS);
    assert_in_range(p->records, 10, 14);
    plant_free(p);
}

static void a_surplus_replica_is_drained_confirmed_and_only_then_stopped(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    p->gateway[1].up = true;
    plant_pool(p, "chat");
    plant_ask(p, 0, 2);
    plant_start(p);
    plant_run(p, 10 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 2);
    plant_load(p, 1, 1, 50);
    plant_load(p, 2, 1, 60);
    plant_ask(p, 0, 1);
    plant_run(p, 5 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_DRAINING), 1);
    assert_int_equal(p->stops, 0);
    plant_load(p, 1, 0, 0);
    plant_run(p, 5 * SECOND_NS);
    assert_int_equal(p->stops, 1);
    assert_null(reconcile_replica(p->r, 1));
    assert_int_equal(reconcile_replica(p->r, 2)->state, REPLICA_READY);
    plant_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wanted_replica_is_started_and_routed_when_it_is_ready),
        cmocka_unit_test(a_tick_comes_each_period_and_its_record_gives_the_same_bytes_again),
        cmocka_unit_test(a_surplus_replica_is_drained_confirmed_and_only_then_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
