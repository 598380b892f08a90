/* Who leads: a lease that comes and goes, a control step that stands still, another one that takes
 * over. The gateways go on with the routes they have. */
#include "base/duration.h"
#include "base/num.h"
#include "sim/world_internal.h"

void world_lease(struct world *world, bool ours, int64_t for_ns)
{
    const int64_t until_ns = for_ns == TIME_NONE ? TIME_NONE : num_add_sat(world->now_ns, for_ns);
    const struct event event = {.kind = EVENT_LEASE, .up = ours, .until_ns = until_ns};
    world->watch.leads = ours;
    world->watch.lease_until_ns = until_ns;
    world_give(world, &event);
}

void world_stall(struct world *world, bool stands_still)
{
    world->stalled = stands_still;
    world->control_due = true;
    rules_pass_over(world);
}

/* To a control step that knows nothing: the gateway, what runs, what there is. */
void lead_begin(struct world *world)
{
    const struct event gateway = {.kind = EVENT_GATEWAY, .up = true};
    world_give(world, &gateway);
    fleet_found(world);
    for (size_t i = 0; i < world->spec.pool_count; i++)
        world_tell(world, &(struct up){.kind = UP_ROOM, .pool = i});
    world_hand_up(world);
    for (size_t i = 0; i < world->spec.control->group_count; i++) {
        const struct event source = {.kind = EVENT_SOURCE, .group = i, .up = true};
        world_give(world, &source);
    }
    const struct event scanned = {.kind = EVENT_SCANNED, .pool = ""};
    world_give(world, &scanned);
}

static uint64_t next_id(const struct world *world)
{
    uint64_t last = 0;
    for (size_t i = 0; i < world->body_count; i++)
        last = world->body[i].id > last ? world->body[i].id : last;
    return last + 1;
}

static enum rc hand_over(const struct world *world, struct reconcile *next)
{
    enum rc rc = RC_OK;
    for (size_t i = 0; i < world->spec.control->group_count && rc == RC_OK; i++) {
        const struct group_state *state = reconcile_state_of(world->reconcile, i);
        const struct group_spec *group = reconcile_group_of(world->reconcile, i);
        if (state != NULL)
            rc = reconcile_restore(next, i, state, group_state_size(group), NULL);
    }
    for (size_t i = 0; i < world->spec.pool_count && rc == RC_OK; i++) {
        int64_t span_ns[STARTUPS_KEPT];
        const size_t count = reconcile_startups(world->reconcile, i, span_ns);
        for (size_t k = 0; k < count && rc == RC_OK; k++)
            rc = reconcile_startup(next, fleet_pool_of(world, i)->name, span_ns[k]);
    }
    return rc;
}

enum rc world_succeed(struct world *world, bool state_is_lost)
{
    struct reconcile *next = reconcile_new(world->spec.control, next_id(world));
    if (next == NULL)
        return RC_NO_MEMORY;
    const enum rc rc = state_is_lost ? RC_OK : hand_over(world, next);
    if (rc != RC_OK) {
        reconcile_free(next);
        return rc;
    }
    reconcile_free(world->reconcile);
    world->reconcile = next;
    world->generation = 0; /* its own count begins */
    world->up_count = world->up_done = 0;
    world->stalled = false;
    for (size_t i = 0; i < world->alive_count; i++)
        world->body[world->alive[i]].drain_ns = TIME_NONE;
    rules_succeed(world);
    lead_begin(world);
    return RC_OK;
}
