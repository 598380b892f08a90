/* cron.h - times of day and calendar in five fields: minute, hour, day of month, month, day of
 * week; and when they come, in a time zone.
 *
 * A field is a star, a number, a range (1-5), either of them with a step behind a slash (0-30/10),
 * or a list of those with commas; months and days of the week may be three letters (JAN, MON),
 * Sunday is 0 or 7. Where both days are restricted either may match. "@yearly", "@monthly",
 * "@weekly", "@daily" and "@hourly" stand for what they say. Functions of their arguments: nothing
 * is remembered, so a time that was slept through is not caught up (FAULTS 24). A time that local
 * clocks show twice comes once, the first time; one that they never show comes at the first moment
 * after the gap (FAULTS 25). */
#ifndef SLUICE_CONFIG_CRON_H
#define SLUICE_CONFIG_CRON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"
#include "base/span.h"
#include "config/zone.h"

struct cron {
    uint64_t minutes; /* bit n = minute n; the others likewise */
    uint32_t hours;
    uint32_t days;
    uint16_t months;
    uint8_t weekdays; /* bit 0 = Sunday */
    bool any_day;     /* the day of month is "*" */
    bool any_weekday;
};

/* RC_SYNTAX, RC_RANGE with the field, its place (column, from 1) and what is allowed; RC_INVALID
 * for a date that never comes (February 30). */
enum rc cron_parse(struct span text, struct cron *ret, struct diag *diag) MUST_CHECK;

/* First time after unix_s; TIME_NONE when the calendar ends before (some 300,000 years). */
int64_t cron_next_s(const struct cron *cron, const struct zone *zone, int64_t unix_s);
/* Last time at or before unix_s. */
int64_t cron_previous_s(const struct cron *cron, const struct zone *zone, int64_t unix_s);

#endif
