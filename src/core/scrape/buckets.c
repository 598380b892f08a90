#include "core/scrape/buckets.h"

#include <math.h>

#define WORST_QUANTILE 0.95

void buckets_clear(struct buckets *b)
{
    b->count = 0;
    b->average = b->average_weight = 0;
}

double buckets_total(const struct buckets *b)
{
    double total = 0;
    for (size_t i = 0; i < b->count; i++)
        total += b->gain[i];
    return b->count > 0 ? total : b->average_weight;
}

static bool same_bounds(const struct buckets *a, const struct buckets *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (a->bound[i] < b->bound[i] || a->bound[i] > b->bound[i])
            return false;
    return true;
}

static void merge_average(struct buckets *into, const struct buckets *from)
{
    const double weight = into->average_weight + from->average_weight;
    if (weight > 0)
        into->average =
            (into->average * into->average_weight + from->average * from->average_weight) / weight;
    into->average_weight = weight;
}

bool buckets_merge(struct buckets *into, const struct buckets *from)
{
    if (into->count == 0 && !(into->average_weight > 0)) {
        *into = *from;
        return true;
    }
    if (!same_bounds(into, from))
        return false;
    if (into->count == 0)
        merge_average(into, from);
    for (size_t i = 0; i < into->count; i++)
        into->gain[i] += from->gain[i];
    return true;
}

static double lower_bound(const struct buckets *b, size_t i)
{
    if (i > 0)
        return b->bound[i - 1];
    return fmin(0, b->bound[0]);
}

struct bucket_quantile buckets_quantile(const struct buckets *b, double q)
{
    const double total = buckets_total(b);
    if (!(total > 0))
        return (struct bucket_quantile){.value = NAN};
    if (b->count == 0)
        return (struct bucket_quantile){.value = b->average, .average = true};
    const double rank = q * total;
    double below = 0;
    size_t i = 0;
    while (i + 1 < b->count && below + b->gain[i] < rank)
        below += b->gain[i++];
    if (isinf(b->bound[i]))
        return (struct bucket_quantile){.value = lower_bound(b, i), .at_least = true};
    const double from = lower_bound(b, i);
    const double share = b->gain[i] > 0 ? (rank - below) / b->gain[i] : 1;
    return (struct bucket_quantile){.value = from + (b->bound[i] - from) * share};
}

size_t buckets_points(const struct buckets *b, struct bucket_point *ret, size_t max)
{
    size_t n = 0;
    if (b->count == 0 && b->average_weight > 0 && max > 0)
        ret[n++] = (struct bucket_point){b->average, b->average_weight};
    for (size_t i = 0; i < b->count; i++) {
        const double from = fmax(lower_bound(b, i), 0);
        const bool open = isinf(b->bound[i]);
        const int points = open ? 1 : BUCKET_POINTS;
        const double step = open ? 0 : (fmax(b->bound[i], 0) - from) / points;
        for (int k = 0; k < points && b->gain[i] > 0 && n < max; k++)
            ret[n++] =
                (struct bucket_point){from + step * (k + (open ? 0 : 0.5)), b->gain[i] / points};
    }
    return n;
}

/* Those from `first` on that have its bounds; members of an earlier group are left to that. */
static bool gather(const struct buckets *const *each, size_t count, size_t first,
                   struct buckets *ret, bool *ret_all)
{
    for (size_t i = 0; i < first; i++)
        if (buckets_total(each[i]) > 0 && same_bounds(each[i], each[first]))
            return false;
    buckets_clear(ret);
    for (size_t i = first; i < count; i++)
        if (buckets_total(each[i]) > 0 && !buckets_merge(ret, each[i]))
            *ret_all = false;
    return true;
}

void buckets_fold(const struct buckets *const *each, size_t count, struct buckets *ret,
                  bool *ret_mixed)
{
    double worst = -1;
    *ret_mixed = false;
    buckets_clear(ret);
    for (size_t i = 0; i < count; i++) {
        struct buckets group;
        bool all = true;
        if (!(buckets_total(each[i]) > 0) || !gather(each, count, i, &group, &all))
            continue;
        const double value = buckets_quantile(&group, WORST_QUANTILE).value;
        if (value > worst) {
            worst = value;
            *ret = group;
        }
        *ret_mixed = *ret_mixed || !all;
    }
}
