#include "core/combine.h"

#include <assert.h>
#include <math.h>

#include "base/num.h"

struct votes {
    size_t count;
    size_t above; /* of desired */
    size_t below;
    const struct proposal *largest;
    const struct proposal *smallest;
    double sum;
};

static struct votes count_votes(const struct proposal *proposals, size_t n, int64_t desired)
{
    struct votes votes = {0};
    for (size_t i = 0; i < n; i++) {
        const struct proposal *p = &proposals[i];
        if (p->abstain)
            continue;
        votes.count++;
        votes.above += p->replicas > desired;
        votes.below += p->replicas < desired;
        if (votes.largest == NULL || p->replicas > votes.largest->replicas)
            votes.largest = p;
        if (votes.smallest == NULL || p->replicas < votes.smallest->replicas)
            votes.smallest = p;
        votes.sum += isfinite(p->exact) ? p->exact : (double)p->replicas;
    }
    return votes;
}

static struct proposal average(const struct votes *votes)
{
    const double mean = votes->sum / (double)votes->count;
    return (struct proposal){
        .urgent = votes->largest->urgent,
        .replicas = num_to_int(ceil(mean), 0, REPLICAS_MAX),
        .exact = mean,
        .reason = REASON_COMBINE_AVERAGE,
        .number = {(double)votes->count},
    };
}

static struct proposal any_up_all_down(const struct votes *votes, int64_t desired)
{
    if (votes->above > 0 || votes->below == votes->count) {
        struct proposal p = *votes->largest;
        p.reason = votes->above > 0 ? REASON_COMBINE_ANY_UP : REASON_COMBINE_ALL_DOWN;
        return p;
    }
    return (struct proposal){
        .replicas = desired, .exact = (double)desired, .reason = REASON_COMBINE_DISAGREE};
}

struct proposal combine_proposals(enum combine_kind kind, const struct proposal *proposals,
                                  size_t n, int64_t desired)
{
    assert(n >= 1);
    const struct votes votes = count_votes(proposals, n, desired);
    if (votes.count == 0 || n == 1)
        return proposals[0];
    struct proposal p = *votes.largest;
    p.reason = REASON_COMBINE_MAX;
    switch (kind) {
    case COMBINE_MIN:
        p = *votes.smallest;
        p.reason = REASON_COMBINE_MIN;
        break;
    case COMBINE_AVERAGE:
        return average(&votes);
    case COMBINE_ANY_UP_ALL_DOWN:
        p = any_up_all_down(&votes, desired);
        break;
    case COMBINE_MAX:
    case COMBINE_FORMULA: /* refused by pool_spec_check() */
        break;
    }
    p.number[0] = (double)votes.count;
    return p;
}
