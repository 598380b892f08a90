/* groups.h - the pools of a configuration put into groups: those of one `group` are decided
 * together, in the order of the file; others alone, under their own name. */
#ifndef SLUICE_CONFIG_GROUPS_H
#define SLUICE_CONFIG_GROUPS_H

#include "base/mem.h"
#include "config/config.h"

struct config_group {
    const char *name;
    const struct pool_config *pool[POOLS_PER_GROUP_MAX];
    size_t count;
};
struct config_groups {
    const struct config_group *item; /* by their first pool */
    size_t count;
};

/* In the arena; names and pools are those of config. RC_LIMIT for a group of more than
 * POOLS_PER_GROUP_MAX, RC_DUPLICATE for a group named like a pool outside it. */
enum rc config_groups_of(const struct config *config, struct arena *arena,
                         struct config_groups *ret, struct diag *diag) MUST_CHECK;

#endif
