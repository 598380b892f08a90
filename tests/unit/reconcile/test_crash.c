/* Replicas that fail: started again with back-off, given up, never more of what does not start. */
#include "plant.h"

static const struct replica_row *row_at(const struct plant *p, size_t index)
{
    return reconcile_replica_at(p->r, index);
}

static void a_lost_replica_is_replaced_without_a_change_of_the_count(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    p->pool[0].behavior.up.stabilization_ns = 300 * SECOND_NS; /* a raise would wait for long */
    p->pool[0].behavior.cooldown_ns = 300 * SECOND_NS;
    p->pool[0].behavior.cooldown_applies = COOLDOWN_BOTH;
    p->pool[0].replicas_min = 3;
    plant_ask(p, 0, 3);
    plant_start(p);
    plant_run(p, 60 * SECOND_NS);
    plant_kill(p, 2);
    plant_settle(p);
    assert_true(plant_noted(p, "replica-lost"));
    assert_int_equal(plant_count(p, 0, REPLICA_BLOCKED), 1);
    assert_int_equal(plant_status(p, 0).desired, 3);
    plant_run(p, SECOND_NS + SECOND_NS / 4);
    assert_int_equal(p->starts, 4);
    for (uint32_t i = 0; i < p->record.decision->trail_count; i++)
        assert_int_not_equal(p->record.decision->trail[i].stage, STAGE_RATE);
    assert_int_equal(p->record.decision->desired, 3);
    plant_run(p, 10 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 3);
    plant_free(p);
}

static void fault_70_a_crash_loop_backs_off_and_is_given_up_with_its_reason(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    p->crash_after_ns[0] = SECOND_NS / 10;
    p->target[0].give_up_after = 6;
    plant_ask(p, 0, 1);
    plant_start(p);
    int64_t ordered[8] = {0};
    size_t n = 0;
    for (int i = 0; i < 6000 && n < 6; i++) {
        plant_run(p, SECOND_NS / 100);
        if (p->starts > n)
            ordered[n++] = p->now_ns;
    }
    assert_int_equal(n, 6);
    static const int64_t waits_s[] = {1, 2, 4, 8, 16};
    for (size_t i = 1; i < 6; i++) {
        const int64_t wait_ns = ordered[i] - ordered[i - 1] - SECOND_NS / 10;
        assert_in_range(wait_ns, waits_s[i - 1] * SECOND_NS * 3 / 4 - SECOND_NS / 50,
                        waits_s[i - 1] * SECOND_NS + SECOND_NS / 50);
    }
    plant_run(p, 600 * SECOND_NS);
    assert_int_equal(p->starts, 6);
    assert_int_equal(plant_count(p, 0, REPLICA_FAILED), 1);
    assert_true(plant_noted(p, "replica-given-up"));
    const struct pool_status status = plant_status(p, 0);
    assert_true(status.start_failed);
    assert_string_equal(status.text, "said by the test");
    assert_true(p->routed[0].start_failed);
    assert_string_equal(p->routed[0].reason, "said by the test");
    plant_free(p);
}

static void the_jitter_of_a_back_off_depends_on_the_id_alone(void **unused)
{
    (void)unused;
    int64_t again[2] = {0};
    for (int run = 0; run < 2; run++) {
        struct plant *p = plant_new();
        plant_pool(p, "chat");
        p->crash_after_ns[0] = SECOND_NS / 10;
        plant_ask(p, 0, 1);
        plant_start(p);
        plant_run(p, SECOND_NS / 2);
        again[run] = row_at(p, 0)->again_ns;
        plant_free(p);
    }
    assert_int_equal(again[0], again[1]);
    assert_true(again[0] != TIME_NONE);
}

static void an_operator_may_have_a_given_up_replica_tried_again(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    p->crash_after_ns[0] = SECOND_NS / 10;
    p->target[0].give_up_after = 1;
    plant_ask(p, 0, 1);
    plant_start(p);
    plant_run(p, 10 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_FAILED), 1);
    p->crash_after_ns[0] = INT64_MAX;
    const struct event again = {.kind = EVENT_STOP_REPLICA, .replica = row_at(p, 0)->id};
    plant_event(p, &again);
    plant_run(p, 10 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 1);
    assert_false(plant_status(p, 0).start_failed);
    plant_free(p);
}

static void a_changed_target_gives_a_given_up_replica_another_try(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    p->crash_after_ns[0] = SECOND_NS / 10;
    p->target[0].give_up_after = 1;
    plant_ask(p, 0, 1);
    plant_start(p);
    plant_run(p, 10 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_FAILED), 1);
    p->crash_after_ns[0] = INT64_MAX;
    p->target[0].target_hash = 2;
    plant_compile(p);
    assert_int_equal(reconcile_configure(p->r, &p->spec, p->now_ns, plant_wall(p)), RC_OK);
    plant_run(p, 10 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 1);
    assert_int_equal(plant_count(p, 0, REPLICA_FAILED), 0);
    plant_free(p);
}

static void a_replica_that_served_for_long_has_no_failures_behind_it(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    p->crash_after_ns[0] = SECOND_NS / 10;
    p->target[0].give_up_after = 3;
    plant_ask(p, 0, 1);
    plant_start(p);
    plant_run(p, SECOND_NS / 2);
    p->crash_after_ns[0] = INT64_MAX;
    plant_run(p, 60 * SECOND_NS); /* longer than the longest back-off */
    assert_int_equal(row_at(p, 0)->state, REPLICA_READY);
    assert_int_equal(row_at(p, 0)->failures, 1);
    plant_kill(p, row_at(p, 0)->id);
    plant_settle(p);
    assert_int_equal(row_at(p, 0)->failures, 0);
    assert_true(row_at(p, 0)->again_ns - p->now_ns <= SECOND_NS);
    plant_free(p);
}

static void a_replica_that_dies_soon_after_it_was_ready_counts_as_failed(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    p->target[0].give_up_after = 3;
    p->startup_ns[0] = SECOND_NS / 10;
    plant_ask(p, 0, 1);
    plant_start(p);
    for (int i = 0; i < 3; i++) {
        plant_run(p, 5 * SECOND_NS);
        assert_int_equal(row_at(p, 0)->state, REPLICA_READY);
        plant_kill(p, row_at(p, 0)->id);
    }
    plant_run(p, 5 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_FAILED), 1);
    plant_free(p);
}

static void an_overdue_start_is_stopped_and_another_one_tried_after_back_off(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    p->startup_ns[0] = INT64_MAX;
    plant_ask(p, 0, 1);
    plant_start(p);
    plant_run(p, 59 * SECOND_NS);
    assert_int_equal(p->record.observation->pool[0].pending, 1);
    assert_int_equal(p->record.observation->pool[0].blocked, 0);
    plant_run(p, 1 * SECOND_NS + SECOND_NS / 10);
    assert_true(plant_noted(p, "replica-overdue"));
    assert_int_equal(plant_count(p, 0, REPLICA_STOPPING), 1);
    assert_int_equal(plant_count(p, 0, REPLICA_BLOCKED), 1);
    assert_int_equal(p->stops, 1);
    p->startup_ns[0] = SECOND_NS;
    plant_run(p, 3 * SECOND_NS);
    assert_int_equal(p->starts, 2);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 1);
    plant_free(p);
}

static void a_start_is_not_overdue_by_the_time_in_which_nobody_looked(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    p->startup_ns[0] = 30 * SECOND_NS;
    plant_ask(p, 0, 1);
    plant_start(p);
    plant_run(p, 10 * SECOND_NS);
    p->now_ns += HOUR_NS; /* the machine slept */
    plant_drain_actions(p);
    assert_int_equal(plant_count(p, 0, REPLICA_STARTING), 1);
    assert_int_equal(p->stops, 0);
    plant_run(p, SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 1);
    assert_int_equal(p->starts, 1);
    plant_free(p);
}

static void a_blocked_replica_is_not_pending(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    p->crash_after_ns[0] = SECOND_NS / 10;
    plant_ask(p, 0, 2);
    plant_start(p);
    plant_run(p, SECOND_NS / 2);
    assert_int_equal(p->record.observation->cause, TICK_REPLICA);
    assert_int_equal(p->record.observation->pool[0].pending, 0);
    assert_int_equal(p->record.observation->pool[0].blocked, 2);
    assert_int_equal(p->record.observation->pool[0].actual_count, 2);
    plant_free(p);
}

static void fault_73_a_refused_start_is_tried_again_and_is_no_failure(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    p->refuse[0] = true;
    p->target[0].give_up_after = 2;
    plant_ask(p, 0, 1);
    plant_start(p);
    plant_run(p, 40 * SECOND_NS);
    assert_in_range(p->starts, 4, 8); /* no loop */
    assert_int_equal(plant_count(p, 0, REPLICA_FAILED), 0);
    assert_true(plant_noted(p, "replica-refused"));
    p->refuse[0] = false;
    plant_run(p, 40 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 1);
    plant_free(p);
}

static void fault_64_one_activation_is_tried_at_a_time_and_waiters_get_the_reason(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    p->pool[0].max_unready = 1;
    p->crash_after_ns[0] = 2 * SECOND_NS;
    p->target[0].give_up_after = 2;
    plant_ask(p, 0, 4);
    plant_start(p);
    plant_run(p, 3 * SECOND_NS); /* the first four fail together */
    const size_t first = p->starts;
    for (int i = 0; i < 300; i++) {
        plant_run(p, SECOND_NS / 10);
        assert_in_range(plant_count(p, 0, REPLICA_STARTING), 0, 1);
    }
    assert_true(p->starts > first);
    plant_run(p, 60 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_FAILED), 4);
    assert_true(p->routed[0].start_failed);
    assert_string_equal(p->routed[0].reason, "said by the test");
    plant_free(p);
}

static void fault_50_many_lost_replicas_are_replaced_all_at_once(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    p->pool[0].max_unready = 1;
    plant_ask(p, 0, 10);
    plant_start(p);
    plant_run(p, 100 * SECOND_NS);
    for (uint64_t id = 1; id <= 6; id++)
        plant_kill(p, id);
    plant_run(p, 2 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_STARTING), 6);
    assert_int_equal(plant_status(p, 0).desired, 10);
    plant_free(p);
}

static void a_replica_whose_probe_fails_is_not_routed_until_it_is_ready_again(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    plant_ask(p, 0, 2);
    plant_start(p);
    plant_run(p, 10 * SECOND_NS);
    assert_int_equal(plant_news(p, plant_body(p, 1), NEWS_UNREADY), RC_OK);
    plant_settle(p);
    assert_int_equal(p->gateway[0].route_count, 1);
    assert_int_equal(reconcile_replica(p->r, 1)->state, REPLICA_BLOCKED);
    plant_run(p, 10 * SECOND_NS);
    assert_int_equal(p->starts, 2); /* its place is not given away at once */
    assert_int_equal(plant_news(p, plant_body(p, 1), NEWS_READY), RC_OK);
    plant_settle(p);
    assert_int_equal(p->gateway[0].route_count, 2);
    assert_int_equal(plant_news(p, plant_body(p, 1), NEWS_UNREADY), RC_OK);
    plant_run(p, 75 * SECOND_NS); /* longer than ready_timeout: replaced */
    assert_null(reconcile_replica(p->r, 1));
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 2);
    plant_free(p);
}

static void suspect(struct plant *p, uint64_t id)
{
    struct message message = {.kind = MESSAGE_SUSPECT, .replica = id};
    strcpy(message.text, "connection refused");
    const struct event event = {.kind = EVENT_MESSAGE, .message = &message};
    plant_event(p, &event);
}

static void a_suspect_replica_is_noted_and_kept_while_its_probe_is_well(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    plant_ask(p, 0, 1);
    plant_start(p);
    plant_run(p, 10 * SECOND_NS);
    for (int i = 0; i < 10; i++)
        suspect(p, 1);
    plant_run(p, 10 * SECOND_NS);
    assert_true(plant_noted(p, "replica-suspect"));
    assert_int_equal(reconcile_replica(p->r, 1)->state, REPLICA_READY);
    plant_free(p);
}

static void a_suspect_replica_whose_probe_fails_is_replaced_soon(void **unused)
{
    (void)unused;
    for (int order = 0; order < 2; order++) {
        struct plant *p = plant_new();
        plant_pool(p, "chat");
        plant_ask(p, 0, 1);
        plant_start(p);
        plant_run(p, 10 * SECOND_NS);
        if (order == 0)
            assert_int_equal(plant_news(p, plant_body(p, 1), NEWS_UNREADY), RC_OK);
        for (int i = 0; i < 3; i++)
            suspect(p, 1);
        if (order == 1)
            assert_int_equal(plant_news(p, plant_body(p, 1), NEWS_UNREADY), RC_OK);
        plant_run(p, 2 * SECOND_NS);
        assert_null(reconcile_replica(p->r, 1));
        assert_int_equal(p->starts, 2);
        plant_free(p);
    }
}

static void fault_71_a_stop_without_effect_is_told_again_the_hard_way(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    p->stop_ns[0] = 24 * HOUR_NS;
    plant_ask(p, 0, 1);
    plant_start(p);
    plant_run(p, 10 * SECOND_NS);
    plant_ask(p, 0, 0);
    plant_run(p, 4 * MINUTE_NS);
    assert_int_equal(p->stops, 1);
    plant_run(p, 2 * MINUTE_NS);
    assert_int_equal(p->stops, 2);
    assert_true(p->killed > 0);
    plant_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lost_replica_is_replaced_without_a_change_of_the_count),
        cmocka_unit_test(fault_70_a_crash_loop_backs_off_and_is_given_up_with_its_reason),
        cmocka_unit_test(the_jitter_of_a_back_off_depends_on_the_id_alone),
        cmocka_unit_test(an_operator_may_have_a_given_up_replica_tried_again),
        cmocka_unit_test(a_changed_target_gives_a_given_up_replica_another_try),
        cmocka_unit_test(a_replica_that_served_for_long_has_no_failures_behind_it),
        cmocka_unit_test(a_replica_that_dies_soon_after_it_was_ready_counts_as_failed),
        cmocka_unit_test(an_overdue_start_is_stopped_and_another_one_tried_after_back_off),
        cmocka_unit_test(a_start_is_not_overdue_by_the_time_in_which_nobody_looked),
        cmocka_unit_test(a_blocked_replica_is_not_pending),
        cmocka_unit_test(fault_73_a_refused_start_is_tried_again_and_is_no_failure),
        cmocka_unit_test(fault_64_one_activation_is_tried_at_a_time_and_waiters_get_the_reason),
        cmocka_unit_test(fault_50_many_lost_replicas_are_replaced_all_at_once),
        cmocka_unit_test(a_replica_whose_probe_fails_is_not_routed_until_it_is_ready_again),
        cmocka_unit_test(a_suspect_replica_is_noted_and_kept_while_its_probe_is_well),
        cmocka_unit_test(a_suspect_replica_whose_probe_fails_is_replaced_soon),
        cmocka_unit_test(fault_71_a_stop_without_effect_is_told_again_the_hard_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
