/* The safe-default rules that the core carries, each by its number. */
#include "world.h"

static struct world *metric_world(int64_t desired)
{
    struct world *w = world_new();
    w->pool[0].metric[0] = world_metric("tokens-in-queue", "1000");
    w->pool[0].metric_count = 1;
    world_start(w, desired);
    return w;
}

static struct reading read_metric(const struct world *w, const struct metric_spec *metric,
                                  const struct sample *sample)
{
    static unsigned char state[16384] __attribute__((aligned(16)));
    const struct series_need need = series_need_of_metric(metric);
    assert_in_range(series_size(&need), 8, sizeof(state));
    series_init(&need, state);
    series_record(&need, state, sample);
    return series_value(&need, state, w->now_ns);
}

static void R1_what_cannot_be_is_missing_and_never_0(void **state)
{
    (void)state;
    static const double absurd[] = {NAN, INFINITY, -INFINITY, -5, 1.1e12, 922337203685477579.0};
    for (size_t i = 0; i < COUNT_OF(absurd); i++) {
        struct world *w = metric_world(9);
        world_put(w, SIGNAL_TOKENS_IN_QUEUE, SIGNAL_VALUE, absurd[i]);
        assert_int_equal(world_ask(w, SECOND_NS, 0), 9);
        assert_true(world_said(w, STAGE_UNKNOWN, REASON_SIGNAL_FAILED));
        world_free(w);
    }
}

static void R1_a_stale_value_is_missing(void **state)
{
    (void)state;
    struct world *w = metric_world(9);
    world_put(w, SIGNAL_TOKENS_IN_QUEUE, SIGNAL_VALUE, 10);
    assert_int_equal(world_ask(w, 60 * SECOND_NS, 8), 8);
    assert_int_equal(world_ask(w, 1, 5), 8);
    world_free(w);
}

static void R2_a_missing_required_signal_holds_or_raises_and_never_lowers(void **state)
{
    (void)state;
    struct world *w = metric_world(9);
    world_put(w, SIGNAL_TOKENS_IN_QUEUE, SIGNAL_FAILED, 0);
    assert_int_equal(world_ask(w, SECOND_NS, 3), 9);
    assert_int_equal(world_ask(w, SECOND_NS, 12), 12);
    assert_int_equal(world_ask(w, SECOND_NS, 3), 12);
    world_free(w);
}

static void R2_a_signal_that_is_not_required_holds_nothing(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->pool[0].metric[0] = world_metric("tokens-in-queue", "1000");
    w->pool[0].metric[0].required = false;
    w->pool[0].metric_count = 1;
    world_start(w, 9);
    world_put(w, SIGNAL_TOKENS_IN_QUEUE, SIGNAL_FAILED, 0);
    assert_int_equal(world_ask(w, SECOND_NS, 3), 3);
    world_free(w);
}

static void R2_an_absent_demand_signal_counts_as_failed_unless_another_says_zero(void **state)
{
    (void)state;
    struct world *w = metric_world(9);
    w->o.pool[0].in_flight_requests = 1;
    world_put(w, SIGNAL_TOKENS_IN_QUEUE, SIGNAL_ABSENT, 0);
    assert_int_equal(world_ask(w, SECOND_NS, 3), 9);
    w->o.pool[0].in_flight_requests = 0; /* the gateway says an explicit zero */
    assert_int_equal(world_ask(w, SECOND_NS, 3), 3);
    world_free(w);
}

static void R2_to_zero_only_on_an_explicit_zero_of_queue_and_flight(void **state)
{
    (void)state;
    static const struct {
        enum signal_state gateway;
        int64_t waiting, in_flight;
        double queue, running; /* NAN = nobody says */
        int64_t expect;
    } cases[] = {
        {SIGNAL_VALUE, 0, 0, NAN, NAN, 0},  {SIGNAL_VALUE, 1, 0, NAN, NAN, 1},
        {SIGNAL_VALUE, 0, 1, NAN, NAN, 1},  {SIGNAL_VALUE, 0, 0, 3, NAN, 1},
        {SIGNAL_FAILED, 0, 0, 0, 0, 1},     {SIGNAL_ABSENT, 0, 0, 0, 0, 0},
        {SIGNAL_ABSENT, 0, 0, NAN, 0, 1},   {SIGNAL_ABSENT, 0, 0, 0, NAN, 1},
        {SIGNAL_ABSENT, 0, 0, NAN, NAN, 1}, {SIGNAL_ABSENT, 0, 0, 0, 2, 1},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct world *w = world_new();
        w->pool[0].metric[0] = world_metric("tokens-in-queue", "1000");
        w->pool[0].metric[1] = world_metric("running-requests", "10");
        w->pool[0].metric[0].required = false;
        w->pool[0].metric[1].required = false;
        w->pool[0].metric_count = 2;
        world_start(w, 1);
        w->o.pool[0].waiting_state = (uint8_t)cases[i].gateway;
        w->o.pool[0].waiting_requests = cases[i].waiting;
        w->o.pool[0].in_flight_requests = cases[i].in_flight;
        if (!isnan(cases[i].queue))
            world_put(w, SIGNAL_TOKENS_IN_QUEUE, SIGNAL_VALUE, cases[i].queue);
        if (!isnan(cases[i].running))
            world_put(w, SIGNAL_RUNNING_REQUESTS, SIGNAL_VALUE, cases[i].running);
        const int64_t got = world_ask(w, SECOND_NS, 0);
        if (got != cases[i].expect)
            print_error("case %zu\n", i);
        assert_int_equal(got, cases[i].expect);
        world_free(w);
    }
}

static void R2_without_a_gateway_a_stale_zero_is_no_zero(void **state)
{
    (void)state;
    struct world *w = world_new();
    world_start(w, 1);
    w->o.pool[0].waiting_state = SIGNAL_ABSENT;
    world_put(w, SIGNAL_WAITING_REQUESTS, SIGNAL_VALUE, 0);
    world_put(w, SIGNAL_RUNNING_REQUESTS, SIGNAL_VALUE, 0);
    assert_int_equal(world_ask(w, 61 * SECOND_NS, 0), 1);
    world_put(w, SIGNAL_WAITING_REQUESTS, SIGNAL_VALUE, 0);
    world_put(w, SIGNAL_RUNNING_REQUESTS, SIGNAL_VALUE, 0);
    assert_int_equal(world_ask(w, SECOND_NS, 0), 0);
    world_free(w);
}

/* The gateway counts requests; a queue of messages that nobody could read is not empty for that. */
static void R2_a_gateways_zero_says_nothing_of_a_queue_of_messages(void **state)
{
    (void)state;
    static const struct {
        enum signal_state lag;
        double value;
        int64_t expect;
    } cases[] = {{SIGNAL_ABSENT, 0, 4}, {SIGNAL_FAILED, 0, 4}, {SIGNAL_VALUE, 0, 1}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct world *w = world_new();
        w->pool[0].metric[0] = world_metric("queue-lag", "10");
        w->pool[0].metric_count = 1;
        world_start(w, 4);
        world_put(w, SIGNAL_QUEUE_LAG, cases[i].lag, cases[i].value);
        assert_int_equal(world_ask(w, SECOND_NS, 1), cases[i].expect);
        world_free(w);
    }
}

static void R2_an_imitation_does_not_go_to_zero_past_waiting_requests(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->pool[0].policy = &probe_imitation;
    world_start(w, 3);
    w->o.pool[0].in_flight_requests = 2;
    assert_int_equal(world_ask(w, SECOND_NS, 0), 1);
    w->o.pool[0].in_flight_requests = 0;
    assert_int_equal(world_ask(w, SECOND_NS, 0), 0);
    world_free(w);
}

static void R3_a_reading_tells_the_share_of_replicas_behind_it(void **state)
{
    (void)state;
    struct world *w = world_new();
    const struct metric_spec metric = world_metric("kv-cache-usage", "70");
    struct sample sample = world_sample(w, SIGNAL_KV_CACHE_USAGE, SIGNAL_VALUE, 0.5);
    w->now_ns = sample.t_ns = WORLD_T0;
    sample.covered = 3;
    sample.expected = 4;
    const struct reading some = read_metric(w, &metric, &sample);
    assert_true(some.coverage > 0.74 && some.coverage < 0.76);
    sample.covered = sample.expected = 0;
    assert_true(read_metric(w, &metric, &sample).coverage >= 1);
    world_free(w);
}

static void R4_the_count_is_within_bounds_whatever_a_policy_says(void **state)
{
    (void)state;
    static const int64_t asked[] = {INT64_MIN, -1, 0, 1, 7, INT64_MAX, REPLICAS_MAX + 1};
    for (size_t i = 0; i < COUNT_OF(asked); i++) {
        struct world *w = world_new();
        w->pool[0].replicas_min = 2;
        w->pool[0].replicas_max = 6;
        world_start(w, 4);
        w->config.exact = (double)NAN;
        assert_in_range(world_ask(w, SECOND_NS, asked[i]), 2, 6);
        world_free(w);
    }
}

static void R4_swapped_bounds_and_nan_are_refused_at_load(void **state)
{
    (void)state;
    struct world *w = world_new();
    struct diag diag = {0};
    w->pool[0].replicas_min = 5;
    w->pool[0].replicas_max = 4;
    assert_int_equal(pool_spec_check(&w->pool[0], &diag), RC_RANGE);
    w->pool[0].replicas_min = 0;
    w->pool[0].behavior.tolerance = NAN;
    assert_int_equal(pool_spec_check(&w->pool[0], &diag), RC_RANGE);
    assert_string_equal(diag.where, "behavior.tolerance");
    world_free(w);
}

static void R5_steps_are_bounded_per_period_however_many_early_ticks_come(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->pool[0].behavior.up.change_absolute = 2;
    w->pool[0].behavior.up.period_ns = 10 * SECOND_NS;
    world_start(w, 0);
    w->config.replicas = 50;
    w->o.cause = TICK_QUEUE;
    for (int i = 0; i < 99; i++)
        (void)world_tick(w, 100 * MILLISECOND_NS);
    assert_int_equal(w->d[0].desired, 2);
    assert_int_equal(world_tick(w, 200 * MILLISECOND_NS), 4);
    world_free(w);
}

static void R6_the_window_survives_a_restart_by_file(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->pool[0].behavior.down.stabilization_ns = MINUTE_NS;
    world_start(w, 4);
    (void)world_ask(w, MINUTE_NS, 9);
    (void)world_ask(w, 30 * SECOND_NS, 2);
    const size_t size = group_state_size(w->group);
    void *file = malloc(size);
    memcpy(file, w->state, size);
    memset(w->state, 0x5a, size);
    struct diag diag = {0};
    assert_int_equal(group_state_check(w->group, file, size, &diag), RC_OK);
    memcpy(w->state, file, size);
    assert_int_equal(world_ask(w, 29 * SECOND_NS, 2), 9);
    assert_int_equal(world_ask(w, SECOND_NS, 2), 2);
    free(file);
    world_free(w);
}

static void R6_without_a_file_a_full_window_of_hold_comes_first(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->pool[0].behavior.down.stabilization_ns = 5 * MINUTE_NS;
    world_start(w, 7);
    assert_int_equal(world_ask(w, 5 * MINUTE_NS - 1, 1), 7);
    assert_int_equal(world_ask(w, 1, 1), 1);
    world_free(w);
}

static void R7_time_never_goes_back_and_the_wall_clock_moves_no_interval(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->pool[0].behavior.down.stabilization_ns = MINUTE_NS;
    world_start(w, 7);
    (void)world_ask(w, 30 * SECOND_NS, 2);
    w->o.wall_ns += DAY_NS;
    w->o.now_ns = WORLD_T0 - HOUR_NS;
    decide(w->group, w->state, &w->o, w->d);
    assert_int_equal(w->d[0].desired, 7);
    assert_int_equal(world_ask(w, 30 * SECOND_NS, 2), 2);
    world_free(w);
}

static void R10_nothing_is_lowered_before_every_source_has_answered(void **state)
{
    (void)state;
    struct world *w = world_new();
    world_start(w, 7);
    w->o.incomplete = 1;
    assert_int_equal(world_ask(w, SECOND_NS, 2), 7);
    assert_int_equal(world_ask(w, SECOND_NS, 9), 9); /* raising is allowed at once */
    w->o.incomplete = 0;
    assert_int_equal(world_ask(w, SECOND_NS, 2), 2);
    world_free(w);
}

static void R13_nothing_is_added_while_max_unready_replicas_are_blocked(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->pool[0].max_unready = 3;
    world_start(w, 5);
    w->o.pool[0].blocked = 3;
    assert_int_equal(world_ask(w, SECOND_NS, 20), 5);
    assert_int_equal(world_ask(w, HOUR_NS, 20), 5);
    w->o.pool[0].blocked = 0;
    assert_int_equal(world_ask(w, SECOND_NS, 8), 8);
    world_free(w);
}

static void R13_tries_beside_a_blocked_replica_back_off_and_stay_few(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->pool[0].max_unready = 3;
    world_start(w, 5);
    w->o.pool[0].blocked = 1;
    assert_int_equal(world_ask(w, SECOND_NS, 20), 5);
    assert_int_equal(world_ask(w, 9 * SECOND_NS, 20), 5);
    assert_int_equal(world_ask(w, SECOND_NS, 20), 7);
    w->o.pool[0].blocked = 2;
    assert_int_equal(world_ask(w, 9 * SECOND_NS, 20), 7);
    assert_int_equal(world_ask(w, SECOND_NS, 20), 8);
    assert_int_equal(world_ask(w, 19 * SECOND_NS, 20), 8); /* the back-off doubles */
    assert_int_equal(world_ask(w, SECOND_NS, 20), 9);
    world_free(w);
}

static void R14_an_unreadable_budget_adds_nothing_and_stops_nothing(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->pool[0].cost.daily_budget = 100;
    world_start(w, 5);
    w->o.pool[0].spent_today = 10;
    assert_int_equal(world_ask(w, SECOND_NS, 6), 6);
    w->o.pool[0].spent_today = NAN;
    assert_int_equal(world_ask(w, SECOND_NS, 9), 6);
    w->o.pool[0].spent_today = 10;
    w->o.pool[0].budget_unreadable = 1;
    assert_int_equal(world_ask(w, SECOND_NS, 9), 6);
    assert_int_equal(world_ask(w, SECOND_NS, 4), 4);
    w->o.pool[0].budget_unreadable = 0;
    w->o.pool[0].spent_today = 100;
    assert_int_equal(world_ask(w, SECOND_NS, 9), 4);
    assert_true(world_said(w, STAGE_FLEET, REASON_BUDGET_SPENT));
    world_free(w);
}

static void R15_a_pin_beats_a_pause_and_both_beat_the_policy(void **state)
{
    (void)state;
    struct world *w = world_new();
    world_start(w, 5);
    w->o.pool[0].paused = 1;
    assert_int_equal(world_ask(w, SECOND_NS, 50), 5);
    w->o.pool[0].pin_count = 12;
    assert_int_equal(world_ask(w, SECOND_NS, 50), 12);
    assert_true(world_said(w, STAGE_PIN, REASON_PINNED));
    world_free(w);
}

static void R16_a_foreign_count_is_held_for_one_full_window_then_the_policy_rules(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->pool[0].behavior.down.stabilization_ns = MINUTE_NS;
    world_start(w, 5);
    assert_int_equal(world_ask(w, MINUTE_NS, 5), 5);
    w->o.pool[0].foreign_count = 2;
    assert_int_equal(world_ask(w, SECOND_NS, 5), 2);
    assert_true(world_said(w, STAGE_POLICY, REASON_ADOPTED));
    w->o.pool[0].foreign_count = NO_COUNT;
    assert_int_equal(world_ask(w, 59 * SECOND_NS, 5), 2);
    assert_int_equal(world_ask(w, SECOND_NS, 5), 5);
    world_free(w);
}

static void R17_every_decision_tells_its_reasons_in_words(void **state)
{
    (void)state;
    struct world *w = metric_world(9);
    world_put(w, SIGNAL_TOKENS_IN_QUEUE, SIGNAL_FAILED, 0);
    w->o.pool[0].budget_limit = 8;
    (void)world_ask(w, SECOND_NS, 3);
    struct buf words;
    buf_init(&words, 4096);
    for (uint32_t i = 0; i < w->d[0].trail_count; i++) {
        trail_words(w->group, 0, &w->d[0].trail[i], &words);
        buf_text(&words, "; ");
    }
    assert_string_equal(buf_cstr(&words),
                        "demand asks for 3; required signal tokens-in-queue is unknown: not below "
                        "9; the budget allows 8; ");
    buf_done(&words);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(R1_what_cannot_be_is_missing_and_never_0),
        cmocka_unit_test(R1_a_stale_value_is_missing),
        cmocka_unit_test(R2_a_missing_required_signal_holds_or_raises_and_never_lowers),
        cmocka_unit_test(R2_a_signal_that_is_not_required_holds_nothing),
        cmocka_unit_test(R2_an_absent_demand_signal_counts_as_failed_unless_another_says_zero),
        cmocka_unit_test(R2_to_zero_only_on_an_explicit_zero_of_queue_and_flight),
        cmocka_unit_test(R2_without_a_gateway_a_stale_zero_is_no_zero),
        cmocka_unit_test(R2_a_gateways_zero_says_nothing_of_a_queue_of_messages),
        cmocka_unit_test(R2_an_imitation_does_not_go_to_zero_past_waiting_requests),
        cmocka_unit_test(R3_a_reading_tells_the_share_of_replicas_behind_it),
        cmocka_unit_test(R4_the_count_is_within_bounds_whatever_a_policy_says),
        cmocka_unit_test(R4_swapped_bounds_and_nan_are_refused_at_load),
        cmocka_unit_test(R5_steps_are_bounded_per_period_however_many_early_ticks_come),
        cmocka_unit_test(R6_the_window_survives_a_restart_by_file),
        cmocka_unit_test(R6_without_a_file_a_full_window_of_hold_comes_first),
        cmocka_unit_test(R7_time_never_goes_back_and_the_wall_clock_moves_no_interval),
        cmocka_unit_test(R10_nothing_is_lowered_before_every_source_has_answered),
        cmocka_unit_test(R13_nothing_is_added_while_max_unready_replicas_are_blocked),
        cmocka_unit_test(R13_tries_beside_a_blocked_replica_back_off_and_stay_few),
        cmocka_unit_test(R14_an_unreadable_budget_adds_nothing_and_stops_nothing),
        cmocka_unit_test(R15_a_pin_beats_a_pause_and_both_beat_the_policy),
        cmocka_unit_test(R16_a_foreign_count_is_held_for_one_full_window_then_the_policy_rules),
        cmocka_unit_test(R17_every_decision_tells_its_reasons_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
