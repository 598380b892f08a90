/* store.h - what survives a restart, in one SQLite file: decision log, pool states, replicas,
 * start-up times, events.
 *
 * Synchronous and owned by one thread (store_writer.h gives the daemon a thread for it); a second
 * process may read at the same time (WAL). Never in the way of a decision: the caller goes on when
 * something here fails and shows the reason.
 * - A damaged file is renamed aside and a new one begun (FAULTS 77).
 * - A file of a newer format is never written: it is opened read-only (FAULTS 78).
 * - Disk full or read-only: RC_IO with words; the store may be tried again later (FAULTS 76).
 * A record of a tick holds all that is needed to compute the decision again: state before, samples
 * since the tick before, observation, and the configuration by hash (R17). Blobs are deflated. */
#ifndef SLUICE_STORE_STORE_H
#define SLUICE_STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/rc.h"
#include "base/span.h"

#define STORE_FORMAT 1
/* Bounds of the file: full ticks for two hours, ticks that changed something for a week, each also
 * bounded in rows. */
#define STORE_TICKS_MAX 50000
#define STORE_CHANGES_MAX 200000
#define STORE_EVENTS_MAX 100000
#define STORE_STARTS_MAX 10000
#define STORE_TICKS_KEEP_NS (INT64_C(2) * 3600 * 1000000000)
#define STORE_CHANGES_KEEP_NS (INT64_C(7) * 24 * 3600 * 1000000000)

#define STORE_MINUTES_MAX 1000000
#define STORE_OUTCOMES_MAX 50000
#define STORE_HISTORY_KEEP_NS                                                                      \
    (INT64_C(14) * 24 * 3600 * 1000000000) /* minutes; the rest stays 90 d */
#define STORE_BILL_DAYS 400

struct store;

struct store_opening {
    bool renamed_aside; /* the file was damaged; aside_path says where it is now */
    bool read_only;     /* newer format or not writable */
    char aside_path[256];
};

/* path ":memory:" keeps everything in memory. Returns RC_IO when no file can be had at all. */
enum rc store_open(const char *path, struct store **ret, struct store_opening *opening,
                   struct diag *diag) MUST_CHECK;
/* For reads beside a running daemon: nothing is made, moved or written, and the file is not looked
 * through: what is damaged shows as RC_CORRUPT when it is read. RC_NOT_FOUND without a file,
 * RC_CORRUPT for what is no such file, RC_IO. A newer format is read as far as it can be. */
enum rc store_open_reading(const char *path, struct store **ret, struct diag *diag) MUST_CHECK;
void store_close(struct store *store);
bool store_read_only(const struct store *store);
/* The file is of a newer format: what can be read of it may mean something else. */
bool store_newer(const struct store *store);
/* Random name of this installation, made with the file; marks the engines it started. */
const char *store_installation(const struct store *store);

/* Groups the calls between them into one transaction. */
enum rc store_begin(struct store *store, struct diag *diag) MUST_CHECK;
enum rc store_commit(struct store *store, struct diag *diag) MUST_CHECK;
void store_rollback(struct store *store);

/* ---- ticks ---- */

struct store_tick {
    int64_t seq; /* given by the store when 0 */
    int64_t wall_ns;
    int64_t now_ns; /* group time axis */
    const char *group;
    uint64_t config_hash;    /* of a text given to store_config() */
    uint32_t cause;          /* enum tick_cause */
    bool changed;            /* some desired count changed or something was blocked */
    struct span state;       /* bytes before the samples and the tick */
    struct span samples;     /* JSON array */
    struct span observation; /* JSON object */
    struct span decision;    /* JSON array, one per pool */
};
enum rc store_tick(struct store *store, const struct store_tick *tick,
                   struct diag *diag) MUST_CHECK;

/* Return false to stop. Spans live until it returns. */
typedef bool store_tick_fn(void *context, const struct store_tick *tick);
struct store_query {
    const char *group; /* NULL = all */
    int64_t from_ns;   /* wall, inclusive */
    int64_t to_ns;     /* wall, inclusive */
    bool changed_only;
    bool newest_first;
    int64_t limit;       /* rows; 0 = all */
    bool decisions_only; /* state, samples and observation stay empty: many rows are cheap then */
};
enum rc store_ticks(struct store *store, const struct store_query *query, store_tick_fn *each,
                    void *context, struct diag *diag) MUST_CHECK;

/* Keeps a configuration text under its hash; does nothing when it is there. */
enum rc store_config(struct store *store, uint64_t hash, const char *name, struct span text,
                     struct diag *diag) MUST_CHECK;
/* RC_NOT_FOUND when unknown. The text is appended to *ret, the file name to *ret_name (may be
 * NULL). */
enum rc store_config_get(struct store *store, uint64_t hash, struct buf *ret, struct buf *ret_name,
                         struct diag *diag) MUST_CHECK;

/* ---- states: last known bytes of each group, for the next start ---- */

enum rc store_state_put(struct store *store, const char *group, uint64_t config_hash,
                        int64_t now_ns, struct span bytes, struct diag *diag) MUST_CHECK;
enum rc store_state_get(struct store *store, const char *group, uint64_t *ret_config_hash,
                        int64_t *ret_now_ns, struct buf *ret, struct diag *diag) MUST_CHECK;
/* Largest now_ns ever stored: the next run's axis starts behind it. 0 when nothing is there. */
int64_t store_last_now(struct store *store);

/* ---- small keyed documents (JSON): pins, learned values, replicas by id ---- */

enum rc store_put(struct store *store, const char *kind, const char *key, struct span json,
                  struct diag *diag) MUST_CHECK;
enum rc store_delete(struct store *store, const char *kind, const char *key,
                     struct diag *diag) MUST_CHECK;
typedef bool store_document_fn(void *context, struct span key, struct span json);
enum rc store_each(struct store *store, const char *kind, store_document_fn *each, void *context,
                   struct diag *diag) MUST_CHECK;

/* ---- events: replica lifecycle, operator actions (audit), conditions ---- */

struct store_event {
    int64_t seq;
    int64_t wall_ns;
    const char *pool;
    const char *code; /* stable name */
    struct span json; /* details */
};
enum rc store_event(struct store *store, const struct store_event *event,
                    struct diag *diag) MUST_CHECK;
typedef bool store_event_fn(void *context, const struct store_event *event);
struct store_event_query {
    const char *pool; /* NULL = all */
    const char *code; /* NULL = all */
    int64_t from_ns;  /* wall, inclusive */
    int64_t limit;    /* rows; 0 = all */
};
/* Newest first. */
enum rc store_events(struct store *store, const struct store_event_query *query,
                     store_event_fn *each, void *context, struct diag *diag) MUST_CHECK;

/* ---- history: one row a minute, a start, an outcome; and money by day ---- */

enum store_series {
    SERIES_MINUTE,  /* demand and supply of a pool within a minute */
    SERIES_START,   /* a start that became ready, by phase */
    SERIES_OUTCOME, /* what became of a change of the count */
    SERIES_COUNT
};
const char *store_series_name(enum store_series series); /* "minutes", "starts", "outcomes" */
enum rc store_series_put(struct store *store, enum store_series series, const char *pool,
                         int64_t wall_ns, struct span json, struct diag *diag) MUST_CHECK;
struct store_row {
    int64_t wall_ns;
    const char *pool;
    struct span json;
};
/* Return false to stop. Everything lives until it returns. */
typedef bool store_row_fn(void *context, const struct store_row *row);
struct store_series_query {
    enum store_series series;
    const char *pool; /* NULL = all */
    int64_t from_ns;  /* wall, inclusive */
    int64_t to_ns;    /* wall, inclusive */
    int64_t limit;    /* rows; 0 = all */
};
/* Newest first. */
enum rc store_series_each(struct store *store, const struct store_series_query *query,
                          store_row_fn *each, void *context, struct diag *diag) MUST_CHECK;

struct store_bill {
    int64_t day; /* days since 1970, UTC */
    const char *pool;
    const char *class_;
    double replica_seconds;
    double cost; /* NAN = the price is unknown; the sum of its day is unknown, too */
};
/* Added to what stands there already. */
enum rc store_bill_add(struct store *store, const struct store_bill *bill,
                       struct diag *diag) MUST_CHECK;
typedef bool store_bill_fn(void *context, const struct store_bill *bill);
/* Newest day first; pool NULL = all. */
enum rc store_bills(struct store *store, const char *pool, int64_t from_day, store_bill_fn *each,
                    void *context, struct diag *diag) MUST_CHECK;

/* Removes what is older or more than the bounds above. */
enum rc store_prune(struct store *store, int64_t wall_ns, struct diag *diag) MUST_CHECK;

#endif
