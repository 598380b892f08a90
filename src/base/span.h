/* span.h - strings as pointer and length, borrowed, never owned, not NUL-terminated.
 *
 * A span with len 0 may have a NULL ptr. All functions are pure. ASCII case only: header names and
 * keywords. */
#ifndef SLUICE_BASE_SPAN_H
#define SLUICE_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
    const char *ptr;
    size_t len;
};

/* For printf("%.*s", SPAN_ARG(s)). */
#define SPAN_ARG(s) (int)(s).len, (s).ptr
/* A span over a string literal, usable in static initialisers. */
#define SPAN_LITERAL(text)                                                                         \
    {                                                                                              \
        (text), sizeof(text) - 1                                                                   \
    }

/* The small ones stand here, so that lengths of literals are known where they are used. */

/* Of a NUL-terminated string; NULL gives an empty span. */
static inline struct span span_from(const char *text)
{
    return (struct span){text, text ? strlen(text) : 0};
}

static inline struct span span_of(const void *bytes, size_t len)
{
    return (struct span){(const char *)bytes, len};
}

/* Clipped to s. */
static inline struct span span_slice(struct span s, size_t from, size_t len)
{
    if (from > s.len)
        from = s.len;
    if (len > s.len - from)
        len = s.len - from;
#ifdef __clang_analyzer__ /* it takes the question for a doubt that spans with bytes may be NULL   \
                           */
    return (struct span){s.ptr + from, len};
#else
    return (struct span){s.ptr ? s.ptr + from : NULL, len};
#endif
}

static inline bool span_equal(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool span_equal_text(struct span a, const char *b)
{
    return span_equal(a, span_from(b));
}

bool span_same_letters(const char *a, const char *b, size_t len); /* in any case */

static inline bool span_equal_nocase(struct span a, struct span b)
{
    return a.len == b.len && span_same_letters(a.ptr, b.ptr, a.len);
}

static inline bool span_equal_text_nocase(struct span a, const char *b)
{
    return span_equal_nocase(a, span_from(b));
}

bool span_starts_with(struct span s, const char *prefix);
bool span_ends_with(struct span s, const char *suffix);
int span_compare(struct span a, struct span b); /* memcmp order, shorter first */
struct span span_trim(struct span s);           /* spaces and tabs at both ends */
/* Index of the first occurrence at or after from, or SIZE_MAX. */
static inline size_t span_find_byte(struct span s, char byte, size_t from)
{
    const char *hit = from < s.len ? (const char *)memchr(s.ptr + from, byte, s.len - from) : NULL;
    return hit ? (size_t)(hit - s.ptr) : SIZE_MAX;
}
size_t span_find(struct span s, struct span needle, size_t from);
/* Cuts the part before the first separator out of *rest and returns it; false when *rest is used
 * up. */
bool span_split(struct span *rest, char separator, struct span *ret_part);
/* Copies at most size - 1 bytes and a NUL; true when all of s fitted and held no NUL. */
bool span_copy(struct span s, char *ret_text, size_t size);

#endif
