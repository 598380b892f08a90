#include "config/promql.h"

#include <string.h>

struct cursor {
    struct span text;
    size_t at;
};

static char peek(const struct cursor *c)
{
    if (c->at < c->text.len)
        return c->text.ptr[c->at];
    return '\0';
}

static bool is_letter(char x)
{
    return (x >= 'a' && x <= 'z') || (x >= 'A' && x <= 'Z') || x == '_' || x == ':';
}

static bool is_digit(char x)
{
    return x >= '0' && x <= '9';
}

static void skip_space(struct cursor *c)
{
    for (; c->at < c->text.len; c->at++) {
        if (peek(c) == '#')
            while (c->at < c->text.len && peek(c) != '\n')
                c->at++;
        if (peek(c) != ' ' && peek(c) != '\t' && peek(c) != '\n' && peek(c) != '\r')
            return;
    }
}

/* Behind a text in quotes; false when it is open. */
static bool skip_text(struct cursor *c)
{
    const char quote = peek(c);
    for (c->at++; c->at < c->text.len; c->at++) {
        if (peek(c) == '\\' && quote != '`')
            c->at++;
        else if (peek(c) == quote) {
            c->at++;
            return true;
        }
    }
    return false;
}

/* Behind the bracket that closes the one here. */
static bool skip_bracket(struct cursor *c, char open, char close)
{
    int depth = 0;
    while (c->at < c->text.len) {
        const char x = peek(c);
        if (x == '"' || x == '\'' || x == '`') {
            if (!skip_text(c))
                return false;
            continue;
        }
        c->at++;
        depth += x == open;
        depth -= x == close;
        if (depth == 0)
            return true;
    }
    return false;
}

static struct span take_word(struct cursor *c)
{
    const size_t from = c->at;
    while (is_letter(peek(c)) || is_digit(peek(c)))
        c->at++;
    return span_slice(c->text, from, c->at - from);
}

static bool is_one_of(struct span word, const char *const *words)
{
    for (; *words != NULL; words++)
        if (span_equal_text_nocase(word, *words))
            return true;
    return false;
}

static const char *const with_labels[] = {"by",         "without",     "on", "ignoring",
                                          "group_left", "group_right", NULL};
static const char *const operators[] = {"and", "or",  "unless", "atan2", "bool", "offset",
                                        "inf", "nan", "start",  "end",   NULL};
static const char *const rates[] = {"rate", "irate", "increase", NULL};
static const char *const counters[] = {"_total", "_count", "_sum", "_bucket", NULL};

static bool is_counter(struct span name)
{
    for (const char *const *end = counters; *end != NULL; end++)
        if (span_ends_with(name, *end))
            return true;
    return name.len == 0; /* a selector without a name */
}

static enum rc open_bracket(const struct cursor *c, struct diag *diag)
{
    return fail(diag, RC_SYNTAX, "a quote or bracket of the query is not closed: %.*s",
                SPAN_ARG(span_slice(c->text, 0, 80)));
}

/* A selector that begins at `from`; its name, if any, is read already. */
static enum rc take_selector(struct cursor *c, size_t from, struct span name, struct span function,
                             struct promql_scan *ret, struct diag *diag)
{
    size_t end = c->at;
    skip_space(c);
    if (peek(c) == '{') {
        if (!skip_bracket(c, '{', '}'))
            return open_bracket(c, diag);
        end = c->at;
    }
    if (is_one_of(function, rates) && !is_counter(name) && ret->rated.len == 0) {
        ret->rated = name;
        ret->rate_name = function;
    }
    if (ret->selector_count == PROMQL_SELECTORS_MAX)
        return fail(diag, RC_LIMIT, "the query reads more than %d series: set ageQuery",
                    PROMQL_SELECTORS_MAX);
    ret->selector[ret->selector_count++] = span_slice(c->text, from, end - from);
    return RC_OK;
}

/* "or" in front of "vector(": the word itself and what follows it. */
static bool is_or_vector(struct cursor c, struct span word)
{
    if (!span_equal_text_nocase(word, "or"))
        return false;
    skip_space(&c);
    while (peek(&c) == '(') {
        c.at++;
        skip_space(&c);
    }
    return span_equal_text(take_word(&c), "vector");
}

static enum rc take_name(struct cursor *c, struct span *function, struct promql_scan *ret,
                         struct diag *diag)
{
    const size_t from = c->at;
    const struct span word = take_word(c);
    struct cursor behind = *c;
    skip_space(&behind);
    ret->or_vector = ret->or_vector || is_or_vector(*c, word);
    if (is_one_of(word, with_labels)) {
        *c = behind;
        return peek(c) != '(' || skip_bracket(c, '(', ')') ? RC_OK : open_bracket(c, diag);
    }
    const struct span next = take_word(&behind);
    if (is_one_of(word, operators) || is_one_of(next, (const char *const[]){"by", "without", NULL}))
        return RC_OK;
    if (next.len == 0 && peek(&behind) == '(') {
        *function = word;
        return RC_OK;
    }
    return take_selector(c, from, word, *function, ret, diag);
}

static enum rc take_part(struct cursor *c, struct span *function, struct promql_scan *ret,
                         struct diag *diag)
{
    const char x = peek(c);
    if (is_letter(x))
        return take_name(c, function, ret, diag);
    if (x == '{')
        return take_selector(c, c->at, (struct span){0}, *function, ret, diag);
    if (x == '"' || x == '\'' || x == '`')
        return skip_text(c) ? RC_OK : open_bracket(c, diag);
    if (x == '[')
        return skip_bracket(c, '[', ']') ? RC_OK : open_bracket(c, diag);
    if (is_digit(x)) { /* numbers and durations: 0x1f, 1e9, 5m */
        (void)take_word(c);
        return RC_OK;
    }
    if (x == ')')
        *function = (struct span){0};
    c->at++;
    return RC_OK;
}

enum rc promql_scan(struct span query, struct promql_scan *ret, struct diag *diag)
{
    struct cursor c = {.text = query};
    struct span function = {0};
    enum rc rc = RC_OK;
    int depth = 0;
    memset(ret, 0, sizeof(*ret));
    skip_space(&c);
    if (c.at == query.len)
        return fail(diag, RC_MISSING, "the query is empty");
    while (c.at < query.len && rc == RC_OK) {
        depth += peek(&c) == '(';
        depth -= peek(&c) == ')';
        rc = take_part(&c, &function, ret, diag);
        skip_space(&c);
    }
    return rc == RC_OK && depth != 0 ? open_bracket(&c, diag) : rc;
}

void promql_put_age(const struct promql_scan *scan, bool with_now, struct buf *out)
{
    if (scan->selector_count == 0)
        return;
    for (size_t i = 0; i < scan->selector_count; i++)
        buf_printf(
            out, "%slabel_replace(min(time() - timestamp(%.*s)), \"sluice\", \"%zu\", \"\", \"\")",
            i > 0 ? " or " : "", SPAN_ARG(scan->selector[i]), i);
    if (with_now)
        buf_text(out, " or label_replace(vector(time()), \"sluice\", \"now\", \"\", \"\")");
}
