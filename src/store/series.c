/* series.c - history in rows: minutes, starts, outcomes, and money by day. */
#include <math.h>

#include "store/store_internal.h"

static void bind_text(sqlite3_stmt *statement, int index, const char *text)
{
    if (text != NULL)
        (void)sqlite3_bind_text(statement, index, text, -1,
                                SQLITE_TRANSIENT); /* a failed bind makes the step fail */
}

const char *store_series_name(enum store_series series)
{
    static const char *const names[SERIES_COUNT] = {
        [SERIES_MINUTE] = "minutes", [SERIES_START] = "starts", [SERIES_OUTCOME] = "outcomes"};
    return names[series];
}

enum rc store_series_put(struct store *store, enum store_series series, const char *pool,
                         int64_t wall_ns, struct span json, struct diag *diag)
{
    sqlite3_stmt *s = store_statement(store, STORE_SQL_SERIES_PUT, diag);
    if (s == NULL)
        return RC_IO;
    (void)sqlite3_bind_int64(s, 1, series);
    bind_text(s, 2, pool);
    (void)sqlite3_bind_int64(s, 3, wall_ns);
    store_bind_span(s, 4, json);
    return store_run(store, s, diag);
}

enum rc store_series_each(struct store *store, const struct store_series_query *query,
                          store_row_fn *each, void *context, struct diag *diag)
{
    sqlite3_stmt *s = store_statement(
        store, query->pool != NULL ? STORE_SQL_SERIES_LIST_POOL : STORE_SQL_SERIES_LIST, diag);
    int code;
    if (s == NULL)
        return RC_IO;
    (void)sqlite3_bind_int64(s, 1, query->series);
    if (query->pool != NULL)
        bind_text(s, 2, query->pool);
    (void)sqlite3_bind_int64(s, 3, query->from_ns);
    (void)sqlite3_bind_int64(s, 4, query->to_ns);
    (void)sqlite3_bind_int64(s, 5, query->limit > 0 ? query->limit : -1);
    while ((code = sqlite3_step(s)) == SQLITE_ROW) {
        const struct store_row row = {.wall_ns = sqlite3_column_int64(s, 0),
                                      .pool = (const char *)sqlite3_column_text(s, 1),
                                      .json = store_column_span(s, 2)};
        if (!each(context, &row))
            break;
    }
    const enum rc rc =
        code == SQLITE_ROW || code == SQLITE_DONE ? RC_OK : store_failed(store, "history", diag);
    (void)sqlite3_reset(s);
    return rc;
}

enum rc store_bill_add(struct store *store, const struct store_bill *bill, struct diag *diag)
{
    sqlite3_stmt *s = store_statement(store, STORE_SQL_BILL_ADD, diag);
    if (s == NULL)
        return RC_IO;
    (void)sqlite3_bind_int64(s, 1, bill->day);
    bind_text(s, 2, bill->pool);
    bind_text(s, 3, bill->class_);
    (void)sqlite3_bind_double(s, 4, bill->replica_seconds);
    (void)sqlite3_bind_double(s, 5, bill->cost); /* NAN becomes NULL, and so does a sum with it */
    return store_run(store, s, diag);
}

enum rc store_bills(struct store *store, const char *pool, int64_t from_day, store_bill_fn *each,
                    void *context, struct diag *diag)
{
    sqlite3_stmt *s = store_statement(store, STORE_SQL_BILL_LIST, diag);
    int code;
    if (s == NULL)
        return RC_IO;
    (void)sqlite3_bind_int64(s, 1, from_day);
    bind_text(s, 2, pool);
    while ((code = sqlite3_step(s)) == SQLITE_ROW) {
        const bool known = sqlite3_column_type(s, 4) != SQLITE_NULL;
        const struct store_bill bill = {.day = sqlite3_column_int64(s, 0),
                                        .pool = (const char *)sqlite3_column_text(s, 1),
                                        .class_ = (const char *)sqlite3_column_text(s, 2),
                                        .replica_seconds = sqlite3_column_double(s, 3),
                                        .cost = known ? sqlite3_column_double(s, 4) : NAN};
        if (!each(context, &bill))
            break;
    }
    const enum rc rc =
        code == SQLITE_ROW || code == SQLITE_DONE ? RC_OK : store_failed(store, "ledger", diag);
    (void)sqlite3_reset(s);
    return rc;
}
