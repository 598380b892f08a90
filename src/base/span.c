/* span.c - comparing, searching and cutting borrowed strings. */
#include "base/span.h"

#include <string.h>

static unsigned char lower(char c)
{
    const unsigned char byte = (unsigned char)c;
    return byte >= 'A' && byte <= 'Z' ? (unsigned char)(byte | 0x20U) : byte;
}

struct span span_from(const char *text)
{
    return (struct span){text, text ? strlen(text) : 0};
}

struct span span_of(const void *bytes, size_t len)
{
    return (struct span){bytes, len};
}

struct span span_slice(struct span s, size_t from, size_t len)
{
    if (from > s.len)
        from = s.len;
    if (len > s.len - from)
        len = s.len - from;
    return (struct span){s.ptr ? s.ptr + from : NULL, len};
}

bool span_equal(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool span_equal_text(struct span a, const char *b)
{
    return span_equal(a, span_from(b));
}

bool span_equal_nocase(struct span a, struct span b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.ptr[i]) != lower(b.ptr[i]))
            return false;
    return true;
}

bool span_equal_text_nocase(struct span a, const char *b)
{
    return span_equal_nocase(a, span_from(b));
}

bool span_starts_with(struct span s, const char *prefix)
{
    const size_t len = strlen(prefix);
    return len <= s.len && (len == 0 || memcmp(s.ptr, prefix, len) == 0);
}

bool span_ends_with(struct span s, const char *suffix)
{
    const size_t len = strlen(suffix);
    return len <= s.len && (len == 0 || memcmp(s.ptr + s.len - len, suffix, len) == 0);
}

int span_compare(struct span a, struct span b)
{
    const size_t common = a.len < b.len ? a.len : b.len;
    const int order = common > 0 ? memcmp(a.ptr, b.ptr, common) : 0;
    if (order != 0)
        return order < 0 ? -1 : 1;
    return a.len < b.len ? -1 : a.len > b.len;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct span span_trim(struct span s)
{
    while (s.len > 0 && is_blank(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

size_t span_find_byte(struct span s, char byte, size_t from)
{
    if (from >= s.len)
        return SIZE_MAX;
    const char *hit = memchr(s.ptr + from, byte, s.len - from);
    return hit ? (size_t)(hit - s.ptr) : SIZE_MAX;
}

size_t span_find(struct span s, struct span needle, size_t from)
{
    if (from > s.len)
        return SIZE_MAX;
    if (needle.len == 0)
        return from;
    if (from == s.len)
        return SIZE_MAX;
    const char *hit = memmem(s.ptr + from, s.len - from, needle.ptr, needle.len);
    return hit ? (size_t)(hit - s.ptr) : SIZE_MAX;
}

bool span_split(struct span *rest, char separator, struct span *ret_part)
{
    if (!rest->ptr)
        return false;
    const size_t at = span_find_byte(*rest, separator, 0);
    if (at == SIZE_MAX) {
        *ret_part = *rest;
        *rest = (struct span){NULL, 0};
        return true;
    }
    *ret_part = span_slice(*rest, 0, at);
    *rest = span_slice(*rest, at + 1, rest->len);
    return true;
}

bool span_copy(struct span s, char *ret_text, size_t size)
{
    if (size == 0)
        return false;
    const size_t len = s.len < size ? s.len : size - 1;
    if (len > 0)
        memcpy(ret_text, s.ptr, len);
    ret_text[len] = '\0';
    return len == s.len && (len == 0 || !memchr(s.ptr, '\0', len));
}
