#include "core/stage/pace.h"

#include "base/duration.h"

#define DOWN_DEFAULT_NS (5 * MINUTE_NS)

int64_t pace_window_up_ns(const struct pool_spec *pool)
{
    const int64_t own = pool->behavior.up.stabilization_ns;
    return own > 0 ? own : 0;
}

int64_t pace_window_down_ns(const struct pool_spec *pool)
{
    const int64_t own = pool->behavior.down.stabilization_ns;
    if (own >= 0)
        return own;
    return pool->policy != NULL && pool->policy->holds_itself ? 0 : DOWN_DEFAULT_NS;
}

int64_t pace_window_foreign_ns(const struct pool_spec *pool)
{
    const int64_t up_ns = pace_window_up_ns(pool);
    const int64_t down_ns = pace_window_down_ns(pool);
    if (pool->policy != NULL && pool->policy->holds_itself &&
        pool->behavior.down.stabilization_ns < 0)
        return up_ns > DOWN_DEFAULT_NS ? up_ns : DOWN_DEFAULT_NS;
    return up_ns > down_ns ? up_ns : down_ns;
}

void pace_hold(struct stage_context *c, enum stage_id stage, int64_t paced, enum reason reason,
               const double number[4])
{
    if (c->count > c->desired) {
        const int64_t passes = c->count < c->urgent_to ? c->count : c->urgent_to;
        paced = paced > passes ? paced : passes;
    }
    if (paced != c->count)
        stage_say(c, stage, paced, reason, number);
}
