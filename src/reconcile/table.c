/* table.c - the replica table: rows by id, over all and by pool, with counts that are kept, not
 * counted. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/span.h"
#include "reconcile/parts.h"

static const char *const state_names[] = {
    [REPLICA_STARTING] = "starting", [REPLICA_WARM] = "warm",         [REPLICA_READY] = "ready",
    [REPLICA_DRAINING] = "draining", [REPLICA_STOPPING] = "stopping", [REPLICA_BLOCKED] = "blocked",
    [REPLICA_FAILED] = "failed",
};
static const char *const phase_names[] = {
    [PHASE_SCHEDULED] = "scheduled",
    [PHASE_FETCHED] = "fetched",
    [PHASE_LAUNCHED] = "launched",
    [PHASE_LOADING] = "loading",
};

const char *replica_state_name(enum replica_state state)
{
    return (size_t)state < COUNT_OF(state_names) ? state_names[state] : "unknown";
}

const char *replica_phase_name(enum replica_phase phase)
{
    return (size_t)phase < COUNT_OF(phase_names) ? phase_names[phase] : "unknown";
}

/* ---- sorted arrays of rows ---- */

static size_t place_of(struct replica *const *array, size_t n, uint64_t id)
{
    size_t low = 0;
    while (low < n) {
        const size_t middle = low + (n - low) / 2;
        if (array[middle]->row.id < id)
            low = middle + 1;
        else
            n = middle;
    }
    return low;
}

static void insert(struct replica **array, size_t *count, struct replica *replica)
{
    const size_t at = place_of(array, *count, replica->row.id);
    memmove(&array[at + 1], &array[at], (*count - at) * sizeof(struct replica *));
    array[at] = replica;
    ++*count;
}

static void cut(struct replica **array, size_t *count, const struct replica *replica)
{
    const size_t at = place_of(array, *count, replica->row.id);
    --*count;
    memmove(&array[at], &array[at + 1], (*count - at) * sizeof(struct replica *));
}

static bool room(struct replica ***array, size_t *cap, size_t count, size_t max)
{
    void *grown = *array;
    const bool fits = mem_grow(&grown, cap, count + 1, sizeof(struct replica *), max) == RC_OK;
    *array = grown;
    return fits;
}

/* ---- rows ---- */

struct replica *replica_find(const struct reconcile *r, uint64_t id)
{
    const size_t at = place_of(r->replica, r->replica_count, id);
    return at < r->replica_count && r->replica[at]->row.id == id ? r->replica[at] : NULL;
}

struct pool *pool_of(const struct reconcile *r, const struct replica *replica)
{
    return r->pool[replica->row.pool];
}

struct replica *replica_add(struct reconcile *r, struct pool *pool, uint64_t id,
                            enum replica_state state)
{
    if (!room(&r->replica, &r->replica_cap, r->replica_count, TABLE_REPLICAS_MAX) ||
        !room(&pool->replica, &pool->replica_cap, pool->replica_count, REPLICAS_PER_POOL_MAX))
        return NULL;
    struct replica *replica = mem_new(1, sizeof(*replica));
    if (replica == NULL)
        return NULL;
    replica->row = (struct replica_row){
        .id = id,
        .pool = pool->index,
        .state = state,
        .target_hash = pool->spec->target_hash,
        .ordered_ns = r->now_ns,
        .ready_ns = TIME_NONE,
        .changed_ns = r->now_ns,
        .again_ns = TIME_NONE,
    };
    for (size_t i = 0; i < PHASE_COUNT; i++)
        replica->row.phase_ns[i] = TIME_NONE;
    replica->due_ns = TIME_NONE;
    replica->suspect_ns = TIME_NONE;
    insert(r->replica, &r->replica_count, replica);
    insert(pool->replica, &pool->replica_count, replica);
    pool->count[state]++;
    if (id >= r->next_id && id < REPLICA_ID_FOREIGN)
        r->next_id = id + 1;
    return replica;
}

void replica_hold(struct reconcile *r, struct replica *replica, bool alive)
{
    struct pool *pool = pool_of(r, replica);
    if (replica->alive == alive)
        return;
    pool->replica_seconds += (double)pool->held * seconds_of(r->now_ns - pool->held_since_ns);
    pool->held_since_ns = r->now_ns;
    pool->held += alive ? 1 : -1;
    replica->alive = alive;
}

void replica_enter(struct reconcile *r, struct replica *replica, enum replica_state state)
{
    struct pool *pool = pool_of(r, replica);
    const enum replica_state before = replica->row.state;
    pool->count[before]--;
    pool->count[state]++;
    replica->row.state = state;
    replica->row.changed_ns = r->now_ns;
    replica->row.again_ns = TIME_NONE;
    replica->due_ns = TIME_NONE;
    replica->unready = false;
    r->routes_stale = true;
}

void replica_forget(struct reconcile *r, struct replica *replica)
{
    struct pool *pool = pool_of(r, replica);
    replica_hold(r, replica, false);
    pool->count[replica->row.state]--;
    cut(r->replica, &r->replica_count, replica);
    cut(pool->replica, &pool->replica_count, replica);
    r->routes_stale = true;
    free(replica);
}

void replica_say(struct replica *replica, const char *text)
{
    (void)span_copy(span_from(text), replica->row.text, sizeof(replica->row.text));
}

bool is_leaving(const struct replica *replica)
{
    return replica->row.old || replica->leaving || replica->row.notice;
}

void pool_clear(struct reconcile *r, struct pool *pool)
{
    while (pool->replica_count > 0) {
        struct replica *replica = pool->replica[pool->replica_count - 1];
        cut(r->replica, &r->replica_count, replica);
        pool->replica_count--;
        free(replica);
    }
}

/* ---- reading ---- */

const struct replica_row *reconcile_replica_at(const struct reconcile *r, size_t index)
{
    return index < r->replica_count ? &r->replica[index]->row : NULL;
}

const struct replica_row *reconcile_replica(const struct reconcile *r, uint64_t id)
{
    const struct replica *replica = replica_find(r, id);
    return replica != NULL ? &replica->row : NULL;
}
