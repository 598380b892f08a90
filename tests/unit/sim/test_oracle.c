#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#undef fail

#include <math.h>

#include "base/duration.h"
#include "base/rng.h"
#include "sim/oracle.h"

#define WINDOWS 7
#define COUNTS 4

/* All schedules, one by one. */
static double cheapest(const struct oracle_table *table, double price, double startup_s)
{
    double best = INFINITY;
    for (uint32_t code = 0; code < 1U << (2 * WINDOWS); code++) {
        double cost = 0;
        for (size_t w = 0; w < WINDOWS; w++) {
            const int n = (int)(code >> (2 * w) & 3);
            const int before = w > 0 ? (int)(code >> (2 * (w - 1)) & 3) : n;
            cost += 60.0 * (n + 1) + price * table->miss[w * COUNTS + (size_t)n];
            cost += n > before ? startup_s * (n - before) : 0;
        }
        best = cost < best ? cost : best;
    }
    return best;
}

static double cost_of(const struct oracle_table *table, const int64_t *plan, double price,
                      double startup_s)
{
    double cost = 0;
    for (size_t w = 0; w < WINDOWS; w++) {
        cost += 60.0 * (double)plan[w] + price * table->miss[w * COUNTS + (size_t)plan[w] - 1];
        cost += w > 0 && plan[w] > plan[w - 1] ? startup_s * (double)(plan[w] - plan[w - 1]) : 0;
    }
    return cost;
}

static void the_schedule_is_the_cheapest_of_all(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 11);
    for (int round = 0; round < 40; round++) {
        struct oracle_table table;
        int64_t plan[WINDOWS];
        assert_int_equal(oracle_table_init(&table, WINDOWS, COUNTS), RC_OK);
        for (size_t w = 0; w < WINDOWS; w++) {
            double misses = (double)rng_range(&rng, 0, 300);
            for (size_t n = 0; n < COUNTS; n++) {
                table.miss[w * COUNTS + n] = misses;
                misses = floor(misses * rng_unit(&rng));
            }
        }
        const double price = 3 * rng_unit(&rng);
        const int64_t startup_ns = rng_range(&rng, 0, 200) * SECOND_NS;
        assert_int_equal(oracle_schedule(&table, price, startup_ns, plan), RC_OK);
        assert_true(fabs(cost_of(&table, plan, price, seconds_of(startup_ns)) -
                         cheapest(&table, price, seconds_of(startup_ns))) < 1e-6);
        oracle_table_done(&table);
    }
}

static void rises_are_ordered_one_start_up_early(void **state)
{
    (void)state;
    int64_t plan[] = {1, 1, 1, 4, 2, 2, 3};
    const int64_t wanted[] = {1, 4, 4, 4, 3, 3, 3};
    oracle_order(plan, 7, 90 * SECOND_NS); /* two windows */
    assert_memory_equal(plan, wanted, sizeof(plan));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_schedule_is_the_cheapest_of_all),
        cmocka_unit_test(rises_are_ordered_one_start_up_early),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
