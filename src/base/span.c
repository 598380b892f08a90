/* span.c - comparing, searching and cutting borrowed strings. */
#include "base/span.h"

#include <string.h>

#define ONES UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)

static unsigned char lower(char c)
{
    const unsigned char byte = (unsigned char)c;
    return byte >= 'A' && byte <= 'Z' ? (unsigned char)(byte | 0x20U) : byte;
}

/* Eight bytes with 'A' to 'Z' in lower case; no carry leaves a byte. */
static uint64_t lower_word(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    const uint64_t low = word & ~HIGHS;
    const uint64_t from_a = low + ONES * (0x80 - 'A');
    const uint64_t behind_z = low + ONES * (0x7F - 'Z');
    return word | ((from_a & ~behind_z & ~word & HIGHS) >> 2);
}

bool span_same_letters(const char *a, const char *b, size_t len)
{
    size_t i = 0;
    for (; i + 8 <= len; i += 8)
        if (lower_word(a + i) != lower_word(b + i))
            return false;
    if (i > 0 && i < len) /* the last eight, some of them once more */
        return lower_word(a + len - 8) == lower_word(b + len - 8);
    for (; i < len; i++)
        if (lower(a[i]) != lower(b[i]))
            return false;
    return true;
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
