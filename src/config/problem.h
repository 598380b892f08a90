/* problem.h - everything that is wrong with a configuration, collected instead of stopping at the
 * first.
 *
 * A list owns its texts (its own arena). It is bounded: after PROBLEMS_MAX more are counted, not
 * kept. The same words at the same place are kept once, so a mistake in a shared block is told
 * once. */
#ifndef SLUICE_CONFIG_PROBLEM_H
#define SLUICE_CONFIG_PROBLEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/rc.h"
#include "base/span.h"
#include "base/tree.h"

enum problem_severity { PROBLEM_ERROR, PROBLEM_WARNING };

struct problem {
    enum problem_severity severity;
    enum rc code;
    uint32_t line;    /* 1-based; 0 = no position */
    uint32_t column;  /* 1-based, bytes */
    const char *file; /* as the user named it */
    const char *path; /* "pools.chat.queue.timeout", "" = the whole file */
    const char *text; /* value found, what is allowed, what can be done */
};

struct problem_list {
    struct arena arena;
    struct problem *item;
    size_t count;
    size_t cap;
    size_t errors; /* counted also when not kept */
    size_t warnings;
};

void problem_list_init(struct problem_list *list);
void problem_list_done(struct problem_list *list);
void problem_add(struct problem_list *list, const struct problem *where, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* By file (order of first mention is kept), line and column. */
void problem_list_sort(struct problem_list *list);

/* "file:3:7: error: pools.chat.minReplicas: words", and when the source is known the line itself
 * with a caret below it. Colours are ANSI sequences. */
void problem_print(struct buf *out, const struct problem *problem, struct span source, bool colour);
void problem_print_json(struct json_writer *w, const struct problem *problem);

#endif
