#include "sim/demand.h"

#include <math.h>
#include <stdlib.h>

#include "base/duration.h"
#include "base/mem.h"
#include "base/num.h"

void demand_init(struct demand *demand, const struct engine_profile *profile)
{
    *demand = (struct demand){.profile = profile};
}

void demand_done(struct demand *demand)
{
    free(demand->minute_s);
    *demand = (struct demand){.profile = demand->profile};
}

static double work_of(const struct engine_profile *profile, const struct trace_row *row)
{
    const double out = (double)row->output_tokens;
    const double in = (double)row->input_tokens;
    return profile->prompt_s * in +
           out * (profile->sequence_s + profile->context_s * (in + out / 2));
}

static enum rc grow(struct demand *d, size_t minutes)
{
    enum rc rc = RC_OK;
    if (minutes > d->room)
        rc = mem_grow((void **)&d->minute_s, &d->room, minutes, sizeof *d->minute_s,
                      DEMAND_MINUTES_MAX);
    if (rc != RC_OK)
        return rc;
    for (; d->minutes < minutes; d->minutes++)
        d->minute_s[d->minutes] = 0;
    return RC_OK;
}

enum rc demand_add(struct demand *d, const struct trace_row *row)
{
    const size_t minute = (size_t)(row->arrival_ns / MINUTE_NS);
    const enum rc rc = grow(d, minute + 1);
    if (rc != RC_OK)
        return rc;
    const double work_s = work_of(d->profile, row);
    d->minute_s[minute] += work_s;
    d->work_s += work_s;
    d->last_ns = row->arrival_ns;
    return RC_OK;
}

double demand_at_begin(const struct demand *d, int64_t span_ns)
{
    double work_s = 0;
    for (size_t i = 0; i < d->minutes && (int64_t)i * MINUTE_NS < span_ns; i++)
        work_s += d->minute_s[i];
    return work_s / seconds_of(d->last_ns < span_ns ? d->last_ns + SECOND_NS : span_ns);
}

static int rising(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

int64_t demand_percentile(const struct demand *d, double share, double useful)
{
    double *sorted = mem_new(d->minutes > 0 ? d->minutes : 1, sizeof *sorted);
    if (sorted == NULL || d->minutes == 0) {
        free(sorted);
        return 1;
    }
    for (size_t i = 0; i < d->minutes; i++)
        sorted[i] = d->minute_s[i];
    qsort(sorted, d->minutes, sizeof *sorted, rising);
    const int64_t rank = num_to_int(ceil(share * (double)d->minutes), 1, (int64_t)d->minutes);
    const double need = sorted[rank - 1] / seconds_of(MINUTE_NS) / useful;
    free(sorted);
    return num_to_int(ceil(need - 1e-9), 1, REPLICAS_MAX);
}
