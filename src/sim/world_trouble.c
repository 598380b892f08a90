/* What befalls a simulated installation: one change of fate at a time. */
#include <math.h>

#include "base/duration.h"
#include "base/num.h"
#include "sim/world_internal.h"

#define STORM_SHARE 0.6
#define REFUSED_LEAST 0.5
#define HANG_SHARE 0.5

static void share_of_starts(double *share, const struct chaos_change *change)
{
    *share = change->begins ? REFUSED_LEAST + (1 - REFUSED_LEAST) * change->amount : 0;
}

static void set_metrics(struct world *world, const struct chaos_change *change,
                        enum world_metrics metrics)
{
    world_set_metrics(world, change->begins ? metrics : METRICS_FRESH);
}

void world_set_metrics(struct world *world, enum world_metrics metrics)
{
    world->metrics = metrics;
}

void world_set_gpus(struct world *world, double gpus)
{
    world->spec.gpus = gpus;
    for (size_t i = 0; i < world->spec.pool_count; i++)
        world_tell(world, &(struct up){.kind = UP_ROOM, .pool = i});
}

/* No more than a little beyond what runs: the provider has nothing left. */
static void set_quota(struct world *world, size_t pool, const struct chaos_change *change)
{
    const double each = fleet_gpus_each(world, pool);
    world_set_gpus(world, change->begins ? world->gpus_used + each * floor(3 * change->amount)
                                         : (double)INFINITY);
}

/* A count beside the one in force, inside the bounds. */
static int64_t count_beside(const struct world *world, const struct pool_status *status,
                            size_t pool, double amount)
{
    const struct pool_spec *core = fleet_pool_spec(world, pool);
    const int64_t step = amount < 0.5 ? -1 : 1;
    return num_clamp(status->desired + step, core->replicas_min, core->replicas_max);
}

static void operate(struct world *world, size_t pool, const struct chaos_change *change)
{
    struct pool_status status;
    reconcile_pool_status(world->reconcile, pool, &status);
    struct event event = {
        .kind = change->fault == CHAOS_PIN     ? EVENT_PIN
                : change->fault == CHAOS_PAUSE ? EVENT_PAUSE
                                               : EVENT_FOREIGN,
        .pool = status.name,
        .up = change->begins,
        .count = change->begins ? count_beside(world, &status, pool, change->amount) : NO_COUNT,
        .until_wall_ns = TIME_NONE,
        .text = "chaos"};
    struct diag diag = {0};
    if (world_event(world, &event, &diag) != RC_OK)
        check_broken(world, "control refused an event: %s", diag.text);
}

static void tell_budget(struct world *world, size_t pool, bool lost)
{
    struct pool_status status;
    reconcile_pool_status(world->reconcile, pool, &status);
    const struct event event = {.kind = EVENT_MONEY, .pool = status.name, .up = lost, .money = NAN};
    world_give(world, &event);
}

void world_trouble(struct world *world, size_t pool, const struct chaos_change *change)
{
    struct world_pool *own = &world->pool[pool];
    switch (change->fault) {
    case CHAOS_METRICS_LOST:
        set_metrics(world, change, METRICS_LOST);
        return;
    case CHAOS_METRICS_STALE:
        set_metrics(world, change, METRICS_STALE);
        return;
    case CHAOS_METRICS_NAN:
        set_metrics(world, change, METRICS_NAN);
        return;
    case CHAOS_METRICS_ABSURD:
        set_metrics(world, change, METRICS_ABSURD);
        return;
    case CHAOS_METRICS_NEGATIVE:
        set_metrics(world, change, METRICS_NEGATIVE);
        return;
    case CHAOS_GATEWAY_SILENT:
        world_silence(world, change->begins);
        return;
    case CHAOS_STARTS_REFUSED:
        share_of_starts(&own->refused, change);
        return;
    case CHAOS_STARTS_FAIL:
        share_of_starts(&own->failed, change);
        return;
    case CHAOS_STARTS_SLOW:
        share_of_starts(&own->slow, change);
        return;
    case CHAOS_STARTS_HANG:
        own->never_ready = change->begins ? HANG_SHARE : 0;
        return;
    case CHAOS_QUOTA:
        set_quota(world, pool, change);
        return;
    case CHAOS_CRASH:
        (void)world_kill(world, pool, 1e-9 + 0.3 * change->amount);
        return;
    case CHAOS_STORM:
        (void)world_kill(world, pool, STORM_SHARE);
        return;
    case CHAOS_CLOCK: /* an hour forward or back, or only a little */
        world_jump_wall(world, ns_of_seconds((change->amount - 0.5) * 7200));
        return;
    case CHAOS_PIN:
    case CHAOS_PAUSE:
    case CHAOS_FOREIGN:
        operate(world, pool, change);
        return;
    case CHAOS_BUDGET:
        tell_budget(world, pool, change->begins);
        return;
    case CHAOS_LEASE:
        world_lease(world, !change->begins, TIME_NONE);
        return;
    case CHAOS_LEADER: /* half of them know nothing of before */
        world->rc = world_succeed(world, change->amount < 0.5);
        return;
    case CHAOS_SPOT:
        world_take_back(world, pool,
                        &(struct world_storm){.class_ = SIZE_MAX,
                                              .share = STORM_SHARE,
                                              .notice_ns = ns_of_seconds(120 * change->amount),
                                              .lasts_ns = ns_of_seconds(600)});
        return;
    case CHAOS_RELOAD: /* the caller's: it has the configuration */
    case CHAOS_FAULTS:
        return;
    }
}
