/* test_lookup.c - the hash table against a plain array, and the clock of waiters against one that
 * ticks. */
#include "traffic/lookup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "traffic/wait_clock.h"

#include <cmocka.h>

#define KEYS 600

static void random_work_agrees_with_a_plain_array(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct lookup lookup = {0};
        uint32_t plain[KEYS];
        struct rng rng;
        size_t count = 0;
        rng_init(&rng, seed);
        for (size_t i = 0; i < KEYS; i++)
            plain[i] = SLOT_NONE;
        for (int step = 0; step < 20000; step++) {
            const uint64_t key = (uint64_t)rng_range(&rng, 0, step < 10000 ? KEYS - 1 : 40);
            assert_int_equal(lookup_get(&lookup, key * key), plain[key]);
            if (rng_range(&rng, 0, 2) == 0) { /* absent keys are fine */
                lookup_remove(&lookup, key * key);
                count -= plain[key] != SLOT_NONE;
                plain[key] = SLOT_NONE;
            } else if (plain[key] == SLOT_NONE) {
                plain[key] = (uint32_t)step;
                assert_int_equal(lookup_put(&lookup, key * key, plain[key]), RC_OK);
                count++;
            }
            assert_int_equal(lookup.count, count);
        }
        for (uint64_t key = 0; key < KEYS; key++)
            assert_int_equal(lookup_get(&lookup, key * key), plain[key]);
        assert_true(lookup.count * 2 <= lookup.cap); /* so that every search ends */
        lookup_done(&lookup);
        assert_int_equal(lookup_get(&lookup, 1), SLOT_NONE);
        lookup_remove(&lookup, 1);
        lookup_done(&lookup);
    }
}

/* One step is a nanosecond: the slow clock moves unless it stands. */
static void the_clock_of_waiters_agrees_with_one_that_ticks(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct wait_clock clock;
        struct rng rng;
        int64_t value = 0;
        int64_t until = 0;
        rng_init(&rng, seed);
        wait_clock_init(&clock, 100);
        for (int64_t now = 100; now < 3000; now++) {
            assert_int_equal(wait_clock_read(&clock, now), value);
            if (until <= now) /* it runs: any later value comes as much later */
                assert_int_equal(wait_clock_when(&clock, value + 7), now + 7);
            else
                assert_int_equal(wait_clock_when(&clock, value + 7), until + 7);
            switch (rng_range(&rng, 0, 30)) {
            case 0:
                until = now + rng_range(&rng, -5, 60);
                wait_clock_stop(&clock, until, now);
                break;
            case 1:
                until = 0;
                wait_clock_run(&clock, now);
                break;
            case 2: /* a time that goes back moves nothing */
                if (until == 0)
                    wait_clock_run(&clock, now - 10);
                break;
            }
            value += until <= now;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_work_agrees_with_a_plain_array),
        cmocka_unit_test(the_clock_of_waiters_agrees_with_one_that_ticks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
