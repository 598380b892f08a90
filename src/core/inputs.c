/* inputs.c - what decisions of a pool read, laid open. */
#include <math.h>

#include "core/plan.h"

static bool is_known(const struct group_input *known, size_t count, const struct series_need *need)
{
    for (size_t i = 0; i < count; i++)
        if (signal_ref_equal(&known[i].signal, &need->signal) && known[i].span_ns == need->span_ns)
            return true;
    return false;
}

size_t group_inputs(const struct group_spec *group, const struct group_state *state, size_t pool,
                    int64_t now_ns, struct group_input *ret, size_t max)
{
    const struct pool_plan *plan = &group->pool[pool];
    size_t count = 0;
    for (uint32_t i = 0; i < plan->need_count && count < max; i++) {
        const struct series_need *need = &plan->need[i];
        const uint32_t metric = i - plan->metrics.first;
        const bool is_metric = i >= plan->metrics.first && metric < plan->metrics.count;
        if (is_known(ret, count, need))
            continue;
        ret[count++] = (struct group_input){
            .signal = need->signal,
            .span_ns = need->span_ns,
            .max_age_ns = need->max_age_ns,
            .required = need->required,
            .target = is_metric ? plan->spec->metric[metric].target : NAN,
            .reading = series_value(need, state_at_const(state, plan->need_offset[i]), now_ns),
        };
    }
    return count;
}
