/* store.c - opening (damaged, newer, read-only files), statements, transactions, deflated blobs,
 * pruning. */
#include "store/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/duration.h"
#include "store/store_internal.h"

#define BLOB_BYTES_MAX (64U << 20)
/* Of the file in memory: rows come at its end, the others are rarely read. */
#define CACHE_KIB "512"

static const char *const sql_text[STORE_SQL_COUNT] = {
#define STORE_SQL_TEXT(id, text) [STORE_SQL_##id] = (text),
    STORE_SQL_MAP(STORE_SQL_TEXT)
#undef STORE_SQL_TEXT
};

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS tick(seq INTEGER PRIMARY KEY AUTOINCREMENT, wall_ns INTEGER, "
    "now_ns INTEGER, grp TEXT,"
    " config INTEGER, cause INTEGER, changed INTEGER, state BLOB, samples BLOB, observation BLOB, "
    "decision BLOB);"
    "DROP INDEX IF EXISTS tick_group;"
    "CREATE INDEX IF NOT EXISTS tick_find ON tick(grp, seq, wall_ns, changed);"
    "DROP INDEX IF EXISTS tick_changed;"
    "CREATE INDEX IF NOT EXISTS tick_kind ON tick(changed, seq, wall_ns);"
    "CREATE TABLE IF NOT EXISTS config(hash INTEGER PRIMARY KEY, name TEXT, text BLOB);"
    "CREATE TABLE IF NOT EXISTS state(grp TEXT PRIMARY KEY, config INTEGER, now_ns INTEGER, bytes "
    "BLOB);"
    "CREATE TABLE IF NOT EXISTS document(kind TEXT, key TEXT, json TEXT, PRIMARY KEY(kind, key)) "
    "WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS event(seq INTEGER PRIMARY KEY AUTOINCREMENT, wall_ns INTEGER, pool "
    "TEXT, code TEXT,"
    " json TEXT);"
    "CREATE TABLE IF NOT EXISTS series(kind INTEGER, pool TEXT, wall_ns INTEGER, json TEXT, "
    "PRIMARY KEY(kind, pool, wall_ns)) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS series_time ON series(kind, wall_ns);"
    "CREATE TABLE IF NOT EXISTS bill(day INTEGER, pool TEXT, class TEXT, seconds REAL, cost REAL, "
    "PRIMARY KEY(day, pool, class)) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS event_pool ON event(pool, seq, wall_ns);"
    "CREATE INDEX IF NOT EXISTS event_code ON event(code, seq, wall_ns);";

enum rc store_failed(struct store *store, const char *what, struct diag *diag)
{
    const int code = sqlite3_extended_errcode(store->db);
    const enum rc rc =
        (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB ? RC_CORRUPT : RC_IO;

    return fail(diag, rc, "%s: %s", what, sqlite3_errmsg(store->db));
}

sqlite3_stmt *store_statement(struct store *store, enum store_sql sql, struct diag *diag)
{
    sqlite3_stmt **slot = &store->statement[sql];

    if (*slot == NULL && sqlite3_prepare_v3(store->db, sql_text[sql], -1, SQLITE_PREPARE_PERSISTENT,
                                            slot, NULL) != 0) {
        (void)store_failed(store, "store statement", diag);
        return NULL;
    }
    (void)sqlite3_reset(*slot); /* repeats an error that was already reported */
    (void)sqlite3_clear_bindings(*slot);
    return *slot;
}

enum rc store_run(struct store *store, sqlite3_stmt *statement, struct diag *diag)
{
    int code;

    if (statement == NULL)
        return RC_IO;
    if (store->read_only)
        return fail(diag, RC_DENIED, "the state file is open for reading only");
    code = sqlite3_step(statement);
    if (code != SQLITE_DONE && code != SQLITE_ROW)
        return store_failed(store, "state file", diag);
    (void)sqlite3_reset(statement);
    return RC_OK;
}

/* Bytes of the deflated form in `ret`, which has room for *ret_len; false: no memory. */
static bool deflate_whole(struct store *store, struct span bytes, unsigned char *ret,
                          size_t *ret_len)
{
    z_stream *z = &store->deflater;
    if (!store->deflates && deflateInit(z, Z_BEST_SPEED) != Z_OK)
        return false;
    store->deflates = true;
    z->next_in = (z_const Bytef *)(bytes.len > 0 ? bytes.ptr : "");
    z->avail_in = (uInt)bytes.len;
    z->next_out = ret;
    z->avail_out = (uInt)*ret_len;
    const int code = deflate(z, Z_FINISH);
    *ret_len = z->total_out;
    return deflateReset(z) == Z_OK && code == Z_STREAM_END;
}

enum rc store_bind_deflated(struct store *store, sqlite3_stmt *statement, int index,
                            struct span bytes, struct diag *diag)
{
    if (bytes.len > BLOB_BYTES_MAX)
        return fail(diag, RC_LIMIT, "record of %zu bytes, at most %u are kept", bytes.len,
                    BLOB_BYTES_MAX);
    const uint64_t plain = bytes.len;
    size_t size = compressBound((uLong)bytes.len);
    unsigned char *blob = malloc(size + sizeof(plain));
    if (blob == NULL)
        return fail(diag, RC_NO_MEMORY, "no memory for a record of %zu bytes", bytes.len);
    memcpy(blob, &plain, sizeof(plain));
    if (!deflate_whole(store, bytes, blob + sizeof(plain), &size)) {
        free(blob);
        return fail(diag, RC_NO_MEMORY, "record could not be compressed");
    }
    (void)sqlite3_bind_blob64(statement, index, blob, size + sizeof(plain),
                              free); /* frees also on failure; step then fails */
    return RC_OK;
}

enum rc store_column_inflated(sqlite3_stmt *statement, int column, struct buf *ret,
                              struct diag *diag)
{
    const unsigned char *blob = sqlite3_column_blob(statement, column);
    const int size = sqlite3_column_bytes(statement, column);
    uint64_t plain;
    uLongf len;

    buf_clear(ret);
    if (size < 8)
        return fail(diag, RC_CORRUPT, "a record in the state file is cut short");
    memcpy(&plain, blob, 8);
    if (plain > BLOB_BYTES_MAX || !buf_reserve(ret, (size_t)plain + 1))
        return fail(diag, RC_CORRUPT, "a record in the state file claims %" PRIu64 " bytes", plain);
    len = (uLongf)plain;
    if (uncompress((Bytef *)ret->ptr, &len, blob + 8, (uLong)size - 8) != Z_OK || len != plain)
        return fail(diag, RC_CORRUPT, "a record in the state file is damaged");
    ret->len = (size_t)plain;
    return RC_OK;
}

void store_bind_span(sqlite3_stmt *statement, int index, struct span text)
{
    (void)sqlite3_bind_text64(statement, index, text.ptr != NULL ? text.ptr : "", text.len,
                              SQLITE_TRANSIENT,
                              SQLITE_UTF8); /* a failed bind makes the step fail */
}

struct span store_column_span(sqlite3_stmt *statement, int column)
{
    const void *bytes = sqlite3_column_blob(statement, column);

    return span_of(bytes, (size_t)sqlite3_column_bytes(statement, column));
}

/* ---- opening ---- */

static int meta_callback(void *context, int columns, char **values, char **names)
{
    (void)names;
    if (columns == 1 && values[0] != NULL)
        (void)span_copy(span_from(values[0]), context, 40);
    return 0;
}

static bool meta_get(sqlite3 *db, const char *key, char ret_text[40])
{
    char sql[128];

    ret_text[0] = '\0';
    (void)snprintf(sql, sizeof sql, "SELECT value FROM meta WHERE key = '%s'", key);
    return sqlite3_exec(db, sql, meta_callback, ret_text, NULL) == SQLITE_OK && ret_text[0] != '\0';
}

static bool exec(sqlite3 *db, const char *sql)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

static int check_callback(void *context, int columns, char **values, char **names)
{
    (void)names;
    if (columns == 1 && values[0] != NULL && strcmp(values[0], "ok") == 0)
        *(bool *)context = true;
    return 0;
}

/* A file that SQLite cannot read whole counts as damaged: a wrong history is worse than none. */
static bool is_sound(sqlite3 *db)
{
    bool sound = false;

    return sqlite3_exec(db, "PRAGMA quick_check(1)", check_callback, &sound, NULL) == SQLITE_OK &&
           sound;
}

enum opening { OPENED, DAMAGED, NEWER, UNWRITABLE };

/* whole: every page is looked at, which takes as long as the file is large. */
static enum opening try_open(struct store *store, const char *path, int flags, bool whole)
{
    char format[40];

    if (sqlite3_open_v2(path, &store->db, flags, NULL) != SQLITE_OK)
        return UNWRITABLE;
    (void)sqlite3_busy_timeout(store->db, 2000);
    if (!exec(store->db, "SELECT count(*) FROM sqlite_master"))
        return (sqlite3_errcode(store->db) & 0xff) == SQLITE_NOTADB ||
                       (sqlite3_errcode(store->db) & 0xff) == SQLITE_CORRUPT
                   ? DAMAGED
                   : UNWRITABLE;
    if (meta_get(store->db, "format", format) && strtol(format, NULL, 10) > STORE_FORMAT)
        return NEWER;
    if (!whole)
        return OPENED;
    if (!is_sound(store->db))
        return DAMAGED;
    if ((flags & SQLITE_OPEN_READONLY) != 0)
        return OPENED;
    (void)exec(store->db,
               "PRAGMA journal_mode=WAL"); /* refused on some file systems: slower, still right */
    (void)exec(store->db, "PRAGMA synchronous=NORMAL");
    (void)exec(store->db, "PRAGMA cache_size=-" CACHE_KIB);
    if (!exec(store->db, schema) ||
        !exec(store->db,
              "INSERT OR IGNORE INTO meta VALUES('format', '1');"
              "INSERT OR IGNORE INTO meta VALUES('installation', lower(hex(randomblob(8))))"))
        return UNWRITABLE;
    return OPENED;
}

static void close_db(struct store *store)
{
    for (size_t i = 0; i < STORE_SQL_COUNT; i++) {
        (void)sqlite3_finalize(store->statement[i]); /* repeats an old error */
        store->statement[i] = NULL;
    }
    (void)sqlite3_close(store->db);
    store->db = NULL;
}

/* Moves a damaged file (and its journal) to PATH.damaged-N, first N that is free. */
static bool move_aside(const char *path, char ret_aside[256])
{
    char journal[300];

    for (int n = 1; n < 1000; n++) {
        FILE *taken;

        (void)snprintf(ret_aside, 256, "%.230s.damaged-%d", path, n);
        taken = fopen(ret_aside, "re");
        if (taken != NULL) {
            (void)fclose(taken);
            continue;
        }
        if (rename(path, ret_aside) != 0)
            return false;
        (void)snprintf(journal, sizeof journal, "%s-wal", path);
        (void)remove(journal); /* belongs to the damaged file */
        (void)snprintf(journal, sizeof journal, "%s-shm", path);
        (void)remove(journal);
        return true;
    }
    return false;
}

enum rc store_open(const char *path, struct store **ret, struct store_opening *opening,
                   struct diag *diag)
{
    struct store *store = mem_new(1, sizeof *store);
    enum opening how;

    *opening = (struct store_opening){.renamed_aside = false};
    if (store == NULL)
        return fail(diag, RC_NO_MEMORY, "no memory for the store");
    for (size_t i = 0; i < COUNT_OF(store->inflated); i++)
        buf_init(&store->inflated[i], BLOB_BYTES_MAX + 16);
    how = try_open(store, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, true);
    if (how == DAMAGED) {
        close_db(store);
        opening->renamed_aside = move_aside(path, opening->aside_path);
        how = try_open(store, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, true);
    }
    if (how == NEWER || how == UNWRITABLE) {
        close_db(store);
        store->read_only = true;
        how = try_open(store, path, SQLITE_OPEN_READONLY, true);
    }
    if (how != OPENED && how != NEWER) {
        const enum rc rc = fail(diag, RC_IO, "state file \"%s\" cannot be opened: %s", path,
                                store->db != NULL ? sqlite3_errmsg(store->db) : "no memory");

        store_close(store);
        return rc;
    }
    opening->read_only = store->read_only;
    store->newer = how == NEWER;
    (void)meta_get(store->db, "installation", store->installation);
    *ret = store;
    return RC_OK;
}

enum rc store_open_reading(const char *path, struct store **ret, struct diag *diag)
{
    struct store *store = NULL;
    enum opening how;
    enum rc rc = RC_OK;

    if (access(path, F_OK) != 0)
        return fail(diag, RC_NOT_FOUND, "there is no state file \"%s\"", path);
    store = mem_new(1, sizeof *store);
    if (store == NULL)
        return fail(diag, RC_NO_MEMORY, "no memory for the store");
    for (size_t i = 0; i < COUNT_OF(store->inflated); i++)
        buf_init(&store->inflated[i], BLOB_BYTES_MAX + 16);
    store->read_only = true;
    how = try_open(store, path, SQLITE_OPEN_READONLY, false);
    if (how == DAMAGED)
        rc = fail(diag, RC_CORRUPT, "\"%s\" is no sound state file", path);
    else if (how == UNWRITABLE)
        rc = fail(diag, RC_IO, "state file \"%s\" cannot be read: %s", path,
                  store->db != NULL ? sqlite3_errmsg(store->db) : "no memory");
    if (rc != RC_OK) {
        store_close(store);
        return rc;
    }
    store->newer = how == NEWER;
    (void)meta_get(store->db, "installation", store->installation);
    *ret = store;
    return RC_OK;
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    close_db(store);
    if (store->deflates)
        (void)deflateEnd(&store->deflater); /* nothing of it is wanted any more */
    for (size_t i = 0; i < COUNT_OF(store->inflated); i++)
        buf_done(&store->inflated[i]);
    free(store);
}

bool store_read_only(const struct store *store)
{
    return store->read_only;
}

bool store_newer(const struct store *store)
{
    return store->newer;
}

const char *store_installation(const struct store *store)
{
    return store->installation;
}

enum rc store_begin(struct store *store, struct diag *diag)
{
    return store_run(store, store_statement(store, STORE_SQL_BEGIN, diag), diag);
}

enum rc store_commit(struct store *store, struct diag *diag)
{
    return store_run(store, store_statement(store, STORE_SQL_COMMIT, diag), diag);
}

void store_rollback(struct store *store)
{
    (void)exec(store->db, "ROLLBACK"); /* nothing to roll back is fine */
}

static const struct {
    int64_t keep_ns;
    int64_t rows_max;
} series_bounds[SERIES_COUNT] = {
    [SERIES_MINUTE] = {STORE_HISTORY_KEEP_NS, STORE_MINUTES_MAX},
    [SERIES_START] = {90 * DAY_NS, STORE_STARTS_MAX},
    [SERIES_OUTCOME] = {90 * DAY_NS, STORE_OUTCOMES_MAX},
};

static enum rc prune_one(struct store *store, enum store_sql sql, int64_t a, int64_t b,
                         struct diag *diag)
{
    sqlite3_stmt *statement = store_statement(store, sql, diag);

    if (statement == NULL)
        return RC_IO;
    (void)sqlite3_bind_int64(statement, 1,
                             a); /* an out-of-range index: not every statement has both */
    (void)sqlite3_bind_int64(statement, 2, b);
    return store_run(store, statement, diag);
}

enum rc store_prune(struct store *store, int64_t wall_ns, struct diag *diag)
{
    enum rc rc = prune_one(store, STORE_SQL_PRUNE_OLD, wall_ns - STORE_TICKS_KEEP_NS,
                           wall_ns - STORE_CHANGES_KEEP_NS, diag);

    if (rc == RC_OK)
        rc = prune_one(store, STORE_SQL_PRUNE_TICKS, STORE_TICKS_MAX, 0, diag);
    if (rc == RC_OK)
        rc = prune_one(store, STORE_SQL_PRUNE_CHANGES, STORE_CHANGES_MAX, 0, diag);
    if (rc == RC_OK)
        rc = prune_one(store, STORE_SQL_PRUNE_EVENTS, STORE_EVENTS_MAX, 0, diag);
    if (rc == RC_OK)
        rc = prune_one(store, STORE_SQL_PRUNE_CONFIGS, 0, 0, diag);
    for (int kind = 0; rc == RC_OK && kind < SERIES_COUNT; kind++) {
        rc = prune_one(store, STORE_SQL_PRUNE_SERIES, kind, wall_ns - series_bounds[kind].keep_ns,
                       diag);
        if (rc == RC_OK)
            rc = prune_one(store, STORE_SQL_PRUNE_SERIES_ROWS, kind, series_bounds[kind].rows_max,
                           diag);
    }
    if (rc == RC_OK)
        rc = prune_one(store, STORE_SQL_PRUNE_BILLS, wall_ns / DAY_NS - STORE_BILL_DAYS, 0, diag);
    return rc;
}
