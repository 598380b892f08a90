/* operator.c - what people and others set: pins and pauses with their end, counts that somebody
 * else wrote, and replicas that an operator wants replaced. */
#include <inttypes.h>
#include <string.h>

#include "base/num.h"
#include "reconcile/parts.h"

static void set_text(char *ret, size_t size, const char *text)
{
    (void)span_copy(span_from(text), ret, size);
}

enum rc pin_take(struct reconcile *r, struct pool *pool, const struct event *event,
                 struct diag *diag)
{
    if (event->count == NO_COUNT) {
        if (pool->pin_count != NO_COUNT)
            note(r, pool, NULL, "pool-unpinned", "%s", event->text != NULL ? event->text : "");
        pool->pin_count = NO_COUNT;
        r->routes_stale = true;
        tick_early(r, pool, TICK_OPERATOR);
        return RC_OK;
    }
    if (event->count < pool->core->replicas_min || event->count > pool->core->replicas_max)
        return fail(diag, RC_RANGE,
                    "a pin of %" PRId64 " is outside of pool \"%s\": from %" PRId64
                    " (minReplicas) to %" PRId64 " (maxReplicas) is allowed",
                    event->count, pool->spec->name, pool->core->replicas_min,
                    pool->core->replicas_max);
    r->routes_stale = true;
    pool->pin_count = event->count;
    pool->pin_until_wall_ns = event->until_wall_ns;
    set_text(pool->pin_text, sizeof(pool->pin_text), event->text);
    note(r, pool, NULL, "pool-pinned", "at %" PRId64 ": %s", event->count, pool->pin_text);
    tick_early(r, pool, TICK_OPERATOR);
    return RC_OK;
}

enum rc pause_take(struct reconcile *r, struct pool *pool, const struct event *event,
                   struct diag *diag)
{
    (void)diag;
    r->routes_stale = true;
    pool->paused = event->up;
    pool->pause_until_wall_ns = event->until_wall_ns;
    set_text(pool->pause_text, sizeof(pool->pause_text), event->text);
    note(r, pool, NULL, event->up ? "pool-paused" : "pool-resumed", "%s", pool->pause_text);
    tick_early(r, pool, TICK_OPERATOR);
    return RC_OK;
}

void operator_expire(struct reconcile *r, struct pool *pool)
{
    if (pool->pin_count != NO_COUNT && pool->pin_until_wall_ns != TIME_NONE &&
        r->wall_ns >= pool->pin_until_wall_ns) {
        note(r, pool, NULL, "pool-unpinned", "the pin at %" PRId64 " has expired", pool->pin_count);
        pool->pin_count = NO_COUNT;
        r->routes_stale = true;
    }
    if (pool->paused && pool->pause_until_wall_ns != TIME_NONE &&
        r->wall_ns >= pool->pause_until_wall_ns) {
        note(r, pool, NULL, "pool-resumed", "the pause has expired");
        pool->paused = false;
        r->routes_stale = true;
    }
    if (pool->contended_until_ns != TIME_NONE && r->now_ns >= pool->contended_until_ns) {
        note(r, pool, NULL, "pool-settled", "nobody else changed the count for %" PRId64 " s",
             FOREIGN_WINDOW_NS / SECOND_NS);
        pool->contended_until_ns = TIME_NONE;
    }
}

/* R16: adopted; after some of them in one window two writers fight, and we stop. */
enum rc foreign_take(struct reconcile *r, struct pool *pool, const struct event *event,
                     struct diag *diag)
{
    if (event->count < 0 || event->count > REPLICAS_MAX)
        return fail(diag, RC_RANGE, "a count of %" PRId64 " is not possible: 0 to %d", event->count,
                    REPLICAS_MAX);
    pool->foreign = event->count;
    note(r, pool, NULL, "foreign-count", "somebody else set %" PRId64 ", we had decided %" PRId64,
         event->count, pool->desired);
    memmove(&pool->flip_ns[1], &pool->flip_ns[0],
            (FOREIGN_FLIPS_MAX - 1) * sizeof(pool->flip_ns[0]));
    pool->flip_ns[0] = r->now_ns;
    const int64_t oldest_ns = pool->flip_ns[FOREIGN_FLIPS_MAX - 1];
    const bool fight = oldest_ns != TIME_NONE && r->now_ns - oldest_ns <= FOREIGN_WINDOW_NS;
    if (fight && pool->contended_until_ns == TIME_NONE)
        note(r, pool, NULL, "pool-contended",
             "somebody else changed the count %d times in %" PRId64 " s: nothing is done any more",
             FOREIGN_FLIPS_MAX, FOREIGN_WINDOW_NS / SECOND_NS);
    if (fight || pool->contended_until_ns != TIME_NONE)
        pool->contended_until_ns = num_add_sat(r->now_ns, FOREIGN_WINDOW_NS);
    tick_early(r, pool, TICK_OPERATOR);
    return RC_OK;
}

enum rc stop_replica_take(struct reconcile *r, uint64_t id, const char *text, struct diag *diag)
{
    struct replica *replica = replica_find(r, id);
    if (replica == NULL)
        return fail(diag, RC_UNKNOWN, "replica %" PRIu64 " is not known", id);
    struct pool *pool = pool_of(r, replica);
    if (replica->row.state == REPLICA_DRAINING || replica->row.state == REPLICA_STOPPING)
        return RC_OK; /* on its way already */
    replica->leaving = true;
    note(r, pool, replica, "replica-unwanted", "%s", text != NULL ? text : "");
    tick_early(r, pool, TICK_OPERATOR);
    return RC_OK;
}

enum rc notice_take(struct reconcile *r, uint64_t id, bool up, struct diag *diag)
{
    struct replica *replica = replica_find(r, id);
    if (replica == NULL)
        return fail(diag, RC_UNKNOWN, "replica %" PRIu64 " is not known", id);
    if (replica->row.notice == up)
        return RC_OK;
    replica->row.notice = up;
    replica->notice_ns = r->now_ns;
    schedule(r, num_add_sat(r->now_ns, pool_of(r, replica)->core->cost.interruption_timeout_ns));
    note(r, pool_of(r, replica), replica, "replica-notice",
         up ? "its capacity will be taken away" : "its capacity stays");
    tick_early(r, pool_of(r, replica), TICK_REPLICA);
    return RC_OK;
}
