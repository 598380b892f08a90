/* doubt.h - what a decision may not rely on: signals that are unknown, replicas that did not
 * report, zeros that nobody said (R1 to R3). Functions of their arguments. */
#ifndef SLUICE_CORE_DOUBT_H
#define SLUICE_CORE_DOUBT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/plan.h"

/* Zero of every demand source that the pool has, and enough of them: the gateway, or for a native
 * pool a queue and a count in flight, or for an imitation the demand it looks at itself. */
bool doubt_demand_zero(const struct pool_plan *plan, const struct group_state *state,
                       const struct pool_observation *o, int64_t now_ns);
/* A required signal that we could not know; an absent demand signal counts, unless another source
 * says an explicit zero, and one that is measured outside counts in any case. Returns SIGNAL_COUNT
 * when all is known. */
enum signal_id doubt_failed_signal(const struct pool_plan *plan, const struct group_state *state,
                                   const struct pool_observation *o, int64_t now_ns);
/* The least share of replicas that reported one of the series that the policy reads, metrics of the
 * pool included; what is not known at all does not count. */
double doubt_coverage(const struct pool_plan *plan, const struct group_state *state,
                      int64_t now_ns);
/* The replicas could not be counted, or a count is none. */
bool doubt_counts(const struct pool_observation *o);

#endif
