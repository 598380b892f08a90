/* decision.h - what goes into one tick and what comes out of it, with its reasons.
 *
 * Plain data without pointers: an observation and a state block give the same decision bytes
 * anywhere (R17). */
#ifndef SLUICE_CORE_DECISION_H
#define SLUICE_CORE_DECISION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "core/signal.h"

#define NO_COUNT INT64_C(-1) /* "not set" for every optional count below */
#define PENDING_BATCHES_MAX 16

/* The world of one pool at a tick, as the replica table and the shell know it. */
struct pool_observation {
    int64_t ready;   /* routed or routable; idle ones included */
    int64_t pending; /* starting and not overdue */
    int64_t warm;    /* loaded, asleep or unrouted */
    int64_t draining;
    int64_t blocked; /* unschedulable, crash-looping or overdue: not pending, not supply */
    int64_t busy;    /* ready with something in flight */
    struct {
        int64_t count;
        int64_t due_ns;           /* when they are expected to be ready */
    } batch[PENDING_BATCHES_MAX]; /* of `pending`, by time; the last one holds the rest */
    uint32_t batch_count;

    uint8_t counts_state; /* enum signal_state of the counts above: failed = the replicas could not
                             be counted, and what stands there is the last that was known */

    uint8_t waiting_state; /* enum signal_state of the next three, from the gateways; absent without
                              a gateway */
    int64_t waiting_requests; /* held right now */
    int64_t waiting_tokens;
    int64_t in_flight_requests;
    int64_t idle_ns; /* since the last byte of any request; 0 while something is in flight */

    int64_t foreign_count; /* somebody else set this count since the last tick; NO_COUNT otherwise
                              (R16) */
    int64_t
        actual_count; /* replicas that exist or are ordered (ready + pending + blocked + warm) */
    int64_t inventory_limit; /* replicas that fit on the whole inventory, whoever holds it now: who
                                yields is allot()'s business; NO_COUNT = unlimited */
    int64_t quota_limit;
    int64_t budget_limit;      /* replicas that money allows; NO_COUNT = unlimited */
    uint8_t budget_unreadable; /* R14: nothing new, nothing stopped */
    uint8_t paused;            /* keep `desired` as it is; stages run on */
    int64_t pin_count;      /* a person's number; NO_COUNT = none. Expiry is the shell's business */
    int64_t bound_min;      /* bounds of a dated rule that replace those of the pool; NO_COUNT = */
    int64_t bound_max;      /* none. At most REPLICAS_MAX, the first not above the second */
    int64_t fallback_count; /* floor while a source fails that has one; NO_COUNT = none does */
    int64_t schedule_now;   /* scheduled floor in force; NO_COUNT = none. Cron and zones: config +
                               shell */
    int64_t schedule_next;  /* floor after the next firing ... */
    int64_t schedule_next_ns; /* ... at this time, on the axis of wall_ns; TIME_NONE = none */
    int64_t start_p50_ns;     /* measured start-up time; 0 = unknown */
    int64_t start_p90_ns;
    double spent_today; /* money; NAN = unknown */
    int64_t class_ready[CLASSES_PER_POOL_MAX];
    int64_t class_pending[CLASSES_PER_POOL_MAX];
    int64_t class_notice[CLASSES_PER_POOL_MAX];  /* spot replicas under notice */
    int64_t class_refused[CLASSES_PER_POOL_MAX]; /* starts in a row that led to nothing, while the
                                                    class is left alone for it; 0 otherwise */
};

enum tick_cause {
    TICK_PERIOD,
    TICK_WAKE,
    TICK_QUEUE,
    TICK_REPLICA,
    TICK_CONFIG,
    TICK_OPERATOR,
    TICK_START
};
const char *tick_cause_name(enum tick_cause cause); /* "?" out of range */

struct observation {
    int64_t now_ns;  /* group time axis: never goes back (R7) */
    int64_t wall_ns; /* Unix time: cron and time stamps only */
    uint8_t cause;   /* enum tick_cause: an early tick runs the stages, a policy only if it asks for
                        pokes */
    uint8_t incomplete; /* R10: some source has not answered since the start: nothing is lowered */
    struct pool_observation pool[POOLS_PER_GROUP_MAX];
};
/* A world without replicas, gateway, limits, pins and schedules, in which nothing is known. */
void observation_defaults(struct observation *o);
/* Of one group only the pools that it has are needed: bytes of an observation with so many, which
 * is then no whole structure, and their defaults. */
size_t observation_size(size_t pools);
void observation_defaults_of(struct observation *o, size_t pools);

/* What a policy says. */
struct proposal {
    bool abstain; /* with a reason; the combined proposal is then what others say, or `desired` */
    bool urgent;  /* passes the pace stages upward */
    uint16_t reason; /* enum reason */
    int64_t replicas;
    double exact;     /* the need before rounding up and before a hold; NAN where it has no
                         meaning */
    double number[4]; /* what the reason's words refer to */
};

/* X(ID, "code", "words with {0} {1} {2} {3} {before} {after}") in reason.def: stable codes, words
 * made by the reader. */
enum reason {
    REASON_NONE,
#define REASON(id, code, words) REASON_##id,
#include "core/reason.def"
#undef REASON
    REASON_COUNT
};
const char *reason_code(enum reason reason);
const char *reason_words(enum reason reason);
/* REASON_COUNT when no reason has this code. */
enum reason reason_find(struct span code);

/* Stages in the order of DESIGN 3.3; their number is their place. */
#define STAGE_MAP(X)                                                                               \
    X(POLICY, "policy")                                                                            \
    X(COMBINE, "combine")                                                                          \
    X(FORECAST, "forecast")                                                                        \
    X(SCHEDULE, "schedule")                                                                        \
    X(SLO, "slo")                                                                                  \
    X(UNKNOWN, "unknown")                                                                          \
    X(SUPPLY, "supply")                                                                            \
    X(STABILIZE, "stabilize")                                                                      \
    X(RATE, "rate")                                                                                \
    X(COOLDOWN, "cooldown")                                                                        \
    X(LAST_REPLICA, "last-replica")                                                                \
    X(BOUNDS, "bounds")                                                                            \
    X(WARM, "warm")                                                                                \
    X(FLEET, "fleet")                                                                              \
    X(PIN, "pin")
enum stage_id {
#define STAGE_ENUM(id, name) STAGE_##id,
    STAGE_MAP(STAGE_ENUM)
#undef STAGE_ENUM
        STAGE_COUNT
};
const char *stage_name(enum stage_id stage);
enum stage_id stage_find(struct span name); /* STAGE_COUNT when unknown */

/* 48 bytes: a decision is recorded thousands of times. */
struct trail_entry {
    uint8_t stage; /* enum stage_id */
    uint8_t reserved;
    uint16_t reason; /* enum reason */
    uint16_t metric; /* index of the metric it is about, or UINT16_MAX */
    uint16_t reserved_2;
    int32_t before;
    int32_t after;
    double number[4];
};

/* Of shadow[] and trail[] only as many as are counted mean something: the rest is not even written,
 * and decision_equal() does not look at it. */
struct decision {
    int64_t desired;  /* serving replicas in all classes */
    int64_t previous; /* desired before this tick */
    int64_t warm;     /* replicas to keep warm beside them */
    int64_t class_desired[CLASSES_PER_POOL_MAX];
    bool wake; /* 0 -> n while something waits */
    bool urgent;
    bool held;      /* doubt held it: something required is unknown */
    bool evaluated; /* the policy ran in this tick; else its last proposal stands */
    bool fallback;  /* money: the next pool of each model shall take the requests */
    struct proposal proposal;
    uint32_t trail_count;
    uint32_t trail_dropped; /* entries that found no place */
    uint64_t shadow_count;
    struct proposal shadow[SHADOWS_PER_POOL_MAX];
    struct trail_entry trail[TRAIL_MAX];
};
/* The same bytes wherever they mean something. */
bool decision_equal(const struct decision *a, const struct decision *b);

#endif
