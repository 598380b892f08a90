/* pace.h - what stages 7 to 9 share: windows with the policy's own default, and the passage of
 * wakes and urgent raises. */
#ifndef SLUICE_CORE_STAGE_PACE_H
#define SLUICE_CORE_STAGE_PACE_H

#include "core/stage.h"

/* Stabilisation windows in force: those of the pool, or else 0 up and 5 min down (nothing for a
 * policy that holds by itself). */
int64_t pace_window_up_ns(const struct pool_spec *pool);
int64_t pace_window_down_ns(const struct pool_spec *pool);
/* For how long a count that somebody else set is held (R16): the longer of the two, or 5 min where
 * the policy holds by itself. */
int64_t pace_window_foreign_ns(const struct pool_spec *pool);

/* Answers `paced` instead of the count, but a wake or an urgent raise passes up to urgent_to. Says
 * nothing when the count stays. */
void pace_hold(struct stage_context *context, enum stage_id stage, int64_t paced,
               enum reason reason, const double number[4]);

#endif
