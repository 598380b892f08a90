/* scrape.h - what one engine's metrics page says, and what has changed since the page before.
 *
 * Pure: the text of a page and what is kept of the last one come in, quantities with their doubts
 * come out. One `scrape` per replica; its owner frees it. Counters that fall have begun anew, and
 * so have all of them when the process start time changes; the first page gives no growth. */
#ifndef SLUICE_CORE_SCRAPE_SCRAPE_H
#define SLUICE_CORE_SCRAPE_SCRAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/duration.h"
#include "base/mem.h"
#include "base/prom_text.h"
#include "core/scrape/buckets.h"
#include "core/scrape/engine_names.h"

/* Growth over a longer gap says nothing about now: as if there had been no page before. */
#define SCRAPE_GAP_MAX_NS (2 * MINUTE_NS)
/* Work waits or runs, and no counter has moved for so long: the engine hangs, or its page does not
 * tell (FAULTS 7). Longer than the prefill of the longest prompts. */
#define SCRAPE_FROZEN_NS (60 * SECOND_NS)

struct scrape_number {
    struct scrape_number *next;
    uint64_t series;
    double value;
    uint16_t name; /* index in engine_names */
};
struct scrape_histogram {
    struct scrape_histogram *next;
    uint64_t series;
    uint16_t name;
    uint16_t count;
    bool broken; /* too many buckets, or a bound that stands twice */
    bool has_total;
    double total;
    double bound[SCRAPE_BUCKETS_MAX];
    double cumulative[SCRAPE_BUCKETS_MAX];
};
struct scrape_page {
    struct arena arena;
    struct scrape_number *number; /* newest first, as the next */
    size_t number_count;
    struct scrape_histogram *histogram;
    size_t histogram_count;
    double started_s; /* process_start_time_seconds; NaN = not told */
    double newest_s;  /* newest timestamp of what was read; NaN = none */
    bool full;        /* has more than is kept, or memory is out */
};

struct scrape {
    struct scrape_page page[2];
    size_t newest;       /* index of the last good page */
    int64_t at_ns;       /* when that came; TIME_NONE = none yet */
    int64_t moved_ns;    /* when a counter last moved, or nothing was to do */
    int64_t advanced_ns; /* when a timestamp on the page last advanced */
};
void scrape_init(struct scrape *s);
void scrape_done(struct scrape *s);

/* Why a quantity is not known although it stands on the page. */
enum scrape_doubt {
    SCRAPE_SURE,
    SCRAPE_NAN,      /* NaN or infinite (FAULTS 8, 9) */
    SCRAPE_NEGATIVE, /* FAULTS 10 */
    SCRAPE_ABSURD,   /* above all that it can be; a ratio in percent (FAULTS 11, 19) */
    SCRAPE_BROKEN,   /* a histogram that contradicts itself (FAULTS 14) */
    SCRAPE_FROZEN,   /* FAULTS 7 */
    SCRAPE_STALE,    /* the page's own timestamps stand still */
};
const char *scrape_doubt_words(enum scrape_doubt doubt);

struct scrape_value {
    enum signal_state state;
    enum scrape_doubt doubt;
    double value;  /* level or ratio; growth since the last page for amounts */
    double weight; /* what a ratio of amounts was divided by, else 1 */
    int name;      /* index of the LEAD name that counts; -1 = no name on the page */
};
struct scrape_result {
    struct scrape_value value[ENGINE_QUANTITY_COUNT]; /* latencies: state and doubt only */
    struct buckets latency[ENGINE_LATENCY_COUNT];     /* by quantity - ENGINE_LATENCY_FIRST */
    int64_t span_ns;                                  /* since the last page; 0 = none */
    bool restarted;
    size_t repeated; /* series that stood twice on the page; the last one counts */
};

/* What came for one request. */
struct scrape_body {
    struct span text;
    enum prom_format format;
    bool whole;     /* see struct prom_reader */
    int64_t now_ns; /* when it was read; any monotonic axis */
};
/* seen: memory for the reader of the page. A page that is refused changes nothing: RC_SYNTAX,
 * RC_LIMIT and others as from prom_parse(). */
enum rc scrape_take(struct scrape *s, const struct scrape_body *body, struct prom_seen seen,
                    struct scrape_result *ret, struct diag *diag) MUST_CHECK;

#endif
