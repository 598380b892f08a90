/* buckets.h - observations that a histogram of a metrics page has gained between two readings, and
 * quantiles of them. Plain data; nothing allocates.
 *
 * Only histograms with the same bounds are merged; counts are never negative (FAULTS 14). */
#ifndef SLUICE_CORE_SCRAPE_BUCKETS_H
#define SLUICE_CORE_SCRAPE_BUCKETS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/limits.h"

struct buckets {
    size_t count;                     /* of bounds; 0 = nothing known */
    double bound[SCRAPE_BUCKETS_MAX]; /* rising; the last one is +Inf */
    double gain[SCRAPE_BUCKETS_MAX];  /* observations in each bucket, not cumulative */
    double average; /* of `average_weight` observations, where no buckets are known */
    double average_weight;
};

void buckets_clear(struct buckets *b);
double buckets_total(const struct buckets *b);
/* False, and nothing changed, when the bounds differ. */
bool buckets_merge(struct buckets *into, const struct buckets *from);

struct bucket_quantile {
    double value;  /* NaN = no observation: unknown, not 0 (FAULTS 20) */
    bool at_least; /* it lies in the bucket +Inf: not below the last bound (FAULTS 9) */
    bool average;  /* no histogram: the mean stands for the quantile */
};
/* q in (0, 1). Linear within a bucket, as Prometheus does; the first one begins at 0. */
struct bucket_quantile buckets_quantile(const struct buckets *b, double q);

/* The observations as points with weights, spread evenly over their buckets: what windows take.
 * Those of +Inf lie at the last bound. Returns how many, at most max. */
struct bucket_point {
    double value;
    double weight;
};
#define BUCKET_POINTS 4 /* per bucket */
#define BUCKET_POINTS_MAX ((size_t)BUCKET_POINTS * SCRAPE_BUCKETS_MAX)
size_t buckets_points(const struct buckets *b, struct bucket_point *ret, size_t max);

/* Replicas put together: merged where bounds are the same; where they differ the ones with the
 * worst 95th percentile stand for all. ret_mixed: bounds differed. */
void buckets_fold(const struct buckets *const *each, size_t count, struct buckets *ret,
                  bool *ret_mixed);

#endif
