/* input.c - what a policy or stage reads through its input. */
#include <math.h>

#include "base/limits.h"
#include "base/num.h"
#include "core/policy.h"

static const struct reading none = {
    .state = SIGNAL_ABSENT, .value = NAN, .coverage = 1, .age_ns = INT64_MAX};

struct reading series_read(const struct policy_input *in, size_t index)
{
    const struct series_table *t = in->series;
    if (index >= t->own_count)
        return none;
    return series_value(&t->own[index], t->base + t->own_offset[index], in->now_ns);
}

struct reading metric_read(const struct policy_input *in, size_t index)
{
    const struct series_table *t = in->series;
    if (index >= t->metric_count)
        return none;
    return series_value(&t->metric[index], t->base + t->metric_offset[index], in->now_ns);
}

int64_t replicas_for(double need)
{
    return num_to_int(ceil(need * (1 - 1e-9)), 0, REPLICAS_MAX);
}

int64_t policy_min(const struct policy_input *in)
{
    const int64_t dated = in->observation->bound_min;
    return dated >= 0 ? dated : in->pool->replicas_min;
}

int64_t policy_max(const struct policy_input *in)
{
    const int64_t dated = in->observation->bound_max;
    return dated >= 0 ? dated : in->pool->replicas_max;
}
