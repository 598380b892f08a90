/* observation.c - the world of one pool at a tick, out of the replica table, the gateways and what
 * people set. */
#include <math.h>

#include "base/num.h"
#include "reconcile/parts.h"

/* When a start is expected to be over: by the median while that is ahead, else by the slow ones,
 * else when it is overdue. */
static int64_t expected_ns(const struct reconcile *r, const struct pool *pool,
                           const struct replica *replica)
{
    const int64_t usual_ns = num_add_sat(replica->row.ordered_ns, startup_p50_ns(pool));
    const int64_t slow_ns = num_add_sat(replica->row.ordered_ns, startup_p90_ns(pool));
    if (pool->startups == NULL)
        return replica->due_ns;
    if (usual_ns >= r->now_ns)
        return usual_ns;
    return slow_ns >= r->now_ns ? slow_ns : replica->due_ns;
}

/* Into the batches, kept sorted by time; the last one holds what finds no place. */
static void add_pending(struct pool_observation *o, int64_t due_ns)
{
    uint32_t at = o->batch_count;
    for (uint32_t i = 0; i < o->batch_count; i++)
        if (o->batch[i].due_ns == due_ns) {
            o->batch[i].count++;
            return;
        }
    if (o->batch_count == PENDING_BATCHES_MAX) {
        const uint32_t last = PENDING_BATCHES_MAX - 1;
        o->batch[last].count++;
        if (due_ns > o->batch[last].due_ns)
            o->batch[last].due_ns = due_ns;
        return;
    }
    for (; at > 0 && o->batch[at - 1].due_ns > due_ns; at--)
        o->batch[at] = o->batch[at - 1];
    o->batch[at].count = 1;
    o->batch[at].due_ns = due_ns;
    o->batch_count++;
}

static void observe_replica(const struct reconcile *r, const struct pool *pool,
                            const struct replica *replica, struct pool_observation *o)
{
    const size_t class = replica->row.class_ < CLASSES_PER_POOL_MAX ? replica->row.class_ : 0;
    switch (replica->row.state) {
    case REPLICA_STARTING:
        if (replica->row.failures > 0) {
            o->blocked++; /* crash-looping, until it is ready: nobody may count on it */
            break;
        }
        o->pending++;
        o->class_pending[class]++;
        add_pending(o, expected_ns(r, pool, replica));
        break;
    case REPLICA_READY:
        o->class_ready[class]++;
        o->busy += replica->row.busy ? 1 : 0;
        break;
    case REPLICA_WARM:
    case REPLICA_DRAINING:
    case REPLICA_STOPPING:
    case REPLICA_BLOCKED:
    case REPLICA_FAILED:
        break;
    }
    if (replica->row.notice &&
        (replica->row.state == REPLICA_READY || replica->row.state == REPLICA_STARTING))
        o->class_notice[class]++;
}

void pool_observe(const struct reconcile *r, const struct pool *pool, struct pool_observation *o)
{
    o->ready = pool->count[REPLICA_READY];
    o->warm = pool->count[REPLICA_WARM];
    o->draining = pool->count[REPLICA_DRAINING] + pool->count[REPLICA_STOPPING];
    o->blocked = pool->count[REPLICA_BLOCKED] + pool->count[REPLICA_FAILED];
    for (size_t i = 0; i < pool->replica_count; i++)
        observe_replica(r, pool, pool->replica[i], o);
    for (size_t i = 0; i < CLASSES_PER_POOL_MAX; i++)
        o->class_refused[i] = class_refused(r, pool, i);
    o->actual_count = o->ready + o->pending + o->blocked + o->warm;
    gateways_observe(r, pool, o);
    o->foreign_count = pool->foreign;
    o->inventory_limit = pool->room;
    o->paused = pool->paused ? 1 : 0;
    o->pin_count = pool->pin_count;
    o->fallback_count = pool->source_fallback;
    o->budget_unreadable = pool->money_outside && isnan(pool->money_spent) ? 1 : 0;
    o->spent_today = pool->money_outside ? pool->money_spent : NAN;
    o->schedule_now = pool->schedule_now;
    o->schedule_next = pool->schedule_next;
    o->schedule_next_ns = pool->schedule_next_ns;
    o->start_p50_ns = startup_p50_ns(pool);
    o->start_p90_ns = startup_p90_ns(pool);
}
