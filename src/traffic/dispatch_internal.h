/* dispatch_internal.h - the dispatcher's insides, shared by dispatch.c (its life, slots and
 * routes), dispatch_admit.c (arrivals and tries), dispatch_serve.c (requests on a replica),
 * dispatch_next.c (events) and dispatch_report.c (what is told about all of it). */
#ifndef SLUICE_TRAFFIC_DISPATCH_INTERNAL_H
#define SLUICE_TRAFFIC_DISPATCH_INTERNAL_H

#include <assert.h>

#include "traffic/balancer.h"
#include "traffic/dispatch.h"
#include "traffic/limits.h"
#include "traffic/meter.h"
#include "traffic/queue.h"
#include "traffic/shares.h"
#include "traffic/wait_clock.h"

#define REQUEST_SLOT_BITS 20    /* of a handle; the rest is a serial number */
#define WAKE_AGAIN_NS SECOND_NS /* a wake that nobody answered is told again */
#define JUMP_LEAST 8            /* held requests that are no jump yet */

enum request_state { REQUEST_FREE, REQUEST_HELD, REQUEST_IN_FLIGHT };

struct request {
    uint64_t handle;
    uint64_t cookie;
    uint64_t session;
    uint64_t key;
    enum request_state state;
    uint32_t priority;
    uint32_t weight;
    uint32_t limit_slot;
    uint32_t share_slot;
    uint32_t replica_slot;
    uint32_t avoid;
    uint32_t next_free;
    bool stream;
    bool byte_sent;
    int64_t tries;
    int64_t prompt_tokens;
    int64_t prompt_bytes;
    int64_t output_tokens;
    int64_t output_expected;
    int64_t arrived_ns;
    int64_t arrived_clock_ns;
    int64_t first_token_ns;
    int64_t last_token_ns;
};

struct dispatch {
    struct dispatch_config config;
    struct request *requests;
    size_t request_cap;
    size_t request_count; /* used slots, free ones included */
    uint32_t request_free;
    uint64_t serial;
    struct queue queue;
    struct limits *limits; /* own_limits, or shared ones */
    struct limits own_limits;
    struct shares shares; /* of demand, of keys with a cap */
    struct balancer balancer;
    struct meter meter;
    struct wait_clock clock;
    double retries; /* left in the budget */
    uint64_t generation;
    int64_t starting;
    int64_t ready_ns; /* expected time of readiness; TIME_NONE */
    bool start_failed;
    bool wake;
    bool jump;
    bool jump_told;
    int64_t wake_ns; /* last time a wake was told */
    int64_t jump_above;
    int64_t in_flight;
    int64_t in_flight_tokens;
    int64_t seen_ns;   /* latest time told to dispatch_next() */
    int64_t active_ns; /* last time anything moved */
    int64_t snapshot_ns;
    char reason[TEXT_SIZE];
};

/* True while nothing ready is there and nothing will come. */
bool dispatch_given_up(const struct dispatch *d);
/* The request of a handle, asserted to be alive; the second asserts that it is on a replica. */
static inline struct request *dispatch_request(const struct dispatch *d, uint64_t handle)
{
    const size_t slot = (size_t)(handle & ((1U << REQUEST_SLOT_BITS) - 1));
    assert(slot < d->request_count && d->requests[slot].handle == handle);
    assert(d->requests[slot].state != REQUEST_FREE);
    return &d->requests[slot];
}

static inline struct request *dispatch_in_flight(const struct dispatch *d, uint64_t handle)
{
    struct request *request = dispatch_request(d, handle);
    assert(request->state == REQUEST_IN_FLIGHT);
    return request;
}

static inline uint32_t dispatch_slot_of(const struct dispatch *d, const struct request *request)
{
    return (uint32_t)(request - d->requests);
}
/* Tokens that it weighs in the share of its key: the same when it comes and when it goes. */
static inline int64_t dispatch_share_of(const struct request *request)
{
    return request->prompt_tokens + request->output_expected;
}
/* NULL when requests_max or memory is reached. The second gives back its limits and its slot. */
struct request *dispatch_request_new(struct dispatch *d);
void dispatch_request_free(struct dispatch *d, struct request *request, int64_t now_ns);

/* No replica could take one more, by the counts alone. */
bool dispatch_all_taken(const struct dispatch *d);
/* What a request adds to the load of its replica until its first token, besides its tokens. */
int64_t dispatch_prompt_ahead(const struct request *request);
/* Puts a request on a replica; false when there is no free slot. */
bool dispatch_assign(struct dispatch *d, struct request *request, int64_t now_ns);
/* Takes a request off its replica; `judge`: the outcome counts for or against the replica. */
void dispatch_release(struct dispatch *d, struct request *request, enum outcome outcome, bool judge,
                      int64_t now_ns);
/* What a refused client is told, in [1 s, 60 s]; 0 when trying again cannot help. wait_ns: until
 * its limit allows it again. */
int64_t dispatch_retry_after(const struct dispatch *d, enum refusal refusal, int64_t wait_ns,
                             int64_t now_ns);
/* Counts a request that ends in an error. */
void dispatch_failed(struct dispatch *d, const struct request *request);
/* Expected wait of the one at this place, -1 when unknown. */
int64_t dispatch_eta_ns(const struct dispatch *d, int64_t position, int64_t now_ns);

#endif
