/* kpa_window.c - the average of a ring of buckets with a running sum (conformance/kpa, kind
 * "window"). */
#include "core/kpa_window.h"

#include <math.h>
#include <string.h>

#include "base/num.h"

#define UNSET INT64_MIN
#define WEIGHT_LEFT 0.0001 /* of a weighted average: what the buckets older than the span weigh */
#define SHARE_MIN 0.2
#define NEAR_BUCKETS 6 /* a few periods of silence */

static size_t count_of(const struct kpa_shape *shape)
{
    return (size_t)((shape->span_ns - 1) / shape->granularity_ns + 1);
}

size_t kpa_window_size(const struct kpa_shape *shape, size_t most)
{
    if (shape->granularity_ns <= 0 || shape->span_ns < shape->granularity_ns ||
        count_of(shape) > most)
        return 0;
    return sizeof(struct kpa_window) + count_of(shape) * sizeof(double);
}

static double share_of(const struct kpa_shape *shape)
{
    if (!shape->weighted)
        return 0;
    return fmax(1 - num_pow(WEIGHT_LEFT, 1 / (double)count_of(shape)), SHARE_MIN);
}

void kpa_window_init(const struct kpa_shape *shape, struct kpa_window *w)
{
    memset(w, 0, sizeof(*w) + count_of(shape) * sizeof(double));
    w->first = UNSET;
    w->last = UNSET;
    w->count = (uint32_t)count_of(shape);
    w->share = share_of(shape);
}

bool kpa_window_valid(const struct kpa_shape *shape, const struct kpa_window *w)
{
    return w->count == count_of(shape) && w->place < w->count;
}

/* ---- places ---- */

/* Divisions are dear: most times lie in the newest bucket or in one of the next. */
static int64_t number_of(const struct kpa_shape *shape, const struct kpa_window *w, int64_t t_ns)
{
    const int64_t granularity_ns = shape->granularity_ns;
    int64_t into_ns = 0;
    if (w->last != UNSET && !__builtin_mul_overflow(w->last, granularity_ns, &into_ns) &&
        !__builtin_sub_overflow(t_ns, into_ns, &into_ns) && into_ns >= 0 &&
        into_ns < NEAR_BUCKETS * granularity_ns) {
        int64_t number = w->last;
        for (; into_ns >= granularity_ns; into_ns -= granularity_ns)
            number++;
        return number;
    }
    const int64_t quotient = t_ns / granularity_ns;
    return t_ns % granularity_ns < 0 ? quotient - 1 : quotient;
}

/* Of a bucket at most `count` before or after the newest. */
static size_t place_of(const struct kpa_window *w, int64_t number)
{
    const int64_t place = (int64_t)w->place + (number - w->last);
    if (place < 0)
        return (size_t)(place + (int64_t)w->count);
    return (size_t)(place < (int64_t)w->count ? place : place - (int64_t)w->count);
}

static int64_t time_between(const struct kpa_shape *shape, int64_t from, int64_t to)
{
    return num_mul_sat(num_add_sat(to, -from), shape->granularity_ns);
}

/* ---- record ---- */

static void start_at(struct kpa_window *w, int64_t number)
{
    memset(w->bucket, 0, w->count * sizeof(double));
    w->sum = 0;
    w->first = number;
    w->last = number;
    w->place = 0;
}

/* Opens the buckets up to `number`, which is less than a span ahead. */
static void move_to(const struct kpa_shape *shape, struct kpa_window *w, int64_t number)
{
    const double held = w->bucket[w->place];
    while (w->last < number) {
        w->last++;
        w->place = w->place + 1 == w->count ? 0 : w->place + 1;
        w->sum -= w->bucket[w->place];
        w->bucket[w->place] = 0;
        if (shape->level && w->last < number) {
            w->bucket[w->place] = held;
            w->sum += held;
        }
    }
}

void kpa_window_record(const struct kpa_shape *shape, struct kpa_window *w, int64_t t_ns,
                       double value)
{
    const int64_t number = number_of(shape, w, t_ns);
    if (w->last == UNSET || number != w->last) {
        if (w->last != UNSET && time_between(shape, number, w->last) >= shape->span_ns)
            return; /* older than the window */
        if (w->first == UNSET || w->first > number)
            w->first = number;
        if (w->last == UNSET || time_between(shape, w->last, number) >= shape->span_ns)
            start_at(w, number);
        else
            move_to(shape, w, number);
    }
    double *bucket = &w->bucket[place_of(w, number)];
    if (shape->level) {
        w->sum -= *bucket;
        *bucket = 0;
    }
    *bucket += value;
    w->sum += value;
}

/* ---- read ---- */

/* Half away from zero, at the sixth digit after the point. */
static double rounded(double x)
{
    const double scaled = fabs(x) * 1e6;
    if (!(scaled < 4503599627370496.0)) /* 2^52: whole already */
        return scaled / 1e6 * (x < 0 ? -1 : 1);
    const double whole = (double)(int64_t)scaled;
    const double nearest = (scaled - whole >= 0.5 ? whole + 1 : whole) / 1e6;
    return x < 0 ? -nearest : nearest;
}

/* The newest bucket is at most a span before `now`. */
static double linear(const struct kpa_shape *shape, const struct kpa_window *w, int64_t now)
{
    int64_t count = w->count;
    double sum = w->sum;
    if (now > w->last) {
        if ((now - w->last) * shape->granularity_ns >= shape->span_ns)
            return 0;
        for (int64_t number = w->last + 1; number <= now; number++)
            sum -= w->bucket[place_of(w, number)];
        count -= now - w->last;
    }
    /* A short history is averaged over its own length. */
    if (w->first != UNSET && w->last - w->first + 1 < count)
        count = w->last - w->first + 1;
    return rounded(sum / (double)count);
}

static double weighted(const struct kpa_window *w, int64_t now)
{
    double weight = w->share;
    int64_t count = w->count;
    if (now > w->last) {
        weight *= num_pow(1 - w->share, (double)(now - w->last));
        count -= now - w->last;
    }
    double sum = 0;
    for (int64_t k = 0; k < count; k++) {
        sum += w->bucket[place_of(w, w->last - k)] * weight;
        weight *= 1 - w->share;
    }
    return sum;
}

bool kpa_window_read(const struct kpa_shape *shape, const struct kpa_window *w, int64_t t_ns,
                     double *ret_average)
{
    *ret_average = 0;
    if (w->last == UNSET)
        return false;
    const int64_t now = number_of(shape, w, t_ns);
    if (now > w->last && time_between(shape, w->last, now) > shape->span_ns)
        return false;
    *ret_average = shape->weighted ? weighted(w, now) : linear(shape, w, now);
    return true;
}

/* ---- resize ---- */

static void carry_numbers(const struct kpa_window *w, struct kpa_window *to)
{
    const uint32_t count = w->count < to->count ? w->count : to->count;
    for (uint32_t k = 0; k < count; k++) {
        const double value = w->bucket[place_of(w, w->last - (int64_t)k)];
        to->bucket[place_of(to, to->last - (int64_t)k)] = value;
        to->sum += value;
    }
    to->first = w->last - ((int64_t)w->count - 1); /* not the first write: the peer forgets it */
}

static void carry_times(const struct kpa_shape *shape, const struct kpa_window *w,
                        const struct kpa_shape *to_shape, struct kpa_window *to)
{
    for (int64_t k = (int64_t)w->count - 1; k >= 0; k--) {
        const int64_t number = w->last - k;
        if (w->first == UNSET || number >= w->first)
            kpa_window_record(to_shape, to, num_mul_sat(number, shape->granularity_ns),
                              w->bucket[place_of(w, number)]);
    }
}

void kpa_window_resize(const struct kpa_shape *shape, const struct kpa_window *w,
                       const struct kpa_shape *to_shape, struct kpa_window *to, int64_t t_ns)
{
    kpa_window_init(to_shape, to);
    if (w->last == UNSET)
        return;
    if (to_shape->granularity_ns != shape->granularity_ns) {
        carry_times(shape, w, to_shape, to);
        return;
    }
    to->last = w->last;
    if (time_between(shape, w->last, number_of(shape, w, t_ns)) <= shape->span_ns)
        carry_numbers(w, to);
}
