#include "config/schedule.h"

#include <stdio.h>
#include <string.h>

#include "base/duration.h"
#include "base/num.h"
#include "config/cron.h"
#include "config/read.h"
#include "core/decision.h"

#define EVENTS_MAX 64 /* looked through for the next rise */

struct schedule_item {
    struct cron cron;
    const struct zone *zone;
    int64_t replicas;
    int64_t duration_s; /* 0 = until the next one without a duration */
};

struct schedule_set {
    size_t count;
    struct schedule_item item[SCHEDULES_MAX];
};

/* ---- compile ---- */

static enum rc find_zone(struct arena *arena, const char *name, schedule_zone_fn *fn, void *user,
                         const struct zone **ret, struct diag *diag)
{
    struct buf bytes;
    struct diag found = {.code = RC_OK};
    if (name[0] == '\0' || strcmp(name, "UTC") == 0) {
        *ret = zone_utc();
        return RC_OK;
    }
    buf_init(&bytes, ZONE_BYTES_MAX);
    enum rc rc = fn(user, name, &bytes, &found);
    if (rc == RC_OK)
        rc = zone_read(arena, buf_view(&bytes), ret, &found);
    buf_done(&bytes);
    if (rc == RC_NOT_FOUND && zone_read_rule(arena, span_from(name), ret, NULL) == RC_OK)
        return RC_OK;
    if (rc == RC_NOT_FOUND)
        return fail(diag, RC_UNKNOWN,
                    "there is no time zone \"%s\"; write an IANA name as Europe/Berlin, or UTC",
                    name);
    if (rc != RC_OK)
        return fail(diag, rc, "time zone \"%s\": %s", name, found.text);
    return RC_OK;
}

enum rc schedule_compile(struct arena *arena, const struct pool_spec *pool, schedule_zone_fn *zone,
                         void *user, const struct schedule_set **ret, struct diag *diag)
{
    *ret = NULL;
    if (pool->schedule_count == 0)
        return RC_OK;
    struct schedule_set *set = arena_alloc(arena, sizeof(*set));
    if (set == NULL)
        return fail(diag, RC_NO_MEMORY, "no memory for the schedules of pool \"%s\"", pool->name);
    for (size_t i = 0; i < pool->schedule_count; i++) {
        const struct schedule_spec *spec = &pool->schedule[i];
        struct schedule_item *item = &set->item[set->count++];
        const char *where = "cron";
        enum rc rc = cron_parse(span_from(spec->cron), &item->cron, diag);
        if (rc == RC_OK) {
            where = "timeZone";
            rc = find_zone(arena, spec->zone, zone, user, &item->zone, diag);
        }
        if (rc != RC_OK) {
            diag_at(diag, "schedules[%zu].%s", i, where);
            return rc;
        }
        item->replicas = spec->replicas;
        item->duration_s = spec->duration_ns / SECOND_NS;
    }
    *ret = set;
    return RC_OK;
}

/* ---- the floor ---- */

static int64_t floor_of(const struct schedule_set *set, int64_t now_s)
{
    int64_t latest_s = TIME_NONE;
    int64_t standing = NO_COUNT;
    int64_t window = NO_COUNT;
    for (size_t i = 0; i < set->count; i++) {
        const struct schedule_item *item = &set->item[i];
        const int64_t fired_s = cron_previous_s(&item->cron, item->zone, now_s);
        if (fired_s == TIME_NONE)
            continue;
        if (item->duration_s > 0) {
            if (now_s - fired_s < item->duration_s && item->replicas > window)
                window = item->replicas;
        } else if (fired_s > latest_s || (fired_s == latest_s && item->replicas > standing)) {
            latest_s = fired_s;
            standing = item->replicas;
        }
    }
    return window > standing ? window : standing;
}

/* The next time after now_s at which something fires or ends; TIME_NONE. */
static int64_t next_event(const struct schedule_set *set, int64_t now_s)
{
    int64_t next_s = TIME_NONE;
    for (size_t i = 0; i < set->count; i++) {
        const struct schedule_item *item = &set->item[i];
        const int64_t fired_s = cron_previous_s(&item->cron, item->zone, now_s);
        int64_t at_s = cron_next_s(&item->cron, item->zone, now_s);
        if (item->duration_s > 0 && fired_s != TIME_NONE && fired_s + item->duration_s > now_s &&
            (at_s == TIME_NONE || fired_s + item->duration_s < at_s))
            at_s = fired_s + item->duration_s;
        if (at_s != TIME_NONE && (next_s == TIME_NONE || at_s < next_s))
            next_s = at_s;
    }
    return next_s;
}

struct schedule_floor schedule_at(const struct schedule_set *set, int64_t wall_ns)
{
    struct schedule_floor floor = {NO_COUNT, NO_COUNT, TIME_NONE};
    if (set == NULL)
        return floor;
    int64_t at_s = wall_ns / SECOND_NS - (wall_ns % SECOND_NS < 0);
    int64_t before = floor.now = floor_of(set, at_s);
    for (int i = 0; i < EVENTS_MAX && (at_s = next_event(set, at_s)) != TIME_NONE; i++) {
        const int64_t then = floor_of(set, at_s);
        if (then > before) {
            floor.next = then;
            floor.next_ns = num_mul_sat(at_s, SECOND_NS);
            break;
        }
        before = then;
    }
    return floor;
}

/* ---- a whole configuration ---- */

size_t schedule_check_zones(const struct config *config, schedule_zone_fn *zone, void *user,
                            struct problem_list *problems)
{
    const size_t before = problems->errors;
    struct arena arena;
    arena_init(&arena, (size_t)4 << 20);
    for (size_t p = 0; p < config->pool_count; p++) {
        const struct pool_config *pool = config->pool[p];
        const struct tree *list = tree_path(pool->source, "autoscaling.schedules");
        for (size_t i = 0; i < pool->core.schedule_count; i++) {
            const char *name = pool->core.schedule[i].zone;
            const struct zone *found = NULL;
            struct diag diag = {.code = RC_OK};
            struct reader r;
            char path[READ_PATH_MAX];
            arena_clear(&arena);
            if (find_zone(&arena, name, zone, user, &found, &diag) == RC_OK)
                continue;
            (void)snprintf(path, sizeof(path), "pools.%s.autoscaling.schedules[%zu].timeZone",
                           pool->core.name, i);
            reader_init(&r, problems, config->file, path);
            reader_error(&r, tree_get(tree_at(list, i), "timeZone"), diag.code, "%s", diag.text);
        }
    }
    arena_done(&arena);
    return problems->errors - before;
}
