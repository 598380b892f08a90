/* schedule.h - the schedules of a pool, compiled: which floor is in force at a time, and when it
 * rises next.
 *
 * Two kinds. One with a duration is a window: it holds from its cron time on, for so long; of
 * windows that overlap the highest wins. One without (as the AgentPool guide writes them) holds
 * from its cron time until the next one without a duration fires, of any name; the one that fired
 * last is in force. Windows lie on top of that. All is computed from the clock (FAULTS 24, 25). */
#ifndef SLUICE_CONFIG_SCHEDULE_H
#define SLUICE_CONFIG_SCHEDULE_H

#include <stdint.h>

#include "base/mem.h"
#include "base/rc.h"
#include "config/config.h"
#include "core/spec.h"

struct schedule_set;

/* Appends the bytes of the zone file of an IANA name ("Europe/Berlin"); RC_NOT_FOUND when there is
 * none, other codes when it cannot be read. */
typedef enum rc schedule_zone_fn(void *user, const char *name, struct buf *into, struct diag *diag);

/* The zone may be an IANA name, a POSIX rule ("CET-1CEST,M3.5.0,M10.5.0/3"), "UTC" or empty. An
 * unknown zone is RC_UNKNOWN; the place in diag is "schedules[2].timeZone" or "schedules[2].cron".
 * The result lives in the arena; NULL for a pool without schedules. */
enum rc schedule_compile(struct arena *arena, const struct pool_spec *pool, schedule_zone_fn *zone,
                         void *user, const struct schedule_set **ret, struct diag *diag) MUST_CHECK;

struct schedule_floor {
    int64_t now;     /* NO_COUNT = none */
    int64_t next;    /* floor after the next rise ... */
    int64_t next_ns; /* ... at this time; NO_COUNT and TIME_NONE when none is in sight */
};
/* What observation.schedule_* take. `set` may be NULL. */
struct schedule_floor schedule_at(const struct schedule_set *set, int64_t wall_ns);

/* Adds a problem for every zone of the configuration that cannot be had; returns how many. */
size_t schedule_check_zones(const struct config *config, schedule_zone_fn *zone, void *user,
                            struct problem_list *problems);

#endif
