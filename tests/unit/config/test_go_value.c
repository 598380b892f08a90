/* Numbers, durations and truth values as Go reads them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#undef fail

#include <math.h>

#include "base/duration.h"
#include "config/dialect/go_value.h"

static void floats_are_read_as_strconv_does(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;
    } good[] = {
        {"2.0", 2},
        {"+.5", 0.5},
        {"5.", 5},
        {"-1e3", -1000},
        {"1_000", 1000},
        {"0x1p-2", 0.25},
        {"0x1.8p1", 3},
        {"0xAp0", 10},
        {"0x_1p0", 1},
        {"Inf", INFINITY},
        {"-inf", -INFINITY},
        {"+Infinity", INFINITY},
        {"0x1p-1074", 5e-324},
        {"1e-400", 0},
        {"0x123456789abcdef01p0", 0x123456789abcdef01p0},
    };
    static const char *const bad[] = {
        "",   " 2",  "2 ",   "1__0", "_1",   "1_",  "1_.5",      "0x1",   "0x",       "0xp1",
        "1e", "--1", "+nan", "30s",  "0x1p", "yes", "0x1.2.3p1", "1e999", "0x1p2000", "."};
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        double value = NAN;
        if (go_float(span_from(good[i].text), &value) != RC_OK || !(value == good[i].value))
            print_error("%s: %g\n", good[i].text, value);
        assert_true(value == good[i].value);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        double value = 7;
        if (go_float(span_from(bad[i]), &value) == RC_OK)
            print_error("\"%s\" is %g\n", bad[i], value);
        assert_true(value == 7);
    }
    double nan = 0;
    assert_int_equal(go_float(span_from("NaN"), &nan), RC_OK);
    assert_true(isnan(nan));
}

static void integers_have_one_sign_and_a_range(void **state)
{
    (void)state;
    int64_t value = 0;
    assert_int_equal(go_int(span_from("+7"), 0, 10, &value), RC_OK);
    assert_int_equal(value, 7);
    assert_int_equal(go_int(span_from("-7"), -10, 10, &value), RC_OK);
    assert_int_equal(value, -7);
    assert_int_equal(go_int(span_from("11"), 0, 10, &value), RC_RANGE);
    assert_int_equal(go_int(span_from("+-1"), -10, 10, &value), RC_SYNTAX);
    assert_int_equal(go_int(span_from("+"), -10, 10, &value), RC_SYNTAX);
    assert_int_equal(go_int(span_from("1.0"), 0, 10, &value), RC_SYNTAX);
}

static void a_day_is_no_unit_and_a_number_no_duration(void **state)
{
    (void)state;
    int64_t ns = 0;
    assert_int_equal(go_duration(span_from("1h30m"), &ns), RC_OK);
    assert_int_equal(ns, 90 * MINUTE_NS);
    assert_int_equal(go_duration(span_from("0"), &ns), RC_OK);
    assert_int_equal(go_duration(span_from("2d"), &ns), RC_SYNTAX);
    assert_int_equal(go_duration(span_from("300"), &ns), RC_SYNTAX);
}

static void truth_has_twelve_spellings(void **state)
{
    (void)state;
    bool truth = false;
    assert_int_equal(go_bool(span_from("T"), &truth), RC_OK);
    assert_true(truth);
    assert_int_equal(go_bool(span_from("False"), &truth), RC_OK);
    assert_false(truth);
    assert_int_equal(go_bool(span_from("yes"), &truth), RC_SYNTAX);
    assert_int_equal(go_bool(span_from(""), &truth), RC_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(floats_are_read_as_strconv_does),
        cmocka_unit_test(integers_have_one_sign_and_a_range),
        cmocka_unit_test(a_day_is_no_unit_and_a_number_no_duration),
        cmocka_unit_test(truth_has_twelve_spellings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
