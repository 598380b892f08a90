/* drain.c - stopping in two phases: gateways are told that a replica drains, and it is stopped only
 * after each of them has answered that nothing is left on it, or when the time for that is over.
 * Until then the drain can be taken back. */
#include <inttypes.h>

#include "base/num.h"
#include "reconcile/parts.h"

#define STOP_AGAIN_NS                                                                              \
    (5 * MINUTE_NS) /* a stop that nothing came of is told again, the hard way                     \
                     */

static void tell(struct reconcile *r, const struct replica *replica, enum message_kind kind)
{
    const struct message message = {
        .kind = kind,
        .pool = (uint16_t)replica->row.pool,
        .replica = replica->row.id,
        .generation = replica->drain_generation,
    };
    action_tell(r, &message);
}

void replica_stop(struct reconcile *r, struct replica *replica, bool kill)
{
    struct pool *pool = pool_of(r, replica);
    if (!replica->alive || pool->spec->fixed) {
        replica_forget(r, replica);
        return;
    }
    replica_enter(r, replica, REPLICA_STOPPING);
    replica->due_ns = num_add_sat(r->now_ns, STOP_AGAIN_NS);
    schedule(r, replica->due_ns);
    action_stop(r, pool, replica, kill);
}

/* Nothing is left on it. */
static void drained(struct reconcile *r, struct replica *replica)
{
    struct pool *pool = pool_of(r, replica);
    const bool keep = !r->closing && (replica->goal == DRAIN_PARK || pool->spec->fixed);
    if (keep) {
        replica_enter(r, replica, REPLICA_WARM);
        note(r, pool, replica, "replica-parked", "kept warm, not routed");
    } else {
        note(r, pool, replica, "replica-drained", "every gateway has let go of it");
        replica_stop(r, replica, false);
    }
}

static bool is_confirmed(const struct reconcile *r, const struct replica *replica)
{
    return (r->gateways & ~replica->confirmed) == 0;
}

void drain_begin(struct reconcile *r, struct replica *replica, enum drain_goal goal)
{
    static const char *const why[] = {
        [DRAIN_LESS] = "fewer are wanted",
        [DRAIN_PARK] = "fewer are wanted; it is kept warm",
        [DRAIN_REPLACE] = "it is replaced",
    };
    struct pool *pool = pool_of(r, replica);
    replica_enter(r, replica, REPLICA_DRAINING);
    replica->goal = goal;
    replica->confirmed = 0;
    replica->drain_generation = r->routes.generation + 1;
    note(r, pool, replica, "replica-draining", "%s", why[goal]);
    if (!pool->spec->routed || r->gateways == 0) {
        drained(r, replica); /* nobody sends it anything */
        return;
    }
    replica->due_ns = num_add_sat(r->now_ns, pool->spec->drain_timeout_ns);
    schedule(r, replica->due_ns);
    tell(r, replica, MESSAGE_DRAIN);
}

void drain_take_back(struct reconcile *r, struct replica *replica)
{
    struct pool *pool = pool_of(r, replica);
    replica_enter(r, replica, REPLICA_READY);
    replica->drain_generation = r->routes.generation + 1;
    note(r, pool, replica, "replica-undrained", "it is wanted again");
    tell(r, replica, MESSAGE_UNDRAIN);
}

enum rc drain_confirm(struct reconcile *r, uint16_t gateway, uint64_t id, uint64_t generation,
                      struct diag *diag)
{
    struct replica *replica = replica_find(r, id);
    if (replica == NULL)
        return fail(diag, RC_UNKNOWN, "replica %" PRIu64 " is not known", id);
    if (replica->row.state != REPLICA_DRAINING || generation < replica->drain_generation)
        return RC_OK; /* an answer to an older question */
    replica->confirmed |= UINT64_C(1) << gateway;
    if (is_confirmed(r, replica))
        schedule(r, r->now_ns);
    return RC_OK;
}

void drain_tell_again(struct reconcile *r, uint16_t gateway)
{
    for (size_t i = 0; i < r->replica_count; i++)
        if (r->replica[i]->row.state == REPLICA_DRAINING) {
            r->replica[i]->confirmed &= ~(UINT64_C(1) << gateway);
            tell(r, r->replica[i], MESSAGE_DRAIN);
        }
}

static bool step_draining(struct reconcile *r, struct replica *replica)
{
    struct pool *pool = pool_of(r, replica);
    if (is_confirmed(r, replica)) {
        drained(r, replica);
        return true;
    }
    if (replica->due_ns <= r->now_ns) {
        note(r, pool, replica, "replica-drain-timeout",
             "not drained in %" PRId64 " s: what it still serves is cut",
             pool->spec->drain_timeout_ns / SECOND_NS);
        drained(r, replica);
        return true;
    }
    return false;
}

/* From the end: a row may be removed. */
bool drain_step(struct reconcile *r)
{
    bool any = false;
    for (size_t i = r->replica_count; i-- > 0 && may_write(r);) {
        struct replica *replica = r->replica[i];
        if (!actions_room(r))
            break;
        if (replica->row.state == REPLICA_DRAINING) {
            any |= step_draining(r, replica);
        } else if (replica->row.state == REPLICA_STOPPING && replica->due_ns <= r->now_ns) {
            note(r, pool_of(r, replica), replica, "replica-stop-again", "still there, killed now");
            replica_stop(r, replica, true);
            any = true;
        }
    }
    return any;
}

/* The end of the installation: the served ones drain, the others stop. A second word hurries. */
void close_down(struct reconcile *r)
{
    const bool hurry = r->closing;
    if (!may_write(r)) {
        r->left = true; /* what runs is the leader's */
        return;
    }
    r->closing = true;
    r->asking = false;
    for (size_t i = r->replica_count; i-- > 0;) {
        struct replica *replica = r->replica[i];
        if (!actions_room(r))
            return;
        if (hurry && replica->row.state != REPLICA_STOPPING)
            replica_stop(r, replica, true);
        else if (hurry)
            action_stop(r, pool_of(r, replica), replica, true);
        else if (replica->row.state == REPLICA_READY)
            drain_begin(r, replica, DRAIN_REPLACE);
        else if (replica->row.state == REPLICA_DRAINING)
            replica->goal = DRAIN_REPLACE;
        else if (replica->row.state != REPLICA_STOPPING)
            replica_stop(r, replica, false);
    }
}
