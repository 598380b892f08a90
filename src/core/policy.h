/* policy.h - what a policy is: one const struct in its own file and one line in
 * policy/registry.def.
 *
 * A policy declares the series it reads (compiled into windows of the pool's state block), its
 * options and its state by tables. propose() is a function of its arguments: no clock, no
 * allocation, no mutable static. */
#ifndef SLUICE_CORE_POLICY_H
#define SLUICE_CORE_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/opt.h"
#include "base/rc.h"
#include "core/decision.h"
#include "core/signal.h"
#include "core/spec.h"

/* How samples of one signal are kept. */
enum series_kind {
    SERIES_MEAN,     /* time-bucketed mean of levels, several samples of one bucket are averaged */
    SERIES_RATE,     /* amounts per second of the window (FOLD_RATE) */
    SERIES_LAST,     /* newest value */
    SERIES_MAX,      /* largest in the window */
    SERIES_QUANTILE, /* histogram slots */
    SERIES_RATIO,    /* weighted mean */
    SERIES_KPA_LINEAR, /* Knative's bucketed average, conformance/kpa: samples of one bucket add up
                        */
    SERIES_KPA_WEIGHTED,
};
struct series_need {
    struct signal_ref signal;
    enum series_kind kind;
    int64_t span_ns;
    int64_t granularity_ns; /* 0 = span / 30, at least 1 s */
    int64_t max_age_ns;     /* 0 = never stale by age (peers that have no such rule) */
    bool required;
};

/* Fits signal, window and staleness of one metric of a pool: the series kind follows from the
 * catalogue. */
struct series_need series_need_of_metric(const struct metric_spec *metric);

struct policy_input {
    const struct pool_spec *pool;
    const void *config;
    void *state;
    const struct pool_observation *observation;
    int64_t now_ns;
    int64_t wall_ns;
    int64_t desired;                   /* what was last decided */
    bool poke;                         /* an early tick; only policies with .pokes see it */
    const struct series_table *series; /* see series_read() */
};
/* Reading of the index-th series that this policy declared. */
struct reading series_read(const struct policy_input *in, size_t index);
/* Reading of the pool's index-th metric (pool_spec.metric). */
struct reading metric_read(const struct policy_input *in, size_t index);

struct policy_ops {
    const char *name;
    const char *summary; /* one sentence: what it computes */
    const char *formula; /* with units; for docs */
    const char *source;  /* where the formula comes from */
    const char *blind;   /* what it cannot see */
    const struct opt *options;
    size_t option_count;
    size_t config_size;
    const struct field *fields; /* of the state's fixed part */
    size_t field_count;
    bool imitation;    /* a peer's whole loop: guarded by default (3.4) */
    bool pokes;        /* wants early ticks */
    bool uses_metrics; /* reads pool_spec.metric */
    bool wakes_itself; /* proposes > 0 at 0 ready from absolute demand */

    /* Beyond the range checks of the rows; may be NULL. */
    enum rc (*check)(const struct pool_spec *pool, const void *config, struct diag *diag);
    int64_t (*period_ns)(const struct pool_spec *pool, const void *config);
    /* Series this policy reads besides the metrics; at most max; returns how many. */
    size_t (*series)(const struct pool_spec *pool, const void *config, struct series_need *ret,
                     size_t max);
    size_t (*state_size)(const struct pool_spec *pool,
                         const void *config); /* multiple of 8, >= fixed part; 0 = stateless */
    void (*state_init)(const struct pool_spec *pool, const void *config, void *state,
                       int64_t now_ns, int64_t ready);
    /* A sample of this pool as it is filed, before the windows take it; may be NULL. */
    void (*sample)(const struct pool_spec *pool, const void *config, void *state,
                   const struct sample *sample);
    struct proposal (*propose)(const struct policy_input *in);
};

const struct policy_ops *policy_find(struct span name); /* NULL when unknown */
const struct policy_ops *policy_at(size_t index); /* NULL past the end: the registry in order */

#endif
