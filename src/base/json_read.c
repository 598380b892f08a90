/* json_read.c - strict RFC 8259 text to tree, without recursion.
 *
 * While a container is open its `next` points to its parent; it becomes the sibling link when the
 * container is closed. So nesting costs no stack at all. */
#include <string.h>

#include "base/json_string.h"
#include "base/limits.h"
#include "base/tree.h"

struct reader {
    struct arena *arena;
    const char *p;
    const char *end;
    const char *line_start;
    uint32_t line;
    struct json_limits limits;
    struct tree *open; /* innermost open container */
    struct tree *root;
    size_t depth;
    struct json_keys keys;
    struct diag *diag;
};

static uint32_t column_of(const struct reader *r, const char *at)
{
    const size_t column = (size_t)(at - r->line_start) + 1;
    return column < UINT32_MAX ? (uint32_t)column : UINT32_MAX;
}

static enum rc fail_at(struct reader *r, const char *at, enum rc code, const char *words)
{
    if (at >= r->end)
        (void)fail(r->diag, code, "%s, but the text ends here", words);
    else if ((unsigned char)*at > ' ' && (unsigned char)*at < 0x7F)
        (void)fail(r->diag, code, "%s, found '%c'", words, *at);
    else
        (void)fail(r->diag, code, "%s, found byte 0x%02X", words, (unsigned)(unsigned char)*at);
    diag_position(r->diag, r->line, column_of(r, at));
    return code;
}

static enum rc fail_memory(struct reader *r)
{
    (void)fail(r->diag, RC_LIMIT, "the text needs more than the %zu bytes of memory it may use",
               r->arena->limit_bytes);
    diag_position(r->diag, r->line, column_of(r, r->p));
    return RC_LIMIT;
}

static void skip_space(struct reader *r)
{
    for (; r->p < r->end; r->p++) {
        const char c = *r->p;
        if (c == '\n') {
            r->line++;
            r->line_start = r->p + 1;
        } else if (c != ' ' && c != '\t' && c != '\r') {
            return;
        }
    }
}

/* The string whose opening quote is at r->p. */
static enum rc read_string(struct reader *r, struct span *ret)
{
    const char *start = r->p + 1;
    const char *at = start;
    bool escaped = false;
    if (json_string_scan(start, r->end, &at, &escaped) != RC_OK)
        return fail_at(r, at, RC_SYNTAX,
                       "a string needs UTF-8 without control bytes and a closing quote");
    struct span text = {start, (size_t)(at - start)};
    if (escaped) {
        char *decoded = arena_alloc(r->arena, text.len);
        if (!decoded)
            return fail_memory(r);
        const char *bad = start;
        size_t len = 0;
        if (json_string_decode(text, r->limits.lone_surrogates, decoded, &len, &bad) != RC_OK)
            return fail_at(r, bad, RC_SYNTAX, "this escape is not known or not a whole character");
        text = (struct span){decoded, len};
    }
    *ret = text;
    r->p = at + 1;
    return RC_OK;
}

static const char *skip_digits(const char *p, const char *end)
{
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return p;
}

static enum rc read_number(struct reader *r, struct tree *node)
{
    const char *p = r->p;
    const char *start = p;
    if (*p == '-')
        p++;
    const char *digits = p;
    p = skip_digits(p, r->end);
    if (p == digits)
        return fail_at(r, p, RC_SYNTAX, "a number needs a digit");
    if (*digits == '0' && p - digits > 1)
        return fail_at(r, digits, RC_SYNTAX, "a number has no leading zeros");
    if (p < r->end && *p == '.') {
        const char *fraction = ++p;
        p = skip_digits(p, r->end);
        if (p == fraction)
            return fail_at(r, p, RC_SYNTAX, "a number needs a digit behind its point");
    }
    if (p < r->end && (*p == 'e' || *p == 'E')) {
        p++;
        if (p < r->end && (*p == '+' || *p == '-'))
            p++;
        const char *exponent = p;
        p = skip_digits(p, r->end);
        if (p == exponent)
            return fail_at(r, p, RC_SYNTAX, "an exponent needs a digit");
    }
    node->text = (struct span){start, (size_t)(p - start)};
    r->p = p;
    return RC_OK;
}

static enum rc read_word(struct reader *r, const char *word)
{
    const struct span rest = {r->p, (size_t)(r->end - r->p)};
    if (!span_starts_with(rest, word))
        return fail_at(r, r->p, RC_SYNTAX, "a value is expected");
    r->p += strlen(word);
    return RC_OK;
}

static enum rc open_container(struct reader *r, struct tree *node)
{
    if (++r->depth > r->limits.depth_max) {
        (void)fail(r->diag, RC_LIMIT, "nested deeper than %zu levels", r->limits.depth_max);
        diag_position(r->diag, node->line, node->column);
        return RC_LIMIT;
    }
    node->next = r->open;
    r->open = node;
    r->p++;
    return RC_OK;
}

static enum rc close_container(struct reader *r)
{
    struct tree *node = r->open;
    r->p++;
    r->depth--;
    r->open = node->next;
    node->next = NULL;
    if (node->kind != TREE_OBJECT || r->limits.duplicates_allowed)
        return RC_OK;
    const struct tree *doubled = NULL;
    const enum rc rc = json_keys_check(&r->keys, node, &doubled);
    if (rc == RC_NO_MEMORY)
        return fail_memory(r);
    if (rc != RC_OK) {
        (void)fail(r->diag, rc, "the member \"%.*s\" is given twice",
                   (int)(doubled->key.len < 64 ? doubled->key.len : 64), doubled->key.ptr);
        diag_position(r->diag, doubled->key_line, doubled->key_column);
    }
    return rc;
}

static bool kind_of(char c, enum tree_kind *ret)
{
    static const unsigned char kinds[256] = {
        ['{'] = 1 + TREE_OBJECT, ['['] = 1 + TREE_ARRAY,  ['"'] = 1 + TREE_STRING,
        ['t'] = 1 + TREE_BOOL,   ['f'] = 1 + TREE_BOOL,   ['n'] = 1 + TREE_NULL,
        ['-'] = 1 + TREE_NUMBER, ['0'] = 1 + TREE_NUMBER, ['1'] = 1 + TREE_NUMBER,
        ['2'] = 1 + TREE_NUMBER, ['3'] = 1 + TREE_NUMBER, ['4'] = 1 + TREE_NUMBER,
        ['5'] = 1 + TREE_NUMBER, ['6'] = 1 + TREE_NUMBER, ['7'] = 1 + TREE_NUMBER,
        ['8'] = 1 + TREE_NUMBER, ['9'] = 1 + TREE_NUMBER};
    const unsigned char kind = kinds[(unsigned char)c];
    *ret = (enum tree_kind)(kind - 1);
    return kind != 0;
}

/* One value at r->p, hung under the innermost open container; an array or object is only opened. */
static enum rc read_value(struct reader *r, const struct tree *member)
{
    enum tree_kind kind;
    if (r->p == r->end || !kind_of(*r->p, &kind))
        return fail_at(r, r->p, RC_SYNTAX, "a value is expected");
    struct tree *node = tree_new(r->arena, kind, r->line, column_of(r, r->p));
    if (!node)
        return fail_memory(r);
    if (r->open) {
        node->key = member->key;
        node->key_line = member->key_line;
        node->key_column = member->key_column;
        tree_append(r->open, node);
    } else {
        r->root = node;
    }
    switch (kind) {
    case TREE_OBJECT:
    case TREE_ARRAY:
        return open_container(r, node);
    case TREE_STRING:
        node->quoted = true;
        return read_string(r, &node->text);
    case TREE_NUMBER:
        return read_number(r, node);
    case TREE_BOOL:
        node->truth = *r->p == 't';
        return read_word(r, node->truth ? "true" : "false");
    case TREE_NULL:
        return read_word(r, "null");
    }
    return RC_OK;
}

/* `"name" :` in front of a member's value. */
static enum rc read_key(struct reader *r, struct tree *member)
{
    if (r->p == r->end || *r->p != '"')
        return fail_at(r, r->p, RC_SYNTAX, "a member name in double quotes is expected");
    member->key_line = r->line;
    member->key_column = column_of(r, r->p);
    const enum rc rc = read_string(r, &member->key);
    if (rc != RC_OK)
        return rc;
    skip_space(r);
    if (r->p == r->end || *r->p != ':')
        return fail_at(r, r->p, RC_SYNTAX, "a ':' is expected behind a member name");
    r->p++;
    skip_space(r);
    return RC_OK;
}

/* Inside the open container: a comma and the next element, the first element, or the end. */
static enum rc read_step(struct reader *r)
{
    const bool object = r->open->kind == TREE_OBJECT;
    if (r->p < r->end && *r->p == (object ? '}' : ']'))
        return close_container(r);
    if (r->open->count > 0) {
        if (r->p == r->end || *r->p != ',')
            return fail_at(r, r->p, RC_SYNTAX,
                           object ? "a ',' or '}' is expected" : "a ',' or ']' is expected");
        r->p++;
        skip_space(r);
    }
    struct tree member = {.key_line = 0};
    if (object) {
        const enum rc rc = read_key(r, &member);
        if (rc != RC_OK)
            return rc;
    }
    return read_value(r, &member);
}

static enum rc read_text(struct reader *r)
{
    skip_space(r);
    enum rc rc = read_value(r, NULL);
    while (rc == RC_OK) {
        skip_space(r);
        if (!r->open)
            break;
        rc = read_step(r);
    }
    if (rc == RC_OK && r->p != r->end)
        rc = fail_at(r, r->p, RC_SYNTAX, "nothing may follow the value");
    return rc;
}

enum rc json_read(struct arena *arena, struct span text, const struct json_limits *limits,
                  const struct tree **ret, struct diag *diag)
{
    static const char empty[1] = "";
    const char *start = text.ptr ? text.ptr : empty;
    struct reader r = {.arena = arena,
                       .p = start,
                       .end = start + text.len,
                       .line_start = start,
                       .line = 1,
                       .diag = diag};
    if (limits)
        r.limits = *limits;
    if (r.limits.depth_max == 0)
        r.limits.depth_max = JSON_DEPTH_DEFAULT;
    const enum rc rc = read_text(&r);
    json_keys_done(&r.keys);
    if (rc == RC_OK)
        *ret = r.root;
    return rc;
}
