/* capacity.h - what one replica carries within the objectives, learned from what ready replicas
 * carry: the largest amount in flight at which the objectives are still met.
 *
 * Plain numbers inside a state block; one owner. The unit is the caller's (tokens or requests in
 * flight). Load near the level that meets the objectives raises it slowly, and never further beyond
 * what was seen to work than the latencies have left. A miss below the level contradicts it and
 * lowers it at once; a miss above it is explained by the replicas that are missing - a maximum, a
 * budget, a start under way - and teaches nothing. Everything that is learned stays within hard
 * limits around the start value (no wind-up). */
#ifndef SLUICE_CORE_CAPACITY_CAPACITY_H
#define SLUICE_CORE_CAPACITY_CAPACITY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/opt.h"

#define CAPACITY_DOWN_MAX 4.0 /* times that the start value may be too high ... */
#define CAPACITY_UP_MAX 16.0  /* ... or too low: learning ends there */
#define CAPACITY_KNOWN_S 60.0 /* evidence that makes a level known */

struct capacity {
    double start;     /* the value before anything was learned; 0 = none yet */
    double level;     /* in flight per replica */
    double missed_at; /* lowest level at which objectives were missed, forgotten slowly; 0 = none */
    double evidence_s; /* time with load near the level */
    double settle_s;   /* a miss is counted once: nothing is learned for so long */
};
/* NOLINTBEGIN(bugprone-macro-parentheses): designators cannot stand in parentheses. */
#define CAPACITY_FIELDS(struct_, member_)                                                          \
    FIELD(F64, struct_, member_.start), FIELD(F64, struct_, member_.level),                        \
        FIELD(F64, struct_, member_.missed_at), FIELD(F64, struct_, member_.evidence_s),           \
        FIELD(F64, struct_, member_.settle_s)
/* NOLINTEND(bugprone-macro-parentheses) */

enum capacity_verdict { CAPACITY_UNKNOWN, CAPACITY_MET, CAPACITY_MISSED };

/* Start value > 0; counts only while nothing has been learned. */
void capacity_assume(struct capacity *capacity, double start);
bool capacity_known(const struct capacity *capacity);

/* What decides whether a moment teaches anything. */
struct capacity_moment {
    int64_t now_ns;
    int64_t ready;
    int64_t pending;
    int64_t blocked;
    int64_t draining;
    int64_t desired;    /* in force */
    int64_t proposed;   /* what the policy asked for; another number: something limits it */
    double error_ratio; /* refused and failed requests: they teach nothing; NAN = not measured */
    double coverage;    /* of the load, (0, 1] */
};
/* When the count of ready replicas last changed: latencies tell of the time before, too. */
struct capacity_watch {
    int64_t ready;
    int64_t more_ns;    /* last increase */
    int64_t fewer_ns;   /* last decrease */
    int64_t learned_ns; /* last moment that was looked at */
};
/* NOLINTBEGIN(bugprone-macro-parentheses): designators cannot stand in parentheses. */
#define CAPACITY_WATCH_FIELDS(struct_, member_)                                                    \
    FIELD(I64, struct_, member_.ready), FIELD(I64, struct_, member_.more_ns),                      \
        FIELD(I64, struct_, member_.fewer_ns), FIELD(I64, struct_, member_.learned_ns)
/* NOLINTEND(bugprone-macro-parentheses) */

struct capacity_lesson {
    bool met_counts;
    bool miss_counts;
    int64_t span_ns; /* since the last moment, at most ten seconds */
};
/* To be asked on every tick: it sees changes of the count. */
struct capacity_lesson capacity_lesson(struct capacity_watch *watch,
                                       const struct capacity_moment *moment);

/* What was seen in the time over which latencies are read. */
struct capacity_evidence {
    enum capacity_verdict verdict;
    double met_load; /* in flight per ready replica, for each verdict */
    double missed_load;
    double headroom; /* objective / latency: how much more the latency has left; 1 = unknown */
};
void capacity_learn(struct capacity *capacity, const struct capacity_lesson *lesson,
                    const struct capacity_evidence *evidence);

#endif
