/* chaos.h - faults that come and go, drawn from a seed: what may befall a pool in a simulated
 * installation. Same seed, same faults at the same times. Plain data; one owner. */
#ifndef SLUICE_SIM_CHAOS_H
#define SLUICE_SIM_CHAOS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rng.h"

/* X(ID, "name", lasts, "what it is"): a fault that lasts is taken away again after a while. */
#define CHAOS_MAP(X)                                                                               \
    X(METRICS_LOST, "metrics-lost", true, "the engines' pages cannot be read")                     \
    X(METRICS_STALE, "metrics-stale", true, "the engines' pages tell nothing new")                 \
    X(METRICS_NAN, "metrics-nan", true, "they hold no numbers")                                    \
    X(METRICS_ABSURD, "metrics-absurd", true, "they hold numbers beyond all bounds")               \
    X(METRICS_NEGATIVE, "metrics-negative", true, "they hold numbers below zero")                  \
    X(GATEWAY_SILENT, "gateway-silent", true, "the gateway answers control no more")               \
    X(STARTS_REFUSED, "starts-refused", true, "starts find no place")                              \
    X(STARTS_FAIL, "starts-fail", true, "starts end before they are ready")                        \
    X(STARTS_SLOW, "starts-slow", true, "starts take five times as long")                          \
    X(STARTS_HANG, "starts-hang", true, "half of the starts load without end")                     \
    X(QUOTA, "quota", true, "hardly more GPUs than are used")                                      \
    X(CRASH, "crash", false, "one replica dies, or up to 30 %")                                    \
    X(STORM, "storm", false, "60 % of the replicas die at once")                                   \
    X(CLOCK, "clock", false, "the wall clock jumps, from an hour back to one forward")             \
    X(RELOAD, "reload", true, "a configuration with half the maximum")                             \
    X(PIN, "pin", true, "a person pins the count, one beside it")                                  \
    X(PAUSE, "pause", true, "a person holds the pool")                                             \
    X(FOREIGN, "foreign", false, "somebody else sets the count, one beside it")                    \
    X(LEASE, "lease-lost", true, "another one leads")                                              \
    X(LEADER, "leader-changes", false,                                                             \
      "another control step takes over; below half it knows nothing of before")                    \
    X(BUDGET, "budget-unreadable", true, "what is spent cannot be read")                           \
    X(SPOT, "spot-storm", false, "spot capacity is taken back")

enum chaos_fault {
#define CHAOS_ENUM(id, name, lasts, about) CHAOS_##id,
    CHAOS_MAP(CHAOS_ENUM)
#undef CHAOS_ENUM
        CHAOS_FAULTS
};
const char *chaos_fault_name(enum chaos_fault fault);
bool chaos_fault_lasts(enum chaos_fault fault);

/* One change of what is wrong. */
struct chaos_change {
    int64_t at_ns;
    enum chaos_fault fault;
    bool begins;   /* false: it is over */
    double amount; /* drawn in [0, 1): how bad */
};

struct chaos {
    struct rng rng;
    int64_t next_ns;                /* of the next fault */
    int64_t until_ns[CHAOS_FAULTS]; /* of those that last; 0 = not there */
};

/* The first fault comes after some minutes. */
void chaos_init(struct chaos *chaos, uint64_t seed);
struct chaos_change chaos_next(struct chaos *chaos); /* changes without end, in order of time */

#endif
