#include "api/trend.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/histogram.h"
#include "base/num.h"
#include "store/store.h"

#define TREND_POINTS_FIRST 4
#define ROW_BYTES_MAX ((size_t)64 << 10) /* of a minute of the store */

/* Latencies of the last moments: the difference to a copy of the totals that is one to two
 * TREND_RECENT_NS old. */
struct recent {
    struct histogram older[2]; /* time to first token, inter-token */
    struct histogram newer[2];
    int64_t turned_ns;
};

struct past {
    char name[NAME_SIZE]; /* "" = nobody's */
    struct point_view *point;
    size_t size; /* places that the ring may have */
    size_t cap;  /* that it has: it grows with what there is to tell */
    size_t used;
    size_t next;
    struct pool_totals total; /* at the last point; its histograms are not looked at */
    int64_t at_ns;
    bool seen;
    struct recent *recent; /* NULL before the first request */
};

struct kept_change {
    struct change_view view;
    char pool[NAME_SIZE];
    char words[512];
};

struct trend {
    struct past *past; /* by the index of the pool, as it was at its last tick */
    size_t count;
    size_t cap;
    struct kept_change change[TREND_CHANGES_MAX];
    size_t changes; /* that ever were */
};

enum rc trend_new(struct trend **ret)
{
    *ret = mem_new(1, sizeof(**ret));
    return *ret != NULL ? RC_OK : RC_NO_MEMORY;
}

static void past_done(struct past *past)
{
    free(past->point);
    free(past->recent);
    *past = (struct past){.used = 0};
}

void trend_free(struct trend *trend)
{
    if (trend == NULL)
        return;
    for (size_t i = 0; i < trend->count; i++)
        past_done(&trend->past[i]);
    free(trend->past);
    free(trend);
}

/* ---- whose ---- */

static struct past *find(const struct trend *trend, const char *name)
{
    for (size_t i = 0; i < trend->count; i++)
        if (strcmp(trend->past[i].name, name) == 0)
            return &trend->past[i];
    return NULL;
}

/* The place of a pool; indices move when the configuration changes, and the history with them.
 * NULL: no memory. */
static struct past *place_of(struct trend *trend, size_t pool, const char *name)
{
    void *array = trend->past;
    if (pool >= trend->count) {
        if (mem_grow(&array, &trend->cap, pool + 1, sizeof(*trend->past), 1000000) != RC_OK)
            return NULL;
        trend->past = array;
        while (trend->count <= pool)
            trend->past[trend->count++] = (struct past){.used = 0};
    }
    struct past *past = &trend->past[pool];
    if (strcmp(past->name, name) == 0)
        return past;
    struct past *other = find(trend, name);
    if (other != NULL) {
        const struct past moved = *other;
        *other = *past;
        *past = moved;
        return past;
    }
    past_done(past);
    (void)span_copy(span_from(name), past->name, sizeof(past->name));
    return past;
}

static bool have_ring(struct past *past, size_t pools)
{
    if (past->point != NULL)
        return true;
    size_t size = TREND_POINTS_MAX / (pools > 0 ? pools : 1);
    size = size < TREND_POINTS_LEAST ? TREND_POINTS_LEAST : size;
    past->size = size > TREND_POINTS_PER_POOL ? TREND_POINTS_PER_POOL : size;
    past->cap = TREND_POINTS_FIRST;
    past->point = mem_new(past->cap, sizeof(*past->point));
    return past->point != NULL;
}

/* ---- latencies of the last moments ---- */

static void difference(const struct histogram *now, const struct histogram *then,
                       struct histogram *ret)
{
    *ret = *now;
    ret->count -= then->count;
    ret->sum -= then->sum;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        ret->bucket[i] -= then->bucket[i];
}

static void recent_quantiles(struct past *past, const struct pool_totals *total, int64_t now_ns,
                             struct point_view *ret)
{
    const struct histogram *now[2] = {total->ttft_s, total->itl_s};
    double *const quantile[2][2] = {{&ret->ttft_p50, &ret->ttft_p95},
                                    {&ret->itl_p50, &ret->itl_p95}};
    if (now[0] == NULL || now[1] == NULL)
        return;
    if (past->recent == NULL) {
        past->recent = mem_new(1, sizeof(*past->recent)); /* the first request: all is recent */
        if (past->recent == NULL)
            return;
        past->recent->turned_ns = now_ns;
    }
    for (size_t i = 0; i < 2; i++) {
        struct histogram amount;
        difference(now[i], &past->recent->older[i], &amount);
        *quantile[i][0] = amount.count > 0.5 ? histogram_quantile(&amount, 0.5) : NAN;
        *quantile[i][1] = amount.count > 0.5 ? histogram_quantile(&amount, 0.95) : NAN;
    }
    if (now_ns - past->recent->turned_ns < TREND_RECENT_NS)
        return;
    memcpy(past->recent->older, past->recent->newer, sizeof(past->recent->older));
    past->recent->newer[0] = *now[0];
    past->recent->newer[1] = *now[1];
    past->recent->turned_ns = now_ns;
}

/* ---- one point ---- */

static void put_forecast(const struct decision *decision, struct point_view *ret)
{
    for (uint32_t i = 0; i < decision->trail_count && i < TRAIL_MAX; i++)
        if (decision->trail[i].reason == REASON_FORECAST) {
            ret->forecast = decision->trail[i].number[0];
            ret->forecast_in_ns = (int64_t)(decision->trail[i].number[1] * SECOND_NS);
        }
}

static double rate(double now, double before, double seconds)
{
    return seconds > 0 && now >= before ? (now - before) / seconds : NAN;
}

static void fill(const struct past *past, const struct pool_status *s, struct point_view *ret)
{
    const struct gateway_snapshot *now = s->snapshot;
    const double seconds = past->seen ? (double)(s->tick_ns - past->at_ns) / SECOND_NS : 0;
    *ret = (struct point_view){
        .at_wall_ns = s->tick_wall_ns,
        .desired = s->desired,
        .ready = s->count[REPLICA_READY],
        .starting = s->count[REPLICA_STARTING],
        .demand = NAN,
        .forecast = NAN,
        .forecast_in_ns = TIME_NONE,
        .waiting = now != NULL ? now->waiting_requests : SHAPE_NO_INT,
        .in_flight = now != NULL ? now->in_flight_requests : SHAPE_NO_INT,
        .oldest_wait_ns = now != NULL ? now->oldest_wait_ns : TIME_NONE,
        .arrival_rate = rate(s->total.arrived_requests, past->total.arrived_requests, seconds),
        .prompt_rate = rate(s->total.prompt_tokens, past->total.prompt_tokens, seconds),
        .output_rate = rate(s->total.output_tokens, past->total.output_tokens, seconds),
        .ttft_p50 = NAN,
        .ttft_p95 = NAN,
        .itl_p50 = NAN,
        .itl_p95 = NAN,
    };
    if (s->decision == NULL)
        return;
    if (!s->decision->proposal.abstain)
        ret->demand = s->decision->proposal.exact;
    put_forecast(s->decision, ret);
}

/* A full ring that has not begun anew yet. Without memory it stays as long as it is. */
static void grow(struct past *past)
{
    void *point = past->point;
    if (past->used < past->cap || past->cap >= past->size)
        return;
    if (mem_grow(&point, &past->cap, past->cap + 1, sizeof(*past->point), past->size) != RC_OK) {
        past->size = past->cap;
        return;
    }
    past->point = point;
    past->next = past->used;
}

static const struct point_view *point_at(const struct past *past, size_t index)
{
    if (past == NULL || index >= past->used)
        return NULL;
    return &past->point[(past->next + past->cap - past->used + index) % past->cap];
}

static bool is_rest(const struct point_view *point)
{
    return point != NULL && point->desired == 0 && point->ready == 0 && point->starting == 0 &&
           point->waiting == 0 && point->in_flight == 0 && !(point->arrival_rate > 0) &&
           !(point->output_rate > 0) && !(point->demand > 0) && !(point->forecast > 0);
}

/* Of a time in which nothing was there the first and the last point say all. */
static void append(struct past *past, const struct point_view *point)
{
    if (past->used >= 2 && is_rest(point) && is_rest(point_at(past, past->used - 1)) &&
        is_rest(point_at(past, past->used - 2))) {
        past->point[(past->next + past->cap - 1) % past->cap] = *point;
        return;
    }
    grow(past);
    past->point[past->next] = *point;
    past->next = (past->next + 1) % past->cap;
    past->used += past->used < past->cap ? 1 : 0;
}

static void put_point(struct trend *trend, const struct control *control, size_t pool,
                      const struct point_view *point)
{
    const struct reconcile *reconcile = control_reconcile(control);
    struct past *past = place_of(trend, pool, reconcile_pool_name(reconcile, pool));
    if (past != NULL && have_ring(past, reconcile_pool_count(reconcile)))
        append(past, point);
}

void trend_take(struct trend *trend, const struct control *control, size_t pool)
{
    const struct reconcile *reconcile = control_reconcile(control);
    struct pool_status s;
    struct point_view point;
    reconcile_pool_status(reconcile, pool, &s);
    struct past *past = place_of(trend, pool, s.name);
    if (past == NULL || s.tick_ns == TIME_NONE || !have_ring(past, reconcile_pool_count(reconcile)))
        return;
    const bool same = past->used > 0 && point_at(past, past->used - 1)->desired == s.desired;
    if (past->seen && same && s.tick_ns - past->at_ns < TREND_EVERY_NS)
        return;
    fill(past, &s, &point);
    recent_quantiles(past, &s.total, s.tick_ns, &point);
    append(past, &point);
    past->total = s.total;
    past->at_ns = s.tick_ns;
    past->seen = true;
}

/* ---- what an earlier run left: means of minutes, without latencies ---- */

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

static void fill_minute(const struct tree *json, int64_t begin_ns, struct point_view *ret)
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
        fill_minute(json, row->wall_ns, &restored->item[restored->count++].point);
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
        put_point(trend, control, restored->item[i].pool, &restored->item[i].point);
    free(restored);
    store_close(store);
}

/* ---- changes ---- */

/* What is decided again and again because it cannot be done yet is one change. */
static bool is_repeated(const struct trend *trend, const struct change_view *change)
{
    const struct change_view *before;
    for (size_t i = 0; (before = trend_change_at(trend, i)) != NULL; i++)
        if (strcmp(before->pool, change->pool) == 0)
            return before->previous == change->previous && before->desired == change->desired;
    return false;
}

void trend_change(struct trend *trend, const struct change_view *change)
{
    if (is_repeated(trend, change))
        return;
    struct kept_change *kept = &trend->change[trend->changes++ % TREND_CHANGES_MAX];
    kept->view = *change;
    (void)span_copy(span_from(change->pool), kept->pool, sizeof(kept->pool));
    (void)span_copy(span_from(change->words), kept->words, sizeof(kept->words));
    kept->view.pool = kept->pool;
    kept->view.words = kept->words;
}

const struct change_view *trend_change_at(const struct trend *trend, size_t index)
{
    if (index >= trend->changes || index >= TREND_CHANGES_MAX)
        return NULL;
    return &trend->change[(trend->changes - 1 - index) % TREND_CHANGES_MAX].view;
}

/* ---- reading ---- */

const struct point_view *trend_point(const struct trend *trend, const char *pool, size_t index)
{
    return point_at(find(trend, pool), index);
}

const struct point_view *trend_last(const struct trend *trend, const char *pool)
{
    const struct past *past = find(trend, pool);
    return past == NULL || past->used == 0 ? NULL : point_at(past, past->used - 1);
}
