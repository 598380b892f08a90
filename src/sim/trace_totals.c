#include "sim/trace_totals.h"

#include <math.h>

#include "base/duration.h"
#include "base/num.h"

/* Lengths of chat when nobody gives a list: lognormal with the medians and means of the public
 * Azure conversation trace of 2023 (median 1015 and 115, mean about 1200 and 200 tokens). */
#define CHAT_INPUT_MEDIAN 1015.0
#define CHAT_INPUT_SIGMA 0.57
#define CHAT_OUTPUT_MEDIAN 115.0
#define CHAT_OUTPUT_SIGMA 1.05
#define LENGTH_MAX 1e6

static double lognormal_mean(double median, double sigma)
{
    return median * num_exp(sigma * sigma / 2);
}

static void find_means(struct expansion *e)
{
    e->input_mean = lognormal_mean(CHAT_INPUT_MEDIAN, CHAT_INPUT_SIGMA);
    e->output_mean = lognormal_mean(CHAT_OUTPUT_MEDIAN, CHAT_OUTPUT_SIGMA);
    if (e->spec.pair_count == 0)
        return;
    e->input_mean = e->output_mean = 0;
    for (size_t i = 0; i < e->spec.pair_count; i++) {
        e->input_mean += (double)e->spec.pair[i].input_tokens;
        e->output_mean += (double)e->spec.pair[i].output_tokens;
    }
    e->input_mean = fmax(1, e->input_mean / (double)e->spec.pair_count);
    e->output_mean = fmax(1, e->output_mean / (double)e->spec.pair_count);
}

/* Requests of a window; NAN: its totals say nothing about it. */
static double requests_of(const struct expansion *e, const struct trace_total *total)
{
    if (!isnan(total->requests))
        return total->requests * e->spec.scale;
    if (!isnan(total->input_tokens))
        return total->input_tokens / e->input_mean * e->spec.scale;
    if (!isnan(total->total_tokens))
        return total->total_tokens / (e->input_mean + e->output_mean) * e->spec.scale;
    return NAN;
}

enum rc expansion_init(struct expansion *e, const struct expansion_spec *spec, struct diag *diag)
{
    if (!(spec->scale > 0 && spec->scale <= 1e6))
        return fail(diag, RC_RANGE, "the scale must be above 0 and at most 1000000");
    if (!(spec->cv >= 0.1 && spec->cv <= 10))
        return fail(diag, RC_RANGE, "the variation of gaps must be 0.1 to 10");
    *e = (struct expansion){.spec = *spec};
    rng_init(&e->rng, spec->seed);
    find_means(e);
    bool known = false;
    for (size_t i = 0; i < spec->count; i++)
        known |= requests_of(e, &spec->total[i]) > 0;
    if (!known)
        return fail(diag, RC_MISSING,
                    "the totals hold neither requests nor tokens: there is nothing to expand");
    e->begin_ns = spec->total[0].start_ns;
    return RC_OK;
}

/* Marsaglia and Tsang for a shape of at least 1. */
static double draw_gamma_large(struct rng *rng, double shape)
{
    const double d = shape - 1.0 / 3;
    const double c = 1 / sqrt(9 * d);
    for (;;) {
        const double x = rng_normal(rng);
        const double t = 1 + c * x;
        const double u = 1 - rng_unit(rng);
        const double v = t * t * t;
        if (t > 0 && num_log(u) < 0.5 * x * x + d - d * v + d * num_log(v))
            return d * v;
    }
}

/* A gap of mean 1 with the wanted coefficient of variation. */
static double draw_gap(struct expansion *e)
{
    const double cv = e->spec.cv;
    if (cv == 1)
        return rng_exponential(&e->rng, 1);
    const double shape = 1 / (cv * cv);
    if (shape >= 1)
        return draw_gamma_large(&e->rng, shape) / shape;
    const double boost = num_pow(1 - rng_unit(&e->rng), 1 / shape);
    return draw_gamma_large(&e->rng, shape + 1) * boost / shape;
}

static int64_t draw_lognormal(struct rng *rng, double median, double sigma)
{
    return num_to_int(rint(median * num_exp(sigma * rng_normal(rng))), 1, (int64_t)LENGTH_MAX);
}

static int64_t scaled(int64_t tokens, double mean, double total, double requests)
{
    if (isnan(total) || !(requests > 0))
        return tokens > 0 ? tokens : 1;
    return num_to_int(rint((double)tokens * (total / requests) / mean), 1, (int64_t)LENGTH_MAX);
}

static void draw_lengths(struct expansion *e, const struct trace_total *total,
                         struct trace_row *ret)
{
    if (e->spec.pair_count == 0) {
        ret->input_tokens = draw_lognormal(&e->rng, CHAT_INPUT_MEDIAN, CHAT_INPUT_SIGMA);
        ret->output_tokens = draw_lognormal(&e->rng, CHAT_OUTPUT_MEDIAN, CHAT_OUTPUT_SIGMA);
    } else {
        const int64_t at = rng_range(&e->rng, 0, (int64_t)e->spec.pair_count - 1);
        ret->input_tokens = e->spec.pair[at].input_tokens;
        ret->output_tokens = e->spec.pair[at].output_tokens;
    }
    /* Where requests and tokens of the window are known, so is the mean length. */
    ret->input_tokens =
        scaled(ret->input_tokens, e->input_mean, total->input_tokens, total->requests);
    ret->output_tokens =
        scaled(ret->output_tokens, e->output_mean, total->output_tokens, total->requests);
}

bool expansion_next(struct expansion *e, struct trace_row *ret)
{
    /* The gap is drawn in expected requests and spent along the rate of the windows. */
    double left = draw_gap(e);
    for (; e->index < e->spec.count; e->index++) {
        const struct trace_total *total = &e->spec.total[e->index];
        const double span_s = seconds_of(total->span_ns);
        if (e->rate_index != e->index + 1) {
            e->rate_index = e->index + 1;
            e->rate = requests_of(e, total) / span_s;
        }
        const double rate = e->rate;
        const double room = (span_s - e->into_s) * rate;
        if (rate > 0 && left < room) {
            e->into_s += left / rate;
            *ret = (struct trace_row){.arrival_ns =
                                          total->start_ns - e->begin_ns + ns_of_seconds(e->into_s)};
            draw_lengths(e, total, ret);
            return true;
        }
        left -= rate > 0 ? room : 0;
        e->into_s = 0;
    }
    return false;
}

int64_t expansion_span_ns(const struct expansion *e)
{
    const struct trace_total *last = &e->spec.total[e->spec.count - 1];
    return last->start_ns + last->span_ns - e->begin_ns;
}
