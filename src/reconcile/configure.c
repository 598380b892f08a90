/* configure.c - a specification comes into force: everything it needs is allocated first, then
 * tables and states change over, which cannot fail. Pools are matched by name (FAULTS 80). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "reconcile/parts.h"

/* What a specification needs, before it is in force. */
struct fresh {
    struct group *group;
    size_t group_count;
    void *states;
    unsigned char *whole;
    unsigned char *was;
    struct pool **pool;
    bool *made; /* pool[i] is new */
    size_t pool_count;
    struct name_index *by_name;
    struct allot_want *want;
    struct allot_grant *grant;
    int64_t *starts;
    size_t *scratch;
    size_t *before; /* for messages that count pools the old way */
    struct route_model *model;
};

static void group_done(struct group *group)
{
    free(group->observation);
    free(group->decision);
    free(group->sample);
    free(group->filed);
}

static void pool_free(struct reconcile *r, struct pool *pool)
{
    if (pool == NULL)
        return;
    pool_clear(r, pool);
    free(pool->replica);
    free(pool->startups);
    pool_views_done(pool);
    free(pool);
}

static void fresh_done(struct reconcile *r, struct fresh *f)
{
    for (size_t i = 0; f->group != NULL && i < f->group_count; i++)
        group_done(&f->group[i]);
    for (size_t i = 0; f->pool != NULL && f->made != NULL && i < f->pool_count; i++)
        if (f->made[i])
            pool_free(r, f->pool[i]);
    free(f->group);
    free(f->states);
    free(f->whole);
    free(f->was);
    free(f->pool);
    free(f->made);
    free(f->by_name);
    free(f->want);
    free(f->grant);
    free(f->starts);
    free(f->scratch);
    free(f->before);
    free(f->model);
}

static struct pool *pool_new(void)
{
    struct pool *pool = mem_new(1, sizeof(*pool));
    if (pool == NULL)
        return NULL;
    pool->write_ns = TIME_NONE;
    pool->room = NO_COUNT;
    pool->source_fallback = NO_COUNT;
    pool->money_spent = NAN;
    pool->schedule_now = NO_COUNT;
    pool->schedule_next = NO_COUNT;
    pool->schedule_next_ns = TIME_NONE;
    pool->foreign = NO_COUNT;
    for (size_t i = 0; i < FOREIGN_FLIPS_MAX; i++)
        pool->flip_ns[i] = TIME_NONE;
    pool->contended_until_ns = TIME_NONE;
    pool->pin_count = NO_COUNT;
    pool->pin_until_wall_ns = TIME_NONE;
    pool->pause_until_wall_ns = TIME_NONE;
    return pool;
}

static int by_name(const void *a, const void *b)
{
    const struct name_index *x = a;
    const struct name_index *y = b;
    return strcmp(x->name, y->name);
}

#define STATE_ALIGN ((size_t)4096) /* a page: where a state is busy is its begin */

static size_t state_room(const struct group_spec *group)
{
    return (group_state_size(group) + STATE_ALIGN - 1) / STATE_ALIGN * STATE_ALIGN;
}

/* All states in one piece: what is large comes as pages that nobody has touched, and stays so where
 * a state is zero. */
static bool make_states(const struct reconcile_spec *spec, struct fresh *f)
{
    size_t room = STATE_ALIGN;
    size_t largest = 1;
    for (size_t i = 0; i < spec->group_count; i++) {
        const size_t size = state_room(spec->group[i].group);
        largest = size > largest ? size : largest;
        room += size;
    }
    f->states = mem_new(1, room);
    f->whole = mem_new(1, largest);
    f->was = mem_new(1, largest);
    if (f->states == NULL || f->whole == NULL || f->was == NULL)
        return false;
    unsigned char *at = f->states;
    at += (STATE_ALIGN - (uintptr_t)at % STATE_ALIGN) % STATE_ALIGN;
    for (size_t i = 0; i < spec->group_count; at += state_room(spec->group[i].group), i++)
        f->group[i].state = (struct group_state *)(void *)at;
    return true;
}

static bool make_group(const struct reconcile *r, const struct reconcile_group *from,
                       struct group *group)
{
    const size_t n = group_pool_count(from->group);
    group->spec = from->group;
    group->state_size = group_state_size(from->group);
    group->observation = mem_new(1, observation_size(n));
    group->decision = mem_new(n, sizeof(struct decision));
    group->early_ns = TIME_NONE;
    group->last_ns = TIME_NONE;
    group->last_at_ns = TIME_NONE;
    group->last_wall_ns = TIME_NONE;
    group->next_ns = r->now_ns;
    group->born_ns = r->now_ns;
    return group->observation != NULL && group->decision != NULL;
}

static bool make_arrays(const struct reconcile *r, const struct reconcile_spec *spec,
                        struct fresh *f)
{
    f->group_count = spec->group_count;
    for (size_t i = 0; i < spec->group_count; i++)
        f->pool_count += group_pool_count(spec->group[i].group);
    const size_t n = f->pool_count > 0 ? f->pool_count : 1;
    f->group = mem_new(f->group_count > 0 ? f->group_count : 1, sizeof(*f->group));
    f->pool = mem_new(n, sizeof(struct pool *));
    f->made = mem_new(n, sizeof(*f->made));
    f->by_name = mem_new(n, sizeof(*f->by_name));
    f->want = mem_new(n, sizeof(*f->want));
    f->grant = mem_new(n, sizeof(*f->grant));
    f->starts = mem_new(n, sizeof(*f->starts));
    f->scratch = mem_new(n, sizeof(*f->scratch));
    f->before = mem_new(r->pool_count > 0 ? r->pool_count : 1, sizeof(*f->before));
    f->model = mem_new(spec->model_count > 0 ? spec->model_count : 1, sizeof(*f->model));
    return f->group && f->pool && f->made && f->by_name && f->want && f->grant && f->starts &&
           f->scratch && f->before && f->model && make_states(spec, f);
}

static bool make_pools(const struct reconcile *r, const struct reconcile_spec *spec,
                       struct fresh *f)
{
    size_t next = 0;
    for (size_t i = 0; i < f->group_count; i++) {
        struct group *group = &f->group[i];
        if (!make_group(r, &spec->group[i], group))
            return false;
        group->pool = &f->pool[next];
        for (size_t k = 0; k < group_pool_count(group->spec); k++, next++) {
            const char *name = spec->group[i].pool[k].name;
            const int known = reconcile_pool_find(r, span_from(name));
            f->made[next] = known < 0;
            f->pool[next] = known < 0 ? pool_new() : r->pool[known];
            if (f->pool[next] == NULL)
                return false;
            f->by_name[next] = (struct name_index){.name = name, .pool = next};
        }
    }
    return true;
}

/* ---- in force ---- */

static void carry_group(const struct reconcile *r, const struct fresh *f, struct group *group)
{
    const struct group *old = NULL;
    const size_t n = group_pool_count(group->spec);
    for (size_t k = 0; k < n && old == NULL; k++)
        if (!f->made[(size_t)(group->pool - f->pool) + k])
            old = &r->group[group->pool[k]->group];
    if (old == NULL)
        return;
    group->begun = old->begun;
    group->restored = old->restored;
    group->sourced = old->sourced;
    group->complete = old->complete;
    group->born_ns = old->born_ns;
    group->next_ns = old->next_ns;
    group->last_ns = old->last_ns;
    group->last_at_ns = old->last_at_ns;
    group->last_wall_ns = old->last_wall_ns;
    if (!old->begun && !old->restored)
        return;
    group_reshape(old->spec, old->state, group->spec, group->state, r->now_ns);
    for (size_t k = 0; k < n; k++) {
        struct pool *pool = group->pool[k];
        const size_t at = (size_t)(group->pool - f->pool) + k;
        if (!f->made[at] && &r->group[pool->group] != old && pool->foreign == NO_COUNT)
            pool->foreign = pool->desired; /* it comes from another group with its count */
    }
}

static bool same_limits(const struct pool_limits *a, const struct pool_limits *b)
{
    return a->concurrency == b->concurrency && a->queue_requests == b->queue_requests &&
           a->queue_tokens == b->queue_tokens && a->queue_timeout_ns == b->queue_timeout_ns;
}

static void place_pool(struct reconcile *r, struct pool *pool, const struct reconcile_pool *spec,
                       const struct group *group, size_t in_group, size_t index)
{
    const bool limits = pool->spec == NULL || !same_limits(&pool->spec->limits, &spec->limits) ||
                        pool->spec->routed != spec->routed;
    pool->spec = spec;
    pool->core = group_pool(group->spec, in_group);
    pool->index = index;
    pool->group = (size_t)(group - r->group);
    pool->in_group = in_group;
    memset(pool->class_rest, 0, sizeof(pool->class_rest)); /* an index may mean another class */
    for (size_t i = 0; i < pool->replica_count; i++) {
        struct replica_row *row = &pool->replica[i]->row;
        row->pool = index;
        row->old = !spec->fixed && row->target_hash != spec->target_hash;
    }
    if (limits)
        routes_tell_limits(r, pool);
}

static void place_pools(struct reconcile *r, const struct reconcile_spec *spec)
{
    size_t index = 0;
    for (size_t i = 0; i < r->group_count; i++)
        for (size_t k = 0; k < group_pool_count(r->group[i].spec); k++, index++)
            place_pool(r, r->group[i].pool[k], &spec->group[i].pool[k], &r->group[i], k, index);
}

/* Pools that are gone: their replicas stay as they are. */
static void forget_pools(struct reconcile *r, const struct fresh *f)
{
    for (size_t i = 0; i < r->pool_count; i++)
        f->before[i] = SIZE_MAX;
    for (size_t k = 0; k < f->pool_count; k++)
        if (!f->made[k])
            f->before[f->pool[k]->index] = k; /* which is still the old one */
    for (size_t i = 0; i < r->pool_count; i++) {
        struct pool *pool = r->pool[i];
        if (f->before[i] != SIZE_MAX)
            continue;
        note(r, NULL, NULL, "pool-forgotten",
             "pool \"%s\" is not configured any more: its %zu replicas are left as they are",
             pool->spec->name, pool->replica_count);
        pool_free(r, pool);
    }
}

static void take_arrays(struct reconcile *r, struct fresh *f)
{
    free(r->routes_before);
    free(r->by_name);
    free(r->want);
    free(r->grant);
    free(r->starts);
    free(r->scratch);
    free(r->routes.model);
    r->routes_before = take(&f->before);
    r->by_name = take(&f->by_name);
    r->want = take(&f->want);
    r->grant = take(&f->grant);
    r->starts = take(&f->starts);
    r->scratch = take(&f->scratch);
    r->routes.model = take(&f->model);
}

static void take_over(struct reconcile *r, struct fresh *f, const struct reconcile_spec *spec)
{
    struct group *old_group = r->group;
    const size_t old_count = r->group_count;
    void *old_states = r->states;
    struct pool **old_pool = r->pool;
    for (size_t i = 0; i < old_count; i++) /* samples that wait count with the old numbers */
        if (old_group[i].begun || old_group[i].restored)
            observe(old_group[i].spec, old_group[i].state, old_group[i].sample,
                    old_group[i].sample_count);
    for (size_t i = 0; i < f->group_count; i++)
        carry_group(r, f, &f->group[i]);
    r->routes_before_count = r->pool_count;
    forget_pools(r, f);
    take_arrays(r, f);
    before_clear(r);
    r->taken = NULL;
    free(r->kept.whole);
    free(r->kept.was);
    r->kept.whole = take(&f->whole);
    r->kept.whole_end = 0;
    r->kept.was = take(&f->was);
    r->states = take(&f->states);
    r->group = take(&f->group);
    r->group_count = f->group_count;
    r->pool = take(&f->pool);
    r->pool_count = f->pool_count;
    r->spec = spec;
    r->asking = false; /* answers that are still out will be taken as such */
    r->outstanding = 0;
    r->routes_before_since = r->routes_since;
    r->routes_since = r->routes.generation + 1;
    r->routes_stale = true;
    place_pools(r, spec);
    for (size_t i = 0; i < old_count; i++)
        group_done(&old_group[i]);
    free(old_group);
    free(old_states);
    free(old_pool);
}

static enum rc check_spec(const struct reconcile_spec *spec)
{
    size_t pools = 0;
    for (size_t i = 0; i < spec->group_count; i++)
        pools += group_pool_count(spec->group[i].group);
    if (pools > ROUTED_POOLS_MAX || spec->model_count > ROUTED_MODELS_MAX)
        return RC_LIMIT;
    for (size_t i = 0; i < spec->model_count; i++)
        if (spec->model[i].pool >= pools)
            return RC_RANGE;
    return RC_OK;
}

static enum rc apply_spec(struct reconcile *r, const struct reconcile_spec *spec)
{
    struct fresh f = {0};
    enum rc rc = check_spec(spec);
    if (rc != RC_OK)
        return rc;
    rc = RC_NO_MEMORY;
    if (make_arrays(r, spec, &f) && make_pools(r, spec, &f) && actions_room(r)) {
        qsort(f.by_name, f.pool_count, sizeof(f.by_name[0]), by_name);
        rc = RC_OK;
        for (size_t i = 1; i < f.pool_count; i++)
            if (by_name(&f.by_name[i - 1], &f.by_name[i]) == 0)
                rc = RC_DUPLICATE;
    }
    if (rc == RC_OK)
        take_over(r, &f, spec);
    fresh_done(r, &f);
    return rc;
}

enum rc reconcile_configure(struct reconcile *r, const struct reconcile_spec *spec, int64_t now_ns,
                            int64_t wall_ns)
{
    if (r->first.count > 0 || r->then.count > 0 || r->tell.count > 0)
        return RC_STATE; /* actions that were not taken yet point into what would go */
    time_seen(r, now_ns, wall_ns);
    const enum rc rc = apply_spec(r, spec);
    for (size_t i = 0; rc == RC_OK && i < r->group_count; i++)
        tick_early(r, r->group[i].pool[0], TICK_CONFIG);
    return rc;
}

struct reconcile *reconcile_new(const struct reconcile_spec *spec, uint64_t first_id)
{
    struct reconcile *r = mem_new(1, sizeof(*r));
    if (r == NULL)
        return NULL;
    r->next_id = first_id;
    r->now_ns = INT64_MIN;
    r->born_ns = TIME_NONE;
    r->grid_ns = TIME_NONE;
    r->due_ns = TIME_NONE;
    r->routes_again_ns = TIME_NONE;
    r->lease_until_ns = TIME_NONE;
    r->gpus_free = (double)INFINITY;
    r->snapshot = mem_new(1, sizeof(*r->snapshot));
    if (r->snapshot == NULL || apply_spec(r, spec) != RC_OK) {
        reconcile_free(r);
        return NULL;
    }
    return r;
}

void reconcile_free(struct reconcile *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->group_count; i++)
        group_done(&r->group[i]);
    for (size_t i = 0; i < r->pool_count; i++)
        pool_free(r, r->pool[i]);
    free(r->group);
    free(r->states);
    before_done(r);
    free(r->pool);
    free(r->by_name);
    free(r->replica);
    free(r->want);
    free(r->grant);
    free(r->starts);
    free(r->scratch);
    free(r->snapshot);
    actions_done(r);
    routes_done(r);
    free(r);
}
