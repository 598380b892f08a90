/* fuzz_prom_text.c - the reader of metrics pages: what is handed over lies inside the page, a
 * second reading says the same, and a page is refused with a place inside it. The first byte
 * chooses format and proof of the end. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/prom_text.h"

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

#define SLOTS 4096U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct page {
    struct span text;
    size_t samples;
    uint64_t hash;
};

static void check_string(struct prom_string s, struct span text)
{
    CHECK(s.raw.len == 0 ||
          (s.raw.ptr >= text.ptr && s.raw.ptr + s.raw.len <= text.ptr + text.len));
    char copy[64];
    CHECK(prom_string_copy(s, copy, sizeof(copy)) <= s.raw.len);
    if (s.raw.len < sizeof(copy) && !memchr(s.raw.ptr, '\0', s.raw.len))
        CHECK(prom_string_is(s, copy));
}

static void take_sample(void *context, const struct prom_sample *s)
{
    struct page *page = context;
    page->samples++;
    page->hash = page->hash * 31 + s->series;
    CHECK(s->name.raw.len > 0);
    CHECK(s->label_count <= PROM_LABELS_MAX);
    check_string(s->name, page->text);
    for (size_t i = 0; i < s->label_count; i++) {
        check_string(s->label[i].name, page->text);
        check_string(s->label[i].value, page->text);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint64_t slots[SLOTS];
    if (size == 0)
        return 0;
    const struct span text = span_of(data + 1, size - 1);
    uint64_t hash[2] = {0, 0};
    enum rc rc[2] = {RC_OK, RC_OK};
    for (size_t i = 0; i < 2; i++) {
        struct page page = {.text = text};
        const struct prom_reader reader = {.format = data[0] & 1 ? PROM_OPENMETRICS : PROM_TEXT,
                                           .whole = data[0] & 2,
                                           .seen = {slots, SLOTS},
                                           .on_sample = take_sample,
                                           .context = &page};
        struct prom_counts counts;
        struct diag diag = {.code = RC_OK};
        rc[i] = prom_parse(text, &reader, &counts, &diag);
        hash[i] = page.hash;
        CHECK(rc[i] != RC_OK || counts.samples == page.samples);
        CHECK(rc[i] == RC_OK || rc[i] == RC_LIMIT || diag.column >= 1);
        CHECK(rc[i] == RC_OK || diag.column <= size + 1);
    }
    CHECK(hash[0] == hash[1] && rc[0] == rc[1]);
    return 0;
}
