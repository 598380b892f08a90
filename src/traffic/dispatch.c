#include "traffic/dispatch.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/mem.h"
#include "base/num.h"
#include "traffic/dispatch_internal.h"

#define RETRIES_FIRST 10.0 /* budget at the start */
#define PROMPT_AHEAD 31    /* times its tokens: a prompt not computed yet */

void dispatch_config_default(struct dispatch_config *config)
{
    *config = (struct dispatch_config){
        .balance = BALANCE_LEAST_TOKENS,
        .affinity = true,
        .affinity_bound = 1.25,
        .replica_concurrency = 64,
        .queue_requests_max = 1024,
        .queue_timeout_ns = 5 * MINUTE_NS,
        .hold_ns_max = 30 * MINUTE_NS,
        .startup_ns = 2 * MINUTE_NS,
        .requests_max = 100000,
        .retries_max = 2,
        .retry_ratio = 0.2,
        .eject_share_max = 0.5,
        .ttft_s = NAN,
        .itl_s = NAN,
        .e2e_s = NAN,
        .tokens_per_s = NAN,
    };
}

void dispatch_configure(struct dispatch *d, const struct dispatch_config *config)
{
    assert(config->queue_timeout_ns > 0 && config->hold_ns_max > 0 && config->startup_ns > 0);
    d->config = *config;
    if (d->config.requests_max > QUEUE_ITEMS_MAX)
        d->config.requests_max = QUEUE_ITEMS_MAX;
    d->balancer.limit = config->replica_concurrency;
    d->balancer.mode = config->balance;
    d->balancer.affinity = config->affinity;
    d->balancer.affinity_bound = config->affinity_bound;
    d->balancer.eject_share_max = config->eject_share_max;
}

struct dispatch *dispatch_new(const struct dispatch_config *config)
{
    struct dispatch *d = mem_new(1, sizeof(*d));
    if (!d)
        return NULL;
    d->request_free = SLOT_NONE;
    d->retries = RETRIES_FIRST;
    d->ready_ns = TIME_NONE;
    d->wake_ns = TIME_NONE;
    d->snapshot_ns = TIME_NONE;
    d->jump_above = JUMP_LEAST;
    d->active_ns = config->begun_ns;
    queue_init(&d->queue);
    shares_init(&d->shares);
    limits_init(&d->own_limits);
    d->limits = &d->own_limits;
    balancer_init(&d->balancer, config->seed);
    meter_init(&d->meter, 0);
    wait_clock_init(&d->clock, 0);
    dispatch_configure(d, config);
    return d;
}

void dispatch_share_limits(struct dispatch *d, struct limits *limits)
{
    assert(d->serial == 0);
    d->limits = limits;
}

void dispatch_free(struct dispatch *d)
{
    if (!d)
        return;
    free(d->requests);
    queue_done(&d->queue);
    shares_done(&d->shares);
    limits_done(&d->own_limits);
    balancer_done(&d->balancer);
    meter_done(&d->meter);
    free(d);
}

bool dispatch_given_up(const struct dispatch *d)
{
    return d->start_failed && d->starting <= 0 && d->balancer.live_count == 0;
}

struct request *dispatch_request_new(struct dispatch *d)
{
    uint32_t slot = d->request_free;
    if (slot != SLOT_NONE) {
        d->request_free = d->requests[slot].next_free;
    } else {
        if ((int64_t)d->request_count >= d->config.requests_max ||
            mem_grow((void **)&d->requests, &d->request_cap, d->request_count + 1,
                     sizeof(*d->requests), QUEUE_ITEMS_MAX) != RC_OK ||
            queue_reserve(&d->queue, d->request_cap) != RC_OK)
            return NULL;
        slot = (uint32_t)d->request_count++;
    }
    d->requests[slot] = (struct request){.handle = ++d->serial << REQUEST_SLOT_BITS | slot,
                                         .replica_slot = SLOT_NONE,
                                         .limit_slot = SLOT_NONE,
                                         .share_slot = SLOT_NONE,
                                         .avoid = SLOT_NONE,
                                         .first_token_ns = TIME_NONE,
                                         .last_token_ns = TIME_NONE};
    return &d->requests[slot];
}

void dispatch_request_free(struct dispatch *d, struct request *request, int64_t now_ns)
{
    limits_give(d->limits, request->limit_slot, request->output_tokens, now_ns);
    shares_remove(&d->shares, request->share_slot, dispatch_share_of(request));
    request->state = REQUEST_FREE;
    request->handle = 0;
    request->next_free = d->request_free;
    d->request_free = dispatch_slot_of(d, request);
    d->active_ns = now_ns;
}

static bool pool_full(const struct dispatch *d)
{
    return d->config.pool_concurrency > 0 && d->in_flight >= d->config.pool_concurrency;
}

bool dispatch_all_taken(const struct dispatch *d)
{
    const int64_t limit = d->config.replica_concurrency;
    return pool_full(d) || d->balancer.live_count == 0 ||
           (limit > 0 && d->balancer.live_in_flight >= limit * (int64_t)d->balancer.live_count);
}

/* Prompts are computed one after the other, and all that is left of them stands before the next
 * request; tokens of answers come some dozens at a time and stand before nobody. An answer that is
 * no stream does not say when its prompt is done. */
int64_t dispatch_prompt_ahead(const struct request *request)
{
    return request->stream && request->first_token_ns == TIME_NONE
               ? num_mul_sat(request->prompt_tokens, PROMPT_AHEAD)
               : 0;
}

static int64_t load_of(const struct request *request)
{
    return dispatch_share_of(request) + dispatch_prompt_ahead(request);
}

bool dispatch_assign(struct dispatch *d, struct request *request, int64_t now_ns)
{
    if (dispatch_all_taken(d))
        return false;
    const struct pick pick = {.session = request->session,
                              .avoid = request->avoid,
                              .waiting = request->state == REQUEST_HELD || d->queue.requests > 0,
                              .now_ns = now_ns};
    const uint32_t slot = balancer_pick(&d->balancer, &pick);
    if (slot == SLOT_NONE)
        return false;
    balancer_take(&d->balancer, slot, load_of(request), request->prompt_tokens);
    struct replica *replica = &d->balancer.slots[slot];
    if (replica->in_flight == 1)
        replica->busy_ns = now_ns;
    request->state = REQUEST_IN_FLIGHT;
    request->replica_slot = slot;
    d->in_flight++;
    d->in_flight_tokens += request->prompt_tokens;
    meter_latency(&d->meter, LATENCY_QUEUE, seconds_of(now_ns - request->arrived_ns), 1);
    return true;
}

void dispatch_release(struct dispatch *d, struct request *request, enum outcome outcome, bool judge,
                      int64_t now_ns)
{
    struct replica *replica = &d->balancer.slots[request->replica_slot];
    if (request->first_token_ns != TIME_NONE)
        replica->decoding--;
    if (replica->in_flight == 1)
        d->meter.busy_s += seconds_of(now_ns - replica->busy_ns);
    balancer_give(&d->balancer, request->replica_slot, load_of(request),
                  request->prompt_tokens + request->output_tokens);
    if (judge)
        balancer_outcome(&d->balancer, request->replica_slot, outcome, now_ns);
    d->in_flight--;
    d->in_flight_tokens -= request->prompt_tokens + request->output_tokens;
}

/* Starts or stops the clock of the waiters. Without an estimate of the routes the first one made
 * here stands: a start that is late must not look early for ever. */
static void set_clock(struct dispatch *d, int64_t eta_ns, int64_t now_ns)
{
    if (d->balancer.live_count > 0 || d->starting <= 0) {
        d->ready_ns = TIME_NONE;
        wait_clock_run(&d->clock, now_ns);
        return;
    }
    if (eta_ns >= 0)
        d->ready_ns = now_ns + eta_ns;
    else if (d->ready_ns == TIME_NONE)
        d->ready_ns = now_ns + d->config.startup_ns;
    wait_clock_stop(&d->clock, d->ready_ns, now_ns);
}

enum rc dispatch_routes(struct dispatch *d, const struct route_pool *pool, uint64_t generation,
                        int64_t now_ns)
{
    const enum rc rc = balancer_routes(&d->balancer, pool->replica, pool->replica_count);
    if (rc != RC_OK)
        return rc;
    d->generation = generation;
    d->starting = pool->starting;
    d->start_failed = pool->start_failed;
    memcpy(d->reason, pool->reason, sizeof(d->reason));
    d->reason[sizeof(d->reason) - 1] = '\0';
    if (d->balancer.live_count == 0 && d->queue.requests > 0 && d->starting <= 0)
        d->wake = true; /* what was the last replica went while somebody waits */
    set_clock(d, pool->eta_ns, now_ns);
    return RC_OK;
}

void dispatch_suspect(struct dispatch *d, uint64_t replica, enum outcome cause, int64_t now_ns)
{
    const uint32_t slot = balancer_find(&d->balancer, replica);
    if (slot != SLOT_NONE && cause != OUTCOME_OK)
        balancer_outcome(&d->balancer, slot, cause, now_ns);
}
