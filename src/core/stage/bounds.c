/* bounds.c - stage 11: the minimum and maximum in force (R4). */
#include "core/stage.h"

static bool used(const struct pool_spec *pool)
{
    (void)pool;
    return true;
}

static void apply(struct stage_context *c)
{
    const int64_t min = policy_min(c->input);
    const int64_t max = policy_max(c->input);
    if (c->count < min)
        stage_say(c, STAGE_BOUNDS, min, REASON_BOUND_MIN, NULL);
    else if (c->count > max)
        stage_say(c, STAGE_BOUNDS, max, REASON_BOUND_MAX, NULL);
}

const struct stage_ops stage_bounds = {
    .id = STAGE_BOUNDS,
    .summary = "Keeps the count between minimum and maximum.",
    .used = used,
    .apply = apply,
};
