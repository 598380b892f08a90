/* shape.h - JSON objects of the API as tables: one row is one member of a plain C struct.
 *
 * Answers are printed, bodies of requests are read, and the schemas of the API document are made
 * from the same rows. What is not known is null, never 0: TIME_NONE, NAN and NULL are printed so,
 * and rows whose value may be unknown say it (SHAPE_NULL). */
#ifndef SLUICE_API_SHAPE_H
#define SLUICE_API_SHAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/duration.h"
#include "base/mem.h"
#include "base/rc.h"
#include "base/tree.h"

#define SHAPE_ROW_BYTES_MAX 1024 /* struct behind one element of a list */

enum shape_kind {
    SHAPE_TEXT,    /* const char *; NULL = unknown */
    SHAPE_TEXTS,   /* struct text_list */
    SHAPE_BOOL,    /* bool */
    SHAPE_INT,     /* int64_t; SHAPE_NO_INT = unknown */
    SHAPE_ID,      /* uint64_t as text: not every reader holds 64 bits; 0 = unknown */
    SHAPE_NUMBER,  /* double; NAN = unknown */
    SHAPE_TIME,    /* int64_t nanoseconds since 1970 as RFC 3339; TIME_NONE = unknown */
    SHAPE_SECONDS, /* int64_t nanoseconds as seconds; TIME_NONE = unknown */
    SHAPE_WORD,    /* const char *, one of `words`; NULL = unknown */
    SHAPE_OBJECT,  /* const void * to the struct of `sub`; NULL = unknown */
    SHAPE_LIST,    /* struct shape_rows of `sub` */
    SHAPE_JSON, /* struct span: an object as it stands, described by `help` alone; len 0 = unknown
                 */
};
#define SHAPE_NO_INT INT64_MIN

#define SHAPE_NULL 1U     /* may be unknown */
#define SHAPE_REQUIRED 2U /* must stand in a body; members of answers always do */

struct shape;
struct shape_row {
    const char *name;
    enum shape_kind kind;
    uint32_t flags;
    size_t offset;
    double min; /* of a number in a body; both 0 = unbounded */
    double max;
    const char *unit;         /* "" when it has none */
    const char *example;      /* as JSON; for bodies */
    const char *const *words; /* ends with NULL */
    const struct shape *sub;
    const char *help; /* one sentence */
};
struct shape {
    const char *name; /* of the schema: "Pool" */
    const char *help;
    size_t size; /* of the struct */
    const struct shape_row *row;
    size_t row_count;
};

/* Elements of a list, made one after the other: fills *ret (zeroed, of sub->size) with element
 * `index`, in order from 0; false past the end. */
typedef bool shape_next_fn(void *user, size_t index, void *ret);
struct shape_rows {
    shape_next_fn *next;
    void *user;
};

void shape_print(const struct shape *shape, const void *view, struct json_writer *w);
/* The members of it, into an open object. */
void shape_print_members(const struct shape *shape, const void *view, struct json_writer *w);

/* What is wrong with a body: for one shape of error. */
struct shape_problem {
    enum rc code;
    char text[256];
    char place[64];
    char value[96];
    char allowed[128];
    char nearest[64];
};
/* Reads a body into a struct that holds the defaults. Texts point into the tree or the arena.
 * RC_INVALID, RC_RANGE, RC_UNKNOWN (with the nearest name), RC_MISSING. SHAPE_TEXT, SHAPE_BOOL,
 * SHAPE_INT and SHAPE_NUMBER can be read; of SHAPE_JSON only the kind is looked at. */
enum rc shape_read(const struct shape *shape, const struct tree *json, struct arena *arena,
                   void *ret, struct shape_problem *problem) MUST_CHECK;

/* The JSON schema of it; `body`: as something to be sent, else as an answer. */
void shape_schema(const struct shape *shape, bool body, struct json_writer *w);
/* An example of a body, of the rows' examples. */
void shape_example(const struct shape *shape, struct json_writer *w);

#define SHAPE_MEMBER(kind_, struct_, member_, name_, flags_, unit_, help_)                         \
    {                                                                                              \
        .name = (name_), .kind = SHAPE_##kind_, .flags = (flags_),                                 \
        .offset = offsetof(struct struct_, member_), .unit = (unit_), .help = (help_)              \
    }
#define SHAPE_CHOICE(struct_, member_, name_, flags_, words_, help_)                               \
    {                                                                                              \
        .name = (name_), .kind = SHAPE_WORD, .flags = (flags_),                                    \
        .offset = offsetof(struct struct_, member_), .unit = "", .words = (words_),                \
        .help = (help_)                                                                            \
    }
#define SHAPE_PART(kind_, struct_, member_, name_, flags_, sub_, help_)                            \
    {                                                                                              \
        .name = (name_), .kind = SHAPE_##kind_, .flags = (flags_),                                 \
        .offset = offsetof(struct struct_, member_), .unit = "", .sub = (sub_), .help = (help_)    \
    }
#define SHAPE_INPUT(kind_, struct_, member_, name_, flags_, min_, max_, unit_, example_, help_)    \
    {                                                                                              \
        .name = (name_), .kind = SHAPE_##kind_, .flags = (flags_),                                 \
        .offset = offsetof(struct struct_, member_), .min = (min_), .max = (max_),                 \
        .unit = (unit_), .example = (example_), .help = (help_)                                    \
    }
#define SHAPE_OF(id_, name_, struct_, rows_, help_)                                                \
    const struct shape id_ = {.name = (name_),                                                     \
                              .help = (help_),                                                     \
                              .size = sizeof(struct struct_),                                      \
                              .row = (rows_),                                                      \
                              .row_count = COUNT_OF(rows_)}

#endif
