/* Time zones: rules, files made by hand, damaged files, and all zones of this system against libc.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#undef fail

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/date.h"
#include "base/rng.h"
#include "config/zone.h"

static struct arena arena;

static const struct zone *rule(const char *text)
{
    const struct zone *zone = NULL;
    struct diag diag = {0};
    if (zone_read_rule(&arena, span_from(text), &zone, &diag) != RC_OK)
        print_error("%s\n", diag.text);
    assert_non_null(zone);
    return zone;
}

static int64_t at(int year, int month, int day, int hour, int minute)
{
    return date_to_days(year, month, day) * 86400 + (int64_t)hour * 3600 + (int64_t)minute * 60;
}

static void rules_change_at_their_hour(void **state)
{
    (void)state;
    assert_int_equal(zone_offset_s(rule("UTC0"), 0), 0);
    assert_int_equal(zone_offset_s(rule("<+0330>-3:30"), 0), 12600);
    const struct zone *berlin = rule("CET-1CEST,M3.5.0,M10.5.0/3");
    assert_int_equal(zone_offset_s(berlin, at(2026, 3, 29, 0, 59) + 59), 3600);
    assert_int_equal(zone_offset_s(berlin, at(2026, 3, 29, 1, 0)), 7200);
    assert_int_equal(zone_offset_s(berlin, at(2026, 10, 25, 0, 59) + 59), 7200);
    assert_int_equal(zone_offset_s(berlin, at(2026, 10, 25, 1, 0)), 3600);
    const struct zone *york = rule("EST5EDT,M3.2.0,M11.1.0");
    assert_int_equal(zone_offset_s(york, at(2026, 3, 8, 6, 59)), -5 * 3600);
    assert_int_equal(zone_offset_s(york, at(2026, 3, 8, 7, 0)), -4 * 3600);
    const struct zone *sydney = rule("AEST-10AEDT,M10.1.0,M4.1.0/3"); /* summer over new year */
    assert_int_equal(zone_offset_s(sydney, at(2026, 1, 1, 0, 0)), 11 * 3600);
    assert_int_equal(zone_offset_s(sydney, at(2026, 7, 1, 0, 0)), 10 * 3600);
    const struct zone *julian = rule("AAA3BBB,J60/0,299/0"); /* J60 is March 1 in any year */
    assert_int_equal(zone_offset_s(julian, at(2028, 2, 29, 12, 0)), -3 * 3600);
    assert_int_equal(zone_offset_s(julian, at(2028, 3, 1, 12, 0)), -2 * 3600);
}

static void what_is_no_rule_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "CE-1",
        "CET",
        "CET-1CEST",
        "CET-1CEST,M3.5.0",
        "CET-999",
        "<+03-3",
        "CET-1x",
        "CET-1CEST,M13.1.0,M10.5.0",
        "Europe/Rom",
        "CET-1CEST,M3.6.0,M10.5.0",
        "A0B,J0,J300",
        "UTC0 ",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const struct zone *zone = NULL;
        struct diag diag = {0};
        assert_int_equal(zone_read_rule(&arena, span_from(bad[i]), &zone, &diag), RC_SYNTAX);
        assert_null(zone);
    }
}

static void a_time_in_the_gap_is_the_first_moment_after_it_and_a_double_one_the_first(void **state)
{
    (void)state;
    const struct zone *berlin = rule("CET-1CEST,M3.5.0,M10.5.0/3");
    const int64_t end_of_gap = at(2026, 3, 29, 1, 0);
    assert_int_equal(zone_unix_s(berlin, at(2026, 3, 29, 1, 59)), end_of_gap - 60);
    assert_int_equal(zone_unix_s(berlin, at(2026, 3, 29, 2, 0)), end_of_gap);
    assert_int_equal(zone_unix_s(berlin, at(2026, 3, 29, 2, 30)), end_of_gap);
    assert_int_equal(zone_unix_s(berlin, at(2026, 3, 29, 3, 0)), end_of_gap);
    assert_int_equal(zone_unix_s(berlin, at(2026, 3, 29, 3, 1)), end_of_gap + 60);
    assert_int_equal(zone_unix_s(berlin, at(2026, 10, 25, 2, 30)), at(2026, 10, 25, 0, 30));
    assert_int_equal(zone_unix_s(berlin, at(2026, 10, 25, 3, 0)), at(2026, 10, 25, 2, 0));
}

static void local_times_and_times_agree_and_never_fall(void **state)
{
    (void)state;
    static const char *const rules[] = {"CET-1CEST,M3.5.0,M10.5.0/3", "EST5EDT,M3.2.0,M11.1.0",
                                        "AEST-10AEDT,M10.1.0,M4.1.0/3",
                                        "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "UTC0"};
    for (size_t z = 0; z < sizeof(rules) / sizeof(rules[0]); z++) {
        const struct zone *zone = rule(rules[z]);
        int64_t before = INT64_MIN;
        for (int64_t local = at(2026, 1, 1, 0, 0); local < at(2027, 1, 2, 0, 0); local += 600) {
            const int64_t unix_s = zone_unix_s(zone, local);
            const int64_t shown = unix_s + zone_offset_s(zone, unix_s);
            assert_true(unix_s >= before);
            assert_true(shown >= local && shown - local <= 3600);
            before = unix_s;
        }
    }
}

/* ---- files ---- */

static void put_32(char *p, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        p[i] = (char)(value >> (24 - 8 * i));
}

/* A version 1 file with one change, from +1 h to +2 h at 1000. */
static size_t small_file(char *p)
{
    memset(p, 0, 44 + 4 + 1 + 12 + 8);
    memcpy(p, "TZif", 4);
    put_32(p + 32, 1); /* times */
    put_32(p + 36, 2); /* types */
    put_32(p + 40, 8); /* chars */
    put_32(p + 44, 1000);
    p[48] = 1;
    put_32(p + 49, 3600);
    put_32(p + 55, 7200);
    memcpy(p + 61, "AAA\0BBB", 8);
    return 69;
}

static void a_file_is_read_and_a_damaged_one_refused(void **state)
{
    (void)state;
    char bytes[128];
    const size_t size = small_file(bytes);
    const struct zone *zone = NULL;
    struct diag diag = {0};
    assert_int_equal(zone_read(&arena, span_of(bytes, size), &zone, &diag), RC_OK);
    assert_int_equal(zone_offset_s(zone, 999), 3600);
    assert_int_equal(zone_offset_s(zone, 1000), 7200);
    assert_int_equal(zone_offset_s(zone, INT64_C(1) << 40), 7200);
    for (size_t cut = 0; cut < size; cut++)
        assert_int_not_equal(zone_read(&arena, span_of(bytes, cut), &zone, &diag), RC_OK);
    bytes[48] = 2; /* no such type */
    assert_int_equal(zone_read(&arena, span_of(bytes, size), &zone, &diag), RC_CORRUPT);
    (void)small_file(bytes);
    put_32(bytes + 49, 1000000); /* an offset of 11 days */
    assert_int_equal(zone_read(&arena, span_of(bytes, size), &zone, &diag), RC_CORRUPT);
    (void)small_file(bytes);
    put_32(bytes + 32, 0xffffffffU);
    assert_int_equal(zone_read(&arena, span_of(bytes, size), &zone, &diag), RC_CORRUPT);
}

static size_t read_file(const char *name, char *bytes, size_t cap)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", name);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return 0;
    const size_t size = fread(bytes, 1, cap, file);
    (void)fclose(file);
    return size;
}

static void flipped_bytes_are_survived(void **state)
{
    (void)state;
    static char bytes[1 << 16];
    const size_t size = read_file("Europe/Berlin", bytes, sizeof(bytes));
    if (size == 0)
        skip(); /* no zone files on this system */
    struct rng rng;
    rng_init(&rng, 5);
    for (int i = 0; i < 3000; i++) {
        const size_t where = (size_t)rng_range(&rng, 0, (int64_t)size - 1);
        const char kept = bytes[where];
        const struct zone *zone = NULL;
        struct diag diag = {0};
        bytes[where] = (char)rng_range(&rng, -128, 127);
        if (zone_read(&arena, span_of(bytes, size), &zone, &diag) == RC_OK)
            (void)zone_unix_s(zone,
                              zone_offset_s(zone, rng_range(&rng, -(1 << 30), INT64_C(1) << 40)));
        bytes[where] = kept;
        arena_clear(&arena);
    }
}

static void the_zones_of_this_system_are_as_libc_shows_them(void **state)
{
    (void)state;
    static const char *const names[] = {
        "Europe/Berlin",       "America/New_York",    "Australia/Sydney", "Asia/Kolkata",
        "Australia/Lord_Howe", "America/Sao_Paulo",   "Africa/Cairo",     "Pacific/Apia",
        "Africa/Casablanca",   "America/Los_Angeles", "Asia/Kathmandu",   "Pacific/Chatham",
        "Europe/Dublin",       "Antarctica/Troll",    "Asia/Tehran",      "America/Godthab",
    };
    static char bytes[1 << 16];
    struct rng rng;
    rng_init(&rng, 9);
    size_t compared = 0;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const size_t size = read_file(names[i], bytes, sizeof(bytes));
        const struct zone *zone = NULL;
        struct diag diag = {0};
        if (size == 0)
            continue;
        assert_int_equal(zone_read(&arena, span_of(bytes, size), &zone, &diag), RC_OK);
        (void)setenv("TZ", names[i], 1);
        tzset();
        for (int k = 0; k < 2000; k++) {
            const time_t t = rng_range(&rng, at(1950, 1, 1, 0, 0), at(2100, 1, 1, 0, 0));
            struct tm tm;
            assert_non_null(localtime_r(&t, &tm));
            if (zone_offset_s(zone, t) != tm.tm_gmtoff)
                print_error("%s at %lld\n", names[i], (long long)t);
            assert_int_equal(zone_offset_s(zone, t), tm.tm_gmtoff);
            compared++;
        }
    }
    if (compared == 0)
        skip(); /* no zone files on this system */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_change_at_their_hour),
        cmocka_unit_test(what_is_no_rule_is_refused),
        cmocka_unit_test(a_time_in_the_gap_is_the_first_moment_after_it_and_a_double_one_the_first),
        cmocka_unit_test(local_times_and_times_agree_and_never_fall),
        cmocka_unit_test(a_file_is_read_and_a_damaged_one_refused),
        cmocka_unit_test(flipped_bytes_are_survived),
        cmocka_unit_test(the_zones_of_this_system_are_as_libc_shows_them),
    };
    arena_init(&arena, (size_t)64 << 20);
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_done(&arena);
    return failed;
}
