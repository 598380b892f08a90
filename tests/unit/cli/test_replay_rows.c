/* Rows of a run: taken from history, put together, added up; and minutes cut up along ticks. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/duration.h"
#include "cli/replay/rows.h"
#include "cli/replay/spread.h"

#include <cmocka.h>

#define BEGIN_NS (INT64_C(20000000) * 60000000000)

static void put_row(struct rows *rows, enum store_series series, int64_t at_ns, const char *json)
{
    struct diag diag = {0};
    assert_int_equal(rows_take(rows, series, BEGIN_NS + at_ns, span_from(json), &diag), RC_OK);
}

static void minutes_and_changes_add_up(void **state)
{
    (void)state;
    struct rows rows = {.pool = "chat"};
    struct rows_sum sum;
    put_row(
        &rows, SERIES_MINUTE, MINUTE_NS,
        "{\"seconds\":60,\"ready\":2,\"pending\":1,\"warm\":0,\"desired\":3,\"waitingMax\":4,"
        "\"waitMax\":2.5,\"arrived\":100,\"completed\":80,\"failed\":5,\"refused\":5,\"good\":72,"
        "\"cost\":1.5}");
    put_row(
        &rows, SERIES_MINUTE, 0,
        "{\"seconds\":30,\"ready\":1,\"pending\":0,\"warm\":1,\"desired\":1,\"waitingMax\":0,"
        "\"waitMax\":null,\"arrived\":10,\"completed\":10,\"failed\":0,\"refused\":0,\"good\":8,"
        "\"cost\":0.5}");
    put_row(&rows, SERIES_OUTCOME, 2 * MINUTE_NS, "{\"from\":3,\"to\":1}");
    put_row(&rows, SERIES_OUTCOME, 0, "{\"from\":1,\"to\":3}");
    put_row(&rows, SERIES_OUTCOME, 30 * MINUTE_NS, "{\"from\":1,\"to\":2}");
    put_row(&rows, SERIES_START, 0, "{\"replica\":1}");
    rows_sort(&rows);
    rows_add_up(&rows, &sum);
    assert_int_equal(sum.minutes, 2);
    assert_true(fabs(sum.replica_hours - (3 * 60 + 2 * 30) / 3600.0) < 1e-12);
    assert_true(sum.cost == 2 && sum.requests == 110 && sum.missed == 20);
    assert_true(sum.attainment == 0.8 && sum.wait_s_max == 2.5 && sum.waiting_max == 4);
    assert_int_equal(sum.scale_ups, 2);
    assert_int_equal(sum.scale_downs, 1);
    assert_int_equal(sum.reversals, 1); /* the third change comes half an hour later */
    rows_done(&rows);
}

static void what_is_unknown_stays_unknown_in_the_sum(void **state)
{
    (void)state;
    struct rows rows = {.pool = "chat"};
    struct rows_sum sum;
    put_row(&rows, SERIES_MINUTE, 0,
            "{\"seconds\":60,\"ready\":1,\"pending\":0,\"warm\":0,\"cost\":null}");
    rows_add_up(&rows, &sum);
    assert_true(sum.replica_hours > 0);
    assert_true(isnan(sum.cost) && isnan(sum.requests) && isnan(sum.attainment) &&
                isnan(sum.missed) && isnan(sum.wait_s_max));
    rows_done(&rows);
    rows_add_up(&rows, &sum);
    assert_true(sum.minutes == 0 && sum.replica_hours == 0 && isnan(sum.attainment));
}

static void two_rows_of_one_minute_become_one(void **state)
{
    (void)state;
    struct rows rows = {.pool = "chat"};
    put_row(&rows, SERIES_MINUTE, 40 * SECOND_NS,
            "{\"seconds\":20,\"ready\":4,\"waitMax\":1,\"arrived\":5,\"need\":1}");
    put_row(&rows, SERIES_MINUTE, 0, "{\"seconds\":10,\"ready\":1,\"waitMax\":9,\"arrived\":7}");
    rows_sort(&rows);
    assert_int_equal(rows.minute_count, 1);
    const double *v = rows.minute[0].value;
    assert_true(v[ROWS_SECONDS] == 30 && v[ROWS_READY] == 3 && v[ROWS_WAIT_MAX] == 9 &&
                v[ROWS_ARRIVED] == 12);
    assert_true(rows.minute[0].begin_ns == BEGIN_NS);
    rows_done(&rows);
}

static void a_minute_at_rest_stands_for_the_nine_after_it(void **state)
{
    (void)state;
    static const struct {
        int64_t minute;
        bool seen;
    } cases[] = {{-1, false}, {0, true}, {1, false}, {5, true}, {6, true}, {14, true}, {15, false}};
    struct rows rows = {.pool = "chat"};
    put_row(&rows, SERIES_MINUTE, 0, "{\"seconds\":60,\"ready\":1,\"arrived\":3}");
    put_row(&rows, SERIES_MINUTE, 5 * MINUTE_NS,
            "{\"seconds\":60,\"ready\":0,\"pending\":0,\"desired\":0,\"arrived\":0}");
    rows_sort(&rows);
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_int_equal(rows_saw(&rows, BEGIN_NS / MINUTE_NS + cases[i].minute), cases[i].seen);
    rows_done(&rows);
}

static void rows_that_are_none_are_refused_with_their_pool(void **state)
{
    (void)state;
    static const struct {
        enum store_series series;
        const char *json;
    } cases[] = {{SERIES_MINUTE, "{"},
                 {SERIES_MINUTE, "[1]"},
                 {SERIES_OUTCOME, "{\"from\":1}"},
                 {SERIES_OUTCOME, "{\"from\":\"1\",\"to\":2}"}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rows rows = {.pool = "chat"};
        struct diag diag = {0};
        assert_int_equal(
            rows_take(&rows, cases[i].series, BEGIN_NS, span_from(cases[i].json), &diag),
            RC_CORRUPT);
        assert_true(span_find(span_from(diag.text), span_from("\"chat\""), 0) != SIZE_MAX);
        assert_true(rows.minute_count + rows.change_count == 0);
        rows_done(&rows);
    }
}

/* ---- spread ---- */

static const struct recorded_span minutes[] = {
    {.at_ns = 0, .span_ns = MINUTE_NS, .requests = 10, .prompt_tokens = 50, .output_tokens = 7},
    {.at_ns = MINUTE_NS,
     .span_ns = MINUTE_NS,
     .requests = 9,
     .prompt_tokens = 60,
     .output_tokens = 8},
};

static void ticks_say_when_in_the_minute_requests_came(void **state)
{
    (void)state;
    const struct spread_tick ticks[] = {
        {0, 2 * SECOND_NS, 6, 600},
        {2 * SECOND_NS, 4 * SECOND_NS, 4, 0},
        /* the second minute is told of by half only: it stays whole */
        {MINUTE_NS + 2 * SECOND_NS, MINUTE_NS + 4 * SECOND_NS, 4, 400},
    };
    struct recorded_span *span = NULL;
    size_t count = 0;
    assert_int_equal(spread_spans(minutes, 2, ticks, COUNT_OF(ticks), &span, &count), RC_OK);
    assert_int_equal(count, 3);
    assert_true(span[0].at_ns == 0 && span[0].span_ns == 2 * SECOND_NS && span[0].requests == 6);
    assert_true(span[0].prompt_tokens == 100 && span[0].output_tokens == 7);
    assert_true(span[1].at_ns == 2 * SECOND_NS && span[1].requests == 4 &&
                span[1].prompt_tokens == 50);
    assert_true(span[2].at_ns == MINUTE_NS && span[2].requests == 9 &&
                span[2].span_ns == MINUTE_NS);
    free(span);
}

static void every_request_is_kept_and_no_span_reaches_into_the_one_before(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 3);
    for (int round = 0; round < 200; round++) {
        struct spread_tick tick[64];
        for (size_t i = 0; i < COUNT_OF(tick); i++) {
            tick[i] = (struct spread_tick){.from_ns = (int64_t)i * 2 * SECOND_NS - SECOND_NS,
                                           .to_ns = (int64_t)i * 2 * SECOND_NS + SECOND_NS,
                                           .requests = rng_unit(&rng)};
        }
        struct recorded_span *span = NULL;
        size_t count = 0;
        int64_t requests = 0;
        int64_t free_ns = 0;
        const struct recorded_span both[] = {
            {.span_ns = MINUTE_NS, .requests = rng_range(&rng, 12, 18)},
            {.at_ns = MINUTE_NS, .span_ns = MINUTE_NS, .requests = rng_range(&rng, 12, 18)}};
        assert_int_equal(spread_spans(both, 2, tick, COUNT_OF(tick), &span, &count), RC_OK);
        for (size_t i = 0; i < count; i++) {
            assert_true(span[i].at_ns >= free_ns && span[i].span_ns > 0 && span[i].requests > 0);
            free_ns = span[i].at_ns + span[i].span_ns;
            requests += span[i].requests;
        }
        assert_int_equal(requests, both[0].requests + both[1].requests);
        free(span);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(minutes_and_changes_add_up),
        cmocka_unit_test(what_is_unknown_stays_unknown_in_the_sum),
        cmocka_unit_test(two_rows_of_one_minute_become_one),
        cmocka_unit_test(a_minute_at_rest_stands_for_the_nine_after_it),
        cmocka_unit_test(rows_that_are_none_are_refused_with_their_pool),
        cmocka_unit_test(ticks_say_when_in_the_minute_requests_came),
        cmocka_unit_test(every_request_is_kept_and_no_span_reaches_into_the_one_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
