/* miss_curve.h - how many requests miss at a given stress, learned: what a fluid knows nothing of
 * (single long prompts, unlucky seconds) stands in it. Plain numbers inside a state block. */
#ifndef SLUICE_CORE_SHADOW_MISS_CURVE_H
#define SLUICE_CORE_SHADOW_MISS_CURVE_H

#include <stddef.h>

#include "core/shadow/fluid.h"

#define CURVE_BINS 64
#define CURVE_BIN_CODES 4 /* codes of stress_code() in one bin */

struct miss_curve {
    double requests[CURVE_BINS];
    double missed[CURVE_BINS];
    double share[STRESS_CODES]; /* by code: what miss_curve_make() made of it */
};
/* NOLINTBEGIN(bugprone-macro-parentheses): designators cannot stand in parentheses. */
#define MISS_CURVE_FIELDS(struct_, member_)                                                        \
    FIELD_ARRAY(F64, struct_, member_.requests, CURVE_BINS),                                       \
        FIELD_ARRAY(F64, struct_, member_.missed, CURVE_BINS),                                     \
        FIELD_ARRAY(F64, struct_, member_.share, STRESS_CODES)
/* NOLINTEND(bugprone-macro-parentheses) */

void miss_curve_init(struct miss_curve *curve);
void miss_curve_add(struct miss_curve *curve, unsigned code, double requests, double missed);
/* Forgets by the factor and makes `share` anew: monotone, linear between bins. */
void miss_curve_make(struct miss_curve *curve, double keep);

#endif
