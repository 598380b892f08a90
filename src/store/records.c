/* records.c - ticks, configurations, states, documents and events in and out of the tables. */
#include <stdint.h>

#include "store/store_internal.h"

static void bind_text(sqlite3_stmt *statement, int index, const char *text)
{
    if (text != NULL)
        (void)sqlite3_bind_text(statement, index, text, -1,
                                SQLITE_TRANSIENT); /* a failed bind makes the step fail */
}

enum rc store_tick(struct store *store, const struct store_tick *tick, struct diag *diag)
{
    sqlite3_stmt *s = store_statement(store, STORE_SQL_TICK_PUT, diag);
    const struct span blobs[] = {tick->state, tick->samples, tick->observation, tick->decision};

    if (s == NULL)
        return RC_IO;
    (void)sqlite3_bind_int64(s, 1, tick->wall_ns);
    (void)sqlite3_bind_int64(s, 2, tick->now_ns);
    bind_text(s, 3, tick->group);
    (void)sqlite3_bind_int64(s, 4, (int64_t)tick->config_hash);
    (void)sqlite3_bind_int64(s, 5, tick->cause);
    (void)sqlite3_bind_int64(s, 6, tick->changed);
    for (int i = 0; i < (int)COUNT_OF(blobs); i++) {
        const enum rc rc = store_bind_deflated(store, s, 7 + i, blobs[i], diag);

        if (rc != RC_OK)
            return rc;
    }
    return store_run(store, s, diag);
}

static enum rc read_tick(struct store *store, sqlite3_stmt *s, bool decisions_only,
                         struct store_tick *ret, struct diag *diag)
{
    for (int i = 0; i < (int)COUNT_OF(store->inflated); i++) {
        buf_clear(&store->inflated[i]);
        if (decisions_only && i < (int)COUNT_OF(store->inflated) - 1)
            continue;
        const enum rc rc = store_column_inflated(s, 7 + i, &store->inflated[i], diag);

        if (rc != RC_OK)
            return rc;
    }
    *ret = (struct store_tick){
        .seq = sqlite3_column_int64(s, 0),
        .wall_ns = sqlite3_column_int64(s, 1),
        .now_ns = sqlite3_column_int64(s, 2),
        .group = (const char *)sqlite3_column_text(s, 3),
        .config_hash = (uint64_t)sqlite3_column_int64(s, 4),
        .cause = (uint32_t)sqlite3_column_int64(s, 5),
        .changed = sqlite3_column_int64(s, 6) != 0,
        .state = buf_view(&store->inflated[0]),
        .samples = buf_view(&store->inflated[1]),
        .observation = buf_view(&store->inflated[2]),
        .decision = buf_view(&store->inflated[3]),
    };
    return RC_OK;
}

static enum store_sql tick_list(const struct store_query *query)
{
    if (query->group != NULL)
        return query->newest_first ? STORE_SQL_TICK_LIST_GROUP_NEWEST : STORE_SQL_TICK_LIST_GROUP;
    return query->newest_first ? STORE_SQL_TICK_LIST_NEWEST : STORE_SQL_TICK_LIST;
}

enum rc store_ticks(struct store *store, const struct store_query *query, store_tick_fn *each,
                    void *context, struct diag *diag)
{
    sqlite3_stmt *s = store_statement(store, tick_list(query), diag);
    enum rc rc = RC_OK;
    int code;

    if (s == NULL)
        return RC_IO;
    bind_text(s, 1, query->group);
    (void)sqlite3_bind_int64(s, 2, query->from_ns);
    (void)sqlite3_bind_int64(s, 3, query->to_ns);
    (void)sqlite3_bind_int64(s, 4, query->changed_only);
    (void)sqlite3_bind_int64(s, 5, query->limit > 0 ? query->limit : -1);
    while ((code = sqlite3_step(s)) == SQLITE_ROW) {
        struct store_tick tick;

        rc = read_tick(store, s, query->decisions_only, &tick, diag);
        if (rc != RC_OK || !each(context, &tick))
            break;
    }
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        rc = store_failed(store, "decision log", diag);
    (void)sqlite3_reset(s);
    return rc;
}

enum rc store_config(struct store *store, uint64_t hash, const char *name, struct span text,
                     struct diag *diag)
{
    sqlite3_stmt *s = store_statement(store, STORE_SQL_CONFIG_PUT, diag);
    enum rc rc;

    if (s == NULL)
        return RC_IO;
    (void)sqlite3_bind_int64(s, 1, (int64_t)hash);
    bind_text(s, 2, name);
    rc = store_bind_deflated(store, s, 3, text, diag);
    return rc == RC_OK ? store_run(store, s, diag) : rc;
}

enum rc store_config_get(struct store *store, uint64_t hash, struct buf *ret, struct buf *ret_name,
                         struct diag *diag)
{
    sqlite3_stmt *s = store_statement(store, STORE_SQL_CONFIG_GET, diag);
    enum rc rc;

    if (s == NULL)
        return RC_IO;
    (void)sqlite3_bind_int64(s, 1, (int64_t)hash);
    switch (sqlite3_step(s)) {
    case SQLITE_ROW:
        rc = store_column_inflated(s, 1, ret, diag);
        if (rc == RC_OK && ret_name != NULL)
            buf_span(ret_name, store_column_span(s, 0));
        break;
    case SQLITE_DONE:
        rc = fail(diag, RC_NOT_FOUND, "no configuration with hash %016llx is kept",
                  (unsigned long long)hash);
        break;
    default:
        rc = store_failed(store, "configuration", diag);
        break;
    }
    (void)sqlite3_reset(s);
    return rc;
}

enum rc store_state_put(struct store *store, const char *group, uint64_t config_hash,
                        int64_t now_ns, struct span bytes, struct diag *diag)
{
    sqlite3_stmt *s = store_statement(store, STORE_SQL_STATE_PUT, diag);
    enum rc rc;

    if (s == NULL)
        return RC_IO;
    bind_text(s, 1, group);
    (void)sqlite3_bind_int64(s, 2, (int64_t)config_hash);
    (void)sqlite3_bind_int64(s, 3, now_ns);
    rc = store_bind_deflated(store, s, 4, bytes, diag);
    return rc == RC_OK ? store_run(store, s, diag) : rc;
}

enum rc store_state_get(struct store *store, const char *group, uint64_t *ret_config_hash,
                        int64_t *ret_now_ns, struct buf *ret, struct diag *diag)
{
    sqlite3_stmt *s = store_statement(store, STORE_SQL_STATE_GET, diag);
    enum rc rc;

    if (s == NULL)
        return RC_IO;
    bind_text(s, 1, group);
    switch (sqlite3_step(s)) {
    case SQLITE_ROW:
        rc = store_column_inflated(s, 2, ret, diag);
        if (rc == RC_OK) {
            *ret_config_hash = (uint64_t)sqlite3_column_int64(s, 0);
            *ret_now_ns = sqlite3_column_int64(s, 1);
        }
        break;
    case SQLITE_DONE:
        rc = fail(diag, RC_NOT_FOUND, "no state of \"%s\" is kept", group);
        break;
    default:
        rc = store_failed(store, "state", diag);
        break;
    }
    (void)sqlite3_reset(s);
    return rc;
}

int64_t store_last_now(struct store *store)
{
    sqlite3_stmt *s = store_statement(store, STORE_SQL_LAST_NOW, NULL);
    int64_t last = 0;

    if (s == NULL)
        return 0;
    if (sqlite3_step(s) == SQLITE_ROW)
        last = sqlite3_column_int64(s, 0);
    (void)sqlite3_reset(s);
    return last;
}

enum rc store_put(struct store *store, const char *kind, const char *key, struct span json,
                  struct diag *diag)
{
    sqlite3_stmt *s = store_statement(store, STORE_SQL_DOCUMENT_PUT, diag);

    if (s == NULL)
        return RC_IO;
    bind_text(s, 1, kind);
    bind_text(s, 2, key);
    store_bind_span(s, 3, json);
    return store_run(store, s, diag);
}

enum rc store_delete(struct store *store, const char *kind, const char *key, struct diag *diag)
{
    sqlite3_stmt *s = store_statement(store, STORE_SQL_DOCUMENT_DELETE, diag);

    if (s == NULL)
        return RC_IO;
    bind_text(s, 1, kind);
    bind_text(s, 2, key);
    return store_run(store, s, diag);
}

enum rc store_each(struct store *store, const char *kind, store_document_fn *each, void *context,
                   struct diag *diag)
{
    sqlite3_stmt *s = store_statement(store, STORE_SQL_DOCUMENT_LIST, diag);
    int code;

    if (s == NULL)
        return RC_IO;
    bind_text(s, 1, kind);
    while ((code = sqlite3_step(s)) == SQLITE_ROW) {
        if (!each(context, store_column_span(s, 0), store_column_span(s, 1)))
            break;
    }
    const enum rc rc =
        code == SQLITE_ROW || code == SQLITE_DONE ? RC_OK : store_failed(store, kind, diag);

    (void)sqlite3_reset(s);
    return rc;
}

enum rc store_event(struct store *store, const struct store_event *event, struct diag *diag)
{
    sqlite3_stmt *s = store_statement(store, STORE_SQL_EVENT_PUT, diag);

    if (s == NULL)
        return RC_IO;
    (void)sqlite3_bind_int64(s, 1, event->wall_ns);
    bind_text(s, 2, event->pool);
    bind_text(s, 3, event->code);
    store_bind_span(s, 4, event->json);
    return store_run(store, s, diag);
}

/* One statement for each kind of question: every one has its index, so that a read costs what it
 * answers. */
static enum store_sql event_list(const struct store_event_query *query)
{
    if (query->code != NULL)
        return STORE_SQL_EVENT_LIST_CODE;
    return query->pool != NULL ? STORE_SQL_EVENT_LIST_POOL : STORE_SQL_EVENT_LIST;
}

enum rc store_events(struct store *store, const struct store_event_query *query,
                     store_event_fn *each, void *context, struct diag *diag)
{
    sqlite3_stmt *s = store_statement(store, event_list(query), diag);
    int code;

    if (s == NULL)
        return RC_IO;
    if (query->pool != NULL)
        bind_text(s, 1, query->pool);
    (void)sqlite3_bind_int64(s, 2, query->from_ns);
    (void)sqlite3_bind_int64(s, 3, query->limit > 0 ? query->limit : -1);
    if (query->code != NULL)
        bind_text(s, 4, query->code);
    while ((code = sqlite3_step(s)) == SQLITE_ROW) {
        const struct store_event event = {
            .seq = sqlite3_column_int64(s, 0),
            .wall_ns = sqlite3_column_int64(s, 1),
            .pool = (const char *)sqlite3_column_text(s, 2),
            .code = (const char *)sqlite3_column_text(s, 3),
            .json = store_column_span(s, 4),
        };

        if (!each(context, &event))
            break;
    }
    const enum rc rc =
        code == SQLITE_ROW || code == SQLITE_DONE ? RC_OK : store_failed(store, "events", diag);

    (void)sqlite3_reset(s);
    return rc;
}
