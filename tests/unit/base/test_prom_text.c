/* test_prom_text.c - the reader of metrics pages. The corpora of other readers are played by the
 * conformance suites; here are limits, faults of the catalogue and what is handed over. */
#include "base/prom_text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#include <cmocka.h>

#define SEEN_SLOTS 1024U

struct page {
    uint64_t slot[SEEN_SLOTS];
    struct prom_counts counts;
    struct diag diag;
    size_t taken;
    double sum;
    struct prom_sample last;
    char name[64];
    char value[64]; /* of the first label */
};

static void take_sample(void *context, const struct prom_sample *s)
{
    struct page *page = context;
    page->taken++;
    page->sum += isfinite(s->value) ? s->value : 0;
    page->last = *s;
    (void)prom_string_copy(s->name, page->name, sizeof(page->name));
    if (s->label_count > 0)
        (void)prom_string_copy(s->label[0].value, page->value, sizeof(page->value));
}

static enum rc read_span(struct span text, enum prom_format format, bool whole, struct page *page)
{
    memset(page, 0, sizeof(*page));
    const struct prom_reader reader = {.format = format,
                                       .whole = whole,
                                       .seen = {page->slot, SEEN_SLOTS},
                                       .on_sample = take_sample,
                                       .context = page};
    return prom_parse(text, &reader, &page->counts, &page->diag);
}

static enum rc read_text(const char *text, struct page *page)
{
    return read_span(span_from(text), PROM_TEXT, true, page);
}

static enum rc read_openmetrics(const char *text, struct page *page)
{
    return read_span(span_from(text), PROM_OPENMETRICS, true, page);
}

static void a_sample_is_handed_over_with_name_labels_value_and_time(void **state)
{
    (void)state;
    struct page page;
    assert_int_equal(read_text("# TYPE a histogram\na_bucket{le=\"0.5\",m=\"x\"} 3 1500\n", &page),
                     RC_OK);
    assert_int_equal(page.taken, 1);
    assert_string_equal(page.name, "a_bucket");
    assert_string_equal(page.value, "0.5");
    assert_int_equal(page.last.label_count, 2);
    assert_int_equal(page.last.type, PROM_HISTOGRAM);
    assert_true(page.last.timed);
    assert_float_equal(page.last.timestamp_s, 1.5, 1e-12);
    assert_float_equal(page.last.value, 3, 0);
    assert_int_equal(page.last.line, 2);
}

static void an_exemplar_comes_with_its_sample(void **state)
{
    (void)state;
    struct page page;
    const char *text = "# TYPE a counter\na_total{b=\"c\"} 4 2.5 # {id=\"7\"} 0.5 1.25\n# EOF\n";
    assert_int_equal(read_openmetrics(text, &page), RC_OK);
    assert_true(page.last.has_exemplar);
    assert_float_equal(page.last.exemplar.value, 0.5, 0);
    assert_float_equal(page.last.exemplar.timestamp_s, 1.25, 0);
    assert_float_equal(page.last.timestamp_s, 2.5, 0);
}

static void fault_03_a_page_that_is_cut_anywhere_is_refused(void **state)
{
    (void)state;
    static const char text[] = "# TYPE a gauge\n# HELP a h\na{b=\"c\"} 12\na{b=\"d\"} 3\n# EOF\n";
    struct page page;
    assert_int_equal(read_openmetrics(text, &page), RC_OK);
    /* The last line feed may be missing, nothing else. */
    for (size_t len = 0; len + 2 < sizeof(text); len++)
        assert_int_not_equal(read_span(span_of(text, len), PROM_OPENMETRICS, true, &page), RC_OK);
    /* Prometheus text has no end mark: without proof from the transport half a line is refused. */
    assert_int_equal(read_span(span_from("a 12\n"), PROM_TEXT, false, &page), RC_OK);
    assert_int_equal(read_span(span_from("a 1"), PROM_TEXT, false, &page), RC_SYNTAX);
    assert_int_equal(page.taken, 0);
    assert_int_equal(read_span(span_from("a 1"), PROM_TEXT, true, &page), RC_OK);
}

static void fault_05_html_and_packed_bytes_are_refused_and_can_be_quoted(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "<!DOCTYPE html><html><body>Please sign in</body></html>",
        "\n\n  <html>\n",
        "{\"error\": \"no such model\"}\n",
        "\x1f\x8b\x08\x01\x02\x03",
        "Unauthorized",
        "OK\n",
    };
    struct page page;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        assert_int_equal(read_text(texts[i], &page), RC_SYNTAX);
        assert_true(page.diag.line >= 1);
        assert_int_equal(read_openmetrics(texts[i], &page), RC_SYNTAX);
    }
    char quote[16];
    prom_excerpt(span_from("\x1f\x8b<a \"b\">\nabcdefghijk"), quote, sizeof(quote));
    assert_string_equal(quote, "..<a \"b\">.abcde");
}

static void fault_06_size_line_labels_and_series_have_limits(void **state)
{
    (void)state;
    static struct page page;
    const size_t size = PROM_PAGE_BYTES_MAX + 1;
    char *text = mem_new(size, 1);
    assert_non_null(text);
    memset(text, '#', size);
    assert_int_equal(read_span(span_of(text, size), PROM_TEXT, true, &page), RC_LIMIT);
    assert_int_equal(read_span(span_of(text, PROM_LINE_BYTES_MAX + 1), PROM_TEXT, true, &page),
                     RC_LIMIT);
    assert_int_equal(read_span(span_of(text, PROM_LINE_BYTES_MAX), PROM_TEXT, true, &page), RC_OK);
    for (size_t i = 0; i < PROM_SERIES_MAX + 1; i++)
        memcpy(text + i * 4, "a 1\n", 4);
    assert_int_equal(read_span(span_of(text, 4 * (size_t)PROM_SERIES_MAX), PROM_TEXT, true, &page),
                     RC_OK);
    assert_int_equal(page.counts.repeated, PROM_SERIES_MAX - 1);
    assert_int_equal(
        read_span(span_of(text, 4 * ((size_t)PROM_SERIES_MAX + 1)), PROM_TEXT, true, &page),
        RC_LIMIT);
    size_t len = 0;
    for (size_t i = 0; i <= SEEN_SLOTS; i++) {
        static const char digits[] = "0123456789abcdef";
        const char line[] = {
            'a', digits[i >> 8 & 15], digits[i >> 4 & 15], digits[i & 15], ' ', '1', '\n'};
        memcpy(text + len, line, sizeof(line));
        len += sizeof(line);
    }
    assert_int_equal(read_span(span_of(text, len), PROM_TEXT, true, &page), RC_LIMIT);
    len = 2;
    memcpy(text, "a{", len);
    for (size_t i = 0; i <= PROM_LABELS_MAX; i++) {
        const char label[] = {'l', (char)('a' + i / 26), (char)('a' + i % 26), '=', '"', '"', ','};
        memcpy(text + len, label, sizeof(label));
        len += sizeof(label);
    }
    memcpy(text + len, "} 1\n", 4);
    assert_int_equal(read_span(span_of(text, len + 4), PROM_TEXT, true, &page), RC_SYNTAX);
    free(text);
}

static void
fault_15_a_series_that_comes_twice_is_counted_in_text_and_refused_in_openmetrics(void **state)
{
    (void)state;
    struct page page;
    /* The order of labels, an escape and an empty label do not make another series. */
    const char *text = "# HELP a x\n# HELP a y\n# TYPE a gauge\na{b=\"1\",c=\"\\\\\"} 1\n"
                       "a{c=\"\\\\\",b=\"1\",d=\"\"} 2\na{b=\"1\"} 4\n";
    assert_int_equal(read_text(text, &page), RC_OK);
    assert_int_equal(page.taken, 3);
    assert_int_equal(page.counts.repeated, 1);
    assert_int_equal(page.counts.misplaced_help, 1);
    assert_int_equal(read_openmetrics("a{b=\"1\"} 1\na{b=\"1\"} 2\n# EOF\n", &page), RC_DUPLICATE);
    assert_int_equal(read_openmetrics("a 1\nb 1\na 2\n# EOF\n", &page), RC_DUPLICATE);
}

static void fault_18_names_and_labels_of_any_form_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *name;
        const char *value;
    } cases[] = {
        {"a{b=\"x \\\"y\\\" \\\\ \\n }\"} 1\n", "a", "x \"y\" \\ \n }"},
        {"{\"sluice.queue\",b=\"1\"} 1\n", "sluice.queue", "1"},
        {"{\"a \\\"b\\\"\", \"l\xC3\xA4nge\"=\"\xE2\x82\xAC\"} 1\n", "a \"b\"", "\xE2\x82\xAC"},
        {"vllm:x{ engine = \"0\" , } 1\n", "vllm:x", "0"},
    };
    struct page page;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(read_text(cases[i].text, &page), RC_OK);
        assert_int_equal(page.taken, 1);
        assert_string_equal(page.name, cases[i].name);
        assert_string_equal(page.value, cases[i].value);
        assert_true(prom_string_is(page.last.name, cases[i].name));
    }
    assert_int_equal(read_text("a{b=\"\xff\"} 1\n", &page), RC_SYNTAX);
    assert_int_equal(read_text("a{__name__=\"b\"} 1\n", &page), RC_SYNTAX);
}

static void numbers_are_never_guessed(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        bool good;
    } cases[] = {{"1", true},        {"-1.5e-3", true}, {"+Inf", true},   {"NaN", true},
                 {"3.9e+010", true}, {".5", true},      {"1_000", false}, {"0x10", false},
                 {"1,5", false},     {"1e999", false},  {"--1", false},   {"1e", false},
                 {"", false},        {"true", false},   {"\"1\"", false}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct page page;
        struct buf text;
        buf_init(&text, 256);
        buf_printf(&text, "a %s\n", cases[i].word);
        const enum rc rc = read_span(buf_view(&text), PROM_TEXT, true, &page);
        assert_int_equal(rc, cases[i].good ? RC_OK : RC_SYNTAX);
        buf_done(&text);
    }
}

static void the_format_follows_the_content_type(void **state)
{
    (void)state;
    assert_int_equal(prom_format_of(span_from("application/openmetrics-text; version=1.0.0")),
                     PROM_OPENMETRICS);
    assert_int_equal(prom_format_of(span_from("text/plain; version=0.0.4")), PROM_TEXT);
    assert_int_equal(prom_format_of(span_from("")), PROM_TEXT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sample_is_handed_over_with_name_labels_value_and_time),
        cmocka_unit_test(an_exemplar_comes_with_its_sample),
        cmocka_unit_test(fault_03_a_page_that_is_cut_anywhere_is_refused),
        cmocka_unit_test(fault_05_html_and_packed_bytes_are_refused_and_can_be_quoted),
        cmocka_unit_test(fault_06_size_line_labels_and_series_have_limits),
        cmocka_unit_test(
            fault_15_a_series_that_comes_twice_is_counted_in_text_and_refused_in_openmetrics),
        cmocka_unit_test(fault_18_names_and_labels_of_any_form_are_read),
        cmocka_unit_test(numbers_are_never_guessed),
        cmocka_unit_test(the_format_follows_the_content_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
