/* What every registered policy owes, whatever it computes: valid defaults, a table for its state,
 * the same bytes for the same input, counts that are counts, and calm in an empty or absurd world.
 */
#include "world.h"

#include "base/rng.h"

#define POLICY_BYTES_MAX (1 << 16)
#define TICKS 150

/* A pool with two metrics and an objective: what most policies read. */
static struct world *world_of(const struct policy_ops *policy, void *config, bool exact)
{
    struct world *w = world_new();
    struct pool_spec *pool = &w->pool[0];
    memset(config, 0, POLICY_BYTES_MAX);
    assert_in_range(policy->config_size, 0, POLICY_BYTES_MAX);
    opt_defaults(policy->options, policy->option_count, config);
    pool->policy = policy;
    pool->policy_config = config;
    pool->exact = exact;
    pool->replicas_min = 1;
    pool->replicas_max = 30;
    pool->concurrency_limit = 64;
    pool->metric[0] = world_metric("tokens-in-queue", "1000");
    pool->metric[1] = world_metric("concurrency", "10");
    pool->metric_count = 2;
    pool->slo.ttft_ns = SECOND_NS;
    return w;
}

static void drive(struct world *w, struct rng *rng, bool absurd)
{
    static const double values[] = {NAN, INFINITY, -1, 1e300, 0, 9e15};
    struct sample samples[2 * SIGNAL_COUNT];
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        samples[i] = world_sample(w, (enum signal_id)(i % SIGNAL_COUNT), SIGNAL_VALUE,
                                  rng_unit(rng) * (double)rng_range(rng, 0, 2000));
        samples[i].covered = samples[i].expected = 2;
        if (absurd) {
            samples[i].value = values[rng_range(rng, 0, COUNT_OF(values) - 1)];
            samples[i].state = (uint8_t)rng_range(rng, 0, SIGNAL_FAILED);
            samples[i].weight = values[rng_range(rng, 0, COUNT_OF(values) - 1)];
        }
    }
    observe(w->group, w->state, samples, COUNT_OF(samples));
    struct pool_observation *o = &w->o.pool[0];
    o->ready = absurd ? rng_range(rng, -3, 5) * REPLICAS_MAX : rng_range(rng, 0, 30);
    o->pending = absurd ? rng_range(rng, -1, 1) * INT64_MAX : 0;
    o->waiting_requests = rng_range(rng, 0, 50);
    o->in_flight_requests = rng_range(rng, 0, 50);
    w->o.cause = (uint8_t)rng_range(rng, 0, TICK_START);
}

static void run(const struct policy_ops *policy, bool exact, bool absurd, bool silent)
{
    static unsigned char config[POLICY_BYTES_MAX] __attribute__((aligned(16)));
    struct world *w = world_of(policy, config, exact);
    struct rng rng;
    rng_init(&rng, 11);
    world_start(w, 3);
    const size_t size = group_state_size(w->group);
    struct group_state *copy = malloc(size);
    assert_non_null(copy);
    for (int i = 0; i < TICKS; i++) {
        w->now_ns += rng_range(&rng, 0, 20) * SECOND_NS / 2;
        if (!silent)
            drive(w, &rng, absurd);
        memcpy(copy, w->state, size);
        (void)world_tick(w, 0);
        struct decision again;
        memset(&again, 0xa5, sizeof(again));
        decide(w->group, copy, &w->o, &again);
        assert_true(decision_equal(&again, &w->d[0]));
        assert_memory_equal(copy, w->state, size);
        assert_in_range(w->d[0].desired, exact ? 0 : 1, exact ? REPLICAS_MAX : 30);
        assert_true(w->d[0].proposal.abstain ||
                    w->d[0].proposal.reason != (uint16_t)REASON_NONE); /* R17 */
    }
    free(copy);
    world_free(w);
}

static void each_policy_is_calm_in_an_empty_a_busy_and_an_absurd_world(void **state)
{
    (void)state;
    for (size_t i = 0; policy_at(i) != NULL; i++)
        for (int exact = 0; exact <= 1; exact++) {
            run(policy_at(i), exact, false, true);
            run(policy_at(i), exact, false, false);
            run(policy_at(i), exact, true, false);
        }
}

/* Counts of a run whose time begins at origin_ns; the wall clock is the same in all of them. */
static void run_from(const struct policy_ops *policy, int64_t origin_ns, int64_t ret[TICKS])
{
    static unsigned char config[POLICY_BYTES_MAX] __attribute__((aligned(16)));
    const int64_t initial[POOLS_PER_GROUP_MAX] = {3};
    struct world *w = world_of(policy, config, false);
    struct rng rng;
    rng_init(&rng, 12);
    world_start(w, 3);
    w->now_ns = origin_ns;
    group_state_init(w->group, w->state, origin_ns, initial);
    for (int i = 0; i < TICKS; i++) {
        w->now_ns += rng_range(&rng, 0, 20) * SECOND_NS / 2;
        drive(w, &rng, false);
        w->o.now_ns = w->now_ns;
        w->o.wall_ns = WORLD_WALL + w->now_ns - origin_ns;
        decide(w->group, w->state, &w->o, w->d);
        ret[i] = w->d[0].desired;
    }
    world_free(w);
}

static void fault_90_no_policy_cares_when_time_began(void **state)
{
    (void)state;
    /* Full hours, as windows lie on a grid, shortly before 2^32 ms, 2^31 s and 2^32 s are passed.
     */
    static const int64_t passed_s[] = {4294967, INT64_C(1) << 31, INT64_C(1) << 32};
    for (size_t i = 0; policy_at(i) != NULL; i++) {
        int64_t first[TICKS];
        run_from(policy_at(i), 0, first);
        for (size_t k = 0; k < COUNT_OF(passed_s); k++) {
            int64_t other[TICKS];
            run_from(policy_at(i), passed_s[k] / 3600 * HOUR_NS, other);
            for (int n = 0; n < TICKS; n++) {
                if (first[n] != other[n])
                    print_error("%s, time from %lld s on, tick %d\n", policy_at(i)->name,
                                (long long)passed_s[k], n);
                assert_int_equal(first[n], other[n]);
            }
        }
    }
}

static void each_policy_tells_what_it_is(void **state)
{
    (void)state;
    for (size_t i = 0; policy_at(i) != NULL; i++) {
        const struct policy_ops *policy = policy_at(i);
        assert_non_null(policy->summary);
        assert_non_null(policy->formula);
        assert_non_null(policy->source);
        assert_non_null(policy->blind);
        assert_ptr_equal(policy_find(span_from(policy->name)), policy);
        assert_true((policy->propose == NULL) != (policy->propose_metric == NULL));
        for (size_t k = 0; k < policy->option_count; k++) {
            const struct opt *row = &policy->options[k];
            assert_non_null(row->help);
            const bool bounded = row->min < 0 || row->min > 0 || row->max < 0 || row->max > 0;
            const bool number = row->kind == OPT_INT || row->kind == OPT_NUMBER ||
                                row->kind == OPT_DURATION || row->kind == OPT_QUANTITY;
            if (number && bounded && (row->flags & OPT_FLAG_UNSET_NAN) == 0)
                assert_true(row->def >= row->min && row->def <= row->max);
        }
    }
    assert_null(policy_find(span_from("no such policy")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_policy_is_calm_in_an_empty_a_busy_and_an_absurd_world),
        cmocka_unit_test(fault_90_no_policy_cares_when_time_began),
        cmocka_unit_test(each_policy_tells_what_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
