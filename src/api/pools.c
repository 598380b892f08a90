/* pools.c - GET /api/v1/pools and what hangs below one pool but history. */
#include "api/handlers.h"
#include "api/pool_view.h"

struct pools {
    const struct control *control;
    struct pool_bundle bundle; /* of the row that is printed */
};

static bool next_pool(void *user, size_t index, void *ret)
{
    struct pools *pools = user;
    if (index >= reconcile_pool_count(control_reconcile(pools->control)))
        return false;
    pool_fill(&pools->bundle, pools->control, index);
    *(struct pool_view *)ret = pools->bundle.view;
    return true;
}

void handle_pools(struct api_call *call)
{
    struct pools pools = {.control = call->api->control};
    call_answer_shape(call, &(struct pools_view){.pools = {next_pool, &pools}});
}

void handle_pool(struct api_call *call)
{
    struct pool_bundle bundle;
    size_t pool;
    if (!call_pool(call, 0, &pool))
        return;
    pool_fill(&bundle, call->api->control, pool);
    call_answer_shape(call, &bundle.view);
}
