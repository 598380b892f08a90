/* The policy keda: when it wakes and when it lets go, what failures of triggers bring, pauses, the
 * formula, and the HPA in between. */
#include "world.h"

#include "core/policy/keda.h"

static struct keda_config config;

static void trigger(size_t index, const char *name, double threshold, double activation)
{
    struct keda_trigger *t = &config.trigger[index];
    *t = (struct keda_trigger){.metric_type = HPA_AVERAGE_VALUE,
                               .threshold = threshold,
                               .activation = activation,
                               .null_is_zero = true};
    strcpy(t->name, name);
    strcpy(t->signal, name);
    if (config.trigger_count <= index)
        config.trigger_count = index + 1;
}

/* An exact pool of 0 to 100 with triggers a, b, ... whose threshold is 10. */
static struct world *keda_world(size_t triggers)
{
    static const char *const names[] = {"a", "b", "c"};
    struct world *w = world_new();
    const struct policy_ops *policy = policy_find(span_from("keda"));
    assert_non_null(policy);
    memset(&config, 0, sizeof(config));
    opt_defaults(policy->options, policy->option_count, &config);
    for (size_t i = 0; i < triggers; i++)
        trigger(i, names[i], 10, 0);
    w->pool[0].policy = policy;
    w->pool[0].policy_config = &config;
    w->pool[0].exact = true;
    return w;
}

static void put(struct world *w, const char *name, double value)
{
    struct sample s = world_sample(w, SIGNAL_EXTERNAL, isnan(value) ? SIGNAL_FAILED : SIGNAL_VALUE,
                                   isnan(value) ? 0 : value);
    const int index = group_external_index(w->group, span_from(name));
    assert_true(index >= 0);
    s.external = (uint16_t)index;
    observe(w->group, w->state, &s, 1);
}

static enum reason poll_reason; /* of the last poll() */

/* Half a minute more, with a value of trigger a; NaN = its source failed. A poll and a turn of the
 * HPA together, then another turn. */
static int64_t poll(struct world *w, double value)
{
    for (int i = 0; i < 2; i++) {
        w->now_ns += 15 * SECOND_NS;
        put(w, "a", value);
        w->o.pool[0].ready = group_desired(w->group, w->state, 0);
        (void)world_tick(w, 0);
        if (i == 0)
            poll_reason = (enum reason)w->d[0].proposal.reason;
    }
    return w->d[0].desired;
}

static void it_wakes_above_the_activation_threshold_only_and_to_one(void **state)
{
    (void)state;
    struct world *w = keda_world(1);
    trigger(0, "a", 10, 5);
    world_start(w, 0);
    assert_int_equal(poll(w, 5), 0);
    assert_int_equal(poll_reason, REASON_KEDA_IDLE);
    assert_int_equal(poll(w, 5.1), 1);
    world_free(w);
}

static void woken_in_a_poll_the_hpa_goes_on_from_there_at_once(void **state)
{
    (void)state;
    struct world *w = keda_world(1);
    world_start(w, 0);
    assert_int_equal(poll(w, 0), 0);
    /* 1, then at most four of the simple rule, then at most twice as many. */
    assert_int_equal(poll(w, 80), 8);
    world_free(w);
}

static void it_lets_go_from_any_count_when_the_cooldown_is_over(void **state)
{
    (void)state;
    struct world *w = keda_world(1);
    world_start(w, 6);
    assert_int_equal(poll(w, 60), 6);
    int polls = 0;
    while (poll(w, 0) == 6)
        polls++;
    assert_int_equal(w->d[0].desired, 0);
    assert_int_equal(poll_reason, REASON_KEDA_DEACTIVATED);
    assert_int_equal(polls, 300 / 30); /* longer than the cooldown, not as long */
    world_free(w);
}

static void without_any_activity_the_initial_cooldown_counts(void **state)
{
    (void)state;
    struct world *w = keda_world(1);
    config.initial_cooldown_ns = 2 * MINUTE_NS;
    config.hpa.down_window_ns = HOUR_NS;
    world_start(w, 2);
    for (int i = 0; i < 4; i++)
        assert_int_equal(poll(w, 0), 2);
    assert_int_equal(poll(w, 0), 0);
    world_free(w);
}

static void an_idle_count_takes_the_place_of_zero(void **state)
{
    (void)state;
    struct world *w = keda_world(1);
    config.idle = 0;
    config.min = 3;
    config.cooldown_ns = 0;
    world_start(w, 3);
    assert_int_equal(poll(w, 0), 0);
    assert_int_equal(poll(w, 1), 3);
    assert_int_equal(poll(w, 40), 4);
    world_free(w);
}

static void a_failing_trigger_holds_without_a_fallback(void **state)
{
    (void)state;
    struct world *w = keda_world(1);
    config.cooldown_ns = 0;
    world_start(w, 5);
    for (int i = 0; i < 20; i++)
        assert_int_equal(poll(w, NAN), 5);
    assert_true(w->d[0].proposal.abstain);
    world_free(w);
}

static void each_of_the_five_fallbacks_gives_its_count(void **state)
{
    (void)state;
    static const struct {
        int behavior;
        int64_t start;
        int64_t expected;
    } cases[] = {
        {KEDA_STATIC, 3, 6},
        {KEDA_STATIC, 9, 6},
        {KEDA_CURRENT, 3, 3},
        {KEDA_CURRENT_IF_HIGHER, 3, 6},
        {KEDA_CURRENT_IF_HIGHER, 9, 9},
        {KEDA_CURRENT_IF_LOWER, 3, 3},
        {KEDA_CURRENT_IF_LOWER, 9, 6},
        {KEDA_SCALING_MODIFIERS, 3, 6},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct world *w = keda_world(1);
        config.fallback.failures = 3;
        config.fallback.replicas = 6;
        config.fallback.behavior = cases[i].behavior;
        config.hpa.down_window_ns = 0;
        if (cases[i].behavior == KEDA_SCALING_MODIFIERS) {
            strcpy(config.formula, "a");
            config.target = 10;
        }
        world_start(w, cases[i].start);
        /* Two turns of the HPA and a poll: three failures, not more than three. */
        assert_int_equal(poll(w, NAN), cases[i].start);
        assert_int_equal(poll(w, NAN), cases[i].expected);
        assert_int_equal(poll(w, 10.0 * (double)cases[i].expected), cases[i].expected);
        world_free(w);
    }
}

static void a_fallback_for_a_target_of_value_needs_a_ready_replica(void **state)
{
    (void)state;
    struct world *w = keda_world(1);
    config.trigger[0].metric_type = HPA_VALUE;
    config.fallback.failures = 0;
    config.fallback.replicas = 6;
    world_start(w, 3);
    put(w, "a", NAN);
    w->o.pool[0].ready = 0;
    assert_int_equal(world_tick(w, 0), 3);
    assert_true(w->d[0].proposal.abstain);
    assert_int_equal(poll(w, NAN), 6);
    world_free(w);
}

static void nothing_measured_is_zero_unless_that_is_switched_off(void **state)
{
    (void)state;
    for (int null_is_zero = 0; null_is_zero <= 1; null_is_zero++) {
        struct world *w = keda_world(1);
        config.trigger[0].null_is_zero = null_is_zero;
        config.cooldown_ns = 0;
        world_start(w, 4);
        for (int i = 0; i < 40; i++)
            (void)world_tick(w, 15 * SECOND_NS);
        assert_int_equal(w->d[0].desired, null_is_zero ? 0 : 4);
        world_free(w);
    }
}

static void R2_a_guarded_pool_is_not_lowered_by_an_answer_that_is_missing(void **state)
{
    (void)state;
    struct world *w = keda_world(1);
    w->pool[0].exact = false;
    config.cooldown_ns = 0;
    world_start(w, 4);
    w->o.pool[0].waiting_state = SIGNAL_ABSENT;
    for (int i = 0; i < 40; i++)
        assert_int_equal(world_tick(w, 15 * SECOND_NS), 4);
    assert_true(world_said(w, STAGE_UNKNOWN, REASON_SIGNAL_FAILED));
    world_free(w);
}

static void pauses_hold_a_count_or_a_direction(void **state)
{
    (void)state;
    struct world *w = keda_world(1);
    config.paused = true;
    world_start(w, 4);
    assert_int_equal(poll(w, 500), 4);
    config.paused_at = 7;
    assert_int_equal(poll(w, 500), 7);
    world_free(w);

    w = keda_world(1);
    config.hpa.down_paused = true;
    config.cooldown_ns = 0;
    config.hpa.down_window_ns = 0;
    world_start(w, 4);
    for (int i = 0; i < 30; i++)
        assert_int_equal(poll(w, i < 15 ? 10 : 0), 4);
    assert_int_equal(poll(w, 80), 8);
    world_free(w);

    w = keda_world(1);
    config.hpa.up_paused = true;
    world_start(w, 0);
    assert_int_equal(poll(w, 80), 0);
    assert_int_equal(poll_reason, REASON_KEDA_PAUSED);
    world_free(w);
}

static void forced_activation_needs_no_trigger(void **state)
{
    (void)state;
    struct world *w = keda_world(1);
    config.force = true;
    config.cooldown_ns = 0;
    world_start(w, 0);
    for (int i = 0; i < 30; i++)
        assert_int_equal(poll(w, 0), 1);
    world_free(w);
}

static void a_formula_takes_the_place_of_the_triggers(void **state)
{
    (void)state;
    struct world *w = keda_world(2);
    strcpy(config.formula, "sum([a, b]) / 2");
    config.target = 5;
    config.activation_target = 4;
    world_start(w, 0);
    put(w, "b", 4);
    assert_int_equal(poll(w, 4), 0);
    put(w, "b", 26);
    assert_int_equal(poll(w, 4), 3); /* 15 / 5 */
    world_free(w);
}

static void a_formula_may_do_without_a_trigger_that_failed_for_long(void **state)
{
    (void)state;
    struct world *w = keda_world(2);
    strcpy(config.formula, "a ?? b");
    config.target = 10;
    config.fallback.failures = 2;
    config.fallback.behavior = KEDA_SCALING_MODIFIERS;
    world_start(w, 2);
    put(w, "b", 40);
    assert_int_equal(poll(w, 20), 2);
    assert_int_equal(poll(w, NAN), 4);
    world_free(w);
}

static void one_trigger_in_error_does_not_keep_the_others_from_waking(void **state)
{
    (void)state;
    struct world *w = keda_world(2);
    world_start(w, 0);
    put(w, "b", NAN);
    assert_int_equal(poll(w, 3), 1);
    world_free(w);
}

static void polls_and_turns_of_the_hpa_keep_their_own_time(void **state)
{
    (void)state;
    struct world *w = keda_world(1);
    config.poll_ns = 20 * SECOND_NS;
    config.hpa.period_ns = 15 * SECOND_NS;
    assert_int_equal(w->pool[0].policy->period_ns(&w->pool[0], &config), 5 * SECOND_NS);
    world_start(w, 2);
    int changes = 0;
    for (int i = 1; i <= 12; i++) { /* the HPA at 0, 15, 30, 45, 60 s */
        put(w, "a", 10.0 * (2 + i));
        w->o.pool[0].ready = w->d[0].desired;
        const int64_t before = i == 1 ? 2 : w->d[0].desired;
        changes += world_tick(w, i == 1 ? 0 : 5 * SECOND_NS) != before;
    }
    assert_int_equal(changes, 4); /* 0, 15, 30, 45 s */
    world_free(w);
}

/* Value b in the middle between two polls: the HPA sees it, or what the last poll found. */
static void with_cached_metrics_the_hpa_gets_what_the_last_poll_found(void **state)
{
    (void)state;
    for (int cached = 0; cached <= 1; cached++) {
        struct world *w = keda_world(1);
        trigger(0, "a", 10, 0);
        config.trigger[0].cached = cached != 0;
        world_start(w, 2);
        assert_int_equal(poll(w, 20), 2); /* a poll and a turn, then a turn */
        w->now_ns += 15 * SECOND_NS;
        put(w, "a", 20);
        (void)world_tick(w, 0); /* the poll */
        w->now_ns += 15 * SECOND_NS;
        put(w, "a", 40);
        (void)world_tick(w, 0); /* a turn of the HPA alone */
        assert_int_equal(w->d[0].desired, cached != 0 ? 2 : 4);
        w->now_ns += 15 * SECOND_NS;
        put(w, "a", 40);
        (void)world_tick(w, 0); /* the next poll */
        assert_int_equal(w->d[0].desired, 4);
        w->now_ns += 15 * SECOND_NS;
        put(w, "a", NAN);
        (void)world_tick(w, 0); /* a failure that no poll has found yet */
        assert_int_equal(w->d[0].proposal.abstain, cached == 0);
        world_free(w);
    }
}

static void what_fits_nothing_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *formula;
        int64_t idle;
        int64_t min;
        int fallback;
    } cases[] = {
        {"", 3, 3, KEDA_STATIC},
        {"", -1, 101, KEDA_STATIC},
        {"", -1, -1, KEDA_SCALING_MODIFIERS},
        {"a +", -1, -1, KEDA_STATIC},
        {"a > 1", -1, -1, KEDA_STATIC},
        {"nobody", -1, -1, KEDA_STATIC},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct world *w = keda_world(1);
        struct diag diag = {0};
        strcpy(config.formula, cases[i].formula);
        config.target = 1;
        config.idle = cases[i].idle;
        config.min = cases[i].min;
        config.fallback.behavior = cases[i].fallback;
        assert_int_not_equal(keda_check(&w->pool[0], &config, &diag), RC_OK);
        world_free(w);
    }
}

static void a_changed_configuration_keeps_what_the_loops_remember(void **state)
{
    (void)state;
    struct world *w = keda_world(1);
    world_start(w, 6);
    assert_int_equal(poll(w, 60), 6);
    struct keda_config *next = malloc(sizeof(*next)); /* the old one is read while it changes */
    assert_non_null(next);
    *next = config;
    next->trigger[1] = next->trigger[0];
    strcpy(next->trigger[1].signal, "b");
    next->trigger_count = 2;
    next->hpa.behave = true;
    w->pool[0].policy_config = next;
    world_reload(w);
    put(w, "b", 0);
    assert_int_equal(poll(w, 0), 6); /* the window of the HPA and the cooldown go on */
    const struct keda_state *s = group_policy_state(w->group, w->state, 0);
    assert_int_equal(s->active_ns, w->now_ns - 45 * SECOND_NS);
    assert_int_equal(keda_hpa_state(&w->pool[0], next, s)->started, 1);
    world_free(w);
    free(next);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_wakes_above_the_activation_threshold_only_and_to_one),
        cmocka_unit_test(woken_in_a_poll_the_hpa_goes_on_from_there_at_once),
        cmocka_unit_test(it_lets_go_from_any_count_when_the_cooldown_is_over),
        cmocka_unit_test(without_any_activity_the_initial_cooldown_counts),
        cmocka_unit_test(an_idle_count_takes_the_place_of_zero),
        cmocka_unit_test(a_failing_trigger_holds_without_a_fallback),
        cmocka_unit_test(each_of_the_five_fallbacks_gives_its_count),
        cmocka_unit_test(a_fallback_for_a_target_of_value_needs_a_ready_replica),
        cmocka_unit_test(nothing_measured_is_zero_unless_that_is_switched_off),
        cmocka_unit_test(R2_a_guarded_pool_is_not_lowered_by_an_answer_that_is_missing),
        cmocka_unit_test(pauses_hold_a_count_or_a_direction),
        cmocka_unit_test(forced_activation_needs_no_trigger),
        cmocka_unit_test(a_formula_takes_the_place_of_the_triggers),
        cmocka_unit_test(a_formula_may_do_without_a_trigger_that_failed_for_long),
        cmocka_unit_test(one_trigger_in_error_does_not_keep_the_others_from_waking),
        cmocka_unit_test(polls_and_turns_of_the_hpa_keep_their_own_time),
        cmocka_unit_test(with_cached_metrics_the_hpa_gets_what_the_last_poll_found),
        cmocka_unit_test(what_fits_nothing_is_refused),
        cmocka_unit_test(a_changed_configuration_keeps_what_the_loops_remember),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
