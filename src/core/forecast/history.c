/* history.c - means of the past in buckets of the wall clock. */
#include <math.h>

#include "base/num.h"
#include "core/forecast/forecast.h"

static size_t place_of(int64_t number)
{
    const int64_t place = number % FORECAST_BUCKETS;
    return (size_t)(place < 0 ? place + FORECAST_BUCKETS : place);
}

void forecast_history_clear(struct forecast_history *h, int64_t granularity_ns)
{
    h->granularity_ns = granularity_ns;
    h->newest = INT64_MIN;
    h->sum = 0;
    h->weight = 0;
    for (size_t i = 0; i < FORECAST_BUCKETS; i++)
        h->bucket[i] = FORECAST_UNKNOWN;
}

static int64_t bucket_of(const struct forecast_history *h, int64_t wall_ns)
{
    return wall_ns / h->granularity_ns - (wall_ns % h->granularity_ns < 0);
}

/* A clock that was set back writes over what it comes by again; one that jumped far begins anew. */
void forecast_history_add(struct forecast_history *h, int64_t granularity_ns,
                          const struct forecast_times *times, double value)
{
    if (h->granularity_ns != granularity_ns)
        forecast_history_clear(h, granularity_ns);
    const int64_t number = bucket_of(h, times->wall_ns);
    if (h->newest != INT64_MIN &&
        (number <= h->newest - FORECAST_BUCKETS || number >= h->newest + FORECAST_BUCKETS))
        forecast_history_clear(h, granularity_ns);
    if (number != h->newest) {
        for (int64_t n = h->newest + 1; h->newest != INT64_MIN && n < number; n++)
            h->bucket[place_of(n)] = FORECAST_UNKNOWN;
        h->newest = number;
        h->sum = 0;
        h->weight = 0;
    }
    h->sum += value;
    h->weight += 1;
    h->bucket[place_of(number)] =
        (uint32_t)num_to_int(rint(1000 * h->sum / h->weight), 0, FORECAST_UNUSUAL - 1) |
        (times->day == FORECAST_USUAL ? 0 : FORECAST_UNUSUAL);
}

static double mean(const struct forecast_history *h, int64_t at_wall_ns, int64_t width_ns,
                   bool unusual_too)
{
    if (h->newest == INT64_MIN)
        return NAN;
    const int64_t first = bucket_of(h, at_wall_ns - width_ns / 2);
    const int64_t last = bucket_of(h, at_wall_ns + width_ns / 2);
    double sum = 0;
    int64_t known = 0;
    for (int64_t n = first; n <= last; n++) {
        if (n > h->newest || n <= h->newest - FORECAST_BUCKETS)
            continue;
        const uint32_t bucket = h->bucket[place_of(n)];
        if (bucket == FORECAST_UNKNOWN || ((bucket & FORECAST_UNUSUAL) != 0 && !unusual_too))
            continue;
        sum += (double)(bucket & ~FORECAST_UNUSUAL) / 1000;
        known++;
    }
    return 2 * known > last - first ? sum / (double)known : (double)NAN;
}

double forecast_history_mean(const struct forecast_history *h, int64_t at_wall_ns, int64_t width_ns)
{
    return mean(h, at_wall_ns, width_ns, false);
}

double forecast_history_level(const struct forecast_history *h, int64_t at_wall_ns,
                              int64_t width_ns)
{
    return mean(h, at_wall_ns, width_ns, true);
}
