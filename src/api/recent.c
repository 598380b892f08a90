/* recent.c - the last minutes of a pool, and the last changes of all, from memory: they are told
 * also while the store is away. */
#include "api/handlers.h"
#include "api/trend.h"

struct points {
    const struct trend *trend;
    const char *pool;
    int64_t from_wall_ns;
    size_t at;
};

static bool next_point(void *user, size_t index, void *ret)
{
    struct points *points = user;
    const struct point_view *point;
    (void)index; /* rows are asked for in turn */
    while ((point = trend_point(points->trend, points->pool, points->at++)) != NULL)
        if (point->at_wall_ns >= points->from_wall_ns) {
            *(struct point_view *)ret = *point;
            return true;
        }
    return false;
}

void handle_recent(struct api_call *call)
{
    size_t pool;
    struct points points = {.trend = call->api->trend, .from_wall_ns = INT64_MIN};
    if (!call_pool(call, 0, &pool) || !call_param_time(call, "from", false, &points.from_wall_ns))
        return;
    points.pool = reconcile_pool_name(control_reconcile(call->api->control), pool);
    call_answer_shape(call,
                      &(struct recent_view){.pool = points.pool,
                                            .now_wall_ns = control_wall_ns(call->api->control),
                                            .points = {next_point, &points}});
}

static bool next_change(void *user, size_t index, void *ret)
{
    const struct change_view *change = trend_change_at(user, index);
    if (change == NULL)
        return false;
    *(struct change_view *)ret = *change;
    return true;
}

void handle_changes(struct api_call *call)
{
    call_answer_shape(call, &(struct changes_view){.changes = {next_change, call->api->trend}});
}
