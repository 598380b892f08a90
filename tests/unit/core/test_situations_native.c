/* The situations in which stages meet, on pools with the real policies: same numbers as with a
 * policy that says what the test wants. */
#include "world.h"

#define LIMIT 10 /* concurrency limit; adaptive takes seven of ten as full */

/* A policy with what makes it ask for a count. */
struct subject {
    const char *name;
    void (*prepare)(struct pool_spec *pool, unsigned char *config);
    void (*feed)(struct world *w, int64_t count);
};

static unsigned char config_bytes[256] __attribute__((aligned(16)));

static void prepare_ratio(struct pool_spec *pool, unsigned char *config)
{
    (void)config;
    pool->metric[0] = world_metric("queue-depth", "1");
    pool->metric[0].window_ns = SECOND_NS;
    pool->metric_count = 1;
}

static void feed_ratio(struct world *w, int64_t count)
{
    world_put(w, SIGNAL_QUEUE_DEPTH, SIGNAL_VALUE, (double)count);
    w->o.pool[0].in_flight_requests = count;
}

static void prepare_adaptive(struct pool_spec *pool, unsigned char *config)
{
    const int64_t hold_ns = SECOND_NS;
    memcpy(config, &hold_ns, sizeof(hold_ns)); /* its first option */
    pool->concurrency_limit = LIMIT;
}

static void feed_adaptive(struct world *w, int64_t count)
{
    int64_t requests = count * LIMIT;
    while (requests > 0 &&
           replicas_for(((double)requests + sqrt((double)requests)) / (0.7 * LIMIT)) > count)
        requests--;
    w->o.pool[0].in_flight_requests = requests;
}

static const struct subject subjects[] = {
    {"ratio", prepare_ratio, feed_ratio},
    {"adaptive", prepare_adaptive, feed_adaptive},
};

static struct world *world_of(const struct subject *s)
{
    struct world *w = world_new();
    const struct policy_ops *policy = policy_find(span_from(s->name));
    assert_non_null(policy);
    assert_in_range(policy->config_size, 0, sizeof(config_bytes));
    opt_defaults(policy->options, policy->option_count, config_bytes);
    w->pool[0].policy = policy;
    w->pool[0].policy_config = config_bytes;
    w->pool[0].behavior.tolerance = 0;
    s->prepare(&w->pool[0], config_bytes);
    return w;
}

static int64_t ask(struct world *w, const struct subject *s, int64_t after_ns, int64_t count)
{
    s->feed(w, count);
    if (w->pool[0].metric_count > 0 && after_ns > SECOND_NS)
        w->now_ns += after_ns - SECOND_NS; /* the window ends with this sample */
    s->feed(w, count);
    return world_tick(w,
                      after_ns > SECOND_NS && w->pool[0].metric_count > 0 ? SECOND_NS : after_ns);
}

static void spike_at_zero_a_minute_after_scaling_down_gives_1_at_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(subjects); i++) {
        struct world *w = world_of(&subjects[i]);
        w->pool[0].behavior.up.stabilization_ns = MINUTE_NS;
        w->pool[0].behavior.cooldown_ns = 5 * MINUTE_NS;
        w->pool[0].behavior.cooldown_applies = COOLDOWN_BOTH;
        world_start(w, 1);
        w->o.pool[0].idle_ns = HOUR_NS;
        assert_int_equal(ask(w, &subjects[i], 10 * MINUTE_NS, 0), 0);
        w->o.pool[0].ready = 0;
        assert_int_equal(ask(w, &subjects[i], MINUTE_NS, 0), 0);
        w->o.pool[0].waiting_requests = 3;
        w->o.cause = TICK_WAKE;
        assert_int_equal(world_tick(w, 100 * MILLISECOND_NS), 1);
        assert_true(w->d[0].wake);
        world_free(w);
    }
}

static void
outage_at_12_with_another_metric_saying_3_and_a_budget_falling_to_8_gives_12_then_8(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(subjects); i++) {
        struct world *w = world_of(&subjects[i]);
        const bool metrics = w->pool[0].metric_count > 0;
        if (metrics) {
            w->pool[0].metric[1] = world_metric("concurrency", "10");
            w->pool[0].metric_count = 2;
        }
        world_start(w, 12);
        if (metrics) {
            world_put(w, SIGNAL_QUEUE_DEPTH, SIGNAL_FAILED, 0);
            world_put(w, SIGNAL_CONCURRENCY, SIGNAL_VALUE, 30);
        } else { /* the gateway is silent, an engine says that little runs */
            w->o.pool[0].waiting_state = SIGNAL_FAILED;
            world_put(w, SIGNAL_RUNNING_REQUESTS, SIGNAL_VALUE, 3);
        }
        assert_int_equal(world_tick(w, 10 * SECOND_NS), 12);
        w->o.pool[0].budget_limit = 8;
        assert_int_equal(world_tick(w, SECOND_NS), 8);
        world_free(w);
    }
}

static void budget_10_in_a_spike_8_to_20_gives_10_as_soon_as_pace_allows(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(subjects); i++) {
        struct world *w = world_of(&subjects[i]);
        w->pool[0].behavior.up.change_absolute = 1;
        w->pool[0].behavior.up.period_ns = 30 * SECOND_NS;
        world_start(w, 8);
        w->o.pool[0].budget_limit = 10;
        assert_int_equal(ask(w, &subjects[i], 2 * SECOND_NS, 20), 9);
        assert_int_equal(ask(w, &subjects[i], 2 * SECOND_NS, 20), 9);
        assert_int_equal(ask(w, &subjects[i], 28 * SECOND_NS, 20), 10);
        assert_int_equal(ask(w, &subjects[i], 60 * SECOND_NS, 20), 10);
        assert_true(world_said(w, STAGE_FLEET, REASON_BUDGET));
        world_free(w);
    }
}

static void slo_breach_of_10_at_6_during_cooldown_gives_16(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(subjects); i++) {
        struct world *w = world_of(&subjects[i]);
        w->pool[0].slo.ttft_ns = 500 * MILLISECOND_NS;
        w->pool[0].slo_target.enabled = true;
        w->pool[0].slo_target.max_scale_up = 10;
        w->pool[0].behavior.cooldown_ns = 5 * MINUTE_NS;
        w->pool[0].behavior.cooldown_applies = COOLDOWN_BOTH;
        w->pool[0].behavior.up.change_absolute = 2;
        world_start(w, 7);
        assert_int_equal(ask(w, &subjects[i], SECOND_NS, 6), 7);
        assert_int_equal(ask(w, &subjects[i], 5 * MINUTE_NS, 6), 6);
        w->o.pool[0].ready = 6;
        for (int k = 0; k < 100; k++)
            world_put(w, SIGNAL_TTFT, SIGNAL_VALUE, 4.0);
        assert_int_equal(ask(w, &subjects[i], SECOND_NS, 6), 16);
        assert_true(w->d[0].urgent);
        assert_int_equal(ask(w, &subjects[i], SECOND_NS, 6), 16);
        world_free(w);
    }
}

static void maximum_lowered_from_20_to_8_by_reload_at_16_gives_8(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(subjects); i++) {
        struct world *w = world_of(&subjects[i]);
        w->pool[0].replicas_max = 20;
        w->pool[0].behavior.down.stabilization_ns = 5 * MINUTE_NS;
        w->pool[0].behavior.down.change_absolute = 1;
        w->pool[0].behavior.cooldown_ns = 5 * MINUTE_NS;
        world_start(w, 16);
        assert_int_equal(ask(w, &subjects[i], SECOND_NS, 16), 16);
        w->pool[0].replicas_max = 8;
        world_reload(w);
        assert_int_equal(ask(w, &subjects[i], SECOND_NS, 16), 8);
        world_free(w);
    }
}

static void pin_10_with_schedule_floor_15_gives_10(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(subjects); i++) {
        struct world *w = world_of(&subjects[i]);
        w->pool[0].schedule_count = 1;
        world_start(w, 12);
        w->o.pool[0].schedule_now = 15;
        assert_int_equal(ask(w, &subjects[i], SECOND_NS, 4), 15);
        w->o.pool[0].pin_count = 10;
        assert_int_equal(ask(w, &subjects[i], SECOND_NS, 4), 10);
        world_free(w);
    }
}

static void everything_failed_and_maximum_lowered_to_4_gives_4(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(subjects); i++) {
        struct world *w = world_of(&subjects[i]);
        world_start(w, 12);
        for (size_t signal = 0; signal < SIGNAL_EXTERNAL; signal++)
            world_put(w, (enum signal_id)signal, SIGNAL_FAILED, 0);
        w->o.pool[0].waiting_state = SIGNAL_FAILED;
        assert_int_equal(world_tick(w, 10 * MINUTE_NS), 12);
        w->pool[0].replicas_max = 4;
        world_reload(w);
        assert_int_equal(world_tick(w, SECOND_NS), 4);
        world_free(w);
    }
}

static void inventory_falling_from_16_to_6_at_16_gives_6(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(subjects); i++) {
        struct world *w = world_of(&subjects[i]);
        w->pool[0].replicas_min = 8;
        w->pool[0].behavior.down.stabilization_ns = 5 * MINUTE_NS;
        world_start(w, 16);
        w->o.pool[0].inventory_limit = 16;
        assert_int_equal(ask(w, &subjects[i], SECOND_NS, 16), 16);
        w->o.pool[0].inventory_limit = 6;
        assert_int_equal(ask(w, &subjects[i], SECOND_NS, 16), 6);
        w->o.pool[0].pin_count = 16;
        assert_int_equal(ask(w, &subjects[i], SECOND_NS, 16), 6);
        world_free(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spike_at_zero_a_minute_after_scaling_down_gives_1_at_once),
        cmocka_unit_test(
            outage_at_12_with_another_metric_saying_3_and_a_budget_falling_to_8_gives_12_then_8),
        cmocka_unit_test(budget_10_in_a_spike_8_to_20_gives_10_as_soon_as_pace_allows),
        cmocka_unit_test(slo_breach_of_10_at_6_during_cooldown_gives_16),
        cmocka_unit_test(maximum_lowered_from_20_to_8_by_reload_at_16_gives_8),
        cmocka_unit_test(pin_10_with_schedule_floor_15_gives_10),
        cmocka_unit_test(everything_failed_and_maximum_lowered_to_4_gives_4),
        cmocka_unit_test(inventory_falling_from_16_to_6_at_16_gives_6),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
