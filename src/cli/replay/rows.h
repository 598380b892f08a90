/* rows.h - a run of one pool as rows: minutes and changes of the count, as the history of a state
 * file holds them (docs/history.md). What was recorded and what is simulated come in the same rows,
 * so both are added up by the same code. */
#ifndef SLUICE_CLI_REPLAY_ROWS_H
#define SLUICE_CLI_REPLAY_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/rc.h"
#include "base/span.h"
#include "store/store.h"

#define ROWS_MINUTES_MAX STORE_MINUTES_MAX
#define ROWS_CHANGES_MAX STORE_OUTCOMES_MAX

/* X(ID, "member of the row", how two rows of one minute become one: a mean weighted by their
 * seconds, a sum, or the larger one) */
#define ROWS_MAP(X)                                                                                \
    X(SECONDS, "seconds", SUM)                                                                     \
    X(READY, "ready", MEAN)                                                                        \
    X(PENDING, "pending", MEAN)                                                                    \
    X(WARM, "warm", MEAN)                                                                          \
    X(DESIRED, "desired", MEAN)                                                                    \
    X(IN_FLIGHT, "inFlight", MEAN)                                                                 \
    X(WAITING, "waiting", MEAN)                                                                    \
    X(WAITING_MAX, "waitingMax", MOST)                                                             \
    X(WAIT_MAX, "waitMax", MOST)                                                                   \
    X(ARRIVED, "arrived", SUM)                                                                     \
    X(COMPLETED, "completed", SUM)                                                                 \
    X(FAILED, "failed", SUM)                                                                       \
    X(REFUSED, "refused", SUM)                                                                     \
    X(GOOD, "good", SUM)                                                                           \
    X(PROMPT_TOKENS, "promptTokens", SUM)                                                          \
    X(OUTPUT_TOKENS, "outputTokens", SUM)                                                          \
    X(COST, "cost", SUM)
enum rows_column {
#define ROWS_ENUM(id, name, fold) ROWS_##id,
    ROWS_MAP(ROWS_ENUM)
#undef ROWS_ENUM
        ROWS_COLUMNS
};

struct rows_minute {
    int64_t minute;             /* since 1970 */
    int64_t begin_ns;           /* wall; later than the minute's begin where sluice started */
    double value[ROWS_COLUMNS]; /* NAN = unknown */
};
struct rows_change {
    int64_t wall_ns;
    int64_t from;
    int64_t to;
};
struct rows {
    char pool[NAME_SIZE];
    struct rows_minute *minute; /* by time after rows_sort() */
    size_t minute_count;
    size_t minute_cap;
    struct rows_change *change; /* likewise */
    size_t change_count;
    size_t change_cap;
};
void rows_done(struct rows *rows);
/* Takes a row of the minutes or the outcomes; others are passed over. RC_CORRUPT, RC_LIMIT,
 * RC_NO_MEMORY. */
enum rc rows_take(struct rows *rows, enum store_series series, int64_t wall_ns, struct span json,
                  struct diag *diag) MUST_CHECK;
/* Whether this minute was seen: it has a row, or nothing was and nothing came (of such minutes one
 * in ten has a row). After rows_sort(). */
bool rows_saw(const struct rows *rows, int64_t minute);
/* Puts them in order, rows of one minute together (a restart leaves two). */
void rows_sort(struct rows *rows);

/* What a run adds up to; NAN = unknown. */
struct rows_sum {
    int64_t minutes;
    double replica_hours; /* serving, starting and warm */
    double replicas_most; /* ready, mean of a minute */
    double cost;
    double requests;   /* that arrived */
    double missed;     /* ended without meeting every objective: late, failed or refused */
    double attainment; /* share of the ended that did */
    double wait_s_max; /* longest that a request waited in the queue, as ticks saw it */
    double waiting_max;
    int64_t scale_ups;
    int64_t scale_downs;
    int64_t reversals; /* changes of direction within ten minutes */
};
void rows_add_up(const struct rows *rows, struct rows_sum *ret);

#endif
