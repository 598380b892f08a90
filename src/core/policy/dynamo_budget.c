/* dynamo_budget.c - clamps in the order and rounding of the peer. */
#include "core/policy/dynamo_budget.h"

#include <math.h>

#include "base/num.h"

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t whole(double x)
{
    return num_to_int(x, INT32_MIN, INT32_MAX);
}

/* ---- GPUs ---- */

/* 0 = inside, 1 = above, -1 = below. Between two bounds one replica less is still inside. */
static int side_of(const struct dynamo_band *band, int64_t total, int64_t tolerance)
{
    if (band->max >= 0 && total > band->max)
        return 1;
    return band->min >= 0 && total < band->min - tolerance ? -1 : 0;
}

static bool both(const struct dynamo_band *band)
{
    return band->min >= 0 && band->max >= 0;
}

int64_t dynamo_fit_single(int64_t replicas, const struct dynamo_gpus *gpus,
                          const struct dynamo_band *band)
{
    const int64_t each = gpus->each;
    if (each <= 0)
        return replicas;
    const int side = side_of(band, num_mul_sat(replicas, each), both(band) ? each : 0);
    if (side == 0)
        return replicas;
    if (side < 0)
        return larger(gpus->min_replicas, whole(ceil((double)band->min / (double)each)));
    if (band->max < num_mul_sat(gpus->min_replicas, each))
        return 0;
    return larger(gpus->min_replicas, band->max / each);
}

static int64_t gpus_of(struct dynamo_pair pair, const struct dynamo_gpus *prefill,
                       const struct dynamo_gpus *decode)
{
    return num_add_sat(num_mul_sat(pair.prefill, prefill->each),
                       num_mul_sat(pair.decode, decode->each));
}

static struct dynamo_pair shrink(struct dynamo_pair wanted, int64_t total,
                                 const struct dynamo_gpus *prefill,
                                 const struct dynamo_gpus *decode, int64_t max)
{
    const int64_t decode_least = num_mul_sat(decode->min_replicas, decode->each);
    if (max < num_add_sat(num_mul_sat(prefill->min_replicas, prefill->each), decode_least))
        return (struct dynamo_pair){0, 0};
    const double scale = (double)max / (double)total;
    const int64_t room = whole(floor((double)(max - decode_least) / (double)prefill->each));
    const int64_t share = whole(floor((double)wanted.prefill * scale));
    struct dynamo_pair p = {.prefill = larger(prefill->min_replicas, smaller(room, share))};
    const double left = (double)(max - p.prefill * prefill->each);
    p.decode = larger(decode->min_replicas, whole(floor(left / (double)decode->each)));
    return p;
}

static struct dynamo_pair grow(struct dynamo_pair wanted, int64_t total,
                               const struct dynamo_gpus *prefill, const struct dynamo_gpus *decode,
                               const struct dynamo_band *band)
{
    const double min = (double)band->min;
    const double share = total <= 0 ? min / 2 / (double)prefill->each
                                    : (double)wanted.prefill * (min / (double)total);
    struct dynamo_pair p = {.prefill = larger(prefill->min_replicas, whole(ceil(share)))};
    const double left = fmax(0, min - (double)(p.prefill * prefill->each));
    p.decode = larger(decode->min_replicas, whole(ceil(left / (double)decode->each)));
    return band->max >= 0 && gpus_of(p, prefill, decode) > band->max ? wanted : p;
}

struct dynamo_pair dynamo_fit_pair(struct dynamo_pair wanted, const struct dynamo_gpus *prefill,
                                   const struct dynamo_gpus *decode, const struct dynamo_band *band)
{
    if (prefill->each <= 0 || decode->each <= 0)
        return wanted;
    const int64_t total = gpus_of(wanted, prefill, decode);
    const int side = side_of(band, total, both(band) ? larger(prefill->each, decode->each) : 0);
    if (side > 0)
        return shrink(wanted, total, prefill, decode, band->max);
    return side < 0 ? grow(wanted, total, prefill, decode, band) : wanted;
}

/* ---- watts ---- */

struct power {
    const struct dynamo_draw *prefill;
    const struct dynamo_draw *decode;
    double budget;
};

static bool adjustable(const struct dynamo_draw *d)
{
    return d->proposed >= 0 && d->watts > 0;
}

static double drawn(const struct dynamo_draw *d, int64_t count)
{
    return d->watts > 0 && count > 0 ? (double)count * d->watts : 0;
}

static int64_t known(int64_t count)
{
    return larger(count, 0);
}

static double projected(const struct dynamo_draw *d)
{
    return drawn(d, d->proposed >= 0 ? d->proposed : d->current);
}

/* One rises while the other falls, and for a while both may be there. */
static bool opposing(const struct power *p, struct dynamo_pair to)
{
    const int64_t prefill = known(p->prefill->current);
    const int64_t decode = known(p->decode->current);
    const bool opposed = (to.prefill > prefill && to.decode < decode) ||
                         (to.prefill < prefill && to.decode > decode);
    return opposed && drawn(p->prefill, larger(prefill, to.prefill)) +
                              drawn(p->decode, larger(decode, to.decode)) >
                          p->budget;
}

static struct dynamo_pair held(const struct power *p, struct dynamo_pair to)
{
    return (struct dynamo_pair){smaller(to.prefill, known(p->prefill->current)),
                                smaller(to.decode, known(p->decode->current))};
}

static struct dynamo_powered clamp_both(const struct power *p, struct dynamo_pair proposed)
{
    const double pw = p->prefill->watts;
    const double dw = p->decode->watts;
    const double p_min = (double)p->prefill->min_replicas;
    const double d_min = (double)p->decode->min_replicas;
    if (p->budget < p_min * pw + d_min * dw)
        return (struct dynamo_powered){proposed, DYNAMO_POWER_INFEASIBLE};
    const double scale = p->budget / (projected(p->prefill) + projected(p->decode));
    const double room = floor((p->budget - d_min * dw) / pw);
    struct dynamo_powered r = {.outcome = DYNAMO_POWER_CLAMPED};
    r.count.prefill = whole(fmax(p_min, fmin(room, floor((double)proposed.prefill * scale))));
    const double left = floor((p->budget - (double)r.count.prefill * pw) / dw);
    r.count.decode = whole(fmin((double)proposed.decode, fmax(d_min, left)));
    r.count.prefill = smaller(r.count.prefill, proposed.prefill);
    if (opposing(p, r.count)) {
        r.count = held(p, r.count);
        r.outcome = DYNAMO_POWER_STAGED;
    }
    return r;
}

static int64_t clamp_one(const struct dynamo_draw *one, double available,
                         enum dynamo_power *outcome)
{
    const bool none = available < (double)one->min_replicas * one->watts;
    const int64_t room = whole(floor(available / one->watts));
    const int64_t count = none ? smaller(one->proposed, known(one->current))
                               : larger(one->min_replicas, smaller(one->proposed, room));
    if (count != one->proposed)
        *outcome = none ? DYNAMO_POWER_SUPPRESSED : DYNAMO_POWER_CLAMPED;
    return count;
}

struct dynamo_powered dynamo_fit_power(const struct dynamo_draw *prefill,
                                       const struct dynamo_draw *decode, double budget)
{
    const struct power p = {prefill, decode, budget};
    struct dynamo_powered r = {.count = {prefill->proposed, decode->proposed}};
    const bool two = adjustable(prefill) && adjustable(decode);
    if (two && opposing(&p, r.count)) {
        r.count = held(&p, r.count);
        r.outcome = DYNAMO_POWER_STAGED;
        return r;
    }
    if (projected(prefill) + projected(decode) <= budget)
        return r;
    if (two)
        return clamp_both(&p, r.count);
    if (adjustable(prefill))
        r.count.prefill = clamp_one(prefill, budget - projected(decode), &r.outcome);
    else if (adjustable(decode))
        r.count.decode = clamp_one(decode, budget - projected(prefill), &r.outcome);
    return r;
}
