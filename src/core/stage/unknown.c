/* unknown.c - stage 5: doubt never lowers (R1, R2, R10), and to zero only on an explicit zero of
 * every demand source. Limits set by a person come later and win. */
#include <math.h>

#include "base/num.h"
#include "core/stage.h"

static bool used(const struct pool_spec *pool)
{
    (void)pool;
    return true;
}

static void hold(struct stage_context *c, int64_t at, enum reason reason, const double number[4])
{
    c->decision->held = true;
    stage_say(c, STAGE_UNKNOWN, at, reason, number);
}

/* Replicas that did not report would have reported their target (R3). Native policies correct their
 * numbers themselves. */
static void count_silent(struct stage_context *c)
{
    const int64_t ready = num_clamp(c->observation->ready, 0, REPLICAS_MAX);
    const int64_t silent = num_to_int(ceil((1 - c->coverage) * (double)ready), 0, REPLICAS_MAX);
    const int64_t floor = c->count + silent < c->desired ? c->count + silent : c->desired;
    if (!c->native && c->count < floor)
        stage_say(c, STAGE_UNKNOWN, floor, REASON_COVERAGE,
                  (double[4]){100 * c->coverage, (double)silent});
}

/* What a person wants while nobody knows: only ever more. */
static void fall_back(struct stage_context *c)
{
    const int64_t floor = num_clamp(c->observation->fallback_count, 0, REPLICAS_MAX);
    if (c->observation->fallback_count != NO_COUNT && c->count < floor)
        stage_say(c, STAGE_UNKNOWN, floor, REASON_SOURCE_FALLBACK, NULL);
}

static void apply(struct stage_context *c)
{
    if (c->count < c->desired && c->required_failed)
        hold(c, c->desired, REASON_SIGNAL_FAILED, (double[4]){(double)c->failed_signal});
    else if (c->count < c->desired && c->counts_failed)
        hold(c, c->desired, REASON_COUNTS_FAILED, NULL);
    else if (c->count < c->desired && c->incomplete)
        hold(c, c->desired, REASON_START_INCOMPLETE, NULL);
    if (c->coverage < 1)
        count_silent(c);
    /* Native pools have the last-replica gate for this, with its grace. */
    if (!c->native && c->count == 0 && c->desired > 0 && !c->demand_zero)
        hold(c, 1, REASON_ZERO_UNPROVEN, NULL);
    fall_back(c);
}

const struct stage_ops stage_unknown = {
    .id = STAGE_UNKNOWN,
    .summary = "Never lowers while a required signal is unknown.",
    .used = used,
    .apply = apply,
};
