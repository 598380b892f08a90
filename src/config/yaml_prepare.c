/* yaml_prepare.c - the line pass: breaks, directives and document marks. */
#include <string.h>

#include "config/yaml_strict.h"

struct lines {
    char *text;
    size_t len;
    size_t at;     /* start of the line */
    size_t end;    /* of its content */
    uint32_t line; /* 1-based */
    bool inside;   /* a document is open */
    bool directives;
};

static enum rc refuse(struct diag *diag, uint32_t line, size_t column, enum rc code,
                      const char *words)
{
    (void)fail(diag, code, "%s", words);
    diag_position(diag, line, (uint32_t)column);
    return code;
}

/* "---" or "..." at the start of a line, alone or before white space. */
static bool is_mark(const struct lines *l, char c)
{
    const char *p = l->text + l->at;
    return l->end - l->at >= 3 && p[0] == c && p[1] == c && p[2] == c &&
           (l->end - l->at == 3 || p[3] == ' ' || p[3] == '\t');
}

static bool is_blank(struct span s)
{
    s = span_trim(s);
    return s.len == 0 || s.ptr[0] == '#';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static enum rc on_directive(struct lines *l, struct diag *diag)
{
    const struct span line = span_of(l->text + l->at, l->end - l->at);
    l->directives = true;
    if (span_starts_with(line, "%TAG "))
        return RC_OK;
    if (span_starts_with(line, "%YAML ")) {
        const struct span rest = span_trim(span_slice(line, 6, line.len));
        if (rest.len < 3 || !is_digit(rest.ptr[0]) || rest.ptr[1] != '.' ||
            !is_digit(rest.ptr[2]) || (rest.len > 3 && rest.ptr[3] != ' ' && rest.ptr[3] != '\t') ||
            !is_blank(span_slice(rest, 3, rest.len)))
            return refuse(diag, l->line, 1, RC_SYNTAX,
                          "a version directive is %YAML 1.2 and nothing after it");
        if (rest.ptr[0] != '1')
            return refuse(diag, l->line, 7, RC_UNSUPPORTED, "only YAML 1.x is read");
        return RC_OK;
    }
    memset(l->text + l->at, ' ', l->end - l->at); /* reserved: to be ignored (6.8.1) */
    return RC_OK;
}

static enum rc on_line(struct lines *l, struct diag *diag)
{
    const struct span line = span_of(l->text + l->at, l->end - l->at);
    if (line.len > 0 && line.ptr[0] == '%') {
        return l->inside ? RC_OK : on_directive(l, diag); /* inside: text, or check_document() */
    }
    if (is_mark(l, '-')) {
        l->inside = true;
        l->directives = false;
        return RC_OK;
    }
    if (is_mark(l, '.')) {
        if (!l->inside && l->directives)
            return refuse(diag, l->line, 1, RC_SYNTAX, "directives without a document after them");
        if (!is_blank(span_slice(line, 3, line.len)))
            return refuse(diag, l->line, 4, RC_SYNTAX, "nothing may follow \"...\" in its line");
        if (!l->inside)
            memset(l->text + l->at, ' ', 3);
        l->inside = false;
        return RC_OK;
    }
    if (is_blank(line))
        return RC_OK;
    if (!l->inside && l->directives)
        return refuse(diag, l->line, 1, RC_SYNTAX, "directives need a line \"---\" after them");
    /* Tabs before the bracket that opens a document indent nothing. */
    for (size_t i = l->at; !l->inside && l->text[i] == '\t'; i++)
        if (span_trim(line).ptr[0] == '{' || span_trim(line).ptr[0] == '[')
            l->text[i] = ' ';
    l->inside = true;
    return RC_OK;
}

/* Breaks of YAML 1.1 that are plain characters in 1.2: libyaml would read another value. */
static enum rc check_breaks(const struct lines *l, struct diag *diag)
{
    for (size_t i = l->at; i < l->end; i++) {
        const unsigned char c = (unsigned char)l->text[i];
        if (c < 0xC2)
            continue;
        const size_t left = l->end - i;
        if (left >= 2 && memcmp(l->text + i, "\xC2\x85", 2) == 0)
            return refuse(diag, l->line, i - l->at + 1, RC_UNSUPPORTED,
                          "the character U+0085 must be written as \"\\N\" in double quotes");
        if (left >= 3 && (memcmp(l->text + i, "\xE2\x80\xA8", 3) == 0 ||
                          memcmp(l->text + i, "\xE2\x80\xA9", 3) == 0))
            return refuse(diag, l->line, i - l->at + 1, RC_UNSUPPORTED,
                          "the characters U+2028 and U+2029 must be written as \"\\L\" and \"\\P\" "
                          "in double quotes");
    }
    return RC_OK;
}

enum rc yaml_prepare(struct arena *arena, struct span text, struct span *ret, struct diag *diag)
{
    struct lines l = {.line = 1};
    l.text = arena_alloc(arena, text.len + 2);
    if (!l.text)
        return fail(diag, RC_NO_MEMORY, "no memory left to read this file (%zu bytes)", text.len);
    if (text.len > 0)
        memcpy(l.text, text.ptr, text.len);
    l.len = text.len;
    if (l.len > 0 && l.text[l.len - 1] != '\n' && l.text[l.len - 1] != '\r')
        l.text[l.len++] = '\n';
    if (l.len >= 3 && memcmp(l.text, "\xEF\xBB\xBF", 3) == 0)
        l.at = 3;
    while (l.at < l.len) {
        l.end = l.at;
        while (l.text[l.end] != '\n' && l.text[l.end] != '\r')
            l.end++;
        enum rc rc = check_breaks(&l, diag);
        if (rc == RC_OK)
            rc = on_line(&l, diag);
        if (rc != RC_OK)
            return rc;
        l.at = l.end + 1;
        if (l.text[l.end] == '\r' && l.text[l.at] == '\n')
            l.at++;
        l.line++;
    }
    if (!l.inside && l.directives)
        return refuse(diag, l.line, 1, RC_SYNTAX, "directives without a document after them");
    *ret = span_of(l.text, l.len);
    return RC_OK;
}

enum rc yaml_put_marks(struct arena *arena, struct span text, const struct yaml_marks *marks,
                       struct span *ret, struct diag *diag)
{
    if (marks->count == 0) {
        *ret = text;
        return RC_OK;
    }
    char *out = arena_alloc(arena, text.len + 2 * marks->count);
    if (!out)
        return fail(diag, RC_NO_MEMORY, "no memory left to read this file (%zu bytes)", text.len);
    size_t from = 0, n = 0;
    for (size_t i = 0; i <= marks->count; i++) {
        const size_t to = i < marks->count ? marks->offset[i] : text.len;
        memcpy(out + n, text.ptr + from, to - from);
        n += to - from;
        if (i < marks->count) {
            out[n++] = '?';
            out[n++] = ' ';
        }
        from = to;
    }
    *ret = span_of(out, n);
    return RC_OK;
}
