#include "core/scrape/scrape_page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"

#define MEANINGS_MAX 8 /* names of the table that one sample may stand for */
#define START_TIME "process_start_time_seconds"

enum meaning_kind { MEANS_NUMBER, MEANS_BUCKET, MEANS_TOTAL };

/* What a sample of this name stands for. Lines of one name follow each other, so the last answer is
 * kept. */
struct meanings {
    struct span name;
    size_t count;
    struct meaning {
        uint16_t name;
        uint8_t kind;
    } of[MEANINGS_MAX];
};
struct page_reading {
    struct scrape_page *page;
    struct meanings meanings;
};

void scrape_page_clear(struct scrape_page *page)
{
    page->number_count = page->histogram_count = 0;
    page->started_s = page->newest_s = NAN;
    page->short_of_memory = false;
}

void scrape_page_done(struct scrape_page *page)
{
    free(page->number);
    free(page->histogram);
    *page = (struct scrape_page){.started_s = NAN, .newest_s = NAN};
}

/* "NAME" or "NAME_bucket", "NAME_count" of a histogram. */
static bool kind_of(const struct engine_name *row, struct span name, uint8_t *ret)
{
    if (name.len < row->name.len || memcmp(name.ptr, row->name.ptr, row->name.len) != 0)
        return false;
    const struct span suffix = span_slice(name, row->name.len, name.len);
    *ret = MEANS_NUMBER;
    if (row->form != ENGINE_HISTOGRAM)
        return suffix.len == 0;
    *ret = MEANS_BUCKET;
    if (span_equal_text(suffix, "_bucket"))
        return true;
    *ret = MEANS_TOTAL;
    return span_equal_text(suffix, "_count");
}

static const struct meanings *look_up(struct page_reading *r, struct span name)
{
    struct meanings *m = &r->meanings;
    if (span_equal(m->name, name))
        return m;
    m->name = name;
    m->count = 0;
    for (size_t i = 0; i < engine_name_count && m->count < MEANINGS_MAX; i++) {
        uint8_t kind = MEANS_NUMBER;
        if (kind_of(&engine_names[i], name, &kind))
            m->of[m->count++] = (struct meaning){(uint16_t)i, kind};
    }
    return m;
}

static const struct prom_label *find_label(const struct prom_sample *s, const char *name)
{
    for (size_t i = 0; i < s->label_count; i++)
        if (prom_string_is(s->label[i].name, name))
            return &s->label[i];
    return NULL;
}

static bool of_first_rank(const struct prom_sample *s)
{
    for (size_t i = 0; i < engine_rank_label_count; i++) {
        const struct prom_label *label = find_label(s, engine_rank_labels[i]);
        if (label && label->value.raw.len > 0 && !prom_string_is(label->value, "0"))
            return false;
    }
    return true;
}

static bool is_selected(const struct engine_name *row, const struct prom_sample *s)
{
    if (row->label[0] == '\0')
        return true;
    const struct prom_label *label = find_label(s, row->label);
    return label && prom_string_is(label->value, row->label_value);
}

const struct scrape_number *scrape_page_number(const struct scrape_page *page, size_t name,
                                               uint64_t series)
{
    for (size_t i = 0; i < page->number_count; i++)
        if (page->number[i].name == name && page->number[i].series == series)
            return &page->number[i];
    return NULL;
}

const struct scrape_histogram *scrape_page_histogram(const struct scrape_page *page, size_t name,
                                                     uint64_t series)
{
    /* From the end: the lines of one histogram follow each other. */
    for (size_t i = page->histogram_count; i > 0; i--)
        if (page->histogram[i - 1].name == name && page->histogram[i - 1].series == series)
            return &page->histogram[i - 1];
    return NULL;
}

bool scrape_page_has(const struct scrape_page *page, size_t name)
{
    for (size_t i = 0; i < page->number_count; i++)
        if (page->number[i].name == name)
            return true;
    for (size_t i = 0; i < page->histogram_count; i++)
        if (page->histogram[i].name == name && page->histogram[i].count > 0)
            return true;
    return false;
}

static void put_number(struct scrape_page *page, uint16_t name, const struct prom_sample *s)
{
    const char *label = engine_names[name].label;
    const uint64_t series = prom_labels_hash(s->label, s->label_count, label);
    size_t at = page->number_count;
    if (s->repeated) { /* the last one counts (FAULTS 15) */
        const struct scrape_number *old = scrape_page_number(page, name, series);
        at = old ? (size_t)(old - page->number) : at;
    }
    void *array = page->number;
    if (mem_grow(&array, &page->number_cap, at + 1, sizeof(*page->number), SCRAPE_NUMBERS_MAX) !=
        RC_OK) {
        page->short_of_memory = true;
        return;
    }
    page->number = array;
    page->number[at] = (struct scrape_number){series, s->value, name};
    page->number_count += at == page->number_count;
}

static struct scrape_histogram *histogram_of(struct scrape_page *page, uint16_t name,
                                             uint64_t series)
{
    const struct scrape_histogram *old = scrape_page_histogram(page, name, series);
    if (old)
        return &page->histogram[old - page->histogram];
    void *array = page->histogram;
    if (mem_grow(&array, &page->histogram_cap, page->histogram_count + 1, sizeof(*page->histogram),
                 SCRAPE_HISTOGRAMS_MAX) != RC_OK) {
        page->short_of_memory = true;
        return NULL;
    }
    page->histogram = array;
    struct scrape_histogram *h = &page->histogram[page->histogram_count++];
    h->series = series;
    h->name = name;
    h->count = 0;
    h->broken = h->has_total = false;
    h->total = 0;
    return h;
}

/* Buckets are kept in the order of their bounds, however they stand on the page. */
static void put_bucket(struct scrape_page *page, uint16_t name, const struct prom_sample *s)
{
    const struct prom_label *le = find_label(s, "le");
    const uint64_t series = prom_labels_hash(s->label, s->label_count, "le");
    struct scrape_histogram *h = histogram_of(page, name, series);
    double bound = NAN;
    if (!h)
        return;
    if (!le || num_parse_prometheus(le->value.raw, &bound) != RC_OK || isnan(bound)) {
        h->broken = true;
        return;
    }
    size_t at = h->count;
    while (at > 0 && h->bound[at - 1] > bound)
        at--;
    if (at > 0 && !(h->bound[at - 1] < bound)) { /* there already: the last one counts */
        h->cumulative[at - 1] = s->value;
        return;
    }
    if (h->count == SCRAPE_BUCKETS_MAX) {
        h->broken = true;
        return;
    }
    const size_t behind = (h->count - at) * sizeof(double);
    memmove(&h->bound[at + 1], &h->bound[at], behind);
    memmove(&h->cumulative[at + 1], &h->cumulative[at], behind);
    h->bound[at] = bound;
    h->cumulative[at] = s->value;
    h->count++;
}

static void put_total(struct scrape_page *page, uint16_t name, const struct prom_sample *s)
{
    const uint64_t series = prom_labels_hash(s->label, s->label_count, "le");
    struct scrape_histogram *h = histogram_of(page, name, series);
    if (!h)
        return;
    h->has_total = true;
    h->total = s->value;
}

static void take_sample(void *context, const struct prom_sample *s)
{
    struct page_reading *r = context;
    struct scrape_page *page = r->page;
    if (s->native.len > 0)
        return;
    if (prom_string_is(s->name, START_TIME)) {
        page->started_s = s->value;
        return;
    }
    const struct meanings *m = look_up(r, s->name.raw);
    if (m->count == 0 || !of_first_rank(s))
        return;
    if (s->timed)
        page->newest_s = fmax(page->newest_s, s->timestamp_s); /* of NaN and x it is x */
    for (size_t i = 0; i < m->count; i++) {
        if (!is_selected(&engine_names[m->of[i].name], s))
            continue;
        if (m->of[i].kind == MEANS_NUMBER)
            put_number(page, m->of[i].name, s);
        else if (m->of[i].kind == MEANS_BUCKET)
            put_bucket(page, m->of[i].name, s);
        else
            put_total(page, m->of[i].name, s);
    }
}

enum rc scrape_page_read(struct scrape_page *page, struct span text, const struct prom_reader *how,
                         struct prom_counts *ret_counts, struct diag *diag)
{
    struct page_reading reading = {.page = page};
    struct prom_reader reader = *how;
    reader.on_sample = take_sample;
    reader.context = &reading;
    scrape_page_clear(page);
    const enum rc rc = prom_parse(text, &reader, ret_counts, diag);
    if (rc != RC_OK)
        return rc;
    if (page->short_of_memory)
        return fail(diag, RC_LIMIT,
                    "the page has more series of one engine than are read: %u "
                    "numbers, %u histograms",
                    SCRAPE_NUMBERS_MAX, SCRAPE_HISTOGRAMS_MAX);
    return RC_OK;
}
