/* hpa.h - the parts of policy hpa that its tests and a status page look at: configuration and
 * state. */
#ifndef SLUICE_CORE_POLICY_HPA_H
#define SLUICE_CORE_POLICY_HPA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "core/policy.h"
#include "core/policy/hpa_pace.h"
#include "core/policy/hpa_replicas.h"

enum hpa_source {
    HPA_RESOURCE,
    HPA_CONTAINER_RESOURCE,
    HPA_PODS,
    HPA_OBJECT,
    HPA_EXTERNAL,
};
enum hpa_target { HPA_UTILIZATION, HPA_AVERAGE_VALUE, HPA_VALUE };

/* Read from the signal of that name where the catalogue has one, else from external:NAME;
 * a container's from external:NAME/CONTAINER. */
struct hpa_metric {
    int source; /* enum hpa_source */
    char name[NAME_SIZE];
    char container[NAME_SIZE];
    int target;   /* enum hpa_target */
    double value; /* percent for HPA_UTILIZATION */
};

struct hpa_config {
    int semantics; /* enum hpa_semantics */
    int64_t period_ns;
    double tolerance;
    int64_t down_window_ns; /* of the controller */
    int64_t cpu_init_ns;
    int64_t readiness_delay_ns;
    bool behave;    /* `behavior` is there, be it empty */
    bool up_paused; /* no change in this direction, whatever is written in it (policy keda) */
    bool down_paused;
    struct hpa_direction up;
    struct hpa_direction down;
    struct hpa_metric metric[METRICS_PER_POOL_MAX];
    size_t metric_count; /* 0 = those of the pool */
};

enum hpa_status { HPA_STATUS_UNSET, HPA_STATUS_FALSE, HPA_STATUS_TRUE };

struct hpa_condition {
    uint8_t status; /* enum hpa_status */
    uint8_t reason; /* enum hpa_reason */
};

/* Begin of the state; metrics, records and events follow. */
struct hpa_state {
    int64_t scaled_ns;         /* last rescale; TIME_NONE = never */
    struct hpa_condition able; /* AbleToScale, ScalingActive, ScalingLimited */
    struct hpa_condition active;
    struct hpa_condition limited;
    uint8_t started; /* the first tick was */
    uint8_t failed;  /* no number could be worked out in the last tick */
    uint8_t rescaled;
    uint8_t reason; /* of a rescale: enum hpa_reason */
    uint8_t reserved[6];
    uint32_t failed_metrics; /* bit i: metric i gave no number in the last tick */
    uint32_t record_count;
    uint32_t up_count;
    uint32_t down_count;
};

struct hpa_metric_state {
    int64_t round_ns; /* of the tally; TIME_NONE = none yet */
    struct hpa_tally tally;
    int64_t replicas; /* what it asked for in the last tick; < 0 = nothing */
    int64_t usage;    /* in thousandths */
};

/* Where everything behind struct hpa_state lies. */
struct hpa_parts {
    size_t metric_count;
    struct hpa_metric_state *metric;
    struct hpa_records records;
    struct hpa_events up;
    struct hpa_events down;
};
struct hpa_parts hpa_parts_of(const struct pool_spec *pool, const struct hpa_config *config,
                              struct hpa_state *state);
/* The same for a loop whose metrics are not listed in `config`. */
struct hpa_parts hpa_parts_at(const struct hpa_config *config, size_t metric_count,
                              struct hpa_state *state);
size_t hpa_parts_size(const struct hpa_config *config, size_t metric_count);
void hpa_parts_init(const struct hpa_config *config, size_t metric_count, struct hpa_state *state);
bool hpa_parts_valid(const struct hpa_config *config, size_t metric_count,
                     const struct hpa_state *state);
struct hpa_carry {
    const struct hpa_config *old_config;
    size_t old_metric_count;
    const struct hpa_state *old_state;
    const struct hpa_config *config;
    size_t metric_count;
    struct hpa_state *state;
};
void hpa_parts_carry(const struct hpa_carry *carry);
const struct hpa_metric_state *hpa_metric_states(const struct hpa_state *state);

/* How many metrics there are: its own, or those of the pool. */
size_t hpa_metric_count(const struct pool_spec *pool, const struct hpa_config *config);
/* It damps by its directions; otherwise in the old simple way. */
bool hpa_behaves(const struct hpa_config *config);
/* One direction of `behavior` with its defaults. */
struct hpa_direction hpa_direction_of(const struct hpa_config *config, bool up);

#define HPA_OPTION_COUNT 10
#define HPA_FIELD_COUNT 13
extern const struct opt hpa_options[HPA_OPTION_COUNT];
extern const struct field hpa_fields[HPA_FIELD_COUNT];

/* Members of policy_hpa. */
size_t hpa_state_size(const struct pool_spec *pool, const void *config);
void hpa_state_init(const struct pool_spec *pool, const void *config, void *state, int64_t now_ns,
                    int64_t ready);
bool hpa_state_valid(const struct pool_spec *pool, const void *config, const void *state);
void hpa_reshape(const struct policy_change *change);

#endif
