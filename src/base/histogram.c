/* histogram.c - log-linear buckets found from the bits of the value. */
#include "base/histogram.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define EXPONENT_LOW (-14)
#define EXPONENT_HIGH 16
#define LINEAR 8 /* buckets per power of two: the three highest bits of the mantissa */
#define VALUE_LOW 0x1p-14
#define VALUE_HIGH 0x1p16
static_assert((EXPONENT_HIGH - EXPONENT_LOW) * LINEAR + 2 == HISTOGRAM_BUCKETS,
              "one bucket below, one above");

void histogram_clear(struct histogram *h)
{
    memset(h, 0, sizeof(*h));
}

size_t histogram_index(double value)
{
    if (!(value >= VALUE_LOW))
        return 0;
    if (value >= VALUE_HIGH)
        return HISTOGRAM_BUCKETS - 1;
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return 1 + (size_t)((bits >> 49) - (uint64_t)(1023 + EXPONENT_LOW) * LINEAR);
}

double histogram_bound(size_t index)
{
    if (index >= HISTOGRAM_BUCKETS - 1)
        return INFINITY;
    const uint64_t bits = ((uint64_t)(1023 + EXPONENT_LOW) * LINEAR + index) << 49;
    double bound;
    memcpy(&bound, &bits, sizeof(bound));
    return bound;
}

void histogram_record(struct histogram *h, double value, double weight)
{
    if (!(value >= 0.0) || !(weight >= 0.0) || isinf(value) || isinf(weight))
        return;
    h->count += weight;
    h->sum += weight * value;
    h->bucket[histogram_index(value)] += weight;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    into->count += from->count;
    into->sum += from->sum;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        into->bucket[i] += from->bucket[i];
}

static double bucket_middle(size_t index)
{
    if (index == 0)
        return VALUE_LOW / 2;
    if (index == HISTOGRAM_BUCKETS - 1)
        return VALUE_HIGH; /* "at least" */
    return (histogram_bound(index - 1) + histogram_bound(index)) / 2;
}

double histogram_quantile(const struct histogram *h, double q)
{
    if (!(h->count > 0.0) || isnan(q))
        return NAN;
    const double target = fmin(fmax(q, 0.0), 1.0) * h->count;
    double below = 0.0;
    size_t last = 0; /* rounding of the sums may leave the target a hair above all of them */
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        if (!(h->bucket[i] > 0.0))
            continue;
        last = i;
        below += h->bucket[i];
        if (below >= target)
            break;
    }
    return bucket_middle(last);
}

double histogram_mean(const struct histogram *h)
{
    return h->count > 0.0 ? h->sum / h->count : NAN;
}
