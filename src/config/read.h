/* read.h - a tree by option rows into a plain struct, every problem told.
 *
 * The struct is filled by opt_defaults() beforehand; what the tree holds and the rows allow is put
 * in. A wrong value leaves the default in place and adds a problem, so reading goes on to the
 * end. Nothing is kept but OPT_TREE values, which point into the tree. */
#ifndef SLUICE_CONFIG_READ_H
#define SLUICE_CONFIG_READ_H

#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"
#include "base/opt.h"
#include "base/tree.h"
#include "config/problem.h"

#define READ_PATH_MAX 400

struct reader {
    struct problem_list *problems;
    const char *file;
    struct arena *arena; /* for lists that lie apart; NULL where no row has one */
    char path[READ_PATH_MAX];
    size_t path_len;
};

void reader_init(struct reader *r, struct problem_list *problems, const char *file,
                 const char *path);
/* Goes down into a member (names) or an element (index); returns what reader_up() needs. */
size_t reader_down(struct reader *r, struct span name);
size_t reader_down_index(struct reader *r, size_t index);
void reader_up(struct reader *r, size_t before);

/* A problem with the value of a node (with its place), or with the reader's place when NULL. */
void reader_error(struct reader *r, const struct tree *node, enum rc code, const char *format, ...)
    PRINTF_LIKE(4, 5);
void reader_warning(struct reader *r, const struct tree *node, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* The same at the member's name. */
void reader_error_key(struct reader *r, const struct tree *node, enum rc code, const char *format,
                      ...) PRINTF_LIKE(4, 5);

/* The one document of a text, in the arena; NULL: it is none, or not one (told). what: "a
 * scenario". */
const struct tree *read_single_document(struct reader *r, struct arena *arena, struct span text,
                                        const char *what);
/* object may be NULL or of a wrong kind (told). */
void read_options(struct reader *r, const struct opt *rows, size_t count, const struct tree *object,
                  void *config);
/* Words for an unknown name: nearest one, or the names there are. */
void read_unknown(struct reader *r, const struct tree *member, const char *const *known,
                  size_t count);
/* A scalar as the text that stands in the file: also numbers and words like true. */
bool read_text(const struct tree *node, struct span *ret);
/* The text was put together from the environment or a file: show node->source instead of it. */
bool read_is_from_environment(const struct tree *node);
/* The value for messages: `"abc"`, `12`, `a list`; at most 60 bytes of it. */
#define READ_VALUE_MAX 96
const char *read_value_words(const struct tree *node, char ret[READ_VALUE_MAX]);
/* Duration as an option takes it: "30s", 0, and plain numbers where the name says the unit. */
bool read_duration(const struct opt *row, const struct tree *node, int64_t *ret_ns);

#endif
