/* One table of ticks per stage: what enters, what comes out, what the trail says. */
#include "world.h"

/* A tick: time since the last one, what the policy asks for, what must come out. */
struct step {
    int64_t after_s;
    int64_t ask;
    int64_t expect;
};

static void walk(struct world *w, const struct step *steps, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const int64_t got = world_ask(w, steps[i].after_s * SECOND_NS, steps[i].ask);
        if (got != steps[i].expect)
            print_error("step %zu: %lld\n", i, (long long)got);
        assert_int_equal(got, steps[i].expect);
    }
}
#define WALK(w, ...)                                                                               \
    do {                                                                                           \
        const struct step steps[] = {__VA_ARGS__};                                                 \
        walk(w, steps, COUNT_OF(steps));                                                           \
    } while (0)

/* ---- 1 combine ---- */

static struct proposal propose_metric(const struct policy_input *in, size_t metric)
{
    const struct reading r = metric_read(in, metric);
    if (r.state != SIGNAL_VALUE)
        return (struct proposal){.abstain = true, .exact = NAN, .reason = REASON_NO_SIGNAL};
    return (struct proposal){
        .replicas = num_to_int(ceil(r.value), 0, 100), .exact = r.value, .reason = REASON_DEMAND};
}

static void metrics_are_combined_as_asked(void **state)
{
    (void)state;
    static const struct policy_ops each = {.name = "each", .propose_metric = propose_metric};
    static const struct {
        int kind;
        double a, b; /* NAN = absent */
        int64_t expect;
    } cases[] = {
        {COMBINE_MAX, 3, 8, 8},
        {COMBINE_MIN, 3, 8, 3},
        {COMBINE_AVERAGE, 3, 8, 6},
        {COMBINE_AVERAGE, 2.4, 2.4, 3},
        {COMBINE_ANY_UP_ALL_DOWN, 3, 8, 8},
        {COMBINE_ANY_UP_ALL_DOWN, 3, 4, 4},
        {COMBINE_ANY_UP_ALL_DOWN, 3, 5, 5},
        {COMBINE_MAX, NAN, 2, 2},
        {COMBINE_MIN, NAN, 9, 9},
        {COMBINE_MAX, NAN, NAN, 5},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct world *w = world_new();
        w->pool[0].policy = &each;
        w->pool[0].combine = cases[i].kind;
        w->pool[0].metric[0] = world_metric("external:a", "1");
        w->pool[0].metric[1] = world_metric("external:b", "1");
        w->pool[0].metric_count = 2;
        world_start(w, 5);
        for (uint16_t k = 0; k < 2; k++) {
            const double value = k == 0 ? cases[i].a : cases[i].b;
            struct sample s = world_sample(w, SIGNAL_EXTERNAL, SIGNAL_VALUE, value);
            s.external = k;
            s.state = (uint8_t)(isnan(value) ? SIGNAL_ABSENT : SIGNAL_VALUE);
            observe(w->group, w->state, &s, 1);
        }
        const int64_t got = world_tick(w, SECOND_NS);
        if (got != cases[i].expect)
            print_error("case %zu: %lld\n", i, (long long)got);
        assert_int_equal(got, cases[i].expect);
        world_free(w);
    }
}

static void a_need_within_the_tolerance_changes_nothing(void **state)
{
    (void)state;
    static const struct {
        double exact;
        int64_t expect;
    } cases[] = {{10.9, 10}, {11.2, 12}, {9.1, 10}, {8.9, 9}, {NAN, 11}, {INFINITY, 100}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct world *w = world_new();
        world_start(w, 10);
        w->config.exact = cases[i].exact;
        const int64_t asked =
            isnan(cases[i].exact) ? 11 : num_to_int(ceil(cases[i].exact), 0, REPLICAS_MAX);
        assert_int_equal(world_ask(w, SECOND_NS, asked), cases[i].expect);
        world_free(w);
    }
}

static void an_imitation_has_no_tolerance_of_ours(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->pool[0].policy = &probe_imitation;
    world_start(w, 10);
    w->config.exact = 10.5;
    assert_int_equal(world_ask(w, SECOND_NS, 11), 11);
    world_free(w);
}

static void the_last_proposal_stands_between_two_evaluations(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->config.period_ns = 15 * SECOND_NS;
    world_start(w, 5);
    WALK(w, {2, 7, 7}, {2, 9, 7}, {2, 9, 7});
    assert_false(w->d[0].evaluated);
    WALK(w, {11, 9, 9});
    assert_true(w->d[0].evaluated);
    WALK(w, {14, 3, 9}, {1, 3, 3}); /* the grid holds although a tick came late */
    world_free(w);
}

static void a_shadow_is_shown_and_never_applied(void **state)
{
    (void)state;
    struct world *w = world_new();
    struct probe_config shadow = {.replicas = 42, .exact = NAN, .period_ns = SECOND_NS};
    w->pool[0].shadow[0].policy = &probe;
    w->pool[0].shadow[0].config = &shadow;
    w->pool[0].shadow_count = 1;
    world_start(w, 5);
    assert_int_equal(world_ask(w, SECOND_NS, 6), 6);
    assert_int_equal(w->d[0].shadow[0].replicas, 42);
    world_free(w);
}

/* ---- 3 schedule ---- */

static void a_scheduled_size_is_started_ahead_by_the_start_p90(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->pool[0].schedule_count = 1;
    world_start(w, 2);
    w->o.pool[0].schedule_next = 9;
    w->o.pool[0].schedule_next_ns = WORLD_WALL + WORLD_T0 + 10 * MINUTE_NS;
    WALK(w, {60, 2, 2}, {7 * 60 - 1, 2, 2}, {1, 2, 9});
    assert_true(world_said(w, STAGE_SCHEDULE, REASON_SCHEDULE_AHEAD));
    w->o.pool[0].schedule_now = 9;
    w->o.pool[0].schedule_next = NO_COUNT;
    WALK(w, {120, 2, 9}, {120, 12, 12});
    world_free(w);
}

/* ---- 4 SLO response ---- */

static struct world *slo_world(void)
{
    struct world *w = world_new();
    w->pool[0].slo.ttft_ns = SECOND_NS;
    w->pool[0].slo_target.enabled = true;
    w->pool[0].slo_target.max_scale_up = 4;
    w->pool[0].slo_target.headroom_percent = 0;
    w->pool[0].slo_target.require_headroom_percent = 50;
    w->pool[0].slo_target.check_ns = MINUTE_NS;
    return w;
}

static void a_breach_raises_by_at_most_max_scale_up_per_start_up_time(void **state)
{
    (void)state;
    struct world *w = slo_world();
    world_start(w, 10);
    for (int i = 0; i < 50; i++)
        world_put(w, SIGNAL_TTFT, SIGNAL_VALUE, 3);
    WALK(w, {1, 10, 14}, {1, 10, 14});
    assert_true(world_said(w, STAGE_SLO, REASON_SLO_HEADROOM) ||
                world_said(w, STAGE_SLO, REASON_SLO_BREACH));
    w->now_ns += 58 * SECOND_NS;
    for (int i = 0; i < 50; i++)
        world_put(w, SIGNAL_TTFT, SIGNAL_VALUE, 3);
    WALK(w, {0, 10, 14}, {1, 10, 18});
    world_free(w);
}

static void a_small_breach_raises_in_proportion(void **state)
{
    (void)state;
    struct world *w = slo_world();
    world_start(w, 10);
    for (int i = 0; i < 50; i++)
        world_put(w, SIGNAL_TTFT, SIGNAL_VALUE, 1.15);
    (void)world_ask(w, SECOND_NS, 10);
    assert_in_range(w->d[0].desired, 11, 13); /* a histogram is exact to 6 % */
    assert_true(w->d[0].urgent);
    world_free(w);
}

static void missing_headroom_forbids_lowering(void **state)
{
    (void)state;
    struct world *w = slo_world();
    world_start(w, 10);
    world_put(w, SIGNAL_TTFT, SIGNAL_VALUE, 0.8);
    WALK(w, {1, 4, 10});
    assert_true(world_said(w, STAGE_SLO, REASON_SLO_HEADROOM));
    w->now_ns += 40 * SECOND_NS;
    world_put(w, SIGNAL_TTFT, SIGNAL_VALUE, 0.1);
    WALK(w, {0, 4, 10}, {59, 4, 10}, {1, 4, 4});
    world_free(w);
}

/* ---- 7 stabilisation ---- */

static void lowering_waits_until_the_whole_window_agrees(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->pool[0].behavior.down.stabilization_ns = MINUTE_NS;
    world_start(w, 10);
    WALK(w, {30, 4, 10}, {29, 4, 10}, {1, 4, 4}); /* a full window of hold since the start */
    WALK(w, {1, 9, 9}, {1, 3, 9}, {30, 6, 9}, {28, 2, 9}, {1, 2, 6}, {30, 2, 6}, {1, 2, 2});
    world_free(w);
}

static void raising_waits_for_its_own_window(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->pool[0].behavior.up.stabilization_ns = MINUTE_NS;
    world_start(w, 5);
    WALK(w, {1, 5, 5}, {1, 9, 5}, {30, 7, 5}, {29, 9, 7}, {30, 9, 7}, {1, 9, 9});
    assert_int_equal(world_ask(w, 1 * SECOND_NS, 2), 2);
    world_free(w);
}

static void many_steps_in_one_window_are_held_no_shorter(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->pool[0].behavior.down.stabilization_ns = 100 * SECOND_NS;
    world_start(w, 90);
    (void)world_ask(w, 100 * SECOND_NS, 90);
    int64_t most[200];
    for (int64_t i = 0; i < 200; i++) {
        most[i] = i < 60 ? 90 - i : 30; /* more steps than the log has entries */
        (void)world_ask(w, SECOND_NS, most[i]);
        const int64_t oldest = i >= 99 ? i - 99 : 0;
        assert_true(w->d[0].desired >= most[oldest]);
    }
    assert_int_equal(w->d[0].desired, 30);
    world_free(w);
}

/* ---- 8 rate ---- */

static void the_more_restrictive_of_percent_and_absolute_bounds_a_sliding_period(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->pool[0].behavior.up.change_percent = 100;
    w->pool[0].behavior.up.change_absolute = 5;
    w->pool[0].behavior.up.period_ns = 30 * SECOND_NS;
    w->pool[0].behavior.down.change_percent = 50;
    w->pool[0].behavior.down.change_absolute = 4;
    w->pool[0].behavior.down.period_ns = 120 * SECOND_NS;
    world_start(w, 2);
    WALK(w, {1, 50, 4}, {29, 50, 4}, {1, 50, 8}, {15, 50, 8}, {15, 50, 13}, {30, 50, 18});
    WALK(w, {60, 1, 14}, {60, 1, 14}, {60, 1, 10}, {120, 1, 6}, {120, 1, 3}, {120, 1, 2},
         {120, 1, 1});
    world_free(w);
}

static void what_was_not_granted_does_not_count_for_the_rate(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->pool[0].behavior.up.change_absolute = 4;
    w->pool[0].behavior.up.period_ns = MINUTE_NS;
    world_start(w, 2);
    WALK(w, {1, 50, 6});
    group_applied(w->group, w->state, 0, 3);
    assert_int_equal(group_desired(w->group, w->state, 0), 3);
    WALK(w, {1, 50, 6}, {1, 50, 6});
    world_free(w);
}

/* ---- 9 cooldown ---- */

static void the_cooldown_holds_lowering_only(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->pool[0].behavior.cooldown_ns = MINUTE_NS;
    world_start(w, 5);
    WALK(w, {1, 8, 8}, {1, 9, 9}, {59, 2, 9}, {1, 2, 2});
    world_free(w);
}

static void a_cooldown_for_both_directions_holds_raising_too(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->pool[0].behavior.cooldown_ns = MINUTE_NS;
    w->pool[0].behavior.cooldown_applies = COOLDOWN_BOTH;
    world_start(w, 5);
    /* The start itself holds no raise (R10). */
    WALK(w, {1, 8, 8}, {1, 9, 8}, {58, 9, 8}, {1, 9, 9}, {59, 2, 9}, {1, 2, 2});
    world_free(w);
}

/* ---- 10 last replica ---- */

static void the_last_replica_goes_after_grace_and_retention_without_demand(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->pool[0].last_replica.grace_ns = 30 * SECOND_NS;
    w->pool[0].last_replica.retention_ns = 100 * SECOND_NS;
    world_start(w, 2);
    WALK(w, {1, 0, 1}, {1, 0, 1}, {29, 0, 1});
    assert_true(world_said(w, STAGE_LAST_REPLICA, REASON_LAST_GRACE));
    w->o.pool[0].idle_ns = 99 * SECOND_NS;
    WALK(w, {1, 0, 1});
    assert_true(world_said(w, STAGE_LAST_REPLICA, REASON_LAST_RETENTION));
    w->o.pool[0].in_flight_requests = 1;
    w->o.pool[0].idle_ns = 0;
    WALK(w, {1, 0, 1});
    assert_true(world_said(w, STAGE_LAST_REPLICA, REASON_LAST_DEMAND));
    w->o.pool[0].in_flight_requests = 0;
    w->o.pool[0].idle_ns = 100 * SECOND_NS;
    WALK(w, {1, 0, 1}, {29, 0, 1}, {1, 0, 0});
    world_free(w);
}

/* ---- 12 warm ---- */

static void warm_replicas_are_replenished_in_batches_after_a_delay(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->pool[0].replicas_max = 50;
    w->pool[0].warm.percent = 20;
    w->pool[0].warm.replenish_delay_ns = 30 * SECOND_NS;
    w->pool[0].warm.batch = 2;
    world_start(w, 5);
    struct {
        int64_t after_s, have, expect;
    } const steps[] = {
        {1, 0, 10}, /* the first fill waits for nothing */
        {1, 10, 10}, {1, 6, 6}, {29, 6, 6}, {1, 6, 8}, {1, 8, 8}, {29, 8, 10}, {1, 10, 10},
    };
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        w->o.pool[0].warm = steps[i].have;
        assert_int_equal(world_ask(w, steps[i].after_s * SECOND_NS, 5), 5);
        assert_int_equal(w->d[0].warm, steps[i].expect);
    }
    assert_int_equal(world_ask(w, SECOND_NS, 45), 45);
    assert_int_equal(w->d[0].warm, 0); /* all of them serve from now on */
    w->o.pool[0].ready = 45;
    assert_int_equal(world_ask(w, SECOND_NS, 45), 45);
    assert_int_equal(w->d[0].warm, 5); /* together they stay within the maximum */
    world_free(w);
}

/* ---- 13 fleet ---- */

static void roles_of_a_group_wake_and_rest_together(void **state)
{
    (void)state;
    struct world *w = world_new();
    struct probe_config decode = {.replicas = 0, .exact = NAN, .period_ns = 1};
    w->pool_count = 2;
    w->pool[0].role = ROLE_PREFILL;
    w->pool[1] = w->pool[0];
    strcpy(w->pool[1].name, "decode");
    w->pool[1].role = ROLE_DECODE;
    w->pool[1].policy_config = &decode;
    world_start(w, 0);
    w->o.pool[0].waiting_requests = 3;
    assert_int_equal(world_ask(w, SECOND_NS, 0), 1);
    assert_int_equal(w->d[1].desired, 1);
    assert_true(w->d[1].wake);
    w->o.pool[0].waiting_requests = 0;
    assert_int_equal(world_ask(w, SECOND_NS, 1), 1);
    assert_int_equal(w->d[1].desired, 1); /* its partner serves */
    assert_int_equal(world_ask(w, SECOND_NS, 0), 0);
    assert_int_equal(w->d[1].desired, 0);
    world_free(w);
}

static void a_count_is_split_over_reserved_spot_and_on_demand(void **state)
{
    (void)state;
    struct world *w = world_new();
    struct pool_spec *pool = &w->pool[0];
    static const int kinds[] = {CAPACITY_ON_DEMAND, CAPACITY_SPOT, CAPACITY_RESERVED};
    static const double prices[] = {10, 3, 6};
    pool->class_count = 3;
    for (size_t i = 0; i < 3; i++) {
        opt_defaults(class_options, class_option_count, &pool->class_[i]);
        (void)snprintf(pool->class_[i].name, NAME_SIZE, "c%zu", i);
        pool->class_[i].kind = kinds[i];
        pool->class_[i].price_per_hour = prices[i];
    }
    pool->class_[2].replicas_max = 2;
    pool->class_[0].replicas_max = 5;
    pool->cost.spot_max_percent = 50;
    world_start(w, 0);
    struct {
        int64_t ask, expect, on_demand, spot, reserved;
    } const cases[] = {
        {1, 1, 0, 0, 1}, /* reserved first */
        {4, 4, 0, 2, 2},
        {6, 6, 1, 3, 2},
        {20, 14, 5, 7, 2}, /* on-demand is full, and spot at its share */
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(world_ask(w, SECOND_NS, cases[i].ask), cases[i].expect);
        assert_int_equal(w->d[0].class_desired[0], cases[i].on_demand);
        assert_int_equal(w->d[0].class_desired[1], cases[i].spot);
        assert_int_equal(w->d[0].class_desired[2], cases[i].reserved);
    }
    world_free(w);
}

static void an_hourly_limit_is_counted_in_replicas(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->pool[0].cost.max_per_hour = 35;
    w->pool[0].class_[0].price_per_hour = 10;
    world_start(w, 2);
    assert_int_equal(world_ask(w, SECOND_NS, 8), 3);
    world_free(w);
}

/* ---- 14 pin, pause ---- */

static void under_a_pause_the_count_stays_and_history_goes_on(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->pool[0].behavior.down.stabilization_ns = MINUTE_NS;
    world_start(w, 8);
    w->o.pool[0].paused = 1;
    WALK(w, {60, 3, 8}, {59, 3, 8});
    w->o.pool[0].paused = 0;
    WALK(w, {1, 3, 3}); /* no new window after the pause */
    world_free(w);
}

static void guarded_imitations_have_no_pace_of_ours(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->pool[0].policy = &probe_imitation;
    w->pool[0].behavior.down.stabilization_ns = 5 * MINUTE_NS;
    w->pool[0].behavior.up.change_absolute = 1;
    w->pool[0].behavior.cooldown_ns = 5 * MINUTE_NS;
    w->pool[0].replicas_max = 30;
    world_start(w, 10);
    WALK(w, {1, 25, 25}, {1, 2, 2}, {1, 50, 30});
    assert_int_equal(w->d[0].trail[0].stage, STAGE_POLICY); /* the peer's own number first */
    assert_int_equal(w->d[0].trail[0].after, 50);
    world_free(w);
}

static void exact_runs_the_policy_and_no_stage(void **state)
{
    (void)state;
    struct world *w = world_new();
    w->pool[0].policy = &probe_imitation;
    w->pool[0].exact = true;
    w->pool[0].replicas_max = 5;
    world_start(w, 2);
    w->o.incomplete = 1;
    w->o.pool[0].pin_count = 3;
    WALK(w, {1, 9, 9}, {1, 0, 0}, {1, INT64_MAX, REPLICAS_MAX});
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metrics_are_combined_as_asked),
        cmocka_unit_test(a_need_within_the_tolerance_changes_nothing),
        cmocka_unit_test(an_imitation_has_no_tolerance_of_ours),
        cmocka_unit_test(the_last_proposal_stands_between_two_evaluations),
        cmocka_unit_test(a_shadow_is_shown_and_never_applied),
        cmocka_unit_test(a_scheduled_size_is_started_ahead_by_the_start_p90),
        cmocka_unit_test(a_breach_raises_by_at_most_max_scale_up_per_start_up_time),
        cmocka_unit_test(a_small_breach_raises_in_proportion),
        cmocka_unit_test(missing_headroom_forbids_lowering),
        cmocka_unit_test(lowering_waits_until_the_whole_window_agrees),
        cmocka_unit_test(raising_waits_for_its_own_window),
        cmocka_unit_test(many_steps_in_one_window_are_held_no_shorter),
        cmocka_unit_test(the_more_restrictive_of_percent_and_absolute_bounds_a_sliding_period),
        cmocka_unit_test(what_was_not_granted_does_not_count_for_the_rate),
        cmocka_unit_test(the_cooldown_holds_lowering_only),
        cmocka_unit_test(a_cooldown_for_both_directions_holds_raising_too),
        cmocka_unit_test(the_last_replica_goes_after_grace_and_retention_without_demand),
        cmocka_unit_test(warm_replicas_are_replenished_in_batches_after_a_delay),
        cmocka_unit_test(roles_of_a_group_wake_and_rest_together),
        cmocka_unit_test(a_count_is_split_over_reserved_spot_and_on_demand),
        cmocka_unit_test(an_hourly_limit_is_counted_in_replicas),
        cmocka_unit_test(under_a_pause_the_count_stays_and_history_goes_on),
        cmocka_unit_test(guarded_imitations_have_no_pace_of_ours),
        cmocka_unit_test(exact_runs_the_policy_and_no_stage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
