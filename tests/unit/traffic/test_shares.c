/* FAULTS 27: one tenant cannot make a pool grow as it likes. */
#include "traffic/shares.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/duration.h"
#include "base/rng.h"
#include "traffic/dispatch.h"

#include <cmocka.h>

#define CAP 1000

static void what_one_key_has_above_its_cap_is_excess(void **state)
{
    (void)state;
    struct shares shares;
    bool counts;
    uint32_t slot[8];
    shares_init(&shares);
    for (int i = 0; i < 8; i++) {
        slot[i] = shares_add(&shares, 7, CAP, 500, &counts);
        assert_int_equal(counts, i < 2); /* what is open before it counts against it */
    }
    assert_int_equal(shares_excess(&shares).tokens, 3000);
    assert_int_equal(shares_excess(&shares).requests, 6);
    (void)shares_add(&shares, 8, CAP, 900, &counts);
    assert_true(counts);
    assert_int_equal(shares_excess(&shares).tokens, 3000);
    for (int i = 0; i < 8; i++)
        shares_remove(&shares, slot[i], 500);
    assert_int_equal(shares_excess(&shares).tokens, 0);
    shares_done(&shares);
}

static void the_last_request_of_a_key_always_counts(void **state)
{
    (void)state;
    struct shares shares;
    bool counts;
    shares_init(&shares);
    const uint32_t slot = shares_add(&shares, 7, 1, INT64_C(1) << 50, &counts);
    assert_true(counts);
    assert_int_equal(shares_excess(&shares).requests, 0);
    shares_remove(&shares, slot, INT64_C(1) << 50);
    shares_done(&shares);
}

/* Against a slow count of all that is open. */
static void sums_agree_with_a_slow_count(void **state)
{
    (void)state;
    struct shares shares;
    struct rng rng;
    uint32_t slot[64];
    uint64_t key[64] = {0};
    int64_t tokens[64] = {0};
    rng_init(&rng, 27);
    shares_init(&shares);
    for (int step = 0; step < 5000; step++) {
        bool counts;
        const size_t i = (size_t)rng_range(&rng, 0, 63);
        if (tokens[i] > 0) {
            shares_remove(&shares, slot[i], tokens[i]);
            tokens[i] = 0;
        } else {
            key[i] = (uint64_t)rng_range(&rng, 0, 8);
            tokens[i] = rng_range(&rng, 1, 600);
            slot[i] = shares_add(&shares, key[i], CAP, tokens[i], &counts);
        }
        int64_t excess = 0;
        for (uint64_t k = 0; k < 9; k++) {
            int64_t open = 0;
            for (size_t j = 0; j < 64; j++)
                open += key[j] == k ? tokens[j] : 0;
            excess += open > CAP ? open - CAP : 0;
        }
        assert_int_equal(shares_excess(&shares).tokens, excess);
    }
    assert_true(shares.count <= 9); /* slots are used again */
    shares_done(&shares);
}

static void a_key_without_open_requests_takes_no_memory(void **state)
{
    (void)state;
    struct shares shares;
    bool counts;
    shares_init(&shares);
    for (uint64_t key = 1; key <= 1000; key++) {
        const uint32_t first = shares_add(&shares, key, CAP, 600, &counts);
        const uint32_t second = shares_add(&shares, key, CAP, 600, &counts);
        assert_true(counts); /* nothing of an earlier key is counted against this one */
        shares_remove(&shares, first, 600);
        shares_remove(&shares, second, 600);
    }
    assert_int_equal(shares.count, 1);
    shares_done(&shares);
}

static void fault_27_a_flood_of_one_tenant_is_no_demand_above_its_cap(void **state)
{
    (void)state;
    static struct gateway_snapshot snapshot;
    const struct tier tier = {.priority = PRIORITY_DEFAULT, .weight = 1, .demand_tokens = 20000};
    struct dispatch_config config;
    dispatch_config_default(&config);
    struct dispatch *d = dispatch_new(&config); /* nothing is ready: all of them wait */
    uint64_t handle[100];
    for (uint64_t i = 0; i < 100; i++) {
        const struct arrival arrival = {
            .cookie = i, .key = 7, .tier = &tier, .priority = UINT32_MAX, .prompt_tokens = 10000};
        handle[i] = dispatch_arrive(d, &arrival, 0).request;
        assert_true(handle[i] != 0); /* it waits; it is not refused */
    }
    const struct arrival other = {.key = 8, .priority = UINT32_MAX, .prompt_tokens = 500};
    (void)dispatch_arrive(d, &other, 0);
    dispatch_snapshot(d, SECOND_NS, &snapshot);
    assert_int_equal(snapshot.waiting_requests, 101);
    assert_int_equal(snapshot.waiting_tokens - snapshot.excess_tokens < 25000, 1);
    assert_in_range(snapshot.waiting_requests - snapshot.excess_requests, 2, 4);
    assert_true(snapshot.arrived_requests - snapshot.excess_arrived <= 4);
    assert_true(snapshot.prompt_tokens - snapshot.excess_prompt_tokens <= 30500);
    for (size_t i = 0; i < 100; i++)
        dispatch_cancel(d, handle[i], 2 * SECOND_NS);
    dispatch_snapshot(d, 2 * SECOND_NS, &snapshot);
    assert_int_equal(snapshot.excess_tokens, 0);
    assert_int_equal(snapshot.waiting_requests, 1);
    dispatch_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_one_key_has_above_its_cap_is_excess),
        cmocka_unit_test(the_last_request_of_a_key_always_counts),
        cmocka_unit_test(sums_agree_with_a_slow_count),
        cmocka_unit_test(a_key_without_open_requests_takes_no_memory),
        cmocka_unit_test(fault_27_a_flood_of_one_tenant_is_no_demand_above_its_cap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
