/* dispatch.h - the brain of one pool in the data path: who is served, by which replica, who waits,
 * who is refused. The gateway and the simulator run the same code.
 *
 * A dispatcher knows requests by handle, replicas by id, and time as an argument; it does no I/O.
 * One owner, not thread-safe. The caller tells it what happens to a request and acts on answers:
 *
 *   arrive -> ASSIGNED: connect to the replica; then first_byte, tokens..., finish or cancel
 *          -> HELD: wait for the ASSIGNED or REFUSED event of that request
 *          -> REFUSED: answer the client; there is no handle
 *   retry, while no byte of the answer was sent, gives one of the same three.
 *
 * After any call (a batch of them is fine) drain dispatch_next() until it returns false, and call
 * it again when dispatch_deadline() has come. Same calls, same arguments: same answers. */
#ifndef SLUICE_TRAFFIC_DISPATCH_H
#define SLUICE_TRAFFIC_DISPATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/message.h"
#include "traffic/tier.h"

struct dispatch;

enum balance {
    BALANCE_LEAST_TOKENS, /* least outstanding tokens per capacity factor; prompts that are not
                             computed yet weigh more */
    BALANCE_POWER_OF_TWO, /* the less loaded of two random ones */
    BALANCE_FIRST_FREE,   /* first by id with a free slot */
    BALANCE_ROUND_ROBIN,
};

struct dispatch_config {
    uint16_t pool;    /* index for snapshots */
    uint16_t gateway; /* index for snapshots */
    uint64_t seed;    /* power of two, jitter */
    enum balance balance;
    bool affinity;               /* requests of one session prefer one replica ... */
    double affinity_bound;       /* ... up to this multiple of the mean load, >= 1 */
    int64_t replica_concurrency; /* hard limit per replica; 0 = none */
    int64_t pool_concurrency;    /* hard limit of the pool; 0 = none */
    int64_t queue_requests_max;  /* held requests; 0 = nothing is held */
    int64_t queue_tokens_max;    /* held prompt tokens; 0 = no bound by tokens */
    int64_t queue_timeout_ns;    /* wait against readiness, see below; > 0 */
    int64_t hold_ns_max;         /* longest wait of all by the clock; > 0 */
    int64_t startup_ns;          /* start-up estimate while routes give none; > 0 */
    int64_t requests_max;        /* held and in flight together: bounds memory */
    int64_t retries_max;         /* further tries of one request */
    double retry_ratio;          /* retries allowed per arrival */
    double eject_share_max;      /* suspects above this share of the ready ones are used anyway */
    double ttft_s;               /* objectives of a good request; NAN or <= 0 = none */
    double ttft_per_token_s;     /* allowed on top of ttft_s for each prompt token; >= 0 */
    double itl_s;
    double e2e_s;
    double tokens_per_s;
    int64_t begun_ns; /* when the pool came to be: idle since then, before the first request */
};
/* The wait counts against queue_timeout_ns only while a replica could have served it: as long as
 * none is ready but one is starting, the clock of all waiters stands still until the expected time
 * of readiness, then runs again. hold_ns_max ends the wait in any case. */

/* Defaults of everything: 64 per replica, 1024 held, 5 min, 2 retries, no objective. */
void dispatch_config_default(struct dispatch_config *config);

/* Why a request was refused, timed out or gave up. `family_error()` makes the answer. */
enum refusal {
    REFUSAL_NONE,
    REFUSAL_QUEUE_FULL,    /* 503: capacity */
    REFUSAL_QUEUE_SHARE,   /* 429: the queue is full and this key has more than its share of it */
    REFUSAL_QUEUE_TIMEOUT, /* 504: waited too long */
    REFUSAL_CONCURRENCY,   /* 429: limit of this key */
    REFUSAL_REQUEST_RATE,  /* 429: requests per minute of this key */
    REFUSAL_TOKEN_RATE,    /* 429: tokens per minute of this key */
    REFUSAL_START_FAILED,  /* 503: no replica will come; dispatch_reason() says why */
    REFUSAL_REPLICA,       /* 502: replica failed and no retry is left */
    REFUSAL_MEMORY,        /* 503: requests_max or memory */
};

enum verdict { VERDICT_ASSIGNED, VERDICT_HELD, VERDICT_REFUSED };

struct dispatch_answer {
    enum verdict verdict;
    uint64_t request; /* handle, never 0 and never used twice; 0 when refused on arrival */
    uint64_t replica; /* when assigned */
    enum refusal refusal;
    int64_t retry_after_ns; /* when refused, in [1 s, 60 s]; 0 when trying again cannot help */
};

struct arrival {
    uint64_t cookie;           /* the caller's, comes back in events */
    uint64_t key;              /* hash of the API key; 0 = anonymous */
    const struct tier *tier;   /* NULL = TIER_DEFAULT; read during the call only */
    uint32_t priority;         /* wanted, lowered to the tier's; UINT32_MAX = the tier's */
    uint64_t session;          /* hash; 0 = none */
    int64_t prompt_tokens;     /* -1: estimated from prompt_bytes */
    int64_t prompt_bytes;      /* of the text in the body; teaches bytes per token */
    int64_t output_tokens_max; /* as asked; 0 = not said */
    bool stream;
};

enum outcome {
    OUTCOME_OK,           /* answer complete (a 4xx of the engine too: the replica did its work) */
    OUTCOME_REFUSED,      /* connection refused or no route */
    OUTCOME_RESET,        /* connection lost before the end */
    OUTCOME_TIMEOUT,      /* connect, first byte or gap took too long */
    OUTCOME_ENGINE_ERROR, /* 5xx, malformed answer, error event */
    OUTCOME_ENGINE_BUSY,  /* 429 or 503 of the engine: it is well, but full */
};

/* What the engine said about its tokens; -1 = not said. */
struct usage {
    int64_t prompt_tokens;
    int64_t output_tokens;
    int64_t cached_tokens;
    int64_t tool_calls; /* seen in the answer, 0 when none */
};
#define USAGE_NONE                                                                                 \
    {                                                                                              \
        .prompt_tokens = -1, .output_tokens = -1, .cached_tokens = -1                              \
    }

/* NULL when memory is out. Free with dispatch_free(); requests still known vanish silently. */
struct dispatch *dispatch_new(const struct dispatch_config *config);
void dispatch_free(struct dispatch *d);
/* What keys have in use is counted there, together with other pools; it must outlive the
 * dispatcher. Before the first request. */
struct limits;
void dispatch_share_limits(struct dispatch *d, struct limits *limits);
/* New limits, objectives and times take effect at once; nobody in flight is cut off. */
void dispatch_configure(struct dispatch *d, const struct dispatch_config *config);

/* A newer snapshot of this pool's routes; copied. Replicas that vanish keep their requests until
 * these finish, and get nothing new. RC_NO_MEMORY leaves the old routes in force. */
enum rc dispatch_routes(struct dispatch *d, const struct route_pool *pool, uint64_t generation,
                        int64_t now_ns) MUST_CHECK;

struct dispatch_answer dispatch_arrive(struct dispatch *d, const struct arrival *arrival,
                                       int64_t now_ns);
/* The calls below assert that the handle is in flight (not held). */
/* First byte of the answer went to the client: no retry from here on. */
void dispatch_first_byte(struct dispatch *d, uint64_t request, int64_t now_ns);
/* n more output tokens came. The first call ends the time to first token. */
void dispatch_tokens(struct dispatch *d, uint64_t request, int64_t n, int64_t now_ns);
/* The request is over; the handle is dead afterwards. */
void dispatch_finish(struct dispatch *d, uint64_t request, enum outcome outcome,
                     const struct usage *usage, int64_t now_ns);
/* The client left, held or in flight; the handle is dead afterwards. O(1). */
void dispatch_cancel(struct dispatch *d, uint64_t request, int64_t now_ns);
/* Another replica than its own could take this request now. */
bool dispatch_elsewhere(const struct dispatch *d, uint64_t request, int64_t now_ns);
/* The try failed and no byte of the answer was sent. Refused: the handle is dead. */
struct dispatch_answer dispatch_retry(struct dispatch *d, uint64_t request, enum outcome cause,
                                      int64_t now_ns);

enum dispatch_event_kind {
    DISPATCH_ASSIGNED, /* a held request: request, cookie, replica */
    DISPATCH_REFUSED,  /* a held request ended: request (dead), cookie, refusal, retry_after_ns */
    DISPATCH_WAKE,     /* somebody waits and no replica is ready: send a snapshot at once */
    DISPATCH_JUMP,     /* the queue grew by leaps: ask for an early tick with a snapshot */
    DISPATCH_SUSPECT,  /* tell control: replica, cause */
    DISPATCH_DRAINED,  /* a draining replica has nothing left: replica, generation */
};

struct dispatch_event {
    enum dispatch_event_kind kind;
    uint64_t request;
    uint64_t cookie;
    uint64_t replica;
    uint64_t generation;
    enum refusal refusal;
    enum outcome cause;
    int64_t retry_after_ns;
    int64_t waited_ns; /* of the request, by the clock */
};
bool dispatch_next(struct dispatch *d, int64_t now_ns, struct dispatch_event *ret);
/* Next time at which dispatch_next() will have something without a further call; TIME_NONE. */
int64_t dispatch_deadline(const struct dispatch *d);

/* Outside knowledge that a replica is unwell (a failed probe): avoided as after an error. */
void dispatch_suspect(struct dispatch *d, uint64_t replica, enum outcome cause, int64_t now_ns);
/* True when the replica is draining or unknown and has nothing in flight. */
bool dispatch_drained(const struct dispatch *d, uint64_t replica);

/* Place of a held request (1 = next) and expected wait; -1 when unknown. */
struct dispatch_place {
    int64_t position;
    int64_t eta_ns;
};
struct dispatch_place dispatch_place(const struct dispatch *d, uint64_t request, int64_t now_ns);
/* Words of the routes for why nothing starts; "" when nothing is known. */
const char *dispatch_reason(const struct dispatch *d);

struct dispatch_counts {
    int64_t waiting_requests;
    int64_t waiting_tokens;
    int64_t in_flight_requests;
    int64_t in_flight_tokens;
    int64_t ready;      /* replicas that may get requests: routed, not draining */
    int64_t free_slots; /* INT64_MAX without a limit */
};
struct dispatch_counts dispatch_counts(const struct dispatch *d);
/* Tokens of a prompt of so many bytes, by the ratio learned from usage. */
int64_t dispatch_estimate_tokens(const struct dispatch *d, int64_t bytes);

/* State now and amounts since the previous call (also of one made for a wake: the receiver adds
 * amounts up). Fills everything. */
void dispatch_snapshot(struct dispatch *d, int64_t now_ns, struct gateway_snapshot *ret);

#endif
