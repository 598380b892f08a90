/* plan.h - the compiled form of a group: where everything lies in a state block. Private to core;
 * immutable, in the arena of group_compile(). */
#ifndef SLUICE_CORE_PLAN_H
#define SLUICE_CORE_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "core/group.h"
#include "core/policy.h"
#include "core/series.h"
#include "core/spec.h"
#include "core/stage.h"

#define STATE_MAGIC 0x31434c53U /* "SLC1" as little-endian bytes; another byte order is refused */
#define STATE_VERSION 2U
#define EXTERNALS_PER_GROUP_MAX ((size_t)POOLS_PER_GROUP_MAX * METRICS_PER_POOL_MAX)

/* A window in the state block; sorted by signal, then by external index. */
struct window_plan {
    struct series_need need;
    uint32_t offset; /* from the begin of the state block */
    uint32_t size;
    uint16_t external;
};

/* The needs that one reader declared: a run in pool_plan.need, and the same for series_read(). */
struct reader_plan {
    uint32_t first;
    uint32_t count;
    struct series_table table;
};

struct stage_plan {
    const struct stage_ops *ops;
    uint32_t offset; /* of its state */
    struct reader_plan reader;
};

/* The policy in force or a shadow. */
struct policy_plan {
    const struct policy_ops *ops;
    const void *config;
    int64_t period_ns;
    uint32_t offset; /* of struct policy_state, followed by the policy's own */
    uint32_t size;   /* of the policy's own state */
    struct reader_plan reader;
};

struct pool_plan {
    const struct pool_spec *spec;
    uint32_t offset; /* of struct pool_state */
    uint32_t need_count;
    uint32_t required_count;
    uint32_t demand_count;
    uint32_t window_count;
    uint32_t stage_count;
    uint32_t doubt_stage; /* index of the first stage that asks what is known */
    uint32_t fleet_stage; /* index of the first stage that acts after all pools passed stage 12 */
    struct reader_plan metrics;
    const struct series_need *need;   /* metrics, policy, shadows, stages */
    const uint32_t *need_offset;      /* of the window behind each need */
    const uint32_t *required;         /* indices of needs with `required` */
    const uint32_t *demand;           /* indices of needs whose zero is a proof */
    const struct window_plan *window; /* sorted by signal */
    uint8_t window_first[SIGNAL_COUNT + 1];
    struct stage_plan stage[STAGE_COUNT];
    struct policy_plan policy;
    struct policy_plan shadow[SHADOWS_PER_POOL_MAX];
};

struct group_spec {
    char name[NAME_SIZE];
    uint64_t shape;
    size_t state_size;
    int64_t period_ns;
    size_t pool_count;
    size_t external_count;
    const char (*external)[NAME_SIZE];
    struct pool_plan *pool;
};

/* ---- the state block ---- */

struct group_state {
    uint32_t magic;
    uint32_t version;
    uint64_t shape;
    uint64_t size;
    int64_t now_ns; /* of the last tick: the axis never goes back */
};

struct policy_state {
    int64_t next_ns; /* the next evaluation is due; TIME_NONE = never evaluated */
    struct proposal proposal;
};

struct pool_state {
    int64_t desired;
    int64_t before; /* desired before the last tick, for group_applied() */
};

static inline void *state_at(struct group_state *state, uint32_t offset)
{
    return (unsigned char *)state + offset;
}

static inline const void *state_at_const(const struct group_state *state, uint32_t offset)
{
    return (const unsigned char *)state + offset;
}

/* Zero of a demand signal is a proof; for an imitation its own external metric is one too. */
static inline bool plan_is_demand(const struct pool_spec *pool, const struct series_need *need)
{
    return signal_row(need->signal.id)->demand ||
           (need->signal.id == SIGNAL_EXTERNAL && pool->policy->imitation);
}

/* A fresh policy and its last proposal: none yet, due at once. */
void policy_state_init(const struct pool_plan *plan, const struct policy_plan *policy,
                       struct group_state *state, int64_t now_ns, int64_t desired);
/* What its state_valid() says. */
bool policy_state_valid(const struct pool_plan *plan, const struct policy_plan *policy,
                        const struct group_state *state);

#endif
