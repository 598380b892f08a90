/* resolved.h - every option of a configuration with its value in force and where it came from: for
 * `explain`, for the API, and for comparing two configurations. */
#ifndef SLUICE_CONFIG_RESOLVED_H
#define SLUICE_CONFIG_RESOLVED_H

#include <stddef.h>

#include "base/mem.h"
#include "base/opt.h"
#include "base/tree.h"
#include "config/config.h"

struct resolved {
    const char *path; /* "pools.chat.queue.timeout"; valid during the call */
    const struct opt *row;
    const void *base;        /* struct that holds the value at row->offset */
    const struct tree *node; /* what set it; NULL = the default */
};
/* Returning false ends the visit. */
typedef bool resolved_visit(void *user, const struct resolved *value);

/* All values, in the order of the rows: general part, then pools. Options of policies that are not
 * in force are left out. Struct rows are not visited themselves. */
void config_visit(const struct config *config, resolved_visit *visit, void *user);
void pool_visit(const struct layout *layout, const struct pool_config *pool, resolved_visit *visit,
                void *user);
/* The value as one would write it in a file; "***" for secrets, "unset" for numbers without one. */
void resolved_print(struct buf *out, const struct opt *row, const void *base);
/* The default in the same form. */
void resolved_print_default(struct buf *out, const struct opt *row);
/* "0s to 24h", "1 to 1000000 replicas", "active, observe"; nothing when there is no bound. */
void resolved_print_range(struct buf *out, const struct opt *row);
/* What a changed value does, in words. */
const char *change_words(enum opt_change change);

#endif
