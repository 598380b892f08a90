/* The safe-default rules one by one, for every registered policy, native or guarded, with random
 * options in random worlds: what doubt may not do (R1 to R3), and the pace that a pool asked for
 * (R5, R6). Each tick is decided twice, the second time with a difference, or against what a slow
 * and obvious version allows. A failure prints policy and seed. */
#include "random_policy.h"

#define SEEDS 30
#define TICKS 50
#define PACE_TICKS 200

struct run {
    struct world *w;
    struct rng rng;
    uint64_t seed;
};

static void broke(const struct run *r, const char *what, const struct decision *d)
{
    print_error("policy %s, seed %llu: %s: %lld -> %lld\n", r->w->pool[0].policy->name,
                (unsigned long long)r->seed, what, (long long)d->previous, (long long)d->desired);
    assert_string_equal("", what);
}

typedef void run_fn(struct run *r);

static void each(run_fn *run, bool native_only)
{
    for (size_t i = 0; policy_at(i) != NULL; i++)
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            struct run r = {.seed = seed};
            if (native_only && policy_at(i)->imitation)
                continue;
            rng_init(&r.rng, 1000 + seed);
            r.w = random_policy_world(&r.rng, policy_at(i), false);
            if (r.w == NULL)
                continue;
            observation_defaults(&r.w->o);
            run(&r);
            world_free(r.w);
        }
}

/* No person, no other limit than bounds: what is left is the policy, doubt and pace. */
static void unlimited(struct pool_observation *o)
{
    o->pin_count = o->foreign_count = NO_COUNT;
    o->inventory_limit = o->quota_limit = o->budget_limit = NO_COUNT;
    o->bound_min = o->bound_max = NO_COUNT;
    o->paused = 0;
    o->budget_unreadable = 0;
    o->spent_today = NAN;
    for (size_t k = 0; k < CLASSES_PER_POOL_MAX; k++)
        o->class_notice[k] = 0;
}

static void unlimited_pool(struct pool_spec *pool)
{
    opt_defaults(cost_options, cost_option_count, &pool->cost);
    opt_defaults(class_options, class_option_count, &pool->class_[0]);
    (void)snprintf(pool->class_[0].name, NAME_SIZE, "default");
    pool->class_count = 1;
}

static void restart(struct run *r)
{
    const int64_t initial[POOLS_PER_GROUP_MAX] = {
        rng_range(&r->rng, r->w->pool[0].replicas_min, r->w->pool[0].replicas_max)};
    unlimited_pool(&r->w->pool[0]);
    free(r->w->state);
    world_compile(r->w);
    r->w->state = malloc(group_state_size(r->w->group));
    assert_non_null(r->w->state);
    group_state_init(r->w->group, r->w->state, r->w->now_ns, initial);
}

/* Counts that are counts; what absurd ones do is another test. */
static void sane_counts(struct rng *rng, struct pool_observation *o)
{
    o->ready = rng_range(rng, 0, 30);
    o->pending = rng_range(rng, 0, 5);
    o->warm = o->draining = o->blocked = 0;
    o->actual_count = o->ready + o->pending;
    o->counts_state = SIGNAL_VALUE;
}

static void advance(struct run *r)
{
    pass_time(&r->rng, r->w);
    random_samples(&r->rng, r->w);
    random_pods(&r->rng, r->w);
    random_observation(&r->rng, r->w);
    unlimited(&r->w->o.pool[0]);
}

/* ---- the same tick with a difference ---- */

struct twin {
    struct group_state *state;
    struct decision d;
};

static struct twin twin_of(const struct world *w)
{
    struct twin t = {.state = malloc(group_state_size(w->group))};
    assert_non_null(t.state);
    memcpy(t.state, w->state, group_state_size(w->group));
    return t;
}

static void twin_tick(struct world *w, struct twin *t)
{
    w->o.now_ns = w->now_ns;
    w->o.wall_ns = WORLD_WALL + w->now_ns;
    decide(w->group, t->state, &w->o, &t->d);
}

static void tell_all(struct world *w, struct twin *t, const struct sample *like)
{
    for (size_t i = 0; i < SIGNAL_COUNT; i++)
        for (uint16_t external = 0; external < (i == SIGNAL_EXTERNAL ? 4 : 1); external++) {
            struct sample sample = *like;
            sample.signal = (uint16_t)i;
            sample.external = external;
            observe(w->group, t->state, &sample, 1);
        }
}

static bool any_required(const struct world *w)
{
    struct group_input inputs[SERIES_PER_POOL_MAX];
    const size_t n = group_inputs(w->group, w->state, 0, w->now_ns, inputs, COUNT_OF(inputs));
    for (size_t i = 0; i < n; i++)
        if (inputs[i].required)
            return true;
    return false;
}

static size_t raised, lowered; /* a run in which nothing moves proves nothing */

/* What cannot be is not a low number: the source says nonsense, or nothing at all. */
static void run_doubt(struct run *r)
{
    static const double nonsense[] = {NAN, INFINITY, -INFINITY, -1, 1e300, 9.3e17};
    restart(r);
    for (int i = 0; i < TICKS; i++) {
        advance(r);
        sane_counts(&r->rng, &r->w->o.pool[0]);
        struct twin t = twin_of(r->w);
        const double value = nonsense[rng_range(&r->rng, 0, (int64_t)COUNT_OF(nonsense) - 1)];
        tell_all(r->w, &t,
                 &(struct sample){.t_ns = num_add_sat(r->w->now_ns, DAY_NS),
                                  .state = (uint8_t)maybe(&r->rng, 2, SIGNAL_FAILED, SIGNAL_VALUE),
                                  .value = value,
                                  .weight = 1});
        twin_tick(r->w, &t);
        if (any_required(r->w) && t.d.desired < t.d.previous &&
            t.d.previous <= r->w->pool[0].replicas_max)
            broke(r, "R1, R2: an impossible value lowered", &t.d);
        (void)world_tick(r->w, 0);
        lowered += r->w->d[0].desired < r->w->d[0].previous;
        free(t.state);
    }
}

static void R1_and_R2_what_cannot_be_is_unknown_and_never_lowers(void **state)
{
    (void)state;
    lowered = 0;
    each(run_doubt, false);
    assert_true(lowered > 100);
}

/* ---- R3 ---- */

static bool between(int64_t x, int64_t a, int64_t b)
{
    return a < b ? x >= a && x <= b : x >= b && x <= a;
}

/* The same values, told by all or by some. */
static void run_coverage(struct run *r)
{
    struct pool_spec *pool = &r->w->pool[0];
    pool->forecast.enabled = false; /* it learns from the number itself */
    if (pool->combine == COMBINE_AVERAGE || pool->combine == COMBINE_FORMULA)
        pool->combine =
            COMBINE_MAX; /* those weigh one metric's doubt against another's certainty */
    restart(r);
    for (int i = 0; i < TICKS; i++) {
        advance(r);
        struct pool_observation *o = &r->w->o.pool[0];
        sane_counts(&r->rng, o);
        struct sample told = {.t_ns = r->w->now_ns,
                              .state = SIGNAL_VALUE,
                              .covered = 4,
                              .expected = 4,
                              .value = 20 * rng_unit(&r->rng) * rng_unit(&r->rng),
                              .weight = 1};
        struct twin all = twin_of(r->w);
        struct twin some = twin_of(r->w);
        tell_all(r->w, &all, &told);
        told.covered = (uint32_t)rng_range(&r->rng, 1, 3);
        tell_all(r->w, &some, &told);
        twin_tick(r->w, &all);
        twin_tick(r->w, &some);
        const int64_t silent = (o->ready * (4 - told.covered) + 3) / 4;
        lowered += all.d.desired < all.d.previous;
        /* An imitation keeps its peer's limits, which may count the replicas that reported. */
        if (!pool->policy->imitation && !between(some.d.desired, all.d.previous, all.d.desired))
            broke(r, "R3: silent replicas turned the direction", &some.d);
        if (pool->policy->imitation && some.d.evaluated && some.d.desired < some.d.previous &&
            some.d.desired < some.d.proposal.replicas + silent &&
            some.d.desired < pool->replicas_max)
            broke(r, "R3: silent replicas did not count as at their target", &some.d);
        free(all.state);
        free(some.state);
        (void)world_tick(r->w, 0);
    }
}

static void R3_silent_replicas_turn_no_direction_and_count_as_at_target(void **state)
{
    (void)state;
    lowered = 0;
    each(run_coverage, false);
    assert_true(lowered > 100);
}

/* ---- R5 and R6: pace of native pools; a guarded imitation has its peer's (DESIGN 3.4) ---- */

struct past {
    struct {
        int64_t t_ns;
        int64_t wanted; /* enters stage 7 */
        int64_t change; /* what was decided */
    } at[PACE_TICKS + 1];
    size_t count;
    int64_t now_ns; /* never goes back */
    int64_t changed_ns;
    int64_t passed_ns; /* an urgent raise, a wake or a bound went past the pace */
};

/* The value that enters stage 7, from the trail. */
static int64_t entering(const struct decision *d)
{
    int64_t value = d->proposal.abstain ? d->previous : d->proposal.replicas;
    for (uint32_t i = 0; i < d->trail_count; i++)
        if (d->trail[i].stage > STAGE_POLICY && d->trail[i].stage < STAGE_STABILIZE)
            value = d->trail[i].after;
    return value;
}

static int64_t window_down_ns(const struct pool_spec *pool)
{
    const int64_t own_ns = pool->behavior.down.stabilization_ns;
    return own_ns >= 0 ? own_ns : pool->policy->holds_itself ? 0 : 5 * MINUTE_NS;
}

/* R6: all of the last window agreed on the lower count, and no change lies in the cool-down. */
static const char *too_early(const struct pool_spec *pool, const struct past *past,
                             const struct decision *d)
{
    int64_t most = d->desired;
    if (d->desired >= d->previous || d->previous > pool->replicas_max)
        return NULL;
    for (size_t i = 0; i < past->count; i++)
        if (past->at[i].t_ns > past->now_ns - window_down_ns(pool) && past->at[i].wanted > most)
            most = past->at[i].wanted;
    if (d->desired < most && d->desired < pool->replicas_max && d->desired < d->previous)
        return "R6: lowered before the whole window had agreed";
    if (past->now_ns - past->changed_ns < pool->behavior.cooldown_ns)
        return "R6: lowered in the cool-down";
    if (past->now_ns - past->changed_ns < pool->policy->hold_least_ns)
        return "R6: lowered before the shortest hold of its own";
    return NULL;
}

/* R5: what one period may change. */
static int64_t most_of(const struct pace_spec *pace, int64_t base, bool up)
{
    int64_t most = pace->change_absolute >= 0 ? pace->change_absolute : REPLICAS_MAX;
    if (isnan(pace->change_percent))
        return most;
    const double share = (double)base * pace->change_percent / 100;
    int64_t part = (int64_t)(up ? ceil(share) : floor(share));
    if (part == 0 && pace->change_percent > 0)
        part = 1;
    return part < most ? part : most;
}

static const char *too_far(const struct pool_spec *pool, const struct past *past,
                           const struct decision *d)
{
    const bool up = d->desired > d->previous;
    const struct pace_spec *pace = up ? &pool->behavior.up : &pool->behavior.down;
    const int64_t period_ns = pace->period_ns > 0 ? pace->period_ns : 2 * SECOND_NS;
    int64_t changed = 0; /* in this direction */
    if (d->desired == d->previous || past->now_ns - past->passed_ns < HOUR_NS ||
        d->previous > pool->replicas_max || d->previous < pool->replicas_min)
        return NULL;
    for (size_t i = 0; i < past->count; i++)
        if (past->at[i].t_ns > past->now_ns - period_ns && (past->at[i].change > 0) == up)
            changed += past->at[i].change;
    const int64_t base = d->previous - changed;
    const int64_t step = llabs(changed) + llabs(d->desired - d->previous);
    return step > most_of(pace, base, up) ? "R5: more than one period may change" : NULL;
}

static bool passes_pace(const struct decision *d)
{
    bool bound = false;
    for (uint32_t i = 0; i < d->trail_count; i++)
        bound |= d->trail[i].stage > STAGE_COOLDOWN; /* at zero, at the bounds */
    return d->urgent || d->wake || bound;
}

static void run_pace(struct run *r)
{
    static struct past past;
    struct pool_spec *pool = &r->w->pool[0];
    restart(r);
    past = (struct past){
        .now_ns = r->w->now_ns, .changed_ns = r->w->now_ns, .passed_ns = r->w->now_ns - HOUR_NS};
    past.at[past.count].t_ns = r->w->now_ns; /* as if the count of the start had just been wanted */
    past.at[past.count++].wanted = group_desired(r->w->group, r->w->state, 0);
    for (int i = 0; i < PACE_TICKS; i++) {
        advance(r);
        sane_counts(&r->rng, &r->w->o.pool[0]);
        (void)world_tick(r->w, 0);
        const struct decision *d = &r->w->d[0];
        past.now_ns = r->w->now_ns > past.now_ns ? r->w->now_ns : past.now_ns;
        if (passes_pace(d))
            past.passed_ns = past.now_ns;
        const char *far = too_far(pool, &past, d);
        past.at[past.count].t_ns = past.now_ns;
        past.at[past.count].wanted = entering(d);
        past.at[past.count++].change = d->desired - d->previous;
        const char *early = too_early(pool, &past, d);
        if (far != NULL || early != NULL)
            broke(r, far != NULL ? far : early, d);
        lowered += d->desired < d->previous;
        raised += d->desired > d->previous;
        if (d->desired != d->previous)
            past.changed_ns = past.now_ns;
    }
}

static void R5_and_R6_native_pools_keep_the_pace_that_was_asked_for(void **state)
{
    (void)state;
    raised = lowered = 0;
    each(run_pace, true);
    assert_true(raised > 100 && lowered > 50);
}

/* ---- R1: fields of the observation ---- */

#define FIELD_AT(member)                                                                           \
    {                                                                                              \
#member, offsetof(struct pool_observation, member)                                         \
    }
static const struct {
    const char *name;
    size_t offset;
} count_fields[] = {
    FIELD_AT(ready),
    FIELD_AT(pending),
    FIELD_AT(warm),
    FIELD_AT(draining),
    FIELD_AT(blocked),
    FIELD_AT(busy),
    FIELD_AT(batch[0].count),
    FIELD_AT(batch[0].due_ns),
    FIELD_AT(waiting_requests),
    FIELD_AT(waiting_tokens),
    FIELD_AT(in_flight_requests),
    FIELD_AT(idle_ns),
    FIELD_AT(actual_count),
    FIELD_AT(fallback_count),
    FIELD_AT(schedule_now),
    FIELD_AT(schedule_next),
    FIELD_AT(schedule_next_ns),
    FIELD_AT(start_p50_ns),
    FIELD_AT(start_p90_ns),
    FIELD_AT(class_ready[0]),
    FIELD_AT(class_pending[0]),
    FIELD_AT(class_notice[0]),
    FIELD_AT(class_refused[0]),
    FIELD_AT(spent_today),
};

/* Where it matters for demand or supply an impossible value is doubt: it lowers nothing that the
 * true value would not have lowered. */
static void run_fields(struct run *r)
{
    static const int64_t counts[] = {INT64_MIN, -1, INT64_C(1) << 31, INT64_MAX};
    static const double sums[] = {-INFINITY, -1, INFINITY, 1e300};
    restart(r);
    for (size_t f = 0; f < COUNT_OF(count_fields); f++)
        for (size_t v = 0; v < COUNT_OF(counts); v++) {
            advance(r);
            struct pool_observation *o = &r->w->o.pool[0];
            sane_counts(&r->rng, o);
            struct twin true_one = twin_of(r->w);
            struct twin t = twin_of(r->w);
            twin_tick(r->w, &true_one);
            char *at = (char *)o + count_fields[f].offset;
            if (count_fields[f].offset == offsetof(struct pool_observation, spent_today))
                memcpy(at, &sums[v], sizeof(sums[v]));
            else
                memcpy(at, &counts[v], sizeof(counts[v]));
            o->batch_count = 1;
            twin_tick(r->w, &t);
            if (t.d.desired < t.d.previous && t.d.desired < true_one.d.desired)
                broke(r, count_fields[f].name, &t.d);
            const int64_t kept_desired = t.d.desired;
            if (kept_desired < 0 || kept_desired > r->w->pool[0].replicas_max)
                broke(r, count_fields[f].name, &t.d);
            free(true_one.state);
            free(t.state);
            sane_counts(&r->rng, o);
            (void)world_tick(r->w, 0);
        }
}

static void R1_an_impossible_field_of_an_observation_lowers_nothing(void **state)
{
    (void)state;
    each(run_fields, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(R1_and_R2_what_cannot_be_is_unknown_and_never_lowers),
        cmocka_unit_test(R1_an_impossible_field_of_an_observation_lowers_nothing),
        cmocka_unit_test(R3_silent_replicas_turn_no_direction_and_count_as_at_target),
        cmocka_unit_test(R5_and_R6_native_pools_keep_the_pace_that_was_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
