/* rolling.c - replacing replicas whose target changed, whose capacity is taken away or that an
 * operator does not want: one by one, new before old where there is room, drained. A revision that
 * does not become ready stops it there (R13). */
#include "base/num.h"
#include "reconcile/parts.h"

/* A newcomer that was refused for want of room: only the old one can make it. */
static bool is_refused(const struct replica *replica)
{
    return replica->row.state == REPLICA_BLOCKED && !replica->alive && replica->refused;
}

/* Ready ones that are to be replaced, and what is on its way. */
struct progress {
    int64_t leaving;  /* ready */
    int64_t unproven; /* newcomers that do not serve yet ... */
    int64_t refused;  /* ... and those of them that found no room */
    int64_t going;    /* replaced ones that drain or stop */
};

static struct progress progress_of(const struct pool *pool)
{
    struct progress p = {0};
    for (size_t i = 0; i < pool->replica_count; i++) {
        const struct replica *replica = pool->replica[i];
        switch (replica->row.state) {
        case REPLICA_READY:
            p.leaving += is_leaving(replica) ? 1 : 0;
            break;
        case REPLICA_STARTING:
        case REPLICA_BLOCKED:
        case REPLICA_FAILED:
            p.unproven += is_leaving(replica) ? 0 : 1;
            p.refused += !is_leaving(replica) && is_refused(replica) ? 1 : 0;
            break;
        case REPLICA_DRAINING:
        case REPLICA_STOPPING:
            p.going += replica->goal == DRAIN_REPLACE ? 1 : 0;
            break;
        case REPLICA_WARM:
            break;
        }
    }
    return p;
}

static bool is_ready_leaving(const struct replica *replica, const void *context)
{
    (void)context;
    return replica->row.state == REPLICA_READY && is_leaving(replica);
}

static bool is_idle_leaving(const struct replica *replica, const void *context)
{
    (void)context;
    return replica->row.state != REPLICA_READY && is_leaving(replica);
}

/* Those that serve nobody go at once: their places are filled like any others. */
static void replace_unserving(struct reconcile *r, struct pool *pool)
{
    struct replica *replica;
    while (actions_room(r) && (replica = victim_next(pool, is_idle_leaving, NULL)) != NULL) {
        note(r, pool, replica, "replica-replaced", "%s, of an old target",
             replica_state_name(replica->row.state));
        replica_stop(r, replica, false);
    }
}

static bool has_room(const struct reconcile *r, const struct pool *pool)
{
    if (pool->surging)
        return pool->unmet == 0;
    return (pool->room == NO_COUNT || pool->held < pool->room) &&
           r->gpus_free >= pool->spec->gpus_each;
}

void rolling_plan(struct reconcile *r, struct pool *pool)
{
    if (pool->spec->fixed || !pool_may_act(r, pool) || pool_wrote(r, pool))
        return;
    replace_unserving(r, pool);
    const struct progress p = progress_of(pool);
    const bool may = p.leaving > 0 && p.going == 0 && p.refused == 0 && pool->desired > 0;
    pool->surging = may && (pool->surging || p.unproven == 0) && has_room(r, pool);
}

/* Capacity that is about to be taken away is not waited for until it is: what streams shall end. */
static void drain_overdue(struct reconcile *r, struct pool *pool)
{
    const int64_t limit_ns = pool->core->cost.interruption_timeout_ns;
    for (size_t i = pool->replica_count; i-- > 0 && actions_room(r);) {
        struct replica *replica = pool->replica[i];
        if (replica->row.notice && replica->row.state == REPLICA_READY &&
            num_add_sat(r->now_ns, -replica->notice_ns) >= limit_ns)
            drain_begin(r, replica, DRAIN_REPLACE);
    }
}

/* One more than wanted may exist for a while; without room for it the old one goes first, as long
 * as all that are wanted serve. */
void rolling_step(struct reconcile *r, struct pool *pool)
{
    drain_overdue(r, pool);
    const struct progress p = progress_of(pool);
    const bool spare = pool->count[REPLICA_READY] > pool->desired;
    if (p.leaving == 0 || p.going > 0 || pool->count[REPLICA_READY] < pool->desired ||
        pool->desired == 0 || !actions_room(r))
        return;
    if (!spare && (pool->surging || p.unproven > p.refused))
        return; /* a newcomer serves first */
    drain_begin(r, victim_next(pool, is_ready_leaving, NULL), DRAIN_REPLACE);
    pool->surging = false;
    pool->write_ns = r->now_ns;
}
