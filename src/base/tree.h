/* tree.h - one tree with source positions for JSON and YAML; nodes live in an arena.
 *
 * Strings are spans of the input where no escape stood, else of the arena: the input must outlive
 * the tree. Numbers keep their text and are converted when asked. Members keep their order.
 * Read-only after building. */
#ifndef SLUICE_BASE_TREE_H
#define SLUICE_BASE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/rc.h"
#include "base/span.h"

enum tree_kind { TREE_NULL, TREE_BOOL, TREE_NUMBER, TREE_STRING, TREE_ARRAY, TREE_OBJECT };

struct tree {
    enum tree_kind kind;
    bool truth;  /* TREE_BOOL */
    bool quoted; /* YAML: the scalar stood in quotes or a block, so it is a string whatever it looks
                    like */
    uint32_t line;     /* of the value, 1-based */
    uint32_t column;   /* 1-based, bytes */
    uint32_t key_line; /* of the member name, 0 outside an object */
    uint32_t key_column;
    struct span key;  /* member name when the parent is an object */
    struct span text; /* TREE_STRING: the decoded string; TREE_NUMBER: the number as written */
    struct span
        source;   /* YAML scalar as it was written, where `text` is normalised (0x1F, +1, ~) */
    size_t count; /* children of an array or object */
    struct tree *first; /* first child */
    struct tree *last;  /* last child */
    struct tree *next;  /* next sibling */
};

/* Building; NULL when the arena is full. */
struct tree *tree_new(struct arena *arena, enum tree_kind kind, uint32_t line, uint32_t column);
void tree_append(struct tree *parent, struct tree *child);

/* Reading. All accept NULL and wrong kinds and then return NULL / false, leaving outputs untouched.
 */
const struct tree *tree_get(const struct tree *object, const char *key); /* last one when doubled */
const struct tree *tree_get_span(const struct tree *object, struct span key);
const struct tree *tree_path(const struct tree *object,
                             const char *dotted); /* "a.b.c", members only */
const struct tree *tree_at(const struct tree *array, size_t index);
bool tree_bool(const struct tree *node, bool *ret);
bool tree_number(const struct tree *node, double *ret);
bool tree_int(const struct tree *node,
              int64_t *ret); /* also "3.0" and "3e2" when whole and in range */
bool tree_string(const struct tree *node, struct span *ret);
const char *tree_kind_name(enum tree_kind kind); /* "an object", for messages */
bool tree_equal(const struct tree *a,
                const struct tree *b); /* values; member order ignored; numbers as doubles;
                                          false beyond TREE_EQUAL_DEPTH_MAX levels */
#define TREE_EQUAL_DEPTH_MAX 512

/* JSON text to tree: strict RFC 8259, UTF-8 checked, no recursion deeper than depth_max. */
struct json_limits {
    size_t depth_max;        /* 0 = 64 */
    bool duplicates_allowed; /* default: a doubled member is RC_DUPLICATE */
    bool lone_surrogates;    /* take \ud800 as U+FFFD instead of refusing */
};
enum rc json_read(struct arena *arena, struct span text, const struct json_limits *limits,
                  const struct tree **ret, struct diag *diag) MUST_CHECK;

/* JSON writer over a buf. Commas and colons are its business; misuse is asserted. A tree nested
 * deeper than JSON_DEPTH_MAX is outside data, not misuse: it makes the buffer `failed`. */
#define JSON_DEPTH_MAX 128
struct json_writer {
    struct buf *buf;
    int depth;
    bool comma[JSON_DEPTH_MAX];
    bool after_key;
};
void json_init(struct json_writer *w, struct buf *buf);
void json_object(struct json_writer *w);
void json_object_end(struct json_writer *w);
void json_array(struct json_writer *w);
void json_array_end(struct json_writer *w);
void json_key(struct json_writer *w, const char *key);
void json_string(struct json_writer *w, struct span s); /* invalid UTF-8 becomes U+FFFD */
void json_text(struct json_writer *w, const char *text);
void json_number(struct json_writer *w, double value); /* NaN and infinities become null */
void json_int(struct json_writer *w, int64_t value);
void json_uint(struct json_writer *w, uint64_t value);
void json_bool(struct json_writer *w, bool value);
void json_null(struct json_writer *w);
void json_tree(struct json_writer *w, const struct tree *node);
/* key and value in one call */
void json_member_text(struct json_writer *w, const char *key, const char *text);
void json_member_span(struct json_writer *w, const char *key, struct span s);
void json_member_int(struct json_writer *w, const char *key, int64_t value);
void json_member_number(struct json_writer *w, const char *key, double value);
void json_member_bool(struct json_writer *w, const char *key, bool value);

#endif
