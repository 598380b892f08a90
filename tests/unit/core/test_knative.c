/* The policy knative: panic, rates, delay, bounds, the last replica, and what being guarded adds.
 */
#include "world.h"

#include "core/policy/knative.h"

#define TARGET 10

static struct knative_config config;

static struct world *knative_world(bool exact, enum knative_metric metric)
{
    struct world *w = world_new();
    const struct policy_ops *policy = policy_find(span_from("knative"));
    assert_non_null(policy);
    opt_defaults(policy->options, policy->option_count, &config);
    config.metric = metric;
    config.target = TARGET;
    config.total = TARGET;
    config.initial_scale = 0;
    w->pool[0].policy = policy;
    w->pool[0].policy_config = &config;
    w->pool[0].exact = exact;
    return w;
}

/* Two averages as a source reports them, then a tick with so many ready replicas. */
static int64_t average(struct world *w, int64_t after_s, double stable, double panic, int64_t ready)
{
    const char *const names[] = {"stable-average", "panic-average"};
    w->now_ns += after_s * SECOND_NS;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const int index = group_external_index(w->group, span_from(names[i]));
        assert_true(index >= 0);
        struct sample s = world_sample(w, SIGNAL_EXTERNAL, SIGNAL_VALUE, i == 0 ? stable : panic);
        s.external = (uint16_t)index;
        observe(w->group, w->state, &s, 1);
    }
    w->o.pool[0].ready = ready;
    return world_tick(w, 0);
}

static const struct knative_state *state_of(const struct world *w)
{
    return group_policy_state(w->group, w->state, 0);
}

static bool in_panic(const struct world *w)
{
    return state_of(w)->panic_since_ns != TIME_NONE;
}

static void panic_is_left_only_after_a_full_stable_window(void **state)
{
    (void)state;
    struct world *w = knative_world(true, KNATIVE_AVERAGES);
    world_start(w, 1);
    assert_int_equal(average(w, 2, 10, 25, 1), 3); /* 3 for 1 ready: twice is the threshold */
    assert_true(in_panic(w));
    assert_int_equal(average(w, 60, 10, 10, 3), 3); /* one window later, to the second: still */
    assert_true(in_panic(w));
    assert_int_equal(average(w, 2, 10, 10, 3), 1);
    assert_false(in_panic(w));
    assert_int_equal(state_of(w)->panic_most, 0);
    world_free(w);
}

static void panic_never_lowers_and_a_new_cause_extends_it(void **state)
{
    (void)state;
    struct world *w = knative_world(true, KNATIVE_AVERAGES);
    world_start(w, 1);
    assert_int_equal(average(w, 2, 10, 80, 1), 8);
    assert_int_equal(average(w, 30, 10, 30, 1), 8); /* 3 for 1 ready: a cause again */
    assert_int_equal(average(w, 58, 10, 10, 8), 8);
    assert_true(in_panic(w));
    assert_int_equal(average(w, 4, 10, 10, 8), 4); /* no more than halved */
    assert_false(in_panic(w));
    world_free(w);
}

static void it_starts_in_panic_where_more_than_one_replica_runs(void **state)
{
    (void)state;
    struct world *w = knative_world(true, KNATIVE_AVERAGES);
    world_start(w, 7);
    assert_true(in_panic(w));
    assert_int_equal(average(w, 2, 10, 10, 7), 7);
    world_free(w);
}

static void rates_limit_each_evaluation_by_what_is_ready(void **state)
{
    (void)state;
    struct world *w = knative_world(true, KNATIVE_AVERAGES);
    config.up_rate = 2;
    config.panic_threshold = 10;
    world_start(w, 1);
    assert_int_equal(average(w, 2, 80, 80, 1), 2);
    assert_int_equal(average(w, 2, 80, 80, 2), 4);
    assert_int_equal(average(w, 2, 1, 1, 9), 4);
    world_free(w);
}

static void the_activation_scale_is_above_the_rate_limit(void **state)
{
    (void)state;
    struct world *w = knative_world(true, KNATIVE_AVERAGES);
    config.up_rate = 2;
    config.panic_threshold = 10;
    config.activation_scale = 5;
    world_start(w, 1);
    assert_int_equal(average(w, 2, 10, 10, 1), 5);
    assert_int_equal(w->d[0].proposal.reason, REASON_KPA_BOUND);
    world_free(w);
}

static void a_lower_number_waits_for_the_delay(void **state)
{
    (void)state;
    struct world *w = knative_world(true, KNATIVE_AVERAGES);
    config.delay_ns = 10 * SECOND_NS;
    config.panic_threshold = 10;
    world_start(w, 1);
    assert_int_equal(average(w, 2, 40, 40, 1), 4);
    assert_int_equal(average(w, 8, 20, 20, 4), 4);
    assert_int_equal(w->d[0].proposal.reason, REASON_KPA_DELAY);
    assert_int_equal(average(w, 2, 20, 20, 4), 2);
    world_free(w);
}

static void an_exact_one_keeps_the_delay_it_was_made_with_and_a_guarded_one_follows(void **state)
{
    (void)state;
    for (int exact = 0; exact <= 1; exact++) {
        struct world *w = knative_world(exact, KNATIVE_AVERAGES);
        struct knative_config changed = config;
        changed.panic_threshold = config.panic_threshold = 10;
        config.delay_ns = 60 * SECOND_NS;
        world_start(w, 1);
        assert_int_equal(average(w, 2, 40, 40, 1), 4);
        changed.delay_ns = 0;
        w->pool[0].policy_config = &changed;
        world_reload(w);
        assert_int_equal(average(w, 2, 20, 20, 4), exact ? 4 : 2);
        world_free(w);
    }
}

static void a_guarded_one_holds_what_runs_for_the_delay(void **state)
{
    (void)state;
    struct world *w = knative_world(false, KNATIVE_AVERAGES);
    config.delay_ns = 20 * SECOND_NS;
    world_start(w, 1);
    assert_int_equal(average(w, 2, 0, 0, 1), 1);
    assert_int_equal(w->d[0].proposal.reason, REASON_KPA_DELAY);
    world_free(w);
}

static void unknown_averages_leave_the_count_and_the_state(void **state)
{
    (void)state;
    struct world *w = knative_world(true, KNATIVE_AVERAGES);
    world_start(w, 5);
    assert_int_equal(world_tick(w, 2 * SECOND_NS), 5);
    assert_true(w->d[0].proposal.abstain);
    w->o.pool[0].counts_state = SIGNAL_FAILED;
    assert_int_equal(average(w, 2, 10, 10, 5), 5);
    assert_true(w->d[0].proposal.abstain);
    assert_int_equal(w->d[0].proposal.reason, REASON_UNCOUNTED);
    world_free(w);
}

static void a_guarded_one_never_lowers_while_replicas_are_not_counted(void **state)
{
    (void)state;
    struct world *w = knative_world(false, KNATIVE_AVERAGES);
    world_start(w, 1);
    assert_int_equal(average(w, 2, 40, 40, 1), 4);
    assert_int_equal(average(w, 60, 10, 10, 4), 4); /* panic is over at the next evaluation */
    w->o.pool[0].counts_state = SIGNAL_FAILED;
    assert_int_equal(average(w, 2, 10, 10, 4), 4);
    w->o.pool[0].counts_state = SIGNAL_VALUE;
    assert_int_equal(average(w, 2, 10, 10, 4), 2);
    world_free(w);
}

static void concurrency_of_the_pool_is_averaged_at_any_pace(void **state)
{
    (void)state;
    for (int64_t pace = 1; pace <= 4; pace++) {
        struct world *w = knative_world(false, KNATIVE_CONCURRENCY);
        world_start(w, 2);
        w->o.pool[0].ready = 2;
        for (int64_t t = 0; t < 120; t += pace) {
            w->now_ns += pace * SECOND_NS;
            world_put(w, SIGNAL_CONCURRENCY, SIGNAL_VALUE, 35);
            (void)world_tick(w, 0);
        }
        assert_true(fabs(w->d[0].proposal.number[0] - 35) < 1e-6);
        assert_true(fabs(w->d[0].proposal.number[1] - 35) < 1e-6);
        assert_int_equal(w->d[0].desired, 4);
        world_free(w);
    }
}

static void a_silent_source_is_no_zero(void **state)
{
    (void)state;
    struct world *w = knative_world(false, KNATIVE_CONCURRENCY);
    world_start(w, 4);
    for (int t = 0; t < 30; t++) {
        w->now_ns += 2 * SECOND_NS;
        world_put(w, SIGNAL_CONCURRENCY, SIGNAL_VALUE, 40);
        (void)world_tick(w, 0);
    }
    for (int t = 0; t < 300; t++)
        assert_int_equal(world_tick(w, 2 * SECOND_NS), 4);
    world_free(w);
}

static void the_last_replica_goes_after_window_and_grace(void **state)
{
    (void)state;
    struct world *w = knative_world(false, KNATIVE_CONCURRENCY);
    world_start(w, 1);
    int64_t gone_s = 0;
    for (int64_t t = 2; t <= 300 && gone_s == 0; t += 2) {
        w->now_ns += 2 * SECOND_NS;
        world_put(w, SIGNAL_CONCURRENCY, SIGNAL_VALUE, 0);
        if (world_tick(w, 0) == 0)
            gone_s = t;
    }
    /* 60 s active since the start, 30 s of grace after it became inactive. */
    assert_int_equal(gone_s, 90);
    world_free(w);
}

static void a_request_in_front_of_no_replica_starts_one_at_once(void **state)
{
    (void)state;
    struct world *w = knative_world(false, KNATIVE_CONCURRENCY);
    world_start(w, 0);
    world_put(w, SIGNAL_CONCURRENCY, SIGNAL_VALUE, 0);
    assert_int_equal(world_tick(w, SECOND_NS), 0);
    w->now_ns += SECOND_NS;
    world_put(w, SIGNAL_CONCURRENCY, SIGNAL_VALUE, 15);
    w->o.cause = TICK_WAKE;
    assert_int_equal(world_tick(w, 0), 1); /* 8 on average over the two seconds that are known */
    world_free(w);
}

static void its_state_fits_the_budget(void **state)
{
    (void)state;
    struct world *w = knative_world(false, KNATIVE_CONCURRENCY);
    world_start(w, 1);
    assert_in_range(group_state_size(w->group), 1, 1500);
    world_free(w);
}

static void impossible_configurations_are_refused(void **state)
{
    (void)state;
    struct world *w = knative_world(true, KNATIVE_CONCURRENCY);
    struct diag diag = {0};
    config.target = 0;
    assert_int_equal(pool_spec_check(&w->pool[0], &diag), RC_RANGE);
    config.target = 1;
    config.down_rate = 1;
    assert_int_equal(pool_spec_check(&w->pool[0], &diag), RC_RANGE);
    config.down_rate = 2;
    config.panic_window_ns = 2 * config.stable_window_ns;
    assert_int_equal(pool_spec_check(&w->pool[0], &diag), RC_RANGE);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(panic_is_left_only_after_a_full_stable_window),
        cmocka_unit_test(panic_never_lowers_and_a_new_cause_extends_it),
        cmocka_unit_test(it_starts_in_panic_where_more_than_one_replica_runs),
        cmocka_unit_test(rates_limit_each_evaluation_by_what_is_ready),
        cmocka_unit_test(the_activation_scale_is_above_the_rate_limit),
        cmocka_unit_test(a_lower_number_waits_for_the_delay),
        cmocka_unit_test(an_exact_one_keeps_the_delay_it_was_made_with_and_a_guarded_one_follows),
        cmocka_unit_test(a_guarded_one_holds_what_runs_for_the_delay),
        cmocka_unit_test(unknown_averages_leave_the_count_and_the_state),
        cmocka_unit_test(a_guarded_one_never_lowers_while_replicas_are_not_counted),
        cmocka_unit_test(concurrency_of_the_pool_is_averaged_at_any_pace),
        cmocka_unit_test(a_silent_source_is_no_zero),
        cmocka_unit_test(the_last_replica_goes_after_window_and_grace),
        cmocka_unit_test(a_request_in_front_of_no_replica_starts_one_at_once),
        cmocka_unit_test(its_state_fits_the_budget),
        cmocka_unit_test(impossible_configurations_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
