/* engine_page.h - the metrics page of an emulated engine, with the names, labels and buckets of
 * vLLM 1.x.
 *
 * Times are those of the wall clock, as a client of the engine sees them. Plain data. */
#ifndef SLUICE_ENGINE_ENGINE_PAGE_H
#define SLUICE_ENGINE_ENGINE_PAGE_H

#include <stdint.h>

#include "base/mem.h"
#include "model/engine.h"

#define PAGE_BUCKETS_MAX 24

enum page_series {
    PAGE_FIRST_TOKEN,   /* request in to first token out */
    PAGE_INTER_TOKEN,   /* between tokens */
    PAGE_PER_TOKEN,     /* mean between tokens of one request */
    PAGE_END_TO_END,    /* request in to last token out */
    PAGE_QUEUE,         /* request in to first admission */
    PAGE_PREFILL,       /* first admission to first token */
    PAGE_DECODE,        /* first to last token */
    PAGE_PROMPT_TOKENS, /* of finished requests */
    PAGE_OUTPUT_TOKENS,
    PAGE_SERIES_COUNT,
};

struct engine_page {
    uint64_t bucket[PAGE_SERIES_COUNT][PAGE_BUCKETS_MAX]; /* not cumulative */
    double sum[PAGE_SERIES_COUNT];
    uint64_t count[PAGE_SERIES_COUNT];
    uint64_t stopped;
    uint64_t cut_by_length;
    uint64_t aborted;
};

void engine_page_record(struct engine_page *page, enum page_series series, double value);
void engine_page_record_many(struct engine_page *page, enum page_series series, double value,
                             uint64_t times);
void engine_page_print(const struct engine_page *page, const struct engine *engine,
                       const char *model, struct buf *out);

#endif
