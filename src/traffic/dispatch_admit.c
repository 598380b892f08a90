/* Who is served at once, who is held, who is refused: arrivals and further tries. */
#include <assert.h>
#include <math.h>

#include "base/duration.h"
#include "traffic/dispatch.h"
#include "traffic/dispatch_internal.h"

#define RETRIES_MOST 100.0 /* the budget saves up no more */
#define RETRY_AFTER_FIRST_NS SECOND_NS
#define RETRY_AFTER_LAST_NS (60 * SECOND_NS)

static const struct tier tier_default = TIER_DEFAULT;

static bool hold(struct dispatch *d, struct request *request, bool front, int64_t now_ns)
{
    const struct queue_entry entry = {.slot = dispatch_slot_of(d, request),
                                      .key = request->key,
                                      .priority = request->priority,
                                      .weight = request->weight,
                                      .tokens = request->prompt_tokens,
                                      .front = front};
    if (queue_push(&d->queue, &entry) != RC_OK)
        return false;
    request->state = REQUEST_HELD;
    if (d->balancer.live_count == 0 &&
        (d->queue.requests == 1 || d->wake_ns == TIME_NONE || now_ns - d->wake_ns >= WAKE_AGAIN_NS))
        d->wake = true;
    if (d->queue.requests > d->jump_above && !d->jump_told)
        d->jump = d->jump_told = true;
    return true;
}

static int64_t clamp_retry_after(int64_t ns)
{
    return ns < RETRY_AFTER_FIRST_NS  ? RETRY_AFTER_FIRST_NS
           : ns > RETRY_AFTER_LAST_NS ? RETRY_AFTER_LAST_NS
                                      : ns;
}

int64_t dispatch_retry_after(const struct dispatch *d, enum refusal refusal, int64_t wait_ns,
                             int64_t now_ns)
{
    switch (refusal) {
    case REFUSAL_NONE:
    case REFUSAL_START_FAILED:
        return 0;
    case REFUSAL_REQUEST_RATE:
    case REFUSAL_TOKEN_RATE:
        return clamp_retry_after(wait_ns);
    case REFUSAL_QUEUE_FULL:
    case REFUSAL_QUEUE_SHARE:
    case REFUSAL_QUEUE_TIMEOUT:
        return clamp_retry_after(dispatch_eta_ns(d, d->queue.requests, now_ns));
    case REFUSAL_CONCURRENCY:
    case REFUSAL_REPLICA:
    case REFUSAL_MEMORY:
        return RETRY_AFTER_FIRST_NS;
    }
    return 0;
}

static struct dispatch_answer refuse(struct dispatch *d, enum refusal refusal, int64_t wait_ns,
                                     int64_t now_ns)
{
    d->meter.refused++;
    return (struct dispatch_answer){.verdict = VERDICT_REFUSED,
                                    .refusal = refusal,
                                    .retry_after_ns =
                                        dispatch_retry_after(d, refusal, wait_ns, now_ns)};
}

static uint32_t priority_of(const struct arrival *arrival, const struct tier *tier)
{
    const uint32_t most = tier->priority < PRIORITIES ? tier->priority : PRIORITIES - 1;
    return arrival->priority < most ? arrival->priority : most;
}

/* Whether one more may be held. */
static enum refusal queue_room(const struct dispatch *d, const struct request *request)
{
    const struct dispatch_config *c = &d->config;
    if (dispatch_given_up(d))
        return REFUSAL_START_FAILED;
    const bool too_many = d->queue.requests >= c->queue_requests_max;
    const bool too_large =
        c->queue_tokens_max > 0 && d->queue.tokens + request->prompt_tokens > c->queue_tokens_max;
    if (!too_many && !too_large)
        return REFUSAL_NONE;
    const int64_t held = queue_held(&d->queue, request->key, request->priority);
    const int64_t share =
        queue_share(&d->queue, request->key, request->priority, request->weight, d->queue.requests);
    return d->queue.weights > request->weight && held > share ? REFUSAL_QUEUE_SHARE
                                                              : REFUSAL_QUEUE_FULL;
}

static int64_t expected_output(const struct dispatch *d, const struct arrival *arrival)
{
    const int64_t mean = (int64_t)d->meter.output_mean;
    return arrival->output_tokens_max > 0 && arrival->output_tokens_max < mean
               ? arrival->output_tokens_max
               : mean;
}

static void fill(struct dispatch *d, struct request *request, const struct arrival *arrival,
                 const struct tier *tier, int64_t now_ns)
{
    request->cookie = arrival->cookie;
    request->session = arrival->session;
    request->key = arrival->key;
    request->priority = priority_of(arrival, tier);
    request->weight = tier->weight > 0 ? tier->weight : 1;
    request->stream = arrival->stream;
    request->prompt_tokens = arrival->prompt_tokens >= 0
                                 ? arrival->prompt_tokens
                                 : dispatch_estimate_tokens(d, arrival->prompt_bytes);
    request->prompt_bytes = arrival->prompt_bytes;
    request->output_expected = expected_output(d, arrival);
    request->arrived_ns = now_ns;
    request->arrived_clock_ns = wait_clock_read(&d->clock, now_ns);
}

static enum refusal take_limits(struct dispatch *d, struct request *request,
                                const struct tier *tier, int64_t *ret_wait_ns, int64_t now_ns)
{
    switch (limits_take(d->limits, request->key, tier, request->prompt_tokens, now_ns,
                        &request->limit_slot, ret_wait_ns)) {
    case LIMIT_OK:
        return REFUSAL_NONE;
    case LIMIT_CONCURRENCY:
        return REFUSAL_CONCURRENCY;
    case LIMIT_REQUESTS:
        return REFUSAL_REQUEST_RATE;
    case LIMIT_TOKENS:
        return REFUSAL_TOKEN_RATE;
    case LIMIT_MEMORY:
        return REFUSAL_MEMORY;
    }
    return REFUSAL_MEMORY;
}

/* What a request asks of the pool, as far as the cap of its key lets it count (FAULTS 27). */
static void count_demand(struct dispatch *d, struct request *request, const struct tier *tier)
{
    bool counts = true;
    if (tier->demand_tokens > 0)
        request->share_slot = shares_add(&d->shares, request->key, tier->demand_tokens,
                                         dispatch_share_of(request), &counts);
    d->meter.arrived++;
    d->meter.prompt_tokens += (double)request->prompt_tokens;
    if (counts)
        return;
    d->meter.excess_arrived++;
    d->meter.excess_prompt_tokens += (double)request->prompt_tokens;
}

static struct dispatch_answer accept(struct dispatch *d, const struct request *request)
{
    const bool assigned = request->state == REQUEST_IN_FLIGHT;
    return (struct dispatch_answer){
        .verdict = assigned ? VERDICT_ASSIGNED : VERDICT_HELD,
        .request = request->handle,
        .replica = assigned ? d->balancer.slots[request->replica_slot].id : 0,
    };
}

struct dispatch_answer dispatch_arrive(struct dispatch *d, const struct arrival *arrival,
                                       int64_t now_ns)
{
    const struct tier *tier = arrival->tier ? arrival->tier : &tier_default;
    d->active_ns = now_ns;
    meter_session(&d->meter, arrival->session, now_ns);
    struct request *request = dispatch_request_new(d);
    if (!request)
        return refuse(d, REFUSAL_MEMORY, 0, now_ns);
    fill(d, request, arrival, tier, now_ns);
    int64_t wait_ns = 0;
    enum refusal refusal = take_limits(d, request, tier, &wait_ns, now_ns);
    if (refusal == REFUSAL_NONE &&
        (d->queue.requests > 0 || !dispatch_assign(d, request, now_ns))) {
        refusal = queue_room(d, request);
        if (refusal == REFUSAL_NONE && !hold(d, request, false, now_ns))
            refusal = REFUSAL_MEMORY;
        if (refusal == REFUSAL_START_FAILED &&
            (d->wake_ns == TIME_NONE || now_ns - d->wake_ns >= WAKE_AGAIN_NS))
            d->wake = true; /* demand is there; when to try again is control's business */
    }
    if (refusal != REFUSAL_NONE) {
        limits_undo(d->limits, request->limit_slot, request->prompt_tokens, now_ns);
        request->limit_slot = SLOT_NONE;
        dispatch_request_free(d, request, now_ns);
        return refuse(d, refusal, wait_ns, now_ns);
    }
    count_demand(d, request, tier);
    d->retries = fmin(d->retries + d->config.retry_ratio, RETRIES_MOST);
    return accept(d, request);
}

bool dispatch_elsewhere(const struct dispatch *d, uint64_t handle, int64_t now_ns)
{
    const struct request *request = dispatch_in_flight(d, handle);
    return d->queue.requests == 0 && request->tries < d->config.retries_max && d->retries >= 1 &&
           balancer_other(&d->balancer, request->replica_slot, now_ns);
}

struct dispatch_answer dispatch_retry(struct dispatch *d, uint64_t handle, enum outcome cause,
                                      int64_t now_ns)
{
    struct request *request = dispatch_in_flight(d, handle);
    assert(!request->byte_sent && request->output_tokens == 0);
    request->avoid = request->replica_slot;
    dispatch_release(d, request, cause, true, now_ns);
    request->tries++;
    if (request->tries <= d->config.retries_max && d->retries >= 1) {
        d->retries--;
        if ((d->queue.requests == 0 && dispatch_assign(d, request, now_ns)) ||
            (!dispatch_given_up(d) && hold(d, request, true, now_ns)))
            return accept(d, request);
    }
    dispatch_failed(d, request);
    dispatch_request_free(d, request, now_ns);
    return (struct dispatch_answer){.verdict = VERDICT_REFUSED,
                                    .refusal = REFUSAL_REPLICA,
                                    .retry_after_ns =
                                        dispatch_retry_after(d, REFUSAL_REPLICA, 0, now_ns)};
}
