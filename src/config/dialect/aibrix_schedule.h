/* aibrix_schedule.h - the schedules of an AIBrix PodAutoscaler: windows of local time, by days of
 * the week, that replace its bounds (conformance/aibrix, kind "schedules"). */
#ifndef SLUICE_CONFIG_DIALECT_AIBRIX_SCHEDULE_H
#define SLUICE_CONFIG_DIALECT_AIBRIX_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/rc.h"
#include "base/tree.h"
#include "config/zone.h"

#define AIBRIX_SCHEDULES_MAX 64

struct aibrix_schedule {
    char name[NAME_SIZE];
    unsigned days; /* bit 0 = Sunday */
    int start_min; /* minutes after local midnight, [start, end) */
    int end_min;
    int64_t min; /* < 0 = inherited */
    int64_t max;
};

struct aibrix_schedules {
    struct aibrix_schedule item[AIBRIX_SCHEDULES_MAX];
    size_t count;
    char zone[NAME_SIZE]; /* IANA name; "UTC" when none is written */
    int64_t min;          /* without an active one */
    int64_t max;
};

/* Reads and checks `schedules` of a specification; none is fine. Whether the zone exists is the
 * caller's business. RC_INVALID, RC_LIMIT. */
enum rc aibrix_schedules_read(const struct tree *spec, struct aibrix_schedules *ret,
                              struct diag *diag) MUST_CHECK;

struct aibrix_bounds {
    const struct aibrix_schedule *active; /* NULL = none */
    int64_t min;
    int64_t max;
    int64_t next_ms; /* until the next begin or end of any window; < 0 = none within 8 days */
};
struct aibrix_bounds aibrix_bounds_at(const struct aibrix_schedules *schedules,
                                      const struct zone *zone, int64_t unix_ms);

#endif
