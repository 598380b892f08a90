/* store_internal.h - the connection and the helpers that the parts of the store share. Not for
 * others. */
#ifndef SLUICE_STORE_STORE_INTERNAL_H
#define SLUICE_STORE_STORE_INTERNAL_H

#include <sqlite3.h>

#define ZLIB_CONST /* what is read stays as it is */
#include <zlib.h>

#include "store/store.h"

/* What is asked of ticks stands in an index of its own: rows are long, and only those of the answer
 * are read. "+seq" keeps SQLite from walking the rows in their own order instead. */
#define STORE_TICK_COLUMNS                                                                         \
    "SELECT seq, wall_ns, now_ns, grp, config, cause, changed, state, samples, observation, "      \
    "decision FROM tick "
#define STORE_TICK_FILTER "wall_ns BETWEEN ?2 AND ?3 AND changed >= ?4 "
#define STORE_EVENT_COLUMNS "SELECT seq, wall_ns, pool, code, json FROM event "
#define STORE_SERIES_COLUMNS "SELECT wall_ns, pool, json FROM series "

/* One row a statement: prepared at first use, kept until close. */
#define STORE_SQL_MAP(X)                                                                           \
    X(BEGIN, "BEGIN IMMEDIATE")                                                                    \
    X(COMMIT, "COMMIT")                                                                            \
    X(TICK_PUT, "INSERT INTO tick(wall_ns, now_ns, grp, config, cause, changed, state, samples, "  \
                "observation, "                                                                    \
                "decision) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")                       \
    X(TICK_LIST, STORE_TICK_COLUMNS "WHERE seq IN (SELECT seq FROM tick WHERE " STORE_TICK_FILTER  \
                                    "ORDER BY +seq LIMIT ?5) ORDER BY seq")                        \
    X(TICK_LIST_NEWEST,                                                                            \
      STORE_TICK_COLUMNS "WHERE seq IN (SELECT seq FROM tick WHERE " STORE_TICK_FILTER             \
                         "ORDER BY +seq DESC LIMIT ?5) ORDER BY seq DESC")                         \
    X(TICK_LIST_GROUP, STORE_TICK_COLUMNS                                                          \
      "WHERE seq IN (SELECT seq FROM tick WHERE grp = ?1 AND " STORE_TICK_FILTER                   \
      "ORDER BY seq LIMIT ?5) ORDER BY seq")                                                       \
    X(TICK_LIST_GROUP_NEWEST, STORE_TICK_COLUMNS                                                   \
      "WHERE seq IN (SELECT seq FROM tick WHERE grp = ?1 AND " STORE_TICK_FILTER                   \
      "ORDER BY seq DESC LIMIT ?5) ORDER BY seq DESC")                                             \
    X(CONFIG_PUT, "INSERT OR IGNORE INTO config(hash, name, text) VALUES(?1, ?2, ?3)")             \
    X(CONFIG_GET, "SELECT name, text FROM config WHERE hash = ?1")                                 \
    X(STATE_PUT,                                                                                   \
      "INSERT OR REPLACE INTO state(grp, config, now_ns, bytes) VALUES(?1, ?2, ?3, ?4)")           \
    X(STATE_GET, "SELECT config, now_ns, bytes FROM state WHERE grp = ?1")                         \
    X(LAST_NOW, "SELECT max(coalesce((SELECT max(now_ns) FROM state), 0), "                        \
                "coalesce((SELECT now_ns FROM tick ORDER BY seq DESC LIMIT 1), 0))")               \
    X(DOCUMENT_PUT, "INSERT OR REPLACE INTO document(kind, key, json) VALUES(?1, ?2, ?3)")         \
    X(DOCUMENT_DELETE, "DELETE FROM document WHERE kind = ?1 AND key = ?2")                        \
    X(DOCUMENT_LIST, "SELECT key, json FROM document WHERE kind = ?1 ORDER BY key")                \
    X(EVENT_PUT, "INSERT INTO event(wall_ns, pool, code, json) VALUES(?1, ?2, ?3, ?4)")            \
    X(EVENT_LIST, STORE_EVENT_COLUMNS "WHERE wall_ns >= ?2 ORDER BY seq DESC LIMIT ?3")            \
    X(EVENT_LIST_POOL, STORE_EVENT_COLUMNS "WHERE pool = ?1 AND "                                  \
                                           "wall_ns >= ?2 ORDER BY seq DESC LIMIT ?3")             \
    X(EVENT_LIST_CODE, STORE_EVENT_COLUMNS "WHERE code = ?4 AND (?1 IS NULL OR pool = ?1) "        \
                                           "AND wall_ns >= ?2 ORDER BY seq DESC LIMIT ?3")         \
    X(SERIES_PUT, "INSERT OR REPLACE INTO series(kind, pool, wall_ns, json) VALUES(?1, ?2, ?3, "   \
                  "?4)")                                                                           \
    X(SERIES_LIST, STORE_SERIES_COLUMNS "WHERE kind = ?1 AND wall_ns BETWEEN ?3 AND ?4 "           \
                                        "ORDER BY wall_ns DESC LIMIT ?5")                          \
    X(SERIES_LIST_POOL, STORE_SERIES_COLUMNS "WHERE kind = ?1 AND pool = ?2 AND wall_ns BETWEEN "  \
                                             "?3 AND ?4 ORDER BY wall_ns DESC LIMIT ?5")           \
    X(BILL_ADD, "INSERT INTO bill(day, pool, class, seconds, cost) VALUES(?1, ?2, ?3, ?4, ?5) "    \
                "ON CONFLICT(day, pool, class) DO UPDATE SET seconds = seconds + "                 \
                "excluded.seconds, cost = cost + excluded.cost")                                   \
    X(BILL_LIST, "SELECT day, pool, class, seconds, cost FROM bill WHERE day >= ?1 AND "           \
                 "(?2 IS NULL OR pool = ?2) ORDER BY day DESC, pool, class")                       \
    X(PRUNE_SERIES, "DELETE FROM series WHERE kind = ?1 AND wall_ns < ?2")                         \
    X(PRUNE_SERIES_ROWS,                                                                           \
      "DELETE FROM series WHERE kind = ?1 AND wall_ns <= (SELECT wall_ns FROM series WHERE "       \
      "kind = ?1 ORDER BY wall_ns DESC LIMIT 1 OFFSET ?2)")                                        \
    X(PRUNE_BILLS, "DELETE FROM bill WHERE day < ?1")                                              \
    X(PRUNE_OLD, "DELETE FROM tick WHERE seq IN (SELECT seq FROM tick WHERE "                      \
                 "(changed = 0 AND wall_ns < ?1) OR wall_ns < ?2)")                                \
    X(PRUNE_TICKS,                                                                                 \
      "DELETE FROM tick WHERE changed = 0 AND seq <= (SELECT seq FROM tick WHERE changed = 0 "     \
      "ORDER BY seq DESC LIMIT 1 OFFSET ?1)")                                                      \
    X(PRUNE_CHANGES,                                                                               \
      "DELETE FROM tick WHERE changed = 1 AND seq <= (SELECT seq FROM tick WHERE changed = 1 "     \
      "ORDER BY seq DESC LIMIT 1 OFFSET ?1)")                                                      \
    X(PRUNE_EVENTS, "DELETE FROM event WHERE seq <= (SELECT max(seq) FROM event) - ?1")            \
    X(PRUNE_CONFIGS,                                                                               \
      "DELETE FROM config WHERE hash NOT IN (SELECT config FROM tick) AND hash NOT IN "            \
      "(SELECT config FROM state)")

enum store_sql {
#define STORE_SQL_ENUM(id, text) STORE_SQL_##id,
    STORE_SQL_MAP(STORE_SQL_ENUM)
#undef STORE_SQL_ENUM
        STORE_SQL_COUNT
};

struct store {
    sqlite3 *db;
    sqlite3_stmt *statement[STORE_SQL_COUNT];
    bool read_only;
    bool newer;
    char installation[40];
    z_stream deflater;      /* 268 kB that are made once: made anew they cost more than deflating */
    bool deflates;          /* it is there */
    struct buf inflated[4]; /* state, samples, observation, decision of the row being shown */
};

/* The statement, reset and without bindings; NULL with words when it cannot be prepared. */
sqlite3_stmt *store_statement(struct store *store, enum store_sql sql, struct diag *diag);
/* Runs a statement that returns no rows. */
enum rc store_run(struct store *store, sqlite3_stmt *statement, struct diag *diag) MUST_CHECK;
/* Words of the last error of the connection. */
enum rc store_failed(struct store *store, const char *what, struct diag *diag);
/* Deflated blob: 8 bytes of plain length, then zlib. */
enum rc store_bind_deflated(struct store *store, sqlite3_stmt *statement, int index,
                            struct span bytes, struct diag *diag) MUST_CHECK;
enum rc store_column_inflated(sqlite3_stmt *statement, int column, struct buf *ret,
                              struct diag *diag) MUST_CHECK;
void store_bind_span(sqlite3_stmt *statement, int index, struct span text);
struct span store_column_span(sqlite3_stmt *statement, int column);

#endif
