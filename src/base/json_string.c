/* json_string.c - scanning and decoding JSON strings, doubled member names. */
#include "base/json_string.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

#define ONES UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)
#define REPLACEMENT 0xFFFDU

/* High bit set in (at least) the lowest byte that is '"', '\\', below 0x20 or not ASCII; zero when
 * there is none. */
static uint64_t special_bytes(uint64_t word)
{
    const uint64_t quote = word ^ (ONES * '"');
    const uint64_t slash = word ^ (ONES * '\\');
    return (((quote - ONES) & ~quote) | ((slash - ONES) & ~slash) | (word - ONES * 0x20) | word) &
           HIGHS;
}

/* First byte that needs a look, or end. */
static const char *skip_plain(const char *p, const char *end)
{
    while (end - p >= 8) {
        uint64_t word;
        memcpy(&word, p, sizeof(word));
        if (special_bytes(word) != 0)
            break;
        p += 8;
    }
    while (p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' &&
           *p != '\\')
        p++;
    return p;
}

enum rc json_string_scan(const char *p, const char *end, const char **ret_at, bool *ret_escaped)
{
    bool escaped = false;
    for (;;) {
        p = skip_plain(p, end);
        if (p == end || (unsigned char)*p < 0x20)
            break;
        if (*p == '"') {
            *ret_at = p;
            *ret_escaped = escaped;
            return RC_OK;
        }
        if (*p == '\\') {
            escaped = true;
            if (end - p < 2)
                break;
            /* The second byte is checked when decoding; a multi-byte one here is an error then. */
            p += (unsigned char)p[1] >= 0x20 && (unsigned char)p[1] < 0x80 ? 2 : 1;
            continue;
        }
        const size_t len = utf8_length(p, (size_t)(end - p));
        if (len == 0)
            break;
        p += len;
    }
    *ret_at = p;
    return RC_SYNTAX;
}

/* Four hex digits at p, or UINT32_MAX. */
static uint32_t take_hex4(const char *p, const char *end)
{
    if (end - p < 4)
        return UINT32_MAX;
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        const char c = p[i];
        const char folded = (char)(c | 0x20);
        uint32_t digit;
        if (c >= '0' && c <= '9')
            digit = (uint32_t)(c - '0');
        else if (folded >= 'a' && folded <= 'f')
            digit = (uint32_t)(folded - 'a' + 10);
        else
            return UINT32_MAX;
        value = value << 4 | digit;
    }
    return value;
}

/* The code point of the \u escape at p; *ret_used bytes belong to it. */
static uint32_t take_unicode(const char *p, const char *end, bool lone_surrogates, size_t *ret_used)
{
    const uint32_t first = take_hex4(p + 2, end);
    *ret_used = 6;
    if (first == UINT32_MAX || first < 0xD800 || first > 0xDFFF)
        return first;
    if (first < 0xDC00 && end - p >= 12 && p[6] == '\\' && p[7] == 'u') {
        const uint32_t second = take_hex4(p + 8, end);
        if (second >= 0xDC00 && second <= 0xDFFF) {
            *ret_used = 12;
            return 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
        }
    }
    return lone_surrogates ? REPLACEMENT : UINT32_MAX;
}

static char plain_escape(char c)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    const char *hit = memchr(from, c, sizeof(from) - 1);
    if (!hit)
        return '\0';
    return to[hit - from];
}

enum rc json_string_decode(struct span raw, bool lone_surrogates, char *out, size_t *ret_len,
                           const char **ret_at)
{
    const char *p = raw.ptr;
    const char *end = raw.ptr + raw.len;
    char *o = out;
    while (p < end) {
        const char *slash = memchr(p, '\\', (size_t)(end - p));
        const size_t run = (size_t)((slash ? slash : end) - p);
        memcpy(o, p, run);
        o += run;
        p += run;
        if (p == end)
            break;
        size_t used = 2;
        if (end - p >= 2 && p[1] == 'u') {
            const uint32_t code = take_unicode(p, end, lone_surrogates, &used);
            if (code == UINT32_MAX)
                goto bad;
            o += utf8_put(code, o); /* never longer than its escape */
        } else {
            char c = '\0';
            if (end - p >= 2)
                c = plain_escape(p[1]);
            if (c == '\0')
                goto bad;
            *o++ = c;
        }
        p += used;
    }
    *ret_len = (size_t)(o - out);
    return RC_OK;
bad:
    *ret_at = p;
    return RC_SYNTAX;
}

static int key_order(const struct tree *a, const struct tree *b)
{
    if (a->key.len != b->key.len)
        return a->key.len < b->key.len ? -1 : 1;
    return a->key.len > 0 ? memcmp(a->key.ptr, b->key.ptr, a->key.len) : 0;
}

/* Few members: every pair. */
static const struct tree *doubled_of_few(const struct tree *object)
{
    for (const struct tree *later = object->first; later; later = later->next)
        for (const struct tree *early = object->first; early != later; early = early->next)
            if (span_equal(early->key, later->key))
                return later;
    return NULL;
}

/* Merges two sorted neighbours of `from` into `to`; equal names keep their order. */
static void merge(const struct tree **from, const struct tree **to, size_t low, size_t middle,
                  size_t high)
{
    size_t i = low;
    size_t j = middle;
    for (size_t k = low; k < high; k++) {
        const bool left = i < middle && (j >= high || key_order(from[i], from[j]) <= 0);
        to[k] = left ? from[i++] : from[j++];
    }
}

/* Bottom-up merge sort between two halves of the scratch memory. */
static const struct tree **sort_keys(const struct tree **from, const struct tree **to, size_t n)
{
    for (size_t width = 1; width < n; width *= 2) {
        for (size_t low = 0; low < n; low += 2 * width) {
            const size_t middle = low + width < n ? low + width : n;
            const size_t high = middle + width < n ? middle + width : n;
            merge(from, to, low, middle, high);
        }
        const struct tree **swap = from;
        from = to;
        to = swap;
    }
    return from;
}

enum rc json_keys_check(struct json_keys *keys, const struct tree *object,
                        const struct tree **ret_doubled)
{
    const size_t n = object->count;
    const struct tree *doubled = NULL;
    if (n <= 12) {
        doubled = doubled_of_few(object);
    } else {
        void *slots = keys->slots;
        const enum rc rc =
            mem_grow(&slots, &keys->cap, 2 * n, sizeof(struct tree *), SIZE_MAX / 16);
        keys->slots = slots;
        if (rc != RC_OK)
            return RC_NO_MEMORY;
        size_t i = 0;
        for (const struct tree *child = object->first; child; child = child->next)
            keys->slots[i++] = child;
        const struct tree **sorted = sort_keys(keys->slots, keys->slots + n, n);
        for (i = 1; i < n && !doubled; i++)
            if (key_order(sorted[i - 1], sorted[i]) == 0)
                doubled = sorted[i];
    }
    if (!doubled)
        return RC_OK;
    *ret_doubled = doubled;
    return RC_DUPLICATE;
}

void json_keys_done(struct json_keys *keys)
{
    free(keys->slots);
    *keys = (struct json_keys){.cap = 0};
}
