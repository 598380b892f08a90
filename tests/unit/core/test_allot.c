/* Who may start what when something is short. */
#include "world.h"

#include "base/rng.h"

#define WANTS_MAX 8

struct round {
    struct allot_inventory inventory;
    struct allot_want want[WANTS_MAX];
    struct allot_grant expect[WANTS_MAX];
    size_t n;
};

static const struct allot_inventory plenty = {
    .gpus_free = INFINITY, .starts_left = NO_COUNT, .money_left_per_hour = INFINITY};

static void check(const struct round *r)
{
    struct allot_grant grants[WANTS_MAX];
    size_t scratch[WANTS_MAX];
    allot(&r->inventory, 100 * SECOND_NS, r->want, grants, r->n, scratch);
    for (size_t i = 0; i < r->n; i++) {
        assert_int_equal(grants[i].granted, r->expect[i].granted);
        assert_int_equal(grants[i].yield, r->expect[i].yield);
        assert_int_equal(grants[i].reason, r->expect[i].reason);
    }
}

static void what_is_not_short_is_granted(void **state)
{
    (void)state;
    const struct round r = {
        .inventory = plenty,
        .want = {{.current = 2, .want = 9, .gpus_each = 8, .price_each = NAN},
                 {.current = 3, .want = 3}},
        .expect = {{.granted = 9}, {.granted = 3}},
        .n = 2,
    };
    check(&r);
}

static void priority_goes_before_age_and_age_before_place(void **state)
{
    (void)state;
    struct round r = {
        .inventory = plenty,
        .want = {{.priority = 0, .since_ns = 1, .want = 2, .gpus_each = 1},
                 {.priority = 5, .since_ns = 9, .want = 2, .gpus_each = 1},
                 {.priority = 0, .since_ns = 0, .want = 2, .gpus_each = 1},
                 {.priority = 0, .since_ns = 1, .want = 2, .gpus_each = 1}},
        .expect = {{.granted = 1, .reason = REASON_GRANT_GPUS},
                   {.granted = 2},
                   {.granted = 2},
                   {.granted = 0, .reason = REASON_GRANT_GPUS}},
        .n = 4,
    };
    r.inventory.gpus_free = 5;
    check(&r);
}

static void starts_and_money_bound_too(void **state)
{
    (void)state;
    struct round r = {
        .inventory = plenty,
        .want = {{.want = 9, .gpus_each = 1, .price_each = 3},
                 {.want = 9, .gpus_each = 1, .price_each = 3}},
        .expect = {{.granted = 4, .reason = REASON_GRANT_STARTS},
                   {.granted = 0, .reason = REASON_GRANT_STARTS}},
        .n = 2,
    };
    r.inventory.starts_left = 4;
    check(&r);
    r.inventory = plenty;
    r.inventory.money_left_per_hour = 10;
    r.expect[0] = (struct allot_grant){.granted = 3, .reason = REASON_GRANT_MONEY};
    r.expect[1] = (struct allot_grant){.granted = 0, .reason = REASON_GRANT_MONEY};
    check(&r);
    r.want[0].price_each = NAN; /* an unknown price cannot be paid from a budget */
    r.expect[0] = (struct allot_grant){.granted = 0, .reason = REASON_GRANT_MONEY};
    r.expect[1] = (struct allot_grant){.granted = 3, .reason = REASON_GRANT_MONEY};
    check(&r);
}

static void idle_replicas_of_no_higher_priority_yield_and_busy_ones_never(void **state)
{
    (void)state;
    struct round r = {
        .inventory = plenty,
        .want = {{.priority = 1, .current = 0, .want = 1, .gpus_each = 2},
                 {.priority = 1, .current = 2, .want = 2, .idle = 2, .gpus_each = 1},
                 {.priority = 2, .current = 4, .want = 4, .idle = 4, .gpus_each = 1},
                 {.priority = 0, .current = 3, .want = 3, .idle = 1, .gpus_each = 1}},
        .expect = {{.granted = 0, .reason = REASON_GRANT_GPUS},
                   {.granted = 1, .yield = 1, .reason = REASON_GRANT_YIELD},
                   {.granted = 4},
                   {.granted = 2, .yield = 1, .reason = REASON_GRANT_YIELD}},
        .n = 4,
    };
    r.inventory.gpus_free = 0;
    check(&r);
    /* While they drain nobody yields for the same want again. */
    r.inventory.gpus_coming = 2;
    r.want[1].current = r.want[1].want = 1;
    r.want[3].current = r.want[3].want = 2;
    r.want[3].idle = 0;
    r.expect[1] = (struct allot_grant){.granted = 1};
    r.expect[3] = (struct allot_grant){.granted = 2};
    check(&r);
}

static void shares_of_a_gpu_add_up(void **state)
{
    (void)state;
    struct round r = {
        .inventory = plenty,
        .want = {{.want = 20, .gpus_each = 0.1}},
        .expect = {{.granted = 10, .reason = REASON_GRANT_GPUS}},
        .n = 1,
    };
    r.inventory.gpus_free = 1;
    check(&r);
}

/* Against random inputs: nothing is given twice, nobody loses what is not idle. */
static void random_rounds_give_no_more_than_there_is(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 42);
    for (int run = 0; run < 2000; run++) {
        struct allot_want wants[WANTS_MAX];
        struct allot_grant grants[WANTS_MAX];
        size_t scratch[WANTS_MAX];
        const struct allot_inventory inventory = {
            .gpus_free = (double)rng_range(&rng, 0, 12),
            .gpus_coming = (double)rng_range(&rng, 0, 3),
            .starts_left = rng_range(&rng, -1, 8),
            .money_left_per_hour = (double)rng_range(&rng, 0, 40),
        };
        for (size_t i = 0; i < WANTS_MAX; i++) {
            const int64_t current = rng_range(&rng, 0, 4);
            wants[i] = (struct allot_want){
                .priority = rng_range(&rng, 0, 2),
                .since_ns = rng_range(&rng, 0, 3),
                .current = current,
                .want = current + rng_range(&rng, 0, 3),
                .idle = rng_range(&rng, 0, current),
                .gpus_each = (double)rng_range(&rng, 0, 4) / 2,
                .price_each = (double)rng_range(&rng, 0, 5),
            };
        }
        allot(&inventory, SECOND_NS, wants, grants, WANTS_MAX, scratch);
        double gpus = 0;
        double money = 0;
        int64_t starts = 0;
        for (size_t i = 0; i < WANTS_MAX; i++) {
            const int64_t more = grants[i].granted - wants[i].current;
            assert_true(grants[i].granted <= wants[i].want);
            assert_in_range(grants[i].yield, 0, wants[i].idle);
            if (more < 0)
                assert_int_equal(-more, grants[i].yield);
            if (more <= 0)
                continue;
            gpus += (double)more * wants[i].gpus_each;
            money += (double)more * wants[i].price_each;
            starts += more;
        }
        assert_true(gpus <= inventory.gpus_free + 1e-6);
        assert_true(money <= inventory.money_left_per_hour + 1e-6);
        assert_true(inventory.starts_left < 0 || starts <= inventory.starts_left);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_short_is_granted),
        cmocka_unit_test(priority_goes_before_age_and_age_before_place),
        cmocka_unit_test(starts_and_money_bound_too),
        cmocka_unit_test(idle_replicas_of_no_higher_priority_yield_and_busy_ones_never),
        cmocka_unit_test(shares_of_a_gpu_add_up),
        cmocka_unit_test(random_rounds_give_no_more_than_there_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
