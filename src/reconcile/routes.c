/* routes.c - what gateways may know: numbered snapshots of pools, models and routed replicas. */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "reconcile/parts.h"

#define ORDER_FALLBACK 1000 /* above every fallbackOrder */

static bool is_routed(const struct replica *replica)
{
    return replica->row.state == REPLICA_READY || replica->row.state == REPLICA_DRAINING;
}

/* A person holds the pool at nothing. */
static bool is_held_at_zero(const struct pool *pool)
{
    return pool->pin_count == 0 || (pool->pin_count == NO_COUNT && pool->paused && pool->ticked &&
                                    pool->desired == 0 && pool->count[REPLICA_READY] == 0);
}

/* Nothing serves, nothing starts, nothing is tried again: waiting does not help. */
bool pool_start_failed(const struct pool *pool)
{
    if (is_held_at_zero(pool))
        return true;
    return pool->count[REPLICA_FAILED] > 0 && pool->count[REPLICA_READY] == 0 &&
           pool->count[REPLICA_STARTING] == 0 && pool->count[REPLICA_BLOCKED] == 0;
}

const char *pool_text(const struct pool *pool)
{
    static const struct {
        enum reason reason;
        const char *text;
    } grants[] = {
        {REASON_GRANT_GPUS, "no GPU is free"},
        {REASON_GRANT_MONEY, "the budget allows no further replica"},
        {REASON_GRANT_STARTS, "other replicas start first"},
    };
    if (is_held_at_zero(pool))
        return pool->pin_count == 0 ? "a person set the pool to 0" : "the pool is paused at 0";
    for (size_t i = 0; pool->unmet > 0 && pool->text[0] == '\0' && i < COUNT_OF(grants); i++)
        if (pool->grant_reason == grants[i].reason)
            return grants[i].text;
    return pool->text;
}

/* Until the next one is ready, by the median of measured starts, by the slow ones where that is
 * over; -1 = unknown. */
static int64_t eta_of(const struct reconcile *r, const struct pool *pool)
{
    int64_t first_ns = INT64_MAX;
    const int64_t usual_ns = startup_p50_ns(pool);
    const int64_t slow_ns = startup_p90_ns(pool);
    for (size_t i = 0; i < pool->replica_count && usual_ns > 0; i++) {
        const struct replica_row *row = &pool->replica[i]->row;
        if (row->state != REPLICA_STARTING)
            continue;
        const int64_t passed_ns = num_add_sat(r->now_ns, -row->ordered_ns);
        const int64_t left_ns = passed_ns < usual_ns ? usual_ns - passed_ns : slow_ns - passed_ns;
        if (left_ns >= 0 && left_ns < first_ns)
            first_ns = left_ns;
    }
    return first_ns < INT64_MAX ? first_ns : -1;
}

static size_t put_replicas(const struct pool *pool, struct route_replica *ret)
{
    size_t n = 0;
    for (size_t i = 0; i < pool->replica_count; i++) {
        const struct replica *replica = pool->replica[i];
        if (!is_routed(replica))
            continue;
        assert(ret != NULL); /* there is room for every replica as soon as there is one */
        struct route_replica *route = &ret[n++];
        *route = (struct route_replica){
            .id = replica->row.id,
            .port = replica->row.port,
            .draining = replica->row.state == REPLICA_DRAINING,
            .weight = replica->row.class_ < pool->core->class_count
                          ? pool->core->class_[replica->row.class_].capacity_factor
                          : 1,
        };
        memcpy(route->host, replica->row.host, sizeof(route->host));
    }
    return n;
}

static void put_pool(const struct reconcile *r, const struct pool *pool, struct route_pool *ret)
{
    memcpy(ret->name, pool->spec->name, sizeof(ret->name));
    ret->starting = pool->count[REPLICA_STARTING];
    ret->eta_ns = eta_of(r, pool);
    ret->start_failed = pool_start_failed(pool);
    (void)span_copy(span_from(pool_text(pool)), ret->reason, sizeof(ret->reason));
}

static bool routes_room(struct reconcile *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->pool_count; i++)
        n += r->pool[i]->spec->routed ? r->pool[i]->replica_count : 0;
    void *replica = r->routes_replica;
    bool fits = mem_grow(&replica, &r->routes_replica_cap, n, sizeof(struct route_replica),
                         TABLE_REPLICAS_MAX) == RC_OK;
    r->routes_replica = replica;
    void *pool = r->routes.pool;
    fits = fits && mem_grow(&pool, &r->routes_pool_cap, r->pool_count, sizeof(struct route_pool),
                            ROUTED_POOLS_MAX) == RC_OK;
    r->routes.pool = pool;
    return fits;
}

bool routes_build(struct reconcile *r)
{
    if (!routes_room(r))
        return false;
    struct route_replica *next = r->routes_replica;
    for (size_t i = 0; i < r->pool_count; i++) {
        struct route_pool *pool = &r->routes.pool[i];
        put_pool(r, r->pool[i], pool);
        pool->replica = next;
        pool->replica_count = r->pool[i]->spec->routed ? put_replicas(r->pool[i], next) : 0;
        if (next != NULL)
            next += pool->replica_count;
    }
    r->routes.pool_count = r->pool_count;
    r->routes.model_count = r->spec->model_count;
    if (r->spec->model_count > 0)
        memcpy(r->routes.model, r->spec->model, r->spec->model_count * sizeof(r->routes.model[0]));
    for (size_t i = 0; i < r->routes.model_count; i++) {
        struct route_model *model = &r->routes.model[i];
        if (r->pool[model->pool]->fallback)
            model->order = (uint16_t)(model->order + ORDER_FALLBACK); /* behind all others */
    }
    r->routes.generation++;
    r->routes_stale = false;
    return true;
}

void routes_done(struct reconcile *r)
{
    free(r->routes_replica);
    free(r->routes.pool);
    free(r->routes.model);
    free(r->routes_before);
}

void routes_tell_limits(struct reconcile *r, const struct pool *pool)
{
    if (!pool->spec->routed || r->gateways == 0)
        return;
    struct message message = {.kind = MESSAGE_LIMITS,
                              .pool = (uint16_t)pool->index,
                              .generation = r->routes.generation + (r->routes_stale ? 1 : 0)};
    message.limits = pool->spec->limits;
    action_tell(r, &message);
}

struct pool *routes_pool(const struct reconcile *r, uint64_t generation, uint16_t index)
{
    size_t at = index;
    if (generation < r->routes_since) {
        if (generation < r->routes_before_since || index >= r->routes_before_count)
            return NULL;
        at = r->routes_before[index];
    }
    return at < r->pool_count ? r->pool[at] : NULL;
}

uint64_t reconcile_generation(const struct reconcile *r)
{
    return r->routes.generation;
}
