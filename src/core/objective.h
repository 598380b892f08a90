/* objective.h - the latency objectives of a pool against what is measured: the worst of them. */
#ifndef SLUICE_CORE_OBJECTIVE_H
#define SLUICE_CORE_OBJECTIVE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/policy.h"

#define OBJECTIVES_MAX 3
#define OBJECTIVE_WINDOW_NS (INT64_C(30) * 1000000000)

/* Series of the objectives that are set: the latency that the promised share of requests meets.
 * Returns how many, at most OBJECTIVES_MAX; writes at most max. */
size_t objective_series(const struct pool_spec *pool, struct series_need *ret, size_t max);

struct objective_worst {
    double value;     /* s */
    double objective; /* s */
    double ratio;     /* value / objective, > 1 is a breach; NAN = nothing is measured */
    bool failed;      /* some objective is unknown */
};
/* Reads what objective_series() declared, from series number `first` of the reader on. */
struct objective_worst objective_worst(const struct policy_input *in, size_t first);

#endif
