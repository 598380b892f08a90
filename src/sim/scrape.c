/* What the engines' metrics pages would show, read at the instant of a tick: running and waiting
 * requests and the use of the KV cache, over the ready replicas of a pool. */
#include <math.h>

#include "sim/world_internal.h"

size_t scrape_group(const struct world *world, size_t *pool)
{
    size_t group = 0;
    for (;; group++) {
        const size_t count = group_pool_count(world->spec.control->group[group].group);
        if (*pool < count)
            return group;
        *pool -= count;
    }
}

/* What a page in trouble makes of a value. */
static double spoiled(const struct world *world, double value)
{
    switch (world->metrics) {
    case METRICS_NAN:
        return NAN;
    case METRICS_ABSURD:
        return 9.22e17;
    case METRICS_NEGATIVE:
        return -1 - value;
    case METRICS_FRESH:
    case METRICS_LOST:
    case METRICS_STALE:
        break;
    }
    return value;
}

static struct scrape look(struct world *world, size_t pool)
{
    struct scrape s = {.at_ns = world->now_ns, .failed = world->metrics == METRICS_LOST};
    const double gaps = world->pool[pool].scrape_gaps;
    if (gaps > 0 && rng_unit(&world->rng) < gaps)
        s.failed = true;
    for (size_t i = 0; i < world->alive_count; i++) {
        const struct body *body = &world->body[world->alive[i]];
        struct engine_load load;
        if (body->pool != pool || body->state != BODY_READY)
            continue;
        engine_load_of(body->engine, &load);
        s.value[0] += (double)load.running;
        s.value[1] += (double)load.waiting;
        s.value[2] += (double)load.kv_blocks / (double)load.kv_capacity;
        s.ready++;
    }
    s.value[2] = s.ready > 0 ? s.value[2] / s.ready : 0;
    for (size_t i = 0; i < ENGINE_SIGNALS; i++)
        s.value[i] = spoiled(world, s.value[i]);
    return s;
}

static void deliver(struct world *world, size_t pool, const struct scrape *s)
{
    static const enum signal_id signals[ENGINE_SIGNALS] = {
        SIGNAL_RUNNING_REQUESTS, SIGNAL_WAITING_REQUESTS, SIGNAL_KV_CACHE_USAGE};
    size_t place = pool;
    const size_t group = scrape_group(world, &place);
    const uint8_t state = (uint8_t)(s->failed      ? SIGNAL_FAILED
                                    : s->ready > 0 ? SIGNAL_VALUE
                                                   : SIGNAL_ABSENT);
    struct sample sample[ENGINE_SIGNALS];
    for (size_t i = 0; i < ENGINE_SIGNALS; i++)
        sample[i] = (struct sample){.t_ns = s->at_ns,
                                    .pool = (uint16_t)place,
                                    .signal = (uint16_t)signals[i],
                                    .state = state,
                                    .covered = s->failed ? 0 : s->ready,
                                    .expected = s->ready,
                                    .value = s->value[i],
                                    .weight = 1};
    const struct event event = {
        .kind = EVENT_SAMPLES, .group = group, .samples = sample, .sample_count = ENGINE_SIGNALS};
    world_give(world, &event);
}

/* Told as they were when they were read. */
void scrape_engines(struct world *world, size_t pool)
{
    struct scrapes *q = &world->scrapes[pool];
    if (world->metrics == METRICS_STALE)
        return;
    if (q->count == SCRAPES_MAX) {
        q->first = (q->first + 1) % SCRAPES_MAX;
        q->count--;
    }
    q->item[(q->first + q->count++) % SCRAPES_MAX] = look(world, pool);
    if (world->pool[pool].hands_on && world->metrics == METRICS_FRESH)
        carry_scrape(world, pool);
    while (q->count > 0 &&
           q->item[q->first].at_ns + world->pool[pool].scrape_delay_ns <= world->now_ns) {
        deliver(world, pool, &q->item[q->first]);
        q->first = (q->first + 1) % SCRAPES_MAX;
        q->count--;
    }
}
