/* metric_page.h - writing a page in Prometheus' text format (0.0.4) by the rows of metrics.def.
 *
 * Label values are escaped: no byte of them can end a line. NAN is left out: unknown is not zero.
 * The names of one page must be begun in the order of the rows, each once. */
#ifndef SLUICE_API_METRIC_PAGE_H
#define SLUICE_API_METRIC_PAGE_H

#include "api/counts.h"
#include "base/histogram.h"
#include "base/mem.h"

enum metric_type { METRIC_GAUGE, METRIC_COUNTER, METRIC_HISTOGRAM };
enum metric_id {
#define METRIC(id, name, type, unit, labels, help) METRIC_ID_##id,
#include "api/metrics.def"
#undef METRIC
    METRIC_COUNT
};
struct metric_row {
    const char *name; /* without the prefix */
    enum metric_type type;
    const char *unit;
    const char *labels; /* "pool,state" */
    const char *help;
};
#define METRIC_PREFIX "sluice_"
/* Rows from here on are names of others, without our prefix, and are not shown unless asked for. */
#define METRIC_GUIDE_FIRST METRIC_ID_GUIDE_REPLICAS
const char *metric_prefix(enum metric_id id);
extern const struct metric_row metric_rows[METRIC_COUNT];

struct metric_page {
    struct buf *out;
    enum metric_id current;
    bool begun;
};
/* Starts a metric: HELP and TYPE. */
void metric_begin(struct metric_page *page, enum metric_id id);
/* One value of it; labels in the order of the row, as many as it names (NULL when none). */
void metric_value(struct metric_page *page, const char *const *labels, double value);
void metric_plain(struct metric_page *page, enum metric_id id, double value); /* begin and value */
/* Cumulative buckets at powers of two from 2^-10 to 2^12, which are bounds of the histogram too: no
 * count is guessed. A NULL or empty histogram gives nothing. */
void metric_histogram(struct metric_page *page, const char *const *labels,
                      const struct histogram *histogram);
/* Every set of the counter; begin included. */
void metric_counts(struct metric_page *page, enum metric_id id, const struct counts *counts);

#endif
