/* The safe-default rules as far as the control step holds them, each by its number. */
#include "plant.h"

static void reload(struct plant *p)
{
    plant_compile(p);
    assert_int_equal(reconcile_configure(p->r, &p->spec, p->now_ns, plant_wall(p)), RC_OK);
}

static void pin(struct plant *p, int64_t count, int64_t until_wall_ns)
{
    const struct event event = {.kind = EVENT_PIN,
                                .pool = "chat",
                                .count = count,
                                .until_wall_ns = until_wall_ns,
                                .text = "by a test"};
    plant_event(p, &event);
}

/* ---- R5 ---- */

static void R5_a_pool_is_written_at_most_once_in_100_ms(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    p->crash_after_ns[0] = 3 * MILLISECOND_NS;
    p->target[0].backoff_min_ns = 0;
    p->target[0].backoff_max_ns = 0;
    plant_ask(p, 0, 1);
    plant_start(p);
    plant_run(p, 3 * SECOND_NS);
    assert_in_range(p->starts, 10, 31);
    for (size_t i = 1; i < p->body_count; i++)
        assert_true(p->body[i].started_ns - p->body[i - 1].started_ns >= TICK_EARLY_NS);
    plant_free(p);
}

static void R5_a_wake_right_after_a_write_is_decided_at_once_and_written_100_ms_later(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    plant_ask(p, 0, 1);
    plant_start(p);
    plant_run(p, 9 * SECOND_NS);
    plant_ask(p, 0, 0);
    plant_run(p, SECOND_NS + 10 * MILLISECOND_NS);
    assert_int_equal(p->stops, 1);
    plant_wake(p, 0, 0, 1);
    plant_run(p, 89 * MILLISECOND_NS);
    assert_int_equal(p->record.observation->cause, TICK_WAKE); /* decided at once */
    assert_int_equal(p->starts, 1);
    plant_run(p, 10 * MILLISECOND_NS);
    plant_run(p, MILLISECOND_NS);
    assert_int_equal(p->starts, 2);
    plant_free(p);
}

static void R5_only_so_many_replicas_start_at_once_over_all_pools(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "a");
    plant_pool(p, "b");
    p->pool[1].priority = 5;
    p->spec.starts_max = 3;
    plant_ask(p, 0, 4);
    plant_ask(p, 1, 4);
    plant_start(p);
    for (int i = 0; i < 400; i++) {
        plant_run(p, SECOND_NS / 10);
        assert_true(plant_count(p, 0, REPLICA_STARTING) + plant_count(p, 1, REPLICA_STARTING) <= 3);
        if (i == 0) /* by priority */
            assert_int_equal(plant_count(p, 1, REPLICA_STARTING), 3);
    }
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 4);
    assert_int_equal(plant_count(p, 1, REPLICA_READY), 4);
    plant_free(p);
}

/* ---- R8 ---- */

static void lease(struct plant *p, bool up, int64_t until_ns)
{
    const struct event event = {.kind = EVENT_LEASE, .up = up, .until_ns = until_ns};
    plant_event(p, &event);
}

static void R8_without_the_lease_nothing_is_written_and_decisions_and_routes_go_on(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    p->pool[0].behavior.down.stabilization_ns = 0;
    plant_ask(p, 0, 2);
    plant_start(p);
    plant_run(p, 10 * SECOND_NS);
    plant_load(p, 1, 1, 1);
    plant_load(p, 2, 1, 1);
    plant_ask(p, 0, 1); /* one begins to drain, and is not let go of */
    plant_run(p, 4 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_DRAINING), 1);
    const size_t starts = p->starts;
    lease(p, false, 0);
    plant_load(p, 1, 0, 0);
    plant_load(p, 2, 0, 0);
    plant_ask(p, 0, 7);
    plant_run(p, 600 * SECOND_NS);
    assert_int_equal(plant_status(p, 0).desired, 7); /* it goes on deciding */
    assert_true(p->now_ns - plant_status(p, 0).tick_ns <= 2 * SECOND_NS);
    assert_int_equal(p->starts, starts);
    assert_int_equal(p->stops, 0);
    assert_true(plant_noted(p, "lease-lost"));
    lease(p, true, TIME_NONE);
    plant_run(p, 10 * SECOND_NS);
    assert_true(plant_noted(p, "lease-taken"));
    assert_true(p->starts > starts);
    plant_free(p);
}

static void R8_a_lease_that_was_not_renewed_is_over_without_a_word(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    plant_ask(p, 0, 1);
    plant_start(p);
    lease(p, true, p->now_ns + 15 * SECOND_NS);
    plant_run(p, 10 * SECOND_NS);
    assert_int_equal(p->starts, 1);
    plant_run(p, 5 * SECOND_NS);
    plant_ask(p, 0, 4);
    plant_run(p, 60 * SECOND_NS);
    assert_int_equal(p->starts, 1);
    const struct event end = {.kind = EVENT_SHUTDOWN, .up = true};
    plant_event(p, &end); /* what runs belongs to whoever leads now */
    plant_run(p, 10 * SECOND_NS);
    assert_int_equal(p->stops, 0);
    plant_free(p);
}

/* ---- R9 ---- */

static void R9_a_confirmation_of_an_older_generation_ends_no_drain(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    plant_ask(p, 0, 1);
    plant_start(p);
    plant_run(p, 10 * SECOND_NS);
    plant_load(p, 1, 1, 1);
    const uint64_t before = reconcile_generation(p->r);
    pin(p, 0, TIME_NONE);
    plant_run(p, SECOND_NS);
    assert_int_equal(reconcile_replica(p->r, 1)->state, REPLICA_DRAINING);
    const struct message message = {.kind = MESSAGE_DRAINED, .replica = 1, .generation = before};
    const struct event event = {.kind = EVENT_MESSAGE, .message = &message};
    plant_event(p, &event);
    plant_run(p, SECOND_NS);
    assert_int_equal(reconcile_replica(p->r, 1)->state, REPLICA_DRAINING);
    plant_free(p);
}

/* ---- R10 ---- */

static void R10_what_exists_is_adopted_and_not_lowered_until_all_sources_answered(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    plant_ask(p, 0, 1);
    plant_create(p);
    for (uint64_t id = 11; id <= 14; id++)
        plant_found(p, 0, id, true, 1);
    const struct event scanned = {.kind = EVENT_SCANNED, .pool = "chat"};
    plant_event(p, &scanned);
    plant_run(p, 10 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 4);
    assert_true(plant_status(p, 0).incomplete);
    assert_int_equal(p->record.observation->incomplete, 1);
    const struct event source = {.kind = EVENT_SOURCE, .group = 0, .up = true};
    plant_event(p, &source);
    plant_run(p, 5 * SECOND_NS);
    assert_false(plant_status(p, 0).incomplete);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 1);
    plant_free(p);
}

static void R10_a_silent_source_holds_the_count_for_the_grace_time_only(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    plant_ask(p, 0, 1);
    plant_create(p);
    plant_found(p, 0, 11, true, 1);
    plant_found(p, 0, 12, true, 1);
    const struct event scanned = {.kind = EVENT_SCANNED, .pool = ""};
    plant_event(p, &scanned);
    plant_run(p, ADOPT_GRACE_NS - SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 2);
    plant_run(p, 4 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 1);
    plant_free(p);
}

static void R10_a_gateway_that_never_answered_holds_the_count(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    p->gateway[1].up = true;
    p->gateway[1].silent = true;
    plant_pool(p, "chat");
    plant_ask(p, 0, 1);
    plant_create(p);
    plant_found(p, 0, 11, true, 1);
    plant_found(p, 0, 12, true, 1);
    plant_scanned(p);
    plant_run(p, 10 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 2);
    assert_true(plant_status(p, 0).incomplete);
    p->gateway[1].silent = false;
    plant_run(p, 5 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 1);
    plant_free(p);
}

static void R10_raising_and_waking_need_no_complete_picture(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    plant_pool(p, "other");
    plant_ask(p, 0, 2);
    plant_create(p);
    const struct event scanned = {.kind = EVENT_SCANNED, .pool = ""};
    plant_event(p, &scanned);
    plant_settle(p);
    assert_int_equal(p->starts, 2);
    plant_wake(p, 0, 1, 1);
    plant_settle(p);
    assert_int_equal(p->starts, 3);
    plant_free(p);
}

/* The state that a tick left behind, for another run. */
static size_t saved_size;
static void *saved;

static void save(struct plant *p, const struct tick_record *record)
{
    (void)p;
    free(saved);
    saved_size = record->after.len;
    saved = malloc(saved_size);
    assert_non_null(saved);
    memcpy(saved, record->after.ptr, saved_size);
}

static struct plant *after_restart(struct plant *p, int64_t replicas)
{
    const int64_t now_ns = p->now_ns;
    plant_free(p);
    struct diag diag = {0};
    struct plant *next = plant_new();
    plant_pool(next, "chat");
    next->pool[0].behavior.down.stabilization_ns = 60 * SECOND_NS;
    next->now_ns = now_ns + SECOND_NS;
    plant_ask(next, 0, replicas);
    plant_create(next);
    assert_int_equal(reconcile_restore(next->r, 0, saved, saved_size, &diag), RC_OK);
    return next;
}

static void R10_a_restart_keeps_the_count_of_the_state_and_replaces_what_is_missing(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    p->pool[0].behavior.down.stabilization_ns = 60 * SECOND_NS;
    p->on_record = save;
    plant_ask(p, 0, 3);
    plant_start(p);
    plant_run(p, 10 * SECOND_NS);
    struct plant *next = after_restart(p, 3);
    plant_found(next, 0, 1, true, 1);
    plant_found(next, 0, 2, true, 1);
    plant_scanned(next);
    plant_run(next, SECOND_NS);
    assert_int_equal(next->record.decision->previous, 3);
    assert_int_equal(next->starts, 1);
    assert_true(plant_id(next, 0, 2) > 2); /* ids are never used twice */
    plant_free(next);
    free(take(&saved));
}

static void R10_more_than_the_state_knows_of_is_adopted_with_a_window_of_hold(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    p->pool[0].behavior.down.stabilization_ns = 60 * SECOND_NS;
    p->on_record = save;
    plant_ask(p, 0, 1);
    plant_start(p);
    plant_run(p, 10 * SECOND_NS);
    struct plant *next = after_restart(p, 1);
    for (uint64_t id = 1; id <= 3; id++)
        plant_found(next, 0, id, true, 1);
    plant_scanned(next);
    plant_settle(next);
    assert_int_equal(next->record.observation->cause, TICK_START);
    assert_int_equal(next->record.observation->pool[0].foreign_count, 3);
    plant_run(next, 50 * SECOND_NS);
    assert_int_equal(next->stops, 0);
    assert_int_equal(plant_count(next, 0, REPLICA_READY), 3);
    plant_run(next, 30 * SECOND_NS);
    assert_int_equal(plant_count(next, 0, REPLICA_READY), 1);
    plant_free(next);
    free(take(&saved));
}

static void a_state_of_another_group_is_refused_and_the_group_starts_afresh(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    plant_ask(p, 0, 1);
    plant_create(p);
    struct diag diag = {0};
    char bytes[64] = "no state";
    assert_int_equal(reconcile_restore(p->r, 0, bytes, sizeof(bytes), &diag), RC_CORRUPT);
    assert_int_equal(reconcile_restore(p->r, 7, bytes, sizeof(bytes), &diag), RC_UNKNOWN);
    plant_scanned(p);
    plant_run(p, 10 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 1);
    assert_int_equal(reconcile_restore(p->r, 0, bytes, sizeof(bytes), &diag), RC_STATE);
    plant_free(p);
}

/* ---- R13 ---- */

static void R13_nothing_is_added_while_max_unready_replicas_do_not_start(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    p->pool[0].max_unready = 2;
    p->startup_ns[0] = INT64_MAX;
    plant_ask(p, 0, 2);
    plant_start(p);
    plant_run(p, 62 * SECOND_NS); /* both are overdue */
    plant_ask(p, 0, 20);
    for (int i = 0; i < 1200; i++) {
        plant_run(p, SECOND_NS / 10);
        assert_true(plant_count(p, 0, REPLICA_STARTING) <= 2);
    }
    assert_true(plant_status(p, 0).desired < 6);
    plant_free(p);
}

/* ---- R15 ---- */

static void R15_a_pin_beats_the_policy_and_ends_at_its_time(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    plant_ask(p, 0, 1);
    plant_start(p);
    plant_run(p, 10 * SECOND_NS);
    pin(p, 3, plant_wall(p) + 30 * SECOND_NS);
    plant_run(p, 10 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 3);
    const struct pool_status status = plant_status(p, 0);
    assert_int_equal(status.pin_count, 3);
    assert_string_equal(status.pin_text, "by a test");
    plant_run(p, 25 * SECOND_NS);
    assert_int_equal(plant_status(p, 0).pin_count, NO_COUNT);
    assert_true(plant_noted(p, "pool-unpinned"));
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 1);
    plant_free(p);
}

static void R15_a_pin_outside_the_bounds_is_refused_with_both_of_them(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    p->pool[0].replicas_min = 1;
    p->pool[0].replicas_max = 7;
    plant_start(p);
    for (int i = 0; i < 2; i++) {
        const struct event event = {
            .kind = EVENT_PIN, .pool = "chat", .count = i == 0 ? 0 : 8, .until_wall_ns = TIME_NONE};
        struct diag diag = {0};
        assert_int_equal(reconcile_event(p->r, &event, p->now_ns, plant_wall(p), &diag), RC_RANGE);
        assert_non_null(strstr(diag.text, "from 1 (minReplicas) to 7 (maxReplicas)"));
    }
    plant_run(p, 5 * SECOND_NS);
    assert_int_equal(plant_status(p, 0).pin_count, NO_COUNT);
    plant_free(p);
}

static void R15_a_pause_keeps_the_count_is_visible_and_ends(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    plant_ask(p, 0, 2);
    plant_start(p);
    plant_run(p, 10 * SECOND_NS);
    const struct event pause = {.kind = EVENT_PAUSE,
                                .pool = "chat",
                                .up = true,
                                .until_wall_ns = plant_wall(p) + 30 * SECOND_NS,
                                .text = "maintenance"};
    plant_event(p, &pause);
    plant_ask(p, 0, 5);
    plant_run(p, 20 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 2);
    assert_true(plant_status(p, 0).paused);
    assert_string_equal(plant_status(p, 0).pause_text, "maintenance");
    plant_kill(p, 1); /* a lost one is replaced even so: the count is what is kept */
    plant_run(p, 8 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 2);
    plant_run(p, 15 * SECOND_NS);
    assert_false(plant_status(p, 0).paused);
    assert_true(plant_noted(p, "pool-resumed"));
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 5);
    plant_free(p);
}

static void R15_waiters_in_front_of_a_pool_held_at_zero_are_told_why(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    plant_start(p);
    plant_run(p, SECOND_NS);
    pin(p, 0, TIME_NONE);
    plant_settle(p);
    assert_true(p->routed[0].start_failed);
    assert_string_equal(p->routed[0].reason, "a person set the pool to 0");
    pin(p, NO_COUNT, TIME_NONE);
    plant_settle(p);
    assert_false(p->routed[0].start_failed);
    const struct event pause = {
        .kind = EVENT_PAUSE, .pool = "chat", .up = true, .until_wall_ns = TIME_NONE};
    plant_event(p, &pause);
    plant_settle(p);
    assert_string_equal(p->routed[0].reason, "the pool is paused at 0");
    plant_free(p);
}

/* ---- R16 ---- */

static void foreign(struct plant *p, int64_t count)
{
    const struct event event = {.kind = EVENT_FOREIGN, .pool = "chat", .count = count};
    plant_event(p, &event);
}

static void R16_a_count_that_somebody_else_set_is_adopted_and_said(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    p->pool[0].behavior.down.stabilization_ns = 60 * SECOND_NS;
    plant_ask(p, 0, 2);
    plant_start(p);
    plant_run(p, 100 * SECOND_NS);
    foreign(p, 5);
    plant_run(p, SECOND_NS);
    assert_true(plant_noted(p, "foreign-count"));
    assert_int_equal(plant_status(p, 0).desired, 5);
    plant_run(p, 50 * SECOND_NS);
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 5); /* held for one window */
    plant_run(p, 30 * SECOND_NS);
    assert_int_equal(plant_status(p, 0).desired, 2); /* then the policy rules again */
    plant_free(p);
}

static void R16_after_some_flips_nothing_is_done_until_it_is_quiet(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    plant_ask(p, 0, 2);
    plant_start(p);
    plant_run(p, 10 * SECOND_NS);
    for (int i = 0; i < 4; i++) {
        assert_false(plant_status(p, 0).contended);
        foreign(p, 3 + i);
        plant_run(p, 10 * SECOND_NS);
    }
    assert_true(plant_status(p, 0).contended);
    assert_true(plant_noted(p, "pool-contended"));
    const size_t starts = p->starts;
    const size_t stops = p->stops;
    plant_ask(p, 0, 9);
    plant_run(p, 100 * SECOND_NS);
    assert_int_equal(p->starts, starts);
    assert_int_equal(p->stops, stops);
    plant_run(p, 520 * SECOND_NS);
    assert_false(plant_status(p, 0).contended);
    assert_true(plant_noted(p, "pool-settled"));
    assert_int_equal(plant_count(p, 0, REPLICA_READY), 9);
    plant_free(p);
}

/* ---- R17 ---- */

static struct span last_after;
static size_t chain_breaks;

static void follow(struct plant *p, const struct tick_record *record)
{
    static unsigned char kept[65536];
    (void)p;
    if (last_after.len == record->before.len &&
        memcmp(last_after.ptr, record->before.ptr, record->before.len) != 0)
        chain_breaks++;
    assert_true(record->after.len <= sizeof(kept));
    memcpy(kept, record->after.ptr, record->after.len);
    last_after = span_of(kept, record->after.len);
}

/* That each record gives its decision again is checked by the plant, in every test. */
static void R17_the_state_after_a_tick_is_the_state_before_the_next_one(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    p->spec.starts_max = 1; /* less is granted than decided: the state is corrected */
    p->on_record = follow;
    last_after = (struct span){0};
    chain_breaks = 0;
    plant_ask(p, 0, 4);
    p->gateway[0].waiting[0] = 2;
    plant_start(p);
    plant_run(p, 7 * SECOND_NS);
    plant_kill(p, 1);
    plant_run(p, 60 * SECOND_NS);
    assert_true(p->records > 20);
    assert_int_equal(chain_breaks, 0);
    plant_free(p);
}

static void R17_what_was_not_granted_is_not_in_the_state(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    p->spec.starts_max = 1;
    plant_ask(p, 0, 4);
    plant_start(p);
    plant_run(p, SECOND_NS);
    assert_int_equal(p->record.decision->desired, 4);
    assert_true(p->record.changed);
    assert_int_equal(plant_status(p, 0).desired, 4);
    assert_int_equal(plant_status(p, 0).granted, 1);
    plant_run(p, 2 * SECOND_NS);
    assert_int_equal(p->record.decision->previous, 1);
    plant_free(p);
}

static size_t new_decisions;

static void count_news(struct plant *p, const struct tick_record *record)
{
    (void)p;
    new_decisions += record->changed;
}

static void R17_a_raise_without_room_is_decided_at_each_tick_and_recorded_once(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    p->spec.starts_max = 1;
    p->startup_ns[0] = HOUR_NS; /* the one that may start takes long */
    plant_ask(p, 0, 4);
    plant_start(p);
    new_decisions = 0;
    p->on_record = count_news;
    plant_run(p, 40 * SECOND_NS);
    assert_int_equal(new_decisions, 1);
    assert_int_equal(p->record.decision->previous, 1);
    assert_int_equal(p->record.decision->desired, 4);
    assert_string_equal(plant_status(p, 0).text, "other replicas start first");
    plant_ask(p, 0, 6); /* another count is another decision */
    plant_run(p, 10 * SECOND_NS);
    assert_int_equal(new_decisions, 2);
    plant_free(p);
}

static void R17_the_same_calls_give_the_same_actions(void **unused)
{
    (void)unused;
    uint64_t hash[2];
    for (int run = 0; run < 2; run++) {
        struct plant *p = plant_new();
        p->gateway[1].up = true;
        plant_pool(p, "a");
        plant_pool(p, "b");
        p->crash_after_ns[1] = SECOND_NS;
        plant_ask(p, 0, 3);
        plant_ask(p, 1, 2);
        plant_start(p);
        plant_run(p, 30 * SECOND_NS);
        plant_ask(p, 0, 1);
        p->target[0].target_hash = 5;
        reload(p);
        plant_run(p, 60 * SECOND_NS);
        hash[run] = p->hash;
        plant_free(p);
    }
    assert_true(hash[0] == hash[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(R5_a_pool_is_written_at_most_once_in_100_ms),
        cmocka_unit_test(R5_a_wake_right_after_a_write_is_decided_at_once_and_written_100_ms_later),
        cmocka_unit_test(R5_only_so_many_replicas_start_at_once_over_all_pools),
        cmocka_unit_test(R8_without_the_lease_nothing_is_written_and_decisions_and_routes_go_on),
        cmocka_unit_test(R8_a_lease_that_was_not_renewed_is_over_without_a_word),
        cmocka_unit_test(R9_a_confirmation_of_an_older_generation_ends_no_drain),
        cmocka_unit_test(R10_what_exists_is_adopted_and_not_lowered_until_all_sources_answered),
        cmocka_unit_test(R10_a_silent_source_holds_the_count_for_the_grace_time_only),
        cmocka_unit_test(R10_a_gateway_that_never_answered_holds_the_count),
        cmocka_unit_test(R10_raising_and_waking_need_no_complete_picture),
        cmocka_unit_test(R10_a_restart_keeps_the_count_of_the_state_and_replaces_what_is_missing),
        cmocka_unit_test(R10_more_than_the_state_knows_of_is_adopted_with_a_window_of_hold),
        cmocka_unit_test(a_state_of_another_group_is_refused_and_the_group_starts_afresh),
        cmocka_unit_test(R13_nothing_is_added_while_max_unready_replicas_do_not_start),
        cmocka_unit_test(R15_a_pin_beats_the_policy_and_ends_at_its_time),
        cmocka_unit_test(R15_a_pin_outside_the_bounds_is_refused_with_both_of_them),
        cmocka_unit_test(R15_a_pause_keeps_the_count_is_visible_and_ends),
        cmocka_unit_test(R15_waiters_in_front_of_a_pool_held_at_zero_are_told_why),
        cmocka_unit_test(R16_a_count_that_somebody_else_set_is_adopted_and_said),
        cmocka_unit_test(R16_after_some_flips_nothing_is_done_until_it_is_quiet),
        cmocka_unit_test(R17_the_state_after_a_tick_is_the_state_before_the_next_one),
        cmocka_unit_test(R17_what_was_not_granted_is_not_in_the_state),
        cmocka_unit_test(R17_a_raise_without_room_is_decided_at_each_tick_and_recorded_once),
        cmocka_unit_test(R17_the_same_calls_give_the_same_actions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
