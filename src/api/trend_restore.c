/* trend_restore.c - the charts after a restart: minutes of the state file become points. They are
 * means of a minute and know no latencies: what is not known stays a gap. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/trend.h"
#include "base/num.h"
#include "store/store.h"

#define ROW_BYTES_MAX ((size_t)64 << 10)

/* Rows come newest first, points go in oldest first. */
struct restored {
    const struct reconcile *reconcile;
    struct {
        size_t pool;
        struct point_view point;
    } item[TREND_POINTS_MAX];
    size_t count;
};

static double member(const struct tree *json, const char *name)
{
    double value = NAN;
    (void)tree_number(tree_get(json, name), &value); /* unknown stays unknown */
    return value;
}

static int64_t whole(double value, int64_t otherwise)
{
    return isnan(value) ? otherwise : num_to_int(rint(value), 0, INT64_MAX);
}

static void fill(const struct tree *json, int64_t begin_ns, struct point_view *ret)
{
    const double seconds = member(json, "seconds");
    const double each = seconds > 0 ? seconds : (double)NAN;
    *ret = (struct point_view){
        .at_wall_ns = num_add_sat(begin_ns, ns_of_seconds(seconds / 2)),
        .demand = member(json, "need"),
        .forecast = NAN,
        .forecast_in_ns = TIME_NONE,
        .desired = whole(member(json, "desired"), 0),
        .ready = whole(member(json, "ready"), 0),
        .starting = whole(member(json, "pending"), 0),
        .waiting = whole(member(json, "waiting"), SHAPE_NO_INT),
        .in_flight = whole(member(json, "inFlight"), SHAPE_NO_INT),
        .oldest_wait_ns = TIME_NONE,
        .arrival_rate = member(json, "arrived") / each,
        .prompt_rate = member(json, "promptTokens") / each,
        .output_rate = member(json, "outputTokens") / each,
        .ttft_p50 = NAN,
        .ttft_p95 = NAN,
        .itl_p50 = NAN,
        .itl_p95 = NAN,
    };
}

static bool take_row(void *context, const struct store_row *row)
{
    struct restored *restored = context;
    struct arena arena;
    const struct tree *json = NULL;
    const int pool = reconcile_pool_find(restored->reconcile, span_from(row->pool));
    if (pool < 0)
        return true; /* of a pool that is gone */
    arena_init(&arena, ROW_BYTES_MAX);
    if (json_read(&arena, row->json, NULL, &json, NULL) == RC_OK && json->kind == TREE_OBJECT) {
        restored->item[restored->count].pool = (size_t)pool;
        fill(json, row->wall_ns, &restored->item[restored->count++].point);
    }
    arena_done(&arena);
    return restored->count < COUNT_OF(restored->item);
}

void trend_restore(struct trend *trend, const struct control *control, int64_t wall_ns)
{
    struct store *store = NULL;
    const char *path = control_state_path(control);
    const struct store_series_query query = {
        .series = SERIES_MINUTE, .from_ns = wall_ns - TREND_RESTORE_NS, .to_ns = wall_ns};
    if (path == NULL || store_open_reading(path, &store, NULL) != RC_OK)
        return;
    struct restored *restored = mem_new(1, sizeof(*restored));
    if (restored != NULL) {
        restored->reconcile = control_reconcile(control);
        if (store_series_each(store, &query, take_row, restored, NULL) != RC_OK)
            restored->count = 0; /* a damaged file draws no lines */
    }
    for (size_t i = restored != NULL ? restored->count : 0; i-- > 0;)
        trend_put(trend, control, restored->item[i].pool, &restored->item[i].point);
    free(restored);
    store_close(store);
}
