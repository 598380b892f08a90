/* Rules that look back: what happened to a pool or a group before decides what may happen now. R5
 * to R9, R11, R13, R14 and R16 of the catalogue, each against the simulator's own books, not
 * against those of the control step. */
#include <stdlib.h>

#include "base/duration.h"
#include "base/mem.h"
#include "base/num.h"
#include "core/stage/pace.h"
#include "sim/world_internal.h"

/* A tick comes so much after its time at most: a question to gateways, two ticks kept apart. */
#define LATE_NS (SNAPSHOT_WAIT_NS + TICK_EARLY_NS + 10 * MILLISECOND_NS)
#define BACKOFF_LEAST 0.75 /* of the doubled time: jitter takes up to a quarter */

/* Nobody ticked for a while, and nobody was to. */
void rules_pass_over(struct world *world)
{
    for (size_t i = 0; i < world->spec.pool_count; i++)
        world->watch.group[i].ticked_ns = TIME_NONE;
}

void rules_succeed(struct world *world)
{
    struct watch *watch = &world->watch;
    watch->leads = true;
    watch->lease_until_ns = TIME_NONE;
    for (size_t i = 0; i < world->spec.pool_count; i++) {
        struct watch_pool *pool = &watch->pool[i];
        watch->group[i].changed_ns = TIME_NONE;
        pool->write_ns = pool->failed_ns = TIME_NONE;
        pool->foreign_count = NO_COUNT;
        pool->contended_until_ns = 0;
        for (size_t k = 0; k < FOREIGNS_KEPT; k++)
            pool->foreign_ns[k] = TIME_NONE;
    }
    rules_pass_over(world);
}

bool rules_begin(struct world *world)
{
    const size_t n = world->spec.pool_count;
    struct watch *watch = &world->watch;
    watch->group = mem_new(n, sizeof(*watch->group));
    watch->pool = mem_new(n, sizeof(*watch->pool));
    if (watch->group == NULL || watch->pool == NULL)
        return false;
    for (size_t i = 0; i < n; i++) {
        watch->group[i].told_ns = TIME_NONE;
        watch->pool[i].raised_ns = TIME_NONE;
    }
    rules_succeed(world);
    return true;
}

void rules_end(struct world *world)
{
    free(world->watch.group);
    free(world->watch.pool);
}

/* ---- what is told ---- */

void rules_foreign(struct world *world, size_t pool, int64_t count)
{
    struct watch_pool *watch = &world->watch.pool[pool];
    for (size_t i = FOREIGNS_KEPT - 1; i > 0; i--)
        watch->foreign_ns[i] = watch->foreign_ns[i - 1];
    watch->foreign_ns[0] = world->now_ns;
    watch->foreign_count = count;
    if (watch->foreign_ns[FOREIGNS_KEPT - 1] != TIME_NONE &&
        world->now_ns - watch->foreign_ns[FOREIGNS_KEPT - 1] <= FOREIGN_QUIET_NS &&
        !rules_contended(world, pool))
        watch->contended_ns = world->now_ns;
    if (rules_contended(world, pool) || watch->contended_ns == world->now_ns)
        watch->contended_until_ns = world->now_ns + FOREIGN_QUIET_NS;
}

bool rules_contended(const struct world *world, size_t pool)
{
    return world->now_ns < world->watch.pool[pool].contended_until_ns;
}

void rules_failed(struct world *world, size_t pool)
{
    if (world->watch.pool[pool].failed_ns == TIME_NONE)
        world->watch.pool[pool].failed_ns = world->now_ns;
}

/* ---- R8, R16: who may write ---- */

void rules_write(struct world *world, const struct body *body, size_t pool, const char *what)
{
    const struct watch *watch = &world->watch;
    if (!watch->leads ||
        (watch->lease_until_ns != TIME_NONE && world->now_ns >= watch->lease_until_ns))
        check_broken(world, "R8: %s without holding the lease", what);
    /* A drain that was under way comes to its end. */
    const bool begun = body != NULL && body->drain_ns != TIME_NONE &&
                       body->drain_ns <= watch->pool[pool].contended_ns;
    if (rules_contended(world, pool) && !begun)
        check_broken(world, "R16: %s while two writers fight over the count", what);
}

/* ---- R5, R13: starts ---- */

static int64_t starting(const struct world *world, size_t pool)
{
    int64_t n = 0;
    for (size_t i = 0; i < world->alive_count; i++) {
        const struct body *body = &world->body[world->alive[i]];
        n += body->state == BODY_STARTING && (pool == SIZE_MAX || body->pool == pool);
    }
    return n;
}

static int64_t backoffs_ns(const struct reconcile_pool *pool, int64_t failures)
{
    int64_t sum_ns = 0;
    int64_t each_ns = pool->backoff_min_ns;
    for (int64_t i = 0; i < failures; i++) {
        const int64_t most_ns = pool->backoff_max_ns > pool->backoff_min_ns ? pool->backoff_max_ns
                                                                            : pool->backoff_min_ns;
        sum_ns = num_add_sat(sum_ns, each_ns < most_ns ? each_ns : most_ns);
        each_ns = num_add_sat(each_ns, each_ns);
    }
    return (int64_t)(BACKOFF_LEAST * (double)sum_ns);
}

static bool bears_failures(const struct world *world, size_t pool)
{
    const struct replica_row *row;
    for (size_t i = 0; (row = reconcile_replica_at(world->reconcile, i)) != NULL; i++)
        if (row->pool == pool && row->failures > 0)
            return true;
    return false;
}

/* While starts fail few are tried at once, and each line of tries backs off by doubling. */
static void check_tries(struct world *world, size_t pool, uint64_t replica)
{
    const struct pool_spec *spec = fleet_pool_spec(world, pool);
    const int64_t most = spec->max_unready > 1 ? spec->max_unready : 1;
    if (bears_failures(world, pool) && starting(world, pool) >= most)
        check_broken(world, "R13: a start beside %lld others while starts fail, %lld are allowed",
                     (long long)starting(world, pool), (long long)most);
    const struct replica_row *row = reconcile_replica(world->reconcile, replica);
    const int64_t first_ns = world->watch.pool[pool].failed_ns;
    if (row == NULL || row->failures == 0)
        return;
    if (first_ns == TIME_NONE ||
        world->now_ns - first_ns < backoffs_ns(fleet_pool_of(world, pool), row->failures))
        check_broken(world, "R13: try %lld came too soon after the first failure",
                     (long long)row->failures + 1);
}

/* Before the start is carried out. */
void rules_start(struct world *world, size_t pool, uint64_t replica)
{
    struct watch_pool *watch = &world->watch.pool[pool];
    rules_write(world, NULL, pool, "a start");
    if (watch->write_ns != TIME_NONE && watch->write_ns != world->now_ns &&
        world->now_ns - watch->write_ns < TICK_EARLY_NS)
        check_broken(world, "R5: starts %lld ms after others",
                     (long long)((world->now_ns - watch->write_ns) / MILLISECOND_NS));
    watch->write_ns = world->now_ns;
    const int64_t most = world->spec.control->starts_max;
    if (most > 0 && starting(world, SIZE_MAX) >= most)
        check_broken(world, "R5: more than %lld replicas start at once", (long long)most);
    check_tries(world, pool, replica);
}

/* ---- R9: a drain is over when the gateways that know of it say so ---- */

void rules_stop(struct world *world, const struct body *body)
{
    rules_write(world, body, body->pool, "a stop");
    if (body->drain_ns == TIME_NONE || body->confirmed >= body->drain_generation)
        return;
    if (world->now_ns - body->drain_ns < fleet_pool_of(world, body->pool)->drain_timeout_ns)
        check_broken(
            world, "R9: replica %llu was stopped on a word about routes %llu, it drains since %llu",
            (unsigned long long)body->id, (unsigned long long)body->confirmed,
            (unsigned long long)body->drain_generation);
}

/* ---- ticks ---- */

/* R11: whatever is broken beside it, a group ticks in time. */
void rules_late(struct world *world)
{
    const struct reconcile_spec *control = world->spec.control;
    for (size_t i = 0; i < control->group_count && i < world->spec.pool_count; i++) {
        const int64_t last_ns = world->watch.group[i].ticked_ns;
        const int64_t late_ns = last_ns == TIME_NONE ? 0
                                                     : world->now_ns - last_ns -
                                                           group_period_ns(control->group[i].group);
        if (late_ns > LATE_NS)
            check_broken(world, "R11: group %s ticks %lld ms late",
                         group_name(control->group[i].group),
                         (long long)(late_ns / MILLISECOND_NS));
    }
}

/* A person's limit, money or what there is lowered it: these do not wait. */
static bool was_limited(const struct decision *d)
{
    for (uint32_t i = 0; i < d->trail_count; i++) {
        const struct trail_entry *entry = &d->trail[i];
        if (entry->stage == STAGE_PIN) /* from wherever the rest had come to */
            return true;
        if ((entry->stage == STAGE_BOUNDS || entry->stage == STAGE_FLEET ||
             entry->reason == REASON_ADOPTED) &&
            entry->after < entry->before)
            return true;
    }
    return false;
}

/* The window in force: that of the pool, or the hold that the policy says it follows, in whole
 * seconds. */
static int64_t window_of(const struct pool_spec *spec, const struct decision *d)
{
    const int64_t pace_ns = pace_window_down_ns(spec);
    const enum reason reason = (enum reason)d->proposal.reason;
    if (reason != REASON_PANEL_SHORT && reason != REASON_PANEL_LONG && reason != REASON_PANEL_DAY &&
        reason != REASON_PANEL_FLIGHT)
        return pace_ns;
    const int64_t own_ns = ns_of_seconds(d->proposal.number[2] - 1);
    return own_ns > pace_ns ? own_ns : pace_ns;
}

/* R6. The window begins when more is asked for, also when a limit or a person puts the raise off.
 * That nobody asks for anything is another question: the last-replica gate answers it. */
static void check_window(struct world *world, size_t pool, const struct pool_spec *spec,
                         const struct decision *d)
{
    struct watch_pool *watch = &world->watch.pool[pool];
    if (!d->proposal.abstain) {
        if (d->proposal.replicas > watch->asked && d->proposal.replicas >= d->desired)
            watch->raised_ns = world->now_ns;
        watch->asked = d->proposal.replicas;
    }
    if (d->desired >= d->previous || watch->raised_ns == TIME_NONE || spec->exact ||
        spec->policy->imitation || d->proposal.replicas == 0 || was_limited(d))
        return;
    if (world->now_ns - watch->raised_ns < window_of(spec, d))
        check_broken(world, "R6: %s was lowered %lld s after it was raised, the window is %lld s",
                     spec->name, (long long)((world->now_ns - watch->raised_ns) / SECOND_NS),
                     (long long)(window_of(spec, d) / SECOND_NS));
}

/* R14: nothing new, and nothing that runs is stopped for it. */
static void check_money(struct world *world, const struct pool_spec *spec,
                        const struct pool_observation *seen, const struct decision *d)
{
    if (seen->budget_unreadable == 0 || spec->exact || seen->pin_count != NO_COUNT)
        return;
    const int64_t had = seen->foreign_count >= 0 ? seen->foreign_count : d->previous;
    const int64_t most = had > spec->replicas_min ? had : spec->replicas_min;
    if (d->desired > most)
        check_broken(world, "R14: %s was raised from %lld to %lld on an unreadable budget",
                     spec->name, (long long)had, (long long)d->desired);
    for (uint32_t i = 0; i < d->trail_count; i++)
        if (d->trail[i].reason == REASON_BUDGET_UNKNOWN && d->trail[i].after < had)
            check_broken(world, "R14: %s was lowered to %d for an unreadable budget", spec->name,
                         (int)d->trail[i].after);
}

/* R16: what somebody else set is what the next tick starts from. */
static void check_adopted(struct world *world, size_t pool, const char *name,
                          const struct pool_observation *seen)
{
    struct watch_pool *watch = &world->watch.pool[pool];
    if (watch->foreign_count != NO_COUNT && seen->foreign_count != watch->foreign_count)
        check_broken(world, "R16: somebody set %s to %lld, but a tick started from %lld", name,
                     (long long)watch->foreign_count, (long long)seen->foreign_count);
    watch->foreign_count = NO_COUNT;
}

/* One that became ready and dies a moment later goes on counting: until no replica bears failures.
 */
static void forgive(struct world *world, size_t pool)
{
    struct watch_pool *watch = &world->watch.pool[pool];
    if (watch->failed_ns == TIME_NONE || watch->failed_ns >= world->now_ns ||
        bears_failures(world, pool))
        return;
    watch->failed_ns = TIME_NONE;
}

void rules_record(struct world *world, const struct tick_record *record, size_t first)
{
    world->watch.group[record->group].ticked_ns = world->now_ns;
    rules_late(world);
    for (size_t i = 0; i < group_pool_count(record->spec); i++) {
        const struct pool_spec *spec = group_pool(record->spec, i);
        const struct pool_observation *seen = &record->observation->pool[i];
        const struct decision *decision = &record->decision[i];
        check_adopted(world, first + i, spec->name, seen);
        check_window(world, first + i, spec, decision);
        check_money(world, spec, seen, decision);
        forgive(world, first + i);
    }
}
