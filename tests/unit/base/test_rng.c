/* test_rng.c - one seed, one sequence; distributions; hashes that never change. */
#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void a_seed_names_one_sequence(void **state)
{
    (void)state;
    struct rng a;
    struct rng b;
    rng_init(&a, 0);
    rng_init(&b, 0);
    uint64_t sum = 0;
    for (int i = 0; i < 1000; i++) {
        const uint64_t x = rng_next(&a);
        assert_true(x == rng_next(&b));
        sum += x;
    }
    rng_init(&b, 1);
    assert_true(rng_next(&b) != rng_next(&a));
    rng_init(&a, 0);
    /* First words of xoshiro256** seeded with splitmix64(0), from the authors' own code. */
    assert_true(rng_next(&a) == UINT64_C(0x99EC5F36CB75F2B4));
    assert_true(rng_next(&a) == UINT64_C(0xBF6E1F784956452A));
    assert_true(sum != 0);
}

static void ranges_hold_both_ends_and_are_even(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 5);
    int seen[6] = {0};
    for (int i = 0; i < 60000; i++) {
        const int64_t x = rng_range(&rng, -2, 3);
        assert_in_range((uint64_t)(x + 2), 0, 5);
        seen[x + 2]++;
    }
    for (int i = 0; i < 6; i++)
        assert_in_range(seen[i], 9500, 10500);
    assert_true(rng_range(&rng, 7, 7) == 7);
    (void)rng_range(&rng, INT64_MIN, INT64_MAX);
}

static void distributions_have_their_moments(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 6);
    const int n = 200000;
    double unit = 0;
    double exponential = 0;
    double normal = 0;
    double square = 0;
    for (int i = 0; i < n; i++) {
        const double u = rng_unit(&rng);
        assert_true(u >= 0 && u < 1);
        unit += u;
        const double e = rng_exponential(&rng, 3);
        assert_true(e >= 0 && isfinite(e));
        exponential += e;
        const double g = rng_normal(&rng);
        normal += g;
        square += g * g;
    }
    assert_true(fabs(unit / n - 0.5) < 0.005);
    assert_true(fabs(exponential / n - 3) < 0.05);
    assert_true(fabs(normal / n) < 0.01);
    assert_true(fabs(square / n - 1) < 0.02);
}

static void hashes_depend_on_every_byte_and_on_the_seed(void **state)
{
    (void)state;
    char text[40];
    memset(text, 'a', sizeof(text));
    for (size_t len = 0; len < sizeof(text); len++) {
        const uint64_t hash = hash_bytes(1, text, len);
        assert_true(hash != hash_bytes(2, text, len));
        for (size_t i = 0; i < len; i++) {
            text[i] ^= 1;
            assert_true(hash != hash_bytes(1, text, len));
            text[i] ^= 1;
        }
        assert_true(hash != hash_bytes(1, text, len + 1));
    }
    assert_true(hash_bytes(1, "\0", 1) != hash_bytes(1, "\0\0", 2));
    assert_true(hash_u64(1, 2) != hash_u64(2, 1));
    assert_true(hash_span(7, span_from("sluice")) == hash_bytes(7, "sluice", 6));
}

static void hashes_stay_the_same_across_versions(void **state)
{
    (void)state;
    assert_true(hash_bytes(0, "", 0) == UINT64_C(0x3B36D437572E33D0));
    assert_true(hash_bytes(42, "the same bytes, the same hash", 29) == UINT64_C(0xCA258A523307375));
    assert_true(hash_u64(42, 4711) == UINT64_C(0xB987CAE0A07707AC));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_seed_names_one_sequence),
        cmocka_unit_test(ranges_hold_both_ends_and_are_even),
        cmocka_unit_test(distributions_have_their_moments),
        cmocka_unit_test(hashes_depend_on_every_byte_and_on_the_seed),
        cmocka_unit_test(hashes_stay_the_same_across_versions),
    };
    return cmocka_run_group_tests_name("rng", tests, NULL, NULL);
}
