/* aibrix.h - the parts of the policies aibrix-kpa and aibrix-apa that their tests look at. */
#ifndef SLUICE_CORE_POLICY_AIBRIX_H
#define SLUICE_CORE_POLICY_AIBRIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "core/policy.h"
#include "core/policy/aibrix_step.h"

/* Read from the signal of that name where the catalogue has one, else from external:NAME. */
struct aibrix_metric {
    char name[NAME_SIZE];
    double target; /* per pod; as it is for a metric that is not per pod */
    bool per_pod;  /* its value is the mean over the pods that told */
};

struct aibrix_config {
    double up_tolerance;
    double down_tolerance;
    double up_rate;
    double down_rate;
    double panic_threshold;
    int64_t up_cooldown_ns;
    int64_t down_cooldown_ns;
    int64_t observe_ns; /* stable window */
    int64_t panic_ns;
    int64_t period_ns;
    bool corrected;
    struct aibrix_metric metric[METRICS_PER_POOL_MAX];
    size_t metric_count; /* 0 = those of the pool */
};

enum aibrix_outcome {
    AIBRIX_NOTHING, /* not evaluated yet */
    AIBRIX_STABLE,
    AIBRIX_ABOVE,
    AIBRIX_BELOW,
    AIBRIX_DISABLED,
    AIBRIX_OVER_MAX,
    AIBRIX_UNDER_MIN,
    AIBRIX_FAILED,
};

/* Begin of the state; metrics, records and windows follow. */
struct aibrix_state {
    int64_t metric_desired; /* before the cooldown, in the last evaluation; < 0 = none */
    uint32_t record_count;
    uint8_t outcome; /* enum aibrix_outcome of the last evaluation */
    uint8_t reserved[3];
};

struct aibrix_metric_state {
    double stable; /* averages in the last evaluation */
    double panic;
    int64_t replicas;       /* what it asked for; < 0 = it failed */
    int64_t panic_since_ns; /* TIME_NONE = not in panic; kept by a corrected one only */
    int64_t panic_most;
    uint32_t stable_count; /* of its windows */
    uint32_t panic_count;
    uint8_t in_panic;
    uint8_t reserved[7];
};

const struct aibrix_metric_state *aibrix_metric_states(const struct aibrix_state *state);

/* Where the parts of a state are, for aibrix.c and aibrix_state.c. */
struct aibrix_parts {
    size_t metric_count;
    struct aibrix_metric_state *metric;
    struct aibrix_records records;
    struct aibrix_point *points; /* of each metric: stable, then panic */
    uint32_t stable_room;
    uint32_t panic_room;
};
struct aibrix_parts aibrix_parts_of(const struct pool_spec *pool,
                                    const struct aibrix_config *config, struct aibrix_state *state);
struct aibrix_points aibrix_window_of(const struct aibrix_parts *parts, size_t metric, bool stable);

/* Members of both policies. */
#define AIBRIX_FIELD_COUNT 4
extern const struct field aibrix_fields[AIBRIX_FIELD_COUNT];
size_t aibrix_state_size(const struct pool_spec *pool, const void *config);
void aibrix_state_init(const struct pool_spec *pool, const void *config, void *state,
                       int64_t now_ns, int64_t ready);
bool aibrix_state_valid(const struct pool_spec *pool, const void *config, const void *state);
void aibrix_reshape(const struct policy_change *change);

#endif
