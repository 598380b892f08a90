/* test_num.c - number text in and out, the mathematical functions against the C library. */
#include "base/num.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

static uint64_t bits_of(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof(bits));
    return bits;
}

static double double_of(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof(x));
    return x;
}

static void numbers_follow_the_json_grammar_to_the_letter(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum rc rc;
        double value;
    } cases[] = {
        {"0", RC_OK, 0},
        {"-0", RC_OK, -0.0},
        {"1", RC_OK, 1},
        {"-12.5e2", RC_OK, -1250},
        {"1E+2", RC_OK, 100},
        {"0.1", RC_OK, 0.1},
        {"123456789012345678901234567890", RC_OK, 123456789012345678901234567890.0},
        {"9007199254740993", RC_OK, 9007199254740992.0},
        {"9007199254740993.00000000000000000000000001", RC_OK, 9007199254740994.0},
        {"1e-400", RC_OK, 0},
        {"0e999999999999999999999", RC_OK, 0},
        {"4.9406564584124654e-324", RC_OK, 0x1p-1074},
        {"1.7976931348623157e308", RC_OK, 0x1.fffffffffffffp1023},
        {"1e309", RC_RANGE, 0},
        {"-1e999999999999999999999", RC_RANGE, 0},
        {"", RC_SYNTAX, 0},
        {"-", RC_SYNTAX, 0},
        {"+1", RC_SYNTAX, 0},
        {"01", RC_SYNTAX, 0},
        {"1.", RC_SYNTAX, 0},
        {".5", RC_SYNTAX, 0},
        {"1e", RC_SYNTAX, 0},
        {"1e+", RC_SYNTAX, 0},
        {"1 ", RC_SYNTAX, 0},
        {" 1", RC_SYNTAX, 0},
        {"0x10", RC_SYNTAX, 0},
        {"NaN", RC_SYNTAX, 0},
        {"1,5", RC_SYNTAX, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        double value = 77;
        const enum rc rc = num_parse(span_from(cases[i].text), &value);
        if (rc != cases[i].rc)
            fail_msg("\"%s\" gives %s", cases[i].text, rc_name(rc));
        const uint64_t wanted = bits_of(rc == RC_OK ? cases[i].value : 77);
        if (bits_of(value) != wanted)
            fail_msg("\"%s\" gives %.17g", cases[i].text, value);
    }
}

static void digits_far_behind_the_last_that_counts_still_decide_a_tie(void **state)
{
    (void)state;
    char text[2000];
    memset(text, '0', sizeof(text));
    memcpy(text, "9007199254740993.", 17);
    double value;
    assert_int_equal(num_parse((struct span){text, sizeof(text)}, &value), RC_OK);
    assert_true(value == 9007199254740992.0);
    text[sizeof(text) - 1] = '1';
    assert_int_equal(num_parse((struct span){text, sizeof(text)}, &value), RC_OK);
    assert_true(value == 9007199254740994.0);

    memset(text, '0', sizeof(text));
    text[0] = '1';
    memcpy(text + sizeof(text) - 6, "e-1994", 6); /* 1 followed by 1993 zeros */
    assert_int_equal(num_parse((struct span){text, sizeof(text)}, &value), RC_OK);
    assert_true(value == 0.1);
}

static void prometheus_values_may_be_infinite_or_no_number(void **state)
{
    (void)state;
    double v;
    assert_int_equal(num_parse_prometheus(span_from("+Inf"), &v), RC_OK);
    assert_true(isinf(v) && v > 0);
    assert_int_equal(num_parse_prometheus(span_from("-inf"), &v), RC_OK);
    assert_true(isinf(v) && v < 0);
    assert_int_equal(num_parse_prometheus(span_from("NaN"), &v), RC_OK);
    assert_true(isnan(v));
    assert_int_equal(num_parse_prometheus(span_from("+1.5e3"), &v), RC_OK);
    assert_true(v == 1500);
    assert_int_equal(num_parse_prometheus(span_from("5."), &v), RC_OK);
    assert_true(v == 5);
    assert_int_equal(num_parse_prometheus(span_from("infinit"), &v), RC_SYNTAX);
    assert_int_equal(num_parse_prometheus(span_from(""), &v), RC_SYNTAX);
    assert_int_equal(num_parse_prometheus(span_from("."), &v), RC_SYNTAX);
    assert_int_equal(num_parse_prometheus(span_from("1e999"), &v), RC_RANGE);
}

static void integers_are_refused_when_they_do_not_fit(void **state)
{
    (void)state;
    int64_t v = 5;
    assert_int_equal(num_parse_int(span_from("9223372036854775807"), &v), RC_OK);
    assert_true(v == INT64_MAX);
    assert_int_equal(num_parse_int(span_from("-9223372036854775808"), &v), RC_OK);
    assert_true(v == INT64_MIN);
    assert_int_equal(num_parse_int(span_from("9223372036854775808"), &v), RC_RANGE);
    assert_int_equal(num_parse_int(span_from("-9223372036854775809"), &v), RC_RANGE);
    assert_int_equal(num_parse_int(span_from("99999999999999999999999x"), &v), RC_SYNTAX);
    assert_int_equal(num_parse_int(span_from(""), &v), RC_SYNTAX);
    assert_int_equal(num_parse_int(span_from("-"), &v), RC_SYNTAX);
    assert_int_equal(num_parse_int(span_from("+1"), &v), RC_SYNTAX);
    assert_true(v == INT64_MIN);
    uint64_t h = 0;
    assert_int_equal(num_parse_hex(span_from("FFFFffffFFFFffff"), &h), RC_OK);
    assert_true(h == UINT64_MAX);
    assert_int_equal(num_parse_hex(span_from("0x1"), &h), RC_SYNTAX);
    assert_int_equal(num_parse_hex(span_from("1_0"), &h), RC_SYNTAX);
    assert_int_equal(num_parse_hex(span_from(""), &h), RC_SYNTAX);
    assert_int_equal(num_parse_hex(span_from("00000000000000000"), &h), RC_RANGE);
}

static void numbers_print_as_javascript_prints_them(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0"},
        {-0.0, "-0"},
        {1, "1"},
        {-1.5, "-1.5"},
        {0.1, "0.1"},
        {1.0 / 3, "0.3333333333333333"},
        {100, "100"},
        {1e20, "100000000000000000000"},
        {1e21, "1e+21"},
        {1.5e21, "1.5e+21"},
        {123456789012345680000.0, "123456789012345680000"},
        {0.000001, "0.000001"},
        {0.0000001, "1e-7"},
        {1.25e-7, "1.25e-7"},
        {9007199254740991.0, "9007199254740991"},
        {5e-324, "5e-324"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {299792.458, "299792.458"},
        {0x1p-1022 - 0x1p-1074, "2.225073858507201e-308"},
        {9.5367431640625e-07, "9.5367431640625e-7"},
        {NAN, "NaN"},
        {INFINITY, "+Inf"},
        {-INFINITY, "-Inf"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[NUM_TEXT_MAX];
        const size_t len = num_print(cases[i].value, text);
        assert_string_equal(text, cases[i].text);
        assert_int_equal(len, strlen(text));
    }
}

static void any_bits_survive_print_and_parse(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 20261124);
    for (int i = 0; i < 200000; i++) {
        double value;
        switch (i % 4) {
        case 0:
            value = double_of(rng_next(&rng));
            break;
        case 1:
            value = (double)rng_range(&rng, -1000000000, 1000000000) / 1000.0;
            break;
        case 2:
            value = ldexp(1.0, (int)rng_range(&rng, -1074, 1023));
            break;
        default:
            value = rng_unit(&rng) * 1000.0;
            break;
        }
        if (!isfinite(value))
            continue;
        char text[NUM_TEXT_MAX];
        const size_t len = num_print(value, text);
        assert_in_range(len, 1, NUM_TEXT_MAX - 1);
        double back = 0;
        assert_int_equal(num_parse((struct span){text, len}, &back), RC_OK);
        if (bits_of(back) != bits_of(value))
            fail_msg("%a prints as %s", value, text);
        assert_true(bits_of(strtod(text, NULL)) == bits_of(value));
    }
}

static void random_decimals_are_rounded_as_the_c_library_rounds_them(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 7);
    for (int i = 0; i < 200000; i++) {
        char text[64];
        size_t len = 0;
        const int64_t digits = rng_range(&rng, 1, 25);
        const int64_t point = rng_range(&rng, 1, digits);
        text[len++] = (char)('1' + rng_range(&rng, 0, 8));
        for (int64_t d = 1; d < digits; d++) {
            if (d == point)
                text[len++] = '.';
            text[len++] = (char)('0' + rng_range(&rng, 0, 9));
        }
        (void)snprintf(text + len, sizeof(text) - len, "e%d", (int)rng_range(&rng, -340, 280));
        double value = -1;
        assert_int_equal(num_parse(span_from(text), &value), RC_OK);
        if (bits_of(value) != bits_of(strtod(text, NULL)))
            fail_msg("%s gives %a", text, value);
    }
}

static void quantities_have_decimal_and_binary_suffixes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum rc rc;
        double value;
    } cases[] = {
        {"1", RC_OK, 1},       {"100m", RC_OK, 0.1},   {"1.5Gi", RC_OK, 1610612736},
        {"2k", RC_OK, 2000},   {"1E", RC_OK, 1e18},    {"1e3", RC_OK, 1000},
        {"1E3", RC_OK, 1000},  {"12E-1", RC_OK, 1.2},  {"1Ei", RC_OK, 1152921504606846976.0},
        {"5u", RC_OK, 5e-6},   {"7n", RC_OK, 7e-9},    {"+.5", RC_OK, 0.5},
        {"3.M", RC_OK, 3e6},   {"-2Ki", RC_OK, -2048}, {"1K", RC_SYNTAX, 0},
        {"1ki", RC_SYNTAX, 0}, {"1 Gi", RC_SYNTAX, 0}, {"Gi", RC_SYNTAX, 0},
        {"1e", RC_SYNTAX, 0},  {"1e3k", RC_SYNTAX, 0}, {"1e400", RC_RANGE, 0},
        {"", RC_SYNTAX, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        double value = 0;
        const enum rc rc = num_parse_quantity(span_from(cases[i].text), &value);
        if (rc != cases[i].rc || bits_of(value) != bits_of(cases[i].value))
            fail_msg("\"%s\" gives %s, %.17g", cases[i].text, rc_name(rc), value);
    }
}

/* Distance in units of the last place of the wanted value. */
static double ulps(double got, long double wanted)
{
    if (isinf(got) || fabsl(wanted) > 0x1.fffffffffffff8p1023L)
        return got == (double)wanted ? 0 : 1e9;
    int exponent;
    (void)frexpl(wanted, &exponent);
    if (exponent < -1021)
        exponent = -1021;
    return (double)(fabsl((long double)got - wanted) / ldexpl(1.0L, exponent - 53));
}

/* Valgrind counts in 64 bits where the processor has 80: then there is nothing better to compare
 * with. */
static bool long_double_is_longer(void)
{
    const volatile long double small = LDBL_EPSILON;
    const volatile long double sum = 1.0L + small;
    return sum > 1.0L;
}

static void exp_log_and_pow_are_within_two_ulp(void **state)
{
    (void)state;
    if (!long_double_is_longer())
        skip();
    struct rng rng;
    rng_init(&rng, 99);
    double worst_exp = 0;
    double worst_log = 0;
    double worst_pow = 0;
    for (int i = 0; i < 300000; i++) {
        const double x = (rng_unit(&rng) * 2 - 1) * (i % 2 ? 745.0 : 2.0);
        worst_exp = fmax(worst_exp, ulps(num_exp(x), expl((long double)x)));
        const double positive = i % 3 ? double_of(rng_next(&rng) >> 1) : 0.5 + rng_unit(&rng) * 1.5;
        if (isfinite(positive) && positive > 0)
            worst_log = fmax(worst_log, ulps(num_log(positive), logl((long double)positive)));
        const double base = i % 2 ? rng_unit(&rng) * 4 : num_exp((rng_unit(&rng) * 2 - 1) * 600);
        const double log_base = log(base);
        const double exponent =
            (rng_unit(&rng) * 2 - 1) * fmin(700.0 / fmax(fabs(log_base), 1e-9), 1e6);
        const long double wanted = powl((long double)base, (long double)exponent);
        worst_pow = fmax(worst_pow, ulps(num_pow(base, exponent), wanted));
    }
    if (worst_exp > 2 || worst_log > 2 || worst_pow > 2)
        fail_msg("worst errors: exp %g, log %g, pow %g ulp", worst_exp, worst_log, worst_pow);
    print_message("worst errors: exp %g, log %g, pow %g ulp\n", worst_exp, worst_log, worst_pow);
}

static void exp_log_and_pow_have_the_edges_of_iec_60559(void **state)
{
    (void)state;
    static const double edges[] = {
        0.0,    -0.0,       1.0,      -1.0,      2.0,   -2.0,   3.0,    -3.0,
        0.5,    -0.5,       1e9,      -1e9,      1e300, 1e-300, 5e-324, -5e-324,
        0x1p53, 0x1p53 - 1, INFINITY, -INFINITY, NAN,   1.5,    -1.5,   4503599627370497.5};
    for (size_t i = 0; i < COUNT_OF(edges); i++) {
        const double x = edges[i];
        const double e = exp(x);
        const double l = log(x);
        assert_true(isnan(e) ? isnan(num_exp(x)) : ulps(num_exp(x), (long double)e) <= 2);
        assert_true(isnan(l) ? isnan(num_log(x))
                             : ulps(num_log(x), (long double)l) <= 2 || num_log(x) == l);
        for (size_t j = 0; j < COUNT_OF(edges); j++) {
            const double y = edges[j];
            const double wanted = pow(x, y);
            const double got = num_pow(x, y);
            const bool same = isnan(wanted)
                                  ? isnan(got)
                                  : signbit(wanted) == signbit(got) &&
                                        (wanted == got || ulps(got, (long double)wanted) <= 2);
            if (!same)
                fail_msg("pow(%g, %g) gives %g, not %g", x, y, got, wanted);
        }
    }
    assert_true(num_exp(0) == 1 && num_log(1) == 0 && num_pow(2, 10) == 1024);
}

static void integer_arithmetic_saturates(void **state)
{
    (void)state;
    assert_true(num_add_sat(INT64_MAX, 1) == INT64_MAX);
    assert_true(num_add_sat(INT64_MIN, -1) == INT64_MIN);
    assert_true(num_add_sat(2, 3) == 5);
    assert_true(num_mul_sat(INT64_MIN, -1) == INT64_MAX);
    assert_true(num_mul_sat(INT64_MAX, -2) == INT64_MIN);
    assert_true(num_mul_sat(0, INT64_MIN) == 0);
    assert_true(num_clamp(5, 1, 3) == 3 && num_clamp(0, 1, 3) == 1 && num_clamp(2, 1, 3) == 2);
    assert_true(num_to_int(NAN, 1, 9) == 1);
    assert_true(num_to_int(INFINITY, 1, 9) == 9);
    assert_true(num_to_int(-INFINITY, 1, 9) == 1);
    assert_true(num_to_int(1e300, INT64_MIN, INT64_MAX) == INT64_MAX);
    assert_true(num_to_int(-1e300, INT64_MIN, INT64_MAX) == INT64_MIN);
    assert_true(num_to_int(0x1p63, 0, INT64_MAX) == INT64_MAX);
    assert_true(num_to_int(2.9, 0, 9) == 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_follow_the_json_grammar_to_the_letter),
        cmocka_unit_test(digits_far_behind_the_last_that_counts_still_decide_a_tie),
        cmocka_unit_test(prometheus_values_may_be_infinite_or_no_number),
        cmocka_unit_test(integers_are_refused_when_they_do_not_fit),
        cmocka_unit_test(numbers_print_as_javascript_prints_them),
        cmocka_unit_test(any_bits_survive_print_and_parse),
        cmocka_unit_test(random_decimals_are_rounded_as_the_c_library_rounds_them),
        cmocka_unit_test(quantities_have_decimal_and_binary_suffixes),
        cmocka_unit_test(exp_log_and_pow_are_within_two_ulp),
        cmocka_unit_test(exp_log_and_pow_have_the_edges_of_iec_60559),
        cmocka_unit_test(integer_arithmetic_saturates),
    };
    return cmocka_run_group_tests_name("num", tests, NULL, NULL);
}
