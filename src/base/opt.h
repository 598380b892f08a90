/* opt.h - option tables and field tables: a thing that exists many times is a row.
 *
 * An option row describes one member of a plain configuration struct: name in the file, kind,
 * place, range, default, unit, help, and what a change of it means for what runs. Parser,
 * validator, JSON schema, `explain`, generated docs and hot reload read the same rows. A field row
 * describes one member of a state struct, for print, parse, compare. */
#ifndef SLUICE_BASE_OPT_H
#define SLUICE_BASE_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

enum opt_kind {
    OPT_BOOL,     /* bool */
    OPT_INT,      /* int64_t */
    OPT_NUMBER,   /* double */
    OPT_DURATION, /* int64_t nanoseconds; range and default in seconds */
    OPT_QUANTITY, /* double; Kubernetes quantity */
    OPT_TEXT,     /* char[size], NUL-terminated */
    OPT_ENUM,     /* int; choices */
    OPT_STRUCT,   /* nested struct described by sub */
    OPT_LIST,     /* array of structs described by sub; count at count_offset; at most list_max */
    OPT_TEXTS, /* array of char[size]; count at count_offset; at most list_max; a lone string is a
                  list of one */
    OPT_TREE,  /* const struct tree *: kept as it stands, read by its owner */
};

/* What a changed value asks of replicas that run: the strongest class of all changed rows decides.
 */
enum opt_change {
    CHANGE_LIVE,       /* takes effect at the next tick or request */
    CHANGE_NEXT_START, /* running replicas keep the old value */
    CHANGE_REPLACE,    /* replicas are replaced one by one, drained */
    CHANGE_RESTART,    /* sluice itself must be started again; the old value stays in force */
};

struct opt_choice {
    const char *name;
    int value;
    const char *help;
};

#define OPT_FLAG_REQUIRED 1U
#define OPT_FLAG_SECRET 2U    /* never printed */
#define OPT_FLAG_HIDDEN 4U    /* not in generated documents */
#define OPT_FLAG_UNSET_NAN 8U /* OPT_NUMBER, OPT_QUANTITY: no default, absent = NAN */
#define OPT_FLAG_APART                                                                             \
    16U /* OPT_LIST: the member is a pointer to the elements, which the reader                     \
           allocates: for long elements that most have none of. OPT_STRUCT: a pointer to the       \
           struct, which is `defaults` until somebody writes something */

struct opt {
    const char *name;
    enum opt_kind kind;
    uint32_t flags;
    enum opt_change change;
    size_t offset;
    size_t size; /* of the text, of one list element, of a struct that lies apart */
    double min;  /* inclusive; both 0 = unbounded */
    double max;
    double def;           /* default of a number, duration (s), integer, bool, enum */
    const char *def_text; /* default of a text */
    const char *unit;     /* "s", "ratio", "tokens", "replicas"; "" when there is none */
    const char *help;     /* one sentence */
    const struct opt_choice *choices; /* ends with a NULL name */
    const struct opt *sub;
    size_t sub_count;
    size_t count_offset; /* of the size_t count of a list */
    size_t list_max;
    const void *defaults; /* of a struct that lies apart */
};

/* Sets every member to its default; lists are empty. */
void opt_defaults(const struct opt *rows, size_t count, void *config);
const struct opt *opt_find(const struct opt *rows, size_t count, struct span name);

/* The elements of an OPT_LIST or OPT_TEXTS row; NULL for an empty list that lies apart. */
const void *opt_elements(const struct opt *row, const void *config);

/* The struct of an OPT_STRUCT row. */
const void *opt_struct(const struct opt *row, const void *config);

/* The member of an OPT_TREE row. */
struct tree;
static inline const struct tree *opt_tree(const void *member)
{
    return *(const struct tree *const *)member;
}
static inline void opt_set_tree(void *member, const struct tree *value)
{
    *(const struct tree **)member = value;
}

/* Field tables of state. Kinds are those that can be copied as bytes. */
enum field_kind { FIELD_I64, FIELD_U64, FIELD_F64, FIELD_I32, FIELD_U32, FIELD_U8 };
struct field {
    const char *name;
    enum field_kind kind;
    uint32_t offset;
    uint32_t count; /* array length, 1 for a scalar */
};
#define FIELD(kind_, struct_, member_)                                                             \
    {                                                                                              \
#member_, FIELD_##kind_, (uint32_t)offsetof(struct struct_, member_), 1                    \
    }
#define FIELD_ARRAY(kind_, struct_, member_, count_)                                               \
    {                                                                                              \
#member_, FIELD_##kind_, (uint32_t)offsetof(struct struct_, member_), (count_)             \
    }
uint64_t field_table_hash(const struct field *rows, size_t count, uint64_t seed);

/* Nearest known name by edit distance (at most a third of its length away), or NULL: for "did you
 * mean". */
const char *name_nearest(struct span name, const char *const *known, size_t count);

#endif
