/* combine.h - one number out of the proposals of several metrics. */
#ifndef SLUICE_CORE_COMBINE_H
#define SLUICE_CORE_COMBINE_H

#include <stddef.h>
#include <stdint.h>

#include "core/decision.h"
#include "core/spec.h"

/* Abstentions have no vote; when all abstain the answer abstains with the reason of the first. An
 * average is taken on `exact` where every vote has one, and rounded up. n >= 1. */
struct proposal combine_proposals(enum combine_kind kind, const struct proposal *proposals,
                                  size_t n, int64_t desired);

#endif
