/* tally.h - what nobody else adds up: decisions, ticks, starts and failures, counted from what the
 * control step hands out, for /metrics. One owner, not thread-safe. */
#ifndef SLUICE_API_TALLY_H
#define SLUICE_API_TALLY_H

#include "api/counts.h"
#include "base/histogram.h"
#include "base/rc.h"
#include "reconcile/reconcile.h"

#define TALLY_SETS_MAX 4096      /* label sets of one counter */
#define TALLY_HISTOGRAMS_MAX 256 /* pools with start-up times of their own; the rest is "other" */
#define TALLY_PHASES (PHASE_COUNT + 1) /* the last one is the whole start */

struct tally_starts {
    char pool[NAME_SIZE];
    struct histogram phase[TALLY_PHASES];
};

struct tally {
    struct counts *ticks;     /* cause */
    struct counts *decisions; /* pool, direction, reason */
    struct counts *limited;   /* pool, reason; 1 in the last tick, 0 before */
    struct counts *failures;  /* pool, reason */
    struct counts *writes;    /* pool, result: orders to targets */
    struct counts *requests;  /* method, route, code: of the API */
    int64_t overruns;         /* times that ticks came too late */
    struct histogram tick_time;
    struct tally_starts **starts;
    size_t start_count;
    size_t start_cap;
};

enum rc tally_new(struct tally **ret) MUST_CHECK;
void tally_free(struct tally *tally);
void tally_action(struct tally *tally, const struct reconcile *reconcile,
                  const struct action *action);
const char *tally_phase_name(size_t phase); /* "total" for the last */
/* The entry about the serving count that spoke last; NULL when none did. */
const struct trail_entry *tally_last_word(const struct decision *decision);
bool tally_is_limit(const struct trail_entry *entry); /* a stage of doubt, pace or limits */

#endif
