/* adaptive_demand.h - what the adaptive policy reads: load in flight and waiting, in tokens where
 * somebody tells them, else in requests. Private to the policy. */
#ifndef SLUICE_CORE_POLICY_ADAPTIVE_DEMAND_H
#define SLUICE_CORE_POLICY_ADAPTIVE_DEMAND_H

#include <stdbool.h>

#include "base/duration.h"
#include "core/policy.h"

#define ADAPTIVE_FAST_NS (10 * SECOND_NS)
#define ADAPTIVE_SLOW_NS MINUTE_NS

/* Series of the policy; those of the objectives follow. */
enum adaptive_series {
    ADAPTIVE_TOKENS_FAST,
    ADAPTIVE_TOKENS_SLOW,
    ADAPTIVE_REQUESTS_FAST,
    ADAPTIVE_REQUESTS_SLOW,
    ADAPTIVE_ARRIVALS,
    ADAPTIVE_ENGINE_QUEUE,
    ADAPTIVE_ERRORS,
    ADAPTIVE_OBJECTIVES
};
size_t adaptive_series(const struct pool_spec *pool, const void *config, struct series_need *ret,
                       size_t max);

/* Demand in one unit, tokens or requests. */
struct adaptive_demand {
    bool known;
    bool partial; /* what waits is not known: the need may be larger */
    bool in_tokens;
    double flight;        /* in flight on all replicas, mean of the last seconds */
    double slow;          /* the same over a minute; NAN = not known */
    double waiting;       /* as much of the queue as new replicas could take over */
    double each;          /* of one request */
    double coverage;      /* of `flight` */
    double requests;      /* in flight, whatever the unit: both are learned */
    double requests_slow; /* NAN = not told, for the next three */
    double tokens;
    double tokens_slow;
    bool any;    /* something runs or waits */
    bool queued; /* something waits */
};

/* What is kept of the requests of a pool, followed slowly; 0 = never measured. */
struct adaptive_memory {
    double tokens_each; /* in flight of one request */
    double residence_s; /* time of one request in a replica */
};
/* NOLINTBEGIN(bugprone-macro-parentheses): designators cannot stand in parentheses. */
#define ADAPTIVE_MEMORY_FIELDS(struct_, member_)                                                   \
    FIELD(F64, struct_, member_.tokens_each), FIELD(F64, struct_, member_.residence_s)
/* NOLINTEND(bugprone-macro-parentheses) */

struct adaptive_demand adaptive_demand(const struct policy_input *in,
                                       struct adaptive_memory *memory);

#endif
