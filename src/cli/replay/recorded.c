#include "cli/replay/recorded.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/num.h"
#include "base/tree.h"

#define STARTS_READ 256   /* newest ones of a pool */
#define ANSWERS_MINUTES 5 /* before and after, over which the mean length of an answer is taken */
#define SIGMA_STARTS 5    /* fewer say nothing of their spread */

static struct recorded_pool *find(struct recorded *r, const char *name)
{
    for (size_t i = 0; i < r->pool_count; i++)
        if (strcmp(r->pool[i].rows.pool, name) == 0)
            return &r->pool[i];
    return NULL;
}

const struct recorded_pool *recorded_pool(const struct recorded *recorded, const char *name)
{
    for (size_t i = 0; i < recorded->pool_count; i++)
        if (strcmp(recorded->pool[i].rows.pool, name) == 0)
            return &recorded->pool[i];
    return NULL;
}

void recorded_done(struct recorded *recorded)
{
    for (size_t i = 0; i < recorded->pool_count; i++) {
        rows_done(&recorded->pool[i].rows);
        free(recorded->pool[i].span);
    }
    free(recorded->pool);
    buf_done(&recorded->config_name);
    buf_done(&recorded->config_text);
    *recorded = (struct recorded){.pool_count = 0};
}

/* ---- rows of minutes and outcomes ---- */

struct row_reading {
    struct recorded *r;
    enum store_series series;
    enum rc rc;
    struct diag *diag;
};

static enum rc add_pool(struct recorded *r, const char *name, struct recorded_pool **ret)
{
    const enum rc rc = mem_grow((void **)&r->pool, &r->pool_cap, r->pool_count + 1,
                                sizeof(*r->pool), RECORDED_POOLS_MAX);
    if (rc != RC_OK)
        return rc;
    struct recorded_pool *pool = &r->pool[r->pool_count++];
    *pool = (struct recorded_pool){.answer_tokens = NAN};
    (void)span_copy(span_from(name), pool->rows.pool, sizeof(pool->rows.pool));
    *ret = pool;
    return RC_OK;
}

static bool take_row(void *context, const struct store_row *row)
{
    struct row_reading *reading = context;
    struct recorded_pool *pool = find(reading->r, row->pool);
    reading->rc = RC_OK;
    if (pool == NULL)
        reading->rc = add_pool(reading->r, row->pool, &pool);
    if (reading->rc == RC_OK)
        reading->rc =
            rows_take(&pool->rows, reading->series, row->wall_ns, row->json, reading->diag);
    return reading->rc == RC_OK;
}

static enum rc read_rows(struct store *store, struct recorded *r, enum store_series series,
                         struct diag *diag)
{
    struct row_reading reading = {.r = r, .series = series, .diag = diag};
    const struct store_series_query query = {
        .series = series, .from_ns = r->begin_ns, .to_ns = r->to_ns - 1};
    const enum rc rc = store_series_each(store, &query, take_row, &reading, diag);
    return rc == RC_OK ? reading.rc : rc;
}

/* ---- the window ---- */

struct extent {
    int64_t oldest_ns;
    int64_t newest_ns;
};

static bool see_row(void *context, const struct store_row *row)
{
    struct extent *extent = context;
    if (extent->newest_ns == TIME_NONE)
        extent->newest_ns = row->wall_ns;
    extent->oldest_ns = row->wall_ns;
    return true;
}

static enum rc find_extent(struct store *store, int64_t limit, struct extent *ret,
                           struct diag *diag)
{
    const struct store_series_query query = {
        .series = SERIES_MINUTE, .from_ns = INT64_MIN, .to_ns = INT64_MAX, .limit = limit};
    *ret = (struct extent){.oldest_ns = TIME_NONE, .newest_ns = TIME_NONE};
    const enum rc rc = store_series_each(store, &query, see_row, ret, diag);
    if (rc != RC_OK || ret->newest_ns != TIME_NONE)
        return rc;
    return fail(diag, RC_NOT_FOUND,
                "the state file holds no minutes yet: a sluice that ran for less than a minute "
                "leaves none, and one without a pool never does");
}

static int64_t minute_of(int64_t wall_ns)
{
    return wall_ns / MINUTE_NS * MINUTE_NS;
}

static enum rc choose_window(struct store *store, const struct recorded_window *window,
                             struct recorded *r, struct diag *diag)
{
    struct extent extent;
    const enum rc rc = find_extent(store, 1, &extent, diag);
    if (rc != RC_OK)
        return rc;
    const int64_t end_ns = minute_of(extent.newest_ns) + MINUTE_NS;
    r->to_ns = window->to_ns == TIME_NONE || window->to_ns > end_ns
                   ? end_ns
                   : minute_of(num_add_sat(window->to_ns, MINUTE_NS - 1));
    r->from_ns = window->from_ns == TIME_NONE ? r->to_ns - RECORDED_SPAN_NS : window->from_ns;
    r->from_ns = r->from_ns > 0 ? minute_of(r->from_ns) : 0;
    r->begin_ns = minute_of(num_add_sat(r->from_ns, -window->lead_ns));
    r->begin_ns = r->begin_ns > 0 ? r->begin_ns : 0;
    return RC_OK;
}

static enum rc tell_empty(struct store *store, const struct recorded *r, struct diag *diag)
{
    struct extent extent;
    char from[DURATION_TEXT_MAX];
    char to[DURATION_TEXT_MAX];
    char oldest[DURATION_TEXT_MAX];
    char newest[DURATION_TEXT_MAX];
    const enum rc rc = find_extent(store, 0, &extent, diag);
    if (rc != RC_OK)
        return rc;
    (void)time_print_rfc3339(r->from_ns, from);
    (void)time_print_rfc3339(r->to_ns, to);
    (void)time_print_rfc3339(extent.oldest_ns, oldest);
    (void)time_print_rfc3339(extent.newest_ns, newest);
    return fail(diag, RC_NOT_FOUND,
                "there is no history from %s to %s: the file holds minutes from %s to %s", from, to,
                oldest, newest);
}

static int64_t end_of(const struct rows_minute *minute)
{
    const double seconds = minute->value[ROWS_SECONDS];
    const int64_t end_ns = (minute->minute + 1) * MINUTE_NS;
    if (!(seconds > 0))
        return end_ns;
    const int64_t covered_ns = num_add_sat(minute->begin_ns, ns_of_seconds(seconds));
    return covered_ns < end_ns ? covered_ns : end_ns;
}

/* The window begins and ends with what is there: a day is asked for, an hour may be kept, and
 * sluice may have begun and ended within a minute. */
static enum rc shorten(struct store *store, struct recorded *r, struct diag *diag)
{
    int64_t first = INT64_MAX;
    int64_t first_in = INT64_MAX;
    int64_t last = INT64_MIN;
    for (size_t i = 0; i < r->pool_count; i++) {
        const struct rows *rows = &r->pool[i].rows;
        for (size_t k = 0; k < rows->minute_count; k++) {
            const int64_t at_ns = rows->minute[k].begin_ns;
            const int64_t end_ns = end_of(&rows->minute[k]);
            first = at_ns < first ? at_ns : first;
            first_in = at_ns >= r->from_ns && at_ns < first_in ? at_ns : first_in;
            last = end_ns > last ? end_ns : last;
        }
    }
    if (first_in >= r->to_ns)
        return tell_empty(store, r, diag);
    r->begin_ns = first > r->begin_ns ? first : r->begin_ns;
    r->from_ns = first_in;
    r->to_ns = last < r->to_ns ? last : r->to_ns;
    return RC_OK;
}

/* ---- demand ---- */

static double amount(double value)
{
    return value > 0 ? value : 0;
}

/* Answers end later than their requests come: their mean length is that of the minutes around. */
static double answer_tokens(const struct rows *rows, size_t at)
{
    double tokens = 0;
    double answers = 0;
    for (size_t i = at;
         i-- > 0 && rows->minute[at].minute - rows->minute[i].minute <= ANSWERS_MINUTES;) {
        tokens += amount(rows->minute[i].value[ROWS_OUTPUT_TOKENS]);
        answers += amount(rows->minute[i].value[ROWS_COMPLETED]);
    }
    for (size_t i = at; i < rows->minute_count &&
                        rows->minute[i].minute - rows->minute[at].minute <= ANSWERS_MINUTES;
         i++) {
        tokens += amount(rows->minute[i].value[ROWS_OUTPUT_TOKENS]);
        answers += amount(rows->minute[i].value[ROWS_COMPLETED]);
    }
    return answers > 0 ? tokens / answers : (double)NAN;
}

static enum rc make_demand(const struct recorded *r, struct recorded_pool *pool)
{
    const struct rows *rows = &pool->rows;
    double tokens = 0;
    double answers = 0;
    for (size_t i = 0; i < rows->minute_count; i++) {
        tokens += amount(rows->minute[i].value[ROWS_OUTPUT_TOKENS]);
        answers += amount(rows->minute[i].value[ROWS_COMPLETED]);
    }
    pool->answer_tokens = answers > 0 ? tokens / answers : (double)NAN;
    for (size_t i = 0; i < rows->minute_count; i++) {
        const double *v = rows->minute[i].value;
        const double requests = rint(amount(v[ROWS_ARRIVED]));
        if (requests < 1)
            continue;
        const enum rc rc = mem_grow((void **)&pool->span, &pool->span_cap, pool->span_count + 1,
                                    sizeof(*pool->span), ROWS_MINUTES_MAX);
        if (rc != RC_OK)
            return rc;
        const double answer = answer_tokens(rows, i);
        pool->span[pool->span_count++] = (struct recorded_span){
            .at_ns = rows->minute[i].begin_ns - r->begin_ns,
            .span_ns = end_of(&rows->minute[i]) - rows->minute[i].begin_ns,
            .requests = num_to_int(requests, 0, RECORDED_SPAN_REQUESTS_MAX),
            .prompt_tokens = v[ROWS_PROMPT_TOKENS] / requests,
            .output_tokens = isnan(answer) ? pool->answer_tokens : answer,
        };
    }
    return RC_OK;
}

/* Minutes of the window that nobody saw. */
static int64_t unseen(const struct recorded *r, const struct rows *rows)
{
    int64_t missing = 0;
    for (int64_t m = r->from_ns / MINUTE_NS; m * MINUTE_NS < r->to_ns; m++)
        missing += !rows_saw(rows, m);
    return missing;
}

/* Rows of the lead have done their work. */
static void drop_lead(const struct recorded *r, struct rows *rows)
{
    size_t minutes = 0;
    size_t changes = 0;
    for (size_t i = 0; i < rows->minute_count; i++)
        if (rows->minute[i].begin_ns >= r->from_ns)
            rows->minute[minutes++] = rows->minute[i];
    for (size_t i = 0; i < rows->change_count; i++)
        if (rows->change[i].wall_ns >= r->from_ns)
            rows->change[changes++] = rows->change[i];
    rows->minute_count = minutes;
    rows->change_count = changes;
}

static enum rc finish_pool(const struct recorded *r, struct recorded_pool *pool)
{
    const struct rows *rows = &pool->rows;
    rows_sort(&pool->rows);
    if (rows->minute_count > 0 && rows->minute[0].begin_ns - r->begin_ns < 10 * MINUTE_NS)
        pool->initial =
            num_to_int(rint(amount(rows->minute[0].value[ROWS_READY])), 0, TABLE_REPLICAS_MAX);
    const enum rc rc = make_demand(r, pool);
    drop_lead(r, &pool->rows);
    pool->unseen_minutes = unseen(r, &pool->rows);
    return rc;
}

/* ---- starts ---- */

struct starts {
    double second[STARTS_READ];
    size_t count;
};

static bool take_start(void *context, const struct store_row *row)
{
    struct starts *starts = context;
    struct arena arena;
    const struct tree *json = NULL;
    double ready_ns = 0;
    arena_init(&arena, (size_t)64 << 10);
    if (json_read(&arena, row->json, NULL, &json, NULL) == RC_OK &&
        tree_number(tree_path(json, "phasesNs.ready"), &ready_ns) && ready_ns > 0)
        starts->second[starts->count++] = ready_ns / 1e9;
    arena_done(&arena);
    return starts->count < COUNT_OF(starts->second);
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

static enum rc read_starts(struct store *store, const struct recorded *r,
                           struct recorded_pool *pool, struct diag *diag)
{
    struct starts starts = {.count = 0};
    double sum = 0;
    double square = 0;
    const struct store_series_query query = {.series = SERIES_START,
                                             .pool = pool->rows.pool,
                                             .from_ns = INT64_MIN,
                                             .to_ns = r->to_ns - 1,
                                             .limit = STARTS_READ};
    const enum rc rc = store_series_each(store, &query, take_start, &starts, diag);
    if (rc != RC_OK || starts.count == 0)
        return rc;
    qsort(starts.second, starts.count, sizeof(starts.second[0]), by_value);
    for (size_t i = 0; i < starts.count; i++) {
        const double log = num_log(starts.second[i]);
        sum += log;
        square += log * log;
    }
    const double n = (double)starts.count;
    pool->startup_count = (int64_t)starts.count;
    pool->startup_ns = ns_of_seconds(starts.second[starts.count / 2]);
    if (starts.count >= SIGMA_STARTS)
        pool->startup_sigma = sqrt(fmax(0, square / n - sum / n * (sum / n)));
    return RC_OK;
}

/* ---- configuration and events ---- */

static bool take_hash(void *context, const struct store_tick *tick)
{
    *(uint64_t *)context = tick->config_hash;
    return false;
}

/* The one in force at the end of the window, or the nearest that is known. */
static enum rc read_config(struct store *store, struct recorded *r, struct diag *diag)
{
    struct store_query query = {.from_ns = INT64_MIN,
                                .to_ns = r->to_ns,
                                .newest_first = true,
                                .limit = 1,
                                .decisions_only = true};
    uint64_t hash = 0;
    enum rc rc = store_ticks(store, &query, take_hash, &hash, diag);
    query.to_ns = INT64_MAX;
    query.newest_first = false;
    if (rc == RC_OK && hash == 0)
        rc = store_ticks(store, &query, take_hash, &hash, diag);
    if (rc == RC_OK && hash == 0)
        rc = fail(diag, RC_NOT_FOUND,
                  "the decision log is empty, so it is not known which configuration was in force");
    r->config_hash = hash;
    return rc == RC_OK ? store_config_get(store, hash, &r->config_text, &r->config_name, diag) : rc;
}

static bool take_event(void *context, const struct store_event *event)
{
    static const char *const losses[] = {"replica-lost", "replica-failed", "replica-given-up"};
    struct recorded *r = context;
    if (event->wall_ns >= r->to_ns)
        return true;
    r->orders += strcmp(event->code, "operated") == 0;
    for (size_t i = 0; i < COUNT_OF(losses); i++)
        r->losses += strcmp(event->code, losses[i]) == 0;
    return true;
}

enum rc recorded_read(struct store *store, const struct recorded_window *window,
                      struct recorded *ret, struct diag *diag)
{
    struct recorded r = {.pool_count = 0};
    buf_init(&r.config_name, 4096);
    buf_init(&r.config_text, CONFIG_BYTES_MAX + 1);
    enum rc rc = choose_window(store, window, &r, diag);
    if (rc == RC_OK)
        rc = read_rows(store, &r, SERIES_MINUTE, diag);
    if (rc == RC_OK)
        rc = shorten(store, &r, diag);
    if (rc == RC_OK)
        rc = read_rows(store, &r, SERIES_OUTCOME, diag);
    for (size_t i = 0; i < r.pool_count && rc == RC_OK; i++) {
        rc = finish_pool(&r, &r.pool[i]);
        if (rc != RC_OK)
            rc = fail(diag, rc, "the demand of pool \"%s\": %s", r.pool[i].rows.pool, rc_words(rc));
        else
            rc = read_starts(store, &r, &r.pool[i], diag);
    }
    if (rc == RC_OK)
        rc = read_config(store, &r, diag);
    const struct store_event_query events = {.from_ns = r.from_ns};
    if (rc == RC_OK)
        rc = store_events(store, &events, take_event, &r, diag);
    if (rc != RC_OK)
        recorded_done(&r);
    else
        *ret = r;
    return rc;
}
