#include "api/tally.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/mem.h"

/* Notes that tell of a replica lost, or of one that never came. */
static const char *const failure_codes[] = {"replica-failed", "replica-lost", "replica-overdue",
                                            "replica-refused", "replica-given-up"};

/* Notes that tell of an order to the target, and the word for it. */
static const struct {
    const char *code;
    const char *result;
} write_codes[] = {
    {"replica-starting", "start"}, {"replica-woken", "wake"},      {"replica-parked", "park"},
    {"replica-stopping", "stop"},  {"replica-refused", "refused"},
};

enum rc tally_new(struct tally **ret)
{
    struct tally *tally = mem_new(1, sizeof(*tally));
    if (tally == NULL)
        return RC_NO_MEMORY;
    tally->ticks = counts_new(1, TALLY_SETS_MAX);
    tally->decisions = counts_new(3, TALLY_SETS_MAX);
    tally->limited = counts_new(2, TALLY_SETS_MAX);
    tally->failures = counts_new(2, TALLY_SETS_MAX);
    tally->requests = counts_new(3, TALLY_SETS_MAX);
    tally->writes = counts_new(2, TALLY_SETS_MAX);
    if (tally->ticks == NULL || tally->decisions == NULL || tally->limited == NULL ||
        tally->failures == NULL || tally->requests == NULL || tally->writes == NULL) {
        tally_free(tally);
        return RC_NO_MEMORY;
    }
    *ret = tally;
    return RC_OK;
}

void tally_free(struct tally *tally)
{
    if (tally == NULL)
        return;
    counts_free(tally->ticks);
    counts_free(tally->decisions);
    counts_free(tally->limited);
    counts_free(tally->failures);
    counts_free(tally->requests);
    counts_free(tally->writes);
    for (size_t i = 0; i < tally->start_count; i++)
        free(tally->starts[i]);
    free(tally->starts);
    free(tally);
}

const char *tally_phase_name(size_t phase)
{
    return phase < PHASE_COUNT ? replica_phase_name((enum replica_phase)phase) : "total";
}

/* ---- decisions ---- */

bool tally_is_limit(const struct trail_entry *entry)
{
    return entry->stage >= STAGE_UNKNOWN && entry->stage != STAGE_WARM;
}

/* What the policy goes by, told behind what it asked for: no reason of the count. */
static bool is_background(const struct trail_entry *entry)
{
    return entry->reason == REASON_PANEL_BUDGET || entry->reason == REASON_PANEL_CHEAPER ||
           entry->reason == REASON_PANEL_CHEAPER_FLOOR || entry->reason == REASON_PANEL_MODEL;
}

const struct trail_entry *tally_last_word(const struct decision *decision)
{
    for (uint32_t i = decision->trail_count < TRAIL_MAX ? decision->trail_count : TRAIL_MAX;
         i-- > 0;)
        if (decision->trail[i].stage != STAGE_WARM && !is_background(&decision->trail[i]))
            return &decision->trail[i];
    return NULL;
}

static const char *reason_of(const struct decision *decision)
{
    const struct trail_entry *last = tally_last_word(decision);
    return reason_code((enum reason)(last != NULL ? last->reason : decision->proposal.reason));
}

static void count_decision(struct tally *tally, const char *pool, const struct decision *decision,
                           bool news)
{
    for (uint32_t i = 0; i < decision->trail_count && i < TRAIL_MAX; i++)
        if (tally_is_limit(&decision->trail[i]))
            counts_set(tally->limited,
                       (const char *[]){pool, reason_code((enum reason)decision->trail[i].reason)},
                       1);
    if (!news || decision->desired == decision->previous)
        return;
    counts_add(tally->decisions,
               (const char *[]){pool, decision->desired > decision->previous ? "up" : "down",
                                reason_of(decision)},
               1);
}

/* What limited a pool in its tick before does so no longer, unless it says so again. */
static void clear_limits(struct counts *limited, const char *pool)
{
    const char *labels[COUNTS_LABELS_MAX];
    double value;
    for (size_t i = 0; counts_at(limited, i, labels, &value); i++)
        if (value > 0 && strcmp(labels[0], pool) == 0)
            counts_set(limited, labels, 0);
}

static void count_tick(struct tally *tally, const struct tick_record *record)
{
    counts_add(tally->ticks,
               (const char *[]){tick_cause_name((enum tick_cause)record->observation->cause)}, 1);
    for (size_t i = 0; i < group_pool_count(record->spec); i++) {
        const char *pool = group_pool(record->spec, i)->name;
        clear_limits(tally->limited, pool);
        count_decision(tally, pool, &record->decision[i], (record->news >> i & 1) != 0);
    }
}

/* ---- starts ---- */

static struct tally_starts *starts_of(struct tally *tally, const char *pool)
{
    for (size_t i = 0; i < tally->start_count; i++)
        if (strcmp(tally->starts[i]->pool, pool) == 0)
            return tally->starts[i];
    if (tally->start_count == TALLY_HISTOGRAMS_MAX)
        return strcmp(pool, COUNTS_OTHER) == 0 ? NULL : starts_of(tally, COUNTS_OTHER);
    if (tally->start_count == TALLY_HISTOGRAMS_MAX - 1)
        pool = COUNTS_OTHER; /* the last place */
    void *array = tally->starts;
    struct tally_starts *starts = mem_new(1, sizeof(*starts));
    if (starts == NULL || mem_grow(&array, &tally->start_cap, tally->start_count + 1,
                                   sizeof(struct tally_starts *), TALLY_HISTOGRAMS_MAX) != RC_OK) {
        free(starts);
        return NULL;
    }
    (void)span_copy(span_from(pool), starts->pool, sizeof(starts->pool));
    tally->starts = array;
    tally->starts[tally->start_count++] = starts;
    return starts;
}

/* Adopted ones went through no phase that we saw. */
static bool is_start(const struct replica_row *row)
{
    bool seen = false;
    for (size_t phase = 0; phase < PHASE_COUNT; phase++)
        seen = seen || row->phase_ns[phase] != TIME_NONE;
    return seen && row->ready_ns != TIME_NONE && row->changed_ns == row->ready_ns;
}

/* A phase lasts until the next one that was seen, the last one until ready. */
static void count_start(struct tally *tally, const char *pool, const struct replica_row *row)
{
    struct tally_starts *starts = is_start(row) ? starts_of(tally, pool) : NULL;
    int64_t end_ns = row->ready_ns;
    if (starts == NULL)
        return;
    for (size_t phase = PHASE_COUNT; phase-- > 0;) {
        if (row->phase_ns[phase] == TIME_NONE)
            continue;
        histogram_record(&starts->phase[phase], seconds_of(end_ns - row->phase_ns[phase]), 1);
        end_ns = row->phase_ns[phase];
    }
    histogram_record(&starts->phase[PHASE_COUNT], seconds_of(row->ready_ns - row->ordered_ns), 1);
}

static void count_note(struct tally *tally, const struct reconcile *reconcile,
                       const struct action *action)
{
    struct pool_status status = {.name = ""};
    if (action->pool < reconcile_pool_count(reconcile))
        reconcile_pool_status(reconcile, action->pool, &status);
    const struct replica_row *row = reconcile_replica(reconcile, action->replica);
    if (strcmp(action->code, "replica-ready") == 0 && row != NULL)
        count_start(tally, status.name, row);
    if (strcmp(action->code, "ticks-skipped") == 0)
        tally->overruns++;
    for (size_t i = 0; i < COUNT_OF(write_codes); i++)
        if (strcmp(action->code, write_codes[i].code) == 0)
            counts_add(tally->writes, (const char *[]){status.name, write_codes[i].result}, 1);
    for (size_t i = 0; i < COUNT_OF(failure_codes); i++)
        if (strcmp(action->code, failure_codes[i]) == 0)
            counts_add(tally->failures, (const char *[]){status.name, action->code}, 1);
}

void tally_action(struct tally *tally, const struct reconcile *reconcile,
                  const struct action *action)
{
    switch (action->kind) {
    case ACTION_RECORD:
        count_tick(tally, action->record);
        return;
    case ACTION_NOTE:
        count_note(tally, reconcile, action);
        return;
    case ACTION_START:
    case ACTION_STOP:
    case ACTION_TELL:
        return;
    }
}
