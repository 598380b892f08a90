/* reconcile.h - the control step of one installation: events in, actions out. Owns the replica
 * table and is its only writer; the daemon and the simulator run the same code.
 *
 * Pure: time comes as an argument, ids from a counter, nothing is read or written. One owner, not
 * thread-safe. The pattern is that of the dispatcher: tell it what happened with reconcile_event(),
 * then drain reconcile_next() until it returns false, and call that again when
 * reconcile_deadline() has come. Same calls, same arguments: same actions, byte for byte.
 *
 * Two times: now_ns is the axis of the groups (monotonic, continued over restarts: R7), wall_ns is
 * Unix time, for stamps and schedules only. */
#ifndef SLUICE_RECONCILE_RECONCILE_H
#define SLUICE_RECONCILE_RECONCILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/rc.h"
#include "base/span.h"
#include "core/group.h"
#include "core/message.h"

#define GATEWAYS_MAX 64
#define TICK_EARLY_NS                                                                              \
    INT64_C(100000000) /* two ticks of a group are at least so far apart; a                        \
                          wake never waits */
#define SNAPSHOT_WAIT_NS                                                                           \
    INT64_C(50000000) /* a gateway that is silent for longer: its signals                          \
                         are failed in this tick */
#define ADOPT_GRACE_NS                                                                             \
    INT64_C(30000000000) /* R10: nothing is lowered for so long while a source                     \
                            has not answered yet */

struct reconcile;

/* ---- what is to be done: one immutable specification, made from a configuration ---- */

struct reconcile_pool {
    char name[NAME_SIZE];
    uint64_t target_hash;     /* replicas carry it; another one means: replace (rolling) */
    bool fixed;               /* replicas are somebody else's (http target): seen, routed, drained,
                                 never started or stopped */
    bool routed;              /* gateways serve this pool; false: sources and count only */
    double gpus_each;         /* for allot() */
    double price_each;        /* per hour; NAN = unknown */
    int64_t ready_timeout_ns; /* a start that takes longer is overdue: blocked */
    int64_t drain_timeout_ns; /* answers that take longer are cut */
    int64_t backoff_min_ns;   /* after a failed start or a crash, doubled each time ... */
    int64_t backoff_max_ns;
    int64_t give_up_after; /* ... failed starts in a row; 0 = never */
    struct pool_limits limits;
};

struct reconcile_group {
    const struct group_spec *group;
    const struct reconcile_pool *pool; /* group_pool_count(group) of them, same order */
};

struct reconcile_spec {
    const struct reconcile_group *group;
    size_t group_count;
    const struct route_model *model; /* .pool counts all pools in the order of the groups */
    size_t model_count;
    int64_t starts_max;   /* replicas starting at once over all pools; 0 = no limit */
    double cost_per_hour; /* INFINITY = no limit */
    uint64_t config_hash; /* stands in records */
};

/* The specification and all it points to is borrowed until another one is in force or the object is
 * freed. NULL when memory is out. first_id: replicas get ids from here on, never used before. */
struct reconcile *reconcile_new(const struct reconcile_spec *spec, uint64_t first_id);
void reconcile_free(struct reconcile *r);
/* State of a group from an earlier run, before the first event: bytes that do not fit the group are
 * refused with the codes of group_state_check() and the group starts afresh. */
enum rc reconcile_restore(struct reconcile *r, size_t group, const void *bytes, size_t size,
                          struct diag *diag) MUST_CHECK;
/* A start-up time that an earlier run measured, oldest first. RC_UNKNOWN without such a pool. */
enum rc reconcile_startup(struct reconcile *r, const char *pool, int64_t startup_ns) MUST_CHECK;
/* Those that are known of a pool, oldest first, at most STARTUPS_KEPT; returns how many. */
#define STARTUPS_KEPT 64
size_t reconcile_startups(const struct reconcile *r, size_t pool, int64_t ret_ns[STARTUPS_KEPT]);
/* Another specification, between ticks, atomically: pools are matched by name, states reshaped,
 * unchanged pools do not notice. Replicas of a pool that is gone are left alone and forgotten with
 * a note (FAULTS 80); changed target hashes start a rolling replacement. New pools wait for their
 * EVENT_SCANNED. RC_STATE while actions wait (drain reconcile_next() first), RC_DUPLICATE for two
 * pools of one name, RC_LIMIT for more than ROUTED_POOLS_MAX pools or ROUTED_MODELS_MAX models,
 * RC_RANGE for a model of a pool that is not there, RC_NO_MEMORY: the old one stays in force. */
enum rc reconcile_configure(struct reconcile *r, const struct reconcile_spec *spec, int64_t now_ns,
                            int64_t wall_ns) MUST_CHECK;

/* ---- replicas ---- */

enum replica_state {
    REPLICA_STARTING, /* with a phase */
    REPLICA_WARM,     /* loaded, asleep or unrouted */
    REPLICA_READY,
    REPLICA_DRAINING, /* gets nothing new; two-phase: gateways confirm before it is stopped */
    REPLICA_STOPPING, /* told to end; holds its resources until it is gone */
    REPLICA_BLOCKED,  /* unschedulable, overdue, or waits for its back-off to end */
    REPLICA_FAILED,   /* given up; kept in the table until the specification changes */
};
enum replica_phase { PHASE_SCHEDULED, PHASE_FETCHED, PHASE_LAUNCHED, PHASE_LOADING, PHASE_COUNT };
const char *replica_state_name(enum replica_state state);
const char *replica_phase_name(enum replica_phase phase);

/* Ids of replicas that we did not start (fixed pools) are the target's choice: at least this, so
 * that they never meet ours, and below twice this, so that readers of JSON keep every digit. */
#define REPLICA_ID_FOREIGN (UINT64_C(1) << 52)

/* What a target tells of one replica. */
enum news_kind {
    NEWS_FOUND,   /* it exists already (adoption): phase, hash, address, ready */
    NEWS_PHASE,   /* a start reached `phase` */
    NEWS_READY,   /* it serves at host:port */
    NEWS_UNREADY, /* its probe fails: it is not routed until it is ready again */
    NEWS_REFUSED, /* the start is impossible now (no GPU, no port): `text`; try again later */
    NEWS_FAILED,  /* the start failed for good: no such program, exit before ready; `text` */
    NEWS_GONE,    /* it has ended: asked for (after STOP) or on its own; `text` says how */
};
struct replica_news {
    enum news_kind kind;
    uint64_t replica;
    char pool[NAME_SIZE];
    uint16_t class_; /* index in pool_spec.class_ */
    uint8_t phase;   /* enum replica_phase */
    bool ready;      /* FOUND */
    uint64_t target_hash;
    char host[ADDRESS_SIZE];
    uint16_t port;
    int64_t started_ns;   /* FOUND: when it was started, on the axis of the groups */
    char text[TEXT_SIZE]; /* for people */
};

/* ---- events ---- */

enum event_kind {
    EVENT_NEWS,         /* news */
    EVENT_SCANNED,      /* pool (or "" = all): the target has told every replica that existed */
    EVENT_MESSAGE,      /* gateway, message: snapshot, wake, drained, suspect */
    EVENT_GATEWAY,      /* gateway came (up = true) or went */
    EVENT_SAMPLES,      /* group, samples: of any source but the gateways */
    EVENT_SOURCE,       /* group; up: every source of it has answered at least once (R10) */
    EVENT_FALLBACK,     /* pool, count: never fewer while a source of it fails; NO_COUNT = it does
                           not */
    EVENT_MONEY,        /* pool; up: somebody else counts what is spent; money: so much today, NAN =
                           it cannot be read (R14) */
    EVENT_ROOM,         /* pool, count: replicas of it that fit on the whole inventory, whoever
                           holds it now (NO_COUNT = unlimited); gpus_free */
    EVENT_SCHEDULE,     /* pool, count = floor now, next_count, next_wall_ns */
    EVENT_FOREIGN,      /* pool, count: somebody else set this count (R16) */
    EVENT_PIN,          /* pool, count; until_wall_ns; text = reason. NO_COUNT takes the pin away */
    EVENT_PAUSE,        /* pool, up = paused; until_wall_ns; text = reason */
    EVENT_NOTICE,       /* replica: its spot capacity will be taken away (up = true), or stays after
                           all: it is replaced, new before old */
    EVENT_STOP_REPLICA, /* replica: an operator wants this one replaced (drained first) */
    EVENT_LEASE,    /* up: we are the one that may write, until until_ns (TIME_NONE = without end):
                       the last renewal plus the lease less a margin; up = false: we are not (R8).
                       Without such an event we may. Decisions and routes go on either way */
    EVENT_SHUTDOWN, /* up = true: drain and stop everything; false: leave all replicas running */
};
struct event {
    enum event_kind kind;
    uint16_t gateway;
    bool up;
    size_t group;
    const char *pool; /* name; NULL where it has no meaning */
    uint64_t replica;
    int64_t count;
    int64_t next_count;
    int64_t next_wall_ns;
    int64_t until_wall_ns; /* TIME_NONE = without end */
    int64_t until_ns;      /* LEASE: on the axis of the groups */
    double money;
    double gpus_free; /* INFINITY = no inventory described */
    const char *text;
    const struct replica_news *news;
    const struct message *message;
    const struct sample *samples;
    size_t sample_count;
};
/* Everything is copied. RC_UNKNOWN: no such pool or replica (nothing happened); RC_RANGE: a pin
 * outside the bounds of its pool (words say which); RC_NO_MEMORY, RC_LIMIT. */
enum rc reconcile_event(struct reconcile *r, const struct event *event, int64_t now_ns,
                        int64_t wall_ns, struct diag *diag) MUST_CHECK;

/* ---- actions ---- */

enum action_kind {
    ACTION_START,  /* pool, replica, class_ */
    ACTION_STOP,   /* replica: end it the gentle way (stop signal, then kill); `kill` = at once */
    ACTION_TELL,   /* message for every gateway: routes, drain, undrain, limits, ask */
    ACTION_RECORD, /* record of one tick: to be stored whole (R17) */
    ACTION_NOTE,   /* code, pool, replica, text: for log, event list and audit */
};
/* Codes of notes are stable names.
 * Replicas: replica-found, -starting, -ready, -unready, -refused, -failed, -lost, -given-up,
 * -overdue, -suspect, -notice, -unwanted, -replaced, -woken, -parked, -draining, -undrained,
 * -drained, -drain-timeout, -stopping, -stop-again, -stopped, -limit.
 * Pools: pool-pinned, -unpinned, -paused, -resumed, -contended, -settled, -forgotten;
 * class-resting, class-works; foreign-count, fallback, fallback-ended. All: lease-taken,
 * lease-lost, gateway-silent, gateway-answers, samples-dropped, ticks-skipped, notes-lost.
 */
struct tick_record {
    size_t group;
    const struct group_spec *spec;
    uint64_t config_hash;
    bool changed;  /* some pool has news */
    uint32_t news; /* bit i: pool i decided another count or something was blocked, and not just
                      as in the tick before: a raise without room is decided again and again,
                      and is one decision */
    struct span before; /* state bytes before samples and tick */
    struct span after;  /* state bytes to keep for the next start */
    const struct sample *samples;
    size_t sample_count;
    const struct observation *observation; /* observation_size() of its pools: not to be copied
                                              as a whole */
    const struct decision *decision;       /* one per pool */
};
#define ACTION_NO_POOL SIZE_MAX
struct action {
    enum action_kind kind;
    size_t pool; /* index over all pools, in the order of the groups; ACTION_NO_POOL in a note about
                    the whole installation */
    uint64_t replica;
    uint16_t class_;
    bool kill;
    const char *code; /* stable name of a note: "replica-ready" */
    char text[TEXT_SIZE];
    const struct message *message;
    const struct tick_record *record;
};
/* Pointers in *ret live until the next call of any function of this object. */
bool reconcile_next(struct reconcile *r, int64_t now_ns, int64_t wall_ns, struct action *ret);
/* When reconcile_next() will have something to do without a further event; TIME_NONE. */
int64_t reconcile_deadline(const struct reconcile *r);

/* ---- reading: for API, metrics, tests ---- */

struct replica_row {
    uint64_t id;
    size_t pool;
    uint16_t class_;
    enum replica_state state;
    enum replica_phase phase;
    bool busy;   /* by the newest snapshots */
    bool notice; /* its spot capacity will be taken away */
    bool old;    /* carries another target hash than its pool: will be replaced */
    uint64_t target_hash;
    char host[ADDRESS_SIZE];
    uint16_t port;
    int64_t in_flight_requests;
    int64_t in_flight_tokens;
    int64_t ordered_ns;            /* start ordered */
    int64_t phase_ns[PHASE_COUNT]; /* when each phase was reached; TIME_NONE */
    int64_t ready_ns;              /* first ready; TIME_NONE */
    int64_t changed_ns;            /* last change of state */
    int64_t failures;              /* starts in a row that failed */
    int64_t again_ns;              /* BLOCKED: next try; TIME_NONE */
    char text[TEXT_SIZE];          /* why, for people */
};
/* In order of id; NULL past the end. */
const struct replica_row *reconcile_replica_at(const struct reconcile *r, size_t index);
const struct replica_row *reconcile_replica(const struct reconcile *r, uint64_t id);

/* What gateways told of a pool since the start, all of them together. */
struct pool_totals {
    double arrived_requests;
    double completed_requests;
    double failed_requests;
    double refused_requests;
    double good_requests;
    double prompt_tokens; /* of arrived requests, estimated */
    double output_tokens;
    double tool_calls;
    const struct histogram *ttft_s; /* NULL before the first request, as the others */
    const struct histogram *itl_s;
    const struct histogram *e2e_s;
    const struct histogram *queue_s;
};

struct pool_status {
    const char *name;
    size_t group;
    size_t pool_in_group;
    int64_t desired;
    int64_t granted;                   /* what allot() allows of it now */
    int64_t count[REPLICA_FAILED + 1]; /* replicas by state */
    int64_t pin_count;                 /* NO_COUNT = none */
    int64_t pin_until_wall_ns;
    const char *pin_text;
    bool paused;
    int64_t pause_until_wall_ns;
    const char *pause_text;
    bool contended;      /* R16: somebody else changes the count again and again: we do nothing */
    bool incomplete;     /* R10: some source has not answered since the start */
    bool gateway_silent; /* in the last tick */
    bool start_failed;   /* given up; text says why */
    const char *text;
    int64_t start_p50_ns; /* measured start-up; 0 = unknown */
    int64_t start_p90_ns;
    int64_t tick_ns; /* last tick; TIME_NONE */
    int64_t tick_wall_ns;
    double replica_seconds; /* since the start, of everything that holds resources */
    const struct decision
        *decision; /* of the last tick; NULL before, and between a reload and the next */
    const struct observation *observation;   /* of its group, observation_size() of it */
    const struct gateway_snapshot *snapshot; /* newest, all gateways added up, amounts of the last
                                                tick; NULL before. One place for all pools: until
                                                the next call */
    struct pool_totals total;
};
size_t reconcile_pool_count(const struct reconcile *r);
const char *reconcile_pool_name(const struct reconcile *r, size_t pool); /* NULL past the end */
int reconcile_pool_find(const struct reconcile *r, struct span name);    /* -1 when unknown */
void reconcile_pool_status(const struct reconcile *r, size_t pool, struct pool_status *ret);
const struct group_spec *reconcile_group_of(const struct reconcile *r, size_t group);
/* As the last tick left it; NULL before the first. */
const struct group_state *reconcile_state_of(const struct reconcile *r, size_t group);
uint64_t reconcile_generation(const struct reconcile *r); /* of the newest routes */

#endif
