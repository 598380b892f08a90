/* hpa_pace.h - what a Kubernetes HorizontalPodAutoscaler does with the number its metrics ask for:
 * stabilisation, limits of change, and the records both need (conformance/hpa section 4).
 *
 * Lists lie in a state block; their order counts, because the last entry that is too old is the
 * one that is used again. Counts are within 32 bits, as the peer's are. */
#ifndef SLUICE_CORE_POLICY_HPA_PACE_H
#define SLUICE_CORE_POLICY_HPA_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum hpa_semantics { HPA_MODERN, HPA_1_20_2 };

#define HPA_RULES_MAX 8 /* policies of one direction */

enum hpa_rule_kind { HPA_RULE_PODS, HPA_RULE_PERCENT };
enum hpa_select { HPA_SELECT_MAX, HPA_SELECT_MIN, HPA_SELECT_DISABLED };

struct hpa_rule {
    int kind; /* enum hpa_rule_kind */
    int64_t value;
    int64_t period_ns;
};

/* One direction of `behavior`, as written: what is unset has the default of the direction. */
struct hpa_direction {
    int64_t window_ns; /* < 0 = unset */
    int select;        /* enum hpa_select */
    double tolerance;  /* NAN = that of the controller */
    struct hpa_rule policy[HPA_RULES_MAX];
    size_t policy_count; /* 0 = unset */
};

enum hpa_reason {
    HPA_NONE,
    HPA_SUCCEEDED_GET_SCALE,
    HPA_READY_FOR_NEW_SCALE,
    HPA_SCALE_UP_STABILIZED,
    HPA_SCALE_DOWN_STABILIZED,
    HPA_SUCCEEDED_RESCALE,
    HPA_VALID_METRIC_FOUND,
    HPA_SCALING_DISABLED,
    HPA_FAILED_RESOURCE,
    HPA_FAILED_CONTAINER_RESOURCE,
    HPA_FAILED_PODS,
    HPA_FAILED_OBJECT,
    HPA_FAILED_EXTERNAL,
    HPA_DESIRED_WITHIN_RANGE,
    HPA_SCALE_UP_LIMIT,
    HPA_SCALE_DOWN_LIMIT,
    HPA_TOO_MANY_REPLICAS,
    HPA_TOO_FEW_REPLICAS,
    HPA_ABOVE_MAX,
    HPA_BELOW_MIN,
    HPA_ABOVE_TARGET,
    HPA_ALL_BELOW_TARGET,
    HPA_REASON_COUNT
};
/* As conditions and events word it: "ReadyForNewScale"; "" for HPA_NONE. */
const char *hpa_reason_name(enum hpa_reason reason);

struct hpa_record {
    int64_t t_ns;
    int64_t replicas;
};
struct hpa_records {
    struct hpa_record *item;
    uint32_t *count;
    uint32_t room; /* when it is full, the oldest entry makes room */
};

struct hpa_event {
    int64_t t_ns;
    int64_t change;   /* > 0 */
    int64_t outdated; /* 1 once it was older than any period */
};
struct hpa_events {
    struct hpa_event *item;
    uint32_t *count;
    uint32_t room;
};

struct hpa_count {
    int64_t replicas;
    enum hpa_reason reason;
};

/* Without `behavior`: the largest number of the window. Records the wanted one. */
int64_t hpa_stabilize_simple(const struct hpa_records *records, int64_t now_ns, int64_t window_ns,
                             int64_t desired);
/* Without `behavior`: at most twice as many, or 4. */
struct hpa_count hpa_limit_simple(int64_t current, int64_t desired, int64_t min, int64_t max);

struct hpa_windows {
    int64_t up_ns;
    int64_t down_ns;
};
/* With `behavior`. Records the wanted number. */
struct hpa_count hpa_stabilize(enum hpa_semantics semantics, const struct hpa_records *records,
                               int64_t now_ns, const struct hpa_windows *windows, int64_t current,
                               int64_t desired);

struct hpa_limits {
    const struct hpa_direction *up; /* with defaults filled in */
    const struct hpa_direction *down;
    struct hpa_events up_events;
    struct hpa_events down_events;
    int64_t min;
    int64_t max;
};
/* With `behavior`: policies of the direction, then the bounds. */
struct hpa_count hpa_limit(enum hpa_semantics semantics, const struct hpa_limits *limits,
                           int64_t now_ns, int64_t current, int64_t desired);

int64_t hpa_changed(const struct hpa_events *events, int64_t now_ns, int64_t period_ns);
int64_t hpa_longest_period(const struct hpa_direction *direction);
void hpa_store_event(const struct hpa_events *events, const struct hpa_direction *direction,
                     int64_t now_ns, int64_t change);
void hpa_store_record(const struct hpa_records *records, int64_t now_ns, int64_t replicas);

/* What a direction does where it is unset; down_window_ns is the controller's. */
void hpa_default_up(struct hpa_direction *direction);
void hpa_default_down(struct hpa_direction *direction, int64_t down_window_ns);

#endif
