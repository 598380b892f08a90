/* yaml_strict.c - the token pass. Cases by their names in the YAML test suite: 9C9N, QB6E
 * (indentation inside brackets and quotes), 9JBA, SU5Z, X4QW (comments), G5U8 (dashes in brackets),
 * S98Z (block scalars), 652Z, HM87 (question marks in brackets), Y2GN, 2SXE (anchors). */
#include "config/yaml_strict.h"

#include <stdlib.h>
#include <string.h>

#include <yaml.h>

struct scan {
    struct span text;
    struct diag *diag;
    size_t offset; /* bytes ... */
    size_t index;  /* ... and characters of the place seen last */
    size_t flow;   /* open brackets */
    size_t depth, depth_max;
    long *indent;       /* column of each open block, a stack of depth_max + 1; -1 = none */
    size_t end;         /* byte behind the last token */
    bool inside;        /* a document is open */
    bool *braces;       /* per open bracket: it is a {, a stack of depth_max + 2 */
    bool key_known;     /* the parser sees the member name that is being read */
    size_t scalar_from; /* a scalar that may turn out to be a member name, or SIZE_MAX */
    struct yaml_marks *marks;
};

static size_t byte_of(struct scan *s, const yaml_mark_t *mark)
{
    if (mark->index < s->index) {
        s->index = 0;
        s->offset = 0;
    }
    while (s->index < mark->index && s->offset < s->text.len) {
        s->offset++;
        while (s->offset < s->text.len && ((unsigned char)s->text.ptr[s->offset] & 0xC0) == 0x80)
            s->offset++;
        s->index++;
    }
    return s->offset;
}

static enum rc refuse(struct scan *s, size_t at, const char *words)
{
    uint32_t line = 1;
    size_t start = 0;
    for (size_t i = 0; i < at && i < s->text.len; i++) {
        const char c = s->text.ptr[i];
        if (c == '\n' || (c == '\r' && (i + 1 == s->text.len || s->text.ptr[i + 1] != '\n'))) {
            line++;
            start = i + 1;
        }
    }
    (void)fail(s->diag, RC_SYNTAX, "%s", words);
    diag_position(s->diag, line, (uint32_t)(at - start + 1));
    return RC_SYNTAX;
}

static char byte_at(const struct scan *s, size_t at)
{
    if (at >= s->text.len)
        return '\n';
    return s->text.ptr[at];
}

static bool is_break(char c)
{
    return c == '\n' || c == '\r';
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || is_break(c);
}

/* A # directly behind a token is no comment (6.6). */
static enum rc check_comment(struct scan *s)
{
    if (s->end > 0 && s->end < s->text.len && s->text.ptr[s->end] == '#' &&
        !is_space(s->text.ptr[s->end - 1]))
        return refuse(s, s->end, "a comment needs a space before its #");
    return RC_OK;
}

static long block_indent(const struct scan *s)
{
    return s->depth > 0 ? s->indent[s->depth - 1] : -1;
}

/* Every line of a quoted text or inside brackets stands deeper than the block around it. Tabs do
 * not count as indentation. */
static enum rc check_lines(struct scan *s, size_t from, size_t to)
{
    const long indent = block_indent(s);
    for (size_t i = from; i < to; i++) {
        if (!is_break(s->text.ptr[i]))
            continue;
        size_t at = i + 1;
        while (at < to && s->text.ptr[at] == ' ')
            at++;
        const long spaces = (long)(at - i - 1);
        while (at < to && s->text.ptr[at] == '\t')
            at++;
        if (at < to && !is_break(s->text.ptr[at]) && spaces <= indent)
            return refuse(s, at, "this line must stand deeper than the block that it belongs to");
    }
    return RC_OK;
}

/* Leading empty lines of a block scalar may not hold more spaces than its first line of text
 * (8.1.1.1), and its header ends the line but for a comment. */
static enum rc check_block_scalar(struct scan *s, size_t from)
{
    size_t at = from + 1;
    bool explicit_indent = false;
    for (char c; (c = byte_at(s, at)) == '+' || c == '-' || (c >= '0' && c <= '9'); at++)
        explicit_indent = explicit_indent || (c >= '0' && c <= '9');
    if (byte_at(s, at) == '#')
        return refuse(s, at, "a comment needs a space before its #");
    while (!is_break(byte_at(s, at)))
        at++;
    size_t widest = 0, widest_at = 0;
    while (!explicit_indent && at < s->text.len) {
        const size_t line = ++at;
        while (byte_at(s, at) == ' ')
            at++;
        const size_t spaces = at - line;
        if (at >= s->text.len)
            break;
        if (!is_break(byte_at(s, at))) {
            if ((long)spaces > block_indent(s) && widest > spaces)
                return refuse(s, widest_at,
                              "this empty line has more spaces than the first line of text");
            break;
        }
        if (spaces > widest) {
            widest = spaces;
            widest_at = line;
        }
    }
    return RC_OK;
}

static enum rc check_scalar(struct scan *s, const yaml_token_t *token, size_t from, size_t to)
{
    switch (token->data.scalar.style) {
    case YAML_LITERAL_SCALAR_STYLE:
    case YAML_FOLDED_SCALAR_STYLE:
        return check_block_scalar(s, from);
    case YAML_PLAIN_SCALAR_STYLE:
        if (s->flow > 0 && to - from == 1 && s->text.ptr[from] == '-')
            return refuse(s, from, "a lone - inside brackets; put it in quotes");
        return s->flow > 0 ? check_lines(s, from, to) : RC_OK;
    case YAML_SINGLE_QUOTED_SCALAR_STYLE:
    case YAML_DOUBLE_QUOTED_SCALAR_STYLE:
        return check_lines(s, from, to);
    case YAML_ANY_SCALAR_STYLE:
        break;
    }
    return RC_OK;
}

static enum rc open_block(struct scan *s, const yaml_token_t *token)
{
    if (s->depth > s->depth_max) {
        (void)fail(s->diag, RC_LIMIT, "nested deeper than %zu", s->depth_max);
        diag_position(s->diag, (uint32_t)token->start_mark.line + 1,
                      (uint32_t)token->start_mark.column + 1);
        return RC_LIMIT;
    }
    s->indent[s->depth++] = (long)token->start_mark.column;
    return RC_OK;
}

/* Anchor names may hold more characters in the standard than libyaml takes. */
static enum rc check_anchor_end(struct scan *s, size_t to)
{
    const char c = byte_at(s, to);
    if (is_space(c) || (s->flow > 0 && (c == ',' || c == ']' || c == '}')))
        return RC_OK;
    return refuse(s, to,
                  "a space must follow the name of an anchor or alias; names are made of "
                  "letters, digits, - and _");
}

/* A directive inside a document needs "..." before it (9.1.4). */
static enum rc check_document(struct scan *s, const yaml_token_t *token, size_t from)
{
    const bool directive =
        token->type == YAML_VERSION_DIRECTIVE_TOKEN || token->type == YAML_TAG_DIRECTIVE_TOKEN;
    if (directive && s->inside)
        return refuse(s, from, "a directive inside a document needs a line \"...\" before it");
    if (token->type == YAML_DOCUMENT_END_TOKEN)
        s->inside = false;
    else if (!directive && token->type != YAML_STREAM_START_TOKEN)
        s->inside = true;
    return RC_OK;
}

/* In braces a member name may go over several lines; libyaml takes that only behind a "?". So the
 * places where one is missing are remembered. */
static enum rc find_long_name(struct scan *s, const yaml_token_t *token, size_t from)
{
    const size_t scalar = s->scalar_from;
    s->scalar_from = SIZE_MAX;
    if (token->type == YAML_KEY_TOKEN)
        s->key_known = true;
    else if (token->type == YAML_SCALAR_TOKEN && !s->key_known && s->braces[s->flow])
        s->scalar_from = from;
    else if (token->type == YAML_FLOW_ENTRY_TOKEN)
        s->key_known = false;
    if (token->type != YAML_VALUE_TOKEN)
        return RC_OK;
    s->key_known = true;
    if (scalar == SIZE_MAX)
        return RC_OK;
    if (s->marks->count == YAML_LONG_NAMES_MAX)
        return refuse(s, scalar, "too many member names of several lines in braces");
    s->marks->offset[s->marks->count++] = scalar;
    return RC_OK;
}

static void follow_brackets(struct scan *s, const yaml_token_t *token)
{
    if (token->type == YAML_FLOW_SEQUENCE_START_TOKEN ||
        token->type == YAML_FLOW_MAPPING_START_TOKEN) {
        s->braces[++s->flow] = token->type == YAML_FLOW_MAPPING_START_TOKEN;
        s->key_known = false;
    } else if ((token->type == YAML_FLOW_SEQUENCE_END_TOKEN ||
                token->type == YAML_FLOW_MAPPING_END_TOKEN) &&
               s->flow > 0) {
        s->flow--;
        s->key_known = true; /* only a scalar can be the name that we look for */
    }
}

static enum rc check_token(struct scan *s, const yaml_token_t *token)
{
    /* Block marks are made up afterwards and have the place of what opened them. */
    if (token->type == YAML_BLOCK_MAPPING_START_TOKEN ||
        token->type == YAML_BLOCK_SEQUENCE_START_TOKEN)
        return open_block(s, token);
    if (token->type == YAML_BLOCK_END_TOKEN) {
        s->depth -= s->depth > 0;
        return RC_OK;
    }
    const size_t from = byte_of(s, &token->start_mark);
    const size_t to = byte_of(s, &token->end_mark);
    enum rc rc = check_comment(s);
    if (rc == RC_OK)
        rc = check_document(s, token, from);
    if (rc == RC_OK && s->flow > 0)
        rc = find_long_name(s, token, from);
    if (to == from)
        return rc;
    if (rc == RC_OK && s->flow > 0 && from > s->end)
        rc = check_lines(s, s->end, from + 1);
    if (rc == RC_OK && token->type == YAML_SCALAR_TOKEN)
        rc = check_scalar(s, token, from, to);
    if (rc == RC_OK && (token->type == YAML_ANCHOR_TOKEN || token->type == YAML_ALIAS_TOKEN))
        rc = check_anchor_end(s, to);
    if (rc == RC_OK && token->type == YAML_KEY_TOKEN && s->flow > 0 && !is_space(byte_at(s, to)))
        rc = refuse(s, from, "a ? inside brackets needs a space after it, or quotes");
    follow_brackets(s, token);
    s->end = to;
    return rc;
}

enum rc yaml_check_tokens(struct span text, size_t depth_max, struct yaml_marks *ret,
                          struct diag *diag)
{
    struct scan s = {
        .text = text, .diag = diag, .depth_max = depth_max, .scalar_from = SIZE_MAX, .marks = ret};
    yaml_parser_t parser;
    yaml_token_t token;
    s.indent = malloc((depth_max + 1) * sizeof(*s.indent));
    s.braces = mem_new(depth_max + 2, sizeof(*s.braces));
    ret->count = 0;
    if (!s.indent || !s.braces || !yaml_parser_initialize(&parser)) {
        free(s.indent);
        free(s.braces);
        return fail(diag, RC_NO_MEMORY, "no memory left to read this file (%zu bytes)", text.len);
    }
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.ptr, text.len);
    enum rc rc = RC_OK;
    bool more = true;
    while (more && rc == RC_OK && yaml_parser_scan(&parser, &token)) {
        more = token.type != YAML_STREAM_END_TOKEN && token.type != YAML_NO_TOKEN;
        rc = check_token(&s, &token);
        if (s.flow > depth_max)
            more = false; /* the parser says so with words */
        yaml_token_delete(&token);
    }
    yaml_parser_delete(&parser);
    free(s.indent);
    free(s.braces);
    return rc;
}
