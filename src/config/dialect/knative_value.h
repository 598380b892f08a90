/* knative_value.h - one value of Knative's configuration and its range; private to the files of
 * dialect knative. */
#ifndef SLUICE_CONFIG_DIALECT_KNATIVE_VALUE_H
#define SLUICE_CONFIG_DIALECT_KNATIVE_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"
#include "base/span.h"

#define KNATIVE_TARGET_MIN 0.01
#define KNATIVE_WINDOW_MIN_NS (6 * SECOND_NS)
#define KNATIVE_SCALE_MAX 2147483647
#define KPA_CLASS "kpa.autoscaling.knative.dev"

enum knative_kind { KIND_FLOAT, KIND_INT, KIND_DURATION, KIND_BOOL, KIND_TEXT };

/* What a value must be. Durations have their range in nanoseconds. */
struct knative_range {
    double low;
    double high;
    bool above;   /* low itself is not allowed */
    bool minus_1; /* or -1 */
    bool whole;   /* seconds */
};

struct knative_value {
    double number; /* duration in ns, truth as 0 or 1 */
    int64_t whole; /* KIND_INT, KIND_DURATION */
    struct span text;
};

enum rc knative_read(enum knative_kind kind, struct span text,
                     struct knative_value *ret) MUST_CHECK;
/* Reads and compares with the range; the key goes into diag. */
enum rc knative_check(enum knative_kind kind, const struct knative_range *range, const char *key,
                      struct span text, struct knative_value *ret, struct diag *diag) MUST_CHECK;
/* A maximum under the limit of the cluster; limit 0 = none. */
enum rc knative_check_max(const char *key, int64_t max, int64_t limit,
                          struct diag *diag) MUST_CHECK;

#endif
