/* series.h - the windows of a pool: samples of one signal filed over time, and what they read as.
 *
 * A series is flat bytes inside the state block, 8-byte aligned, without pointers; what shapes it
 * stands in its `struct series_need`, which is compiled and never changes. Two needs that differ
 * only in quantile, max_age_ns or `required` share one window: series_same_window(). Not
 * thread-safe; one owner. Nothing here allocates. Times are on the axis of the group. */
#ifndef SLUICE_CORE_SERIES_H
#define SLUICE_CORE_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "base/tree.h"
#include "core/signal.h"

struct metric_spec;

/* How samples of one signal are kept. */
enum series_kind {
    SERIES_MEAN,     /* time-bucketed mean of levels, several samples of one bucket are averaged */
    SERIES_RATE,     /* amounts per second of the window (FOLD_RATE) */
    SERIES_LAST,     /* newest value */
    SERIES_MAX,      /* largest in the window */
    SERIES_QUANTILE, /* histogram slots */
    SERIES_RATIO,    /* weighted mean */
    SERIES_KPA_LINEAR, /* Knative's bucketed average (kpa_window.h): read in constant time */
    SERIES_KPA_WEIGHTED,
};

struct series_need {
    int64_t span_ns;
    int64_t granularity_ns; /* 0 = span / 30, at least 1 s; 1 s for SERIES_KPA_* */
    int64_t max_age_ns;     /* 0 = never stale by age (peers that have no such rule) */
    struct signal_ref signal;
    enum series_kind kind;
    bool required;
    bool level; /* SERIES_KPA_* only: the newest sample of a bucket counts, and holds until the next
                   one; else samples of one bucket add up and a bucket without one is 0 */
};

/* Fits signal, window and staleness of one metric of a pool: the series kind follows from the
 * catalogue. */
struct series_need series_need_of_metric(const struct metric_spec *metric);

/* Bytes of the window, a multiple of 8; 0 when span or granularity is out of range
 * (span 0 is allowed for SERIES_LAST only; else 1 s .. 31 days, at most 4096 buckets). */
size_t series_size(const struct series_need *need);
/* Same bytes serve both: equal signal and external name, kind, span, granularity. */
bool series_same_window(const struct series_need *a, const struct series_need *b);
/* Every byte is written, so that equal histories are equal bytes. */
void series_init(const struct series_need *need, void *state);
/* False for bytes that series_record() could not have left: they are not safe to use. */
bool series_valid(const struct series_need *need, const void *state);
/* Files one sample that passed the screening of observe(): state and value can be trusted. Samples
 * may come late (dropped when older than the window) or several at one time; of those at one time a
 * value beats a failure beats an absence. */
void series_record(const struct series_need *need, void *state, const struct sample *sample);

/* Only the state, cheaper than series_value(). No sample ever: absent. The newest sample (value,
 * absent or failed) decides; when it is older than max_age_ns the series is failed, but absent
 * where samples come with requests only (quantiles, ratios): silence of those is no traffic. */
enum signal_state series_state(const struct series_need *need, const void *state, int64_t now_ns);
/* Of the newest value: see struct reading. */
double series_coverage(const void *state);
/* The quantile and max_age_ns of `need` count. NaN never comes out of a SIGNAL_VALUE reading. A
 * SERIES_KPA_* window has a value as long as anything lies in its span, also while series_state()
 * is failed: doubt is the business of who lowers. */
struct reading series_value(const struct series_need *need, const void *state, int64_t now_ns);

/* Carries what the old window holds into a new one of another span or granularity but the same
 * signal and kind; `state` needs no series_init() before. */
void series_resize(const struct series_need *old, const void *old_state,
                   const struct series_need *need, void *state, int64_t now_ns);

/* One JSON value with everything in it, and back: series_parse(series_print(x)) gives the same
 * bytes. RC_INVALID when the JSON does not fit; the state is then undefined. */
void series_print(const struct series_need *need, const void *state, struct json_writer *w);
enum rc series_parse(const struct series_need *need, const struct tree *json, void *state,
                     struct diag *diag) MUST_CHECK;

/* Where the windows of one reader (a policy or a stage) are in any state block of its group:
 * metrics of the pool first, then the reader's own, in the order in which it declared them. */
struct series_table {
    const struct series_need *metric;
    const uint32_t *metric_offset; /* of each window, bytes from the begin of the block */
    const struct series_need *own;
    const uint32_t *own_offset;
    uint32_t metric_count;
    uint32_t own_count;
};

#endif
