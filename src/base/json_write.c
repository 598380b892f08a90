/* json_write.c - JSON into a buffer, with commas and colons in the right places. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/tree.h"
#include "base/utf8.h"

void json_init(struct json_writer *w, struct buf *buf)
{
    *w = (struct json_writer){.buf = buf};
}

static void before_value(struct json_writer *w)
{
    if (w->after_key) {
        w->after_key = false;
        return;
    }
    if (w->comma[w->depth])
        buf_byte(w->buf, ',');
    w->comma[w->depth] = true;
}

static void open_with(struct json_writer *w, char bracket)
{
    assert(w->depth + 1 < JSON_DEPTH_MAX);
    before_value(w);
    buf_byte(w->buf, bracket);
    w->comma[++w->depth] = false;
}

static void close_with(struct json_writer *w, char bracket)
{
    assert(w->depth > 0);
    assert(!w->after_key);
    w->depth--;
    buf_byte(w->buf, bracket);
}

void json_object(struct json_writer *w)
{
    open_with(w, '{');
}

void json_object_end(struct json_writer *w)
{
    close_with(w, '}');
}

void json_array(struct json_writer *w)
{
    open_with(w, '[');
}

void json_array_end(struct json_writer *w)
{
    close_with(w, ']');
}

/* Length of the run at p that may stand in a string as it is. */
static size_t plain_run(const char *p, size_t left)
{
    size_t i = 0;
    while (i < left) {
        const unsigned char c = (unsigned char)p[i];
        if (c < 0x20 || c == '"' || c == '\\' || c == 0x7F)
            break;
        const size_t len = c < 0x80 ? 1 : utf8_length(p + i, left - i);
        if (len == 0)
            break;
        i += len;
    }
    return i;
}

static void put_special(struct buf *buf, unsigned char c)
{
    static const char from[] = "\"\\\b\f\n\r\t";
    static const char to[] = "\"\\bfnrt";
    const char *hit = memchr(from, c, sizeof(from) - 1);
    if (hit) {
        buf_byte(buf, '\\');
        buf_byte(buf, to[hit - from]);
    } else if (c < 0x80) {
        buf_printf(buf, "\\u%04x", (unsigned)c);
    } else {
        buf_text(buf, "\xEF\xBF\xBD"); /* U+FFFD for each byte that is no UTF-8 */
    }
}

static void put_quoted(struct buf *buf, struct span s)
{
    buf_byte(buf, '"');
    while (s.len > 0) {
        const size_t run = plain_run(s.ptr, s.len);
        buf_append(buf, s.ptr, run);
        s = span_slice(s, run, s.len);
        if (s.len > 0) {
            put_special(buf, (unsigned char)s.ptr[0]);
            s = span_slice(s, 1, s.len);
        }
    }
    buf_byte(buf, '"');
}

static void key_span(struct json_writer *w, struct span key)
{
    assert(!w->after_key);
    before_value(w);
    put_quoted(w->buf, key);
    buf_byte(w->buf, ':');
    w->after_key = true;
}

void json_key(struct json_writer *w, const char *key)
{
    key_span(w, span_from(key));
}

void json_string(struct json_writer *w, struct span s)
{
    before_value(w);
    put_quoted(w->buf, s);
}

void json_text(struct json_writer *w, const char *text)
{
    json_string(w, span_from(text));
}

void json_number(struct json_writer *w, double value)
{
    before_value(w);
    if (isfinite(value))
        buf_number(w->buf, value);
    else
        buf_text(w->buf, "null");
}

void json_int(struct json_writer *w, int64_t value)
{
    before_value(w);
    buf_int(w->buf, value);
}

void json_uint(struct json_writer *w, uint64_t value)
{
    before_value(w);
    if (value >= 10)
        buf_int(w->buf, (int64_t)(value / 10));
    buf_byte(w->buf, (char)('0' + value % 10));
}

void json_bool(struct json_writer *w, bool value)
{
    before_value(w);
    buf_text(w->buf, value ? "true" : "false");
}

void json_null(struct json_writer *w)
{
    before_value(w);
    buf_text(w->buf, "null");
}

static void put_scalar(struct json_writer *w, const struct tree *node)
{
    switch (node->kind) {
    case TREE_BOOL:
        json_bool(w, node->truth);
        break;
    case TREE_NUMBER:
        before_value(w);
        buf_span(w->buf, node->text);
        break;
    case TREE_STRING:
        json_string(w, node->text);
        break;
    case TREE_NULL:
    case TREE_ARRAY:
    case TREE_OBJECT:
        json_null(w);
        break;
    }
}

void json_tree(struct json_writer *w, const struct tree *node)
{
    if (!node || (node->kind != TREE_ARRAY && node->kind != TREE_OBJECT)) {
        if (node)
            put_scalar(w, node);
        else
            json_null(w);
        return;
    }
    if (w->depth + 1 >= JSON_DEPTH_MAX) {
        w->buf->failed = true;
        json_null(w);
        return;
    }
    const bool object = node->kind == TREE_OBJECT;
    open_with(w, object ? '{' : '[');
    for (const struct tree *child = node->first; child; child = child->next) {
        if (object)
            key_span(w, child->key);
        json_tree(w, child); /* at most JSON_DEPTH_MAX deep */
    }
    close_with(w, object ? '}' : ']');
}

void json_member_text(struct json_writer *w, const char *key, const char *text)
{
    json_key(w, key);
    json_text(w, text);
}

void json_member_span(struct json_writer *w, const char *key, struct span s)
{
    json_key(w, key);
    json_string(w, s);
}

void json_member_int(struct json_writer *w, const char *key, int64_t value)
{
    json_key(w, key);
    json_int(w, value);
}

void json_member_number(struct json_writer *w, const char *key, double value)
{
    json_key(w, key);
    json_number(w, value);
}

void json_member_bool(struct json_writer *w, const char *key, bool value)
{
    json_key(w, key);
    json_bool(w, value);
}
