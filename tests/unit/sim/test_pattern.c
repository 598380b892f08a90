#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#undef fail

#include "base/duration.h"
#include "sim/pattern.h"

static struct pattern_spec spec_of(enum pattern_kind kind)
{
    return (struct pattern_spec){
        .kind = kind,
        .rate_per_s = 20,
        .peak = 5,
        .on_share = 0.25,
        .period_ns = 60 * SECOND_NS,
        .duration_ns = 600 * SECOND_NS,
        .input_mean = 400,
        .output_mean = 100,
        .length_sigma = 0.8,
        .seed = 11,
    };
}

/* Requests in the first and the last quarter of all periods, and the sums of their lengths. */
struct totals {
    double count;
    double quarter[4];
    double input;
    double output;
};

static struct totals run(const struct pattern_spec *spec)
{
    struct pattern pattern;
    assert_int_equal(pattern_init(&pattern, spec, NULL), RC_OK);
    struct totals t = {0};
    struct trace_row row;
    int64_t last_ns = 0;
    while (pattern_next(&pattern, &row)) {
        assert_true(row.arrival_ns >= last_ns && row.arrival_ns < spec->duration_ns);
        assert_true(row.input_tokens >= 1 && row.output_tokens >= 1);
        last_ns = row.arrival_ns;
        t.count++;
        t.quarter[row.arrival_ns % spec->period_ns / (spec->period_ns / 4)]++;
        t.input += (double)row.input_tokens;
        t.output += (double)row.output_tokens;
    }
    assert_false(pattern_next(&pattern, &row));
    return t;
}

static void assert_near(double value, double expected, double ratio)
{
    if (fabs(value - expected) > expected * ratio)
        print_error("%g is not within %g of %g\n", value, ratio, expected);
    assert_true(fabs(value - expected) <= expected * ratio);
}

static void each_pattern_has_its_rate_in_each_part_of_the_period(void **state)
{
    (void)state;
    const struct {
        enum pattern_kind kind;
        double quarter[4]; /* requests per second */
    } cases[] = {{PATTERN_STEADY, {20, 20, 20, 20}},
                 {PATTERN_BURST, {20, 20, 20, 100}},
                 {PATTERN_ONOFF, {100, 0, 0, 0}},
                 {PATTERN_DIURNAL, {35, 85, 85, 35}}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct pattern_spec spec = spec_of(cases[i].kind);
        const struct totals t = run(&spec);
        for (size_t q = 0; q < 4; q++)
            assert_near(t.quarter[q], cases[i].quarter[q] * 150, 0.07);
        assert_near(t.input / t.count, 400, 0.05);
        assert_near(t.output / t.count, 100, 0.05);
    }
}

static void the_seed_names_the_run(void **state)
{
    (void)state;
    struct pattern_spec spec = spec_of(PATTERN_BURST);
    const struct totals a = run(&spec);
    const struct totals b = run(&spec);
    spec.seed++;
    const struct totals c = run(&spec);
    assert_memory_equal(&a, &b, sizeof a);
    assert_true(memcmp(&a, &c, sizeof a) != 0);
}

static void fixed_lengths_are_fixed(void **state)
{
    (void)state;
    struct pattern_spec spec = spec_of(PATTERN_STEADY);
    spec.length_sigma = 0;
    const struct totals t = run(&spec);
    assert_true(t.input == t.count * 400);
}

static void absurd_parameters_are_refused(void **state)
{
    (void)state;
    struct pattern_spec bad[6];
    for (size_t i = 0; i < 6; i++)
        bad[i] = spec_of(PATTERN_STEADY);
    bad[0].rate_per_s = 0;
    bad[1].rate_per_s = (double)NAN;
    bad[2].peak = 0.5;
    bad[3].on_share = 0;
    bad[4].period_ns = 0;
    bad[5].input_mean = 0;
    struct pattern pattern;
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(pattern_init(&pattern, &bad[i], NULL), RC_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_pattern_has_its_rate_in_each_part_of_the_period),
        cmocka_unit_test(the_seed_names_the_run),
        cmocka_unit_test(fixed_lengths_are_fixed),
        cmocka_unit_test(absurd_parameters_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
