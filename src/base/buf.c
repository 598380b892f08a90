/* buf.c - growable byte buffers with a cap. */
#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"

#define BUF_CAP_MIN ((size_t)64)

void buf_init(struct buf *buf, size_t limit_bytes)
{
    *buf = (struct buf){.limit_bytes = limit_bytes};
}

void buf_done(struct buf *buf)
{
    if (!buf)
        return;
    free(buf->ptr);
    *buf = (struct buf){.limit_bytes = buf->limit_bytes};
}

void buf_clear(struct buf *buf)
{
    buf->len = 0;
    buf->failed = false;
}

bool buf_grow(struct buf *buf, size_t extra)
{
    if (buf->failed)
        return false;
    if (extra > buf->limit_bytes || buf->len > buf->limit_bytes - extra) {
        buf->failed = true;
        return false;
    }
    const size_t need = buf->len + extra + 1;
    if (need <= buf->cap)
        return true;
    size_t cap = buf->cap + buf->cap / 2;
    if (cap < need)
        cap = need;
    if (cap < BUF_CAP_MIN)
        cap = BUF_CAP_MIN;
    char *grown = cap <= PTRDIFF_MAX ? realloc(buf->ptr, cap) : NULL;
    if (!grown) {
        buf->failed = true;
        return false;
    }
    buf->ptr = grown;
    buf->cap = cap;
    return true;
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    if (!buf_reserve(buf, 0))
        return;
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    const size_t room = buf->cap - buf->len;
    const int n = vsnprintf(buf->ptr + buf->len, room, format, args);
    va_end(args);
    if (n < 0) {
        buf->failed = true;
    } else if (buf_reserve(buf, (size_t)n)) {
        if ((size_t)n >= room)
            (void)vsnprintf(buf->ptr + buf->len, (size_t)n + 1, format, again);
        buf->len += (size_t)n;
    }
    va_end(again);
}

void buf_number(struct buf *buf, double value)
{
    char text[NUM_TEXT_MAX];
    const size_t len = num_print(value, text);
    buf_append(buf, text, len);
}

void buf_int(struct buf *buf, int64_t value)
{
    char text[24];
    size_t at = sizeof(text);
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        text[--at] = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (value < 0)
        text[--at] = '-';
    buf_append(buf, text + at, sizeof(text) - at);
}

void buf_consume(struct buf *buf, size_t len)
{
    assert(len <= buf->len);
    if (len == 0)
        return;
    memmove(buf->ptr, buf->ptr + len, buf->len - len);
    buf->len -= len;
}

const char *buf_cstr(struct buf *buf)
{
    if (!buf->ptr || buf->failed)
        return "";
    buf->ptr[buf->len] = '\0';
    return buf->ptr;
}

struct span buf_view(const struct buf *buf)
{
    return (struct span){buf->ptr, buf->len};
}
