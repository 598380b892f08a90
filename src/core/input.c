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
    return series_value(&t->own[index], (const unsigned char *)in->block + t->own_offset[index],
                        in->now_ns);
}

struct reading metric_read(const struct policy_input *in, size_t index)
{
    const struct series_table *t = in->series;
    if (index >= t->metric_count)
        return none;
    return series_value(&t->metric[index],
                        (const unsigned char *)in->block + t->metric_offset[index], in->now_ns);
}

int64_t replicas_for(double need)
{
    return num_to_int(ceil(need * (1 - 1e-9)), 0, REPLICAS_MAX);
}
