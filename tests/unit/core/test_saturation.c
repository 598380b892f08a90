/* The policies saturation-v1 and saturation-v2: their analyzers on the signals of one pool. The
 * arithmetic itself is held against recorded vectors. */
#include "world.h"

struct config_bytes {
    unsigned char bytes[512];
};
static struct config_bytes config __attribute__((aligned(16)));

static struct world *saturation_world(const char *name)
{
    struct world *w = world_new();
    const struct policy_ops *policy = policy_find(span_from(name));
    assert_non_null(policy);
    assert_in_range(policy->config_size, 1, sizeof(config));
    opt_defaults(policy->options, policy->option_count, &config);
    w->pool[0].policy = policy;
    w->pool[0].policy_config = &config;
    w->pool[0].exact = true;
    w->pool[0].replicas_min = 1;
    w->pool[0].replicas_max = 20;
    return w;
}

static void set(const char *policy_name, const char *option, double value)
{
    const struct policy_ops *policy = policy_find(span_from(policy_name));
    const struct opt *row = opt_find(policy->options, policy->option_count, span_from(option));
    const int64_t whole = (int64_t)value;
    assert_non_null(row);
    if (row->kind == OPT_NUMBER)
        memcpy(config.bytes + row->offset, &value, sizeof(value));
    else
        memcpy(config.bytes + row->offset, &whole, sizeof(whole));
}

/* What all ready replicas show, half a minute before a tick. */
static void show(struct world *w, double kv, double waiting)
{
    w->now_ns += MINUTE_NS;
    world_put(w, SIGNAL_KV_CACHE_USAGE, SIGNAL_VALUE, kv);
    world_put(w, SIGNAL_WAITING_REQUESTS, SIGNAL_VALUE, waiting);
    w->now_ns += 30 * SECOND_NS;
}

static int64_t tick(struct world *w, int64_t ready, int64_t pending)
{
    w->o.pool[0].ready = ready;
    w->o.pool[0].pending = pending;
    w->o.pool[0].actual_count = ready + pending;
    return world_tick(w, 0);
}

/* ---- first generation ---- */

static void one_is_added_when_little_is_spare_however_much_is_missing(void **state)
{
    (void)state;
    const struct {
        double kv;
        double waiting;
        int64_t want;
    } cases[] = {
        {0.60, 0, 4},   /* 0.20 of the cache is spare, and one less would leave too little */
        {0.71, 0, 5},   /* 0.09 is spare: less than 0.1 */
        {0.30, 12, 5},  /* 3 wait on each of four: 2 are spare, less than 3 */
        {0.99, 400, 5}, /* all are saturated: still one */
        {0.30, 4, 3},   /* three could take it all */
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct world *w = saturation_world("saturation-v1");
        world_start(w, 4);
        show(w, cases[i].kv, cases[i].waiting);
        assert_int_equal(tick(w, 4, 0), cases[i].want);
        assert_true(world_said(w, STAGE_POLICY, REASON_SATURATION_SPARE));
        world_free(w);
    }
}

static void nothing_is_changed_while_a_replica_comes(void **state)
{
    (void)state;
    struct world *w = saturation_world("saturation-v1");
    world_start(w, 2);
    show(w, 0.9, 50);
    assert_int_equal(tick(w, 2, 0), 3);
    show(w, 0.9, 50);
    assert_int_equal(tick(w, 2, 1), 3);
    assert_true(world_said(w, STAGE_POLICY, REASON_SATURATION_MOVING));
    show(w, 0.9, 50);
    assert_int_equal(tick(w, 3, 0), 4);
    world_free(w);
}

static void the_last_replica_and_the_bounds_hold(void **state)
{
    (void)state;
    struct world *w = saturation_world("saturation-v1");
    world_start(w, 1);
    show(w, 0, 0);
    assert_int_equal(tick(w, 1, 0), 1);
    world_free(w);
    w = saturation_world("saturation-v1");
    world_start(w, 20);
    show(w, 0.95, 900);
    assert_int_equal(tick(w, 20, 0), 20);
    world_free(w);
}

/* More replicas than are judged one by one: those that come count beside them, so none is added
 * twice. */
static void a_very_large_fleet_waits_for_what_comes_too(void **state)
{
    (void)state;
    struct world *w = saturation_world("saturation-v1");
    w->pool[0].replicas_max = 10000;
    world_start(w, 5002);
    show(w, 0.95, 50);
    assert_int_equal(tick(w, 5000, 2), 5002);
    assert_true(world_said(w, STAGE_POLICY, REASON_SATURATION_MOVING));
    world_free(w);
}

static void pod(struct world *w, enum signal_id signal, double value)
{
    const struct pod_sample sample = {.sample = world_sample(w, signal, SIGNAL_VALUE, value),
                                      .phase = POD_RUNNING,
                                      .request = NAN};
    observe_pods(w->group, w->state, &sample, 1);
}

/* The recorded case satv1-0 has pods like these: the saturated one is left out of the mean. */
static void pods_that_are_told_one_by_one_are_judged_one_by_one(void **state)
{
    (void)state;
    const double kv[] = {0.95, 0.2, 0.2, 0.2};
    struct world *w = saturation_world("saturation-v1");
    world_start(w, 4);
    w->now_ns += MINUTE_NS;
    for (size_t i = 0; i < COUNT_OF(kv); i++) {
        pod(w, SIGNAL_KV_CACHE_USAGE, kv[i]);
        pod(w, SIGNAL_WAITING_REQUESTS, i == 0 ? 9 : 0);
    }
    world_put(w, SIGNAL_KV_CACHE_USAGE, SIGNAL_VALUE, 0.3875);
    world_put(w, SIGNAL_WAITING_REQUESTS, SIGNAL_VALUE, 9);
    assert_int_equal(tick(w, 4, 0), 3); /* by the means 2.25 wait on each: one more */
    assert_true(fabs(w->d[0].proposal.number[0] - 3) < 1e-9);
    world_free(w);
}

static void a_pod_that_does_not_tell_counts_as_a_change_under_way(void **state)
{
    (void)state;
    struct world *w = saturation_world("saturation-v1");
    world_start(w, 4);
    w->now_ns += MINUTE_NS;
    for (int i = 0; i < 3; i++) {
        pod(w, SIGNAL_KV_CACHE_USAGE, 0.99);
        pod(w, SIGNAL_WAITING_REQUESTS, 90);
    }
    assert_int_equal(tick(w, 4, 0), 4);
    world_free(w);
}

static void unknown_metrics_decide_nothing(void **state)
{
    (void)state;
    static const char *const names[] = {"saturation-v1", "saturation-v2"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct world *w = saturation_world(names[i]);
        if (i == 1)
            set("saturation-v2", "kvTokens", 1000);
        world_start(w, 6);
        w->now_ns += MINUTE_NS;
        world_put(w, SIGNAL_KV_CACHE_USAGE, SIGNAL_FAILED, 0);
        assert_int_equal(tick(w, 6, 0), 6);
        assert_true(w->d[0].proposal.abstain);
        world_free(w);
    }
}

/* ---- second generation ---- */

static struct world *tokens_world(int64_t ready)
{
    struct world *w = saturation_world("saturation-v2");
    set("saturation-v2", "kvTokens", 10000);
    set("saturation-v2", "maxNumSeqs", 1000);
    set("saturation-v2", "maxNumBatchedTokens", 1000000);
    world_start(w, ready);
    return w;
}

static void all_that_is_missing_is_added_at_once(void **state)
{
    (void)state;
    struct world *w = tokens_world(2); /* 8,000 tokens each, 6,800 of them to be used */
    show(w, 0.75, 0);
    world_put(w, SIGNAL_TOKENS_IN_QUEUE, SIGNAL_VALUE, 39000);
    world_put(w, SIGNAL_QUEUE_DEPTH, SIGNAL_VALUE, 40);
    assert_int_equal(tick(w, 2, 0), 8); /* (15,000 + 39,000) / 0.85 = 63,529: 5.94 more */
    assert_true(world_said(w, STAGE_POLICY, REASON_SATURATION_TOKENS));
    show(w, 0.75, 0);
    world_put(w, SIGNAL_TOKENS_IN_QUEUE, SIGNAL_VALUE, 39000);
    assert_int_equal(tick(w, 2, 6), 8); /* what starts counts as supply */
    world_free(w);
}

static void what_is_spare_goes_at_once_but_for_the_last(void **state)
{
    (void)state;
    struct world *w = tokens_world(8);
    show(w, 0.1, 0); /* 8,000 tokens: 11,428 must stay of 64,000 */
    assert_int_equal(tick(w, 8, 0), 2);
    world_free(w);
    w = tokens_world(3);
    show(w, 0, 0);
    assert_int_equal(tick(w, 3, 0), 1);
    world_free(w);
}

static void a_long_queue_teaches_what_a_replica_holds(void **state)
{
    (void)state;
    struct world *w = tokens_world(2);
    show(w, 0.4, 20); /* 10 wait on each while it holds 4,000: that is all it can */
    (void)tick(w, 2, 0);
    assert_true(w->d[0].proposal.number[2] == 4000);
    show(w, 0.3, 0); /* and it is remembered */
    (void)tick(w, 2, 0);
    assert_true(w->d[0].proposal.number[2] == 4000);
    world_free(w);
}

static void without_the_size_of_the_cache_it_says_so(void **state)
{
    (void)state;
    struct world *w = saturation_world("saturation-v2");
    world_start(w, 5);
    show(w, 0.9, 100);
    assert_int_equal(tick(w, 5, 0), 5);
    assert_int_equal(w->d[0].proposal.reason, REASON_NO_PROFILE);
    world_free(w);
}

static void thresholds_that_undo_each_other_are_refused(void **state)
{
    (void)state;
    struct diag diag;
    const struct policy_ops *v1 = policy_find(span_from("saturation-v1"));
    const struct policy_ops *v2 = policy_find(span_from("saturation-v2"));
    opt_defaults(v1->options, v1->option_count, &config);
    assert_int_equal(v1->check(NULL, &config, &diag), RC_OK);
    set("saturation-v1", "kvSpareTrigger", 0.9);
    assert_int_equal(v1->check(NULL, &config, &diag), RC_RANGE);
    opt_defaults(v2->options, v2->option_count, &config);
    assert_int_equal(v2->check(NULL, &config, &diag), RC_OK);
    set("saturation-v2", "scaleDownBoundary", 0.9);
    assert_int_equal(v2->check(NULL, &config, &diag), RC_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_is_added_when_little_is_spare_however_much_is_missing),
        cmocka_unit_test(nothing_is_changed_while_a_replica_comes),
        cmocka_unit_test(the_last_replica_and_the_bounds_hold),
        cmocka_unit_test(a_very_large_fleet_waits_for_what_comes_too),
        cmocka_unit_test(pods_that_are_told_one_by_one_are_judged_one_by_one),
        cmocka_unit_test(a_pod_that_does_not_tell_counts_as_a_change_under_way),
        cmocka_unit_test(unknown_metrics_decide_nothing),
        cmocka_unit_test(all_that_is_missing_is_added_at_once),
        cmocka_unit_test(what_is_spare_goes_at_once_but_for_the_last),
        cmocka_unit_test(a_long_queue_teaches_what_a_replica_holds),
        cmocka_unit_test(without_the_size_of_the_cache_it_says_so),
        cmocka_unit_test(thresholds_that_undo_each_other_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
