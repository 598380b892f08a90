#include "core/combine.h"

#include <assert.h>
#include <math.h>

#include "base/num.h"
#include "core/policy.h"

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

static struct proposal abstain(enum reason reason, double number)
{
    return (struct proposal){
        .abstain = true, .exact = NAN, .reason = (uint16_t)reason, .number = {number}};
}

static struct proposal by_formula(const struct pool_spec *pool, const struct proposal *proposals)
{
    double values[METRICS_PER_POOL_MAX];
    bool urgent = false;
    for (size_t i = 0; i < pool->metric_count; i++) {
        const struct proposal *p = &proposals[i];
        const bool used = (pool->formula.used >> i & 1) != 0;
        if (used && p->abstain)
            return abstain(REASON_FORMULA_UNKNOWN, (double)pool->metric[i].signal.id);
        values[i] = isfinite(p->exact) ? p->exact : (double)p->replicas;
        urgent |= used && p->urgent;
    }
    const double value = formula_value(&pool->formula, values);
    if (isnan(value))
        return abstain(REASON_FORMULA_UNDEFINED, 0);
    return (struct proposal){
        .urgent = urgent,
        .replicas = replicas_for(value),
        .exact = value,
        .reason = REASON_COMBINE_FORMULA,
        .number = {value},
    };
}

struct proposal combine_proposals(const struct pool_spec *pool, const struct proposal *proposals,
                                  int64_t desired)
{
    const size_t n = pool->metric_count;
    const enum combine_kind kind = (enum combine_kind)pool->combine;
    assert(n >= 1);
    if (kind == COMBINE_FORMULA)
        return by_formula(pool, proposals);
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
    case COMBINE_FORMULA:
        break;
    }
    p.number[0] = (double)votes.count;
    return p;
}
