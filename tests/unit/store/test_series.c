/* History in rows and money by day: in, out, bounded. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/duration.h"
#include "store/store.h"

#include <cmocka.h>

static struct store *open_store(void)
{
    struct store *store = NULL;
    struct store_opening opening;
    assert_int_equal(store_open(":memory:", &store, &opening, NULL), RC_OK);
    return store;
}

struct seen {
    int64_t wall_ns[16];
    size_t count;
    char last[64];
};

static bool see(void *context, const struct store_row *row)
{
    struct seen *seen = context;
    if (seen->count < COUNT_OF(seen->wall_ns))
        seen->wall_ns[seen->count] = row->wall_ns;
    seen->count++;
    (void)span_copy(row->json, seen->last, sizeof(seen->last));
    return true;
}

static struct seen look(struct store *store, struct store_series_query query)
{
    struct seen seen = {.count = 0};
    if (query.to_ns == 0)
        query.to_ns = INT64_MAX;
    assert_int_equal(store_series_each(store, &query, see, &seen, NULL), RC_OK);
    return seen;
}

static void rows_come_newest_first_by_kind_pool_and_time(void **state)
{
    (void)state;
    struct store *store = open_store();
    for (int i = 0; i < 10; i++)
        assert_int_equal(store_series_put(store, i % 3 == 0 ? SERIES_START : SERIES_MINUTE,
                                          i % 2 == 0 ? "a" : "b", 1000 + i, span_from("{}"), NULL),
                         RC_OK);
    struct seen seen = look(store, (struct store_series_query){.series = SERIES_MINUTE});
    assert_int_equal(seen.count, 6);
    assert_int_equal(seen.wall_ns[0], 1008);
    assert_int_equal(look(store, (struct store_series_query){.pool = "a"}).count, 3);
    assert_int_equal(look(store, (struct store_series_query){.from_ns = 1005}).count, 3);
    assert_int_equal(look(store, (struct store_series_query){.from_ns = 1002, .to_ns = 1005}).count,
                     3);
    assert_int_equal(look(store, (struct store_series_query){.limit = 2}).count, 2);
    assert_int_equal(look(store, (struct store_series_query){.series = SERIES_START}).count, 4);
    /* The same row again takes the place of the first. */
    assert_int_equal(
        store_series_put(store, SERIES_MINUTE, "a", 1008, span_from("{\"x\":1}"), NULL), RC_OK);
    seen = look(store, (struct store_series_query){.pool = "a", .from_ns = 1008});
    assert_int_equal(seen.count, 1);
    assert_string_equal(seen.last, "{\"x\":1}");
    store_close(store);
}

static void two_weeks_of_minutes_are_kept_and_no_more(void **state)
{
    (void)state;
    struct store *store = open_store();
    const int64_t now_ns = 1000 * DAY_NS;
    for (int day = 0; day < 100; day += 5) {
        const int64_t wall_ns = now_ns - day * DAY_NS - 1;
        assert_int_equal(
            store_series_put(store, SERIES_MINUTE, "a", wall_ns, span_from("{}"), NULL), RC_OK);
        assert_int_equal(
            store_series_put(store, SERIES_OUTCOME, "a", wall_ns, span_from("{}"), NULL), RC_OK);
    }
    assert_int_equal(store_prune(store, now_ns, NULL), RC_OK);
    assert_int_equal(look(store, (struct store_series_query){.series = SERIES_MINUTE}).count, 3);
    assert_int_equal(look(store, (struct store_series_query){.series = SERIES_OUTCOME}).count, 18);
    store_close(store);
}

static void rows_are_bounded_in_number_too(void **state)
{
    (void)state;
    struct store *store = open_store();
    assert_int_equal(store_begin(store, NULL), RC_OK);
    for (int64_t i = 0; i < STORE_STARTS_MAX + 50; i++)
        assert_int_equal(store_series_put(store, SERIES_START, "a", i, span_from("{}"), NULL),
                         RC_OK);
    assert_int_equal(store_commit(store, NULL), RC_OK);
    assert_int_equal(store_prune(store, 1000, NULL), RC_OK);
    const struct seen seen = look(store, (struct store_series_query){.series = SERIES_START});
    assert_int_equal(seen.count, STORE_STARTS_MAX);
    assert_int_equal(seen.wall_ns[0], STORE_STARTS_MAX + 49);
    store_close(store);
}

struct money {
    double seconds, cost;
    size_t count;
};

static bool see_bill(void *context, const struct store_bill *bill)
{
    struct money *money = context;
    money->seconds += bill->replica_seconds;
    money->cost += bill->cost;
    money->count++;
    return true;
}

static void bills_of_a_day_are_added_up_and_an_unknown_price_stays_unknown(void **state)
{
    (void)state;
    struct store *store = open_store();
    struct money money = {0};
    struct store_bill bill = {
        .day = 1000, .pool = "a", .class_ = "spot", .replica_seconds = 60, .cost = 0.5};
    assert_int_equal(store_bill_add(store, &bill, NULL), RC_OK);
    assert_int_equal(store_bill_add(store, &bill, NULL), RC_OK);
    bill.day = 1001;
    assert_int_equal(store_bill_add(store, &bill, NULL), RC_OK);
    assert_int_equal(store_bills(store, "a", 1000, see_bill, &money, NULL), RC_OK);
    assert_int_equal(money.count, 2);
    assert_true(money.seconds == 180 && money.cost == 1.5);
    bill.cost = NAN;
    assert_int_equal(store_bill_add(store, &bill, NULL), RC_OK);
    money = (struct money){0};
    assert_int_equal(store_bills(store, NULL, 1001, see_bill, &money, NULL), RC_OK);
    assert_true(money.count == 1 && money.seconds == 120 && isnan(money.cost));
    assert_int_equal(store_prune(store, (1001 + STORE_BILL_DAYS) * DAY_NS, NULL), RC_OK);
    money = (struct money){0};
    assert_int_equal(store_bills(store, NULL, 0, see_bill, &money, NULL), RC_OK);
    assert_int_equal(money.count, 1);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_newest_first_by_kind_pool_and_time),
        cmocka_unit_test(two_weeks_of_minutes_are_kept_and_no_more),
        cmocka_unit_test(rows_are_bounded_in_number_too),
        cmocka_unit_test(bills_of_a_day_are_added_up_and_an_unknown_price_stays_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
