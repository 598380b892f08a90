/* knative.h - the parts of policy knative that its tests look at: configuration, state, and the
 * decision function. */
#ifndef SLUICE_CORE_POLICY_KNATIVE_H
#define SLUICE_CORE_POLICY_KNATIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/policy.h"
#include "core/slide_max.h"

enum knative_metric {
    KNATIVE_CONCURRENCY,
    KNATIVE_RPS,
    KNATIVE_AVERAGES, /* the source averages: external:stable-average and external:panic-average */
};

struct knative_config {
    int metric;             /* enum knative_metric */
    int averaging;          /* enum knative_averaging */
    double target;          /* per replica, in the unit of the metric; NAN = 0.7 of `total` */
    double total;           /* capacity of a replica; NAN = 100 requests or 200 requests/s */
    double burst;           /* target burst capacity; -1 = unlimited, 0 = off */
    double panic_threshold; /* ratio of what is needed to what is ready */
    double up_rate;
    double down_rate;
    int64_t stable_window_ns;
    int64_t panic_window_ns;
    int64_t delay_ns; /* before a lower number counts */
    int64_t activation_scale;
    int64_t initial_scale;
    bool reachable;
    bool scraped; /* replicas report: silence is no zero */
    bool to_zero;
    int64_t grace_ns;
    int64_t retention_ns;
    int64_t progress_deadline_ns;
};

enum knative_averaging { KNATIVE_LINEAR, KNATIVE_WEIGHTED };

/* Begin of the state; the delay window follows. */
struct knative_state {
    int64_t panic_since_ns; /* TIME_NONE = not in panic */
    int64_t panic_most;     /* largest number since then */
    int64_t activity_since_ns;
    uint8_t activity;    /* enum kpa_activity */
    uint8_t initialized; /* the initial scale was reached once */
    uint8_t delayed;     /* there is a delay window: decided when the state was made */
    uint8_t reserved[5];
};

struct knative_load {
    double stable; /* averages over the two windows */
    double panic;
    double target; /* per replica */
    double total;
    int64_t ready;
};

struct knative_answer {
    int64_t desired; /* before bounds */
    double excess;   /* burst capacity left; -1 = not counted */
    bool raised;     /* by the activation scale */
    bool delayed;    /* a larger number of the delay window stands */
};

/* The decision function of the peer (conformance/kpa, kind "scale"). `delay` is NULL where the
 * state has none. */
struct knative_answer knative_scale(const struct knative_config *config,
                                    struct knative_state *state, struct slide_max *delay,
                                    int64_t now_ns, const struct knative_load *load);

#define KNATIVE_OPTION_COUNT 19
extern const struct opt knative_options[KNATIVE_OPTION_COUNT];
enum rc knative_options_check(const struct pool_spec *pool, const void *config, struct diag *diag);

#endif
