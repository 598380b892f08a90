/* adaptive_fallback.h - what the adaptive policy says while it does not know what a replica can do:
 * what is in flight and what waits, against what a replica was seen to carry within the objectives.
 *
 * Counts tokens where gateways or engines tell them, else requests. Private to the policy. */
#ifndef SLUICE_CORE_POLICY_ADAPTIVE_FALLBACK_H
#define SLUICE_CORE_POLICY_ADAPTIVE_FALLBACK_H

#include "core/capacity/capacity.h"
#include "core/policy/adaptive_demand.h"

struct adaptive_config {
    int64_t hold_ns;
    double margin;
    /* What an iteration takes, where somebody knows: learning begins there. All 0: nobody does. */
    struct adaptive_prior {
        double iteration_ms;
        double sequence_ms; /* per decoding sequence */
        double context_ms;  /* per token of its context */
        double prompt_ms;   /* per prompt token */
    } prior;
};

struct fallback {
    struct capacity tokens;   /* in flight per replica */
    struct capacity requests; /* in flight per replica */
    struct capacity_watch watch;
    struct adaptive_memory memory;
    double quiet_ratio; /* latency against its objective on nearly idle replicas; 0 = unknown */
    int64_t hold_since_ns;
    int64_t peak;     /* largest need since then */
    int64_t proposed; /* last answer; NO_COUNT = none yet */
    int64_t seen;     /* the count at the last answer */
};
/* NOLINTBEGIN(bugprone-macro-parentheses): designators cannot stand in parentheses. */
#define FALLBACK_FIELDS(struct_, member_)                                                          \
    CAPACITY_FIELDS(struct_, member_.tokens), CAPACITY_FIELDS(struct_, member_.requests),          \
        CAPACITY_WATCH_FIELDS(struct_, member_.watch),                                             \
        ADAPTIVE_MEMORY_FIELDS(struct_, member_.memory), FIELD(F64, struct_, member_.quiet_ratio), \
        FIELD(I64, struct_, member_.hold_since_ns), FIELD(I64, struct_, member_.peak),             \
        FIELD(I64, struct_, member_.proposed), FIELD(I64, struct_, member_.seen)
/* NOLINTEND(bugprone-macro-parentheses) */

void fallback_init(struct fallback *fallback, int64_t now_ns, int64_t ready);
/* in->config is a struct adaptive_config. */
struct proposal fallback_propose(const struct policy_input *in, struct fallback *fallback,
                                 const struct adaptive_demand *demand);
/* Learns while somebody else proposes. */
void fallback_follow(const struct policy_input *in, struct fallback *fallback,
                     const struct adaptive_demand *demand, int64_t proposed);

#endif
