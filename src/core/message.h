/* message.h - the words between gateways and control (DESIGN 10). Plain data.
 *
 * Down: routes(generation), drain(replica), undrain, limits, ask. Up: snapshot, wake, drained,
 * suspect.
 * In one process the structs travel by queue; between processes as lines of JSON over HTTP, made by
 * message_print() and message_parse(): what comes out is what went in, bit for bit. */
#ifndef SLUICE_CORE_MESSAGE_H
#define SLUICE_CORE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/histogram.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/rc.h"
#include "base/tree.h"

#define MESSAGE_VERSION 1
#define MESSAGE_POOLS UINT16_MAX /* every pool */
#define ADDRESS_SIZE 64
#define REPLICAS_PER_POOL_MAX 1024 /* of a routed pool */
#define ROUTED_POOLS_MAX 10000
#define LATE_SPANS_MAX 32 /* times of arrival of requests that missed, told in one snapshot */
#define ROUTED_MODELS_MAX 100000

/* One routed replica. Ids are never used twice within one installation. */
struct route_replica {
    uint64_t id;
    char host[ADDRESS_SIZE]; /* numeric address */
    uint16_t port;
    bool draining; /* serves what it has, gets nothing new */
    double weight; /* capacity factor */
};

/* Ordered list: a model may be served by several pools (fallback, canary). */
struct route_model {
    char name[TEXT_SIZE];     /* as clients ask; may end in '*' */
    uint16_t pool;            /* index in routes.pool */
    uint16_t order;           /* 0 first */
    double weight_percent;    /* canary share among those of equal order; 100 = all */
    char upstream[TEXT_SIZE]; /* name to send on; "" = unchanged */
};

struct route_pool {
    char name[NAME_SIZE];
    struct route_replica *replica; /* sorted by id */
    size_t replica_count;
    int64_t starting;       /* replicas that may become ready */
    int64_t eta_ns;         /* expected time until the next one is ready; -1 unknown */
    bool start_failed;      /* given up for now: waiters end with the reason */
    char reason[TEXT_SIZE]; /* why, for people */
};

/* Immutable once published; generation grows by one. */
struct routes {
    uint64_t generation;
    struct route_pool *pool;
    size_t pool_count;
    struct route_model *model;
    size_t model_count;
};

struct replica_load {
    uint64_t id;
    int64_t in_flight_requests;
    int64_t in_flight_tokens; /* estimated prompt + generated so far */
};

enum latency { LATENCY_TTFT, LATENCY_ITL, LATENCY_E2E, LATENCY_QUEUE, LATENCY_COUNT };
struct latencies {
    struct histogram of[LATENCY_COUNT]; /* seconds */
};

/* What one gateway knows about one pool; amounts and histograms are since its previous snapshot of
 * that pool. */
struct gateway_snapshot {
    uint16_t pool; /* index in the routes of `generation` */
    uint16_t gateway;
    uint64_t generation;
    int64_t t_ns;
    int64_t span_ns; /* time covered by the amounts */
    int64_t waiting_requests;
    int64_t waiting_tokens;
    int64_t in_flight_requests;
    int64_t in_flight_tokens;
    int64_t excess_requests; /* of these: above what their keys may ask of the pool; they are served
                                and are no demand (FAULTS 27) */
    int64_t excess_tokens;
    int64_t oldest_wait_ns;
    int64_t idle_ns;  /* since the last byte of any request; 0 while something is in flight */
    int64_t sessions; /* with activity in the last 5 min */
    double arrived_requests;
    double completed_requests;
    double failed_requests;         /* ended in an error of ours or of the engine */
    double refused_requests;        /* 429 and 503: not taught to anybody */
    double good_requests;           /* met every objective of the pool */
    double prompt_tokens;           /* of arrived requests, estimated */
    double completed_prompt_tokens; /* of completed ones, measured where the engine tells */
    double excess_arrived;          /* of the arrived ones, as above */
    double excess_prompt_tokens;
    double output_tokens;    /* generated in the span */
    double completed_tokens; /* prompt + output of completed ones: context length = this /
                                completed_requests */
    double tool_calls;
    double busy_s;          /* time with a request in flight, all replicas together */
    double iterations;      /* of engines, told by what each of their answers got meanwhile */
    double decoded_tokens;  /* after the first of each answer */
    double context_tokens;  /* prompt and answer so far, summed over those */
    double computed_tokens; /* prompt tokens of requests whose first token came */
    double
        late_age_s[LATE_SPANS_MAX]; /* how long ago requests came that ended without meeting... */
    double late_requests[LATE_SPANS_MAX]; /* ...the objectives, and how many; 0 ends the list */
    const struct latencies *latency; /* NULL: nothing was measured. Valid until the next call of
                                        who told the snapshot */
    size_t replica_count;
    struct replica_load replica[REPLICAS_PER_POOL_MAX]; /* the last member: only those that are told
                                                           are copied */
};

/* Hard limits of one pool as its gateways keep them. */
struct pool_limits {
    int64_t concurrency; /* per replica; 0 = none */
    int64_t queue_requests;
    int64_t queue_tokens;
    int64_t queue_timeout_ns;
};

enum message_kind {
    MESSAGE_ROUTES,   /* down: routes */
    MESSAGE_DRAIN,    /* down: replica, generation */
    MESSAGE_UNDRAIN,  /* down: replica, generation */
    MESSAGE_LIMITS,   /* down: pool, generation, limits */
    MESSAGE_ASK,      /* down: pool, or MESSAGE_POOLS for all: send snapshots now */
    MESSAGE_SNAPSHOT, /* up: snapshot */
    MESSAGE_WAKE,     /* up: pool, snapshot */
    MESSAGE_DRAINED,  /* up: replica, generation */
    MESSAGE_SUSPECT,  /* up: replica, text */
};

struct message {
    enum message_kind kind;
    uint16_t pool; /* index in the routes of `generation` */
    uint64_t replica;
    uint64_t generation;
    struct pool_limits limits;
    char text[TEXT_SIZE];                    /* why a replica is suspect, for people */
    const struct routes *routes;             /* borrowed; of the arena after message_parse() */
    const struct gateway_snapshot *snapshot; /* as routes */
};

/* With everything it points to, into the arena. RC_NO_MEMORY. */
enum rc message_copy(struct arena *arena, const struct message *from,
                     struct message *ret) MUST_CHECK;
/* One object, without a line end. */
void message_print(const struct message *message, struct json_writer *w);
/* Builds everything in the arena. RC_VERSION, RC_MISSING, RC_INVALID, RC_LIMIT, RC_NO_MEMORY. */
enum rc message_parse(struct arena *arena, const struct tree *json, struct message *ret,
                      struct diag *diag) MUST_CHECK;

#endif
