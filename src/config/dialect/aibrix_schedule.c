/* aibrix_schedule.c - daily windows: their text, their rules, and where a time lies in them. */
#include "config/dialect/aibrix_schedule.h"

#include <string.h>

#include "base/date.h"

#define DAY_SECONDS 86400
#define DAY_MINUTES 1440
#define DAYS_AHEAD 8
#define ALL_DAYS 0x7fU

static const char *const day_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

/* ---- reading ---- */

static bool take_days(const struct tree *days, unsigned *ret)
{
    *ret = 0;
    if (days == NULL || days->kind == TREE_NULL) {
        *ret = ALL_DAYS;
        return true;
    }
    if (days->kind != TREE_ARRAY || days->count == 0)
        return false;
    for (const struct tree *day = days->first; day != NULL; day = day->next) {
        struct span text = {NULL, 0};
        unsigned bit = 0;
        if (!tree_string(day, &text))
            return false;
        for (size_t i = 0; i < COUNT_OF(day_names); i++)
            if (span_equal_text_nocase(text, day_names[i]))
                bit = 1U << i;
        if (bit == 0)
            return false;
        *ret |= bit;
    }
    return true;
}

static bool two_digits(const char *text, int *ret)
{
    if (text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9')
        return false;
    *ret = (text[0] - '0') * 10 + (text[1] - '0');
    return true;
}

/* "HH:MM", and nothing else. */
static bool take_minute(const struct tree *json, int *ret_min)
{
    struct span text;
    int hour = 0;
    int minute = 0;
    if (!tree_string(json, &text) || text.len != 5 || text.ptr[2] != ':' ||
        !two_digits(text.ptr, &hour) || !two_digits(text.ptr + 3, &minute) || hour > 23 ||
        minute > 59)
        return false;
    *ret_min = hour * 60 + minute;
    return true;
}

static bool overlap(const struct aibrix_schedule *a, const struct aibrix_schedule *b)
{
    return (a->days & b->days) != 0 && a->start_min < b->end_min && b->start_min < a->end_min;
}

static enum rc take_window(const struct tree *json, struct aibrix_schedule *s, struct diag *diag)
{
    struct span name = {NULL, 0};
    if (!tree_string(tree_get(json, "name"), &name) || name.len == 0 ||
        !span_copy(name, s->name, sizeof(s->name)))
        return fail(diag, RC_INVALID, "a name of at most %d bytes is required", NAME_SIZE - 1);
    if (!take_days(tree_get(json, "daysOfWeek"), &s->days))
        return fail(diag, RC_INVALID, "daysOfWeek: Mon, Tue, Wed, Thu, Fri, Sat, Sun are allowed");
    if (!take_minute(tree_get(json, "startTime"), &s->start_min) ||
        !take_minute(tree_get(json, "endTime"), &s->end_min))
        return fail(diag, RC_INVALID, "startTime and endTime: HH:MM is allowed");
    if (s->start_min >= s->end_min)
        return fail(diag, RC_INVALID, "startTime must be earlier than endTime");
    return RC_OK;
}

static enum rc take_bounds(const struct tree *json, const struct aibrix_schedules *all,
                           struct aibrix_schedule *s, struct diag *diag)
{
    s->min = -1;
    s->max = -1;
    const bool has_min = tree_int(tree_get(json, "minReplicas"), &s->min);
    const bool has_max = tree_int(tree_get(json, "maxReplicas"), &s->max);
    const int64_t min = has_min ? s->min : all->min;
    const int64_t max = has_max ? s->max : all->max;
    if (!has_min && !has_max)
        return fail(diag, RC_INVALID, "at least one of minReplicas and maxReplicas must be set");
    if ((has_min && s->min < 0) || max <= 0)
        return fail(diag, RC_INVALID, "minReplicas is at least 0, maxReplicas in force at least 1");
    if (min > max)
        return fail(diag, RC_INVALID, "minReplicas in force is above maxReplicas in force");
    return RC_OK;
}

static enum rc take_zone(const struct tree *json, struct aibrix_schedules *all, bool first,
                         struct diag *diag)
{
    struct span zone = span_from("UTC");
    (void)tree_string(tree_get(json, "timezone"), &zone); /* UTC when it is not written */
    if (zone.len == 0)
        zone = span_from("UTC");
    if (!first && !span_equal_text(zone, all->zone))
        return fail(diag, RC_INVALID, "timezone: all schedules must have the same");
    if (!span_copy(zone, all->zone, sizeof(all->zone)))
        return fail(diag, RC_INVALID, "timezone: no zone has so long a name");
    return RC_OK;
}

static enum rc take_schedule(const struct tree *json, struct aibrix_schedules *all,
                             struct diag *diag)
{
    struct aibrix_schedule *s = &all->item[all->count];
    enum rc rc = take_window(json, s, diag);
    if (rc == RC_OK)
        rc = take_zone(json, all, all->count == 0, diag);
    if (rc == RC_OK)
        rc = take_bounds(json, all, s, diag);
    for (size_t i = 0; i < all->count && rc == RC_OK; i++) {
        if (strcmp(all->item[i].name, s->name) == 0)
            rc = fail(diag, RC_INVALID, "the name \"%s\" is there twice", s->name);
        else if (overlap(&all->item[i], s))
            rc = fail(diag, RC_INVALID, "overlaps \"%s\"", all->item[i].name);
    }
    return rc;
}

enum rc aibrix_schedules_read(const struct tree *spec, struct aibrix_schedules *ret,
                              struct diag *diag)
{
    const struct tree *list = tree_get(spec, "schedules");
    memset(ret, 0, sizeof(*ret));
    memcpy(ret->zone, "UTC", sizeof("UTC"));
    ret->min = 1;
    (void)tree_int(tree_get(spec, "minReplicas"), &ret->min); /* 1 when it is not written */
    (void)tree_int(tree_get(spec, "maxReplicas"), &ret->max); /* checked with the specification */
    const struct tree *json = list != NULL && list->kind == TREE_ARRAY ? list->first : NULL;
    for (size_t i = 0; json != NULL; json = json->next, i++) {
        if (ret->count == AIBRIX_SCHEDULES_MAX)
            return fail(diag, RC_LIMIT, "at most %d schedules are taken", AIBRIX_SCHEDULES_MAX);
        const enum rc rc = take_schedule(json, ret, diag);
        if (rc != RC_OK) {
            diag_at(diag, "schedules[%zu]", i);
            return rc;
        }
        ret->count++;
    }
    return RC_OK;
}

/* ---- times ---- */

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static bool on_day(const struct aibrix_schedule *s, int64_t day)
{
    return (s->days >> date_weekday(day) & 1) != 0;
}

/* Begins and ends lie at local midnight plus elapsed time, whatever the clocks do on that day. */
static int64_t next_change_ms(const struct aibrix_schedules *all, const struct zone *zone,
                              int64_t today, int64_t unix_ms)
{
    int64_t next_ms = -1;
    for (int64_t day = today; day < today + DAYS_AHEAD; day++) {
        const int64_t midnight_s = zone_unix_s(zone, day * DAY_SECONDS);
        for (size_t i = 0; i < all->count; i++) {
            const int edges[] = {all->item[i].start_min, all->item[i].end_min};
            for (size_t e = 0; e < COUNT_OF(edges) && on_day(&all->item[i], day); e++) {
                const int64_t left_ms = (midnight_s + (int64_t)edges[e] * 60) * 1000 - unix_ms;
                if (left_ms > 0 && (next_ms < 0 || left_ms < next_ms))
                    next_ms = left_ms;
            }
        }
    }
    return next_ms;
}

struct aibrix_bounds aibrix_bounds_at(const struct aibrix_schedules *schedules,
                                      const struct zone *zone, int64_t unix_ms)
{
    const int64_t unix_s = floor_div(unix_ms, 1000);
    const int64_t local_s = unix_s + zone_offset_s(zone, unix_s);
    const int64_t today = floor_div(local_s, DAY_SECONDS);
    const int64_t minute = (local_s - today * DAY_SECONDS) / 60;
    struct aibrix_bounds b = {
        .min = schedules->min,
        .max = schedules->max,
        .next_ms = next_change_ms(schedules, zone, today, unix_ms),
    };
    for (size_t i = 0; i < schedules->count && b.active == NULL; i++) {
        const struct aibrix_schedule *s = &schedules->item[i];
        if (!on_day(s, today) || minute < s->start_min || minute >= s->end_min)
            continue;
        b.active = s;
        b.min = s->min >= 0 ? s->min : b.min;
        b.max = s->max >= 0 ? s->max : b.max;
    }
    return b;
}
