/* apply.c - from the counts that were decided and granted to starts, wakes, drains and stops of one
 * pool. The order: what drains is taken back, what is warm is woken, what is missing is started,
 * what is too much goes. */
#include "base/num.h"
#include "reconcile/parts.h"

bool may_write(const struct reconcile *r)
{
    return !r->following && (r->lease_until_ns == TIME_NONE || r->now_ns < r->lease_until_ns);
}

bool pool_may_act(const struct reconcile *r, const struct pool *pool)
{
    return pool->core->mode == MODE_ACTIVE && pool->contended_until_ns == TIME_NONE &&
           may_write(r) && !r->closing && !r->left;
}

static int64_t count_drains(const struct pool *pool, enum drain_goal goal)
{
    int64_t n = 0;
    for (size_t i = 0; i < pool->replica_count && pool->count[REPLICA_DRAINING] > 0; i++)
        n += pool->replica[i]->row.state == REPLICA_DRAINING && pool->replica[i]->goal == goal &&
                     !is_leaving(pool->replica[i])
                 ? 1
                 : 0;
    return n;
}

/* What is there or ordered, and what will be warm again. */
static int64_t total_of(const struct pool *pool)
{
    return pool->count[REPLICA_STARTING] + pool->count[REPLICA_WARM] + pool->count[REPLICA_READY] +
           pool->count[REPLICA_BLOCKED] + pool->count[REPLICA_FAILED] +
           count_drains(pool, DRAIN_PARK);
}

static int64_t wanted_of(const struct pool *pool)
{
    return pool->desired + pool->warm_wanted + (pool->surging ? 1 : 0);
}

static bool is_due(const struct reconcile *r, const struct replica *replica)
{
    return replica->row.state == REPLICA_BLOCKED && !replica->alive &&
           replica->row.again_ns <= r->now_ns;
}

bool pool_wrote(const struct reconcile *r, const struct pool *pool)
{
    return pool->write_ns != TIME_NONE && r->now_ns - pool->write_ns < TICK_EARLY_NS;
}

/* ---- starts ---- */

/* While starts lead to nothing, only so many are tried at once (R13, FAULTS 64). Lost replicas that
 * served for long are replaced all at once (FAULTS 50), and what was only refused is tried at once
 * in classes that refused nothing (FAULTS 46). */
static int64_t tries_left(const struct pool *pool, int64_t open)
{
    bool failing = false;
    bool refused = false;
    for (size_t i = 0; i < pool->replica_count; i++) {
        failing |= pool->replica[i]->row.failures > 0;
        refused |= pool->replica[i]->refused;
    }
    if (!failing && !refused)
        return REPLICAS_MAX;
    const int64_t most = pool->core->max_unready > 1 ? pool->core->max_unready : 1;
    const int64_t left = num_clamp(most - pool->count[REPLICA_STARTING], 0, REPLICAS_MAX);
    return failing || open < left ? left : open;
}

/* Its class had no place, and it waits for that one. */
static bool may_go_elsewhere(const struct replica *replica)
{
    return replica->row.state == REPLICA_BLOCKED && !replica->alive && replica->refused;
}

int64_t apply_starts(struct reconcile *r, struct pool *pool)
{
    if (pool->spec->fixed || !pool_may_act(r, pool) || pool_wrote(r, pool))
        return 0;
    const int64_t open = classes_open(r, pool);
    int64_t due = 0;
    int64_t elsewhere = 0;
    for (size_t i = 0; i < pool->replica_count; i++) {
        const bool now = is_due(r, pool->replica[i]);
        due += now ? 1 : 0;
        elsewhere += !now && may_go_elsewhere(pool->replica[i]) ? 1 : 0;
    }
    due += num_clamp(open - due, 0, elsewhere);
    const int64_t short_of = wanted_of(pool) - total_of(pool);
    const int64_t missing = num_clamp(short_of - count_drains(pool, DRAIN_LESS), 0, REPLICAS_MAX);
    const int64_t again = num_clamp(short_of + due, 0, due); /* the surplus is not tried again */
    const int64_t left = tries_left(pool, open);
    return again + missing < left ? again + missing : left;
}

static void start(struct reconcile *r, struct pool *pool, struct replica *replica)
{
    replica_enter(r, replica, REPLICA_STARTING);
    replica_hold(r, replica, true);
    replica->row.ordered_ns = r->now_ns;
    replica->due_ns = num_add_sat(r->now_ns, pool->spec->ready_timeout_ns);
    schedule(r, replica->due_ns);
    r->gpus_free -= pool->spec->gpus_each; /* until the target tells what is left */
    action_start(r, pool, replica);
    note(r, pool, replica, "replica-starting", "start ordered");
    pool->write_ns = r->now_ns;
}

static struct replica *due_one(const struct reconcile *r, const struct pool *pool)
{
    for (size_t i = 0; i < pool->replica_count; i++)
        if (is_due(r, pool->replica[i]))
            return pool->replica[i];
    if (classes_open(r, pool) == 0)
        return NULL;
    for (size_t i = 0; i < pool->replica_count; i++)
        if (may_go_elsewhere(pool->replica[i]))
            return pool->replica[i];
    return NULL;
}

static void start_some(struct reconcile *r, struct pool *pool, int64_t starts)
{
    for (; starts > 0 && actions_room(r); starts--) {
        struct replica *replica = due_one(r, pool);
        if (replica == NULL && total_of(pool) >= wanted_of(pool))
            return;
        if (replica == NULL) {
            replica = replica_add(r, pool, r->next_id, REPLICA_BLOCKED);
            if (replica == NULL && !pool->full)
                note(r, pool, NULL, "replica-limit", "no place for another one: at most %d a pool",
                     REPLICAS_PER_POOL_MAX);
            pool->full = replica == NULL;
            if (pool->full)
                return; /* the next tick tries again */
        }
        replica->row.class_ = class_for_start(r, pool);
        start(r, pool, replica);
    }
}

/* ---- back in service ---- */

/* The newest drain has the most left on it. */
static struct replica *newest_drain(const struct pool *pool, enum drain_goal goal)
{
    struct replica *best = NULL;
    for (size_t i = 0; i < pool->replica_count && pool->count[REPLICA_DRAINING] > 0; i++) {
        struct replica *replica = pool->replica[i];
        if (replica->row.state == REPLICA_DRAINING && replica->goal == goal &&
            !is_leaving(replica) &&
            (best == NULL || replica->row.changed_ns >= best->row.changed_ns))
            best = replica;
    }
    return best;
}

static struct replica *first_warm(const struct pool *pool)
{
    for (size_t i = 0; i < pool->replica_count; i++)
        if (pool->replica[i]->row.state == REPLICA_WARM && !is_leaving(pool->replica[i]))
            return pool->replica[i];
    return NULL;
}

static void serve_again(struct reconcile *r, struct pool *pool)
{
    struct replica *replica;
    while (total_of(pool) < wanted_of(pool) && actions_room(r) &&
           (replica = newest_drain(pool, DRAIN_LESS)) != NULL)
        drain_take_back(r, replica);
    while (pool->count[REPLICA_READY] < pool->desired && actions_room(r)) {
        replica = newest_drain(pool, DRAIN_PARK);
        if (replica != NULL) {
            drain_take_back(r, replica);
            continue;
        }
        replica = pool->core->warm.use ? first_warm(pool) : NULL;
        if (replica == NULL)
            return;
        replica_enter(r, replica, REPLICA_READY);
        note(r, pool, replica, "replica-woken", "it was warm");
    }
}

/* ---- too many ---- */

int64_t pool_surplus(const struct pool *pool)
{
    return num_clamp(total_of(pool) - wanted_of(pool), 0, REPLICAS_MAX);
}

/* Starts that take too long and replicas whose probe fails for too long: stopped, and others wait
 * for their turn. */
static void give_up_overdue(struct reconcile *r, struct pool *pool)
{
    for (size_t i = pool->replica_count; i-- > 0 && actions_room(r);) {
        struct replica *replica = pool->replica[i];
        if (!replica->alive || replica->due_ns == TIME_NONE || replica->due_ns > r->now_ns ||
            (replica->row.state != REPLICA_STARTING && replica->row.state != REPLICA_BLOCKED))
            continue;
        const char *text = replica->row.state == REPLICA_STARTING ? "not ready in time"
                                                                  : "its probe failed for too long";
        note(r, pool, replica, "replica-overdue", "%s", text);
        replica_succeed(r, replica, false, text);
        replica_stop(r, replica, false);
        pool->write_ns = r->now_ns;
    }
}

/* Who may go: a ready one only while more are ready than serve, a warm one only while more are warm
 * than are wanted, and first one of a class that has more than its share. */
struct lowering {
    const struct pool *pool;
    const struct decision *decision; /* NULL = of any class */
    int64_t have[CLASSES_PER_POOL_MAX];
};

static void count_classes(const struct pool *pool, int64_t ret_have[CLASSES_PER_POOL_MAX])
{
    for (size_t i = 0; i < pool->replica_count; i++) {
        const struct replica *replica = pool->replica[i];
        if (replica->row.state != REPLICA_DRAINING && replica->row.state != REPLICA_STOPPING &&
            replica->row.class_ < CLASSES_PER_POOL_MAX)
            ret_have[replica->row.class_]++;
    }
}

static bool may_go(const struct replica *replica, const void *context)
{
    const struct lowering *l = context;
    const uint16_t class = replica->row.class_;
    const struct pool *pool = l->pool;
    if (replica->row.state == REPLICA_READY && pool->count[REPLICA_READY] <= pool->desired)
        return false;
    if (replica->row.state == REPLICA_WARM && pool->count[REPLICA_WARM] <= pool->warm_wanted)
        return false;
    return l->decision == NULL || class >= CLASSES_PER_POOL_MAX ||
           l->have[class] > l->decision->class_desired[class];
}

static struct replica *next_to_go(const struct reconcile *r, const struct pool *pool)
{
    struct lowering l = {.pool = pool};
    if (pool->core->class_count > 1 && r->group[pool->group].decided) {
        l.decision = &r->group[pool->group].decision[pool->in_group];
        count_classes(pool, l.have);
        struct replica *replica = victim_next(pool, may_go, &l);
        if (replica != NULL)
            return replica;
        l.decision = NULL;
    }
    return victim_next(pool, may_go, &l);
}

static void lower(struct reconcile *r, struct pool *pool)
{
    for (int64_t n = pool_surplus(pool); n > 0 && actions_room(r); n--) {
        struct replica *replica = next_to_go(r, pool);
        if (replica == NULL)
            return;
        if (replica->row.state == REPLICA_READY) {
            drain_begin(r, replica, DRAIN_LESS);
        } else {
            note(r, pool, replica, "replica-stopping", "%s, fewer are wanted",
                 replica_state_name(replica->row.state));
            replica_stop(r, replica, false);
        }
        pool->write_ns = r->now_ns;
    }
}

static bool is_ready(const struct replica *replica, const void *context)
{
    (void)context;
    return replica->row.state == REPLICA_READY && !is_leaving(replica);
}

/* More serve than are wanted, and warm ones are missing. */
static void park(struct reconcile *r, struct pool *pool)
{
    struct replica *replica;
    while (!pool->surging && pool->count[REPLICA_READY] > pool->desired && actions_room(r) &&
           (replica = victim_next(pool, is_ready, NULL)) != NULL)
        drain_begin(r, replica, DRAIN_PARK);
}

/* ---- */

static void apply_fixed(struct reconcile *r, struct pool *pool)
{
    for (size_t i = pool->replica_count; i-- > 0 && actions_room(r);)
        if (pool->replica[i]->leaving && pool->replica[i]->row.state == REPLICA_READY)
            drain_begin(r, pool->replica[i], DRAIN_REPLACE);
}

void apply_pool(struct reconcile *r, struct pool *pool, int64_t starts, bool may_lower)
{
    if (!pool_may_act(r, pool))
        return;
    if (pool->spec->fixed) {
        apply_fixed(r, pool);
        return;
    }
    serve_again(r, pool);
    if (pool_wrote(r, pool)) {
        tick_early(r, pool, TICK_REPLICA);
        return;
    }
    give_up_overdue(r, pool);
    start_some(r, pool, starts);
    rolling_step(r, pool);
    if (may_lower) {
        lower(r, pool);
        park(r, pool);
    }
}
