/* test_duration.c - durations and times as text. */
#include "base/duration.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include "base/rng.h"

#include <cmocka.h>
#include <math.h>

static void go_style_durations_are_exact(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum rc rc;
        int64_t ns;
    } cases[] = {
        {"0", RC_OK, 0},
        {"-0", RC_OK, 0},
        {"500ms", RC_OK, 500 * MILLISECOND_NS},
        {"1m30s", RC_OK, 90 * SECOND_NS},
        {"1h30m", RC_OK, 90 * MINUTE_NS},
        {"7d", RC_OK, 7 * DAY_NS},
        {"1.5s", RC_OK, 1500 * MILLISECOND_NS},
        {".5m", RC_OK, 30 * SECOND_NS},
        {"1.h", RC_OK, HOUR_NS},
        {"-2us", RC_OK, -2000},
        {"3\xC2\xB5s", RC_OK, 3000},
        {"3\xCE\xBCs", RC_OK, 3000},
        {"1ns", RC_OK, 1},
        {"0.9ns", RC_OK, 0},
        {"0.000000001s", RC_OK, 1},
        {"+1s", RC_OK, SECOND_NS},
        {"9223372036854775807ns", RC_OK, INT64_MAX},
        {"9223372036854775808ns", RC_RANGE, 0},
        {"106752d", RC_RANGE, 0},
        {"99999999999999999999999999999999999999999h", RC_RANGE, 0},
        {"-9223372036854775808ns", RC_RANGE, 0},
        {"", RC_SYNTAX, 0},
        {"-", RC_SYNTAX, 0},
        {"5", RC_SYNTAX, 0},
        {"s", RC_SYNTAX, 0},
        {"1 s", RC_SYNTAX, 0},
        {"1sec", RC_SYNTAX, 0},
        {"1m30", RC_SYNTAX, 0},
        {".s", RC_SYNTAX, 0},
        {"1w", RC_SYNTAX, 0},
        {"1S", RC_SYNTAX, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t ns = 0;
        const enum rc rc = duration_parse(span_from(cases[i].text), &ns);
        if (rc != cases[i].rc || ns != cases[i].ns)
            fail_msg("\"%s\" gives %s, %lld ns", cases[i].text, rc_name(rc), (long long)ns);
    }
}

static void durations_print_in_their_shortest_form(void **state)
{
    (void)state;
    static const struct {
        int64_t ns;
        const char *text;
    } cases[] = {
        {0, "0s"},
        {90 * SECOND_NS, "1m30s"},
        {250 * MILLISECOND_NS, "250ms"},
        {1500 * MILLISECOND_NS, "1.5s"},
        {7 * DAY_NS, "7d"},
        {36 * HOUR_NS, "36h"},
        {HOUR_NS, "1h"},
        {HOUR_NS + 1, "1h1ns"},
        {-2500, "-2.5us"},
        {INT64_MAX, "2562047h47m16.854775807s"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[DURATION_TEXT_MAX];
        assert_int_equal(duration_print(cases[i].ns, text), strlen(cases[i].text));
        assert_string_equal(text, cases[i].text);
    }
}

static void any_duration_and_time_reads_back(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 3);
    for (int i = 0; i < 100000; i++) {
        const int64_t ns = (int64_t)rng_next(&rng) >> rng_range(&rng, 1, 62);
        char text[DURATION_TEXT_MAX];
        int64_t back = 0;
        const size_t len = duration_print(ns, text);
        assert_int_equal(duration_parse((struct span){text, len}, &back), RC_OK);
        assert_true(back == ns);
        const int64_t ms = ns / MILLISECOND_NS * MILLISECOND_NS;
        const size_t time_len = time_print_rfc3339(ms, text);
        assert_int_equal(time_parse_rfc3339((struct span){text, time_len}, &back), RC_OK);
        assert_true(back == ms);
    }
}

static void fault_90_times_go_on_behind_2038_and_before_1970(void **state)
{
    (void)state;
    static const struct {
        int64_t unix_s;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {INT64_C(0x7FFFFFFF), "2038-01-19T03:14:07.000Z"},
        {INT64_C(0x80000000), "2038-01-19T03:14:08.000Z"},
        {INT64_C(0x100000000), "2106-02-07T06:28:16.000Z"},
        {INT64_C(4102444799), "2099-12-31T23:59:59.000Z"},
        {INT64_C(-0x80000001), "1901-12-13T20:45:51.000Z"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[DURATION_TEXT_MAX];
        int64_t back_ns = 0;
        (void)time_print_rfc3339(cases[i].unix_s * SECOND_NS, text);
        assert_string_equal(text, cases[i].text);
        assert_int_equal(time_parse_rfc3339(span_from(cases[i].text), &back_ns), RC_OK);
        assert_true(back_ns == cases[i].unix_s * SECOND_NS);
    }
}

static void times_have_zones_leap_days_and_edges(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum rc rc;
        int64_t seconds;
        int64_t ns;
    } cases[] = {
        {"1970-01-01T00:00:00Z", RC_OK, 0, 0},
        {"2026-11-24T08:15:00.250Z", RC_OK, 1795508100, 250000000},
        {"2026-11-24T10:15:00+02:00", RC_OK, 1795508100, 0},
        {"2026-11-24t03:15:00-05:00", RC_OK, 1795508100, 0},
        {"2024-02-29 12:00:00.123456789123z", RC_OK, 1709208000, 123456789},
        {"1969-12-31T23:59:59.5Z", RC_OK, -1, 500000000},
        {"2016-12-31T23:59:60Z", RC_OK, 1483228800, 0},
        {"2023-02-29T00:00:00Z", RC_RANGE, 0, 0},
        {"2023-13-01T00:00:00Z", RC_RANGE, 0, 0},
        {"2023-00-01T00:00:00Z", RC_RANGE, 0, 0},
        {"2023-01-01T24:00:00Z", RC_RANGE, 0, 0},
        {"2300-01-01T00:00:00Z", RC_RANGE, 0, 0},
        {"2023-01-01T00:00:00", RC_SYNTAX, 0, 0},
        {"2023-01-01T00:00:00.Z", RC_SYNTAX, 0, 0},
        {"2023-1-01T00:00:00Z", RC_SYNTAX, 0, 0},
        {"2023-01-01T00:00:00Zx", RC_SYNTAX, 0, 0},
        {"2023-01-01T00:00:00+0200", RC_SYNTAX, 0, 0},
        {"", RC_SYNTAX, 0, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t ns = 0;
        const enum rc rc = time_parse_rfc3339(span_from(cases[i].text), &ns);
        if (rc != cases[i].rc || ns != cases[i].seconds * SECOND_NS + cases[i].ns)
            fail_msg("\"%s\" gives %s, %lld", cases[i].text, rc_name(rc), (long long)ns);
    }
    char text[DURATION_TEXT_MAX];
    (void)time_print_rfc3339(INT64_C(1795508100250999999), text);
    assert_string_equal(text, "2026-11-24T08:15:00.250Z");
    (void)time_print_rfc3339(-1, text);
    assert_string_equal(text, "1969-12-31T23:59:59.999Z");
}

static void seconds_become_nanoseconds_without_overflow(void **state)
{
    (void)state;
    assert_true(ns_of_seconds(1.5) == 1500000000);
    assert_true(ns_of_seconds(NAN) == 0);
    assert_true(ns_of_seconds(1e300) == INT64_MAX);
    assert_true(ns_of_seconds(-1e300) == -INT64_MAX);
    assert_true(seconds_of(2500000000) == 2.5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(go_style_durations_are_exact),
        cmocka_unit_test(durations_print_in_their_shortest_form),
        cmocka_unit_test(any_duration_and_time_reads_back),
        cmocka_unit_test(fault_90_times_go_on_behind_2038_and_before_1970),
        cmocka_unit_test(times_have_zones_leap_days_and_edges),
        cmocka_unit_test(seconds_become_nanoseconds_without_overflow),
    };
    return cmocka_run_group_tests_name("duration", tests, NULL, NULL);
}
