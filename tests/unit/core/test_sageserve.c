/* The policy sageserve: one step at a time by memory, and once an hour a count for the prompts. */
#include "world.h"

struct config_bytes {
    unsigned char bytes[512];
};
static struct config_bytes config __attribute__((aligned(16)));

static struct world *sage_world(bool forecast, int64_t ready)
{
    struct world *w = world_new();
    const struct policy_ops *policy = policy_find(span_from("sageserve"));
    assert_non_null(policy);
    assert_in_range(policy->config_size, 1, sizeof(config));
    opt_defaults(policy->options, policy->option_count, &config);
    if (forecast) {
        const struct opt *row =
            opt_find(policy->options, policy->option_count, span_from("forecast"));
        config.bytes[row->offset] = 1;
    }
    w->pool[0].policy = policy;
    w->pool[0].policy_config = &config;
    w->pool[0].exact = true;
    w->pool[0].replicas_min = 1;
    w->pool[0].replicas_max = 20;
    world_start(w, ready);
    return w;
}

static int64_t tick(struct world *w, double kv, int64_t ready, int64_t pending)
{
    w->now_ns += 15 * SECOND_NS;
    world_put(w, SIGNAL_KV_CACHE_USAGE, SIGNAL_VALUE, kv);
    w->o.pool[0].ready = ready;
    w->o.pool[0].pending = pending;
    w->o.pool[0].actual_count = ready + pending;
    return world_tick(w, 0);
}

static void one_at_a_time_between_two_thresholds(void **state)
{
    (void)state;
    struct world *w = sage_world(false, 3);
    assert_int_equal(tick(w, 0.5, 3, 0), 3); /* not above */
    assert_int_equal(tick(w, 0.51, 3, 0), 4);
    assert_int_equal(tick(w, 0.99, 3, 1), 4); /* the step is under way */
    assert_true(world_said(w, STAGE_POLICY, REASON_SAGE_MOVING));
    assert_int_equal(tick(w, 0.99, 4, 0), 5);
    assert_int_equal(tick(w, 0.3, 5, 0), 5);
    assert_int_equal(tick(w, 0.24, 5, 0), 4);
    world_free(w);
}

static void bounds_hold(void **state)
{
    (void)state;
    struct world *w = sage_world(false, 1);
    assert_int_equal(tick(w, 0, 1, 0), 1);
    world_free(w);
    w = sage_world(false, 20);
    assert_int_equal(tick(w, 1, 20, 0), 20);
    world_free(w);
}

/* Prompts at `rate` tokens a second for some minutes, told every 15 s. */
static int64_t minutes(struct world *w, int64_t count, double rate, double slope_per_min)
{
    int64_t desired = w->d[0].desired;
    for (int64_t i = 0; i < 4 * count; i++) {
        world_put(w, SIGNAL_PROMPT_TOKENS_PER_SECOND, SIGNAL_VALUE,
                  15 * (rate + slope_per_min * (double)i / 4));
        desired = tick(w, 0.5, w->d[0].desired > 0 ? w->d[0].desired : 4, 0);
    }
    return desired;
}

static void every_hour_the_count_is_for_what_is_foreseen(void **state)
{
    (void)state;
    struct world *w = sage_world(true, 4);
    w->d[0].desired = 4;
    assert_int_equal(minutes(w, 9, 30000, 0), 4); /* nothing is foreseen from less */
    assert_int_equal(minutes(w, 5, 30000, 0), 8); /* 30,000 / 4,000 */
    assert_int_equal(minutes(w, 50, 8000, 0), 8); /* for an hour */
    assert_true(minutes(w, 20, 8000, 0) < 8);
    world_free(w);
}

static void a_rise_is_carried_on(void **state)
{
    (void)state;
    struct world *flat = sage_world(true, 4);
    flat->d[0].desired = 4;
    (void)minutes(flat, 65, 20000, 0);
    const int64_t without = minutes(flat, 15, 20000, 0);
    world_free(flat);
    struct world *rising = sage_world(true, 4);
    rising->d[0].desired = 4;
    (void)minutes(rising, 65, 8000, 12000.0 / 65);
    const int64_t with = minutes(rising, 15, 20000, 0);
    assert_true(with > without);
    world_free(rising);
}

static void under_a_forecast_only_a_full_memory_adds_and_nothing_goes_below_it(void **state)
{
    (void)state;
    struct world *w = sage_world(true, 4);
    w->d[0].desired = 4;
    assert_int_equal(minutes(w, 15, 30000, 0), 8);
    assert_int_equal(tick(w, 0.6, 8, 0), 8);
    assert_int_equal(tick(w, 0.91, 8, 0), 9);
    assert_int_equal(tick(w, 0.01, 9, 0), 8);
    assert_int_equal(tick(w, 0.01, 8, 0), 8);
    world_free(w);
}

static void unknown_memory_decides_nothing(void **state)
{
    (void)state;
    struct world *w = sage_world(false, 5);
    w->now_ns += 15 * SECOND_NS;
    world_put(w, SIGNAL_KV_CACHE_USAGE, SIGNAL_FAILED, 0);
    w->o.pool[0].ready = 5;
    assert_int_equal(world_tick(w, 0), 5);
    assert_true(w->d[0].proposal.abstain);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_at_a_time_between_two_thresholds),
        cmocka_unit_test(bounds_hold),
        cmocka_unit_test(every_hour_the_count_is_for_what_is_foreseen),
        cmocka_unit_test(a_rise_is_carried_on),
        cmocka_unit_test(under_a_forecast_only_a_full_memory_adds_and_nothing_goes_below_it),
        cmocka_unit_test(unknown_memory_decides_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
