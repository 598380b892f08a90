/* Schedules: which floor is in force and when it rises, told whenever that changes. Computed from
 * the wall clock each time: nothing is remembered that a jump could make wrong. */
#include "control/control_internal.h"
#include "io/clock.h"
#include "io/zoneinfo.h"

#define SCHEDULE_BYTES_MAX (64U << 20)

static size_t scheduled_pools(const struct config *config)
{
    size_t count = 0;
    for (size_t i = 0; i < config->pool_count; i++)
        count += config->pool[i]->core.schedule_count > 0;
    return count;
}

enum rc schedules_make(struct setting *setting, struct diag *diag)
{
    const struct config *config = setting->config;
    const size_t count = scheduled_pools(config);
    arena_init(&setting->arena, SCHEDULE_BYTES_MAX);
    setting->schedule = arena_array(&setting->arena, count, sizeof(*setting->schedule));
    if (count > 0 && setting->schedule == NULL)
        return fail(diag, RC_NO_MEMORY, "no memory left");
    for (size_t i = 0; i < config->pool_count; i++) {
        const struct pool_spec *pool = &config->pool[i]->core;
        if (pool->schedule_count == 0)
            continue;
        struct pool_schedule *schedule = &setting->schedule[setting->schedule_count++];
        schedule->pool = pool->name;
        const enum rc rc =
            schedule_compile(&setting->arena, pool, zoneinfo_read, NULL, &schedule->set, diag);
        if (rc != RC_OK) {
            diag_at(diag, "pools.%s.autoscaling", pool->name);
            return rc;
        }
    }
    return RC_OK;
}

static bool is_told(const struct pool_schedule *schedule, const struct schedule_floor *floor)
{
    return schedule->known && schedule->told.now == floor->now &&
           schedule->told.next == floor->next && schedule->told.next_ns == floor->next_ns;
}

void schedules_tell(struct control *control)
{
    for (size_t i = 0; i < control->setting->schedule_count; i++) {
        struct pool_schedule *schedule = &control->setting->schedule[i];
        const struct schedule_floor floor = schedule_at(schedule->set, clock_wall_ns());
        if (is_told(schedule, &floor))
            continue;
        schedule->told = floor;
        schedule->known = true;
        control_event(control, &(struct event){.kind = EVENT_SCHEDULE,
                                               .pool = schedule->pool,
                                               .count = floor.now,
                                               .next_count = floor.next,
                                               .next_wall_ns = floor.next_ns});
    }
}
