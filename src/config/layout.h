/* layout.h - the option rows of the whole file, joined from the tables of config, core and every
 * policy.
 *
 * Tables of other modules have counts that are no constants for the compiler, and the options of
 * the policies come from a registry: so the joined rows are built once per load, in an arena.
 * Reader, `explain`, schema, reference and diff walk these rows. */
#ifndef SLUICE_CONFIG_LAYOUT_H
#define SLUICE_CONFIG_LAYOUT_H

#include <stddef.h>

#include "base/mem.h"
#include "base/opt.h"
#include "core/policy.h"

struct layout {
    const struct opt *file; /* of struct config */
    size_t file_count;
    const struct opt *pool; /* of a block of pool_size bytes that begins with struct pool_config */
    size_t pool_count;
    const struct opt *autoscaling; /* the part of `pool` with that name */
    size_t autoscaling_count;
    size_t pool_size;
};

/* NULL when the arena is full. */
const struct layout *layout_new(struct arena *arena);
/* Where the options of a policy stand in a pool block. */
size_t layout_policy_offset(const struct layout *layout, const struct policy_ops *policy);

#endif
