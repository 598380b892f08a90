/* group.c - what a compiled group tells about itself. */
#include "core/group.h"

#include <assert.h>
#include <string.h>

#include "core/plan.h"

#define CACHE_LINE 64
#define PREFETCH_BYTES_MAX 2048 /* large states are not read as a whole */

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

void group_state_prefetch(const struct group_spec *group, const struct group_state *state)
{
    const size_t size =
        group->state_size < PREFETCH_BYTES_MAX ? group->state_size : PREFETCH_BYTES_MAX;
    for (size_t at = 0; at < size; at += CACHE_LINE)
        __builtin_prefetch((const char *)state + at, 1);
}

bool decision_equal(const struct decision *a, const struct decision *b)
{
    const size_t head = offsetof(struct decision, shadow);
    return memcmp(a, b, head) == 0 && /* the counts among them */
           memcmp(a->shadow, b->shadow, a->shadow_count * sizeof(a->shadow[0])) == 0 &&
           memcmp(a->trail, b->trail, a->trail_count * sizeof(a->trail[0])) == 0;
}

int64_t group_period_ns(const struct group_spec *group)
{
    return group->period_ns;
}
