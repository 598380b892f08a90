/* The policy hpa: metrics, damping, half blindness, pods by rounds, and what guarded adds. */
#include "world.h"

#include "core/policy/hpa.h"

static struct hpa_config config;

static struct world *hpa_world(bool exact, size_t metrics)
{
    static const char *const names[] = {"a", "b", "c"};
    struct world *w = world_new();
    const struct policy_ops *policy = policy_find(span_from("hpa"));
    assert_non_null(policy);
    opt_defaults(policy->options, policy->option_count, &config);
    config.metric_count = metrics;
    for (size_t i = 0; i < metrics; i++)
        config.metric[i] =
            (struct hpa_metric){.source = HPA_EXTERNAL, .target = HPA_AVERAGE_VALUE, .value = 10};
    for (size_t i = 0; i < metrics; i++)
        strcpy(config.metric[i].name, names[i]);
    w->pool[0].policy = policy;
    w->pool[0].policy_config = &config;
    w->pool[0].exact = exact;
    w->pool[0].replicas_min = 1;
    return w;
}

static struct sample external(const struct world *w, const char *name, enum signal_state state,
                              double value)
{
    struct sample s = world_sample(w, SIGNAL_EXTERNAL, state, value);
    const int index = group_external_index(w->group, span_from(name));
    assert_true(index >= 0);
    s.external = (uint16_t)index;
    return s;
}

static void put(struct world *w, const char *name, enum signal_state state, double value)
{
    const struct sample s = external(w, name, state, value);
    observe(w->group, w->state, &s, 1);
}

/* One period later, with a value of metric a; NaN = its source failed. */
static int64_t period(struct world *w, double value)
{
    w->now_ns += config.period_ns;
    put(w, "a", isnan(value) ? SIGNAL_FAILED : SIGNAL_VALUE, isnan(value) ? 0 : value);
    w->o.pool[0].ready = group_desired(w->group, w->state, 0);
    return world_tick(w, 0);
}

static const struct hpa_state *state_of(const struct world *w)
{
    return group_policy_state(w->group, w->state, 0);
}

static void the_largest_number_of_the_metrics_wins(void **state)
{
    (void)state;
    struct world *w = hpa_world(true, 2);
    world_start(w, 2);
    put(w, "a", SIGNAL_VALUE, 31);
    put(w, "b", SIGNAL_VALUE, 12);
    assert_int_equal(world_tick(w, 0), 4);
    world_free(w);
}

static void between_its_periods_the_last_number_stands(void **state)
{
    (void)state;
    struct world *w = hpa_world(true, 1);
    world_start(w, 2);
    assert_int_equal(period(w, 30), 3);
    put(w, "a", SIGNAL_VALUE, 90);
    assert_int_equal(world_tick(w, 14 * SECOND_NS), 3);
    assert_false(w->d[0].evaluated);
    w->o.cause = TICK_WAKE;
    assert_int_equal(world_tick(w, 0), 3);
    assert_int_equal(world_tick(w, SECOND_NS), 6);
    world_free(w);
}

static void without_behavior_it_grows_to_twice_or_four(void **state)
{
    (void)state;
    struct world *w = hpa_world(true, 1);
    world_start(w, 1);
    static const int64_t expected[] = {4, 8, 16, 32, 64, 80};
    for (size_t i = 0; i < COUNT_OF(expected); i++)
        assert_int_equal(period(w, 800), expected[i]);
    world_free(w);
}

static void with_empty_behavior_it_grows_by_four_or_doubles(void **state)
{
    (void)state;
    struct world *w = hpa_world(true, 1);
    config.behave = true;
    world_start(w, 1);
    static const int64_t expected[] = {5, 10, 20, 40, 80};
    for (size_t i = 0; i < COUNT_OF(expected); i++)
        assert_int_equal(period(w, 800), expected[i]);
    world_free(w);
}

static void lowering_waits_for_the_largest_number_of_the_window(void **state)
{
    (void)state;
    for (int behave = 0; behave <= 1; behave++) {
        struct world *w = hpa_world(true, 1);
        config.behave = behave;
        world_start(w, 5);
        assert_int_equal(period(w, 50), 5);
        int64_t periods = 0;
        while (period(w, 10) == 5)
            periods++;
        /* The edge of the window counts in the old rules and not with behavior. */
        assert_int_equal(periods, 300 / 15 - behave);
        world_free(w);
    }
}

static void within_the_tolerance_nothing_changes(void **state)
{
    (void)state;
    for (int semantics = HPA_MODERN; semantics <= HPA_1_20_2; semantics++) {
        struct world *w = hpa_world(true, 1);
        config.semantics = semantics;
        world_start(w, 10);
        assert_int_equal(period(w, 109), 10);
        assert_int_equal(period(w, 110), semantics == HPA_MODERN ? 10 : 11);
        assert_int_equal(period(w, 111), semantics == HPA_MODERN ? 12 : 11);
        world_free(w);
    }
}

static void half_blind_it_lowers_nothing_but_the_old_one_did(void **state)
{
    (void)state;
    for (int semantics = HPA_MODERN; semantics <= HPA_1_20_2; semantics++) {
        struct world *w = hpa_world(true, 2);
        config.semantics = semantics;
        config.down_window_ns = 0;
        world_start(w, 8);
        put(w, "b", SIGNAL_VALUE, 80);
        assert_int_equal(period(w, 80), 8);
        put(w, "b", SIGNAL_FAILED, 0);
        assert_int_equal(period(w, 20), semantics == HPA_MODERN ? 8 : 2);
        assert_int_equal(state_of(w)->failed, semantics == HPA_MODERN);
        assert_int_equal(state_of(w)->failed_metrics, 2);
        assert_int_equal(period(w, 120),
                         semantics == HPA_MODERN ? 12 : 4); /* raises all the same */
        world_free(w);
    }
}

static void a_failing_tick_records_nothing_and_says_why(void **state)
{
    (void)state;
    struct world *w = hpa_world(true, 1);
    world_start(w, 8);
    (void)period(w, 80);
    const uint32_t records = state_of(w)->record_count;
    assert_int_equal(period(w, NAN), 8);
    assert_true(w->d[0].proposal.abstain);
    assert_int_equal(w->d[0].proposal.reason, REASON_LOOP_FAILED);
    assert_int_equal(state_of(w)->record_count, records);
    assert_int_equal(state_of(w)->active.reason, HPA_FAILED_EXTERNAL);
    world_free(w);
}

static void a_count_outside_the_bounds_jumps_to_them_without_metrics(void **state)
{
    (void)state;
    struct world *w = hpa_world(true, 1);
    w->pool[0].replicas_max = 6;
    world_start(w, 9);
    assert_int_equal(period(w, NAN), 6);
    assert_int_equal(state_of(w)->reason, HPA_ABOVE_MAX);
    world_free(w);
}

static void zero_set_by_somebody_stays_zero_where_the_minimum_is_not(void **state)
{
    (void)state;
    struct world *w = hpa_world(true, 1);
    world_start(w, 0);
    assert_int_equal(period(w, 500), 0);
    assert_int_equal(w->d[0].proposal.reason, REASON_LOOP_DISABLED);
    world_free(w);
}

static void a_value_target_multiplies_by_the_ready_ones_and_may_lower_in_an_overload(void **state)
{
    (void)state;
    struct world *w = hpa_world(true, 1);
    config.metric[0].target = HPA_VALUE;
    config.down_window_ns = 0;
    world_start(w, 10);
    assert_int_equal(period(w, 10), 10);
    w->now_ns += config.period_ns;
    put(w, "a", SIGNAL_VALUE, 15); /* one and a half times the target */
    w->o.pool[0].ready = 4;
    assert_int_equal(world_tick(w, 0), 6);
    world_free(w);
}

/* A round of pods of which each but the last `missing` has this value. */
static void round_of(struct world *w, const char *name, int64_t pods, int64_t missing, double value)
{
    for (int64_t i = 0; i < pods; i++) {
        struct pod_sample pod = {
            .sample = external(w, name, i < pods - missing ? SIGNAL_VALUE : SIGNAL_ABSENT, value),
            .measured_ns = w->now_ns,
            .started_ns = 0,
            .request = 1,
        };
        observe_pods(w->group, w->state, &pod, 1);
    }
}

static int64_t pods_period(struct world *w, int64_t missing, double value)
{
    const int64_t pods = group_desired(w->group, w->state, 0);
    w->now_ns += config.period_ns;
    round_of(w, "cpu", pods, missing, value);
    put(w, "cpu", SIGNAL_VALUE, value);
    w->o.pool[0].ready = pods;
    return world_tick(w, 0);
}

static struct world *cpu_world(double percent)
{
    struct world *w = hpa_world(true, 1);
    config.metric[0] =
        (struct hpa_metric){.source = HPA_RESOURCE, .name = "cpu", .target = HPA_UTILIZATION};
    config.metric[0].value = percent;
    config.down_window_ns = 0;
    return w;
}

static void missing_pods_cannot_turn_the_direction(void **state)
{
    (void)state;
    struct world *w = cpu_world(50);
    world_start(w, 4);
    assert_int_equal(pods_period(w, 0, 0.75), 6);
    /* Two of six silent: 100 % of four is 66 % of six. */
    assert_int_equal(pods_period(w, 2, 1.0), 8);
    /* Falling, the silent count as wholly busy: 10 % of six and 100 % of two are 32 %. */
    assert_int_equal(pods_period(w, 2, 0.1), 6);
    world_free(w);
}

static void a_round_counts_when_it_is_closed(void **state)
{
    (void)state;
    struct world *w = cpu_world(50);
    world_start(w, 4);
    assert_int_equal(pods_period(w, 0, 0.5), 4);
    w->now_ns += config.period_ns;
    round_of(w, "cpu", 2, 0, 1.0); /* half of the round is there */
    assert_int_equal(world_tick(w, 0), 4);
    assert_int_equal(state_of(w)->failed, 1);
    world_free(w);
}

static void young_pods_do_not_count_for_cpu(void **state)
{
    (void)state;
    const struct hpa_terms terms = {.kind = HPA_PODS_UTILIZATION,
                                    .resource_cpu = true,
                                    .target = 50,
                                    .cpu_init_ns = 300 * SECOND_NS,
                                    .readiness_delay_ns = 30 * SECOND_NS};
    static const struct {
        int64_t age_s;
        uint8_t readiness;
        int64_t ready_for_s;
        bool counts;
    } cases[] = {
        {100, POD_READY, 60, true},           {100, POD_READY, 20, false},
        {100, POD_UNREADY, 60, false},        {400, POD_UNREADY, 100, true},
        {400, POD_UNREADY, 390, false},       {400, POD_READINESS_UNKNOWN, 390, true},
        {400, POD_READINESS_NONE, 60, false},
    };
    const int64_t now_ns = 1000 * SECOND_NS;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct hpa_tally tally = {0};
        const struct pod_sample pod = {
            .sample = {.state = SIGNAL_VALUE, .value = 1, .weight = 1},
            .measured_ns = now_ns,
            .window_ns = 30 * SECOND_NS,
            .ready_since_ns = now_ns - cases[i].ready_for_s * SECOND_NS,
            .started_ns = now_ns - cases[i].age_s * SECOND_NS,
            .readiness = cases[i].readiness,
            .request = 1,
        };
        hpa_tally_add(&tally, &terms, &pod, now_ns);
        assert_int_equal(tally.ready, cases[i].counts);
        assert_int_equal(tally.unready, !cases[i].counts);
    }
}

static void quantities_are_rounded_up_to_thousandths(void **state)
{
    (void)state;
    assert_int_equal(hpa_milli(53.85), 53850);
    assert_int_equal(hpa_milli(0.0001), 1);
    assert_int_equal(hpa_milli(0), 0);
    assert_int_equal(hpa_milli(1e12 + 0.125), 1000000000000125);
}

static void the_metrics_of_the_pool_serve_where_it_has_none(void **state)
{
    (void)state;
    struct world *w = hpa_world(true, 0);
    w->pool[0].metric[0] = world_metric("concurrency", "10");
    w->pool[0].metric_count = 1;
    world_start(w, 2);
    w->now_ns += config.period_ns;
    world_put(w, SIGNAL_CONCURRENCY, SIGNAL_VALUE, 31);
    assert_int_equal(world_tick(w, 0), 4);
    world_free(w);
}

static void guarded_it_holds_while_a_source_is_silent(void **state)
{
    (void)state;
    struct world *w = hpa_world(false, 1);
    config.down_window_ns = 0;
    world_start(w, 8);
    assert_int_equal(period(w, 80), 8);
    for (int i = 0; i < 100; i++)
        assert_int_equal(world_tick(w, config.period_ns), 8);
    assert_int_equal(period(w, 30), 3);
    world_free(w);
}

static void after_an_outage_a_full_window_is_held_but_not_by_the_peer(void **state)
{
    (void)state;
    for (int exact = 0; exact <= 1; exact++) {
        struct world *w = hpa_world(exact == 1, 1);
        config.down_window_ns = 5 * MINUTE_NS;
        world_start(w, 8);
        assert_int_equal(period(w, 80), 8);
        for (int i = 0; i < 100; i++)
            assert_int_equal(period(w, NAN), 8);
        int periods = 0;
        while (period(w, 30) == 8 && periods < 100)
            periods++;
        assert_in_range(periods, exact == 1 ? 0 : 300 / 15 - 1, exact == 1 ? 0 : 300 / 15);
        assert_int_equal(w->d[0].desired, 3);
        world_free(w);
    }
}

static void lists_stay_within_the_state_for_a_day(void **state)
{
    (void)state;
    struct world *w = hpa_world(true, 1);
    config.behave = true;
    config.down.window_ns = 20 * MINUTE_NS;
    world_start(w, 5);
    for (int i = 0; i < 5760; i++) {
        (void)period(w, i % 40 * 10);
        assert_true(hpa_state_valid(&w->pool[0], &config, state_of(w)));
    }
    assert_true(state_of(w)->record_count <= 20 * 4 + 2);
    world_free(w);
}

static void a_longer_window_after_a_reload_keeps_the_records(void **state)
{
    (void)state;
    struct world *w = hpa_world(true, 1);
    struct hpa_config changed = config;
    world_start(w, 8);
    assert_int_equal(period(w, 80), 8);
    assert_int_equal(period(w, 20), 8);
    changed.down_window_ns = 600 * SECOND_NS;
    changed.metric[0] = config.metric[0];
    w->pool[0].policy_config = &changed;
    world_reload(w);
    for (int i = 0; i < 38; i++)
        assert_int_equal(period(w, 20), 8);
    (void)period(w, 20);
    assert_int_equal(period(w, 20), 2);
    world_free(w);
}

static void a_sample_of_a_pod_is_written_and_read_again(void **state)
{
    (void)state;
    struct world *w = cpu_world(50);
    struct arena arena;
    struct buf text;
    struct json_writer writer;
    struct diag diag = {0};
    const struct tree *json = NULL;
    struct pod_sample again;
    world_start(w, 1);
    const struct pod_sample pod = {
        .sample = external(w, "cpu", SIGNAL_VALUE, 0.25),
        .measured_ns = 5,
        .window_ns = 7,
        .ready_since_ns = -3,
        .started_ns = TIME_NONE,
        .request = 0.5,
        .phase = POD_PENDING,
        .readiness = POD_READINESS_UNKNOWN,
        .leaving = 1,
    };
    arena_init(&arena, 1 << 20);
    buf_init(&text, 1 << 16);
    json_init(&writer, &text);
    pod_sample_print(w->group, &pod, &writer);
    assert_int_equal(json_read(&arena, buf_view(&text), NULL, &json, &diag), RC_OK);
    assert_int_equal(pod_sample_parse(w->group, json, &again, &diag), RC_OK);
    assert_memory_equal(&again, &pod, sizeof(pod));
    assert_int_equal(pod_sample_parse(w->group, tree_get(json, "pod"), &again, &diag), RC_MISSING);
    buf_done(&text);
    arena_done(&arena);
    world_free(w);
}

static void impossible_metrics_are_refused(void **state)
{
    (void)state;
    static const struct hpa_metric metrics[] = {
        {.source = HPA_PODS, .name = "x", .target = HPA_VALUE, .value = 1},
        {.source = HPA_EXTERNAL, .name = "x", .target = HPA_UTILIZATION, .value = 1},
        {.source = HPA_CONTAINER_RESOURCE, .name = "cpu", .target = HPA_UTILIZATION, .value = 1},
        {.source = HPA_RESOURCE, .name = "cpu", .container = "c", .value = 1},
        {.source = HPA_EXTERNAL, .name = "x", .value = 0},
        {.source = HPA_EXTERNAL, .name = "ttft-p95", .value = 1},
    };
    struct world *w = hpa_world(true, 1);
    for (size_t i = 0; i < COUNT_OF(metrics); i++) {
        struct diag diag = {0};
        config.metric[0] = metrics[i];
        assert_int_not_equal(pool_spec_check(&w->pool[0], &diag), RC_OK);
        assert_non_null(strstr(diag.where, "hpa.metrics[0]"));
    }
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_largest_number_of_the_metrics_wins),
        cmocka_unit_test(between_its_periods_the_last_number_stands),
        cmocka_unit_test(without_behavior_it_grows_to_twice_or_four),
        cmocka_unit_test(with_empty_behavior_it_grows_by_four_or_doubles),
        cmocka_unit_test(lowering_waits_for_the_largest_number_of_the_window),
        cmocka_unit_test(within_the_tolerance_nothing_changes),
        cmocka_unit_test(half_blind_it_lowers_nothing_but_the_old_one_did),
        cmocka_unit_test(a_failing_tick_records_nothing_and_says_why),
        cmocka_unit_test(a_count_outside_the_bounds_jumps_to_them_without_metrics),
        cmocka_unit_test(zero_set_by_somebody_stays_zero_where_the_minimum_is_not),
        cmocka_unit_test(a_value_target_multiplies_by_the_ready_ones_and_may_lower_in_an_overload),
        cmocka_unit_test(missing_pods_cannot_turn_the_direction),
        cmocka_unit_test(a_round_counts_when_it_is_closed),
        cmocka_unit_test(young_pods_do_not_count_for_cpu),
        cmocka_unit_test(quantities_are_rounded_up_to_thousandths),
        cmocka_unit_test(the_metrics_of_the_pool_serve_where_it_has_none),
        cmocka_unit_test(after_an_outage_a_full_window_is_held_but_not_by_the_peer),
        cmocka_unit_test(guarded_it_holds_while_a_source_is_silent),
        cmocka_unit_test(lists_stay_within_the_state_for_a_day),
        cmocka_unit_test(a_longer_window_after_a_reload_keeps_the_records),
        cmocka_unit_test(a_sample_of_a_pod_is_written_and_read_again),
        cmocka_unit_test(impossible_metrics_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
