#include "config/groups.h"

#include <string.h>

static const char *group_name_of(const struct pool_config *pool)
{
    return pool->group[0] == '\0' ? pool->core.name : pool->group;
}

static enum rc check_name(const struct config *config, const struct config_group *group,
                          struct diag *diag)
{
    if (group->count == 1)
        return RC_OK;
    for (size_t i = 0; i < config->pool_count; i++)
        if (config->pool[i]->group[0] == '\0' &&
            strcmp(config->pool[i]->core.name, group->name) == 0)
            return fail(diag, RC_DUPLICATE,
                        "group %s has the name of a pool that does not belong to it", group->name);
    return RC_OK;
}

enum rc config_groups_of(const struct config *config, struct arena *arena,
                         struct config_groups *ret, struct diag *diag)
{
    size_t count = 0;
    struct config_group *group = arena_array(arena, config->pool_count, sizeof(*group));
    if (config->pool_count > 0 && group == NULL)
        return fail(diag, RC_NO_MEMORY, "no memory left");
    for (size_t i = 0; i < config->pool_count; i++) {
        const struct pool_config *pool = config->pool[i];
        size_t g = 0;
        while (g < count && strcmp(group[g].name, group_name_of(pool)) != 0)
            g++;
        if (g == count)
            group[count++].name = group_name_of(pool);
        if (group[g].count == POOLS_PER_GROUP_MAX)
            return fail(diag, RC_LIMIT,
                        "group %s has more than %d pools, which are the most that "
                        "are decided together",
                        group[g].name, POOLS_PER_GROUP_MAX);
        group[g].pool[group[g].count++] = pool;
    }
    for (size_t g = 0; g < count; g++) {
        const enum rc rc = check_name(config, &group[g], diag);
        if (rc != RC_OK)
            return rc;
    }
    *ret = (struct config_groups){.item = group, .count = count};
    return RC_OK;
}
