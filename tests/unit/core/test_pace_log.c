/* The log behind stabilisation, rates and the count that was ready: windows, joined entries, and
 * equal bytes after equal histories. */
#include "core/stage/pace_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/rng.h"

#define SPAN_NS 100

static void a_window_ends_with_now_and_begins_after_its_span(void **state)
{
    (void)state;
    static const struct {
        int64_t now_ns;
        int64_t max;
        int64_t sum;
    } cases[] = {
        {10, 5, 8}, {109, 5, 8}, {110, 3, 3}, {119, 3, 3}, {120, INT64_MIN, 0},
    };
    struct pace_log largest = {.count = 0};
    struct pace_log sums = {.count = 0};
    pace_log_push_max(&largest, 10, 5);
    pace_log_push_max(&largest, 20, 3);
    pace_log_add(&sums, 10, 5);
    pace_log_add(&sums, 20, 3);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(pace_log_max(&largest, cases[i].now_ns, SPAN_NS), cases[i].max);
        assert_int_equal(pace_log_sum(&sums, cases[i].now_ns, SPAN_NS), cases[i].sum);
        /* What a window has left behind can be forgotten: the answer stays. */
        pace_log_forget(&largest, cases[i].now_ns, SPAN_NS);
        pace_log_forget(&sums, cases[i].now_ns, SPAN_NS);
        assert_int_equal(pace_log_max(&largest, cases[i].now_ns, SPAN_NS), cases[i].max);
        assert_int_equal(pace_log_sum(&sums, cases[i].now_ns, SPAN_NS), cases[i].sum);
    }
}

static void what_is_forgotten_leaves_no_trace_in_the_bytes(void **state)
{
    (void)state;
    const struct pace_log empty = {.count = 0};
    struct pace_log log = empty;
    for (int64_t t = 1; t <= PACE_LOG_MAX; t++)
        pace_log_push_max(&log, t, 100 - t);
    pace_log_forget(&log, PACE_LOG_MAX + SPAN_NS, SPAN_NS); /* the last one is just outside */
    assert_memory_equal(&log, &empty, sizeof(log));

    struct pace_log once = empty;
    pace_log_push_max(&once, 5, 200);
    for (int64_t t = 1; t <= 4; t++)
        pace_log_push_max(&log, t, 100 - t);
    pace_log_push_max(&log, 4, 200);
    pace_log_push_max(&log, 5, 200); /* hides the four, and the equal one too */
    assert_memory_equal(&log, &once, sizeof(log));

    for (int64_t t = 1; t <= PACE_LOG_MAX; t++)
        pace_log_add(&log, 10 + t, t);
    pace_log_forget(&log, 1000, SPAN_NS);
    assert_memory_equal(&log, &empty, sizeof(log));
}

static void changes_at_one_time_are_one_entry_and_may_cancel_out(void **state)
{
    (void)state;
    const struct pace_log empty = {.count = 0};
    struct pace_log log = empty;
    pace_log_add(&log, 10, 0);
    assert_memory_equal(&log, &empty, sizeof(log));
    pace_log_add(&log, 10, 4);
    pace_log_add(&log, 10, 3);
    assert_int_equal(log.count, 1);
    assert_int_equal(pace_log_sum(&log, 10, SPAN_NS), 7);
    pace_log_add(&log, 10, -7);
    assert_memory_equal(&log, &empty, sizeof(log));
    pace_log_add(&log, 10, 4);
    pace_log_add(&log, 11, -4); /* another time: both count in their own windows */
    assert_int_equal(log.count, 2);
    assert_int_equal(pace_log_sum(&log, 110, SPAN_NS), -4);
}

static void a_full_log_of_changes_keeps_their_sum_with_the_later_time(void **state)
{
    (void)state;
    struct pace_log log = {.count = 0};
    for (int64_t t = 1; t <= PACE_LOG_MAX + 1; t++)
        pace_log_add(&log, t, t);
    assert_int_equal(log.count, PACE_LOG_MAX);
    const int64_t all = (PACE_LOG_MAX + 1) * (PACE_LOG_MAX + 2) / 2;
    assert_int_equal(pace_log_sum(&log, 101, SPAN_NS), all); /* 1 counts as long as 2 */
    assert_int_equal(pace_log_sum(&log, 102, SPAN_NS), all - 3);
}

static void numbers_beyond_any_fleet_are_its_ceiling(void **state)
{
    (void)state;
    struct pace_log log = {.count = 0};
    for (int64_t t = 1; t <= PACE_LOG_MAX + 1; t++)
        pace_log_add(&log, t, INT64_MAX / 4);
    assert_int_equal(pace_log_sum(&log, 17, SPAN_NS), (int64_t)PACE_LOG_MAX * REPLICAS_MAX);
    struct pace_log low = {.count = 0};
    pace_log_push_max(&low, 1, INT64_MIN / 4);
    assert_int_equal(pace_log_max(&low, 1, SPAN_NS), -REPLICAS_MAX);
}

/* Never less than the true one; the same while the log has not been full. */
static void the_largest_number_is_never_forgotten_early(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 1);
    struct {
        int64_t at;
        int64_t number;
    } told[400];
    struct pace_log log = {.count = 0};
    bool was_full = false;
    size_t joined = 0;
    int64_t now = 0;
    for (size_t n = 0; n < sizeof(told) / sizeof(told[0]); n++) {
        const int64_t downward = (int64_t)(400 - n % 40 * 10); /* long falls fill the log */
        now += 1 + (int64_t)(rng_next(&rng) % 6);
        told[n].at = now;
        told[n].number = downward + (int64_t)(rng_next(&rng) % 7);
        was_full |= log.count == PACE_LOG_MAX;
        pace_log_push_max(&log, now, told[n].number);
        int64_t most = INT64_MIN;
        for (size_t i = 0; i <= n; i++)
            if (told[i].at > now - SPAN_NS && told[i].number > most)
                most = told[i].number;
        const int64_t found = pace_log_max(&log, now, SPAN_NS);
        assert_true(found >= most);
        assert_true(was_full || found == most);
        joined += found > most;
        if (n % 3 == 0)
            pace_log_forget(&log, now, SPAN_NS);
        if (log.count == 1)
            was_full = false; /* what was joined is gone */
    }
    assert_true(joined > 0);
}

static void a_damaged_count_reads_no_further_than_the_log(void **state)
{
    (void)state;
    struct pace_log log = {.count = UINT32_MAX};
    for (size_t i = 0; i < PACE_LOG_MAX; i++) {
        log.t_ns[i] = (int64_t)i + 1;
        log.number[i] = 1;
    }
    assert_int_equal(pace_log_sum(&log, 50, SPAN_NS), PACE_LOG_MAX);
    assert_int_equal(pace_log_max(&log, 50, SPAN_NS), 1);
    pace_log_add(&log, 50, 1);
    assert_int_equal(log.count, PACE_LOG_MAX);
    assert_int_equal(pace_log_sum(&log, 50, SPAN_NS), PACE_LOG_MAX + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_ends_with_now_and_begins_after_its_span),
        cmocka_unit_test(what_is_forgotten_leaves_no_trace_in_the_bytes),
        cmocka_unit_test(changes_at_one_time_are_one_entry_and_may_cancel_out),
        cmocka_unit_test(a_full_log_of_changes_keeps_their_sum_with_the_later_time),
        cmocka_unit_test(numbers_beyond_any_fleet_are_its_ceiling),
        cmocka_unit_test(the_largest_number_is_never_forgotten_early),
        cmocka_unit_test(a_damaged_count_reads_no_further_than_the_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
