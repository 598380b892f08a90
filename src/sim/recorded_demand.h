/* recorded_demand.h - requests made again from what a history holds of them: how many came in a
 * span of time, and how long their prompts and answers were on average.
 *
 * Each span gets exactly as many requests as were counted, at times drawn evenly within it; lengths
 * are drawn around the mean of the span and put right so that their sum is the recorded one. So
 * totals are those of the record, and what lies below a span is chance from the seed. Same spans,
 * same seed: same requests, on any machine. Pure; one owner. */
#ifndef SLUICE_SIM_RECORDED_DEMAND_H
#define SLUICE_SIM_RECORDED_DEMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "base/rng.h"

#define RECORDED_SPAN_REQUESTS_MAX 4000000 /* of one span: more is no history of a minute */

/* In order of time, without overlap. Holes between them are silence. */
struct recorded_span {
    int64_t at_ns;
    int64_t span_ns;      /* > 0 */
    int64_t requests;     /* >= 0 */
    double prompt_tokens; /* mean of a request; NAN = unknown */
    double output_tokens; /* likewise */
};

struct recorded_request {
    int64_t at_ns;
    int64_t prompt_tokens;
    int64_t output_tokens;
};

/* One drawn request; what rounding leaves of a length is carried to the next one. */
struct recorded_draw {
    int64_t at_ns;
    double prompt;
    double output;
};

struct recorded_demand {
    const struct recorded_span *span; /* borrowed */
    size_t count;
    size_t next;   /* the span that is drawn next */
    size_t filled; /* requests of the one at hand */
    size_t given;
    size_t cap;
    struct recorded_draw *draw; /* of the span at hand, by time */
    double prompt_left;
    double output_left;
    struct rng rng;
    enum rc rc; /* why there are no more: RC_OK at the proper end */
};

void recorded_demand_init(struct recorded_demand *demand, const struct recorded_span *span,
                          size_t count, uint64_t seed);
void recorded_demand_done(struct recorded_demand *demand);
/* False at the end, or when memory is out (then demand->rc says so). */
bool recorded_demand_next(struct recorded_demand *demand, struct recorded_request *ret);

#endif
