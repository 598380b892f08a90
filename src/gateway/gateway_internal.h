/* gateway_internal.h - shared by the files of the gateway. Not for others.
 *
 * gateway.c: life and messages. pool.c: one pool, its dispatcher and replicas. exchange.c: one
 * request of a client and what becomes of it. choose.c: its pool. upstream.c: its try at a replica.
 * answer.c: bytes of the answer. hold.c: words to those who wait. own.c: answers of our own.
 * headers.c: lines both ways. keys.c: who may do what. rename.c: edits of the body. */
#ifndef SLUICE_GATEWAY_GATEWAY_INTERNAL_H
#define SLUICE_GATEWAY_GATEWAY_INTERNAL_H

#include "base/mem.h"
#include "base/rng.h"
#include "gateway/gateway.h"
#include "gateway/keys.h"
#include "io/http_client.h"
#include "traffic/dispatch.h"
#include "traffic/family.h"
#include "traffic/limits.h"
#include "traffic/origin.h"
#include "traffic/peek.h"
#include "traffic/router.h"
#include "traffic/sse.h"

#define EXCHANGES_KEPT_MAX 256              /* recycled ones */
#define HELD_BYTES_MAX (INT64_C(512) << 20) /* request bodies in memory, all together */
#define REQUEST_ID_SIZE 129
#define SHED_RATIO 0.95 /* of the descriptor budget; accepting stops at 0.99 */
#define POOL_UNROUTED UINT16_MAX
#define REFUSED_BODY_BYTES_MAX (64U << 10) /* of an engine's error that is told inside a stream */

struct gateway_replica {
    uint64_t id;
    struct http_origin *origin;
    char authority[ADDRESS_SIZE + 16]; /* host:port */
};

struct drain_ask {
    uint64_t replica;
    uint64_t generation; /* of the message that asked */
};

struct gateway_pool {
    struct task task; /* drains the dispatcher's events at the end of the callback */
    struct gateway *gateway;
    struct gateway_pool *next;
    char name[NAME_SIZE];
    uint16_t index; /* in the routes in force, or POOL_UNROUTED */
    bool mark;      /* while routes are taken over */
    int64_t exchanges;
    struct dispatch *dispatch;
    struct http_client *client;
    struct timer deadline;
    struct route_pool route;         /* own copy, replicas sorted by id */
    struct gateway_replica *replica; /* same order */
    struct drain_ask *drain;
    size_t drain_cap;
    size_t drain_count;
    /* Of the configuration, or defaults. */
    bool configured;
    struct dispatch_config dispatch_config;
    struct timeout_spec timeouts;
    struct gateway_spec spec;
    bool restricted; /* only the keys of `allowed` */
    uint64_t allowed[KEYS_MAX / 64];
};

enum header_kind {
    HEADER_PLAIN, /* passed on */
    HEADER_HOP,   /* of one connection only */
    HEADER_FRAME, /* host, length, expect: written anew */
    HEADER_AUTH,
    HEADER_KEY,
    HEADER_REQUEST_ID,
    HEADER_TRACE,
    HEADER_SESSION,
    HEADER_PRIORITY,
    HEADER_OBJECTIVE,
    HEADER_MODEL,
    HEADER_OURS, /* x-sluice-...: only we say those */
};

struct exchange {
    struct exchange *prev;
    struct exchange *next;
    struct gateway *gateway;
    struct http_request *request; /* NULL: client answered or gone */
    struct http_call *call;       /* the try under way */
    struct gateway_pool *pool;
    struct key_table *keys; /* a reference; NULL: no key is needed */
    const struct key *key;
    uint64_t id;
    uint64_t handle; /* of the dispatcher; 0 = none */
    uint64_t replica;
    uint64_t session;
    uint64_t origin; /* of what it asks for or goes on from, until it was used; 0 = none */
    int64_t started_ns;
    int64_t routed_ns;
    int64_t assigned_ns;
    int64_t limit_ns; /* whole request; TIME_NONE */
    int64_t hold_ns;  /* next word to the waiting client; TIME_NONE */
    struct timer timer;
    struct endpoint endpoint;
    enum request_phase phase;
    uint32_t priority;
    uint32_t choice;   /* of the router's list, tried so far */
    size_t remembered; /* ids of the answer so far */
    bool whole;        /* the body ended */
    bool flowing;      /* the body passes on as it comes; what went is not kept */
    bool wants_stream;
    bool cold;     /* nothing was ready when it came */
    bool begun;    /* the answer's head went out */
    bool early;    /* ... by us, while it was held */
    bool told;     /* a byte of the replica's answer went out: no retry */
    bool first;    /* the first token came */
    bool strip;    /* the usage event is ours, not the client's */
    bool makes;    /* ids in the answer are remembered */
    bool judged;   /* the end of the stream must show its end mark */
    bool restaled; /* one dead connection was replaced already */
    bool raw;      /* an event was too large to be held: bytes pass as they come */
    int status;    /* of the replica's answer */
    bool
        refused; /* that answer cannot be passed in a stream that runs: it is collected in `kept` */
    uint64_t passed; /* offset of the answer up to which bytes went out */
    char request_id[REQUEST_ID_SIZE];
    char upstream[TEXT_SIZE];        /* model name to send on; "" = unchanged */
    char model[TEXT_SIZE];           /* as the client said */
    uint8_t kinds[HTTP_HEADERS_MAX]; /* enum header_kind of each header */
    /* Not cleared when recycled. */
    struct buf body;
    struct buf kept; /* bytes of the answer held back until their event is whole */
    struct peek peek;
    struct sse sse;
};

struct gateway {
    struct loop *loop;
    struct gateway_config config;
    gateway_up_fn *up;
    void *user;
    struct http_server *server;
    struct router *router;
    struct gateway_pool **pool; /* by index of the routes in force */
    size_t pool_count;
    struct gateway_pool *first_pool;
    uint64_t generation;
    struct message *early; /* limits told before their routes */
    size_t early_cap;
    size_t early_count;
    struct key_table *keys;       /* NULL: everybody may */
    char cors_origins[TEXT_SIZE]; /* as listen_spec's */
    struct origins origins;       /* pools by what they made */
    struct limits limits;         /* of keys, over all pools */
    struct exchange *oldest;
    struct exchange *newest;
    struct exchange *kept;
    size_t kept_count;
    uint64_t next_id;
    int64_t started_wall_s;
    struct rng rng;
    struct gateway_stats stats;
    int64_t most_open;  /* requests at once, since memory was given back */
    struct timer quiet; /* after a rush */
    struct buf lines;   /* scratch of one callback */
    struct buf text;
    struct buf words;
    struct gateway_snapshot snapshot;
    struct task idle_task;
    gateway_idle_told_fn *idle; /* NULL: nobody waits for that */
    void *idle_user;
};

/* gateway.c */
void gateway_left(struct gateway *gateway);      /* a request is over */
void gateway_rush_over(struct gateway *gateway); /* looks whether one is: gives memory back */

/* pool.c */
struct gateway_pool *pool_get(struct gateway *gateway, const char *name); /* NULL: no memory */
struct gateway_pool *pool_find(const struct gateway *gateway, struct span name);
void pool_free(struct gateway_pool *pool);
void pool_configure(struct gateway_pool *pool, const struct pool_config *config,
                    const struct key_table *keys);
void pool_set_limits(struct gateway_pool *pool, const struct pool_limits *limits);
enum rc pool_set_routes(struct gateway_pool *pool, const struct route_pool *route, uint16_t index);
void pool_unroute(struct gateway_pool *pool);
/* True when the replica is one of this pool's routes. */
bool pool_drain(struct gateway_pool *pool, uint64_t replica, bool draining, uint64_t generation);
void pool_tell_snapshot(struct gateway_pool *pool, enum message_kind kind);
void pool_tell_drained(struct gateway_pool *pool, uint64_t replica);
const struct gateway_replica *pool_replica(const struct gateway_pool *pool, uint64_t id);
void pool_changed(struct gateway_pool *pool); /* after any call of its dispatcher */

/* choose.c */
void choose_pool(struct exchange *x); /* once the body, or enough of it, was read */
void exchange_assigned(struct exchange *x, uint64_t replica, int64_t now_ns);
/* The dispatcher refused or gave up; the handle is dead. Fallback pools are tried first. */
void exchange_refused(struct exchange *x, enum refusal refusal, int64_t retry_after_ns,
                      int64_t now_ns);
/* A try failed, and the request waits once more. */
void exchange_held(struct exchange *x, int64_t now_ns);
void exchange_unknown_model(struct exchange *x);
bool exchange_may(const struct exchange *x, const struct gateway_pool *pool); /* by its key */

/* exchange.c */
void exchange_begin(struct gateway *gateway, struct http_request *request);
/* Takes it off its dispatcher without a verdict on the replica. */
void exchange_release(struct exchange *x, int64_t now_ns);
/* Ends it with an error of ours: as an answer, or as the last event of a stream that runs. */
void exchange_fail(struct exchange *x, enum trouble trouble, struct span words,
                   int64_t retry_after_ns);
void exchange_fail_text(struct exchange *x, enum trouble trouble, const char *words);
void exchange_free(struct exchange *x);
void exchange_cut(struct exchange *x); /* RST to the client, at once */
void exchange_timer(struct exchange *x);
void exchange_body_taken(struct exchange *x); /* buffered body bytes are needed no more */

/* upstream.c */
void upstream_start(struct exchange *x, int64_t now_ns);
void upstream_body(struct exchange *x, struct span data);
void upstream_stop(struct exchange *x); /* the engine sees at once that nobody waits */
void upstream_resume(struct exchange *x);

/* answer.c */
void answer_head(struct exchange *x, const struct http_head *head, int64_t now_ns);
void answer_data(struct exchange *x, struct span data, int64_t now_ns);
/* The replica's answer is complete. */
void answer_end(struct exchange *x, int64_t now_ns);

/* hold.c */
void hold_start(struct exchange *x, int64_t now_ns);
void hold_tick(struct exchange *x, int64_t now_ns);

/* own.c: true when the request was answered here. */
bool own_answer(struct exchange *x);

/* headers.c */
void headers_read(struct exchange *x);
struct span headers_get(const struct exchange *x, enum header_kind kind); /* first; ptr NULL */
void headers_to_replica(struct exchange *x, struct buf *lines);
void headers_to_client(const struct exchange *x, const struct http_head *head, struct buf *lines);
void headers_of_ours(const struct exchange *x, struct buf *lines);
void headers_cors(const struct exchange *x, struct buf *lines);

/* rename.c: the buffered body as it goes to the replica. */
struct edits {
    struct {
        size_t from; /* of the body as received */
        size_t to;
        struct span text; /* in its place */
    } edit[2];
    size_t count;
    int64_t growth; /* bytes */
};
/* Texts are written to `scratch`. False: the name cannot be cut out. */
bool edits_make(struct exchange *x, struct buf *scratch, struct edits *ret);

#endif
