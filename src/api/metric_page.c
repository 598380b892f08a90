#include "api/metric_page.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "base/utf8.h"

#define BOUND_FIRST (-10) /* powers of two: 1 ms ... */
#define BOUND_LAST 12     /* ... to 68 min */

const struct metric_row metric_rows[METRIC_COUNT] = {
#define METRIC(id, name_, type_, unit_, labels_, help_)                                            \
    [METRIC_ID_##id] = {.name = (name_),                                                           \
                        .type = METRIC_##type_,                                                    \
                        .unit = (unit_),                                                           \
                        .labels = (labels_),                                                       \
                        .help = (help_)},
#include "api/metrics.def"
#undef METRIC
};

static const char *const type_names[] = {
    [METRIC_GAUGE] = "gauge", [METRIC_COUNTER] = "counter", [METRIC_HISTOGRAM] = "histogram"};

const char *metric_prefix(enum metric_id id)
{
    return id < METRIC_GUIDE_FIRST ? METRIC_PREFIX : "";
}

/* As the format wants it; other control bytes and broken UTF-8 have no escape there and become "?".
 */
static void put_label_value(struct buf *out, const char *text)
{
    struct span rest = span_from(text);
    while (rest.len > 0) {
        const unsigned char c = (unsigned char)rest.ptr[0];
        const size_t len = utf8_length(rest.ptr, rest.len);
        if (c == '\\' || c == '"') {
            buf_byte(out, '\\');
            buf_byte(out, (char)c);
        } else if (c == '\n') {
            buf_text(out, "\\n");
        } else if (len == 0 || c < 0x20 || c == 0x7f) {
            buf_byte(out, '?');
        } else {
            buf_append(out, rest.ptr, len);
        }
        rest = span_slice(rest, len > 0 ? len : 1, rest.len);
    }
}

static void put_help(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\\')
            buf_byte(out, '\\');
        buf_byte(out, *text);
    }
}

/* `more` is a further pair, as it stands; NULL = none. */
static void put_labels(struct metric_page *page, const char *const *labels, const char *more)
{
    struct span names = span_from(metric_rows[page->current].labels);
    struct span name;
    size_t count = 0;
    while (names.len > 0 && span_split(&names, ',', &name)) {
        buf_byte(page->out, count == 0 ? '{' : ',');
        buf_span(page->out, name);
        buf_text(page->out, "=\"");
        /* Rows without labels have no name here.
         * NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
        put_label_value(page->out, labels[count++]);
        buf_byte(page->out, '"');
    }
    if (more != NULL) {
        buf_byte(page->out, count++ == 0 ? '{' : ',');
        buf_text(page->out, more);
    }
    if (count > 0)
        buf_byte(page->out, '}');
}

static void put_name(struct metric_page *page, const char *suffix)
{
    buf_text(page->out, metric_prefix(page->current));
    buf_text(page->out, metric_rows[page->current].name);
    buf_text(page->out, suffix);
}

static void put_value(struct metric_page *page, double value)
{
    buf_byte(page->out, ' ');
    buf_number(page->out, value);
    buf_byte(page->out, '\n');
}

void metric_begin(struct metric_page *page, enum metric_id id)
{
    assert(!page->begun || id > page->current);
    page->current = id;
    page->begun = true;
    buf_text(page->out, "# HELP ");
    put_name(page, " ");
    put_help(page->out, metric_rows[id].help);
    buf_text(page->out, "\n# TYPE ");
    put_name(page, " ");
    buf_text(page->out, type_names[metric_rows[id].type]);
    buf_byte(page->out, '\n');
}

void metric_value(struct metric_page *page, const char *const *labels, double value)
{
    if (isnan(value))
        return;
    put_name(page, "");
    put_labels(page, labels, NULL);
    put_value(page, value);
}

void metric_plain(struct metric_page *page, enum metric_id id, double value)
{
    metric_begin(page, id);
    metric_value(page, NULL, value);
}

void metric_histogram(struct metric_page *page, const char *const *labels,
                      const struct histogram *histogram)
{
    double below = 0;
    size_t next = 0;
    if (histogram == NULL || histogram->count <= 0)
        return;
    for (int power = BOUND_FIRST; power <= BOUND_LAST; power++) {
        const double bound = power < 0 ? 1.0 / (double)(1 << -power) : (double)(1 << power);
        char text[NUM_TEXT_MAX];
        char pair[NUM_TEXT_MAX + 8];
        for (; next < HISTOGRAM_BUCKETS - 1 && histogram_bound(next) <= bound; next++)
            below += histogram->bucket[next];
        (void)num_print(bound, text);
        (void)snprintf(pair, sizeof(pair), "le=\"%s\"", text);
        put_name(page, "_bucket");
        put_labels(page, labels, pair);
        put_value(page, below);
    }
    for (; next < HISTOGRAM_BUCKETS; next++)
        below += histogram->bucket[next];
    put_name(page, "_bucket");
    put_labels(page, labels, "le=\"+Inf\"");
    put_value(page, below);
    put_name(page, "_sum");
    put_labels(page, labels, NULL);
    put_value(page, histogram->sum);
    put_name(page, "_count");
    put_labels(page, labels, NULL);
    put_value(page, below); /* the sum of the buckets: weights may be rounded otherwise */
}

void metric_counts(struct metric_page *page, enum metric_id id, const struct counts *counts)
{
    const char *labels[COUNTS_LABELS_MAX] = {NULL};
    double value;
    metric_begin(page, id);
    for (size_t i = 0; counts_at(counts, i, labels, &value); i++)
        metric_value(page, labels, value);
}
