/* archive.c - GET /api/v1/history/{kind} and /api/v1/ledger: what the store keeps for weeks. Read
 * in a worker. */
#include <stdio.h>
#include <string.h>

#include "api/handlers.h"
#include "store/store.h"

struct history_row_view {
    int64_t wall_ns;
    const char *pool;
    struct span values;
};
struct history_view {
    struct shape_rows rows;
};
struct bill_view {
    const char *day;
    const char *pool;
    const char *class_;
    double replica_seconds;
    double cost;
};
struct ledger_view {
    struct shape_rows days;
};

static const struct shape_row history_row_rows[] = {
    SHAPE_MEMBER(TIME, history_row_view, wall_ns, "at", 0, "", "Begin of the minute, or when."),
    SHAPE_MEMBER(TEXT, history_row_view, pool, "pool", 0, "", "Which pool."),
    SHAPE_MEMBER(JSON, history_row_view, values, "values", SHAPE_NULL, "",
                 "Numbers by name, see history.md."),
};
static SHAPE_OF(shape_history_row, "HistoryRow", history_row_view, history_row_rows,
                "A minute, a start, or what became of a change.");
static const struct shape_row history_rows[] = {
    SHAPE_PART(LIST, history_view, rows, "rows", 0, &shape_history_row, "Newest first."),
};
SHAPE_OF(shape_history, "History", history_view, history_rows, "Rows of one kind.");

static const struct shape_row bill_rows[] = {
    SHAPE_MEMBER(TEXT, bill_view, day, "day", 0, "", "In UTC: 2026-11-24."),
    SHAPE_MEMBER(TEXT, bill_view, pool, "pool", 0, "", "Which pool."),
    SHAPE_MEMBER(TEXT, bill_view, class_, "class", 0, "",
                 "Which class; other: warm, draining and blocked replicas."),
    SHAPE_MEMBER(NUMBER, bill_view, replica_seconds, "replicaSeconds", 0, "seconds",
                 "That replicas were held."),
    SHAPE_MEMBER(NUMBER, bill_view, cost, "cost", SHAPE_NULL, "currency",
                 "Null: a price is unknown."),
};
static SHAPE_OF(shape_bill, "LedgerDay", bill_view, bill_rows, "Money of a day.");
static const struct shape_row ledger_rows[] = {
    SHAPE_PART(LIST, ledger_view, days, "days", 0, &shape_bill, "Newest first."),
};
SHAPE_OF(shape_ledger, "Ledger", ledger_view, ledger_rows, "Money by day, pool and class.");

/* ---- a read in a worker ---- */

struct archive {
    struct api_call *call;
    char path[TEXT_SIZE];
    char pool[NAME_SIZE]; /* "" = all */
    struct store_series_query query;
    int64_t from_day;
    int64_t left; /* rows that may still be printed */
    bool ledger;
    enum rc rc;
    struct diag diag;
};

static bool print_row(void *context, const struct store_row *row)
{
    struct archive *a = context;
    shape_print(
        &shape_history_row,
        &(struct history_row_view){.wall_ns = row->wall_ns, .pool = row->pool, .values = row->json},
        &a->call->w);
    return !a->call->out.failed;
}

static bool print_bill(void *context, const struct store_bill *bill)
{
    struct archive *a = context;
    char day[DURATION_TEXT_MAX];
    (void)time_print_rfc3339(bill->day * DAY_NS, day);
    day[strlen("2026-11-24")] = '\0';
    shape_print(&shape_bill,
                &(struct bill_view){.day = day,
                                    .pool = bill->pool,
                                    .class_ = bill->class_,
                                    .replica_seconds = bill->replica_seconds,
                                    .cost = bill->cost},
                &a->call->w);
    return --a->left > 0 && !a->call->out.failed;
}

static void read_archive(void *user)
{
    struct archive *a = user;
    struct json_writer *w = &a->call->w;
    struct store *store = NULL;
    const char *pool = a->pool[0] != '\0' ? a->pool : NULL;
    a->query.pool = pool;
    a->rc = store_open_reading(a->path, &store, &a->diag);
    if (a->rc != RC_OK)
        return;
    json_object(w);
    json_key(w, a->ledger ? "days" : "rows");
    json_array(w);
    a->rc = a->ledger ? store_bills(store, pool, a->from_day, print_bill, a, &a->diag)
                      : store_series_each(store, &a->query, print_row, a, &a->diag);
    json_array_end(w);
    json_object_end(w);
    store_close(store);
}

static void archive_read(void *user)
{
    struct archive *a = user;
    struct api_call *call = a->call;
    if (!api_read_ended(call))
        return;
    if (a->rc == RC_OK)
        call_answer(call, 200);
    else
        call_failure_diag(call, &a->diag);
}

static void answer(struct api_call *call, enum store_series series, bool ledger)
{
    int64_t from_ns = ledger ? 0 : control_wall_ns(call->api->control) - DAY_NS;
    int64_t to_ns = INT64_MAX;
    int64_t limit = API_ROWS_MAX;
    const char *pool = call_param(call, "pool");
    if (!call_param_time(call, "from", false, &from_ns) ||
        !call_param_time(call, "to", true, &to_ns) ||
        !call_param_int(call, "limit", 1, API_ROWS_MAX, &limit))
        return;
    struct archive *a = arena_alloc(&call->arena, sizeof(*a));
    if (a == NULL) {
        call_failure(call, RC_NO_MEMORY, NULL, NULL, "no memory for the answer");
        return;
    }
    a->call = call;
    a->ledger = ledger;
    a->from_day = from_ns / DAY_NS;
    a->left = limit;
    a->query = (struct store_series_query){
        .series = series, .from_ns = from_ns, .to_ns = to_ns, .limit = limit};
    (void)span_copy(span_from(control_state_path(call->api->control)), a->path, sizeof(a->path));
    if (pool != NULL)
        (void)span_copy(span_from(pool), a->pool, sizeof(a->pool));
    api_read_begin(call, read_archive, archive_read, a);
}

void handle_history(struct api_call *call)
{
    const char *kind = call_part(call, 0);
    for (int series = 0; series < SERIES_COUNT; series++)
        if (strcmp(kind, store_series_name((enum store_series)series)) == 0) {
            answer(call, (enum store_series)series, false);
            return;
        }
    call_failure(call, RC_NOT_FOUND, "kind", kind,
                 "there is no history of \"%.40s\": minutes, starts or outcomes is wanted", kind);
}

void handle_ledger(struct api_call *call)
{
    answer(call, SERIES_COUNT, true);
}
