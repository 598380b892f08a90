/* Schedules of a pool: the floor in force, the next rise, zones and their faults. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#undef fail

#include <string.h>

#include "base/duration.h"
#include "config/schedule.h"
#include "core/decision.h"

static struct arena arena;

static enum rc no_zone(void *user, const char *name, struct buf *into, struct diag *diag)
{
    (void)user;
    (void)into;
    return fail(diag, RC_NOT_FOUND, "no %s here", name);
}

static enum rc broken_zone(void *user, const char *name, struct buf *into, struct diag *diag)
{
    (void)user;
    (void)name;
    (void)diag;
    buf_text(into, "TZif and nothing else");
    return RC_OK;
}

static void add(struct pool_spec *pool, const char *cron, const char *zone, int64_t replicas,
                int64_t duration_ns)
{
    struct schedule_spec *s = &pool->schedule[pool->schedule_count++];
    *s = (struct schedule_spec){.replicas = replicas, .duration_ns = duration_ns};
    (void)span_copy(span_from(cron), s->cron, sizeof(s->cron));
    (void)span_copy(span_from(zone), s->zone, sizeof(s->zone));
}

static const struct schedule_set *compile(const struct pool_spec *pool)
{
    const struct schedule_set *set = NULL;
    struct diag diag = {0};
    const enum rc rc = schedule_compile(&arena, pool, no_zone, NULL, &set, &diag);
    if (rc != RC_OK)
        print_error("%s: %s\n", diag.where, diag.text);
    assert_int_equal(rc, RC_OK);
    return set;
}

static int64_t at(const char *rfc3339)
{
    int64_t ns = 0;
    assert_int_equal(time_parse_rfc3339(span_from(rfc3339), &ns), RC_OK);
    return ns;
}

static void expect(const struct schedule_set *set, const char *time, int64_t now, int64_t next,
                   const char *next_time)
{
    const struct schedule_floor floor = schedule_at(set, at(time));
    if (floor.now != now || floor.next != next)
        print_error("at %s: %lld, then %lld\n", time, (long long)floor.now, (long long)floor.next);
    assert_int_equal(floor.now, now);
    assert_int_equal(floor.next, next);
    assert_int_equal(floor.next_ns, next_time == NULL ? TIME_NONE : at(next_time));
}

static void bare_lines_of_the_guide_hold_until_the_next_one_fires(void **state)
{
    (void)state;
    struct pool_spec pool = {.name = "chat"};
    add(&pool, "0 8 * * 1-5", "", 20, 0);
    add(&pool, "0 18 * * *", "", 5, 0);
    const struct schedule_set *set = compile(&pool);
    expect(set, "2026-07-01T07:59:59Z", 5, 20, "2026-07-01T08:00:00Z");
    expect(set, "2026-07-01T08:00:00Z", 20, 20, "2026-07-02T08:00:00Z");
    expect(set, "2026-07-03T18:00:00Z", 5, 20, "2026-07-06T08:00:00Z"); /* over the weekend */
    expect(set, "2026-07-05T12:00:00Z", 5, 20, "2026-07-06T08:00:00Z");
}

static void fault_25_windows_that_overlap_the_highest_wins(void **state)
{
    (void)state;
    struct pool_spec pool = {.name = "chat"};
    add(&pool, "0 8 * * *", "", 4, 10 * HOUR_NS);
    add(&pool, "0 9 * * *", "", 9, HOUR_NS);
    add(&pool, "30 9 * * *", "", 7, 2 * HOUR_NS);
    const struct schedule_set *set = compile(&pool);
    expect(set, "2026-07-01T07:00:00Z", NO_COUNT, 4, "2026-07-01T08:00:00Z");
    expect(set, "2026-07-01T08:30:00Z", 4, 9, "2026-07-01T09:00:00Z");
    expect(set, "2026-07-01T09:45:00Z", 9, 4, "2026-07-02T08:00:00Z");
    expect(set, "2026-07-01T10:00:00Z", 7, 4, "2026-07-02T08:00:00Z");
    expect(set, "2026-07-01T11:30:00Z", 4, 4, "2026-07-02T08:00:00Z");
    expect(set, "2026-07-01T18:00:00Z", NO_COUNT, 4, "2026-07-02T08:00:00Z");
}

static void a_window_longer_than_its_interval_never_ends(void **state)
{
    (void)state;
    struct pool_spec pool = {.name = "chat"};
    add(&pool, "0 * * * *", "", 3, 90 * MINUTE_NS);
    expect(compile(&pool), "2026-07-01T10:45:00Z", 3, NO_COUNT, NULL);
}

static void windows_lie_on_top_of_bare_lines(void **state)
{
    (void)state;
    struct pool_spec pool = {.name = "chat"};
    add(&pool, "0 0 * * *", "", 2, 0);
    add(&pool, "0 12 * * *", "", 6, HOUR_NS);
    const struct schedule_set *set = compile(&pool);
    expect(set, "2026-07-01T11:00:00Z", 2, 6, "2026-07-01T12:00:00Z");
    expect(set, "2026-07-01T12:59:00Z", 6, 6, "2026-07-02T12:00:00Z");
    expect(set, "2026-07-01T13:00:00Z", 2, 6, "2026-07-02T12:00:00Z");
}

static void fault_25_local_time_follows_the_zone_through_both_changes(void **state)
{
    (void)state;
    struct pool_spec pool = {.name = "chat"};
    add(&pool, "30 2 * * *", "CET-1CEST,M3.5.0,M10.5.0/3", 8, HOUR_NS);
    const struct schedule_set *set = compile(&pool);
    expect(set, "2026-03-28T01:30:00Z", 8, 8, "2026-03-29T01:00:00Z"); /* gap: 03:00 local */
    expect(set, "2026-10-25T00:30:00Z", 8, 8, "2026-10-26T01:30:00Z");
    expect(set, "2026-10-25T01:30:00Z", NO_COUNT, 8, "2026-10-26T01:30:00Z"); /* once */
}

static void fault_25_an_unknown_zone_is_refused_with_its_place(void **state)
{
    (void)state;
    struct pool_spec pool = {.name = "chat"};
    const struct schedule_set *set = NULL;
    struct diag diag = {0};
    add(&pool, "0 8 * * *", "UTC", 1, 0);
    add(&pool, "0 8 * * *", "Europe/Nowhere", 1, 0);
    assert_int_equal(schedule_compile(&arena, &pool, no_zone, NULL, &set, &diag), RC_UNKNOWN);
    assert_string_equal(diag.where, "schedules[1].timeZone");
    assert_non_null(strstr(diag.text, "\"Europe/Nowhere\""));
    diag = (struct diag){0};
    assert_int_equal(schedule_compile(&arena, &pool, broken_zone, NULL, &set, &diag), RC_CORRUPT);
    assert_non_null(strstr(diag.text, "Europe/Nowhere"));
    (void)span_copy(span_from("61 * * * *"), pool.schedule[0].cron, NAME_SIZE);
    diag = (struct diag){0};
    assert_int_equal(schedule_compile(&arena, &pool, no_zone, NULL, &set, &diag), RC_RANGE);
    assert_string_equal(diag.where, "schedules[0].cron");
}

static void a_configuration_names_the_zones_that_cannot_be_had(void **state)
{
    (void)state;
    static const char text[] =
        "pools:\n  chat:\n    target: {http: {endpoints: [\"http://a:1\"]}}\n"
        "    autoscaling:\n      schedules:\n"
        "        - {cron: 0 8 * * *, replicas: 2}\n"
        "        - {cron: 0 9 * * *, replicas: 3, timeZone: Mars/North}\n";
    struct problem_list problems;
    struct env_table env = {.count = 0};
    problem_list_init(&problems);
    struct config *config = config_read("c.yaml", span_from(text), &env, &problems);
    assert_non_null(config);
    const size_t before = problems.count;
    assert_int_equal(schedule_check_zones(config, no_zone, NULL, &problems), 1);
    assert_int_equal(problems.item[before].line, 7);
    assert_string_equal(problems.item[before].path, "pools.chat.autoscaling.schedules[1].timeZone");
    config_free(config);
    problem_list_done(&problems);
}

static void no_schedules_are_no_floor(void **state)
{
    (void)state;
    const struct pool_spec pool = {.name = "chat"};
    assert_null(compile(&pool));
    expect(NULL, "2026-07-01T11:00:00Z", NO_COUNT, NO_COUNT, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bare_lines_of_the_guide_hold_until_the_next_one_fires),
        cmocka_unit_test(fault_25_windows_that_overlap_the_highest_wins),
        cmocka_unit_test(a_window_longer_than_its_interval_never_ends),
        cmocka_unit_test(windows_lie_on_top_of_bare_lines),
        cmocka_unit_test(fault_25_local_time_follows_the_zone_through_both_changes),
        cmocka_unit_test(fault_25_an_unknown_zone_is_refused_with_its_place),
        cmocka_unit_test(a_configuration_names_the_zones_that_cannot_be_had),
        cmocka_unit_test(no_schedules_are_no_floor),
    };
    arena_init(&arena, (size_t)16 << 20);
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_done(&arena);
    return failed;
}
