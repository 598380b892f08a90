/* compile.c - a checked group with the layout of its state block: which windows exist, which stages
 * act, where everything lies. Two readers that need the same window share it. */
#include <string.h>

#include "base/duration.h"
#include "base/rng.h"
#include "core/plan.h"

#define NEEDS_PER_POOL_MAX (4 * SERIES_PER_POOL_MAX)
#define PERIOD_NATIVE_NS (2 * SECOND_NS)
#define STATE_BYTES_MAX (UINT32_C(1) << 30)

struct compiler {
    struct arena *arena;
    struct group_spec *group;
    struct diag *diag;
    uint64_t size; /* of the state block so far */
    /* of the pool at hand */
    struct series_need need[NEEDS_PER_POOL_MAX];
    uint32_t need_count;
    struct window_plan window[SERIES_PER_POOL_MAX]; /* of the pool at hand */
    char external[EXTERNALS_PER_GROUP_MAX][NAME_SIZE];
};

static uint32_t place(struct compiler *c, uint64_t size)
{
    const uint64_t at = c->size;
    c->size += (size + 7) & ~UINT64_C(7);
    return (uint32_t)(at < STATE_BYTES_MAX ? at : STATE_BYTES_MAX);
}

static enum rc external_index(struct compiler *c, const char *name, uint16_t *ret)
{
    struct group_spec *group = c->group;
    for (size_t i = 0; i < group->external_count; i++)
        if (strcmp(c->external[i], name) == 0) {
            *ret = (uint16_t)i;
            return RC_OK;
        }
    if (group->external_count == EXTERNALS_PER_GROUP_MAX)
        return fail(c->diag, RC_LIMIT, "a group has at most %zu external signals",
                    EXTERNALS_PER_GROUP_MAX);
    memcpy(c->external[group->external_count], name, NAME_SIZE);
    *ret = (uint16_t)group->external_count++;
    return RC_OK;
}

/* ---- needs ---- */

typedef size_t need_fn(const struct pool_spec *pool, const void *config, struct series_need *ret,
                       size_t max);

static enum rc too_many(struct compiler *c)
{
    return fail(c->diag, RC_LIMIT,
                "metrics, policies and stages of one pool read more than %d series",
                NEEDS_PER_POOL_MAX);
}

static enum rc declare(struct compiler *c, const struct pool_spec *pool, const void *config,
                       need_fn *series, struct reader_plan *ret)
{
    *ret = (struct reader_plan){.first = c->need_count};
    if (series == NULL)
        return RC_OK;
    const size_t room = NEEDS_PER_POOL_MAX - c->need_count;
    const size_t n = series(pool, config, c->need + c->need_count, room);
    if (n > room)
        return too_many(c);
    ret->count = (uint32_t)n;
    c->need_count += (uint32_t)n;
    return RC_OK;
}

static size_t stage_needs(const struct pool_spec *pool, const void *config, struct series_need *ret,
                          size_t max)
{
    const struct stage_ops *ops = config;
    return ops->series == NULL ? 0 : ops->series(pool, ret, max);
}

static size_t metric_needs(const struct pool_spec *pool, const void *config,
                           struct series_need *ret, size_t max)
{
    (void)config;
    for (size_t i = 0; i < pool->metric_count && i < max; i++)
        ret[i] = series_need_of_metric(&pool->metric[i]);
    return pool->metric_count;
}

/* ---- windows ---- */

static bool window_before(const struct window_plan *a, const struct window_plan *b)
{
    if (a->need.signal.id != b->need.signal.id)
        return a->need.signal.id < b->need.signal.id;
    return a->external < b->external;
}

/* Adds the window of a need unless an equal one is there; sorted by insertion. */
static enum rc add_window(struct compiler *c, struct window_plan *windows, uint32_t *count,
                          const struct series_need *need)
{
    for (uint32_t i = 0; i < *count; i++)
        if (series_same_window(&windows[i].need, need))
            return RC_OK;
    if (*count == SERIES_PER_POOL_MAX)
        return fail(c->diag, RC_LIMIT, "one pool has at most %d different windows",
                    SERIES_PER_POOL_MAX);
    struct window_plan window = {.need = *need};
    const size_t size = series_size(need);
    if (size == 0)
        return fail(c->diag, RC_RANGE, "a window of %s has a span or granularity out of range",
                    signal_row(need->signal.id)->name);
    window.size = (uint32_t)size;
    if (need->signal.id == SIGNAL_EXTERNAL) {
        const enum rc rc = external_index(c, need->signal.external, &window.external);
        if (rc != RC_OK)
            return rc;
    }
    uint32_t at = (*count)++;
    for (; at > 0 && window_before(&window, &windows[at - 1]); at--)
        windows[at] = windows[at - 1];
    windows[at] = window;
    return RC_OK;
}

static enum rc place_windows(struct compiler *c, struct pool_plan *plan)
{
    for (uint32_t i = 0; i < c->need_count; i++) {
        const enum rc rc = add_window(c, c->window, &plan->window_count, &c->need[i]);
        if (rc != RC_OK)
            return rc;
    }
    struct window_plan *windows =
        arena_array(c->arena, plan->window_count, sizeof(struct window_plan));
    if (windows == NULL)
        return RC_NO_MEMORY;
    memcpy(windows, c->window, plan->window_count * sizeof(struct window_plan));
    uint32_t at = 0;
    for (size_t signal = 0; signal <= SIGNAL_COUNT; signal++) {
        while (at < plan->window_count && (size_t)windows[at].need.signal.id < signal)
            at++;
        plan->window_first[signal] = (uint8_t)at;
    }
    for (uint32_t i = 0; i < plan->window_count; i++)
        windows[i].offset = place(c, windows[i].size);
    plan->window = windows;
    return RC_OK;
}

static enum rc link_needs(struct compiler *c, struct pool_plan *plan)
{
    const size_t n = c->need_count > 0 ? c->need_count : 1;
    struct series_need *need = arena_array(c->arena, n, sizeof(struct series_need));
    uint32_t *offset = arena_array(c->arena, n, sizeof(uint32_t));
    uint32_t *required = arena_array(c->arena, n, sizeof(uint32_t));
    uint32_t *demand = arena_array(c->arena, n, sizeof(uint32_t));
    if (need == NULL || offset == NULL || required == NULL || demand == NULL)
        return RC_NO_MEMORY;
    for (uint32_t i = 0; i < c->need_count; i++) {
        need[i] = c->need[i];
        for (uint32_t w = 0; w < plan->window_count; w++)
            if (series_same_window(&plan->window[w].need, &need[i]))
                offset[i] = plan->window[w].offset;
        if (need[i].required)
            required[plan->required_count++] = i;
        if (plan_is_demand(plan->spec, &need[i]))
            demand[plan->demand_count++] = i;
    }
    plan->need = need;
    plan->need_offset = offset;
    plan->required = required;
    plan->demand = demand;
    plan->need_count = c->need_count;
    return RC_OK;
}

static void lay_table(const struct pool_plan *plan, struct reader_plan *reader)
{
    reader->table = (struct series_table){
        .metric = plan->need + plan->metrics.first,
        .metric_offset = plan->need_offset + plan->metrics.first,
        .own = plan->need + reader->first,
        .own_offset = plan->need_offset + reader->first,
        .metric_count = plan->metrics.count,
        .own_count = reader->count,
    };
}

static void lay_tables(struct pool_plan *plan)
{
    lay_table(plan, &plan->policy.reader);
    for (size_t i = 0; i < plan->spec->shadow_count; i++)
        lay_table(plan, &plan->shadow[i].reader);
    for (uint32_t i = 0; i < plan->stage_count; i++)
        lay_table(plan, &plan->stage[i].reader);
}

/* ---- one pool ---- */

static enum rc plan_policy(struct compiler *c, const struct pool_spec *pool,
                           const struct policy_ops *ops, const void *config,
                           struct policy_plan *ret)
{
    ret->ops = ops;
    ret->config = config;
    ret->period_ns = ops->period_ns == NULL ? PERIOD_NATIVE_NS : ops->period_ns(pool, config);
    if (ret->period_ns <= 0)
        return fail(c->diag, RC_RANGE, "policy %s has no period above zero", ops->name);
    return declare(c, pool, config, ops->series, &ret->reader);
}

static enum rc plan_stages(struct compiler *c, struct pool_plan *plan)
{
    const struct pool_spec *pool = plan->spec;
    for (size_t i = 0; stage_at(i) != NULL; i++) {
        const struct stage_ops *ops = stage_at(i);
        if (pool->exact || (ops->native_only && pool->policy->imitation) || !ops->used(pool))
            continue;
        struct stage_plan *stage = &plan->stage[plan->stage_count];
        stage->ops = ops;
        if (ops->id < STAGE_UNKNOWN)
            plan->doubt_stage = plan->stage_count + 1;
        if (ops->id < STAGE_FLEET)
            plan->fleet_stage = plan->stage_count + 1;
        plan->stage_count++;
        const enum rc rc = declare(c, pool, ops, stage_needs, &stage->reader);
        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

static enum rc plan_needs(struct compiler *c, struct pool_plan *plan)
{
    const struct pool_spec *pool = plan->spec;
    c->need_count = 0;
    enum rc rc = declare(c, pool, NULL, metric_needs, &plan->metrics);
    if (rc == RC_OK)
        rc = plan_policy(c, pool, pool->policy, pool->policy_config, &plan->policy);
    for (size_t i = 0; i < pool->shadow_count && rc == RC_OK; i++)
        rc = plan_policy(c, pool, pool->shadow[i].policy, pool->shadow[i].config, &plan->shadow[i]);
    /* A shadow that goes blind must not hold the policy in force. */
    for (size_t i = 0; i < pool->shadow_count && rc == RC_OK; i++)
        for (uint32_t n = 0; n < plan->shadow[i].reader.count; n++)
            c->need[plan->shadow[i].reader.first + n].required = false;
    if (rc == RC_OK)
        rc = plan_stages(c, plan);
    return rc;
}

static void place_policy(struct compiler *c, const struct pool_spec *pool,
                         struct policy_plan *policy)
{
    const struct policy_ops *ops = policy->ops;
    const size_t size =
        ops->state_room != NULL ? ops->state_room(pool, policy->config) : ops->state_size;
    policy->size = (uint32_t)(size < STATE_BYTES_MAX ? size : STATE_BYTES_MAX);
    policy->offset = place(c, sizeof(struct policy_state) + (uint64_t)size);
}

static enum rc plan_pool(struct compiler *c, struct pool_plan *plan)
{
    enum rc rc = plan_needs(c, plan);
    if (rc != RC_OK)
        return rc;
    plan->offset = place(c, sizeof(struct pool_state));
    for (uint32_t i = 0; i < plan->stage_count; i++)
        plan->stage[i].offset = place(c, plan->stage[i].ops->state_size);
    rc = place_windows(c, plan);
    /* Policies last: what of a panel nothing has happened in is zero to its end, which is neither
     * touched nor stored. */
    place_policy(c, plan->spec, &plan->policy);
    for (size_t i = 0; i < plan->spec->shadow_count; i++)
        place_policy(c, plan->spec, &plan->shadow[i]);
    if (rc == RC_OK)
        rc = link_needs(c, plan);
    if (rc == RC_OK)
        lay_tables(plan);
    return rc;
}

/* ---- shape ---- */

static uint64_t hash_text(uint64_t hash, const char *text)
{
    return hash_bytes(hash, text, strlen(text) + 1);
}

static uint64_t hash_policy(uint64_t hash, const struct policy_plan *policy)
{
    hash = hash_text(hash, policy->ops->name);
    hash = hash_u64(hash, policy->size);
    return field_table_hash(policy->ops->fields, policy->ops->field_count, hash);
}

static uint64_t shape_of(const struct group_spec *group)
{
    uint64_t hash = hash_u64(STATE_VERSION, group->pool_count);
    for (size_t p = 0; p < group->pool_count; p++) {
        const struct pool_plan *plan = &group->pool[p];
        hash = hash_text(hash, plan->spec->name);
        hash = hash_policy(hash, &plan->policy);
        for (size_t i = 0; i < plan->spec->shadow_count; i++)
            hash = hash_policy(hash, &plan->shadow[i]);
        for (uint32_t i = 0; i < plan->stage_count; i++) {
            const struct stage_ops *ops = plan->stage[i].ops;
            hash = hash_u64(hash, ops->id);
            hash = field_table_hash(ops->fields, ops->field_count, hash);
        }
        for (uint32_t i = 0; i < plan->window_count; i++) {
            const struct series_need *need = &plan->window[i].need;
            hash = hash_text(hash_u64(hash, need->signal.id), need->signal.external);
            hash = hash_u64(hash_u64(hash, need->kind), plan->window[i].size);
            hash =
                hash_u64(hash_u64(hash, (uint64_t)need->span_ns), (uint64_t)need->granularity_ns);
        }
    }
    return hash_u64(hash, group->state_size);
}

/* ---- the group ---- */

static enum rc check_pools(const struct pool_spec *const *pools, size_t n, struct diag *diag)
{
    if (n == 0 || n > POOLS_PER_GROUP_MAX)
        return fail(diag, RC_RANGE, "a group has 1 to %d pools, not %zu", POOLS_PER_GROUP_MAX, n);
    for (size_t i = 0; i < n; i++) {
        const enum rc rc = pool_spec_check(pools[i], diag);
        if (rc != RC_OK) {
            diag_at(diag, "%s", pools[i]->name);
            return rc;
        }
        for (size_t j = 0; j < i; j++)
            if (strcmp(pools[i]->name, pools[j]->name) == 0)
                return fail(diag, RC_DUPLICATE, "two pools of the group are named \"%s\"",
                            pools[i]->name);
    }
    return RC_OK;
}

static enum rc compile_into(struct compiler *c, const struct pool_spec *const *pools, size_t n)
{
    struct group_spec *group = c->group;
    group->pool = arena_array(c->arena, n, sizeof(struct pool_plan));
    if (group->pool == NULL)
        return RC_NO_MEMORY;
    group->pool_count = n;
    group->period_ns = INT64_MAX;
    c->size = sizeof(struct group_state);
    for (size_t i = 0; i < n; i++) {
        group->pool[i].spec = pools[i];
        const enum rc rc = plan_pool(c, &group->pool[i]);
        if (rc != RC_OK) {
            diag_at(c->diag, "%s", pools[i]->name);
            return rc;
        }
        if (group->pool[i].policy.period_ns < group->period_ns)
            group->period_ns = group->pool[i].policy.period_ns;
    }
    if (c->size >= STATE_BYTES_MAX)
        return fail(c->diag, RC_LIMIT, "the state of the group would take more than 1 GiB");
    group->state_size = (size_t)c->size;
    const size_t externals = group->external_count > 0 ? group->external_count : 1;
    char(*external)[NAME_SIZE] = arena_array(c->arena, externals, NAME_SIZE);
    if (external == NULL)
        return RC_NO_MEMORY;
    memcpy(external, c->external, group->external_count * NAME_SIZE);
    group->external = (const char(*)[NAME_SIZE])external;
    group->shape = shape_of(group);
    return RC_OK;
}

enum rc group_compile_kept(struct arena *arena, const char *name,
                           const struct pool_spec *const *pools, size_t pool_count,
                           const struct group_spec **ret, struct diag *diag)
{
    enum rc rc = check_pools(pools, pool_count, diag);
    if (rc != RC_OK)
        return rc;
    struct arena scratch; /* nothing of the compiler stays */
    arena_init(&scratch, 2 * sizeof(struct compiler));
    struct compiler *c = arena_alloc(&scratch, sizeof(struct compiler));
    struct group_spec *group = arena_alloc(arena, sizeof(struct group_spec));
    rc = RC_NO_MEMORY;
    if (c != NULL && group != NULL) {
        c->arena = arena;
        c->group = group;
        c->diag = diag;
        (void)span_copy(span_from(name), group->name,
                        sizeof(group->name)); /* cut, it still names */
        rc = compile_into(c, pools, pool_count);
    }
    arena_done(&scratch);
    if (rc == RC_NO_MEMORY)
        return fail(diag, rc, "no memory to compile group \"%s\"", name);
    if (rc == RC_OK)
        *ret = group;
    return rc;
}

enum rc group_compile(struct arena *arena, const char *name, const struct pool_spec *pools,
                      size_t pool_count, const struct group_spec **ret, struct diag *diag)
{
    const struct pool_spec *kept[POOLS_PER_GROUP_MAX];
    const size_t n = pool_count < POOLS_PER_GROUP_MAX ? pool_count : POOLS_PER_GROUP_MAX;
    struct pool_spec *copies = arena_array(arena, n, sizeof(struct pool_spec));
    if (copies == NULL && n > 0)
        return fail(diag, RC_NO_MEMORY, "no memory to compile group \"%s\"", name);
    for (size_t i = 0; i < n; i++) {
        copies[i] = pools[i];
        kept[i] = &copies[i];
    }
    return group_compile_kept(arena, name, kept, pool_count, ret, diag);
}
