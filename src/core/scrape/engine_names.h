/* engine_names.h - what an engine's metrics page may tell, and under which names. Tables only. */
#ifndef SLUICE_CORE_SCRAPE_ENGINE_NAMES_H
#define SLUICE_CORE_SCRAPE_ENGINE_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "core/signal.h"

/* How the series of one replica (data-parallel engines, models) are put together (FAULTS 16). */
enum engine_fold { ENGINE_SUM, ENGINE_MAX, ENGINE_MEAN };

/* X(ID, signal, fold of series) */
#define ENGINE_QUANTITY_MAP(X)                                                                     \
    X(WAITING, WAITING_REQUESTS, SUM)                                                              \
    X(RUNNING, RUNNING_REQUESTS, SUM)                                                              \
    X(KV_USAGE, KV_CACHE_USAGE, MAX)                                                               \
    X(PREFIX_HITS, PREFIX_HIT_RATIO, MEAN)                                                         \
    X(PREEMPTIONS, PREEMPTIONS, SUM)                                                               \
    X(PROMPT_TOKENS, PROMPT_TOKENS_PER_SECOND, SUM)                                                \
    X(OUTPUT_TOKENS, TOKENS_PER_SECOND, SUM)                                                       \
    X(FINISHED, REQUESTS_PER_SECOND, SUM)                                                          \
    X(ERRORS, ERROR_RATIO, SUM)                                                                    \
    X(TTFT, TTFT, SUM)                                                                             \
    X(ITL, ITL, SUM)                                                                               \
    X(E2E, E2E, SUM)                                                                               \
    X(QUEUE_TIME, QUEUE_TIME, SUM)

enum engine_quantity {
#define ENGINE_QUANTITY_ENUM(id, signal, fold) ENGINE_##id,
    ENGINE_QUANTITY_MAP(ENGINE_QUANTITY_ENUM)
#undef ENGINE_QUANTITY_ENUM
        ENGINE_QUANTITY_COUNT
};
#define ENGINE_LATENCY_FIRST ENGINE_TTFT
#define ENGINE_LATENCY_COUNT (ENGINE_QUANTITY_COUNT - ENGINE_LATENCY_FIRST)

struct engine_quantity_row {
    const char *name; /* of the enumerator, for tests */
    enum signal_id signal;
    enum engine_fold fold;
};
const struct engine_quantity_row *engine_quantity_row(enum engine_quantity quantity);

enum engine_part { ENGINE_LEAD, ENGINE_ADDED, ENGINE_DIVISOR };
enum engine_form { ENGINE_GAUGE, ENGINE_COUNTER, ENGINE_HISTOGRAM };

/* See engine_names.def. */
struct engine_name {
    const char *engine;
    struct span name;
    const char *label; /* "" = any series */
    const char *label_value;
    double scale;
    uint8_t quantity; /* enum engine_quantity */
    uint8_t rank;
    uint8_t part; /* enum engine_part */
    uint8_t form; /* enum engine_form */
};
extern const struct engine_name engine_names[];
extern const size_t engine_name_count;

/* Series of tensor- and pipeline-parallel ranks tell the same load: only rank 0 of these labels
 * counts. */
extern const char *const engine_rank_labels[];
extern const size_t engine_rank_label_count;

/* All of it as Markdown. */
struct buf;
void engine_reference_print(struct buf *out);

#endif
