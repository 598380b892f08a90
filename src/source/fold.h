/* fold.h - the values of one round, screened, and those of replicas put together as the signal
 * catalogue says. Pure: functions of their arguments. */
#ifndef SLUICE_SOURCE_FOLD_H
#define SLUICE_SOURCE_FOLD_H

#include "source/source.h"

/* R1: what cannot be becomes failed, with its reason; unit and factor are put in. `rate_span_ns`:
 * over which a rate is taken to have held. Returns the fault, NONE when the value stands. */
enum source_fault fold_screen(const struct source_spec *spec, int64_t rate_span_ns,
                              struct source_value *value);

/* Samples of one signal out of the values of a round, in which it stands at `index` for the first
 * time. Levels and means of replicas become one sample with its coverage (R3); amounts and
 * observations stay apart, each with that coverage. Marks what it took as `folded`. Returns how
 * many, at most max. */
size_t fold_signal(struct source_value *values, size_t count, size_t index, int64_t expected,
                   int64_t now_ns, struct source_sample *ret, size_t max);
#endif
