/* kpa_zero.h - Knative's way of the last replica: when a revision counts as active, and when its
 * last replica may go (conformance/kpa, kinds "scale_to_zero" and "active"). Functions of their
 * arguments; the state is one enum and the time since when it holds. */
#ifndef SLUICE_CORE_POLICY_KPA_ZERO_H
#define SLUICE_CORE_POLICY_KPA_ZERO_H

#include <stdbool.h>
#include <stdint.h>

static inline int64_t kpa_larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

enum kpa_activity { KPA_INACTIVE, KPA_ACTIVATING, KPA_ACTIVE };

/* What the route answers when it is asked whether it comes from the buffering proxy. */
enum kpa_probe { KPA_PROBE_OK, KPA_PROBE_NO, KPA_PROBE_ERROR };

struct kpa_gate {
    int64_t desired; /* after the bounds; < 0 = not known yet */
    enum kpa_activity activity;
    int64_t in_state_ns;
    bool in_route;      /* the buffering proxy is */
    int64_t proxied_ns; /* for how long; < 0 = never */
    enum kpa_probe probe;
    bool to_zero; /* scale to zero is enabled */
    int64_t grace_ns;
    int64_t retention_ns;
    int64_t stable_window_ns;
    int64_t progress_deadline_ns;
    bool burst_unlimited; /* target burst capacity is -1: the proxy never leaves the route */
    bool reachable;
};

struct kpa_gate_answer {
    int64_t desired;
    bool apply;         /* write this count now; else the old one stays */
    int64_t requeue_ns; /* ask again after this time; < 0 = no need */
    bool asked;         /* the probe was looked at */
    bool probing;       /* asking went on in the background */
};

struct kpa_gate_answer kpa_gate(const struct kpa_gate *g);

enum kpa_activity_reason { KPA_NO_REASON, KPA_QUEUED, KPA_TIMED_OUT, KPA_NO_TRAFFIC };

struct kpa_active {
    bool initialized; /* the initial size was reached once */
    int64_t min;
    int64_t initial;
    enum kpa_activity prior;
    int64_t want; /* < 0 = unknown */
    int64_t ready;
};

struct kpa_active_answer {
    enum kpa_activity activity;
    enum kpa_activity_reason reason;
    bool initialized;
    int64_t threshold; /* replicas that make it active */
};

/* Here, because it is asked at every evaluation. */
static inline struct kpa_active_answer kpa_active(const struct kpa_active *a)
{
    struct kpa_active_answer answer = {
        .activity = a->prior,
        .initialized = a->initialized,
        .threshold = a->initialized ? kpa_larger(a->min, 1) : kpa_larger(a->min, a->initial),
    };
    const bool reached = a->ready >= answer.threshold;
    const bool wanted = a->want > 0 || a->prior != KPA_INACTIVE;
    answer.initialized |= reached;
    if (a->want == 0 || answer.threshold == 0 || (!reached && !wanted)) {
        answer.activity = KPA_INACTIVE;
        answer.reason = a->prior == KPA_ACTIVATING && answer.threshold > 0 && a->want == 0
                            ? KPA_TIMED_OUT
                            : KPA_NO_TRAFFIC;
    } else if (!reached) {
        answer.activity = KPA_ACTIVATING;
        answer.reason = KPA_QUEUED;
    } else if (wanted) {
        answer.activity = KPA_ACTIVE;
    }
    return answer;
}

#endif
