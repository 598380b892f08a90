/* victims.c - who goes when fewer are wanted (DESIGN 3.5): what serves nobody first, the youngest
 * of it; then the ready ones, an idle one always before a busy one. */
#include "reconcile/parts.h"

/* Lower goes first. Those on their way out are not asked. */
static int rank_of(const struct replica *replica)
{
    switch (replica->row.state) {
    case REPLICA_FAILED:
        return 0;
    case REPLICA_BLOCKED:
        return replica->alive ? 2 : 1;
    case REPLICA_STARTING:
        return 3;
    case REPLICA_WARM:
        return 4;
    case REPLICA_READY:
        return replica->row.busy ? 6 : 5;
    case REPLICA_DRAINING:
    case REPLICA_STOPPING:
        break;
    }
    return -1;
}

/* Within a rank: under notice, to be replaced anyway, fewest running tokens, coldest cache (the one
 * that became ready last), youngest. */
static bool goes_before(const struct replica *a, const struct replica *b)
{
    const int rank_a = rank_of(a);
    const int rank_b = rank_of(b);
    if (rank_a != rank_b)
        return rank_a < rank_b;
    if (a->row.notice != b->row.notice)
        return a->row.notice;
    if (is_leaving(a) != is_leaving(b))
        return is_leaving(a);
    if (a->row.in_flight_tokens != b->row.in_flight_tokens)
        return a->row.in_flight_tokens < b->row.in_flight_tokens;
    return a->row.ready_ns >= b->row.ready_ns; /* rows come by id: the later one is younger */
}

struct replica *victim_next(const struct pool *pool, victim_fn *allowed, const void *context)
{
    struct replica *first = NULL;
    for (size_t i = 0; i < pool->replica_count; i++) {
        struct replica *replica = pool->replica[i];
        if (rank_of(replica) < 0 || (allowed != NULL && !allowed(replica, context)))
            continue;
        if (first == NULL || goes_before(replica, first))
            first = replica;
    }
    return first;
}

int64_t victims_idle(const struct reconcile *r, const struct pool *pool)
{
    const int64_t spare = pool->desired - pool->core->replicas_min;
    int64_t idle = 0;
    if (pool->spec->fixed || pool->pin_count != NO_COUNT || pool->paused ||
        !r->group[pool->group].complete || !pool_may_act(r, pool))
        return 0;
    for (size_t i = 0; i < pool->replica_count; i++) {
        const struct replica_row *row = &pool->replica[i]->row;
        if (row->state == REPLICA_READY && !row->busy && row->ready_ns != TIME_NONE &&
            r->now_ns - row->ready_ns >= pool->core->residence_ns)
            idle++;
    }
    return idle < spare ? idle : spare;
}
