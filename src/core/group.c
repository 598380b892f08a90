/* group.c - what a compiled group tells about itself. */
#include "core/group.h"

#include <assert.h>

#include "core/plan.h"

const char *group_name(const struct group_spec *group)
{
    return group->name;
}

size_t group_pool_count(const struct group_spec *group)
{
    return group->pool_count;
}

const struct pool_spec *group_pool(const struct group_spec *group, size_t index)
{
    assert(index < group->pool_count);
    return group->pool[index].spec;
}

size_t group_state_size(const struct group_spec *group)
{
    return group->state_size;
}

uint64_t group_shape_hash(const struct group_spec *group)
{
    return group->shape;
}

int group_external_index(const struct group_spec *group, struct span name)
{
    for (size_t i = 0; i < group->external_count; i++)
        if (span_equal_text(name, group->external[i]))
            return (int)i;
    return -1;
}

int64_t group_period_ns(const struct group_spec *group)
{
    return group->period_ns;
}
