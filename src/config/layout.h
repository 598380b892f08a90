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
    const struct opt *pool; /* of struct pool_config */
    size_t pool_count;
    const struct opt *autoscaling; /* the part of `pool` with that name */
    size_t autoscaling_count;
    const struct pool_config *pool_defaults;
    struct class_spec default_class; /* of a pool that names none */
};

/* NULL when the arena is full. */
const struct layout *layout_new(struct arena *arena);
/* The options of a policy as the pool has them. To be read only: pools that say nothing about a
 * policy share them. */
struct pool_config;
void *layout_policy_config(const struct pool_config *pool, const struct policy_ops *policy);

#endif
