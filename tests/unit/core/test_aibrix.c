/* The policies aibrix-kpa and aibrix-apa: the peer's numbers, its three defects and their
 * corrections, its bounds and windows. */
#include "world.h"

#include "core/policy/aibrix.h"

static struct aibrix_config config;

static struct world *aibrix_world(const char *name, bool exact, bool corrected)
{
    struct world *w = world_new();
    const struct policy_ops *policy = policy_find(span_from(name));
    assert_non_null(policy);
    memset(&config, 0, sizeof(config));
    opt_defaults(policy->options, policy->option_count, &config);
    config.corrected = corrected;
    config.metric_count = 1;
    config.metric[0] = (struct aibrix_metric){.name = "load", .target = 10, .per_pod = true};
    w->pool[0].policy = policy;
    w->pool[0].policy_config = &config;
    w->pool[0].exact = exact;
    w->pool[0].replicas_min = 1;
    return w;
}

static void put(struct world *w, enum signal_state state, double value)
{
    struct sample s = world_sample(w, SIGNAL_EXTERNAL, state, value);
    observe(w->group, w->state, &s, 1);
}

/* One period later, with a mean per pod; everything that is wanted is ready. */
static int64_t period(struct world *w, double value)
{
    w->now_ns += config.period_ns;
    put(w, SIGNAL_VALUE, value);
    w->o.pool[0].ready = group_desired(w->group, w->state, 0);
    return world_tick(w, 0);
}

static const struct aibrix_metric_state *metric_of(const struct world *w)
{
    return aibrix_metric_states(group_policy_state(w->group, w->state, 0));
}

static void the_peer_halves_a_fleet_under_overload_and_a_corrected_one_raises_it(void **state)
{
    (void)state;
    for (int corrected = 0; corrected <= 1; corrected++) {
        struct world *w = aibrix_world("aibrix-kpa", true, corrected);
        world_start(w, 10);
        assert_int_equal(period(w, 15), corrected ? 15 : 5); /* each pod at 1.5 of its target */
        world_free(w);
    }
}

static void lowering_takes_the_smallest_number_of_the_window_or_corrected_the_largest(void **state)
{
    (void)state;
    for (int corrected = 0; corrected <= 1; corrected++) {
        struct aibrix_record items[8];
        uint32_t count = 0;
        const struct aibrix_records records = {items, &count, COUNT_OF(items)};
        const struct aibrix_windows windows = {.down_ns = 300 * SECOND_NS, .corrected = corrected};
        assert_int_equal(aibrix_cool(&records, &windows, 0, 3, 10), 3);
        assert_int_equal(aibrix_cool(&records, &windows, 10 * SECOND_NS, 9, 10), corrected ? 9 : 3);
        assert_int_equal(aibrix_cool(&records, &windows, 20 * SECOND_NS, 4, 10), corrected ? 9 : 3);
        /* What was wanted above the present count holds, but does not raise. */
        assert_int_equal(aibrix_cool(&records, &windows, 30 * SECOND_NS, 4, 5), corrected ? 5 : 3);
    }
}

static void panic_is_remembered_by_a_corrected_one_only(void **state)
{
    (void)state;
    for (int corrected = 0; corrected <= 1; corrected++) {
        struct world *w = aibrix_world("aibrix-kpa", true, corrected);
        config.panic_ns = config.period_ns;
        config.down_cooldown_ns = 0;
        world_start(w, 2);
        for (int i = 0; i < 18; i++)
            (void)period(w, 10);
        (void)period(w, 50);
        assert_true(metric_of(w)->in_panic);
        const int64_t most = w->d[0].desired;
        (void)period(w, 5);
        (void)period(w, 5);
        assert_int_equal(metric_of(w)->in_panic, corrected);
        if (corrected)
            assert_true(w->d[0].desired >= most); /* for a minute after its last cause */
        world_free(w);
    }
}

static void nothing_at_all_is_no_panic_when_corrected(void **state)
{
    (void)state;
    for (int corrected = 0; corrected <= 1; corrected++) {
        struct world *w = aibrix_world("aibrix-kpa", true, corrected);
        world_start(w, 2);
        (void)period(w, 0);
        assert_int_equal(metric_of(w)->in_panic, !corrected);
        world_free(w);
    }
}

static void apa_multiplies_the_replicas_within_its_rates(void **state)
{
    (void)state;
    struct world *w = aibrix_world("aibrix-apa", true, false);
    world_start(w, 4);
    assert_int_equal(period(w, 10.9), 4); /* within the tolerance */
    world_free(w);
    w = aibrix_world("aibrix-apa", true, false);
    world_start(w, 4);
    assert_int_equal(period(w, 13), 6);
    world_free(w);
    w = aibrix_world("aibrix-apa", true, false);
    world_start(w, 4);
    assert_int_equal(period(w, 95), 8);
    world_free(w);
}

/* What the whole pool has waiting is shared by its ready replicas before it is held against the
 * target. */
static void a_sum_of_the_pool_becomes_a_mean_over_its_ready_replicas(void **state)
{
    (void)state;
    struct world *w = aibrix_world("aibrix-apa", true, false);
    config.metric_count = 0;
    w->pool[0].metric[0] = world_metric("tokens-in-queue", "1000");
    w->pool[0].metric_count = 1;
    world_start(w, 4);
    w->now_ns += config.period_ns;
    world_put(w, SIGNAL_TOKENS_IN_QUEUE, SIGNAL_VALUE, 5200);
    assert_int_equal(world_tick(w, 0), 6); /* 1300 each, as if 13 for 10 */
    world_free(w);
}

static void a_failed_source_leaves_the_count_and_the_windows(void **state)
{
    (void)state;
    struct world *w = aibrix_world("aibrix-apa", true, false);
    world_start(w, 4);
    (void)period(w, 10);
    w->now_ns += config.period_ns;
    put(w, SIGNAL_FAILED, 0);
    assert_int_equal(world_tick(w, 0), 4);
    assert_true(w->d[0].proposal.abstain);
    assert_int_equal(metric_of(w)->stable_count, 1);
    world_free(w);
}

static void a_dated_bound_replaces_the_bound_of_the_pool(void **state)
{
    (void)state;
    for (int exact = 0; exact <= 1; exact++) {
        struct world *w = aibrix_world("aibrix-apa", exact, true);
        w->pool[0].replicas_max = 5;
        world_start(w, 4);
        w->o.pool[0].bound_min = 7;
        w->o.pool[0].bound_max = 9;
        assert_int_equal(period(w, 10), 7);
        w->o.pool[0].bound_min = NO_COUNT;
        w->o.pool[0].bound_max = NO_COUNT;
        assert_int_equal(period(w, 10), 5);
        world_free(w);
    }
}

static void windows_are_made_anew_when_their_length_changes(void **state)
{
    (void)state;
    struct world *w = aibrix_world("aibrix-apa", true, true);
    struct aibrix_config changed;
    world_start(w, 4);
    (void)period(w, 10);
    (void)period(w, 10);
    changed = config;
    changed.up_rate = 3;
    w->pool[0].policy_config = &changed;
    world_reload(w);
    assert_int_equal(metric_of(w)->stable_count, 2);
    struct aibrix_config longer = changed;
    longer.observe_ns *= 2;
    w->pool[0].policy_config = &longer;
    world_reload(w);
    assert_int_equal(metric_of(w)->stable_count, 0);
    assert_int_equal(metric_of(w)->replicas, 4);
    world_free(w);
}

static void a_day_fits_the_state(void **state)
{
    (void)state;
    struct world *w = aibrix_world("aibrix-kpa", true, true);
    world_start(w, 4);
    for (int i = 0; i < 8640; i++) {
        (void)period(w, i % 30);
        assert_true(
            aibrix_state_valid(&w->pool[0], &config, group_policy_state(w->group, w->state, 0)));
    }
    assert_int_equal(metric_of(w)->stable_count, 180 / 10 + 1);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_peer_halves_a_fleet_under_overload_and_a_corrected_one_raises_it),
        cmocka_unit_test(lowering_takes_the_smallest_number_of_the_window_or_corrected_the_largest),
        cmocka_unit_test(panic_is_remembered_by_a_corrected_one_only),
        cmocka_unit_test(nothing_at_all_is_no_panic_when_corrected),
        cmocka_unit_test(apa_multiplies_the_replicas_within_its_rates),
        cmocka_unit_test(a_sum_of_the_pool_becomes_a_mean_over_its_ready_replicas),
        cmocka_unit_test(a_failed_source_leaves_the_count_and_the_windows),
        cmocka_unit_test(a_dated_bound_replaces_the_bound_of_the_pool),
        cmocka_unit_test(windows_are_made_anew_when_their_length_changes),
        cmocka_unit_test(a_day_fits_the_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
