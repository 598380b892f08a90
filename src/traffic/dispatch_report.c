/* What a dispatcher tells about itself: counts, places and snapshots. */
#include <assert.h>
#include <string.h>

#include "base/duration.h"
#include "traffic/dispatch.h"
#include "traffic/dispatch_internal.h"

#define PROMPT_TOKENS_MAX (INT64_C(1) << 40)

bool dispatch_drained(const struct dispatch *d, uint64_t replica)
{
    const uint32_t slot = balancer_find(&d->balancer, replica);
    if (slot == SLOT_NONE)
        return true;
    const struct replica *found = &d->balancer.slots[slot];
    return found->draining && found->in_flight == 0;
}

const char *dispatch_reason(const struct dispatch *d)
{
    return d->reason;
}

int64_t dispatch_estimate_tokens(const struct dispatch *d, int64_t bytes)
{
    if (bytes <= 0)
        return 0;
    const double tokens = (double)bytes / d->meter.bytes_per_token;
    return tokens < (double)PROMPT_TOKENS_MAX ? (int64_t)tokens + 1 : PROMPT_TOKENS_MAX;
}

/* Readiness first, then those ahead at the rate at which requests left lately. */
int64_t dispatch_eta_ns(const struct dispatch *d, int64_t position, int64_t now_ns)
{
    int64_t ready_ns = 0;
    if (d->balancer.live_count == 0) {
        if (d->ready_ns == TIME_NONE)
            return -1;
        ready_ns = d->ready_ns > now_ns ? d->ready_ns - now_ns : 0;
    }
    const double rate = meter_rate_per_s(&d->meter, now_ns);
    if (rate > 0)
        return ready_ns + ns_of_seconds((double)position / rate);
    return d->balancer.live_count == 0 ? ready_ns : -1;
}

struct dispatch_place dispatch_place(const struct dispatch *d, uint64_t request, int64_t now_ns)
{
    const struct request *found = dispatch_request(d, request);
    if (found->state != REQUEST_HELD)
        return (struct dispatch_place){.position = 0, .eta_ns = 0};
    const int64_t position = queue_position(&d->queue, dispatch_slot_of(d, found));
    return (struct dispatch_place){.position = position,
                                   .eta_ns = dispatch_eta_ns(d, position, now_ns)};
}

struct dispatch_counts dispatch_counts(const struct dispatch *d)
{
    const int64_t ready = (int64_t)d->balancer.live_count;
    const int64_t limit = d->config.replica_concurrency;
    int64_t free_slots = INT64_MAX;
    if (limit > 0)
        free_slots = limit * ready - d->balancer.live_in_flight;
    if (d->config.pool_concurrency > 0 && d->config.pool_concurrency - d->in_flight < free_slots)
        free_slots = d->config.pool_concurrency - d->in_flight;
    return (struct dispatch_counts){
        .waiting_requests = d->queue.requests,
        .waiting_tokens = d->queue.tokens,
        .in_flight_requests = d->in_flight,
        .in_flight_tokens = d->in_flight_tokens,
        .ready = ready,
        .free_slots = ready == 0 || free_slots < 0 ? 0 : free_slots,
    };
}

/* Time of the busy ones up to now. */
static void take_busy(struct dispatch *d, int64_t now_ns)
{
    for (size_t i = 0; i < d->balancer.count; i++) {
        struct replica *replica = &d->balancer.slots[i];
        if (replica->id == 0 || replica->in_flight <= 0)
            continue;
        d->meter.busy_s += seconds_of(now_ns - replica->busy_ns);
        replica->busy_ns = now_ns;
    }
}

static void take_replicas(const struct dispatch *d, struct gateway_snapshot *ret)
{
    ret->replica_count = 0;
    for (size_t i = 0; i < d->balancer.count; i++) {
        const struct replica *replica = &d->balancer.slots[i];
        if (replica->id == 0 || ret->replica_count == REPLICAS_PER_POOL_MAX)
            continue;
        ret->replica[ret->replica_count++] =
            (struct replica_load){.id = replica->id,
                                  .in_flight_requests = replica->in_flight,
                                  .in_flight_tokens = replica->tokens};
    }
}

void dispatch_snapshot(struct dispatch *d, int64_t now_ns, struct gateway_snapshot *ret)
{
    const bool busy = d->in_flight > 0 || d->queue.requests > 0;
    ret->pool = d->config.pool;
    ret->gateway = d->config.gateway;
    ret->generation = d->generation;
    ret->t_ns = now_ns;
    ret->span_ns = d->snapshot_ns == TIME_NONE ? 0 : now_ns - d->snapshot_ns;
    ret->waiting_requests = d->queue.requests;
    ret->waiting_tokens = d->queue.tokens;
    ret->in_flight_requests = d->in_flight;
    ret->in_flight_tokens = d->in_flight_tokens;
    ret->oldest_wait_ns =
        d->queue.oldest == SLOT_NONE ? 0 : now_ns - d->requests[d->queue.oldest].arrived_ns;
    ret->idle_ns = busy || now_ns < d->active_ns ? 0 : now_ns - d->active_ns;
    const struct excess excess = shares_excess(&d->shares);
    ret->excess_requests = excess.requests;
    ret->excess_tokens = excess.tokens;
    ret->sessions = meter_sessions(&d->meter, now_ns);
    take_busy(d, now_ns);
    meter_take(&d->meter, now_ns, ret);
    take_replicas(d, ret);
    d->snapshot_ns = now_ns;
    d->jump_told = false;
    d->jump_above = 2 * d->queue.requests > JUMP_LEAST ? 2 * d->queue.requests : JUMP_LEAST;
}
