/* rc.h - result codes and the words that go with them.
 *
 * Operating errors are values: a function that can fail in more than one way returns `enum rc` and
 * is MUST_CHECK. The words for people are stored once, by fail(), where the fault is found; callers
 * only add the place with diag_at(). Programmer errors are assertions, never codes. Nothing here
 * allocates; safe from any thread. */
#ifndef SLUICE_BASE_RC_H
#define SLUICE_BASE_RC_H

#include <stdint.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_index, first) __attribute__((format(printf, format_index, first)))
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* One row: code, stable name (metrics, JSON), general words. */
#define RC_MAP(X)                                                                                  \
    X(OK, "ok", "success")                                                                         \
    X(SYNTAX, "syntax", "text does not follow its grammar")                                        \
    X(INVALID, "invalid", "value is not allowed here")                                             \
    X(RANGE, "range", "value is out of range")                                                     \
    X(UNKNOWN, "unknown", "name is not known")                                                     \
    X(DUPLICATE, "duplicate", "name is given twice")                                               \
    X(MISSING, "missing", "a required value is missing")                                           \
    X(LIMIT, "limit", "a named limit is reached")                                                  \
    X(NO_MEMORY, "no-memory", "memory could not be allocated")                                     \
    X(NOT_FOUND, "not-found", "thing does not exist")                                              \
    X(CONFLICT, "conflict", "thing changed in the meantime")                                       \
    X(STATE, "state", "not possible in this state")                                                \
    X(VERSION, "version", "format version is not supported")                                       \
    X(CORRUPT, "corrupt", "data is damaged")                                                       \
    X(IO, "io", "input or output failed")                                                          \
    X(TIMEOUT, "timeout", "time limit passed")                                                     \
    X(AGAIN, "again", "not yet; more input or a later try is needed")                              \
    X(CLOSED, "closed", "the other side closed")                                                   \
    X(REFUSED, "refused", "the other side refused")                                                \
    X(DENIED, "denied", "caller may not do this")                                                  \
    X(UNSUPPORTED, "unsupported", "not supported")

enum rc {
#define RC_ENUM(code, name, words) RC_##code,
    RC_MAP(RC_ENUM)
#undef RC_ENUM
        RC_COUNT
};

const char *rc_name(enum rc code);
const char *rc_words(enum rc code);

/* Words for people about one failure. Embedded by the caller; a NULL diag is accepted everywhere.
 */
struct diag {
    enum rc code;
    uint32_t line;   /* 1-based; 0 = no position */
    uint32_t column; /* 1-based, in bytes */
    char where[192]; /* "pools[3].target", filled from the inside out by diag_at() */
    char text[320];  /* what was found, what is wanted, what can be done */
};

/* Words for people quote what stands in files: what a terminal would take for an order becomes '?'.
 */
void words_tame(char *text);
/* Stores words and code in diag (if not NULL) and returns code. Too long words are cut at a UTF-8
 * boundary, and tamed. */
enum rc fail(struct diag *diag, enum rc code, const char *format, ...) PRINTF_LIKE(3, 4);
#ifdef __clang_analyzer__
/* The analyzer sees one file at a time and would follow paths on which fail() returns RC_OK. */
#define fail(diag, code, ...) ((void)(fail)(diag, code, __VA_ARGS__), (code))
#endif
/* Puts a place in front of the place known so far: diag_at(d, "pools[3]") turns "target" into
 * "pools[3].target". */
void diag_at(struct diag *diag, const char *format, ...) PRINTF_LIKE(2, 3);
void diag_position(struct diag *diag, uint32_t line, uint32_t column);

#endif
