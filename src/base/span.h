/* span.h - strings as pointer and length, borrowed, never owned, not NUL-terminated.
 *
 * A span with len 0 may have a NULL ptr. All functions are pure. ASCII case only: header names and
 * keywords. */
#ifndef SLUICE_BASE_SPAN_H
#define SLUICE_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

struct span span_from(const char *text); /* of a NUL-terminated string; NULL gives an empty span */
struct span span_of(const void *bytes, size_t len);
struct span span_slice(struct span s, size_t from, size_t len); /* clipped to s */
bool span_equal(struct span a, struct span b);
bool span_equal_text(struct span a, const char *b);
bool span_equal_nocase(struct span a, struct span b);
bool span_equal_text_nocase(struct span a, const char *b);
bool span_starts_with(struct span s, const char *prefix);
bool span_ends_with(struct span s, const char *suffix);
int span_compare(struct span a, struct span b); /* memcmp order, shorter first */
struct span span_trim(struct span s);           /* spaces and tabs at both ends */
/* Index of the first occurrence at or after from, or SIZE_MAX. */
size_t span_find_byte(struct span s, char byte, size_t from);
size_t span_find(struct span s, struct span needle, size_t from);
/* Cuts the part before the first separator out of *rest and returns it; false when *rest is used
 * up. */
bool span_split(struct span *rest, char separator, struct span *ret_part);
/* Copies at most size - 1 bytes and a NUL; true when all of s fitted and held no NUL. */
bool span_copy(struct span s, char *ret_text, size_t size);

#endif
