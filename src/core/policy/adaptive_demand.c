#include "core/policy/adaptive_demand.h"

#include <math.h>

#include "base/num.h"
#include "core/objective.h"

#define MAX_AGE_NS (30 * SECOND_NS)
#define DRAIN_NS (30 * SECOND_NS)
#define MEMORY_WEIGHT 0.05     /* of a new value */
#define RESIDENCE_UNKNOWN_S 30 /* a long answer */

size_t adaptive_series(const struct pool_spec *pool, const void *config, struct series_need *ret,
                       size_t max)
{
    (void)config;
    static const struct series_need own[ADAPTIVE_OBJECTIVES] = {
        [ADAPTIVE_TOKENS_FAST] = {.signal = {.id = SIGNAL_TOKENS_IN_FLIGHT},
                                  .span_ns = ADAPTIVE_FAST_NS},
        [ADAPTIVE_TOKENS_SLOW] = {.signal = {.id = SIGNAL_TOKENS_IN_FLIGHT},
                                  .span_ns = ADAPTIVE_SLOW_NS},
        [ADAPTIVE_REQUESTS_FAST] = {.signal = {.id = SIGNAL_RUNNING_REQUESTS},
                                    .span_ns = ADAPTIVE_FAST_NS},
        [ADAPTIVE_REQUESTS_SLOW] = {.signal = {.id = SIGNAL_RUNNING_REQUESTS},
                                    .span_ns = ADAPTIVE_SLOW_NS},
        [ADAPTIVE_ARRIVALS] = {.signal = {.id = SIGNAL_REQUESTS_PER_SECOND},
                               .kind = SERIES_RATE,
                               .span_ns = ADAPTIVE_SLOW_NS},
        [ADAPTIVE_ENGINE_QUEUE] = {.signal = {.id = SIGNAL_WAITING_REQUESTS}, .kind = SERIES_LAST},
        [ADAPTIVE_ERRORS] = {.signal = {.id = SIGNAL_ERROR_RATIO},
                             .kind = SERIES_RATIO,
                             .span_ns = OBJECTIVE_WINDOW_NS},
    };
    for (size_t i = 0; i < ADAPTIVE_OBJECTIVES && i < max; i++) {
        ret[i] = own[i];
        ret[i].max_age_ns = MAX_AGE_NS;
    }
    return ADAPTIVE_OBJECTIVES +
           (max > ADAPTIVE_OBJECTIVES
                ? objective_series(pool, ret + ADAPTIVE_OBJECTIVES, max - ADAPTIVE_OBJECTIVES)
                : 0);
}

static double value_or_nan(struct reading r)
{
    return r.state == SIGNAL_VALUE ? r.value : (double)NAN;
}

/* Requests that wait, in the gateways or else in the engines; NAN = nobody knows. */
static double queue_of(const struct policy_input *in)
{
    const struct pool_observation *o = in->observation;
    if (o->waiting_state == SIGNAL_VALUE)
        return (double)num_clamp(o->waiting_requests, 0, INT64_C(1) << 40);
    if (o->waiting_state == SIGNAL_FAILED)
        return NAN;
    return value_or_nan(series_read(in, ADAPTIVE_ENGINE_QUEUE));
}

static void follow(double *mean, double value)
{
    *mean += (value - *mean) * (*mean > 0 ? MEMORY_WEIGHT : 1);
}

/* Little's law, while nothing waits: then what arrives is what enters. */
static void remember(const struct policy_input *in, const struct adaptive_demand *d,
                     struct adaptive_memory *memory)
{
    const double arrivals = value_or_nan(series_read(in, ADAPTIVE_ARRIVALS));
    /* Tokens that gateways count wait in the engines, too: of a prefill pool most of them do. */
    const double in_engines = value_or_nan(series_read(in, ADAPTIVE_ENGINE_QUEUE));
    const bool gateway = in->observation->waiting_state == SIGNAL_VALUE;
    const double requests = d->requests + (gateway && in_engines > 0 ? in_engines : 0);
    if (requests >= 1 && d->tokens > 0)
        follow(&memory->tokens_each, d->tokens / requests);
    if (in->observation->ready > 0 && !d->queued && d->requests_slow > 0 && arrivals > 0)
        follow(&memory->residence_s, d->requests_slow / arrivals);
}

/* A queue is worked off by the replicas that run already while new ones start. Only what they leave
 * over needs more: of each waiting request as much as its time in a replica fills of the time in
 * which the queue shall be gone. */
static double queue_share(const struct policy_input *in, const struct adaptive_memory *memory)
{
    const int64_t half_start_ns = in->observation->start_p50_ns / 2;
    const double drain_s = seconds_of(half_start_ns > DRAIN_NS ? half_start_ns : DRAIN_NS);
    const double residence_s = memory->residence_s > 0 ? memory->residence_s : RESIDENCE_UNKNOWN_S;
    return fmin(residence_s / drain_s, 1);
}

struct adaptive_demand adaptive_demand(const struct policy_input *in,
                                       struct adaptive_memory *memory)
{
    const struct pool_observation *o = in->observation;
    const struct reading running = series_read(in, ADAPTIVE_REQUESTS_FAST);
    const bool gateway = o->waiting_state == SIGNAL_VALUE;
    struct adaptive_demand d = {.coverage = 1, .requests = value_or_nan(running)};
    if (running.state == SIGNAL_VALUE)
        d.coverage = running.coverage;
    else if (gateway)
        d.requests = (double)num_clamp(o->in_flight_requests, 0, INT64_C(1) << 40);
    else if (o->ready <= 0)
        d.requests = 0;
    double queue = queue_of(in);
    const struct reading tokens = series_read(in, ADAPTIVE_TOKENS_FAST);
    d.tokens = value_or_nan(tokens);
    d.known =
        !isnan(d.requests) && (!isnan(queue) || o->ready > 0) && o->waiting_state != SIGNAL_FAILED;
    d.partial = isnan(queue);
    if (!d.known)
        return d;
    if (d.partial)
        queue = 0;
    d.queued = queue > 0;
    d.any = d.queued || d.requests > 0 || (gateway && o->in_flight_requests > 0);
    d.requests_slow = value_or_nan(series_read(in, ADAPTIVE_REQUESTS_SLOW));
    d.tokens_slow = value_or_nan(series_read(in, ADAPTIVE_TOKENS_SLOW));
    remember(in, &d, memory);
    d.in_tokens = memory->tokens_each > 0 && (d.tokens >= 0 || o->ready <= 0);
    if (d.in_tokens && tokens.state == SIGNAL_VALUE)
        d.coverage = tokens.coverage;
    d.each = d.in_tokens ? memory->tokens_each : 1;
    d.flight = !d.in_tokens ? d.requests : d.tokens >= 0 ? d.tokens : 0;
    d.slow = d.in_tokens ? d.tokens_slow : d.requests_slow;
    d.waiting = queue * d.each;
    if (d.in_tokens && gateway)
        d.waiting = fmax(d.waiting, (double)o->waiting_tokens);
    d.waiting *= queue_share(in, memory);
    return d;
}
