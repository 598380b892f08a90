#include "sim/recorded_demand.h"

#include <math.h>
#include <stdlib.h>

#include "base/duration.h"
#include "base/mem.h"
#include "base/num.h"

/* How much single requests differ from their mean: the spreads of the public Azure conversation
 * trace of 2023, and its mean lengths where a history knows none. */
#define PROMPT_SIGMA 0.57
#define OUTPUT_SIGMA 1.05
#define PROMPT_UNKNOWN 1200.0
#define OUTPUT_UNKNOWN 200.0
#define TOKENS_MAX 1000000

void recorded_demand_init(struct recorded_demand *demand, const struct recorded_span *span,
                          size_t count, uint64_t seed)
{
    *demand = (struct recorded_demand){.span = span, .count = count};
    rng_init(&demand->rng, seed);
}

void recorded_demand_done(struct recorded_demand *demand)
{
    free(demand->draw);
    demand->draw = NULL;
}

static int by_time(const void *a, const void *b)
{
    const struct recorded_draw *x = a;
    const struct recorded_draw *y = b;
    if (x->at_ns != y->at_ns)
        return x->at_ns < y->at_ns ? -1 : 1;
    return (x->prompt > y->prompt) - (x->prompt < y->prompt); /* ties in a defined order */
}

static double mean_or(double mean, double otherwise)
{
    return mean > 0 && mean <= TOKENS_MAX ? mean : otherwise;
}

static bool fill(struct recorded_demand *d, const struct recorded_span *span)
{
    const size_t n = span->requests > 0 ? (size_t)span->requests : 0;
    d->rc = mem_grow((void **)&d->draw, &d->cap, n, sizeof(*d->draw), RECORDED_SPAN_REQUESTS_MAX);
    if (d->rc != RC_OK)
        return false;
    double prompts = 0;
    double outputs = 0;
    for (size_t i = 0; i < n; i++) {
        struct recorded_draw *draw = &d->draw[i];
        draw->at_ns = span->at_ns + ns_of_seconds(rng_unit(&d->rng) * seconds_of(span->span_ns));
        prompts += draw->prompt = num_exp(PROMPT_SIGMA * rng_normal(&d->rng));
        outputs += draw->output = num_exp(OUTPUT_SIGMA * rng_normal(&d->rng));
    }
    const double prompt = (double)n * mean_or(span->prompt_tokens, PROMPT_UNKNOWN) / prompts;
    const double output = (double)n * mean_or(span->output_tokens, OUTPUT_UNKNOWN) / outputs;
    for (size_t i = 0; i < n; i++) {
        d->draw[i].prompt *= prompt;
        d->draw[i].output *= output;
    }
    if (n > 1)
        qsort(d->draw, n, sizeof(*d->draw), by_time);
    d->filled = n;
    d->given = 0;
    return true;
}

/* Whole tokens, at least one, that add up to what was asked for. */
static int64_t whole(double wanted, double *left)
{
    const int64_t tokens = num_to_int(rint(wanted + *left), 1, TOKENS_MAX);
    *left += wanted - (double)tokens;
    return tokens;
}

bool recorded_demand_next(struct recorded_demand *d, struct recorded_request *ret)
{
    while (d->given == d->filled) {
        if (d->next == d->count || d->rc != RC_OK)
            return false;
        if (!fill(d, &d->span[d->next++]))
            return false;
    }
    const struct recorded_draw *draw = &d->draw[d->given++];
    *ret = (struct recorded_request){.at_ns = draw->at_ns,
                                     .prompt_tokens = whole(draw->prompt, &d->prompt_left),
                                     .output_tokens = whole(draw->output, &d->output_left)};
    return true;
}
