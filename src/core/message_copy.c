/* message_copy.c - messages that outlive their sender. */
#include <string.h>

#include "core/message.h"

static bool copy_array(struct arena *arena, const void *from, size_t n, size_t size, void *ret)
{
    void *copy = arena_array(arena, n > 0 ? n : 1, size);
    if (copy == NULL)
        return false;
    if (n > 0)
        memcpy(copy, from, n * size);
    memcpy(ret, &copy, sizeof(copy));
    return true;
}

static const struct routes *copy_routes(struct arena *arena, const struct routes *from)
{
    struct routes *to = arena_alloc(arena, sizeof(*to));
    if (to == NULL)
        return NULL;
    *to = *from;
    if (!copy_array(arena, from->pool, from->pool_count, sizeof(*from->pool), (void *)&to->pool) ||
        !copy_array(arena, from->model, from->model_count, sizeof(*from->model),
                    (void *)&to->model))
        return NULL;
    for (size_t i = 0; i < to->pool_count; i++) {
        struct route_pool *pool = &to->pool[i];
        if (!copy_array(arena, pool->replica, pool->replica_count, sizeof(*pool->replica),
                        (void *)&pool->replica))
            return NULL;
    }
    return to;
}

static const struct gateway_snapshot *copy_snapshot(struct arena *arena,
                                                    const struct gateway_snapshot *from)
{
    const size_t size =
        offsetof(struct gateway_snapshot, replica) + from->replica_count * sizeof(from->replica[0]);
    /* A thousand idle pools answer at once: none takes more than it says. */
    arena_expect(arena, size + (from->latency != NULL ? sizeof(*from->latency) : 0) + 16);
    struct gateway_snapshot *to = arena_alloc(arena, size);
    if (to == NULL)
        return NULL;
    memcpy(to, from, size);
    if (from->latency != NULL &&
        !copy_array(arena, from->latency, 1, sizeof(*from->latency), (void *)&to->latency))
        return NULL;
    return to;
}

enum rc message_copy(struct arena *arena, const struct message *from, struct message *ret)
{
    struct message copy = *from;
    if (from->routes != NULL && (copy.routes = copy_routes(arena, from->routes)) == NULL)
        return RC_NO_MEMORY;
    if (from->snapshot != NULL && (copy.snapshot = copy_snapshot(arena, from->snapshot)) == NULL)
        return RC_NO_MEMORY;
    *ret = copy;
    return RC_OK;
}
