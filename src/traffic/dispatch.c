#include "traffic/dispatch.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/mem.h"
#include "traffic/dispatch_internal.h"

#define WAKE_AGAIN_NS SECOND_NS /* a wake that nobody answered is told again */
#define RETRIES_FIRST 10.0      /* budget at the start and at least... */
#define RETRIES_MOST 100.0
#define JUMP_LEAST 8 /* held requests that are no jump yet */
#define RETRY_AFTER_FIRST_NS SECOND_NS
#define RETRY_AFTER_LAST_NS (60 * SECOND_NS)

static const struct tier tier_default = TIER_DEFAULT;

void dispatch_config_default(struct dispatch_config *config)
{
    *config = (struct dispatch_config){
        .balance = BALANCE_LEAST_TOKENS,
        .affinity = true,
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
    queue_init(&d->queue);
    limits_init(&d->limits);
    balancer_init(&d->balancer, config->seed);
    meter_init(&d->meter, 0);
    wait_clock_init(&d->clock, 0);
    dispatch_configure(d, config);
    return d;
}

void dispatch_free(struct dispatch *d)
{
    if (!d)
        return;
    free(d->requests);
    queue_done(&d->queue);
    limits_done(&d->limits);
    balancer_done(&d->balancer);
    meter_done(&d->meter);
    free(d);
}

struct request *dispatch_request(const struct dispatch *d, uint64_t handle)
{
    const size_t slot = (size_t)(handle & ((1U << REQUEST_SLOT_BITS) - 1));
    assert(slot < d->request_count && d->requests[slot].handle == handle);
    assert(d->requests[slot].state != REQUEST_FREE);
    return &d->requests[slot];
}

static struct request *in_flight(const struct dispatch *d, uint64_t handle)
{
    struct request *request = dispatch_request(d, handle);
    assert(request->state == REQUEST_IN_FLIGHT);
    return request;
}

static uint32_t slot_of(const struct dispatch *d, const struct request *request)
{
    return (uint32_t)(request - d->requests);
}

bool dispatch_given_up(const struct dispatch *d)
{
    return d->start_failed && d->starting <= 0 && d->balancer.live_count == 0;
}

static struct request *request_new(struct dispatch *d)
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
                                         .avoid = SLOT_NONE,
                                         .first_token_ns = TIME_NONE,
                                         .last_token_ns = TIME_NONE};
    return &d->requests[slot];
}

static void request_free(struct dispatch *d, struct request *request, int64_t now_ns)
{
    limits_give(&d->limits, request->limit_slot, request->output_tokens, now_ns);
    request->state = REQUEST_FREE;
    request->handle = 0;
    request->next_free = d->request_free;
    d->request_free = slot_of(d, request);
    d->active_ns = now_ns;
}

static bool pool_full(const struct dispatch *d)
{
    return d->config.pool_concurrency > 0 && d->in_flight >= d->config.pool_concurrency;
}

static bool all_slots_taken(const struct dispatch *d)
{
    const int64_t limit = d->config.replica_concurrency;
    return pool_full(d) || d->balancer.live_count == 0 ||
           (limit > 0 && d->balancer.live_in_flight >= limit * (int64_t)d->balancer.live_count);
}

/* Puts a request on a replica; false when there is no free slot. */
static bool assign(struct dispatch *d, struct request *request, int64_t now_ns)
{
    if (all_slots_taken(d))
        return false;
    const struct pick pick = {.session = request->session,
                              .avoid = request->avoid,
                              .waiting = request->state == REQUEST_HELD || d->queue.requests > 0,
                              .now_ns = now_ns};
    const uint32_t slot = balancer_pick(&d->balancer, &pick);
    if (slot == SLOT_NONE)
        return false;
    balancer_take(&d->balancer, slot, request->prompt_tokens + request->output_expected,
                  request->prompt_tokens);
    request->state = REQUEST_IN_FLIGHT;
    request->replica_slot = slot;
    d->in_flight++;
    d->in_flight_tokens += request->prompt_tokens;
    histogram_record(&d->meter.queue_s, seconds_of(now_ns - request->arrived_ns), 1);
    return true;
}

/* Takes a request off its replica. */
static void release(struct dispatch *d, struct request *request, enum outcome outcome, bool judge,
                    int64_t now_ns)
{
    balancer_give(&d->balancer, request->replica_slot,
                  request->prompt_tokens + request->output_expected,
                  request->prompt_tokens + request->output_tokens);
    if (judge)
        balancer_outcome(&d->balancer, request->replica_slot, outcome, now_ns);
    d->in_flight--;
    d->in_flight_tokens -= request->prompt_tokens + request->output_tokens;
}

static bool hold(struct dispatch *d, struct request *request, bool front, int64_t now_ns)
{
    const struct queue_entry entry = {.slot = slot_of(d, request),
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

static int64_t retry_after(const struct dispatch *d, enum refusal refusal, int64_t wait_ns,
                           int64_t now_ns)
{
    switch (refusal) {
    case REFUSAL_NONE:
    case REFUSAL_START_FAILED:
        return 0;
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
                                    .retry_after_ns = retry_after(d, refusal, wait_ns, now_ns)};
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
    switch (limits_take(&d->limits, request->key, tier, request->prompt_tokens, now_ns,
                        &request->limit_slot, ret_wait_ns)) {
    case LIMIT_OK:
        return REFUSAL_NONE;
    case LIMIT_CONCURRENCY:
        return REFUSAL_CONCURRENCY;
    case LIMIT_TOKENS:
        return REFUSAL_TOKEN_RATE;
    case LIMIT_MEMORY:
        return REFUSAL_MEMORY;
    }
    return REFUSAL_MEMORY;
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
    struct request *request = request_new(d);
    if (!request)
        return refuse(d, REFUSAL_MEMORY, 0, now_ns);
    fill(d, request, arrival, tier, now_ns);
    int64_t wait_ns = 0;
    enum refusal refusal = take_limits(d, request, tier, &wait_ns, now_ns);
    if (refusal == REFUSAL_NONE && (d->queue.requests > 0 || !assign(d, request, now_ns))) {
        refusal = queue_room(d, request);
        if (refusal == REFUSAL_NONE && !hold(d, request, false, now_ns))
            refusal = REFUSAL_MEMORY;
        if (refusal == REFUSAL_START_FAILED &&
            (d->wake_ns == TIME_NONE || now_ns - d->wake_ns >= WAKE_AGAIN_NS))
            d->wake = true; /* demand is there; when to try again is control's business */
    }
    if (refusal != REFUSAL_NONE) {
        request_free(d, request, now_ns);
        return refuse(d, refusal, wait_ns, now_ns);
    }
    d->meter.arrived++;
    d->meter.prompt_tokens += (double)request->prompt_tokens;
    d->retries = fmin(d->retries + d->config.retry_ratio, RETRIES_MOST);
    return accept(d, request);
}

void dispatch_first_byte(struct dispatch *d, uint64_t handle, int64_t now_ns)
{
    in_flight(d, handle)->byte_sent = true;
    d->active_ns = now_ns;
}

void dispatch_tokens(struct dispatch *d, uint64_t handle, int64_t n, int64_t now_ns)
{
    struct request *request = in_flight(d, handle);
    if (n <= 0)
        return;
    if (request->first_token_ns == TIME_NONE) {
        request->first_token_ns = now_ns;
        if (request->stream)
            histogram_record(&d->meter.ttft_s, seconds_of(now_ns - request->arrived_ns), 1);
    } else if (request->stream) {
        const double gap_s = seconds_of(now_ns - request->last_token_ns) / (double)n;
        histogram_record(&d->meter.itl_s, gap_s, (double)n);
    }
    request->last_token_ns = now_ns;
    request->byte_sent = true;
    request->output_tokens += n;
    d->in_flight_tokens += n;
    d->balancer.slots[request->replica_slot].tokens += n;
    d->meter.output_tokens += (double)n;
    d->active_ns = now_ns;
}

static bool within(double value, double objective)
{
    return !(objective > 0) || value <= objective;
}

static bool is_good(const struct dispatch *d, const struct request *request, int64_t now_ns)
{
    const struct dispatch_config *c = &d->config;
    const double e2e_s = seconds_of(now_ns - request->arrived_ns);
    if (!within(e2e_s, c->e2e_s))
        return false;
    if (c->tokens_per_s > 0 && (double)request->output_tokens < c->tokens_per_s * e2e_s)
        return false;
    if (!request->stream || request->first_token_ns == TIME_NONE)
        return true;
    const double ttft_s = seconds_of(request->first_token_ns - request->arrived_ns);
    const int64_t gaps = request->output_tokens - 1;
    const double itl_s =
        gaps > 0 ? seconds_of(request->last_token_ns - request->first_token_ns) / (double)gaps : 0;
    return within(ttft_s, c->ttft_s) && within(itl_s, c->itl_s);
}

/* What the stream did not show one by one, usage tells at the end. */
static void take_usage(struct dispatch *d, struct request *request, const struct usage *usage)
{
    if (usage->output_tokens > request->output_tokens) {
        const int64_t more = usage->output_tokens - request->output_tokens;
        request->output_tokens += more;
        d->in_flight_tokens += more;
        d->balancer.slots[request->replica_slot].tokens += more;
        d->meter.output_tokens += (double)more;
    }
    d->meter.tool_calls += (double)usage->tool_calls;
}

static void meter_completed(struct dispatch *d, const struct request *request,
                            const struct usage *usage, int64_t now_ns)
{
    const int64_t prompt =
        usage && usage->prompt_tokens >= 0 ? usage->prompt_tokens : request->prompt_tokens;
    struct meter *meter = &d->meter;
    meter->completed++;
    meter->good += is_good(d, request, now_ns);
    meter->completed_prompt_tokens += (double)prompt;
    meter->completed_tokens += (double)(prompt + request->output_tokens);
    histogram_record(&meter->e2e_s, seconds_of(now_ns - request->arrived_ns), 1);
    meter_learn(meter, request->prompt_bytes, usage ? usage->prompt_tokens : -1,
                request->output_tokens);
}

void dispatch_finish(struct dispatch *d, uint64_t handle, enum outcome outcome,
                     const struct usage *usage, int64_t now_ns)
{
    struct request *request = in_flight(d, handle);
    if (usage)
        take_usage(d, request, usage);
    release(d, request, outcome, true, now_ns);
    if (outcome == OUTCOME_OK)
        meter_completed(d, request, usage, now_ns);
    else
        d->meter.failed++;
    meter_session(&d->meter, request->session, now_ns);
    meter_served(&d->meter, now_ns);
    request_free(d, request, now_ns);
}

void dispatch_cancel(struct dispatch *d, uint64_t handle, int64_t now_ns)
{
    struct request *request = dispatch_request(d, handle);
    if (request->state == REQUEST_HELD)
        queue_remove(&d->queue, slot_of(d, request));
    else
        release(d, request, OUTCOME_OK, false, now_ns);
    d->meter.cancelled++;
    request_free(d, request, now_ns);
}

struct dispatch_answer dispatch_retry(struct dispatch *d, uint64_t handle, enum outcome cause,
                                      int64_t now_ns)
{
    struct request *request = in_flight(d, handle);
    assert(!request->byte_sent && request->output_tokens == 0);
    request->avoid = request->replica_slot;
    release(d, request, cause, true, now_ns);
    request->tries++;
    if (request->tries <= d->config.retries_max && d->retries >= 1) {
        d->retries--;
        if ((d->queue.requests == 0 && assign(d, request, now_ns)) ||
            (!dispatch_given_up(d) && hold(d, request, true, now_ns)))
            return accept(d, request);
    }
    d->meter.failed++;
    request_free(d, request, now_ns);
    return (struct dispatch_answer){.verdict = VERDICT_REFUSED,
                                    .refusal = REFUSAL_REPLICA,
                                    .retry_after_ns = retry_after(d, REFUSAL_REPLICA, 0, now_ns)};
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

static bool next_signal(struct dispatch *d, int64_t now_ns, struct dispatch_event *ret)
{
    const bool nobody = d->queue.requests > 0 && d->balancer.live_count == 0 && d->starting <= 0;
    if (d->wake || (nobody && now_ns - d->wake_ns >= WAKE_AGAIN_NS && d->wake_ns != TIME_NONE)) {
        d->wake = false;
        d->wake_ns = now_ns;
        *ret = (struct dispatch_event){.kind = DISPATCH_WAKE};
        return true;
    }
    if (!d->jump)
        return false;
    d->jump = false;
    *ret = (struct dispatch_event){.kind = DISPATCH_JUMP};
    return true;
}

/* Suspects and drained replicas that nobody was told about. */
static bool next_replica(struct dispatch *d, int64_t now_ns, struct dispatch_event *ret)
{
    struct balancer *balancer = &d->balancer;
    if (!balancer->suspects_untold && !balancer->drains_untold)
        return false;
    for (size_t i = 0; i < balancer->count; i++) {
        struct replica *replica = &balancer->slots[i];
        if (replica->id == 0)
            continue;
        if (replica->suspect_until_ns > now_ns && !replica->suspect_told &&
            replica->cause != OUTCOME_ENGINE_BUSY) {
            replica->suspect_told = true;
            *ret = (struct dispatch_event){
                .kind = DISPATCH_SUSPECT, .replica = replica->id, .cause = replica->cause};
            return true;
        }
        if (replica->draining && replica->in_flight == 0 && !replica->drain_told) {
            replica->drain_told = true;
            *ret = (struct dispatch_event){
                .kind = DISPATCH_DRAINED, .replica = replica->id, .generation = d->generation};
            return true;
        }
    }
    balancer->suspects_untold = false;
    balancer->drains_untold = false;
    return false;
}

/* When the oldest waiter's time is up. */
static int64_t oldest_deadline(const struct dispatch *d)
{
    if (d->queue.oldest == SLOT_NONE)
        return TIME_NONE;
    const struct request *request = &d->requests[d->queue.oldest];
    const int64_t waited =
        wait_clock_when(&d->clock, request->arrived_clock_ns + d->config.queue_timeout_ns);
    const int64_t held = request->arrived_ns + d->config.hold_ns_max;
    return waited < held ? waited : held;
}

static bool next_refused(struct dispatch *d, int64_t now_ns, struct dispatch_event *ret)
{
    if (d->queue.oldest == SLOT_NONE)
        return false;
    const bool given_up = dispatch_given_up(d);
    if (!given_up && now_ns < oldest_deadline(d))
        return false;
    struct request *request = &d->requests[d->queue.oldest];
    queue_remove(&d->queue, slot_of(d, request));
    const enum refusal refusal = given_up ? REFUSAL_START_FAILED : REFUSAL_QUEUE_TIMEOUT;
    *ret = (struct dispatch_event){.kind = DISPATCH_REFUSED,
                                   .request = request->handle,
                                   .cookie = request->cookie,
                                   .refusal = refusal,
                                   .retry_after_ns = retry_after(d, refusal, 0, now_ns),
                                   .waited_ns = now_ns - request->arrived_ns};
    d->meter.refused++;
    request_free(d, request, now_ns);
    return true;
}

static bool next_assigned(struct dispatch *d, int64_t now_ns, struct dispatch_event *ret)
{
    if (d->queue.requests == 0 || all_slots_taken(d) || !balancer_any(&d->balancer, true, now_ns))
        return false;
    struct request *request = &d->requests[queue_pop(&d->queue)];
    const bool assigned = assign(d, request, now_ns);
    assert(assigned); /* somebody had a free slot */
    *ret = (struct dispatch_event){.kind = DISPATCH_ASSIGNED,
                                   .request = request->handle,
                                   .cookie = request->cookie,
                                   .replica = d->balancer.slots[request->replica_slot].id,
                                   .waited_ns = now_ns - request->arrived_ns};
    return true;
}

bool dispatch_next(struct dispatch *d, int64_t now_ns, struct dispatch_event *ret)
{
    d->seen_ns = now_ns;
    return next_signal(d, now_ns, ret) || next_replica(d, now_ns, ret) ||
           next_refused(d, now_ns, ret) || next_assigned(d, now_ns, ret);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a == TIME_NONE ? b : b == TIME_NONE || a < b ? a : b;
}

int64_t dispatch_deadline(const struct dispatch *d)
{
    if (d->queue.requests == 0)
        return TIME_NONE;
    int64_t at = oldest_deadline(d);
    if (d->balancer.live_count == 0 && d->starting <= 0 && d->wake_ns != TIME_NONE)
        at = earlier(at, d->wake_ns + WAKE_AGAIN_NS);
    return earlier(at, balancer_deadline(&d->balancer, d->seen_ns));
}
