/* trace_copies.h - several copies of a trace in memory, each shifted in a circle, merged in order
 * of time. Same rows, spec and seed: same requests, on any machine. Pure; one owner. */
#ifndef SLUICE_SIM_TRACE_COPIES_H
#define SLUICE_SIM_TRACE_COPIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/trace.h"

struct copies_spec {
    struct trace_row *row; /* in order of time, at least one; taken, and smeared in place */
    size_t row_count;
    double scale;     /* > 0: copies; of the last one a part */
    int64_t shift_ns; /* of each but the first at most */
    int64_t smear_ns; /* as in struct feed_spec */
    uint64_t seed;
};

struct copies;

/* NULL: no memory is left, and the rows are still the caller's. */
struct copies *copies_new(const struct copies_spec *spec);
void copies_free(struct copies *copies);
void copies_again(struct copies *copies);                       /* from the begin */
bool copies_next(struct copies *copies, struct trace_row *ret); /* false at the end */
int64_t copies_span_ns(const struct copies *copies);

#endif
