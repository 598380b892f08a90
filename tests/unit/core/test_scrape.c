/* Pages of engines as data: every tests/data/scrape/NAME.case is a series of metrics pages with
 * what each must tell. The form of a case stands in tests/data/scrape/README.md. */
#include "core/scrape/scrape.h"

#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"

#include <cmocka.h>

#define FILE_BYTES_MAX ((size_t)4 << 20)
#define SEEN_SLOTS 8192U
#define WORDS_MAX 6

static const struct {
    const char *word;
    enum scrape_doubt doubt;
} doubts[] = {
    {"nan", SCRAPE_NAN},       {"negative", SCRAPE_NEGATIVE}, {"absurd", SCRAPE_ABSURD},
    {"broken", SCRAPE_BROKEN}, {"frozen", SCRAPE_FROZEN},     {"stale", SCRAPE_STALE},
};

struct player {
    const char *file;
    size_t line;
    struct scrape scrape;
    struct scrape_result result;
    bool mentioned[ENGINE_QUANTITY_COUNT];
    bool all; /* quantities that are not mentioned must not be on the page */
    enum rc rc;
    uint64_t *slot;
    bool absent; /* a page of the shared corpora is not here */
};

static bool read_file(const char *path, struct buf *ret)
{
    FILE *file = fopen(path, "rbe");
    if (!file)
        return false;
    char bytes[8192];
    size_t n = 0;
    while ((n = fread(bytes, 1, sizeof(bytes), file)) > 0)
        buf_append(ret, bytes, n);
    (void)fclose(file); /* opened for reading only */
    return !ret->failed;
}

static void bad(const struct player *p, const char *words)
{
    fail_msg("%s:%zu: %s", p->file, p->line, words);
}

static double number_of(const struct player *p, struct span word)
{
    double value = NAN;
    if (num_parse_prometheus(word, &value) != RC_OK)
        bad(p, "a number is expected");
    return value;
}

static void check_near(const struct player *p, double is, double wanted)
{
    if (fabs(is - wanted) > 1e-9 * fmax(1, fabs(wanted)))
        fail_msg("%s:%zu: it is %.12g, wanted %.12g", p->file, p->line, is, wanted);
}

static size_t quantity_of(const struct player *p, struct span word)
{
    for (size_t i = 0; i < ENGINE_QUANTITY_COUNT; i++)
        if (span_equal_text(word, engine_quantity_row((enum engine_quantity)i)->name))
            return i;
    bad(p, "no such quantity");
    return 0;
}

static void check_failed(const struct player *p, const struct scrape_value *v, struct span word)
{
    if (v->state != SIGNAL_FAILED)
        fail_msg("%s:%zu: it did not fail", p->file, p->line);
    for (size_t i = 0; i < COUNT_OF(doubts); i++)
        if (span_equal_text(word, doubts[i].word)) {
            assert_true(v->doubt == doubts[i].doubt);
            assert_true(strlen(scrape_doubt_words(v->doubt)) > 0);
            return;
        }
    bad(p, "no such doubt");
}

static void check_latency(const struct player *p, size_t quantity, const struct span *word,
                          size_t count)
{
    const struct buckets *b = &p->result.latency[quantity - ENGINE_LATENCY_FIRST];
    if (span_equal_text(word[0], "total")) {
        check_near(p, buckets_total(b), number_of(p, word[1]));
        return;
    }
    const double q = number_of(p, span_slice(word[0], 1, word[0].len)) / 100;
    const struct bucket_quantile is = buckets_quantile(b, q);
    const bool at_least = count > 2 && span_equal_text(word[2], "at-least");
    const bool average = count > 2 && span_equal_text(word[2], "average");
    check_near(p, is.value, number_of(p, word[1]));
    if (is.at_least != at_least || is.average != average)
        bad(p, "at-least or average differs");
}

static void check_value(struct player *p, const struct span *word, size_t count)
{
    const size_t quantity = quantity_of(p, word[0]);
    const struct scrape_value *v = &p->result.value[quantity];
    p->mentioned[quantity] = true;
    if (span_equal_text(word[1], "none")) {
        if (v->name >= 0)
            bad(p, "it stands on the page");
    } else if (v->name < 0) {
        bad(p, "it does not stand on the page");
    } else if (span_equal_text(word[1], "absent")) {
        if (v->state != SIGNAL_ABSENT)
            bad(p, "it is not absent");
    } else if (span_equal_text(word[1], "failed")) {
        check_failed(p, v, word[2]);
    } else if (v->state != SIGNAL_VALUE) {
        bad(p, "it has no value");
    } else if (quantity >= ENGINE_LATENCY_FIRST) {
        check_latency(p, quantity, word + 1, count - 1);
    } else {
        check_near(p, v->value, number_of(p, word[1]));
    }
}

static void check_line(struct player *p, struct span line)
{
    struct span word[WORDS_MAX] = {{NULL, 0}};
    size_t count = 0;
    struct span rest = line;
    struct span part;
    while (count < WORDS_MAX && span_split(&rest, ' ', &part))
        if (part.len > 0)
            word[count++] = part;
    if (count == 0 || word[0].ptr[0] == '#')
        return;
    if (span_equal_text(word[0], "refused")) {
        if (p->rc == RC_OK)
            bad(p, "the page was not refused");
        return;
    }
    if (p->rc != RC_OK)
        bad(p, "the page was refused");
    if (span_equal_text(word[0], "restarted"))
        assert_true(p->result.restarted);
    else if (span_equal_text(word[0], "repeated"))
        assert_int_equal(p->result.repeated, (size_t)number_of(p, word[1]));
    else
        check_value(p, word, count);
}

static void end_expectations(struct player *p)
{
    for (size_t i = 0; i < ENGINE_QUANTITY_COUNT && p->all && p->rc == RC_OK && !p->absent; i++)
        if (!p->mentioned[i] && p->result.value[i].name >= 0)
            fail_msg("%s:%zu: %s stands on the page too", p->file, p->line,
                     engine_quantity_row((enum engine_quantity)i)->name);
    p->all = false;
    memset(p->mentioned, 0, sizeof(p->mentioned));
}

static void take_page(struct player *p, struct span text, double at_s)
{
    const struct prom_seen seen = {p->slot, SEEN_SLOTS};
    struct diag diag = {.code = RC_OK};
    const struct scrape_body body = {.text = text, .whole = true, .now_ns = (int64_t)(at_s * 1e9)};
    p->rc = scrape_take(&p->scrape, &body, seen, &p->result, &diag);
}

static void take_shared(struct player *p, struct span path, double at_s)
{
    const char *shared = getenv("SLUICE_SHARED");
    const char *root = getenv("SLUICE_ROOT");
    char name[512];
    struct buf text;
    buf_init(&text, FILE_BYTES_MAX);
    if (shared)
        (void)snprintf(name, sizeof(name), "%s/%.*s", shared, SPAN_ARG(path));
    else
        (void)snprintf(name, sizeof(name), "%s/../shared/%.*s", root ? root : ".", SPAN_ARG(path));
    p->absent = !read_file(name, &text);
    if (!p->absent)
        take_page(p, buf_view(&text), at_s);
    buf_done(&text);
}

/* Takes the lines up to the next one that begins with '@'. */
static struct span cut_block(struct player *p, struct span *rest, size_t *line)
{
    const char *start = rest->ptr;
    while (rest->len > 0 && rest->ptr[0] != '@') {
        struct span part;
        (void)span_split(rest, '\n', &part);
        ++*line;
    }
    (void)p;
    return (struct span){start, (size_t)(rest->ptr - start)};
}

static void take_directive(struct player *p, struct span head, struct span block)
{
    struct span rest = head;
    struct span word[3] = {{NULL, 0}};
    struct span part;
    for (size_t n = 0; n < 3 && span_split(&rest, ' ', &part); n++)
        word[n] = part;
    if (span_equal_text(word[0], "@page")) {
        end_expectations(p);
        take_page(p, block, number_of(p, word[1]));
    } else if (span_equal_text(word[0], "@shared")) {
        end_expectations(p);
        take_shared(p, word[2], number_of(p, word[1]));
    } else if (span_equal_text(word[0], "@expect")) {
        p->all = span_equal_text(word[1], "all");
        while (!p->absent && span_split(&block, '\n', &part)) {
            p->line++;
            check_line(p, part);
        }
    } else {
        bad(p, "@page, @shared or @expect is wanted");
    }
}

/* Returns false when a page of the shared corpora is missing. */
static bool play(const char *folder, const char *file)
{
    char path[512];
    struct buf text;
    struct player p = {.file = file};
    p.slot = mem_new(SEEN_SLOTS, sizeof(*p.slot));
    assert_non_null(p.slot);
    scrape_init(&p.scrape);
    buf_init(&text, FILE_BYTES_MAX);
    (void)snprintf(path, sizeof(path), "%s/%s", folder, file);
    assert_true(read_file(path, &text));
    struct span rest = buf_view(&text);
    size_t line = 0;
    (void)cut_block(&p, &rest, &line);
    while (rest.len > 0) {
        struct span head;
        (void)span_split(&rest, '\n', &head);
        p.line = ++line;
        const struct span block = cut_block(&p, &rest, &line);
        take_directive(&p, head, block);
    }
    end_expectations(&p);
    buf_done(&text);
    scrape_done(&p.scrape);
    free(p.slot);
    return !p.absent;
}

static size_t play_all(bool shared, size_t *ret_missing)
{
    const char *root = getenv("SLUICE_ROOT");
    char folder[512];
    (void)snprintf(folder, sizeof(folder), "%s/tests/data/scrape", root ? root : ".");
    struct dirent **entry = NULL;
    const int count = scandir(folder, &entry, NULL, alphasort);
    size_t played = 0;
    for (int i = 0; i < count; i++) {
        const struct span name = span_from(entry[i]->d_name);
        if (span_ends_with(name, ".case") && span_starts_with(name, "corpus-") == shared) {
            if (play(folder, entry[i]->d_name))
                played++;
            else
                ++*ret_missing;
        }
        free(entry[i]);
    }
    free(entry);
    return played;
}

static void pages_of_our_own_tell_what_their_cases_say(void **state)
{
    (void)state;
    size_t missing = 0;
    assert_true(play_all(false, &missing) >= 10);
    assert_int_equal(missing, 0);
}

static void every_page_of_the_corpus_tells_its_canonical_signals(void **state)
{
    (void)state;
    size_t missing = 0;
    const size_t played = play_all(true, &missing);
    if (played == 0)
        skip();
    assert_int_equal(missing, 0);
    assert_int_equal(played, 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_of_our_own_tell_what_their_cases_say),
        cmocka_unit_test(every_page_of_the_corpus_tells_its_canonical_signals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
