/* test_buckets.c - growth of histograms put together over replicas. */
#include "core/scrape/buckets.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include "base/histogram.h"
#include "base/rc.h"
#include "base/rng.h"

#include <cmocka.h>

static struct buckets two(double bound, double below, double above)
{
    return (struct buckets){.count = 2, .bound = {bound, (double)INFINITY}, .gain = {below, above}};
}

static void fault_14_only_the_same_bounds_are_merged_and_else_the_worst_replica_counts(void **state)
{
    (void)state;
    const struct buckets a = two(1, 10, 0);
    const struct buckets b = two(1, 30, 0);
    const struct buckets slow = two(8, 5, 0);
    const struct buckets idle = two(100, 0, 0);
    const struct buckets *same[] = {&a, &b, &idle};
    const struct buckets *mixed[] = {&a, &slow, &b};
    struct buckets ret;
    bool differ = true;
    buckets_fold(same, COUNT_OF(same), &ret, &differ);
    assert_false(differ);
    assert_float_equal(buckets_total(&ret), 40, 0);
    buckets_fold(mixed, COUNT_OF(mixed), &ret, &differ);
    assert_true(differ);
    assert_float_equal(buckets_total(&ret), 5, 0);
    assert_float_equal(buckets_quantile(&ret, 0.5).value, 4, 1e-12);
    struct buckets sum = a;
    assert_false(buckets_merge(&sum, &slow));
    assert_float_equal(buckets_total(&sum), 10, 0);
}

static void fault_09_a_quantile_in_the_last_bucket_is_at_least_the_last_bound(void **state)
{
    (void)state;
    const struct buckets b = two(2, 1, 9);
    assert_float_equal(buckets_quantile(&b, 0.95).value, 2, 0);
    assert_true(buckets_quantile(&b, 0.95).at_least);
    assert_false(buckets_quantile(&b, 0.05).at_least);
}

static void fault_20_nothing_observed_is_no_quantile(void **state)
{
    (void)state;
    struct buckets none;
    struct bucket_point point[BUCKET_POINTS_MAX];
    buckets_clear(&none);
    assert_true(isnan(buckets_quantile(&none, 0.5).value));
    const struct buckets idle = two(1, 0, 0);
    assert_true(isnan(buckets_quantile(&idle, 0.5).value));
    assert_int_equal(buckets_points(&idle, point, COUNT_OF(point)), 0);
    const struct buckets *each[] = {&none, &idle};
    bool differ = false;
    buckets_fold(each, COUNT_OF(each), &none, &differ);
    assert_float_equal(buckets_total(&none), 0, 0);
}

static void averages_are_weighted(void **state)
{
    (void)state;
    struct buckets a = {.average = 1, .average_weight = 3};
    const struct buckets b = {.average = 5, .average_weight = 1};
    assert_true(buckets_merge(&a, &b));
    const struct bucket_quantile q = buckets_quantile(&a, 0.99);
    assert_true(q.average);
    assert_float_equal(q.value, 2, 1e-12);
}

/* What windows make of the points is what the buckets say, to the width of the windows' own
 * buckets. */
static void points_give_the_quantiles_of_their_buckets(void **state)
{
    (void)state;
    static const double bounds[] = {0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5};
    struct rng rng;
    rng_init(&rng, 20);
    for (int round = 0; round < 200; round++) {
        struct buckets b = {.count = COUNT_OF(bounds) + 1};
        for (size_t i = 0; i < COUNT_OF(bounds); i++) {
            b.bound[i] = bounds[i];
            b.gain[i] = floor(rng_unit(&rng) * 100);
        }
        b.bound[COUNT_OF(bounds)] = (double)INFINITY;
        struct bucket_point point[BUCKET_POINTS_MAX];
        const size_t n = buckets_points(&b, point, COUNT_OF(point));
        struct histogram h;
        double weight = 0;
        histogram_clear(&h);
        for (size_t i = 0; i < n; i++) {
            histogram_record(&h, point[i].value, point[i].weight);
            weight += point[i].weight;
        }
        assert_float_equal(weight, buckets_total(&b), 1e-6);
        for (double q = 0.1; q < 1; q += 0.1) {
            const double exact = buckets_quantile(&b, q).value;
            size_t i = 0;
            while (bounds[i] < exact)
                i++;
            const double width = bounds[i] - (i > 0 ? bounds[i - 1] : 0);
            const double off = fabs(histogram_quantile(&h, q) - exact);
            assert_true(off <= width / BUCKET_POINTS + 0.0625 * exact);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            fault_14_only_the_same_bounds_are_merged_and_else_the_worst_replica_counts),
        cmocka_unit_test(fault_09_a_quantile_in_the_last_bucket_is_at_least_the_last_bound),
        cmocka_unit_test(fault_20_nothing_observed_is_no_quantile),
        cmocka_unit_test(averages_are_weighted),
        cmocka_unit_test(points_give_the_quantiles_of_their_buckets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
