#include "core/scrape/scrape_page.h"

#include <math.h>
#include <string.h>

#include "base/num.h"

#define PAGE_MEMORY_MAX ((size_t)512 << 10)
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

void scrape_page_init(struct scrape_page *page)
{
    *page = (struct scrape_page){.started_s = NAN, .newest_s = NAN};
    arena_init(&page->arena, PAGE_MEMORY_MAX);
}

void scrape_page_done(struct scrape_page *page)
{
    arena_done(&page->arena);
    scrape_page_init(page);
}

static void clear(struct scrape_page *page)
{
    arena_clear(&page->arena);
    page->number = NULL;
    page->histogram = NULL;
    page->number_count = page->histogram_count = 0;
    page->started_s = page->newest_s = NAN;
    page->full = false;
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

struct scrape_number *scrape_page_number(const struct scrape_page *page, size_t name,
                                         uint64_t series)
{
    for (struct scrape_number *n = page->number; n; n = n->next)
        if (n->name == name && n->series == series)
            return n;
    return NULL;
}

/* Lines of one histogram follow each other, and the newest is the first. */
struct scrape_histogram *scrape_page_histogram(const struct scrape_page *page, size_t name,
                                               uint64_t series)
{
    for (struct scrape_histogram *h = page->histogram; h; h = h->next)
        if (h->name == name && h->series == series)
            return h;
    return NULL;
}

bool scrape_page_has(const struct scrape_page *page, size_t name)
{
    for (const struct scrape_number *n = page->number; n; n = n->next)
        if (n->name == name)
            return true;
    for (const struct scrape_histogram *h = page->histogram; h; h = h->next)
        if (h->name == name && h->count > 0)
            return true;
    return false;
}

/* NULL: the page is full. */
static void *place(struct scrape_page *page, size_t *count, size_t max, size_t size)
{
    void *bytes = *count < max ? arena_alloc(&page->arena, size) : NULL;
    if (bytes)
        ++*count;
    else
        page->full = true;
    return bytes;
}

static void put_number(struct scrape_page *page, uint16_t name, const struct prom_sample *s)
{
    const char *label = engine_names[name].label;
    const uint64_t series = prom_labels_hash(s->label, s->label_count, label);
    /* Of a series that comes twice the last one counts (FAULTS 15). */
    struct scrape_number *n = s->repeated ? scrape_page_number(page, name, series) : NULL;
    if (!n) {
        n = place(page, &page->number_count, SCRAPE_NUMBERS_MAX, sizeof(*n));
        if (!n)
            return;
        *n = (struct scrape_number){.next = page->number, .series = series, .name = name};
        page->number = n;
    }
    n->value = s->value;
}

static struct scrape_histogram *histogram_of(struct scrape_page *page, uint16_t name,
                                             uint64_t series)
{
    struct scrape_histogram *h = scrape_page_histogram(page, name, series);
    if (h)
        return h;
    h = place(page, &page->histogram_count, SCRAPE_HISTOGRAMS_MAX, sizeof(*h));
    if (!h)
        return NULL;
    h->next = page->histogram;
    h->series = series;
    h->name = name;
    page->histogram = h;
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
    clear(page);
    const enum rc rc = prom_parse(text, &reader, ret_counts, diag);
    if (rc != RC_OK)
        return rc;
    if (page->full)
        return fail(diag, RC_LIMIT,
                    "the page has more series of one engine than are read: %u "
                    "numbers, %u histograms",
                    SCRAPE_NUMBERS_MAX, SCRAPE_HISTOGRAMS_MAX);
    return RC_OK;
}
