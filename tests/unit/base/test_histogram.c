/* test_histogram.c - bucket bounds, quantiles and merging. */
#include "base/histogram.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include "base/rng.h"

#include <cmocka.h>

static struct histogram h;

static void every_value_lies_below_the_bound_of_its_bucket(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 1);
    for (int i = 0; i < 100000; i++) {
        const double value = exp2(rng_unit(&rng) * 34 - 16);
        const size_t index = histogram_index(value);
        assert_true(value < histogram_bound(index));
        assert_true(index == 0 || value >= histogram_bound(index - 1));
    }
    assert_int_equal(histogram_index(0), 0);
    assert_int_equal(histogram_index(0x1p-14), 1);
    assert_int_equal(histogram_index(0x1p16), HISTOGRAM_BUCKETS - 1);
    assert_int_equal(histogram_index(INFINITY), HISTOGRAM_BUCKETS - 1);
    assert_true(histogram_bound(0) == 0x1p-14);
    assert_true(histogram_bound(HISTOGRAM_BUCKETS - 2) == 0x1p16);
    assert_true(isinf(histogram_bound(HISTOGRAM_BUCKETS - 1)));
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

static void quantiles_are_within_their_promised_error(void **state)
{
    (void)state;
    static double values[10001];
    struct rng rng;
    rng_init(&rng, 2);
    histogram_clear(&h);
    for (size_t i = 0; i < 10001; i++) {
        values[i] = rng_exponential(&rng, 0.5) + 0.001;
        histogram_record(&h, values[i], 1);
    }
    qsort(values, 10001, sizeof(values[0]), by_size);
    for (int p = 1; p < 100; p++) {
        const double exact = values[p * 100];
        assert_true(fabs(histogram_quantile(&h, p / 100.0) - exact) <= 0.0625 * exact + 1e-4);
    }
    assert_true(fabs(histogram_mean(&h) - 0.501) < 0.02);
}

static void nothing_recorded_is_no_data(void **state)
{
    (void)state;
    histogram_clear(&h);
    histogram_record(&h, NAN, 1);
    histogram_record(&h, -1, 1);
    histogram_record(&h, 1, -1);
    histogram_record(&h, 1, NAN);
    histogram_record(&h, INFINITY, 1);
    assert_true(isnan(histogram_quantile(&h, 0.5)));
    assert_true(isnan(histogram_mean(&h)));
    histogram_record(&h, 1e9, 2);
    assert_true(histogram_quantile(&h, 0.5) == 0x1p16);
    assert_true(histogram_quantile(&h, -5) == 0x1p16 && isnan(histogram_quantile(&h, NAN)));
}

static void merging_equals_recording_into_one(void **state)
{
    (void)state;
    static struct histogram a;
    static struct histogram b;
    histogram_clear(&h);
    histogram_clear(&a);
    histogram_clear(&b);
    for (int i = 1; i < 100; i++) {
        histogram_record(&h, i, i);
        histogram_record(i % 2 ? &a : &b, i, i);
    }
    histogram_merge(&a, &b);
    assert_memory_equal(&a, &h, sizeof(h));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_lies_below_the_bound_of_its_bucket),
        cmocka_unit_test(quantiles_are_within_their_promised_error),
        cmocka_unit_test(nothing_recorded_is_no_data),
        cmocka_unit_test(merging_equals_recording_into_one),
    };
    return cmocka_run_group_tests_name("histogram", tests, NULL, NULL);
}
