/* What the engines' metrics pages would show, read at the instant of a tick: running and waiting
 * requests and the use of the KV cache, over the ready replicas of a pool. */
#include <math.h>

#include "sim/world_internal.h"

#define ENGINE_SIGNALS 3

/* Group of a pool and its place in it. */
static size_t group_of(const struct world *world, size_t *pool)
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

void scrape_engines(struct world *world, size_t pool)
{
    if (world->metrics == METRICS_STALE)
        return;
    size_t place = pool;
    const size_t group = group_of(world, &place);
    double running = 0;
    double waiting = 0;
    double kv = 0;
    uint32_t ready = 0;
    for (size_t i = 0; i < world->alive_count; i++) {
        const struct body *body = &world->body[world->alive[i]];
        struct engine_load load;
        if (body->pool != pool || body->state != BODY_READY)
            continue;
        engine_load_of(body->engine, &load);
        running += (double)load.running;
        waiting += (double)load.waiting;
        kv += (double)load.kv_blocks / (double)load.kv_capacity;
        ready++;
    }
    const struct {
        enum signal_id signal;
        double value;
    } told[ENGINE_SIGNALS] = {{SIGNAL_RUNNING_REQUESTS, running},
                              {SIGNAL_WAITING_REQUESTS, waiting},
                              {SIGNAL_KV_CACHE_USAGE, ready > 0 ? kv / ready : 0}};
    const uint8_t state = (uint8_t)(world->metrics == METRICS_LOST ? SIGNAL_FAILED
                                    : ready > 0                    ? SIGNAL_VALUE
                                                                   : SIGNAL_ABSENT);
    struct sample sample[ENGINE_SIGNALS];
    for (size_t i = 0; i < ENGINE_SIGNALS; i++)
        sample[i] = (struct sample){.t_ns = world->now_ns,
                                    .pool = (uint16_t)place,
                                    .signal = (uint16_t)told[i].signal,
                                    .state = state,
                                    .covered = world->metrics == METRICS_LOST ? 0 : ready,
                                    .expected = ready,
                                    .value = spoiled(world, told[i].value),
                                    .weight = 1};
    const struct event event = {
        .kind = EVENT_SAMPLES, .group = group, .samples = sample, .sample_count = ENGINE_SIGNALS};
    world_give(world, &event);
}
