/* series_layout.h - the bytes of a window, for the files of series.h only: a head, then buckets,
 * slots of histograms, or Knative's window. Rings of buckets: the number of a bucket tells whether
 * it is still inside, so nothing has to be cleaned as time goes on. */
#ifndef SLUICE_CORE_SERIES_LAYOUT_H
#define SLUICE_CORE_SERIES_LAYOUT_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/duration.h"
#include "base/histogram.h"
#include "base/num.h"
#include "core/kpa_window.h"
#include "core/series.h"

#define SPAN_MAX_NS (31 * DAY_NS)
#define BUCKETS_MAX 4096
#define BUCKETS_DEFAULT 30
#define QUANTILE_SLOTS 6 /* a histogram is large: a window of latencies moves in sixths */

/* Begin of every series. `state` and the times are of the newest sample and the newest value. */
struct series_head {
    int64_t newest_ns; /* TIME_NONE = no sample ever */
    int64_t value_ns;  /* TIME_NONE = no value ever */
    int64_t first_ns;  /* of the first value: a short history is no thin one */
    double value;      /* newest value */
    double coverage;
    uint8_t state; /* enum signal_state */
    uint8_t reserved;
    uint16_t count; /* buckets in the ring */
    uint32_t place; /* of the bucket used last: the next sample is there or beside it */
};

/* Bucket `number` holds the times [number, number + 1) * granularity; -1 = empty. */
struct bucket {
    int64_t number;
    double sum;    /* of values; of value * weight; or the largest */
    double weight; /* how many; or sum of weights */
};

struct slot {
    int64_t number;
    struct histogram histogram;
};

static_assert(BUCKETS_MAX <= UINT16_MAX, "series_head.count holds it");

static inline bool is_kpa(const struct series_need *need)
{
    return need->kind == SERIES_KPA_LINEAR || need->kind == SERIES_KPA_WEIGHTED;
}

static inline int64_t granularity_of(const struct series_need *need)
{
    if (need->granularity_ns > 0)
        return need->granularity_ns;
    if (is_kpa(need))
        return SECOND_NS;
    if (need->kind == SERIES_QUANTILE)
        return num_clamp(need->span_ns / QUANTILE_SLOTS, SECOND_NS, SPAN_MAX_NS);
    return num_clamp(need->span_ns / BUCKETS_DEFAULT, SECOND_NS, SPAN_MAX_NS);
}

static inline struct kpa_shape kpa_shape_of(const struct series_need *need)
{
    return (struct kpa_shape){
        .span_ns = need->span_ns,
        .granularity_ns = granularity_of(need),
        .weighted = need->kind == SERIES_KPA_WEIGHTED,
        .level = need->level,
    };
}

/* One more than fit the span: the oldest is only partly inside. */
static inline size_t bucket_count(const struct series_need *need)
{
    if (need->kind == SERIES_LAST || is_kpa(need))
        return 0;
    const int64_t granularity_ns = granularity_of(need);
    return (size_t)((need->span_ns + granularity_ns - 1) / granularity_ns) + 1;
}

static inline struct bucket *buckets_of(void *state)
{
    return (struct bucket *)((struct series_head *)state + 1);
}

static inline const struct bucket *buckets_of_const(const void *state)
{
    return (const struct bucket *)((const struct series_head *)state + 1);
}

static inline struct slot *slots_of(void *state)
{
    return (struct slot *)((struct series_head *)state + 1);
}

static inline const struct slot *slots_of_const(const void *state)
{
    return (const struct slot *)((const struct series_head *)state + 1);
}

static inline struct kpa_window *kpa_of(void *state)
{
    return (struct kpa_window *)((struct series_head *)state + 1);
}

static inline const struct kpa_window *kpa_of_const(const void *state)
{
    return (const struct kpa_window *)((const struct series_head *)state + 1);
}

static inline int64_t number_of(int64_t t_ns, int64_t granularity_ns)
{
    const int64_t quotient = t_ns / granularity_ns;
    return t_ns % granularity_ns < 0 ? quotient - 1 : quotient;
}

static inline size_t place_of(int64_t number, size_t n)
{
    assert(n > 0);
    const int64_t rest = number % (int64_t)n;
    return (size_t)(rest < 0 ? rest + (int64_t)n : rest);
}

#endif
