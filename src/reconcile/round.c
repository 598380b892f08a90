/* round.c - one round over the chosen groups: observe and decide each, let allot() share what is
 * short among all pools, put it into effect, and make the records from which each decision can be
 * worked out again (R17). */
#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "reconcile/parts.h"

/* ---- time ---- */

/* The newest point of the grid that is not ahead. */
static int64_t grid_point(const struct reconcile *r, int64_t period_ns)
{
    return r->now_ns - (r->now_ns - r->grid_ns) % period_ns;
}

/* A tick by period carries the time of its place on the grid, however long the gateways took: the
 * period of a policy is then never missed by a hair. */
static enum tick_cause take_turn(struct reconcile *r, struct group *group, int64_t *ret_now_ns,
                                 int64_t *skipped)
{
    const int64_t period_ns = group_period_ns(group->spec);
    enum tick_cause cause = (enum tick_cause)group->cause;
    int64_t now_ns = r->now_ns;
    if (r->grid_ns == TIME_NONE)
        r->grid_ns = r->now_ns;
    if (group->last_ns == TIME_NONE) {
        cause = TICK_START;
    } else if (group->wake) {
        cause = TICK_WAKE;
    } else if (r->now_ns >= group->next_ns) {
        cause = TICK_PERIOD;
        now_ns = grid_point(r, period_ns);
        *skipped += (now_ns - group->next_ns) / period_ns;
    }
    if (group->last_ns == TIME_NONE || cause == TICK_PERIOD)
        group->next_ns = num_add_sat(grid_point(r, period_ns), period_ns);
    if (group->last_ns != TIME_NONE && now_ns < group->last_ns)
        now_ns = group->last_ns;
    group->wake = false;
    group->early_ns = TIME_NONE;
    group->last_ns = now_ns;
    group->last_at_ns = r->now_ns;
    group->last_wall_ns = r->wall_ns;
    *ret_now_ns = now_ns;
    return cause;
}

/* ---- observe and decide ---- */

/* What exists is adopted: as the first count without a state, as somebody else's count where the
 * state of an earlier run knows of fewer (R10). */
static void begin(struct reconcile *r, struct group *group)
{
    const bool known = group->begun || group->restored;
    int64_t initial[POOLS_PER_GROUP_MAX] = {0};
    for (size_t i = 0; i < group_pool_count(group->spec); i++) {
        struct pool *pool = group->pool[i];
        initial[i] = pool->count[REPLICA_STARTING] + pool->count[REPLICA_WARM] +
                     pool->count[REPLICA_READY] + pool->count[REPLICA_BLOCKED];
        if (known && !pool->ticked && pool->foreign == NO_COUNT && !pool->spec->fixed &&
            initial[i] > group_desired(group->spec, group->state, i))
            pool->foreign = initial[i];
        pool->ticked = true;
    }
    if (!known)
        group_state_init_zeroed(group->spec, group->state, r->now_ns, initial);
    group->begun = true;
}

static bool all_answered(const struct reconcile *r, const struct group *group)
{
    if (r->now_ns - group->born_ns >= ADOPT_GRACE_NS)
        return true;
    for (size_t i = 0; i < group_pool_count(group->spec); i++)
        if (!gateways_answered(r, group->pool[i]))
            return false;
    return group->sourced;
}

static void file_samples(struct reconcile *r, struct group *group, int64_t now_ns)
{
    if (group->sample_dropped > 0)
        note(r, group->pool[0], NULL, "samples-dropped",
             "%" PRId64 " samples of other sources found no place (at most %d a tick)",
             group->sample_dropped, SAMPLES_PER_TICK_MAX);
    group->sample_dropped = 0;
    for (size_t i = 0; i < group_pool_count(group->spec); i++)
        gateways_file(r, group, i, now_ns);
    free(group->filed); /* of a tick whose record found no place */
    group->filed_count = group->sample_count;
    group->filed = take(&group->sample);
    group->sample_count = 0;
    group->sample_cap = 0;
}

static void fill_observation(struct reconcile *r, struct group *group, int64_t now_ns,
                             enum tick_cause cause)
{
    struct observation *o = group->observation;
    observation_defaults_of(o, group_pool_count(group->spec));
    o->now_ns = now_ns;
    o->wall_ns = r->wall_ns;
    o->cause = (uint8_t)cause;
    o->incomplete = group->complete ? 0 : 1;
    for (size_t i = 0; i < group_pool_count(group->spec); i++) {
        pool_observe(r, group->pool[i], &o->pool[i]);
        group->pool[i]->foreign = NO_COUNT;
    }
}

/* Only where the decision is applied, too. */
static void fall_back(struct reconcile *r, struct pool *pool, bool wanted)
{
    wanted = wanted && pool_may_act(r, pool);
    if (pool->fallback == wanted)
        return;
    pool->fallback = wanted;
    r->routes_stale = true;
    if (wanted)
        note(r, pool, NULL, "fallback", "the next pool of its models takes the requests");
    else
        note(r, pool, NULL, "fallback-ended", "its models are served by it again");
}

static void decide_group(struct reconcile *r, struct group *group, int64_t *skipped)
{
    int64_t now_ns;
    begin(r, group);
    const enum tick_cause cause = take_turn(r, group, &now_ns, skipped);
    for (size_t i = 0; i < group_pool_count(group->spec); i++)
        operator_expire(r, group->pool[i]);
    group->complete = group->complete || all_answered(r, group);
    file_samples(r, group, now_ns);
    fill_observation(r, group, now_ns, cause);
    before_look(r, group);
    observe(group->spec, group->state, group->filed, group->filed_count);
    decide(group->spec, group->state, group->observation, group->decision);
    before_keep(r, group);
    group->decided = true;
    for (size_t i = 0; i < group_pool_count(group->spec); i++) {
        struct pool *pool = group->pool[i];
        pool->desired = group->decision[i].desired;
        pool->warm_wanted = group->decision[i].warm;
        fall_back(r, pool, group->decision[i].fallback);
        rolling_plan(r, pool);
        r->starts[pool->index] = apply_starts(r, pool);
    }
}

/* ---- allot ---- */

static struct allot_inventory inventory_of(const struct reconcile *r)
{
    struct allot_inventory inventory = {
        .gpus_free = r->gpus_free,
        .starts_left = NO_COUNT,
        .money_left_per_hour = r->spec->cost_per_hour,
    };
    int64_t starting = 0;
    for (size_t i = 0; i < r->pool_count; i++) {
        const struct pool *pool = r->pool[i];
        starting += pool->count[REPLICA_STARTING];
        const int64_t leaving = pool->count[REPLICA_DRAINING] + pool->count[REPLICA_STOPPING] +
                                (pool_may_act(r, pool) ? pool_surplus(pool) : 0);
        inventory.gpus_coming += pool->spec->gpus_each * (double)leaving;
        if (isfinite(r->spec->cost_per_hour) && pool->held > 0)
            inventory.money_left_per_hour -= pool->spec->price_each * (double)pool->held;
    }
    if (r->spec->starts_max > 0)
        inventory.starts_left = num_clamp(r->spec->starts_max - starting, 0, REPLICAS_MAX);
    return inventory;
}

static bool is_chosen(const struct reconcile *r, const struct pool *pool)
{
    return r->group[pool->group].chosen;
}

static bool fill_wants(struct reconcile *r)
{
    bool any = false;
    for (size_t i = 0; i < r->pool_count; i++) {
        const struct pool *pool = r->pool[i];
        const int64_t starts = is_chosen(r, pool) ? r->starts[i] : pool->unmet;
        any |= starts > 0;
        r->grant[i] = (struct allot_grant){.granted = pool->held};
        r->want[i] = (struct allot_want){
            .priority = pool->core->priority,
            .since_ns = pool->unmet > 0 ? pool->unmet_since_ns : r->now_ns,
            .current = pool->held,
            .want = pool->held + starts,
            .gpus_each = pool->spec->gpus_each,
            .price_each = pool->spec->price_each,
        };
    }
    for (size_t i = 0; any && i < r->pool_count; i++) {
        const int64_t spare = victims_idle(r, r->pool[i]) - pool_surplus(r->pool[i]);
        r->want[i].idle = num_clamp(spare, 0, REPLICAS_MAX);
    }
    return any;
}

/* Less than was decided: the state learns what was applied. Lost replicas that cannot be replaced
 * now do not lower the count. */
static void correct(struct reconcile *r, struct group *group, size_t in_group)
{
    struct pool *pool = group->pool[in_group];
    const struct decision *d = &group->decision[in_group];
    const struct pool_observation *o = &group->observation->pool[in_group];
    struct allot_grant *grant = &r->grant[pool->index];
    if (pool->room != NO_COUNT && grant->granted > pool->room && grant->granted > pool->held) {
        grant->granted = pool->room > pool->held ? pool->room : pool->held;
        grant->reason = REASON_GRANT_GPUS; /* free, but not together */
    }
    const int64_t base = o->foreign_count >= 0 ? o->foreign_count : d->previous;
    const int64_t allowed = num_clamp(grant->granted - pool->held, 0, r->starts[pool->index]);
    const int64_t shortage = r->starts[pool->index] - allowed;
    if (shortage > 0 && pool->unmet == 0)
        pool->unmet_since_ns = r->now_ns;
    pool->unmet = shortage;
    pool->grant_reason = grant->reason;
    if (shortage > 0 && pool->desired > base)
        pool->desired = pool->desired - shortage > base ? pool->desired - shortage : base;
    if (grant->yield > 0)
        pool->desired = num_clamp(pool->desired - grant->yield, 0, REPLICAS_MAX);
    if (pool->spec->fixed)
        pool->desired = pool->count[REPLICA_READY] + pool->count[REPLICA_STARTING] +
                        pool->count[REPLICA_BLOCKED];
    if (pool->desired != d->desired)
        before_correct(r, group, in_group, pool->desired);
    r->starts[pool->index] = allowed;
}

static void share(struct reconcile *r)
{
    if (fill_wants(r)) {
        const struct allot_inventory inventory = inventory_of(r);
        allot(&inventory, r->now_ns, r->want, r->grant, r->pool_count, r->scratch);
    }
    for (size_t i = 0; i < r->pool_count; i++)
        if (!is_chosen(r, r->pool[i]) && r->grant[i].yield > 0)
            tick_early(r, r->pool[i], TICK_REPLICA);
}

/* ---- effect and record ---- */

/* Something was decided or blocked, and not just as in the tick before. */
static bool is_news(struct pool *pool, const struct decision *d)
{
    const struct outcome last = pool->outcome;
    const struct outcome now = {.desired = d->desired,
                                .applied = pool->desired,
                                .reason = pool->grant_reason,
                                .held = d->held};
    pool->outcome = now;
    const bool acts =
        d->desired != d->previous || d->held || now.applied != now.desired || pool->unmet > 0;
    return acts && (now.desired != last.desired || now.applied != last.applied ||
                    now.reason != last.reason || now.held != last.held);
}

static void finish_group(struct reconcile *r, struct group *group)
{
    uint32_t news = 0;
    for (size_t i = 0; i < group_pool_count(group->spec); i++) {
        struct pool *pool = group->pool[i];
        const struct decision *d = &group->decision[i];
        correct(r, group, i);
        apply_pool(r, pool, r->starts[pool->index], group->complete || d->desired < d->previous);
        news |= is_news(pool, d) ? 1U << i : 0;
    }
    group->record = (struct tick_record){
        .group = (size_t)(group - r->group),
        .spec = group->spec,
        .config_hash = r->spec->config_hash,
        .changed = news != 0,
        .news = news,
        .after = span_of(group->state, group->state_size),
        .samples = group->filed,
        .sample_count = group->filed_count,
        .observation = group->observation,
        .decision = group->decision,
    };
    if (group->before_size != SIZE_MAX)
        action_record(r, group);
    else
        r->lost_notes++;
}

void round_run(struct reconcile *r)
{
    int64_t skipped = 0;
    before_clear(r);
    for (size_t i = 0; i < r->group_count; i++) {
        if (i + 1 < r->group_count)
            group_state_prefetch(r->group[i + 1].spec, r->group[i + 1].state);
        if (r->group[i].chosen)
            decide_group(r, &r->group[i], &skipped);
    }
    share(r);
    for (size_t i = 0; i < r->group_count; i++)
        if (r->group[i].chosen)
            finish_group(r, &r->group[i]);
    for (size_t i = 0; i < r->group_count; i++)
        r->group[i].chosen = false;
    if (skipped > 0)
        note(r, NULL, NULL, "ticks-skipped", "%" PRId64 " ticks came too late and were left out",
             skipped);
}
