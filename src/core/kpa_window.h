/* kpa_window.h - Knative's bucketed average, linear or weighted: sums per bucket of time, read in
 * constant time. The bytes of a series of kind SERIES_KPA_*, after its head.
 *
 * A bucket covers [n, n + 1) * granularity. What is read at a time depends on records before it
 * only. Not thread-safe; no pointers; sums are formed in the order of the peer, so that equal
 * samples give equal bits. */
#ifndef SLUICE_CORE_KPA_WINDOW_H
#define SLUICE_CORE_KPA_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kpa_shape {
    int64_t span_ns;        /* > 0 */
    int64_t granularity_ns; /* > 0, at most span_ns */
    bool weighted;          /* newer buckets count more; linear otherwise */
    bool level;             /* a sample is the level of everything: the newest of a bucket counts,
                               and holds until the next one (ours). Otherwise the samples of a bucket add
                               up, and a bucket without one counts as 0 (the peer's) */
};

struct kpa_window {
    int64_t first; /* number of the oldest bucket that counts; INT64_MIN = unset */
    int64_t last;  /* number of the newest bucket; INT64_MIN = nothing recorded yet */
    double sum;    /* of all buckets, kept up with each record */
    double share;  /* of the newest bucket in a weighted average */
    uint32_t count;
    uint32_t place; /* of bucket `last` */
    double bucket[];
};

/* Bytes of a window; 0 when a bound of the shape is broken or it has more than `most` buckets. */
size_t kpa_window_size(const struct kpa_shape *shape, size_t most);
void kpa_window_init(const struct kpa_shape *shape, struct kpa_window *w);
/* False for bytes that no record leaves: places beyond the ring. */
bool kpa_window_valid(const struct kpa_shape *shape, const struct kpa_window *w);
void kpa_window_record(const struct kpa_shape *shape, struct kpa_window *w, int64_t t_ns,
                       double value);
/* False when nothing was recorded within the span before the time; *ret_average is then 0. Linear
 * averages are rounded to six digits after the point, as the peer does. */
bool kpa_window_read(const struct kpa_shape *shape, const struct kpa_window *w, int64_t t_ns,
                     double *ret_average);
/* Carries the newest buckets into a window of another span, as of a time; `to` needs no init. */
void kpa_window_resize(const struct kpa_shape *shape, const struct kpa_window *w,
                       const struct kpa_shape *to_shape, struct kpa_window *to, int64_t t_ns);

#endif
