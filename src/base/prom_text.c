#include "base/prom_text.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/num.h"
#include "base/prom_family.h"
#include "base/prom_parts.h"
#include "base/utf8.h"

/* What is written down per line of a page, at most: half of the slots stay free. */
#define SLOTS_PER_LINE_TEXT 2U
#define SLOTS_PER_LINE_OPENMETRICS 8U
#define SLOTS_MIN 64U
#define HELP_SEED 7U /* keeps names of families apart from series */

/* The samples behind a TYPE line of Prometheus text, which belong to it by their names. */
struct text_family {
    struct prom_string name;
    enum prom_type type;
};

struct parser {
    const struct prom_reader *reader;
    struct prom_counts *counts;
    struct diag *diag;
    struct prom_seen seen;
    struct prom_family family;      /* OpenMetrics */
    struct text_family text_family; /* Prometheus text */
    struct span last_name;          /* of the last sample */
    struct prom_labels labels;
    struct prom_labels exemplar_labels;
    struct span line;
    uint32_t line_number;
    bool ended; /* "# EOF" */
    bool full;
};

static enum rc refuse(struct parser *p, enum rc code, const char *at, const char *words)
{
    const size_t column = at ? (size_t)(at - p->line.ptr) + 1 : 1;
    const enum rc rc = fail(p->diag, code, "%s", words);
    diag_position(p->diag, p->line_number, (uint32_t)column);
    return rc;
}

static bool openmetrics(const struct parser *p)
{
    return p->reader->format == PROM_OPENMETRICS;
}

/* ---- samples ---- */

static bool take_value(struct prom_cursor *c, double *ret)
{
    const char *start = c->at;
    if (num_parse_prometheus(prom_word(c), ret) == RC_OK)
        return true;
    c->at = start;
    return prom_fault(c, "a number is expected");
}

static bool take_seconds(struct prom_cursor *c, double *ret)
{
    const char *start = c->at;
    if (num_parse_prometheus(prom_word(c), ret) == RC_OK && isfinite(*ret))
        return true;
    c->at = start;
    return prom_fault(c, "a timestamp in seconds is expected");
}

static bool take_milliseconds(struct prom_cursor *c, double *ret)
{
    const char *start = c->at;
    int64_t ms = 0;
    if (num_parse_int(prom_word(c), &ms) != RC_OK) {
        c->at = start;
        return prom_fault(c, "a timestamp in whole milliseconds is expected");
    }
    *ret = (double)ms / 1e3;
    return true;
}

/* Behind " #": " {a="b"} 0.5 123.4". */
static bool take_exemplar(struct parser *p, struct prom_cursor *c, struct prom_sample *s)
{
    if (!prom_take(c, ' ') || !prom_take(c, '{'))
        return prom_fault(c, "an exemplar starts with its labels");
    if (!prom_braces(c, &p->exemplar_labels, NULL))
        return false;
    if (prom_labels_chars(&p->exemplar_labels) > PROM_EXEMPLAR_CHARS_MAX)
        return prom_fault(c, "the labels of an exemplar are too long");
    if (!prom_take(c, ' '))
        return prom_fault(c, "a space is expected behind the labels of an exemplar");
    struct prom_exemplar *e = &s->exemplar;
    e->label = p->exemplar_labels.label;
    e->label_count = p->exemplar_labels.count;
    s->has_exemplar = true;
    if (!take_value(c, &e->value))
        return false;
    e->timed = prom_take(c, ' ');
    return !e->timed || take_seconds(c, &e->timestamp_s);
}

/* Name and labels; moves to the first byte of the value. */
static bool take_series(struct parser *p, struct prom_cursor *c, struct prom_sample *s)
{
    if (!prom_at(c, '{') && !prom_name(c, &s->name))
        return false;
    p->labels.count = 0;
    const char *behind_name = c->at;
    prom_blanks(c);
    const bool braces = prom_take(c, '{');
    if (braces && !prom_braces(c, &p->labels, &s->name))
        return false;
    if (s->name.raw.len == 0)
        return prom_fault(c, "a sample has no name");
    s->label = p->labels.label;
    s->label_count = p->labels.count;
    if (!c->loose)
        return prom_take(c, ' ') || prom_fault(c, "one space is expected in front of the value");
    prom_blanks(c);
    return braces || c->at > behind_name ||
           prom_fault(c, "a blank is expected in front of the value");
}

static bool take_rest_openmetrics(struct parser *p, struct prom_cursor *c, struct prom_sample *s)
{
    if (prom_at(c, '{')) {
        s->value = NAN;
        if (!prom_native(c, &s->native))
            return false;
    } else if (!take_value(c, &s->value)) {
        return false;
    }
    if (!prom_take(c, ' '))
        return true;
    if (prom_take(c, '#'))
        return take_exemplar(p, c, s);
    s->timed = true;
    if (!take_seconds(c, &s->timestamp_s))
        return false;
    if (!prom_take(c, ' '))
        return true;
    return prom_take(c, '#') ? take_exemplar(p, c, s) : prom_fault(c, "'#' is expected");
}

static bool take_rest_text(struct prom_cursor *c, struct prom_sample *s)
{
    if (!take_value(c, &s->value))
        return false;
    prom_blanks(c);
    if (c->at == c->end)
        return true;
    s->timed = true;
    if (!take_milliseconds(c, &s->timestamp_s))
        return false;
    prom_blanks(c);
    return true;
}

/* The type of the last TYPE line, when the sample is called as its family, or with one of the
 * suffixes that clients write. */
static enum prom_type type_of(const struct text_family *family, struct span name)
{
    static const char *const suffixes[] = {"", "_bucket", "_count", "_sum", "_total", "_created"};
    const struct span own = family->name.raw;
    if (own.len == 0 || name.len < own.len || memcmp(name.ptr, own.ptr, own.len) != 0)
        return PROM_UNTYPED;
    for (size_t i = 0; i < COUNT_OF(suffixes); i++)
        if (span_equal_text(span_slice(name, own.len, name.len), suffixes[i]))
            return family->type;
    return PROM_UNTYPED;
}

/* Bounds and quantiles are numbers, too: one that cannot be read refuses the page. */
static const char *check_bound(const struct prom_sample *s)
{
    double number = 0;
    for (size_t i = 0; i < s->label_count; i++) {
        const struct prom_label *label = &s->label[i];
        const bool bound = (s->type == PROM_HISTOGRAM && prom_string_is(label->name, "le")) ||
                           (s->type == PROM_SUMMARY && prom_string_is(label->name, "quantile"));
        if (bound && num_parse_prometheus(label->value.raw, &number) != RC_OK)
            return "the bound of a bucket or quantile is no number";
    }
    return NULL;
}

static enum rc judge_text(struct parser *p, const struct prom_cursor *c, struct prom_sample *s)
{
    p->last_name = s->name.raw;
    s->type = type_of(&p->text_family, s->name.raw);
    const char *words = check_bound(s);
    if (words)
        return refuse(p, RC_SYNTAX, c->at, words);
    s->repeated = prom_seen_before(&p->seen, s->series, &p->full);
    p->counts->repeated += s->repeated;
    return RC_OK;
}

static enum rc judge_sample(struct parser *p, const struct prom_cursor *c, struct prom_sample *s)
{
    const uint64_t name = prom_hash_mix(prom_string_hash(s->name));
    s->series = prom_hash_mix(name + prom_labels_hash(s->label, s->label_count, NULL));
    s->line = p->line_number;
    if (++p->counts->samples > PROM_SERIES_MAX)
        return refuse(p, RC_LIMIT, NULL, "the page has too many samples");
    if (!openmetrics(p))
        return judge_text(p, c, s);
    enum rc code = RC_OK;
    const char *words = prom_family_sample(&p->family, s, &code);
    return words ? refuse(p, code, c->at, words) : RC_OK;
}

static enum rc take_sample(struct parser *p, struct prom_cursor *c)
{
    struct prom_sample s = {.value = NAN};
    bool fine = take_series(p, c, &s);
    if (fine)
        fine = openmetrics(p) ? take_rest_openmetrics(p, c, &s) : take_rest_text(c, &s);
    if (fine && c->at < c->end)
        fine = prom_fault(c, "the line goes on behind its last word");
    if (!fine)
        return refuse(p, RC_SYNTAX, c->at, c->words);
    const enum rc rc = judge_sample(p, c, &s);
    if (rc == RC_OK && p->reader->on_sample)
        p->reader->on_sample(p->reader->context, &s);
    return rc;
}

/* ---- comments ---- */

static bool take_metadata_name(struct prom_cursor *c, struct prom_string *ret)
{
    if (!prom_take(c, '"'))
        return prom_name(c, ret);
    return prom_quoted(c, ret) && (ret->raw.len > 0 || prom_fault(c, "a name is empty"));
}

static const struct {
    const char *word;
    enum prom_metadata kind;
} metadata[] = {{"TYPE", PROM_TYPE}, {"HELP", PROM_HELP}, {"UNIT", PROM_UNIT}};

static int metadata_kind(struct span word)
{
    for (size_t i = 0; i < COUNT_OF(metadata); i++)
        if (span_equal_text(word, metadata[i].word))
            return (int)metadata[i].kind;
    return -1;
}

static bool is_utf8(struct span text)
{
    for (size_t i = 0; i < text.len;) {
        const size_t len = utf8_length(text.ptr + i, text.len - i);
        if (len == 0)
            return false;
        i += len;
    }
    return true;
}

/* "# TYPE name gauge", one space between the words. */
static enum rc comment_openmetrics(struct parser *p, struct prom_cursor *c)
{
    if (span_equal_text(p->line, "# EOF")) {
        p->ended = true;
        return RC_OK;
    }
    struct prom_string name;
    if (!prom_take(c, '#') || !prom_take(c, ' '))
        return refuse(p, RC_SYNTAX, c->at, "a line starts with a name or \"# \"");
    const int kind = metadata_kind(prom_word(c));
    if (kind < 0 || !prom_take(c, ' '))
        return refuse(p, RC_SYNTAX, c->at, "TYPE, HELP, UNIT or EOF is expected");
    if (!take_metadata_name(c, &name))
        return refuse(p, RC_SYNTAX, c->at, c->words);
    if (!prom_take(c, ' '))
        return refuse(p, RC_SYNTAX, c->at, "one space is expected behind the name");
    const struct span value = {c->at, (size_t)(c->end - c->at)};
    enum rc code = RC_OK;
    const char *words =
        prom_family_metadata(&p->family, (enum prom_metadata)kind, name, value, &code);
    return words ? refuse(p, code, c->at, words) : RC_OK;
}

static enum rc type_text(struct parser *p, struct prom_cursor *c, struct prom_string name)
{
    prom_blanks(c);
    const struct span word = prom_word(c);
    prom_blanks(c);
    p->text_family.name = name;
    if (c->at == c->end && prom_type_parse(PROM_TEXT, word, &p->text_family.type))
        return RC_OK;
    return refuse(p, RC_SYNTAX, c->at,
                  "a type is expected: counter, gauge, histogram, summary or untyped");
}

/* HELP and TYPE are read; anything else behind '#' is a remark. */
static enum rc comment_text(struct parser *p, struct prom_cursor *c)
{
    c->at++;
    prom_blanks(c);
    const int kind = metadata_kind(prom_word(c));
    prom_blanks(c);
    if (kind < 0 || kind == PROM_UNIT || (kind == PROM_HELP && c->at == c->end))
        return RC_OK;
    struct prom_string name;
    if (!take_metadata_name(c, &name))
        return refuse(p, RC_SYNTAX, c->at, c->words);
    if (c->at < c->end && *c->at != ' ' && *c->at != '\t')
        return refuse(p, RC_SYNTAX, c->at, "a metric name is expected");
    const uint64_t hash = prom_hash_mix(prom_string_hash(name) + HELP_SEED + (uint64_t)kind);
    if (prom_seen_before(&p->seen, hash, &p->full) || span_equal(name.raw, p->last_name))
        p->counts->misplaced_help++;
    return kind == PROM_TYPE ? type_text(p, c, name) : RC_OK;
}

/* ---- lines ---- */

static enum rc take_line(struct parser *p)
{
    struct prom_cursor c = {
        .at = p->line.ptr, .end = p->line.ptr + p->line.len, .loose = !openmetrics(p)};
    if (p->ended)
        return refuse(p, RC_SYNTAX, NULL, "the page goes on behind \"# EOF\"");
    prom_blanks(&c);
    if (c.at == c.end && c.loose)
        return RC_OK;
    if (prom_at(&c, '#')) {
        if (!is_utf8(p->line))
            return refuse(p, RC_SYNTAX, NULL, "a comment is not UTF-8");
        return openmetrics(p) ? comment_openmetrics(p, &c) : comment_text(p, &c);
    }
    return take_sample(p, &c);
}

static enum rc take_lines(struct parser *p, struct span text)
{
    enum rc rc = RC_OK;
    for (size_t at = 0; at < text.len && rc == RC_OK;) {
        const char *start = text.ptr + at;
        const char *end = memchr(start, '\n', text.len - at);
        const size_t len = end ? (size_t)(end - start) : text.len - at;
        at += len + 1;
        p->line = (struct span){start, len};
        p->line_number++;
        if (len > PROM_LINE_BYTES_MAX)
            return refuse(p, RC_LIMIT, NULL, "a line of the page is too long");
        if (!end && !openmetrics(p) && !p->reader->whole)
            return refuse(p, RC_SYNTAX, NULL, "the page ends in the middle of a line");
        rc = take_line(p);
    }
    if (rc == RC_OK && (p->full || p->family.full))
        rc = refuse(p, RC_LIMIT, NULL, "the page has too many series");
    return rc;
}

static enum rc end_page(struct parser *p)
{
    if (!openmetrics(p))
        return RC_OK;
    if (!p->ended)
        return refuse(p, RC_SYNTAX, NULL, "the page does not end in \"# EOF\"; it may be cut");
    const char *words = prom_family_end(&p->family);
    return words ? refuse(p, RC_INVALID, NULL, words) : RC_OK;
}

size_t prom_seen_slots(struct span text, enum prom_format format)
{
    size_t lines = 1;
    for (size_t at = 0; at < text.len; lines++) {
        const char *end = memchr(text.ptr + at, '\n', text.len - at);
        at = end ? (size_t)(end - text.ptr) + 1 : text.len;
    }
    const size_t need =
        lines * (format == PROM_OPENMETRICS ? SLOTS_PER_LINE_OPENMETRICS : SLOTS_PER_LINE_TEXT);
    size_t slots = SLOTS_MIN;
    while (slots < need && slots < PROM_SEEN_SLOTS)
        slots *= 2;
    return slots;
}

/* As much of the caller's table as this page can fill to the half. */
static struct prom_seen seen_for(struct span text, const struct prom_reader *reader)
{
    struct prom_seen seen = reader->seen;
    const size_t need = prom_seen_slots(text, reader->format);
    if (seen.slot_count > need)
        seen.slot_count = need;
    memset(seen.slot, 0, seen.slot_count * sizeof(*seen.slot));
    return seen;
}

enum rc prom_parse(struct span text, const struct prom_reader *reader,
                   struct prom_counts *ret_counts, struct diag *diag)
{
    const size_t slots = reader->seen.slot_count;
    assert(slots > 0);
    assert((slots & (slots - 1)) == 0);
    *ret_counts = (struct prom_counts){.samples = 0};
    if (text.len > PROM_PAGE_BYTES_MAX)
        return fail(diag, RC_LIMIT, "the page has %zu bytes, at most %zu are read", text.len,
                    PROM_PAGE_BYTES_MAX);
    struct parser p;
    p.reader = reader;
    p.counts = ret_counts;
    p.diag = diag;
    p.seen = seen_for(text, reader);
    p.family = (struct prom_family){.seen = &p.seen};
    p.text_family = (struct text_family){.type = PROM_UNTYPED};
    p.line = (struct span){text.ptr, 0};
    p.line_number = 0;
    p.last_name = p.line;
    p.ended = p.full = false;
    const enum rc rc = take_lines(&p, text);
    return rc == RC_OK ? end_page(&p) : rc;
}

enum prom_format prom_format_of(struct span content_type)
{
    static const char openmetrics_type[] = "application/openmetrics-text";
    const struct span head = span_slice(content_type, 0, sizeof(openmetrics_type) - 1);
    return span_equal_text_nocase(head, openmetrics_type) ? PROM_OPENMETRICS : PROM_TEXT;
}

void prom_excerpt(struct span text, char *ret_text, size_t size)
{
    size_t n = 0;
    for (; n < text.len && n + 1 < size; n++) {
        ret_text[n] = text.ptr[n];
        if (text.ptr[n] < ' ' || text.ptr[n] > '~')
            ret_text[n] = '.';
    }
    ret_text[n] = '\0';
}
