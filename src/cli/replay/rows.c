#include "cli/replay/rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/mem.h"
#include "base/tree.h"

#define ROW_BYTES_MAX ((size_t)64 << 10) /* of one row as a tree */
#define REST_EVERY 10                    /* of minutes at rest one row (control/accounts.h) */
#define REVERSAL_NS (10 * MINUTE_NS)     /* as the simulator counts them */

enum fold { FOLD_ROWS_SUM, FOLD_ROWS_MEAN, FOLD_ROWS_MOST };
static const struct {
    const char *name;
    enum fold fold;
} columns[ROWS_COLUMNS] = {
#define ROWS_ROW(id, name_, fold_) [ROWS_##id] = {(name_), FOLD_ROWS_##fold_},
    ROWS_MAP(ROWS_ROW)
#undef ROWS_ROW
};

void rows_done(struct rows *rows)
{
    free(rows->minute);
    free(rows->change);
    *rows = (struct rows){.minute_count = 0};
}

/* ---- in ---- */

static enum rc take_minute(struct rows *rows, int64_t wall_ns, const struct tree *json)
{
    const enum rc rc = mem_grow((void **)&rows->minute, &rows->minute_cap, rows->minute_count + 1,
                                sizeof(*rows->minute), ROWS_MINUTES_MAX);
    if (rc != RC_OK)
        return rc;
    struct rows_minute *minute = &rows->minute[rows->minute_count++];
    minute->minute = wall_ns / MINUTE_NS;
    minute->begin_ns = wall_ns;
    for (size_t i = 0; i < ROWS_COLUMNS; i++) {
        minute->value[i] = NAN;
        (void)tree_number(tree_get(json, columns[i].name), &minute->value[i]); /* stays unknown */
    }
    return RC_OK;
}

static enum rc take_change(struct rows *rows, int64_t wall_ns, const struct tree *json)
{
    const enum rc rc = mem_grow((void **)&rows->change, &rows->change_cap, rows->change_count + 1,
                                sizeof(*rows->change), ROWS_CHANGES_MAX);
    if (rc != RC_OK)
        return rc;
    struct rows_change change = {.wall_ns = wall_ns};
    if (!tree_int(tree_get(json, "from"), &change.from) ||
        !tree_int(tree_get(json, "to"), &change.to))
        return RC_CORRUPT;
    rows->change[rows->change_count++] = change;
    return RC_OK;
}

enum rc rows_take(struct rows *rows, enum store_series series, int64_t wall_ns, struct span json,
                  struct diag *diag)
{
    struct arena arena;
    const struct tree *tree = NULL;
    arena_init(&arena, ROW_BYTES_MAX);
    enum rc rc = json_read(&arena, json, NULL, &tree, diag);
    if (rc != RC_OK || tree->kind != TREE_OBJECT)
        rc = fail(diag, RC_CORRUPT, "a row of the %s of pool \"%s\" cannot be read",
                  store_series_name(series), rows->pool);
    else if (series == SERIES_MINUTE)
        rc = take_minute(rows, wall_ns, tree);
    else if (series == SERIES_OUTCOME)
        rc = take_change(rows, wall_ns, tree);
    arena_done(&arena);
    if (rc != RC_OK && (diag == NULL || diag->code == RC_OK))
        rc = fail(diag, rc, "the %s of pool \"%s\": %s", store_series_name(series), rows->pool,
                  rc_words(rc));
    return rc;
}

/* ---- in order ---- */

static int minute_order(const void *a, const void *b)
{
    const struct rows_minute *x = a;
    const struct rows_minute *y = b;
    return (x->begin_ns > y->begin_ns) - (x->begin_ns < y->begin_ns);
}

static int change_order(const void *a, const void *b)
{
    const struct rows_change *x = a;
    const struct rows_change *y = b;
    return (x->wall_ns > y->wall_ns) - (x->wall_ns < y->wall_ns);
}

static double fold_two(enum fold fold, double a, double a_seconds, double b, double b_seconds)
{
    switch (fold) {
    case FOLD_ROWS_SUM:
        return a + b;
    case FOLD_ROWS_MOST:
        return fmax(a, b);
    case FOLD_ROWS_MEAN:
        if (isnan(a) || isnan(b) || !(a_seconds + b_seconds > 0))
            return isnan(a) ? b : a;
        return (a * a_seconds + b * b_seconds) / (a_seconds + b_seconds);
    }
    return NAN;
}

static void join(struct rows_minute *into, const struct rows_minute *other)
{
    const double seconds = into->value[ROWS_SECONDS];
    for (size_t i = 0; i < ROWS_COLUMNS; i++)
        into->value[i] = fold_two(columns[i].fold, into->value[i], seconds, other->value[i],
                                  other->value[ROWS_SECONDS]);
}

void rows_sort(struct rows *rows)
{
    if (rows->minute_count > 1)
        qsort(rows->minute, rows->minute_count, sizeof(*rows->minute), minute_order);
    if (rows->change_count > 1)
        qsort(rows->change, rows->change_count, sizeof(*rows->change), change_order);
    size_t kept = 0;
    for (size_t i = 0; i < rows->minute_count; i++) {
        if (kept > 0 && rows->minute[kept - 1].minute == rows->minute[i].minute)
            join(&rows->minute[kept - 1], &rows->minute[i]);
        else
            rows->minute[kept++] = rows->minute[i];
    }
    rows->minute_count = kept;
}

static bool rests(const struct rows_minute *minute)
{
    const double *v = minute->value;
    return v[ROWS_READY] + v[ROWS_PENDING] + v[ROWS_DESIRED] + v[ROWS_ARRIVED] <= 0;
}

bool rows_saw(const struct rows *rows, int64_t minute)
{
    size_t low = 0; /* rows before it are not later than the minute */
    size_t high = rows->minute_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (rows->minute[middle].minute <= minute)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return false;
    const struct rows_minute *before = &rows->minute[low - 1];
    return before->minute == minute || (rests(before) && minute - before->minute < REST_EVERY);
}

/* ---- out ---- */

static void add_changes(const struct rows *rows, struct rows_sum *ret)
{
    int last = 0;
    int64_t last_ns = 0;
    for (size_t i = 0; i < rows->change_count; i++) {
        const struct rows_change *change = &rows->change[i];
        const int direction = (change->to > change->from) - (change->to < change->from);
        if (direction == 0)
            continue;
        ret->scale_ups += direction > 0;
        ret->scale_downs += direction < 0;
        ret->reversals += last == -direction && change->wall_ns - last_ns <= REVERSAL_NS;
        last = direction;
        last_ns = change->wall_ns;
    }
}

void rows_add_up(const struct rows *rows, struct rows_sum *ret)
{
    double ended = 0;
    double good = 0;
    *ret = (struct rows_sum){.minutes = (int64_t)rows->minute_count,
                             .replicas_most = NAN,
                             .wait_s_max = NAN,
                             .waiting_max = NAN};
    for (size_t i = 0; i < rows->minute_count; i++) {
        const double *v = rows->minute[i].value;
        ret->replica_hours +=
            (v[ROWS_READY] + v[ROWS_PENDING] + v[ROWS_WARM]) * v[ROWS_SECONDS] / 3600;
        ret->cost += v[ROWS_COST];
        ret->requests += v[ROWS_ARRIVED];
        ended += v[ROWS_COMPLETED] + v[ROWS_FAILED] + v[ROWS_REFUSED];
        good += v[ROWS_GOOD];
        ret->replicas_most = fmax(ret->replicas_most, v[ROWS_READY]);
        ret->wait_s_max = fmax(ret->wait_s_max, v[ROWS_WAIT_MAX]);
        ret->waiting_max = fmax(ret->waiting_max, v[ROWS_WAITING_MAX]);
    }
    ret->missed = ended - good;
    ret->attainment = ended > 0 ? good / ended : (double)NAN;
    add_changes(rows, ret);
}
