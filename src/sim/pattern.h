/* pattern.h - made-up load with Poisson arrivals from a seed: steady, bursts, a day's curve, on and
 * off.
 *
 * Same parameters and seed, same rows, on any machine. Plain data; one owner. */
#ifndef SLUICE_SIM_PATTERN_H
#define SLUICE_SIM_PATTERN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"
#include "base/rng.h"
#include "sim/trace.h"

enum pattern_kind {
    PATTERN_STEADY,  /* rate all the time */
    PATTERN_BURST,   /* rate, and peak times it in the last on_share of each period */
    PATTERN_DIURNAL, /* a smooth hill between rate and peak * rate, once a period */
    PATTERN_ONOFF,   /* peak * rate in the first on_share of each period, else nothing */
};
#define PATTERN_NAMES "steady|burst|diurnal|onoff" /* in the order of the enum */

struct pattern_spec {
    enum pattern_kind kind;
    double rate_per_s; /* > 0 */
    double peak;       /* >= 1, not used by steady */
    double on_share;   /* of a period, in (0, 1] */
    int64_t period_ns;
    int64_t duration_ns;
    double input_mean; /* tokens; lengths are lognormal with sigma 0.8 (0: all equal the mean) */
    double output_mean;
    double length_sigma;
    uint64_t seed;
};

struct pattern {
    struct pattern_spec spec;
    struct rng rng;
    double at_s;
};

enum rc pattern_init(struct pattern *pattern, const struct pattern_spec *spec,
                     struct diag *diag) MUST_CHECK;
/* The next request, or false when the duration is over. Lengths are at least 1. */
bool pattern_next(struct pattern *pattern, struct trace_row *ret);
double pattern_rate_at(const struct pattern_spec *spec, double seconds); /* requests per second */

#endif
