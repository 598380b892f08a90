/* trace_totals.h - recorded load as totals per window (a minute, ten minutes, a day), and requests
 * made of it: a renewal process whose rate follows the totals, lengths drawn as pairs from a list.
 *
 * What comes out is synthesised and must be labelled so. Same totals, pairs, seed: same requests,
 * on any machine. Plain data; one owner. */
#ifndef SLUICE_SIM_TRACE_TOTALS_H
#define SLUICE_SIM_TRACE_TOTALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "base/rng.h"
#include "sim/trace.h"

/* Small, for they are drawn at random: a list that fits the cache is worth a tenth of a run. */
struct length_pair {
    uint32_t input_tokens;
    uint32_t output_tokens;
};

struct expansion_spec {
    const struct trace_total *total; /* in order of time; borrowed */
    size_t count;
    const struct length_pair *pair; /* NULL: made-up chat lengths; borrowed */
    size_t pair_count;
    double scale; /* > 0; of the number of requests */
    double cv;    /* of the gaps, in [0.1, 10]; 1 = Poisson */
    uint64_t seed;
};

struct expansion {
    struct expansion_spec spec;
    struct rng rng;
    double input_mean; /* of the pairs */
    double output_mean;
    size_t index;      /* window we stand in */
    size_t rate_index; /* window whose rate was worked out, and one more; 0: none */
    double rate;
    double into_s;    /* seconds of it that passed */
    int64_t begin_ns; /* of the first window */
};

/* RC_RANGE: scale or cv; RC_MISSING: totals from which no number of requests follows. */
enum rc expansion_init(struct expansion *expansion, const struct expansion_spec *spec,
                       struct diag *diag) MUST_CHECK;
/* The next request, its arrival since the begin of the first window; false at the end. */
bool expansion_next(struct expansion *expansion, struct trace_row *ret);
int64_t expansion_span_ns(const struct expansion *expansion);

#endif
