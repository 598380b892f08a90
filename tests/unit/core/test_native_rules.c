/* The safe-default rules on random runs of every native policy, and the life of their state: saved,
 * loaded and carried over in the middle of a run the decisions stay the same. A failure prints its
 * seed. */
#include "world.h"

#include "base/rng.h"

#define POLICY_BYTES_MAX (1 << 16)
#define SEEDS 16
#define TICKS 400

static unsigned char config_bytes[POLICY_BYTES_MAX] __attribute__((aligned(16)));

static struct world *world_of(const struct policy_ops *policy, struct rng *rng)
{
    struct world *w = world_new();
    struct pool_spec *pool = &w->pool[0];
    assert_in_range(policy->config_size, 0, POLICY_BYTES_MAX);
    opt_defaults(policy->options, policy->option_count, config_bytes);
    pool->policy = policy;
    pool->policy_config = config_bytes;
    pool->behavior.down.stabilization_ns = -1;
    pool->replicas_min = rng_range(rng, 1, 3);
    pool->replicas_max = pool->replicas_min + rng_range(rng, 5, 40);
    pool->concurrency_limit = rng_range(rng, 0, 1) * rng_range(rng, 1, 64);
    pool->metric[0] = world_metric("tokens-in-queue", "1000");
    pool->metric[1] = world_metric("gpu-utilization", "60");
    pool->metric[2] = world_metric("ttft-p95", "500ms");
    pool->metric_count = 3;
    pool->combine = (int)rng_range(rng, COMBINE_MAX, COMBINE_ANY_UP_ALL_DOWN);
    pool->slo.ttft_ns = SECOND_NS;
    world_start(w, pool->replicas_min + 2);
    return w;
}

/* What happens in one tick of a run, so that it can be played again with a difference. */
struct moment {
    int64_t after_ns;
    double value[SIGNAL_COUNT];
    uint32_t covered;
    int64_t ready, pending, waiting, in_flight;
    uint8_t cause;
};

static struct moment some_moment(struct rng *rng, double load)
{
    struct moment m = {.after_ns = rng_range(rng, 1, 4) * SECOND_NS,
                       .covered = (uint32_t)rng_range(rng, 2, 4),
                       .ready = rng_range(rng, 1, 12),
                       .pending = rng_range(rng, 0, 2),
                       .waiting = rng_range(rng, 0, 3) == 0 ? rng_range(rng, 0, 40) : 0,
                       .in_flight = (int64_t)(load * 60 * rng_unit(rng)),
                       .cause = (uint8_t)(rng_range(rng, 1, 5) == 1 ? TICK_QUEUE : TICK_PERIOD)};
    for (size_t i = 0; i < SIGNAL_COUNT; i++)
        m.value[i] = load * rng_unit(rng) *
                     (signal_row((enum signal_id)i)->ceiling < 2              ? 1.0
                      : strcmp(signal_row((enum signal_id)i)->unit, "s") == 0 ? 1.5
                                                                              : 3000);
    return m;
}

static void play(struct world *w, const struct moment *m, double strange, uint8_t state)
{
    struct pool_observation *o = &w->o.pool[0];
    w->now_ns += m->after_ns;
    for (size_t i = 0; i < SIGNAL_EXTERNAL; i++) {
        struct sample s = world_sample(w, (enum signal_id)i, SIGNAL_VALUE, m->value[i]);
        s.covered = m->covered;
        s.expected = 4;
        if (!isnan(strange) || state != SIGNAL_VALUE) {
            s.value = strange;
            s.state = state;
        }
        observe(w->group, w->state, &s, 1);
    }
    o->ready = m->ready;
    o->pending = m->pending;
    o->waiting_requests = m->waiting;
    o->in_flight_requests = m->in_flight;
    o->idle_ns = m->in_flight > 0 || m->waiting > 0 ? 0 : num_add_sat(o->idle_ns, m->after_ns);
    w->o.cause = m->cause;
    (void)world_tick(w, 0);
}

static size_t seen_up, seen_down; /* a run in which nothing moves proves nothing */
static size_t seen_panel;         /* lowered by a hold of the adaptive policy's own */

typedef void check_fn(struct world *w, struct rng *rng);

/* Every native policy, many seeds. */
static void each(check_fn *check)
{
    seen_up = seen_down = seen_panel = 0;
    for (size_t i = 0; policy_at(i) != NULL; i++)
        for (uint64_t seed = 1; seed <= SEEDS && !policy_at(i)->imitation; seed++) {
            struct rng rng;
            rng_init(&rng, seed);
            struct world *w = world_of(policy_at(i), &rng);
            check(w, &rng);
            world_free(w);
        }
}

static struct group_state *copy_of(const struct world *w)
{
    struct group_state *copy = malloc(group_state_size(w->group));
    assert_non_null(copy);
    memcpy(copy, w->state, group_state_size(w->group));
    return copy;
}

/* ---- R1 ---- */

static void check_absurd(struct world *w, struct rng *rng)
{
    static const double strange[] = {INFINITY, -INFINITY, -1, 1e300, 9.3e17};
    for (int i = 0; i < TICKS; i++) {
        const struct moment m = some_moment(rng, 1);
        struct group_state *copy = copy_of(w);
        const double value = strange[rng_range(rng, 0, (int64_t)COUNT_OF(strange) - 1)];
        const int64_t now_ns = w->now_ns;
        if (i % 7 != 3) {
            play(w, &m, (double)NAN, SIGNAL_VALUE);
            free(copy);
            continue;
        }
        play(w, &m, value, SIGNAL_VALUE);
        struct decision absurd = w->d[0];
        free(w->state);
        w->state = copy;
        w->now_ns = now_ns;
        play(w, &m, (double)NAN, SIGNAL_FAILED);
        assert_true(decision_equal(&absurd, &w->d[0]));
    }
}

static void R1_an_absurd_value_is_the_same_as_a_failure(void **state)
{
    (void)state;
    each(check_absurd);
}

/* ---- R2 ---- */

static void check_unknown(struct world *w, struct rng *rng)
{
    if (w->pool[0].policy->propose_metric == NULL && !w->pool[0].policy->pokes)
        return; /* a fixed count needs no signal */
    for (int i = 0; i < 60; i++) {
        const struct moment m = some_moment(rng, 1);
        play(w, &m, (double)NAN, SIGNAL_VALUE);
    }
    for (int i = 0; i < TICKS; i++) {
        const struct moment m = some_moment(rng, 0);
        w->o.pool[0].waiting_state = SIGNAL_FAILED;
        play(w, &m, (double)NAN, SIGNAL_FAILED);
        assert_true(w->d[0].desired >= w->d[0].previous);
    }
}

static void R2_unknown_never_lowers(void **state)
{
    (void)state;
    each(check_unknown);
}

/* ---- R3 ---- */

/* What the policy asks for after two minutes of one load, told by some of four replicas; the pool
 * is paused so that the count stays. */
static int64_t asked(struct world *w, struct moment m, uint32_t covered, int64_t desired)
{
    group_state_init(w->group, w->state, w->now_ns, &desired);
    for (size_t k = 0; k < SIGNAL_COUNT; k++)
        if (signal_row((enum signal_id)k)->fold == FOLD_SUM)
            m.value[k] *= (double)covered / 4;
    m.covered = covered;
    m.after_ns = 2 * SECOND_NS;
    m.ready = 4;
    m.cause = TICK_PERIOD;
    w->o.pool[0].paused = 1;
    for (int i = 0; i < 60; i++)
        play(w, &m, (double)NAN, SIGNAL_VALUE);
    return w->d[0].proposal.abstain ? desired : w->d[0].proposal.replicas;
}

static void check_coverage(struct world *w, struct rng *rng)
{
    if (w->pool[0].combine == COMBINE_AVERAGE)
        return; /* weighs one metric's doubtful raise against another's certain lowering */
    for (int i = 0; i < 20; i++) {
        const struct moment m = some_moment(rng, 6 * rng_unit(rng) * rng_unit(rng));
        const int64_t desired = rng_range(rng, 2, 8);
        const int64_t by_all = asked(w, m, 4, desired);
        const int64_t by_some = asked(w, m, (uint32_t)rng_range(rng, 1, 3), desired);
        seen_up += by_all > desired;
        seen_down += by_all < desired;
        assert_false(by_all > desired && by_some < desired);
        assert_false(by_all < desired && by_some > desired);
    }
}

static void R3_missing_replicas_turn_no_direction(void **state)
{
    (void)state;
    each(check_coverage);
    assert_true(seen_up > 100 && seen_down > 100);
}

/* ---- R4 ---- */

static void check_bounds(struct world *w, struct rng *rng)
{
    for (int i = 0; i < TICKS; i++) {
        struct moment m = some_moment(rng, rng_range(rng, 1, 10) == 1 ? 1000 : 1);
        if (rng_range(rng, 1, 20) == 1)
            m.ready = m.waiting = m.in_flight = INT64_MAX;
        play(w, &m, (double)NAN, SIGNAL_VALUE);
        assert_in_range(w->d[0].desired, w->pool[0].replicas_min, w->pool[0].replicas_max);
        assert_in_range(w->d[0].proposal.replicas, 0, REPLICAS_MAX);
        for (size_t k = 0; k < 4; k++)
            assert_true(!isnan(w->d[0].proposal.number[k]));
        for (uint32_t t = 0; t < w->d[0].trail_count; t++)
            for (size_t k = 0; k < 4; k++)
                assert_true(!isnan(w->d[0].trail[t].number[k]));
    }
}

static void R4_bounds_always_hold_and_no_number_is_nan(void **state)
{
    (void)state;
    each(check_bounds);
}

/* ---- R5 ---- */

static void check_rate(struct world *w, struct rng *rng)
{
    w->pool[0].behavior.up.change_absolute = 2;
    w->pool[0].behavior.up.period_ns = 30 * SECOND_NS;
    w->pool[0].behavior.down.change_absolute = 1;
    w->pool[0].behavior.down.period_ns = MINUTE_NS;
    world_reload(w);
    struct {
        int64_t t_ns, change;
    } log[TICKS];
    for (int i = 0; i < TICKS; i++) {
        const struct moment m = some_moment(rng, rng_unit(rng) * 3);
        play(w, &m, (double)NAN, SIGNAL_VALUE);
        log[i].t_ns = w->now_ns;
        log[i].change = w->d[0].desired - w->d[0].previous;
        int64_t added = 0;
        int64_t removed = 0;
        for (int k = i; k >= 0 && w->now_ns - log[k].t_ns < MINUTE_NS; k--) {
            if (log[k].change > 0 && w->now_ns - log[k].t_ns < 30 * SECOND_NS)
                added += log[k].change;
            removed -= log[k].change < 0 ? log[k].change : 0;
        }
        assert_true(added <= 2 && removed <= 1);
    }
}

static void R5_steps_stay_within_their_limits_per_period(void **state)
{
    (void)state;
    each(check_rate);
}

/* ---- R6 ---- */

/* The stabilisation window in force: five minutes, or the hold that the policy says it follows.
 * Such a hold counts in whole seconds. */
static int64_t window_of(const struct decision *d)
{
    switch (d->proposal.reason) {
    case REASON_PANEL_SHORT:
    case REASON_PANEL_LONG:
    case REASON_PANEL_DAY:
    case REASON_PANEL_FLIGHT:
    case REASON_PANEL_FOUND:
        seen_panel++;
        return ns_of_seconds(d->proposal.number[2] - 1);
    default:
        return 5 * MINUTE_NS;
    }
}

static void check_window(struct world *w, struct rng *rng)
{
    int64_t raised_ns = w->now_ns;
    for (int i = 0; i < 3 * TICKS; i++) {
        const double load = i / 150 % 2 == 0 ? 2 : 0.1;
        const struct moment m = some_moment(rng, load);
        play(w, &m, (double)NAN, SIGNAL_VALUE);
        seen_down += w->d[0].desired < w->d[0].previous;
        if (w->d[0].desired > w->d[0].previous)
            raised_ns = w->now_ns;
        if (w->d[0].desired < w->d[0].previous)
            assert_true(w->now_ns - raised_ns >= window_of(&w->d[0]));
    }
}

static void R6_lowering_waits_a_full_window_after_the_last_raise(void **state)
{
    (void)state;
    each(check_window);
    assert_true(seen_down > 50 && seen_panel > 5);
}

/* ---- state ---- */

static void save_and_load(struct world *w)
{
    struct arena arena;
    struct buf text;
    struct json_writer writer;
    const struct tree *json = NULL;
    struct diag diag = {0};
    arena_init(&arena, 64U << 20);
    buf_init(&text, 64U << 20);
    json_init(&writer, &text);
    group_state_print(w->group, w->state, &writer);
    if (json_read(&arena, buf_view(&text), NULL, &json, &diag) != RC_OK)
        world_stop(&diag);
    memset(w->state, 0xa5, group_state_size(w->group));
    if (group_state_parse(w->group, json, w->state, &diag) != RC_OK)
        world_stop(&diag);
    assert_int_equal(group_state_check(w->group, w->state, group_state_size(w->group), &diag),
                     RC_OK);
    buf_done(&text);
    arena_done(&arena);
}

static void check_life(struct world *w, struct rng *rng)
{
    struct group_state *straight = copy_of(w);
    const struct group_spec *first = w->group;
    for (int i = 0; i < TICKS; i++) {
        const struct moment m = some_moment(rng, rng_unit(rng) * 2);
        const int64_t now_ns = w->now_ns;
        if (i % 23 == 11)
            save_and_load(w);
        if (i % 31 == 17)
            world_reload(w); /* the same specification again */
        play(w, &m, (double)NAN, SIGNAL_VALUE);
        const struct decision moved = w->d[0];
        struct group_state *state = w->state;
        const struct group_spec *group = w->group;
        w->state = straight;
        w->group = first;
        w->now_ns = now_ns;
        play(w, &m, (double)NAN, SIGNAL_VALUE);
        assert_true(decision_equal(&moved, &w->d[0]));
        straight = w->state;
        w->state = state;
        w->group = group;
    }
    free(straight);
}

static void save_load_and_reshape_in_the_middle_change_no_decision(void **state)
{
    (void)state;
    each(check_life);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(R1_an_absurd_value_is_the_same_as_a_failure),
        cmocka_unit_test(R2_unknown_never_lowers),
        cmocka_unit_test(R3_missing_replicas_turn_no_direction),
        cmocka_unit_test(R4_bounds_always_hold_and_no_number_is_nan),
        cmocka_unit_test(R5_steps_stay_within_their_limits_per_period),
        cmocka_unit_test(R6_lowering_waits_a_full_window_after_the_last_raise),
        cmocka_unit_test(save_load_and_reshape_in_the_middle_change_no_decision),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
