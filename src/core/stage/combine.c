/* combine.c - stage 1: the policy's number enters. An abstention stands for `desired`, a change
 * within the tolerance changes nothing, and waiting requests in front of no replica wake the pool.
 * How the numbers of several metrics become one is combine_proposals(), run when the policy is. */
#include <math.h>

#include "base/num.h"
#include "core/combine.h"
#include "core/stage.h"

static bool used(const struct pool_spec *pool)
{
    (void)pool;
    return true;
}

/* Around 0 there is no ratio: 0 -> 1 and 1 -> 0 are never within a tolerance. A policy that holds
 * by itself means its count to the unit. */
static bool within_tolerance(const struct stage_context *c)
{
    const double exact = c->decision->proposal.exact;
    if (!c->native || c->pool->policy->holds_itself || c->desired == 0 || c->count == 0 ||
        !isfinite(exact))
        return false;
    return fabs(exact / (double)c->desired - 1) <= c->pool->behavior.tolerance;
}

static void enter(struct stage_context *c)
{
    const struct proposal *proposal = &c->decision->proposal;
    if (proposal->abstain) {
        if (c->decision->evaluated)
            stage_say(c, STAGE_COMBINE, c->desired, REASON_ABSTAINED, NULL);
        c->count = c->desired;
        return;
    }
    c->count = num_clamp(proposal->replicas, 0, REPLICAS_MAX);
    if (c->count != c->desired && within_tolerance(c))
        stage_say(c, STAGE_COMBINE, c->desired, REASON_TOLERANCE,
                  (double[4]){proposal->exact, c->pool->behavior.tolerance});
    if (proposal->urgent && c->count > c->desired) {
        c->decision->urgent = true;
        c->urgent_to = c->count;
    }
}

static void apply(struct stage_context *c)
{
    c->count = c->desired;
    enter(c);
    if (c->desired != 0 || !c->group_waits)
        return;
    if (c->count == 0)
        stage_say(c, STAGE_COMBINE, 1, REASON_WAKE,
                  (double[4]){(double)c->observation->waiting_requests});
    c->decision->wake = true;
    c->urgent_to = c->count;
}

const struct stage_ops stage_combine = {
    .id = STAGE_COMBINE,
    .summary = "Puts the proposals of all metrics together, within a tolerance; wakes from zero.",
    .used = used,
    .apply = apply,
};
