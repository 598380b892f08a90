/* combine.h - one number out of the proposals of several metrics. */
#ifndef SLUICE_CORE_COMBINE_H
#define SLUICE_CORE_COMBINE_H

#include <stddef.h>
#include <stdint.h>

#include "core/decision.h"
#include "core/spec.h"

/* proposals[i] is that of metric i of the pool. Abstentions have no vote; when all abstain the
 * answer abstains with the reason of the first. An average is taken on `exact` where every vote has
 * one, and rounded up. A formula abstains where it reads a metric that does, and where it has no
 * value.
 */
struct proposal combine_proposals(const struct pool_spec *pool, const struct proposal *proposals,
                                  int64_t desired);

#endif
