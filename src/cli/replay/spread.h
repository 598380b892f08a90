/* spread.h - when within a minute requests came, where the decision log still has each tick: the
 * minute says how many, the ticks say when. */
#ifndef SLUICE_CLI_REPLAY_SPREAD_H
#define SLUICE_CLI_REPLAY_SPREAD_H

#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "sim/recorded_demand.h"

/* What came between two ticks. */
struct spread_tick {
    int64_t from_ns; /* on the axis of the spans */
    int64_t to_ns;
    double requests;
    double prompt_tokens; /* of all of them */
};

/* Spans that hold ticks are cut up along them; those whose ticks do not tell about as many requests
 * as the span (within a fifth) stay whole. Both lists are by time. The result is an array that the
 * caller frees. */
enum rc spread_spans(const struct recorded_span *span, size_t count, const struct spread_tick *tick,
                     size_t tick_count, struct recorded_span **ret, size_t *ret_count) MUST_CHECK;

#endif
