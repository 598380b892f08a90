/* knative.h - Knative's autoscaler configuration in its own words: the config map
 * "config-autoscaler" and the annotations of a revision, checked as Knative checks them and
 * resolved to what policy knative takes. Exact semantics: conformance/kpa, kinds "resolve" and
 * "validate". */
#ifndef SLUICE_CONFIG_DIALECT_KNATIVE_H
#define SLUICE_CONFIG_DIALECT_KNATIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/rc.h"
#include "base/tree.h"
#include "core/policy/knative.h"

/* The config map with its defaults. Counts are replicas; max_scale 0 = unlimited. */
struct knative_map {
    double target_fraction; /* (0, 1] after knative_map_read() */
    double concurrency_target;
    double rps_target;
    double burst;
    double activator_capacity;
    int64_t stable_window_ns;
    double panic_window_percent;
    double panic_threshold_percent;
    double up_rate;
    double down_rate;
    bool to_zero;
    int64_t grace_ns;
    int64_t retention_ns;
    int64_t delay_ns;
    char class_[NAME_SIZE];
    int64_t initial_scale;
    bool zero_initial_scale;
    int64_t min_scale;
    int64_t max_scale;
    int64_t max_scale_limit;
};

/* `data` is the object of strings of the config map, or NULL for all defaults. RC_SYNTAX, RC_RANGE
 * with the key in diag; any violation refuses the whole map. Unknown keys are not looked at. */
enum rc knative_map_read(const struct tree *data, struct knative_map *ret,
                         struct diag *diag) MUST_CHECK;
/* Annotations of a revision (full names). RC_SYNTAX, RC_RANGE, RC_INVALID with the annotation. */
enum rc knative_annotations_check(const struct tree *annotations, const struct knative_map *map,
                                  struct diag *diag) MUST_CHECK;

struct knative_revision {
    const struct tree *annotations; /* may be NULL */
    int64_t concurrency;            /* hard limit per replica; 0 = none */
    bool reachable;
};

struct knative_resolved {
    struct knative_config config;
    int64_t min_scale;
    int64_t max_scale; /* 0 = unlimited */
};
/* What is not valid counts as not written. */
struct knative_resolved knative_resolve(const struct knative_map *map,
                                        const struct knative_revision *revision);

#endif
