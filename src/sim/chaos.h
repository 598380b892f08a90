/* chaos.h - faults that come and go, drawn from a seed: what may befall a pool in a simulated
 * installation. Same seed, same faults at the same times. Plain data; one owner. */
#ifndef SLUICE_SIM_CHAOS_H
#define SLUICE_SIM_CHAOS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rng.h"

/* X(ID, "name", lasts): a fault that lasts is taken away again after a while. */
#define CHAOS_MAP(X)                                                                               \
    X(METRICS_LOST, "metrics-lost", true)                                                          \
    X(METRICS_STALE, "metrics-stale", true)                                                        \
    X(METRICS_NAN, "metrics-nan", true)                                                            \
    X(METRICS_ABSURD, "metrics-absurd", true)                                                      \
    X(METRICS_NEGATIVE, "metrics-negative", true)                                                  \
    X(GATEWAY_SILENT, "gateway-silent", true)                                                      \
    X(STARTS_REFUSED, "starts-refused", true)                                                      \
    X(STARTS_FAIL, "starts-fail", true)                                                            \
    X(STARTS_SLOW, "starts-slow", true)                                                            \
    X(STARTS_HANG, "starts-hang", true)                                                            \
    X(QUOTA, "quota", true)                                                                        \
    X(CRASH, "crash", false)                                                                       \
    X(STORM, "storm", false)                                                                       \
    X(CLOCK, "clock", false)                                                                       \
    X(RELOAD, "reload", true)                                                                      \
    X(PIN, "pin", true)                                                                            \
    X(PAUSE, "pause", true)                                                                        \
    X(FOREIGN, "foreign", false)                                                                   \
    X(LEASE, "lease-lost", true)                                                                   \
    X(LEADER, "leader-changes", false)                                                             \
    X(BUDGET, "budget-unreadable", true)                                                           \
    X(SPOT, "spot-storm", false)

enum chaos_fault {
#define CHAOS_ENUM(id, name, lasts) CHAOS_##id,
    CHAOS_MAP(CHAOS_ENUM)
#undef CHAOS_ENUM
        CHAOS_FAULTS
};
const char *chaos_fault_name(enum chaos_fault fault);

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
