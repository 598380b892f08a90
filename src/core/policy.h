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
#include "core/series.h"
#include "core/signal.h"
#include "core/spec.h"

/* A pool of the group as a policy of another one may see it. */
struct policy_peer {
    const struct pool_spec *pool;
    const struct pool_observation *observation;
    int64_t desired; /* last decided */
};

struct policy_input {
    const struct pool_spec *pool;
    const void *config;
    void *state;
    const struct pool_observation *observation;
    int64_t now_ns;
    int64_t wall_ns;
    int64_t desired;                /* what was last decided */
    bool poke;                      /* an early tick; only policies with .pokes see it */
    bool start;                     /* the first tick after a start: windows hold history */
    const struct policy_peer *peer; /* the pools of the group, this one included */
    size_t peer_count;
    const struct series_table *series; /* see series_read() ... */
    const void *block;                 /* ... and the state block that it reads */
};
/* Reading of the index-th series that this policy (or stage) declared; absent when there is none.
 */
struct reading series_read(const struct policy_input *in, size_t index);
/* Reading of the pool's index-th metric (pool_spec.metric). */
struct reading metric_read(const struct policy_input *in, size_t index);

/* Whole replicas for a need of so many: rounded up, errors of rounding forgiven; NaN gives 0. */
int64_t replicas_for(double need);

/* A changed specification: what a policy carries over from its old state. */
struct policy_change {
    const struct pool_spec *old_pool;
    const void *old_config;
    const void *old_state;
    const struct pool_spec *pool;
    const void *config;
    void *state; /* fresh from state_init() */
    int64_t now_ns;
};

/* The bounds in force: of the pool, or of a dated rule that replaces one of them. */
static inline int64_t policy_min(const struct policy_input *in)
{
    const int64_t dated = in->observation->bound_min;
    return dated >= 0 ? dated : in->pool->replicas_min;
}

static inline int64_t policy_max(const struct policy_input *in)
{
    const int64_t dated = in->observation->bound_max;
    return dated >= 0 ? dated : in->pool->replicas_max;
}

/* A further reason of a policy, for those who ask why: as a trail entry that changes nothing. */
struct policy_term {
    uint16_t reason; /* enum reason */
    double number[4];
};
#define POLICY_TERMS_MAX 4

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
    bool holds_itself; /* has its own hold time: stabilisation is 0 unless the pool sets it (others:
                          up 0, down 5 min) */
    int64_t hold_least_ns; /* of a native one that holds by itself: no lowering sooner after any
                              change (R6); else 0 */

    /* Beyond the range checks of the rows; may be NULL. */
    enum rc (*check)(const struct pool_spec *pool, const void *config, struct diag *diag);
    int64_t (*period_ns)(const struct pool_spec *pool, const void *config);
    /* Series this policy reads besides the metrics; at most max; returns how many. */
    size_t (*series)(const struct pool_spec *pool, const void *config, struct series_need *ret,
                     size_t max);
    size_t state_size; /* multiple of 8; 0 = stateless, or as state_room says */
    /* Of a state that depends on the pool or its options, instead: multiple of 8, >= fixed part. */
    size_t (*state_room)(const struct pool_spec *pool, const void *config);
    /* All bytes are zero before; NULL: they stay so. */
    void (*state_init)(const struct pool_spec *pool, const void *config, void *state,
                       int64_t now_ns, int64_t ready);
    /* False for bytes that the policy could not have left and that lead astray; may be NULL. */
    bool (*state_valid)(const struct pool_spec *pool, const void *config, const void *state);
    /* The same policy with another configuration; NULL: the bytes are copied where their size is
     * the same, else the state starts fresh. */
    void (*reshape)(const struct policy_change *change);
    /* A sample of this pool as it is filed, before the windows take it; external is the name of an
     * external signal, else "". May be NULL. */
    void (*sample)(const struct pool_spec *pool, const void *config, void *state,
                   const struct sample *sample, const char *external);
    /* A sample of one pod of this pool, screened; external is the name of an external signal. */
    void (*pod_sample)(const struct pool_spec *pool, const void *config, void *state,
                       const struct pod_sample *sample, const char *external);
    /* What stands behind the last proposal; returns how many, at most POLICY_TERMS_MAX. May be
     * NULL.
     */
    size_t (*terms)(const struct pool_spec *pool, const void *config, const void *state,
                    struct policy_term *ret);
    /* One number per pool. Exactly one of propose and propose_metric is set. */
    struct proposal (*propose)(const struct policy_input *in);
    /* One number per metric of the pool, put together by stage 1 (max, min, average, ...). */
    struct proposal (*propose_metric)(const struct policy_input *in, size_t metric);
};

const struct policy_ops *policy_find(struct span name); /* NULL when unknown */
const struct policy_ops *policy_at(size_t index); /* NULL past the end: the registry in order */

#endif
