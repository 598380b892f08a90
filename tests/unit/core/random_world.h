/* random_world.h - random specifications, samples and observations, also absurd ones, and what must
 * hold on every tick whatever they are. Counts allocations. Included by each test once. */
#ifndef SLUICE_TEST_CORE_RANDOM_WORLD_H
#define SLUICE_TEST_CORE_RANDOM_WORLD_H

#include "world.h"

#include "base/rng.h"

/* ---- allocations ---- */

#if defined(__SANITIZE_ADDRESS__)
#define COUNTS_ALLOCATIONS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define COUNTS_ALLOCATIONS 0
#endif
#endif
#ifndef COUNTS_ALLOCATIONS
#define COUNTS_ALLOCATIONS 1
#endif

/* Stays 0 where they are not counted. */
static size_t allocations __attribute__((unused));

#if COUNTS_ALLOCATIONS
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *old, size_t size);

void *malloc(size_t size)
{
    allocations++;
    return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    allocations++;
    return __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
    allocations++;
    return __libc_realloc(old, size);
}
#endif

/* ---- random worlds ---- */

static bool chance(struct rng *rng, int64_t one_in)
{
    return rng_range(rng, 1, one_in) == 1;
}

static int64_t maybe(struct rng *rng, int64_t one_in, int64_t value, int64_t otherwise)
{
    return chance(rng, one_in) ? value : otherwise;
}

static void random_pace(struct rng *rng, struct pace_spec *pace)
{
    pace->stabilization_ns = rng_range(rng, -1, 60) * SECOND_NS;
    pace->change_absolute = maybe(rng, 2, rng_range(rng, 0, 5), -1);
    pace->change_percent = chance(rng, 2) ? (double)rng_range(rng, 0, 200) : (double)NAN;
    pace->period_ns = rng_range(rng, 0, 60) * SECOND_NS;
}

static void random_classes(struct rng *rng, struct pool_spec *pool)
{
    pool->class_count = (size_t)rng_range(rng, 1, 3);
    for (size_t i = 0; i < pool->class_count; i++) {
        struct class_spec *class = &pool->class_[i];
        opt_defaults(class_options, class_option_count, class);
        (void)snprintf(class->name, sizeof(class->name), "class-%zu", i);
        class->kind = (int)rng_range(rng, 0, 2);
        class->price_per_hour = chance(rng, 3) ? (double)NAN : 1 + 9 * rng_unit(rng);
        class->replicas_max = maybe(rng, 3, rng_range(rng, 0, 20), REPLICAS_MAX);
    }
    pool->cost.spot_max_percent = (double)rng_range(rng, 0, 100);
    pool->cost.spot_first = chance(rng, 2);
    pool->cost.spot_spread = chance(rng, 2);
    pool->cost.spot_rest_ns = rng_range(rng, 0, 60) * SECOND_NS;
    pool->cost.fallback_percent = chance(rng, 3) ? (double)rng_range(rng, 0, 100) : (double)NAN;
    pool->cost.step_count = (size_t)rng_range(rng, 0, BUDGET_ACTIONS_MAX);
    for (size_t i = 0; i < pool->cost.step_count; i++)
        pool->cost.step[i] = (struct budget_step_spec){
            .action = (int)rng_range(rng, 0, 2), .after_ns = rng_range(rng, 0, 60) * SECOND_NS};
}

static void random_pool(struct rng *rng, struct pool_spec *pool)
{
    static const char *const types[] = {"tokens-in-queue",     "concurrency",    "ttft-p95",
                                        "requests-per-second", "kv-cache-usage", "external:lag"};
    static const char *const targets[] = {"1000", "10", "500ms", "5", "70", "3"};
    pool->replicas_min = rng_range(rng, 0, 3);
    pool->replicas_max = pool->replicas_min + rng_range(rng, 0, 40);
    pool->max_unready = rng_range(rng, 1, 5);
    pool->combine = (int)rng_range(rng, COMBINE_MAX, COMBINE_ANY_UP_ALL_DOWN);
    random_pace(rng, &pool->behavior.up);
    random_pace(rng, &pool->behavior.down);
    pool->behavior.cooldown_ns = rng_range(rng, 0, 60) * SECOND_NS;
    pool->behavior.cooldown_applies = (int)rng_range(rng, 0, 1);
    pool->slo.ttft_ns = rng_range(rng, 0, 1) * SECOND_NS;
    pool->slo_target.enabled = pool->slo.ttft_ns > 0;
    pool->slo_target.require_headroom_percent = (double)rng_range(rng, 0, 60);
    pool->slo_target.check_ns = rng_range(rng, 0, 30) * SECOND_NS;
    pool->schedule_count = (size_t)rng_range(rng, 0, 1);
    pool->last_replica.grace_ns = rng_range(rng, 0, 20) * SECOND_NS;
    pool->last_replica.retention_ns = rng_range(rng, 0, 20) * SECOND_NS;
    pool->warm.percent = (double)rng_range(rng, 0, 30);
    pool->forecast.enabled = chance(rng, 4);
    pool->forecast.horizon_ns = rng_range(rng, 60, 600) * SECOND_NS;
    pool->forecast.min_confidence = rng_unit(rng);
    pool->cost.max_per_hour = chance(rng, 3) ? (double)rng_range(rng, 0, 100) : (double)NAN;
    pool->cost.daily_budget = chance(rng, 3) ? (double)rng_range(rng, 0, 100) : (double)NAN;
    pool->policy = chance(rng, 3) ? &probe_imitation : &probe;
    pool->metric_count = (size_t)rng_range(rng, 0, (int64_t)COUNT_OF(types));
    for (size_t i = 0; i < pool->metric_count; i++) {
        pool->metric[i] = world_metric(types[i], targets[i]);
        pool->metric[i].window_ns = rng_range(rng, 1, 60) * SECOND_NS;
        pool->metric[i].required = chance(rng, 2);
    }
    random_classes(rng, pool);
}

static int64_t absurd_count(struct rng *rng)
{
    static const int64_t counts[] = {
        -1, 0, INT64_MIN, INT64_MAX, REPLICAS_MAX, -REPLICAS_MAX, INT64_C(1) << 31};
    return chance(rng, 20) ? counts[rng_range(rng, 0, COUNT_OF(counts) - 1)]
                           : rng_range(rng, 0, 30);
}

static double absurd_value(struct rng *rng)
{
    static const double values[] = {NAN, INFINITY, -INFINITY, -1, 1e300, 922337203685477579.0, 0};
    return chance(rng, 5) ? values[rng_range(rng, 0, COUNT_OF(values) - 1)]
                          : 100 * rng_unit(rng) * rng_unit(rng);
}

static void random_samples(struct rng *rng, struct world *w)
{
    struct sample samples[24];
    for (size_t i = 0; i < COUNT_OF(samples); i++)
        samples[i] = (struct sample){
            .t_ns = w->now_ns - rng_range(rng, 0, 5) * SECOND_NS,
            .pool = (uint16_t)rng_range(rng, 0, 3),
            .signal = (uint16_t)rng_range(rng, 0, SIGNAL_COUNT),
            .external = (uint16_t)rng_range(rng, 0, 1),
            .state = (uint8_t)maybe(rng, 4, rng_range(rng, 0, 3), SIGNAL_VALUE),
            .covered = (uint32_t)rng_range(rng, 0, 4),
            .expected = (uint32_t)rng_range(rng, 0, 4),
            .value = absurd_value(rng),
            .weight = chance(rng, 10) ? absurd_value(rng) : 1,
        };
    observe(w->group, w->state, samples, COUNT_OF(samples));
}

static void random_observation(struct rng *rng, struct world *w)
{
    w->o.incomplete = chance(rng, 10);
    w->o.cause = (uint8_t)rng_range(rng, 0, TICK_START);
    for (size_t i = 0; i < w->pool_count; i++) {
        struct pool_observation *o = &w->o.pool[i];
        o->ready = absurd_count(rng);
        o->pending = absurd_count(rng);
        o->warm = absurd_count(rng);
        o->blocked = maybe(rng, 5, absurd_count(rng), 0);
        o->draining = maybe(rng, 5, absurd_count(rng), 0);
        o->busy = maybe(rng, 3, absurd_count(rng), 0);
        o->actual_count = absurd_count(rng);
        o->batch_count = (uint32_t)rng_range(rng, 0, PENDING_BATCHES_MAX);
        for (size_t k = 0; k < PENDING_BATCHES_MAX; k++) {
            const int64_t due_ns =
                num_add_sat(w->now_ns, num_mul_sat(absurd_count(rng), SECOND_NS));
            o->batch[k].count = k < o->batch_count ? absurd_count(rng) : 0;
            o->batch[k].due_ns = k < o->batch_count ? due_ns : 0;
        }
        o->waiting_tokens = maybe(rng, 3, absurd_count(rng), 0);
        o->fallback_count = maybe(rng, 20, absurd_count(rng), NO_COUNT);
        o->start_p50_ns = num_mul_sat(absurd_count(rng), SECOND_NS / 8);
        o->waiting_state = (uint8_t)rng_range(rng, 0, SIGNAL_FAILED);
        o->waiting_requests = maybe(rng, 3, absurd_count(rng), 0);
        o->in_flight_requests = maybe(rng, 2, absurd_count(rng), 0);
        o->idle_ns = rng_range(rng, 0, 60) * SECOND_NS;
        o->foreign_count = maybe(rng, 20, absurd_count(rng), NO_COUNT);
        o->inventory_limit = maybe(rng, 8, absurd_count(rng), NO_COUNT);
        o->quota_limit = maybe(rng, 8, absurd_count(rng), NO_COUNT);
        o->budget_limit = maybe(rng, 8, absurd_count(rng), NO_COUNT);
        o->budget_unreadable = chance(rng, 10);
        o->paused = chance(rng, 20);
        o->pin_count = maybe(rng, 20, absurd_count(rng), NO_COUNT);
        o->schedule_now = maybe(rng, 4, absurd_count(rng), NO_COUNT);
        o->schedule_next = maybe(rng, 4, absurd_count(rng), NO_COUNT);
        o->schedule_next_ns = maybe(rng, 4, w->o.wall_ns + MINUTE_NS, TIME_NONE);
        o->start_p90_ns = num_mul_sat(absurd_count(rng), SECOND_NS / 4);
        o->spent_today = absurd_value(rng);
        for (size_t k = 0; k < CLASSES_PER_POOL_MAX; k++) {
            o->class_notice[k] = maybe(rng, 10, absurd_count(rng), 0);
            o->class_refused[k] = maybe(rng, 6, absurd_count(rng), 0);
            o->class_ready[k] = maybe(rng, 3, absurd_count(rng), 0);
            o->class_pending[k] = maybe(rng, 3, absurd_count(rng), 0);
        }
    }
    w->config.replicas = absurd_count(rng);
    w->config.exact = chance(rng, 2) ? absurd_value(rng) : (double)NAN;
    w->config.abstain = chance(rng, 6);
    w->config.urgent = chance(rng, 10);
}

/* ---- what must hold ---- */

static bool trail_has(const struct decision *d, enum stage_id stage)
{
    for (uint32_t i = 0; i < d->trail_count; i++)
        if (d->trail[i].stage == stage)
            return true;
    return false;
}

/* The sentence that did not hold, or NULL. */
static inline const char *broken(const struct world *w, size_t i)
{
    const struct decision *d = &w->d[i];
    const struct pool_spec *pool = &w->pool[i];
    const struct pool_observation *o = &w->o.pool[i];
    const bool person = o->pin_count >= 0 || o->paused != 0;
    const bool limited = trail_has(d, STAGE_FLEET) || person;
    if (d->desired < 0 || d->desired > REPLICAS_MAX || d->warm < 0 || d->warm > REPLICAS_MAX)
        return "R4: counts are counts";
    if (!person && d->desired > pool->replicas_max)
        return "R4: not above the maximum";
    if (!limited && d->desired < pool->replicas_min)
        return "R4: not below the minimum";
    if (o->inventory_limit >= 0 && d->desired > o->inventory_limit)
        return "the inventory is never exceeded";
    const int64_t before =
        o->foreign_count >= 0 ? num_clamp(o->foreign_count, 0, REPLICAS_MAX) : d->previous;
    if (w->o.incomplete != 0 && !limited && d->desired < before && d->desired < pool->replicas_max)
        return "R10: nothing is lowered before all have answered";
    if (d->held && !limited && d->desired == 0 && before > 0 && pool->replicas_max > 0)
        return "R2: doubt never leads to zero";
    if (!limited && before > 0 && d->desired == 0 &&
        (o->waiting_state == SIGNAL_FAILED ||
         (o->waiting_state == SIGNAL_VALUE &&
          (o->waiting_requests > 0 || o->in_flight_requests > 0))) &&
        pool->replicas_max > 0)
        return "R2: to zero only on an explicit zero";
    int64_t sum = 0;
    for (size_t k = 0; k < CLASSES_PER_POOL_MAX; k++)
        sum += d->class_desired[k];
    return sum == d->desired ? NULL : "the classes add up to the count";
}

#endif
