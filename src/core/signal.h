/* signal.h - the signal catalogue: what is measured, its unit, how replicas and time are put
 * together.
 *
 * A signal has one of three states. `absent`: nobody could report it (no traffic, no replica).
 * `failed`: we could not know. Neither is ever 0. A reading is what a policy sees: the aggregated
 * value of a series at one time. */
#ifndef SLUICE_CORE_SIGNAL_H
#define SLUICE_CORE_SIGNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/rc.h"
#include "base/span.h"

enum signal_state { SIGNAL_VALUE, SIGNAL_ABSENT, SIGNAL_FAILED };

/* How one value comes out of many replicas, and out of many samples in a window. */
enum signal_fold {
    FOLD_SUM,  /* replicas add up; mean over time (a level: concurrency, queued tokens) */
    FOLD_MEAN, /* mean over replicas and time (utilisations) */
    FOLD_MAX,  /* worst replica; max over time (oldest wait) */
    FOLD_RATE, /* samples are amounts; sum over the window per second of it (tokens, requests) */
    FOLD_QUANTILE, /* samples are single observations with weights; a quantile of the window
                      (latencies) */
    FOLD_RATIO,    /* samples are amounts with weights; sum(value * weight) / sum(weight) (context
                      length, cost per token) */
};

/* X(ID, "name", unit, fold, demand, ceiling): demand = zero of it is needed before the last replica
 * goes. Values above the ceiling are absurd and become `failed` (R1). "name" with a trailing "-p"
 * takes a quantile: ttft-p95. */
#define SIGNAL_MAP(X)                                                                              \
    X(TOKENS_IN_QUEUE, "tokens-in-queue", "tokens", SUM, true, 1e12)                               \
    X(QUEUE_DEPTH, "queue-depth", "requests", SUM, true, 1e9)                                      \
    X(CONCURRENCY, "concurrency", "requests", SUM, true, 1e9)                                      \
    X(RUNNING_REQUESTS, "running-requests", "requests", SUM, true, 1e9)                            \
    X(WAITING_REQUESTS, "waiting-requests", "requests", SUM, true, 1e9)                            \
    X(TOKENS_IN_FLIGHT, "tokens-in-flight", "tokens", SUM, true, 1e12)                             \
    X(REQUESTS_PER_SECOND, "requests-per-second", "requests/s", RATE, true, 1e9)                   \
    X(TOKENS_PER_SECOND, "tokens-per-second", "tokens/s", RATE, false, 1e12)                       \
    X(PROMPT_TOKENS_PER_SECOND, "prompt-tokens-per-second", "tokens/s", RATE, false, 1e12)         \
    X(CONCURRENT_SESSIONS, "concurrent-sessions", "sessions", SUM, false, 1e9)                     \
    X(CONTEXT_LENGTH, "context-length", "tokens", RATIO, false, 1e9)                               \
    X(TOOL_CALL_RATE, "tool-call-rate", "calls/min", RATE, false, 1e9)                             \
    X(OLDEST_WAIT, "oldest-wait", "s", MAX, false, 1e7)                                            \
    X(TTFT, "ttft-p", "s", QUANTILE, false, 1e6)                                                   \
    X(ITL, "itl-p", "s", QUANTILE, false, 1e6)                                                     \
    X(E2E, "e2e-p", "s", QUANTILE, false, 1e6)                                                     \
    X(QUEUE_TIME, "queue-time-p", "s", QUANTILE, false, 1e6)                                       \
    X(KV_CACHE_USAGE, "kv-cache-usage", "ratio", MEAN, false, 1.5)                                 \
    X(PREFIX_HIT_RATIO, "prefix-hit-ratio", "ratio", MEAN, false, 1.5)                             \
    X(PREEMPTIONS, "preemptions", "1/s", RATE, false, 1e9)                                         \
    X(ERROR_RATIO, "error-ratio", "ratio", RATIO, false, 1.5)                                      \
    X(SLO_ATTAINMENT, "slo-attainment", "ratio", RATIO, false, 1.5)                                \
    X(COST_PER_TOKEN, "cost-per-token", "currency", RATIO, false, 1e9)                             \
    X(COST_PER_REQUEST, "cost-per-request", "currency", RATIO, false, 1e9)                         \
    X(CPU_UTILIZATION, "cpu-utilization", "ratio", MEAN, false, 1e4)                               \
    X(MEMORY_UTILIZATION, "memory-utilization", "ratio", MEAN, false, 1.5)                         \
    X(GPU_UTILIZATION, "gpu-utilization", "ratio", MEAN, false, 1.5)                               \
    X(GPU_MEMORY_UTILIZATION, "gpu-memory-utilization", "ratio", MEAN, false, 1.5)                 \
    X(QUEUE_LAG, "queue-lag", "messages", SUM, true, 1e12)                                         \
    X(ANSWER_LENGTH, "answer-length", "tokens", RATIO, false, 1e9)                                 \
    X(BUSY_REPLICAS, "busy-replicas", "replicas", RATE, false, 1e9)                                \
    X(ITERATIONS_PER_SECOND, "iterations-per-second", "iterations/s", RATE, false, 1e12)           \
    X(DECODED_TOKENS_PER_SECOND, "decoded-tokens-per-second", "tokens/s", RATE, false, 1e12)       \
    X(CONTEXT_TOKENS_PER_SECOND, "context-tokens-per-second", "tokens/s", RATE, false, 1e15)       \
    X(COMPUTED_TOKENS_PER_SECOND, "computed-tokens-per-second", "tokens/s", RATE, false, 1e12)     \
    X(MISSES_PER_SECOND, "misses-per-second", "requests/s", RATE, false, 1e9)                      \
    X(SPENT_TODAY, "spent-today", "currency", MAX, false, 1e12)                                    \
    X(EXTERNAL, "external:", "", SUM, false, 9007199254740992.0)

enum signal_id {
#define SIGNAL_ENUM(id, name, unit, fold, demand, ceiling) SIGNAL_##id,
    SIGNAL_MAP(SIGNAL_ENUM)
#undef SIGNAL_ENUM
        SIGNAL_COUNT
};

struct signal_row {
    const char *name;
    const char *unit;
    enum signal_fold fold;
    bool demand;
    double ceiling;
};

const struct signal_row *signal_row(enum signal_id id);

/* A signal as a configuration names it. */
struct signal_ref {
    enum signal_id id;
    double quantile;          /* (0, 1) for the "-pNN" signals, else 0; p999 is 0.999 */
    char external[NAME_SIZE]; /* the part after "external:" */
};
/* RC_UNKNOWN (with the nearest name in diag), RC_RANGE for a quantile out of (0, 100). */
enum rc signal_parse(struct span text, struct signal_ref *ret, struct diag *diag) MUST_CHECK;
/* For lists of foreign metrics: the signal of that name where the catalogue has one, else
 * external:NAME. False when the name is too long; the end of it is then cut. */
bool signal_named(struct span name, struct signal_ref *ret);
void signal_print(const struct signal_ref *ref, char *ret_text, size_t size);
bool signal_ref_equal(const struct signal_ref *a, const struct signal_ref *b);

/* One measurement on its way into the windows of a pool. */
struct sample {
    int64_t t_ns;      /* on the time axis of the group */
    uint16_t pool;     /* index in the group */
    uint16_t signal;   /* enum signal_id */
    uint16_t external; /* index into group_spec.external, for SIGNAL_EXTERNAL */
    uint8_t state;     /* enum signal_state; value counts only for SIGNAL_VALUE */
    uint8_t reserved;
    uint32_t covered;  /* replicas that reported; 0 with expected 0 = not per replica */
    uint32_t expected; /* replicas that should have reported (R3) */
    double value;
    double weight; /* 1 where it has no meaning */
};

/* What an orchestrator says of one pod. */
enum pod_phase { POD_RUNNING, POD_PENDING, POD_FAILED, POD_GONE }; /* gone: measured, not listed */
enum pod_readiness { POD_READY, POD_UNREADY, POD_READINESS_UNKNOWN, POD_READINESS_NONE };

/* One measurement of one pod, for policies that judge each by itself (policy_ops.pod_sample).
 *
 * A round is the samples of all pods at one t_ns, a pod without a measurement being absent. It
 * counts when a plain sample of the same signal and time has closed it by observe(): the value of
 * all pods together, or failed. */
struct pod_sample {
    struct sample sample;
    int64_t measured_ns;    /* on the time axis of the group, as all times here */
    int64_t window_ns;      /* over which it was measured */
    int64_t ready_since_ns; /* last change of its readiness */
    int64_t started_ns;     /* TIME_NONE = not started */
    double request;         /* of the resource, in the unit of the value; NAN = none */
    uint8_t phase;          /* enum pod_phase */
    uint8_t readiness;      /* enum pod_readiness */
    uint8_t leaving;        /* being deleted */
    uint8_t reserved[5];
};

/* What a policy or stage sees. */
struct reading {
    enum signal_state state;
    double value;    /* defined only for SIGNAL_VALUE */
    double coverage; /* share of the replicas that reported, (0, 1]; 1 when not per replica. R3: a
                        missing one counts as 0 for "up" and at target for "down" */
    int64_t age_ns;  /* of the newest sample that holds a value; INT64_MAX when there is none */
    double weight;   /* observations behind a quantile or ratio */
};

#endif
