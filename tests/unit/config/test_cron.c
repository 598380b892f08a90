/* Cron lines: what is read, what is refused with its column, and when they come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#undef fail

#include <string.h>

#include "base/date.h"
#include "base/duration.h"
#include "base/rng.h"
#include "config/cron.h"

static struct arena arena;

static int64_t at(const char *rfc3339)
{
    int64_t ns = 0;
    if (time_parse_rfc3339(span_from(rfc3339), &ns) != RC_OK)
        print_error("%s is no time\n", rfc3339);
    return ns / SECOND_NS;
}

static const char *words(int64_t unix_s)
{
    static char text[DURATION_TEXT_MAX];
    (void)time_print_rfc3339(unix_s * SECOND_NS, text);
    return text;
}

static struct cron cron_of(const char *text)
{
    struct cron cron = {0};
    struct diag diag = {0};
    const enum rc rc = cron_parse(span_from(text), &cron, &diag);
    if (rc != RC_OK)
        print_error("%s\n", diag.text);
    assert_int_equal(rc, RC_OK);
    return cron;
}

static const struct zone *berlin(void)
{
    const struct zone *zone = NULL;
    struct diag diag = {0};
    assert_int_equal(zone_read_rule(&arena, span_from("CET-1CEST,M3.5.0,M10.5.0/3"), &zone, &diag),
                     RC_OK);
    return zone;
}

static void lines_come_at_their_times(void **state)
{
    (void)state;
    static const struct {
        const char *cron, *after, *next;
    } cases[] = {
        {"* * * * *", "2026-07-01T10:00:00Z", "2026-07-01T10:01:00Z"},
        {"* * * * *", "2026-07-01T10:00:59Z", "2026-07-01T10:01:00Z"},
        {"0 8 * * 1-5", "2026-07-03T08:00:00Z", "2026-07-06T08:00:00Z"}, /* Friday to Monday */
        {"0 8 * * MON-FRI", "2026-07-05T00:00:00Z", "2026-07-06T08:00:00Z"},
        {"0 18 * * *", "2026-07-01T18:00:00Z", "2026-07-02T18:00:00Z"},
        {"*/15 9-17 * * *", "2026-07-01T17:45:00Z", "2026-07-02T09:00:00Z"},
        {"5,35 0 1 jan,jul *", "2026-01-01T00:05:00Z", "2026-01-01T00:35:00Z"},
        {"5,35 0 1 jan,jul *", "2026-01-01T00:35:00Z", "2026-07-01T00:05:00Z"},
        {"0 0 * * 0", "2026-07-01T00:00:00Z", "2026-07-05T00:00:00Z"},
        {"0 0 * * 7", "2026-07-01T00:00:00Z", "2026-07-05T00:00:00Z"},
        {"0 0 13 * 5", "2026-07-01T00:00:00Z", "2026-07-03T00:00:00Z"}, /* either day */
        {"0 0 13 * *", "2026-07-01T00:00:00Z", "2026-07-13T00:00:00Z"},
        {"0 12 31 * *", "2026-03-31T12:00:00Z", "2026-05-31T12:00:00Z"},
        {"0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"},
        {"0 0 29 2 *", "2096-02-29T00:00:00Z", "2104-02-29T00:00:00Z"}, /* 2100 has none */
        {"@weekly", "2026-07-01T00:00:00Z", "2026-07-05T00:00:00Z"},
        {"10-20/5 0 * * *", "2026-07-01T00:10:00Z", "2026-07-01T00:15:00Z"},
        {"7/20 0 * * *", "2026-07-01T00:27:00Z", "2026-07-01T00:47:00Z"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct cron cron = cron_of(cases[i].cron);
        const int64_t next = cron_next_s(&cron, zone_utc(), at(cases[i].after));
        if (next != at(cases[i].next))
            print_error("%s after %s: %s\n", cases[i].cron, cases[i].after, words(next));
        assert_int_equal(next, at(cases[i].next));
        assert_int_equal(cron_previous_s(&cron, zone_utc(), next), next);
        assert_true(cron_previous_s(&cron, zone_utc(), next - 1) <= at(cases[i].after));
    }
}

static void what_is_no_cron_line_is_refused_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum rc code;
        const char *says;
    } cases[] = {
        {"", RC_SYNTAX, "five fields"},
        {"* * * *", RC_SYNTAX, "five fields"},
        {"* * * * * *", RC_SYNTAX, "five fields"},
        {"60 * * * *", RC_RANGE, "\"60\" in column 1 is no minute: numbers from 0 to 59"},
        {"0 24 * * *", RC_RANGE, "\"24\" in column 3 is no hour"},
        {"0 0 0 * *", RC_RANGE, "\"0\" in column 5 is no day of the month"},
        {"0 0 1 13 *", RC_RANGE, "in column 7 is no month"},
        {"0 0 * * 8", RC_RANGE, "in column 9 is no day of the week"},
        {"0 0 * * FRY", RC_SYNTAX, "\"FRY\" in column 9"},
        {"5-1 * * * *", RC_RANGE, "\"5-1\""},
        {"*/0 * * * *", RC_RANGE, "\"*/0\""},
        {"1,,2 * * * *", RC_SYNTAX, "minute"},
        {"1, * * * *", RC_SYNTAX, "\"1,\""},
        {"-1 * * * *", RC_SYNTAX, "minute"},
        {"1.5 * * * *", RC_SYNTAX, "\"1.5\""},
        {"0 0 30 2 *", RC_INVALID, "never comes"},
        {"0 0 31 4,6,9,11 *", RC_INVALID, "never comes"},
        {"@often", RC_SYNTAX, "@often"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cron cron;
        struct diag diag = {0};
        const enum rc rc = cron_parse(span_from(cases[i].text), &cron, &diag);
        if (rc != cases[i].code || strstr(diag.text, cases[i].says) == NULL)
            print_error("%s: %s\n", cases[i].text, diag.text);
        assert_int_equal(rc, cases[i].code);
        assert_non_null(strstr(diag.text, cases[i].says));
    }
}

static void fault_25_a_time_in_the_gap_comes_at_the_first_minute_after_it(void **state)
{
    (void)state;
    const struct cron cron = cron_of("30 2 * * *");
    const int64_t next = cron_next_s(&cron, berlin(), at("2026-03-28T12:00:00Z"));
    assert_int_equal(next, at("2026-03-29T01:00:00Z")); /* 03:00 local */
    assert_int_equal(cron_next_s(&cron, berlin(), next), at("2026-03-30T00:30:00Z"));
    const struct cron often = cron_of("*/10 2 * * *"); /* six of them, one moment */
    assert_int_equal(cron_next_s(&often, berlin(), at("2026-03-29T00:30:00Z")), next);
    assert_int_equal(cron_next_s(&often, berlin(), next), at("2026-03-30T00:00:00Z"));
}

static void fault_25_a_time_that_is_shown_twice_comes_once(void **state)
{
    (void)state;
    const struct cron cron = cron_of("30 2 * * *");
    const int64_t next = cron_next_s(&cron, berlin(), at("2026-10-24T12:00:00Z"));
    assert_int_equal(next, at("2026-10-25T00:30:00Z"));
    assert_int_equal(cron_next_s(&cron, berlin(), next), at("2026-10-26T01:30:00Z"));
    assert_int_equal(cron_previous_s(&cron, berlin(), at("2026-10-25T01:45:00Z")), next);
}

static void fault_24_a_clock_that_jumps_catches_up_one_time_at_most(void **state)
{
    (void)state;
    /* Nothing is remembered: whatever was slept through, the last time before now is one. */
    const struct cron cron = cron_of("0 * * * *");
    assert_int_equal(cron_previous_s(&cron, zone_utc(), at("2026-07-01T10:59:00Z")),
                     at("2026-07-01T10:00:00Z"));
    assert_int_equal(cron_previous_s(&cron, zone_utc(), at("2026-07-01T15:20:00Z")),
                     at("2026-07-01T15:00:00Z"));
    assert_int_equal(cron_previous_s(&cron, zone_utc(), at("2026-07-01T09:20:00Z")),
                     at("2026-07-01T09:00:00Z"));
}

/* The slow obvious version: every minute asked for its local fields. */
static bool comes_at(const struct cron *cron, const struct zone *zone, int64_t unix_s)
{
    const int64_t local = unix_s + zone_offset_s(zone, unix_s);
    int64_t first = local;
    if (zone_unix_s(zone, local) != unix_s)
        return false; /* the second time of a double one */
    /* A moment after a gap stands for all local minutes that were left out. */
    if (zone_offset_s(zone, unix_s - 60) < zone_offset_s(zone, unix_s))
        first = unix_s - 60 + zone_offset_s(zone, unix_s - 60) + 60;
    for (int64_t l = first; l <= local; l += 60) {
        int64_t year = 0;
        int month = 0;
        int day = 0;
        const int64_t days = l / 86400;
        const int64_t minute = l / 60 % 1440;
        date_of_days(days, &year, &month, &day);
        const bool by_day = (cron->days >> day & 1) != 0;
        const bool by_weekday = (cron->weekdays >> date_weekday(days) & 1) != 0;
        const bool date =
            cron->any_day || cron->any_weekday ? by_day && by_weekday : by_day || by_weekday;
        if (date && (cron->months >> month & 1) != 0 && (cron->hours >> (minute / 60) & 1) != 0 &&
            (cron->minutes >> (minute % 60) & 1) != 0)
            return true;
    }
    return false;
}

static void next_and_previous_are_what_a_walk_over_all_minutes_finds(void **state)
{
    (void)state;
    static const char *const lines[] = {"*/7 * * * *",  "30 2 * * *",      "15 1-3 * * *",
                                        "0 0,12 * * 1", "59 23 28-31 * 3", "0 3 29 3 *"};
    static const char *const begins[] = {"2026-03-27T00:00:00Z", "2026-10-23T00:00:00Z",
                                         "2026-12-30T00:00:00Z"};
    for (size_t l = 0; l < sizeof(lines) / sizeof(lines[0]); l++)
        for (size_t b = 0; b < sizeof(begins) / sizeof(begins[0]); b++) {
            const struct cron cron = cron_of(lines[l]);
            const struct zone *zone = berlin();
            int64_t last = TIME_NONE;
            for (int64_t t = at(begins[b]); t < at(begins[b]) + 5 * 86400; t += 60) {
                if (comes_at(&cron, zone, t)) {
                    if (last != TIME_NONE)
                        assert_int_equal(cron_next_s(&cron, zone, last), t);
                    last = t;
                }
                if (last != TIME_NONE)
                    assert_int_equal(cron_previous_s(&cron, zone, t), last);
            }
        }
}

static void absurd_times_are_survived(void **state)
{
    (void)state;
    static const int64_t times[] = {INT64_MIN, INT64_MAX, INT64_MIN / 2, 0, -1, INT64_C(1) << 42};
    const struct cron cron = cron_of("0 0 29 2 *");
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        (void)cron_next_s(&cron, berlin(), times[i]);
        (void)cron_previous_s(&cron, berlin(), times[i]);
    }
    assert_int_equal(cron_next_s(&cron, berlin(), INT64_MAX), TIME_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_come_at_their_times),
        cmocka_unit_test(what_is_no_cron_line_is_refused_with_its_place),
        cmocka_unit_test(fault_25_a_time_in_the_gap_comes_at_the_first_minute_after_it),
        cmocka_unit_test(fault_25_a_time_that_is_shown_twice_comes_once),
        cmocka_unit_test(fault_24_a_clock_that_jumps_catches_up_one_time_at_most),
        cmocka_unit_test(next_and_previous_are_what_a_walk_over_all_minutes_finds),
        cmocka_unit_test(absurd_times_are_survived),
    };
    arena_init(&arena, (size_t)16 << 20);
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_done(&arena);
    return failed;
}
