/* schedule.c - stage 3: a scheduled size is a floor, and ready at its time: starts are moved ahead
 * by the start-up p90. Cron and zones are the shell's business (observation.schedule_*). */
#include "base/duration.h"
#include "base/num.h"
#include "core/stage.h"

/* Lead while no start has been measured: half the usual time to load a large model. */
#define LEAD_UNKNOWN_NS (2 * MINUTE_NS)

static bool used(const struct pool_spec *pool)
{
    return pool->schedule_count > 0;
}

static void apply(struct stage_context *c)
{
    const struct pool_observation *o = c->observation;
    const int64_t now_floor = num_clamp(o->schedule_now, 0, REPLICAS_MAX);
    if (o->schedule_now != NO_COUNT && now_floor > c->count)
        stage_say(c, STAGE_SCHEDULE, now_floor, REASON_SCHEDULE_FLOOR, NULL);
    if (o->schedule_next == NO_COUNT || o->schedule_next_ns == TIME_NONE)
        return;
    const int64_t next_floor = num_clamp(o->schedule_next, 0, REPLICAS_MAX);
    const int64_t lead_ns = o->start_p90_ns > 0 ? o->start_p90_ns : LEAD_UNKNOWN_NS;
    if (next_floor <= c->count || num_add_sat(c->wall_ns, lead_ns) < o->schedule_next_ns)
        return;
    const double left_s = seconds_of(num_add_sat(o->schedule_next_ns, -c->wall_ns));
    stage_say(c, STAGE_SCHEDULE, next_floor, REASON_SCHEDULE_AHEAD,
              (double[4]){left_s, seconds_of(lead_ns)});
}

const struct stage_ops stage_schedule = {
    .id = STAGE_SCHEDULE,
    .summary = "Keeps at least the scheduled size, started early enough to be ready at its time.",
    .native_only = true,
    .used = used,
    .apply = apply,
};
