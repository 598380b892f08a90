/* Two-phase drains: told, confirmed by every gateway, taken back; and the replacement of replicas
 * whose target changed. */
#include "plant.h"

static struct plant *two_gateways(int64_t replicas)
{
    struct plant *p = plant_new();
    p->gateway[1].up = true;
    plant_pool(p, "chat");
    plant_ask(p, 0, replicas);
    plant_start(p);
    plant_run(p, 10 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), replicas);
    return p;
}

static void confirm(struct plant *p, uint16_t gateway, uint64_t replica, uint64_t generation)
{
    const struct message message = {
        .kind = MESSAGE_DRAINED, .replica = replica, .generation = generation};
    const struct event event = {.kind = EVENT_MESSAGE, .gateway = gateway, .message = &message};
    assert_int_equal(plant_try(p, &event), RC_OK);
}

static void no_stop_before_every_gateway_has_confirmed(void **unused)
{
    (void)unused;
    struct plant *p = two_gateways(1);
    p->gateway[1].silent = true; /* it is well, only slow */
    p->gateway[0].silent = true;
    plant_ask(p, 0, 0);
    p->gateway[0].silent = false;
    p->gateway[1].silent = false;
    plant_load(p, 1, 1, 1);
    p->gateway[1].route[0].in_flight = 1;
    const struct event pin = {
        .kind = EVENT_PIN, .pool = "chat", .count = 0, .until_wall_ns = TIME_NONE, .text = ""};
    plant_event(p, &pin);
    plant_run(p, 3 * SECOND_NS);
    assert_int_equal(reconcile_replica(p->r, 1)->state, REPLICA_DRAINING);
    p->gateway[0].route[0].in_flight = 0;
    plant_run(p, 3 * SECOND_NS);
    assert_int_equal(reconcile_replica(p->r, 1)->state, REPLICA_DRAINING);
    p->gateway[1].route[0].in_flight = 0;
    plant_settle(p);
    assert_int_equal(p->stops, 1);
    plant_free(p);
}

static void a_drain_that_takes_too_long_is_cut_at_its_limit(void **unused)
{
    (void)unused;
    struct plant *p = two_gateways(2);
    plant_load(p, 1, 1, 5);
    plant_load(p, 2, 1, 9);
    plant_ask(p, 0, 1);
    plant_run(p, 3 * SECOND_NS);
    assert_int_equal(reconcile_replica(p->r, 1)->state, REPLICA_DRAINING);
    plant_run(p, 26 * SECOND_NS);
    assert_int_equal(p->stops, 0);
    plant_run(p, 4 * SECOND_NS);
    assert_int_equal(p->stops, 1);
    assert_true(plant_noted(p, "replica-drain-timeout"));
    plant_free(p);
}

static void a_gateway_that_went_away_confirms_nothing_any_more(void **unused)
{
    (void)unused;
    struct plant *p = two_gateways(2);
    p->gateway[1].route[0].in_flight = 1;
    p->gateway[1].route[1].in_flight = 1;
    p->gateway[1].route[1].tokens = 9;
    plant_run(p, 2 * SECOND_NS);
    plant_ask(p, 0, 1);
    plant_run(p, 3 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_DRAINING), 1);
    plant_gateway_up(p, 1, false);
    plant_settle(p);
    assert_int_equal(p->stops, 1);
    plant_free(p);
}

static void a_gateway_that_begins_anew_is_asked_about_drains_too(void **unused)
{
    (void)unused;
    struct plant *p = two_gateways(2);
    plant_load(p, 1, 1, 5);
    plant_load(p, 2, 1, 9);
    plant_ask(p, 0, 1);
    plant_run(p, 3 * SECOND_NS);
    p->gateway[1].route_count = 0;
    p->gateway[1].generation = 0;
    plant_gateway_up(p, 1, true);
    plant_run(p, SECOND_NS);
    plant_load(p, 1, 0, 0);
    plant_run(p, SECOND_NS);
    assert_int_equal(p->stops, 1);
    assert_false(plant_noted(p, "replica-drain-timeout"));
    plant_free(p);
}

static void the_last_replica_stays_when_a_request_came_before_the_last_confirmation(void **unused)
{
    (void)unused;
    struct plant *p = two_gateways(1);
    plant_load(p, 1, 1, 1);
    const struct event pin = {
        .kind = EVENT_PIN, .pool = "chat", .count = 0, .until_wall_ns = TIME_NONE, .text = ""};
    plant_event(p, &pin);
    plant_run(p, SECOND_NS / 4);
    assert_int_equal(reconcile_replica(p->r, 1)->state, REPLICA_DRAINING);
    const struct event unpin = {.kind = EVENT_PIN, .pool = "chat", .count = NO_COUNT};
    p->policy[0].replicas = 0;
    plant_event(p, &unpin);
    /* Both come in one turn of the loop: the request, and the confirmation that is the last. */
    const uint64_t generation = p->gateway[0].generation;
    plant_wake(p, 1, 0, 1);
    confirm(p, 0, 1, generation);
    confirm(p, 1, 1, generation);
    const size_t starts = p->starts;
    plant_settle(p);
    assert_int_equal(reconcile_replica(p->r, 1)->state, REPLICA_READY);
    assert_int_equal(p->stops, 0);
    assert_int_equal(p->starts, starts); /* without a restart */
    assert_true(plant_noted(p, "replica-undrained"));
    for (size_t g = 0; g < 2; g++)
        assert_false(p->gateway[g].route[0].draining);
    plant_free(p);
}

static void an_old_confirmation_does_not_end_a_new_drain(void **unused)
{
    (void)unused;
    struct plant *p = two_gateways(2);
    plant_load(p, 1, 1, 5);
    plant_load(p, 2, 1, 9);
    plant_ask(p, 0, 1);
    plant_run(p, 3 * SECOND_NS);
    const uint64_t first = p->gateway[0].generation;
    assert_int_equal(reconcile_replica(p->r, 1)->state, REPLICA_DRAINING);
    plant_ask(p, 0, 2);
    plant_run(p, 2 * SECOND_NS);
    assert_int_equal(reconcile_replica(p->r, 1)->state, REPLICA_READY);
    plant_ask(p, 0, 1);
    plant_run(p, 2 * SECOND_NS);
    assert_int_equal(reconcile_replica(p->r, 1)->state, REPLICA_DRAINING);
    confirm(p, 0, 1, first);
    confirm(p, 1, 1, first);
    plant_settle(p);
    assert_int_equal(reconcile_replica(p->r, 1)->state, REPLICA_DRAINING);
    assert_int_equal(p->stops, 0);
    plant_free(p);
}

static void a_drain_is_taken_back_before_anything_is_started(void **unused)
{
    (void)unused;
    struct plant *p = two_gateways(3);
    for (uint64_t id = 1; id <= 3; id++)
        plant_load(p, id, 1, (int64_t)id);
    plant_ask(p, 0, 1);
    plant_run(p, 3 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_DRAINING), 2);
    plant_ask(p, 0, 4);
    plant_run(p, 2 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 3);
    assert_int_equal(p->starts, 4); /* the three, and one more */
    plant_free(p);
}

static void a_replica_that_ends_while_it_drains_is_not_replaced(void **unused)
{
    (void)unused;
    struct plant *p = two_gateways(2);
    plant_load(p, 1, 1, 5);
    plant_load(p, 2, 1, 9);
    plant_ask(p, 0, 1);
    plant_run(p, 3 * SECOND_NS);
    plant_kill(p, 1);
    plant_run(p, 10 * SECOND_NS);
    assert_int_equal(p->starts, 2);
    assert_null(reconcile_replica(p->r, 1));
    plant_free(p);
}

/* ---- replacement ---- */

static void reload(struct plant *p)
{
    plant_compile(p);
    assert_int_equal(reconcile_configure(p->r, &p->spec, p->now_ns, plant_wall(p)), RC_OK);
}

static void a_changed_target_is_rolled_out_one_by_one_new_before_old(void **unused)
{
    (void)unused;
    struct plant *p = two_gateways(3);
    p->target[0].target_hash = 2;
    reload(p);
    for (int i = 0; i < 600; i++) {
        plant_run(p, SECOND_NS / 10);
        assert_true(plant_count(p, 0, REPLICA_READY) >= 3);
        assert_true(plant_alive(p, 0) <= 4);
        assert_in_range(plant_status(p, 0).desired, 3, 3);
    }
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 3);
    assert_int_equal(p->starts, 6);
    const struct replica_row *row;
    for (size_t i = 0; (row = reconcile_replica_at(p->r, i)) != NULL; i++)
        assert_int_equal(row->target_hash, 2);
    plant_free(p);
}

static void R13_a_bad_revision_stops_after_one_replica(void **unused)
{
    (void)unused;
    struct plant *p = two_gateways(3);
    p->target[0].target_hash = 2;
    p->target[0].give_up_after = 4;
    p->crash_after_ns[0] = SECOND_NS;
    reload(p);
    for (int i = 0; i < 3000; i++) {
        plant_run(p, SECOND_NS / 10);
        assert_int_equal(plant_count(p, 0, REPLICA_READY), 3);
        assert_true(plant_alive(p, 0) <= 4); /* the fleet is not doubled */
    }
    assert_int_equal(plant_count(p, 0, REPLICA_FAILED), 1);
    assert_int_equal(p->starts, 3 + 4);
    assert_int_equal(p->stops, 0);
    plant_free(p);
}

static void without_room_the_old_one_goes_first_one_at_a_time(void **unused)
{
    (void)unused;
    struct plant *p = two_gateways(3);
    const struct event room = {
        .kind = EVENT_ROOM, .pool = "chat", .count = 3, .gpus_free = INFINITY};
    plant_event(p, &room);
    p->target[0].target_hash = 2;
    reload(p);
    for (int i = 0; i < 600; i++) {
        plant_run(p, SECOND_NS / 10);
        assert_true(plant_count(p, 0, REPLICA_READY) >= 2);
        assert_true(plant_alive(p, 0) <= 3);
    }
    const struct replica_row *row;
    for (size_t i = 0; (row = reconcile_replica_at(p->r, i)) != NULL; i++)
        assert_int_equal(row->target_hash, 2);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 3);
    plant_free(p);
}

static void room_that_only_the_target_knows_of_is_made_by_an_old_one(void **unused)
{
    (void)unused;
    struct plant *p = two_gateways(2);
    p->target[0].target_hash = 2;
    p->refuse[0] = true; /* nothing fits beside the two */
    reload(p);
    for (int i = 0; i < 600; i++) {
        plant_run(p, SECOND_NS / 10);
        assert_true(plant_count(p, 0, REPLICA_READY) >= 1);
        p->refuse[0] = plant_alive(p, 0) >= 2;
    }
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 2);
    const struct replica_row *row;
    for (size_t i = 0; (row = reconcile_replica_at(p->r, i)) != NULL; i++)
        assert_int_equal(row->target_hash, 2);
    plant_free(p);
}

static void a_busy_old_replica_serves_until_it_is_drained(void **unused)
{
    (void)unused;
    struct plant *p = two_gateways(1);
    plant_load(p, 1, 3, 100);
    p->target[0].target_hash = 2;
    reload(p);
    plant_run(p, 20 * SECOND_NS);
    assert_int_equal(reconcile_replica(p->r, 1)->state, REPLICA_DRAINING);
    assert_int_equal(reconcile_replica(p->r, 2)->state, REPLICA_READY);
    assert_int_equal(p->stops, 0);
    for (size_t i = 0; i < p->gateway[0].route_count; i++)
        if (p->gateway[0].route[i].id == 1)
            p->gateway[0].route[i].in_flight = 0;
    plant_run(p, SECOND_NS);
    assert_int_equal(p->stops, 1);
    plant_free(p);
}

static void an_operator_may_have_one_replica_replaced(void **unused)
{
    (void)unused;
    struct plant *p = two_gateways(2);
    const struct event stop = {.kind = EVENT_STOP_REPLICA, .replica = 1, .text = "it is slow"};
    plant_event(p, &stop);
    for (int i = 0; i < 100; i++) {
        plant_run(p, SECOND_NS / 10);
        assert_true(plant_count(p, 0, REPLICA_READY) >= 2);
    }
    plant_run(p, 10 * SECOND_NS);
    assert_null(reconcile_replica(p->r, 1));
    assert_non_null(reconcile_replica(p->r, 2));
    assert_int_equal(p->starts, 3);
    plant_free(p);
}

static void an_old_replica_that_is_only_starting_is_replaced_at_once(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    plant_ask(p, 0, 2);
    p->startup_ns[0] = 50 * SECOND_NS;
    plant_start(p);
    plant_run(p, SECOND_NS);
    p->target[0].target_hash = 2;
    reload(p);
    plant_run(p, SECOND_NS / 2);
    assert_int_equal(p->starts, 4);
    assert_int_equal(p->stops, 2);
    plant_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_stop_before_every_gateway_has_confirmed),
        cmocka_unit_test(a_drain_that_takes_too_long_is_cut_at_its_limit),
        cmocka_unit_test(a_gateway_that_went_away_confirms_nothing_any_more),
        cmocka_unit_test(a_gateway_that_begins_anew_is_asked_about_drains_too),
        cmocka_unit_test(the_last_replica_stays_when_a_request_came_before_the_last_confirmation),
        cmocka_unit_test(an_old_confirmation_does_not_end_a_new_drain),
        cmocka_unit_test(a_drain_is_taken_back_before_anything_is_started),
        cmocka_unit_test(a_replica_that_ends_while_it_drains_is_not_replaced),
        cmocka_unit_test(a_changed_target_is_rolled_out_one_by_one_new_before_old),
        cmocka_unit_test(R13_a_bad_revision_stops_after_one_replica),
        cmocka_unit_test(without_room_the_old_one_goes_first_one_at_a_time),
        cmocka_unit_test(room_that_only_the_target_knows_of_is_made_by_an_old_one),
        cmocka_unit_test(a_busy_old_replica_serves_until_it_is_drained),
        cmocka_unit_test(an_operator_may_have_one_replica_replaced),
        cmocka_unit_test(an_old_replica_that_is_only_starting_is_replaced_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
