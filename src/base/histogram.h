/* histogram.h - mergeable log-linear histogram of positive values with fixed size: latencies in
 * seconds, token counts.
 *
 * 8 linear buckets per power of two from 2^-14 (61 us as seconds) to 2^16: relative error of a
 * quantile <= 6.25 %. Values below go to the first bucket, above to the last (quantile then says
 * "at least"). Plain data, no pointers. */
#ifndef SLUICE_BASE_HISTOGRAM_H
#define SLUICE_BASE_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_BUCKETS 242

struct histogram {
    double count; /* sum of weights */
    double sum;   /* sum of weight * value */
    double bucket[HISTOGRAM_BUCKETS];
};

void histogram_clear(struct histogram *h);
void histogram_record(struct histogram *h, double value,
                      double weight); /* NaN, negative value or weight: ignored */
void histogram_merge(struct histogram *into, const struct histogram *from);
double histogram_quantile(const struct histogram *h,
                          double q);              /* NAN when empty; middle of the bucket */
double histogram_mean(const struct histogram *h); /* NAN when empty */
size_t histogram_index(double value);
double histogram_bound(size_t index); /* upper bound of a bucket; +Inf for the last */

#endif
