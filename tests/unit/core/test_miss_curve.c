/* The learned curve of misses: what holds of it whatever was seen, and that it follows what is. */
#include "core/shadow/miss_curve.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"

static void expect_sound(const struct miss_curve *curve)
{
    for (size_t code = 0; code < STRESS_CODES; code++) {
        assert_true(curve->share[code] >= 0 && curve->share[code] <= 1);
        assert_true(code == 0 || curve->share[code] >= curve->share[code - 1] - 1e-12);
    }
}

static void more_stress_never_means_fewer_misses_whatever_was_seen(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 1);
    struct miss_curve curve;
    miss_curve_init(&curve);
    expect_sound(&curve);
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < 20; i++) {
            const unsigned code = (unsigned)(rng_next(&rng) % STRESS_CODES);
            const double requests = (double)(rng_next(&rng) % 1000);
            /* Also more misses than requests, which nobody can have. */
            miss_curve_add(&curve, code, requests, (double)(rng_next(&rng) % 1500));
        }
        miss_curve_make(&curve, 0.9);
        expect_sound(&curve);
    }
}

static void before_anything_was_seen_an_easy_load_misses_nothing_and_an_overload_all(void **state)
{
    (void)state;
    struct miss_curve curve;
    miss_curve_init(&curve);
    for (unsigned code = 0; code < STRESS_CODES; code++) {
        const double stress = stress_of_code(code);
        assert_true(stress > 0.6 || curve.share[code] < 0.01);
        assert_true(stress < 1.4 || curve.share[code] > 0.99);
        assert_true(stress < 0.99 || stress > 1.01 || fabs(curve.share[code] - 0.5) < 0.1);
    }
}

/* In the middle of a bin the curve is its own share: what was seen and 30 requests as expected. */
static void what_was_seen_outweighs_what_was_expected(void **state)
{
    (void)state;
    for (unsigned bin = 8; bin < CURVE_BINS; bin += 8) {
        struct miss_curve curve;
        miss_curve_init(&curve);
        for (unsigned b = 0; b < CURVE_BINS; b++)
            miss_curve_add(&curve, b * CURVE_BIN_CODES + 1, 1e6, b < bin ? 0 : 4e5);
        miss_curve_make(&curve, 1);
        for (unsigned b = 0; b < CURVE_BINS; b++) {
            const unsigned code = b * CURVE_BIN_CODES + CURVE_BIN_CODES / 2;
            if (b + 1 != bin) /* between the last of these and the first of those it rises */
                assert_true(fabs(curve.share[code] - (b < bin ? 0 : 0.4)) < 1e-3);
        }
    }
}

static void what_was_seen_is_forgotten_and_the_expectation_comes_back(void **state)
{
    (void)state;
    struct miss_curve fresh;
    struct miss_curve curve;
    miss_curve_init(&fresh);
    miss_curve_init(&curve);
    miss_curve_add(&curve, 0, 1e5, 1e5); /* an unlucky hour at no load */
    miss_curve_make(&curve, 1);
    assert_true(curve.share[0] > 0.5);
    for (int i = 0; i < 60; i++)
        miss_curve_make(&curve, 0.5);
    for (size_t code = 0; code < STRESS_CODES; code++)
        assert_true(fabs(curve.share[code] - fresh.share[code]) < 1e-9);
}

static void a_code_beyond_the_last_counts_as_the_last(void **state)
{
    (void)state;
    struct miss_curve curve;
    miss_curve_init(&curve);
    miss_curve_add(&curve, 1000000, 10, 4);
    assert_true(fabs(curve.requests[CURVE_BINS - 1] - 10) < 1e-12);
    assert_true(fabs(curve.missed[CURVE_BINS - 1] - 4) < 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(more_stress_never_means_fewer_misses_whatever_was_seen),
        cmocka_unit_test(before_anything_was_seen_an_easy_load_misses_nothing_and_an_overload_all),
        cmocka_unit_test(what_was_seen_outweighs_what_was_expected),
        cmocka_unit_test(what_was_seen_is_forgotten_and_the_expectation_comes_back),
        cmocka_unit_test(a_code_beyond_the_last_counts_as_the_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
