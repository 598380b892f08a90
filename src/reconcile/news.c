/* news.c - what targets tell of their replicas, and what becomes of the lost ones: the count of
 * desired replicas stays, another one waits for its turn in the place of the lost one.
 *
 * An id is started once: the one that takes the place has a new id and carries the count of
 * failures on. So late news of a dead replica can never be taken for news of a living one. */
#include <inttypes.h>
#include <string.h>

#include "base/num.h"
#include "base/rng.h"
#include "reconcile/parts.h"

/* ---- back-off ---- */

/* Doubled with each try, at most the largest, less up to a quarter so that not all come at once. */
static int64_t backoff_ns(const struct reconcile_pool *spec, int64_t tries, uint64_t id)
{
    int64_t wait_ns = num_clamp(spec->backoff_min_ns, 0, DAY_NS);
    const int64_t most_ns = num_clamp(spec->backoff_max_ns, wait_ns, DAY_NS);
    for (int64_t i = 1; i < tries && wait_ns < most_ns; i++)
        wait_ns = num_clamp(2 * wait_ns, wait_ns, most_ns);
    const int64_t jitter_ns = wait_ns / 4;
    const uint64_t part = hash_u64(0, id) % 1024;
    return wait_ns - (int64_t)((double)jitter_ns * ((double)part / 1024));
}

/* A replica that served for long has shown that starts work. */
static bool proven(const struct reconcile *r, const struct pool *pool,
                   const struct replica *replica)
{
    return replica->row.ready_ns != TIME_NONE &&
           r->now_ns - replica->row.ready_ns >= pool->spec->backoff_max_ns;
}

static void wait_for_turn(struct reconcile *r, struct pool *pool, struct replica *next)
{
    const int64_t give_up = pool->spec->give_up_after;
    if (give_up > 0 && next->row.failures >= give_up) {
        replica_enter(r, next, REPLICA_FAILED);
        (void)span_copy(span_from(next->row.text), pool->text, sizeof(pool->text));
        note(r, pool, next, "replica-given-up", "%" PRId64 " starts in a row failed: %s",
             next->row.failures, next->row.text);
        return;
    }
    next->row.again_ns = r->now_ns + backoff_ns(pool->spec, next->tries, next->row.id);
    next->due_ns = next->row.again_ns;
    schedule(r, next->due_ns);
}

static bool is_replaced(const struct reconcile *r, const struct pool *pool,
                        const struct replica *replica)
{
    return !r->closing && !pool->spec->fixed && !is_leaving(replica) &&
           replica->row.state != REPLICA_DRAINING && replica->row.state != REPLICA_STOPPING;
}

void replica_succeed(struct reconcile *r, const struct replica *replica, bool refused,
                     const char *text)
{
    struct pool *pool = pool_of(r, replica);
    if (!is_replaced(r, pool, replica))
        return;
    (void)span_copy(span_from(text), pool->text, sizeof(pool->text));
    struct replica *next = replica_add(r, pool, r->next_id, REPLICA_BLOCKED);
    if (next == NULL)
        return; /* the next tick sees that one is missing */
    if (replica->row.ready_ns == TIME_NONE)
        class_failed(r, pool, replica->row.class_);
    const bool fresh = proven(r, pool, replica);
    next->row.failures = fresh ? 0 : replica->row.failures + (refused ? 0 : 1);
    next->tries = fresh ? 1 : replica->tries + 1;
    next->refused = refused;
    next->row.class_ = replica->row.class_;
    replica_say(next, text);
    wait_for_turn(r, pool, next);
}

static void lose(struct reconcile *r, struct replica *replica, bool refused, const char *text)
{
    struct pool *pool = pool_of(r, replica);
    replica_succeed(r, replica, refused, text);
    replica_forget(r, replica);
    tick_early(r, pool, TICK_REPLICA);
}

/* ---- arrival ---- */

static void take_address(struct reconcile *r, struct replica *replica,
                         const struct replica_news *news)
{
    if (news->host[0] == '\0' ||
        (replica->row.port == news->port && strcmp(replica->row.host, news->host) == 0))
        return;
    memcpy(replica->row.host, news->host, sizeof(replica->row.host));
    replica->row.host[sizeof(replica->row.host) - 1] = '\0';
    replica->row.port = news->port;
    r->routes_stale = true;
}

static void take_hash(const struct pool *pool, struct replica *replica, uint64_t hash)
{
    replica->row.target_hash = hash;
    replica->row.old = !pool->spec->fixed && hash != pool->spec->target_hash;
}

/* Serving as long as more are wanted, else kept warm where that is wanted. */
static enum replica_state ready_state(const struct pool *pool)
{
    const int64_t serving = pool->desired + (pool->surging ? 1 : 0);
    const bool enough = pool->ticked && pool->count[REPLICA_READY] >= serving;
    return enough && !pool->spec->fixed && pool->core->mode == MODE_ACTIVE &&
                   pool->count[REPLICA_WARM] < pool->warm_wanted
               ? REPLICA_WARM
               : REPLICA_READY;
}

static void set_ready(struct reconcile *r, struct pool *pool, struct replica *replica)
{
    const bool first = replica->row.ready_ns == TIME_NONE;
    replica_hold(r, replica, true);
    replica_enter(r, replica, ready_state(pool));
    replica_say(replica, "");
    pool->text[0] = '\0';
    replica->suspects = 0;
    class_works(r, pool, replica->row.class_);
    if (first) {
        replica->row.ready_ns = r->now_ns;
        if (!replica->adopted)
            startup_record(pool, r->now_ns - replica->row.ordered_ns);
    }
    note(r, pool, replica, "replica-ready", "serves at %s:%u", replica->row.host,
         (unsigned)replica->row.port);
    tick_early(r, pool, TICK_REPLICA);
}

static void set_starting(struct reconcile *r, struct pool *pool, struct replica *replica)
{
    replica_enter(r, replica, REPLICA_STARTING);
    replica_hold(r, replica, true);
    replica->due_ns = num_add_sat(r->now_ns, pool->spec->ready_timeout_ns);
    schedule(r, replica->due_ns);
}

static enum rc found(struct reconcile *r, struct pool *pool, const struct replica_news *news,
                     struct diag *diag)
{
    if (!actions_room(r))
        return fail(diag, RC_NO_MEMORY, "no memory for a found replica");
    struct replica *replica = replica_add(r, pool, news->replica, REPLICA_STARTING);
    if (replica == NULL)
        return fail(diag, RC_LIMIT, "pool \"%s\" has %zu replicas, there is no place for another",
                    pool->spec->name, pool->replica_count);
    replica->adopted = true;
    replica->row.class_ = news->class_;
    if (news->started_ns < r->now_ns)
        replica->row.ordered_ns = news->started_ns;
    take_hash(pool, replica, news->target_hash);
    take_address(r, replica, news);
    const bool ready = news->kind == NEWS_READY || (news->kind == NEWS_FOUND && news->ready);
    replica->row.phase = ready ? PHASE_LOADING : (enum replica_phase)news->phase;
    note(r, pool, replica, "replica-found", "%s, at %s:%u%s", ready ? "ready" : "not ready",
         replica->row.host, (unsigned)news->port, replica->row.old ? ", of an old target" : "");
    if (ready)
        set_ready(r, pool, replica);
    else
        set_starting(r, pool, replica);
    if (r->closing)
        replica_stop(r, replica, false);
    return RC_OK;
}

/* ---- news of known replicas ---- */

static void phase_reached(struct reconcile *r, struct replica *replica,
                          const struct replica_news *news)
{
    if (replica->row.state != REPLICA_STARTING || news->phase >= PHASE_COUNT)
        return;
    replica->row.phase = (enum replica_phase)news->phase;
    replica->row.phase_ns[news->phase] = r->now_ns;
}

static void became_ready(struct reconcile *r, struct pool *pool, struct replica *replica,
                         const struct replica_news *news)
{
    take_address(r, replica, news);
    if (replica->row.state == REPLICA_STARTING ||
        (replica->row.state == REPLICA_BLOCKED && replica->alive))
        set_ready(r, pool, replica);
}

static void became_unready(struct reconcile *r, struct pool *pool, struct replica *replica,
                           const struct replica_news *news)
{
    if (replica->row.state != REPLICA_READY && replica->row.state != REPLICA_WARM)
        return;
    replica_enter(r, replica, REPLICA_BLOCKED);
    replica->unready = true;
    replica_say(replica, news->text);
    if (!pool->spec->fixed)
        replica->due_ns = replica->suspects >= SUSPECTS_MAX
                              ? r->now_ns
                              : num_add_sat(r->now_ns, pool->spec->ready_timeout_ns);
    if (replica->due_ns != TIME_NONE)
        schedule(r, replica->due_ns);
    note(r, pool, replica, "replica-unready", "its probe fails: %s", news->text);
    tick_early(r, pool, TICK_REPLICA);
}

static void ended(struct reconcile *r, struct pool *pool, struct replica *replica,
                  const struct replica_news *news)
{
    const enum replica_state state = replica->row.state;
    if (state == REPLICA_STOPPING)
        note(r, pool, replica, "replica-stopped", "%s", news->text);
    else if (news->kind == NEWS_REFUSED)
        note(r, pool, replica, "replica-refused", "%s", news->text);
    else if (news->kind == NEWS_FAILED)
        note(r, pool, replica, "replica-failed", "%s", news->text);
    else
        note(r, pool, replica, "replica-lost", "ended while it was %s: %s",
             replica_state_name(state), news->text);
    lose(r, replica, news->kind == NEWS_REFUSED, news->text);
}

static enum rc known(struct reconcile *r, struct replica *replica, const struct replica_news *news,
                     struct diag *diag)
{
    struct pool *pool = pool_of(r, replica);
    if (!actions_room(r))
        return fail(diag, RC_NO_MEMORY, "no memory for news of a replica");
    switch (news->kind) {
    case NEWS_FOUND:
        take_hash(pool, replica, news->target_hash);
        if (news->ready)
            became_ready(r, pool, replica, news);
        break;
    case NEWS_PHASE:
        phase_reached(r, replica, news);
        break;
    case NEWS_READY:
        became_ready(r, pool, replica, news);
        break;
    case NEWS_UNREADY:
        became_unready(r, pool, replica, news);
        break;
    case NEWS_REFUSED:
    case NEWS_FAILED:
    case NEWS_GONE:
        ended(r, pool, replica, news);
        break;
    }
    return RC_OK;
}

enum rc news_take(struct reconcile *r, const struct replica_news *news, struct diag *diag)
{
    struct replica *replica = replica_find(r, news->replica);
    if (replica != NULL && !replica->alive)
        return fail(diag, RC_UNKNOWN, "replica %" PRIu64 " was not started", news->replica);
    if (replica != NULL)
        return known(r, replica, news, diag);
    const int index = reconcile_pool_find(r, span_from(news->pool));
    if (index < 0)
        return fail(diag, RC_UNKNOWN, "no pool is named \"%s\"", news->pool);
    struct pool *pool = r->pool[index];
    const bool arrives =
        news->kind == NEWS_FOUND || (pool->spec->fixed && news->kind == NEWS_READY);
    if (!arrives)
        return fail(diag, RC_UNKNOWN, "replica %" PRIu64 " of pool \"%s\" is not known",
                    news->replica, news->pool);
    return found(r, pool, news, diag);
}
