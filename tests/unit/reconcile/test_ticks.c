/* When groups tick, what a tick sees, and what its record holds. */
#include "plant.h"

static int64_t tick_times[64];
static size_t tick_count;
static uint8_t tick_causes[64];
static size_t tick_groups[64];
static size_t tick_samples[64];

static void remember(struct plant *p, const struct tick_record *record)
{
    (void)p;
    if (tick_count == COUNT_OF(tick_times))
        return;
    tick_times[tick_count] = record->observation->now_ns;
    tick_causes[tick_count] = record->observation->cause;
    tick_groups[tick_count] = record->group;
    tick_samples[tick_count++] = record->sample_count;
}

static struct plant *remembering(void)
{
    struct plant *p = plant_new();
    tick_count = 0;
    p->on_record = remember;
    return p;
}

static const struct sample *sample_of(const struct plant *p, enum signal_id signal)
{
    const struct sample *found = NULL;
    for (size_t i = 0; i < p->record.sample_count; i++)
        if (p->record.samples[i].signal == signal)
            found = &p->record.samples[i];
    return found;
}

static void the_first_tick_comes_at_once_and_the_others_on_the_grid_of_the_period(void **unused)
{
    (void)unused;
    struct plant *p = remembering();
    plant_pool(p, "chat");
    plant_start(p);
    plant_run(p, 10 * SECOND_NS);
    assert_int_equal(tick_count, 6);
    assert_int_equal(tick_causes[0], TICK_START);
    for (size_t i = 1; i < tick_count; i++) {
        assert_int_equal(tick_causes[i], TICK_PERIOD);
        assert_int_equal(tick_times[i] - tick_times[i - 1], 2 * SECOND_NS);
    }
    plant_free(p);
}

static void the_time_of_a_tick_is_its_place_on_the_grid_however_long_gateways_take(void **unused)
{
    (void)unused;
    struct plant *p = remembering();
    plant_pool(p, "chat");
    plant_start(p);
    plant_run(p, 3 * SECOND_NS);
    p->gateway[0].silent = true;
    plant_run(p, 6 * SECOND_NS);
    for (size_t i = 1; i < tick_count; i++) {
        assert_int_equal((tick_times[i] - tick_times[0]) % (2 * SECOND_NS), 0);
        assert_true(p->record.decision->evaluated);
    }
    plant_free(p);
}

static void no_tick_before_the_target_has_told_what_exists(void **unused)
{
    (void)unused;
    struct plant *p = remembering();
    plant_pool(p, "chat");
    plant_ask(p, 0, 3);
    plant_create(p);
    plant_run(p, 10 * SECOND_NS);
    assert_int_equal(p->records, 0);
    assert_int_equal(p->tells, 0); /* gateways keep the routes they have */
    plant_found(p, 0, 5, true, 1);
    plant_scanned(p);
    plant_run(p, SECOND_NS);
    assert_int_equal(p->records, 1);
    assert_int_equal(p->record.decision->previous, 1); /* what exists is the first count */
    plant_free(p);
}

static void a_target_that_never_answers_holds_nothing_up_for_ever(void **unused)
{
    (void)unused;
    struct plant *p = remembering();
    plant_pool(p, "chat");
    plant_create(p);
    plant_run(p, ADOPT_GRACE_NS - SECOND_NS);
    assert_int_equal(p->records, 0);
    plant_run(p, 2 * SECOND_NS);
    assert_int_equal(p->records, 1);
    plant_free(p);
}

static void all_groups_of_one_period_tick_in_the_same_round(void **unused)
{
    (void)unused;
    struct plant *p = remembering();
    plant_pool(p, "a");
    plant_pool(p, "b");
    plant_pool(p, "c");
    plant_start(p);
    plant_run(p, SECOND_NS);
    const size_t tells = p->tells;
    tick_count = 0;
    plant_run(p, 2 * SECOND_NS);
    assert_int_equal(tick_count, 3);
    assert_int_equal(p->tells - tells, 1); /* one question for all of them */
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(tick_groups[i], i);
        assert_int_equal(tick_times[i], tick_times[0]);
    }
    plant_free(p);
}

static void a_tick_waits_50_ms_for_a_silent_gateway_and_takes_its_signals_as_failed(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    p->gateway[1].up = true;
    plant_pool(p, "chat");
    plant_start(p);
    plant_run(p, SECOND_NS);
    assert_int_equal(sample_of(p, SIGNAL_QUEUE_DEPTH)->state, SIGNAL_VALUE);
    assert_int_equal(p->record.observation->pool[0].waiting_state, SIGNAL_VALUE);
    p->gateway[1].silent = true;
    const size_t records = p->records;
    plant_run(p, SECOND_NS + SNAPSHOT_WAIT_NS - 1);
    assert_int_equal(p->records, records);
    plant_run(p, 1);
    assert_int_equal(p->records, records + 1);
    assert_int_equal(p->record.observation->pool[0].waiting_state, SIGNAL_FAILED);
    static const enum signal_id all[] = {
        SIGNAL_TOKENS_IN_QUEUE,     SIGNAL_QUEUE_DEPTH,         SIGNAL_CONCURRENCY,
        SIGNAL_TOKENS_IN_FLIGHT,    SIGNAL_REQUESTS_PER_SECOND, SIGNAL_TOKENS_PER_SECOND,
        SIGNAL_CONCURRENT_SESSIONS, SIGNAL_OLDEST_WAIT,         SIGNAL_TTFT,
    };
    for (size_t i = 0; i < COUNT_OF(all); i++)
        assert_int_equal(sample_of(p, all[i])->state, SIGNAL_FAILED);
    assert_true(plant_status(p, 0).gateway_silent);
    assert_true(plant_noted(p, "gateway-silent"));
    p->gateway[1].silent = false;
    plant_run(p, 3 * SECOND_NS);
    assert_int_equal(sample_of(p, SIGNAL_QUEUE_DEPTH)->state, SIGNAL_VALUE);
    assert_int_equal(sample_of(p, SIGNAL_TTFT)->state, SIGNAL_ABSENT);
    assert_true(plant_noted(p, "gateway-answers"));
    plant_free(p);
}

static void one_silent_gateway_never_makes_the_queue_of_another_one_unknown(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    p->gateway[1].up = true;
    plant_pool(p, "chat");
    plant_start(p);
    plant_run(p, SECOND_NS);
    p->gateway[1].silent = true;
    plant_run(p, 3 * SECOND_NS);
    plant_wake(p, 0, 0, 2);
    plant_settle(p);
    assert_int_equal(p->record.observation->cause, TICK_WAKE);
    assert_int_equal(p->record.observation->pool[0].waiting_state, SIGNAL_VALUE);
    assert_int_equal(p->starts, 1);
    plant_free(p);
}

static void what_a_late_answer_counted_is_told_in_the_next_tick(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    plant_start(p);
    plant_run(p, SECOND_NS);
    p->gateway[0].silent = true;
    p->gateway[0].arrived[0] = 7;
    plant_run(p, 2 * SECOND_NS);
    assert_int_equal(sample_of(p, SIGNAL_REQUESTS_PER_SECOND)->state, SIGNAL_FAILED);
    const size_t records = p->records;
    p->gateway[0].silent = false; /* the answer comes half a second late */
    plant_run(p, SECOND_NS / 2);
    assert_int_equal(p->records, records); /* and asks for no tick */
    plant_run(p, SECOND_NS);
    assert_int_equal(p->records, records + 1);
    assert_true(sample_of(p, SIGNAL_REQUESTS_PER_SECOND)->value == 7);
    plant_free(p);
}

static void a_wake_does_not_wait(void **unused)
{
    (void)unused;
    struct plant *p = remembering();
    plant_pool(p, "chat");
    plant_start(p);
    plant_run(p, 2 * SECOND_NS + MILLISECOND_NS); /* a tick was a millisecond ago */
    tick_count = 0;
    p->gateway[0].silent = true;
    plant_wake(p, 0, 0, 1);
    struct action action;
    assert_true(reconcile_next(p->r, p->now_ns, plant_wall(p), &action));
    assert_int_equal(action.kind, ACTION_START); /* the first thing that is done */
    plant_act(p, &action);
    plant_settle(p);
    assert_int_equal(tick_count, 1);
    assert_int_equal(tick_causes[0], TICK_WAKE);
    assert_int_equal(tick_times[0], p->now_ns);
    plant_free(p);
}

static void a_storm_of_wakes_is_one_tick_each_100_ms(void **unused)
{
    (void)unused;
    struct plant *p = remembering();
    plant_pool(p, "chat");
    plant_start(p);
    plant_run(p, SECOND_NS);
    const struct event pin = {
        .kind = EVENT_PIN, .pool = "chat", .count = 0, .until_wall_ns = TIME_NONE, .text = "off"};
    plant_event(p, &pin);
    plant_run(p, SECOND_NS / 2);
    tick_count = 0;
    for (int i = 0; i < 100; i++) {
        plant_wake(p, 0, 0, 1);
        plant_run(p, 10 * MILLISECOND_NS);
    }
    assert_in_range(tick_count, 5, 12);
    assert_int_equal(p->starts, 0);
    plant_free(p);
}

/* A second after the last tick, and a second before the next one. */
static void what_a_person_or_somebody_else_does_is_ticked_at_once(void **unused)
{
    (void)unused;
    const struct event events[] = {
        {.kind = EVENT_PIN, .count = 2, .until_wall_ns = TIME_NONE, .text = "two"},
        {.kind = EVENT_PIN, .count = NO_COUNT, .until_wall_ns = TIME_NONE, .text = "as needed"},
        {.kind = EVENT_PAUSE, .up = true, .until_wall_ns = TIME_NONE, .text = "look at it"},
        {.kind = EVENT_PAUSE, .up = false, .until_wall_ns = TIME_NONE, .text = "go on"},
        {.kind = EVENT_FOREIGN, .count = 3},
    };
    struct plant *p = remembering();
    plant_pool(p, "chat");
    plant_start(p);
    for (size_t i = 0; i < COUNT_OF(events); i++) {
        struct event event = events[i];
        event.pool = "chat";
        plant_run(p, 10 * SECOND_NS);
        const int64_t last_ns = tick_times[tick_count - 1];
        plant_run(p, last_ns + SECOND_NS - p->now_ns + 2 * SECOND_NS);
        tick_count = 0;
        plant_event(p, &event);
        plant_settle(p);
        if (tick_count != 1 || tick_causes[0] != TICK_OPERATOR)
            print_error("event %zu: %zu ticks\n", i, tick_count);
        assert_int_equal(tick_count, 1);
        assert_int_equal(tick_causes[0], TICK_OPERATOR);
    }
    plant_free(p);
}

static void an_unasked_snapshot_asks_for_an_early_tick(void **unused)
{
    (void)unused;
    struct plant *p = remembering();
    plant_pool(p, "chat");
    plant_start(p);
    plant_run(p, 2 * SECOND_NS + 30 * MILLISECOND_NS);
    tick_count = 0;
    plant_snapshot(p, 0, 0, MESSAGE_SNAPSHOT);
    plant_run(p, 69 * MILLISECOND_NS);
    assert_int_equal(tick_count, 0); /* not within 100 ms of the last one */
    plant_run(p, MILLISECOND_NS);
    assert_int_equal(tick_count, 1);
    assert_int_equal(tick_causes[0], TICK_QUEUE);
    assert_false(p->record.decision->evaluated); /* stages only: the policy keeps its period */
    plant_run(p, SECOND_NS);
    plant_snapshot(p, 0, 0, MESSAGE_SNAPSHOT);
    plant_settle(p);
    assert_int_equal(tick_count, 2); /* the last one is long ago: at once */
    plant_free(p);
}

static void a_wake_in_the_middle_of_a_round_ticks_its_group_alone(void **unused)
{
    (void)unused;
    struct plant *p = remembering();
    plant_pool(p, "a");
    plant_pool(p, "b");
    plant_start(p);
    plant_run(p, SECOND_NS);
    p->gateway[0].silent = true;
    plant_run(p, SECOND_NS + 10 * MILLISECOND_NS); /* the round waits */
    tick_count = 0;
    plant_wake(p, 0, 1, 3);
    plant_settle(p);
    assert_int_equal(tick_count, 1);
    assert_int_equal(tick_groups[0], 1);
    plant_run(p, SECOND_NS);
    assert_int_equal(tick_count, 3); /* then group a, and b when 100 ms are over */
    assert_int_equal(tick_groups[1], 0);
    assert_int_equal(tick_groups[2], 1);
    assert_int_equal(tick_causes[2], TICK_PERIOD);
    plant_free(p);
}

static void fault_87_a_missed_tick_is_skipped_never_queued(void **unused)
{
    (void)unused;
    struct plant *p = remembering();
    plant_pool(p, "chat");
    plant_start(p);
    plant_run(p, SECOND_NS);
    tick_count = 0;
    p->now_ns += 21 * SECOND_NS; /* nobody asked for so long */
    plant_settle(p);
    assert_int_equal(tick_count, 1);
    assert_int_equal((tick_times[0] - PLANT_T0) % (2 * SECOND_NS), 0);
    assert_true(plant_noted(p, "ticks-skipped"));
    plant_run(p, 2 * SECOND_NS);
    assert_int_equal(tick_count, 2);
    plant_free(p);
}

static void time_that_goes_back_is_time_that_stands(void **unused)
{
    (void)unused;
    struct plant *p = remembering();
    plant_pool(p, "chat");
    plant_start(p);
    plant_run(p, 5 * SECOND_NS);
    p->now_ns -= 3 * SECOND_NS;
    plant_settle(p);
    p->now_ns += 3 * SECOND_NS;
    plant_run(p, 4 * SECOND_NS);
    for (size_t i = 1; i < tick_count; i++)
        assert_true(tick_times[i] > tick_times[i - 1]);
    plant_free(p);
}

/* ---- samples ---- */

static void samples_of_other_sources_stand_in_the_record_in_order(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    p->target[0].routed = false;
    plant_start(p);
    plant_run(p, SECOND_NS);
    for (int i = 0; i < 10; i++) {
        const struct sample s = {
            .t_ns = p->now_ns + i, .signal = SIGNAL_KV_CACHE_USAGE, .value = i / 10.0, .weight = 1};
        const struct event event = {.kind = EVENT_SAMPLES, .samples = &s, .sample_count = 1};
        plant_event(p, &event);
    }
    plant_run(p, 2 * SECOND_NS);
    assert_int_equal(p->record.sample_count, 10);
    for (int i = 0; i < 10; i++)
        assert_true(p->record.samples[i].value == i / 10.0);
    plant_run(p, 2 * SECOND_NS);
    assert_int_equal(p->record.sample_count, 0);
    plant_free(p);
}

static void samples_without_end_are_bounded_and_said(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    p->gateway[0].waiting[0] = 3;
    plant_start(p);
    plant_run(p, SECOND_NS);
    struct sample *many = calloc(10000, sizeof(*many));
    assert_non_null(many);
    const struct event event = {.kind = EVENT_SAMPLES, .samples = many, .sample_count = 10000};
    for (int i = 0; i < 6; i++)
        assert_int_equal(plant_try(p, &event), RC_OK);
    assert_int_equal(plant_try(p, &event), RC_LIMIT);
    assert_int_equal(plant_try(p, &event), RC_LIMIT);
    plant_run(p, 2 * SECOND_NS);
    assert_true(plant_noted(p, "samples-dropped"));
    assert_true(p->record.sample_count > SAMPLES_PER_TICK_MAX); /* the gateways had their place */
    assert_true(sample_of(p, SIGNAL_QUEUE_DEPTH)->value == 3);
    free(many);
    plant_free(p);
}

static void what_gateways_measured_becomes_samples(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    p->gateway[1].up = true;
    plant_pool(p, "chat");
    plant_start(p);
    plant_run(p, SECOND_NS);
    for (uint16_t g = 0; g < 2; g++) {
        struct gateway_snapshot *s = &p->snapshot;
        memset(s, 0, sizeof(*s));
        s->generation = p->gateway[g].generation;
        s->completed_requests = 3;
        s->failed_requests = 1;
        s->good_requests = 2;
        s->completed_tokens = 300;
        s->output_tokens = 120;
        s->oldest_wait_ns = (g + 1) * SECOND_NS;
        s->sessions = 4;
        struct latencies latency = {0};
        histogram_record(&latency.of[LATENCY_TTFT], 0.5, 3);
        s->latency = &latency;
        const struct message message = {.kind = MESSAGE_SNAPSHOT, .snapshot = s};
        const struct event event = {.kind = EVENT_MESSAGE, .gateway = g, .message = &message};
        plant_event(p, &event);
    }
    p->gateway[0].silent = true; /* their next answers would overwrite the levels */
    p->gateway[1].silent = true;
    plant_run(p, SECOND_NS);
    const struct sample *ttft = sample_of(p, SIGNAL_TTFT);
    assert_int_equal(ttft->state, SIGNAL_FAILED);
    p->gateway[0].silent = false;
    p->gateway[1].silent = false;
    for (size_t i = 0; i < p->record.sample_count; i++) {
        const struct sample *s = &p->record.samples[i];
        if (s->signal == SIGNAL_TTFT && s->state == SIGNAL_VALUE) {
            assert_true(s->value > 0.45 && s->value < 0.55);
            assert_true(s->weight == 6);
        }
        if (s->signal == SIGNAL_TOKENS_PER_SECOND && s->state == SIGNAL_VALUE)
            assert_true(s->value == 240);
        if (s->signal == SIGNAL_CONTEXT_LENGTH && s->state == SIGNAL_VALUE)
            assert_true(s->value == 100 && s->weight == 6);
        if (s->signal == SIGNAL_ERROR_RATIO && s->state == SIGNAL_VALUE)
            assert_true(s->value == 0.25 && s->weight == 8);
        if (s->signal == SIGNAL_SLO_ATTAINMENT && s->state == SIGNAL_VALUE)
            assert_true(s->value == 0.5 && s->weight == 8);
    }
    const struct pool_status status = plant_status(p, 0);
    assert_non_null(status.snapshot);
    assert_true(status.snapshot->completed_requests == 6);
    assert_true(status.snapshot->latency->of[LATENCY_TTFT].count == 6);
    assert_int_equal(status.snapshot->sessions, 8);
    plant_free(p);
}

static void fault_27_what_a_tenant_has_above_its_cap_is_seen_and_is_no_demand(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    plant_start(p);
    plant_run(p, SECOND_NS);
    p->gateway[0].waiting[0] = 50;
    p->gateway[0].arrived[0] = 50;
    p->gateway[0].excess[0] = 47;
    plant_run(p, 2 * SECOND_NS);
    assert_int_equal((int)sample_of(p, SIGNAL_QUEUE_DEPTH)->value, 3);
    assert_int_equal((int)sample_of(p, SIGNAL_TOKENS_IN_QUEUE)->value, 300);
    assert_int_equal((int)sample_of(p, SIGNAL_CONCURRENCY)->value, 3);
    /* A pool with waiting requests is not idle, whoever waits. */
    assert_int_equal(p->record.observation->pool[0].waiting_requests, 50);
    assert_int_equal(plant_status(p, 0).snapshot->waiting_requests, 50);
    plant_free(p);
}

static void messages_of_strangers_and_about_unknown_things_change_nothing(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    plant_ask(p, 0, 1);
    plant_start(p);
    plant_run(p, 10 * SECOND_NS);
    const uint64_t hash = p->hash;
    struct message message = {.kind = MESSAGE_DRAINED, .replica = 999, .generation = 5};
    struct event event = {.kind = EVENT_MESSAGE, .message = &message};
    assert_int_equal(plant_try(p, &event), RC_UNKNOWN);
    message.kind = MESSAGE_SUSPECT;
    assert_int_equal(plant_try(p, &event), RC_UNKNOWN);
    message.kind = MESSAGE_SNAPSHOT;
    assert_int_equal(plant_try(p, &event), RC_MISSING);
    p->snapshot.pool = 44;
    p->snapshot.generation = p->gateway[0].generation;
    message.snapshot = &p->snapshot;
    assert_int_equal(plant_try(p, &event), RC_UNKNOWN);
    message.kind = MESSAGE_ROUTES;
    assert_int_equal(plant_try(p, &event), RC_INVALID);
    event.gateway = 2;
    assert_int_equal(plant_try(p, &event), RC_UNKNOWN);
    event = (struct event){.kind = EVENT_GATEWAY, .gateway = GATEWAYS_MAX, .up = true};
    assert_int_equal(plant_try(p, &event), RC_RANGE);
    event = (struct event){.kind = EVENT_PIN, .pool = "nobody", .count = 1};
    assert_int_equal(plant_try(p, &event), RC_UNKNOWN);
    event = (struct event){.kind = EVENT_STOP_REPLICA, .replica = 999};
    assert_int_equal(plant_try(p, &event), RC_UNKNOWN);
    event = (struct event){.kind = EVENT_SAMPLES, .group = 3};
    assert_int_equal(plant_try(p, &event), RC_UNKNOWN);
    plant_settle(p);
    assert_true(p->hash == hash);
    plant_free(p);
}

static void news_of_unknown_or_dead_replicas_change_nothing(void **unused)
{
    (void)unused;
    struct plant *p = plant_new();
    plant_pool(p, "chat");
    plant_ask(p, 0, 1);
    plant_start(p);
    plant_run(p, 10 * SECOND_NS);
    plant_kill(p, 1);
    plant_run(p, MILLISECOND_NS);
    for (int kind = NEWS_PHASE; kind <= NEWS_GONE; kind++)
        assert_int_equal(plant_news(p, plant_body(p, 1), (enum news_kind)kind), RC_UNKNOWN);
    const struct body stranger = {.id = 500, .pool = 0};
    assert_int_equal(plant_news(p, &stranger, NEWS_READY), RC_UNKNOWN);
    /* the one that waits for its turn was not started: nothing can be told of it */
    const struct body waiting = {.id = 2, .pool = 0};
    assert_int_equal(reconcile_replica(p->r, 2)->state, REPLICA_BLOCKED);
    assert_int_equal(plant_news(p, &waiting, NEWS_READY), RC_UNKNOWN);
    assert_int_equal(reconcile_replica(p->r, 2)->state, REPLICA_BLOCKED);
    plant_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_tick_comes_at_once_and_the_others_on_the_grid_of_the_period),
        cmocka_unit_test(the_time_of_a_tick_is_its_place_on_the_grid_however_long_gateways_take),
        cmocka_unit_test(no_tick_before_the_target_has_told_what_exists),
        cmocka_unit_test(a_target_that_never_answers_holds_nothing_up_for_ever),
        cmocka_unit_test(all_groups_of_one_period_tick_in_the_same_round),
        cmocka_unit_test(a_tick_waits_50_ms_for_a_silent_gateway_and_takes_its_signals_as_failed),
        cmocka_unit_test(one_silent_gateway_never_makes_the_queue_of_another_one_unknown),
        cmocka_unit_test(what_a_late_answer_counted_is_told_in_the_next_tick),
        cmocka_unit_test(a_wake_does_not_wait),
        cmocka_unit_test(a_storm_of_wakes_is_one_tick_each_100_ms),
        cmocka_unit_test(what_a_person_or_somebody_else_does_is_ticked_at_once),
        cmocka_unit_test(an_unasked_snapshot_asks_for_an_early_tick),
        cmocka_unit_test(a_wake_in_the_middle_of_a_round_ticks_its_group_alone),
        cmocka_unit_test(fault_87_a_missed_tick_is_skipped_never_queued),
        cmocka_unit_test(time_that_goes_back_is_time_that_stands),
        cmocka_unit_test(samples_of_other_sources_stand_in_the_record_in_order),
        cmocka_unit_test(samples_without_end_are_bounded_and_said),
        cmocka_unit_test(what_gateways_measured_becomes_samples),
        cmocka_unit_test(fault_27_what_a_tenant_has_above_its_cap_is_seen_and_is_no_demand),
        cmocka_unit_test(messages_of_strangers_and_about_unknown_things_change_nothing),
        cmocka_unit_test(news_of_unknown_or_dead_replicas_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
