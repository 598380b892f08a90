#include "sim/pattern.h"

#include <math.h>

#include "base/duration.h"
#include "base/num.h"

enum rc pattern_init(struct pattern *pattern, const struct pattern_spec *spec, struct diag *diag)
{
    if (!(spec->rate_per_s > 0 && spec->rate_per_s <= 1e6))
        return fail(diag, RC_RANGE, "rate must be above 0 and at most 1000000 a second");
    if (!(spec->peak >= 1 && spec->peak <= 1e4))
        return fail(diag, RC_RANGE, "peak must be 1 to 10000 times the rate");
    if (!(spec->on_share > 0 && spec->on_share <= 1))
        return fail(diag, RC_RANGE, "share of a period must be above 0 and at most 1");
    if (spec->period_ns < MILLISECOND_NS || spec->duration_ns < 0)
        return fail(diag, RC_RANGE, "period must be 1 ms or more, duration not negative");
    if (!(spec->input_mean >= 1 && spec->input_mean <= 1e8 && spec->output_mean >= 1 &&
          spec->output_mean <= 1e8 && spec->length_sigma >= 0 && spec->length_sigma <= 3))
        return fail(diag, RC_RANGE, "mean lengths must be 1 or more tokens, sigma 0 to 3");
    *pattern = (struct pattern){.spec = *spec};
    rng_init(&pattern->rng, spec->seed);
    return RC_OK;
}

double pattern_rate_at(const struct pattern_spec *spec, double seconds)
{
    const double period_s = seconds_of(spec->period_ns);
    const double phase = seconds / period_s - floor(seconds / period_s);
    switch (spec->kind) {
    case PATTERN_STEADY:
        return spec->rate_per_s;
    case PATTERN_BURST:
        return spec->rate_per_s * (phase >= 1 - spec->on_share ? spec->peak : 1);
    case PATTERN_DIURNAL: {
        const double ramp = phase < 0.5 ? 2 * phase : 2 - 2 * phase;
        return spec->rate_per_s * (1 + (spec->peak - 1) * ramp * ramp * (3 - 2 * ramp));
    }
    case PATTERN_ONOFF:
        return phase < spec->on_share ? spec->rate_per_s * spec->peak : 0;
    }
    return 0;
}

/* Lognormal with the given mean, so its median is mean * exp(-sigma^2 / 2). */
static int64_t draw_length(struct pattern *pattern, double mean)
{
    const double sigma = pattern->spec.length_sigma;
    if (sigma == 0)
        return num_to_int(rint(mean), 1, TRACE_TOKENS_MAX);
    const double factor = num_exp(sigma * rng_normal(&pattern->rng) - sigma * sigma / 2);
    return num_to_int(rint(mean * factor), 1, TRACE_TOKENS_MAX);
}

bool pattern_next(struct pattern *pattern, struct trace_row *ret)
{
    const struct pattern_spec *spec = &pattern->spec;
    const double highest = spec->rate_per_s * (spec->kind == PATTERN_STEADY ? 1 : spec->peak);
    const double duration_s = seconds_of(spec->duration_ns);
    /* Thinning: candidates at the highest rate, kept with the chance rate / highest. */
    do {
        pattern->at_s += rng_exponential(&pattern->rng, 1 / highest);
        if (pattern->at_s >= duration_s)
            return false;
    } while (rng_unit(&pattern->rng) * highest >= pattern_rate_at(spec, pattern->at_s));
    *ret = (struct trace_row){
        .arrival_ns = ns_of_seconds(pattern->at_s),
        .input_tokens = draw_length(pattern, spec->input_mean),
        .output_tokens = draw_length(pattern, spec->output_mean),
    };
    return true;
}
