#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#undef fail

#include "base/duration.h"
#include "base/mem.h"
#include "sim/feed.h"
#include "sim/timers.h"

/* A file in memory, handed out in small pieces. */
struct text {
    const char *bytes;
    size_t at;
};

static enum rc read_piece(void *user, struct span *ret, struct diag *diag)
{
    struct text *text = user;
    const size_t left = strlen(text->bytes + text->at);
    (void)diag;
    *ret = span_of(text->bytes + text->at, left < 7 ? left : 7);
    text->at += ret->len;
    return RC_OK;
}

static enum rc rewind_text(void *user, struct diag *diag)
{
    (void)diag;
    ((struct text *)user)->at = 0;
    return RC_OK;
}

static struct feed_spec spec_of(struct text *text, double scale)
{
    return (struct feed_spec){.file = {read_piece, rewind_text, text},
                              .scale = scale,
                              .cv = 1,
                              .shift_ns = 2 * SECOND_NS,
                              .passes = 1,
                              .seed = 7};
}

/* Reads everything; checks the order; returns how many. */
static size_t drain(struct feed *feed, struct trace_row *ret, size_t cap)
{
    struct trace_row row;
    size_t n = 0;
    int64_t last_ns = 0;
    while (feed_next(feed, &row)) {
        assert_true(row.arrival_ns >= last_ns);
        last_ns = row.arrival_ns;
        if (n < cap)
            ret[n] = row;
        n++;
    }
    return n;
}

static const char *const requests = "arrival_ms,input_tokens,output_tokens,session_id\n"
                                    "10,5,6,a\n1010,7,8,b\n3010,9,10,a\n9010,11,12,\n";

static void a_plain_trace_is_streamed_as_it_stands(void **state)
{
    (void)state;
    struct text text = {.bytes = requests};
    const struct feed_spec spec = spec_of(&text, 1);
    struct feed *feed = NULL;
    struct trace_row row[8];
    assert_int_equal(feed_open(&spec, &feed, NULL), RC_OK);
    assert_int_equal(feed_span_ns(feed), TIME_NONE);
    for (int pass = 0; pass < 2; pass++) {
        assert_int_equal(drain(feed, row, 8), 4);
        assert_int_equal(row[3].arrival_ns, 9 * SECOND_NS);
        assert_int_equal(row[3].input_tokens, 11);
        assert_int_equal(feed_again(feed, NULL), RC_OK);
    }
    assert_false(feed_synthesised(feed));
    feed_close(feed);
}

static void copies_are_shifted_and_their_callers_differ(void **state)
{
    (void)state;
    struct text text = {.bytes = requests};
    const struct feed_spec spec = spec_of(&text, 3);
    struct feed *feed = NULL;
    struct trace_row row[16];
    assert_int_equal(feed_open(&spec, &feed, NULL), RC_OK);
    assert_int_equal(drain(feed, row, 16), 12);
    int64_t tokens = 0;
    size_t with_session = 0;
    for (size_t i = 0; i < 12; i++) {
        tokens += row[i].input_tokens;
        with_session += row[i].session != 0;
        assert_true(row[i].arrival_ns < feed_span_ns(feed));
    }
    assert_int_equal(tokens, 3 * (5 + 7 + 9 + 11));
    assert_int_equal(with_session, 9);
    feed_close(feed);
}

static void a_part_of_a_copy_keeps_its_share_of_the_rows(void **state)
{
    (void)state;
    char *bytes = mem_new(40000, 20);
    char *end = bytes + sprintf(bytes, "arrival_ms,input_tokens,output_tokens\n");
    for (int i = 0; i < 4000; i++)
        end += sprintf(end, "%d,1,1\n", 10 * i);
    struct text text = {.bytes = bytes};
    const struct feed_spec spec = spec_of(&text, 1.25);
    struct feed *feed = NULL;
    struct trace_row row[1];
    assert_int_equal(feed_open(&spec, &feed, NULL), RC_OK);
    assert_in_range(drain(feed, row, 1), 4900, 5100);
    feed_close(feed);
    free(bytes);
}

static void a_second_pass_follows_the_first(void **state)
{
    (void)state;
    struct text text = {.bytes = requests};
    struct feed_spec spec = spec_of(&text, 1);
    struct feed *feed = NULL;
    struct trace_row row[8];
    spec.passes = 2;
    assert_int_equal(feed_open(&spec, &feed, NULL), RC_OK);
    assert_int_equal(drain(feed, row, 8), 8);
    assert_int_equal(row[4].arrival_ns, feed_pass_ns(feed));
    assert_int_equal(row[4].input_tokens, 5);
    feed_close(feed);
}

static void rounded_arrivals_are_spread_in_order(void **state)
{
    (void)state;
    struct text text = {.bytes = "arrival_ms,input_tokens,output_tokens\n0,1,1\n0,2,1\n0,3,1\n"
                                 "3000,4,1\n3000,5,1\n"};
    struct feed_spec spec = spec_of(&text, 1);
    struct feed *feed = NULL;
    struct trace_row row[8];
    spec.smear_ns = 3 * SECOND_NS;
    assert_int_equal(feed_open(&spec, &feed, NULL), RC_OK);
    assert_int_equal(drain(feed, row, 8), 5);
    assert_true(row[2].arrival_ns > row[0].arrival_ns);
    assert_true(row[2].arrival_ns < 3 * SECOND_NS && row[3].arrival_ns >= 3 * SECOND_NS);
    feed_close(feed);
}

static void totals_become_requests_of_the_same_load(void **state)
{
    (void)state;
    const struct trace_row pair[] = {{.input_tokens = 100, .output_tokens = 10},
                                     {.input_tokens = 300, .output_tokens = 30}};
    /* 600 requests in the first minute, none in the second, 1200 in the third */
    struct text text = {.bytes = "minute,requests,input_tokens,output_tokens,interpolated\n"
                                 "4,,120000,,0\n5,,0,,1\n6,,240000,,0\n"};
    for (int cv = 1; cv <= 3; cv += 2) {
        struct feed_spec spec = spec_of(&text, 1);
        struct feed *feed = NULL;
        static struct trace_row row[4000];
        text.at = 0;
        spec.cv = cv;
        spec.lengths = pair;
        spec.length_count = 2;
        assert_int_equal(feed_open(&spec, &feed, NULL), RC_OK);
        const size_t n = drain(feed, row, 4000);
        assert_in_range(n, 1800 - 150 * cv, 1800 + 150 * cv);
        size_t in_second = 0;
        for (size_t i = 0; i < n; i++) {
            in_second += row[i].arrival_ns >= MINUTE_NS && row[i].arrival_ns < 2 * MINUTE_NS;
            assert_int_equal(row[i].output_tokens * 10, row[i].input_tokens);
        }
        assert_int_equal(in_second, 0);
        assert_int_equal(feed_span_ns(feed), 3 * MINUTE_NS);
        assert_true(feed_synthesised(feed));
        const struct trace_row first = row[0];
        assert_int_equal(feed_again(feed, NULL), RC_OK);
        assert_int_equal(drain(feed, row, 4000), n);
        assert_memory_equal(&first, &row[0], sizeof(first));
        feed_close(feed);
    }
}

static void windows_of_rates_bring_their_own_lengths(void **state)
{
    (void)state;
    struct text text = {.bytes = "window_start_s,req_per_s,active_clients,mean_input_tokens,"
                                 "mean_output_tokens\n0,10,3,500,50\n600,10,3,500,50\n"};
    const struct feed_spec spec = spec_of(&text, 0.5);
    struct feed *feed = NULL;
    static struct trace_row row[8000];
    assert_int_equal(feed_open(&spec, &feed, NULL), RC_OK);
    const size_t n = drain(feed, row, 8000);
    double input = 0;
    for (size_t i = 0; i < n; i++)
        input += (double)row[i].input_tokens;
    assert_in_range(n, 5700, 6300);
    assert_in_range((int64_t)(input / (double)n), 470, 530);
    feed_close(feed);
}

static void what_is_wrong_with_a_trace_is_said(void **state)
{
    (void)state;
    const struct {
        const char *bytes;
        enum rc rc;
        const char *words;
    } cases[] = {
        {"", RC_MISSING, "no request"},
        {"minute,requests,input_tokens\n", RC_MISSING, "no request"},
        {"minute,requests,input_tokens\n1,,\n2,,\n", RC_MISSING, "neither requests nor tokens"},
        {"minute,requests,input_tokens\n1,-4,\n", RC_RANGE, "negative"},
        {"minute,requests,input_tokens\n2,4,\n1,4,\n", RC_INVALID, "sort"},
        {"input_tokens,output_tokens\n1,2\n", RC_UNSUPPORTED, "lengths"},
        {"arrival_ms,input_tokens,output_tokens\n0,1,1\n5,-1,1\n", RC_RANGE, "-1"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct text text = {.bytes = cases[i].bytes};
        const struct feed_spec spec = spec_of(&text, 1);
        struct feed *feed = NULL;
        struct trace_row row[4];
        struct diag diag = {0};
        enum rc rc = feed_open(&spec, &feed, &diag);
        if (rc == RC_OK) {
            (void)drain(feed, row, 4);
            rc = feed_error(feed, &diag);
            if (rc == RC_OK) /* a stream of another kind is refused at the first row */
                rc = feed_next(feed, row) ? RC_OK : feed_error(feed, &diag);
            feed_close(feed);
        }
        assert_int_equal(rc, cases[i].rc);
        assert_non_null(strstr(diag.text, cases[i].words));
    }
}

static void timers_come_by_time_and_can_be_moved(void **state)
{
    (void)state;
    struct timers timers = {0};
    assert_int_equal(timers_reserve(&timers, 100), RC_OK);
    for (uint32_t i = 0; i < 100; i++)
        timers_set(&timers, i, 1000 - (int64_t)i * 7 % 90, i);
    for (uint32_t i = 0; i < 100; i += 3)
        timers_set(&timers, i, 500 + i, 200 + i);
    for (uint32_t i = 1; i < 100; i += 3)
        timers_set(&timers, i, TIME_NONE, 0);
    int64_t last_ns = 0;
    size_t n = 0;
    for (const struct timer *first; (first = timers_first(&timers)) != NULL; n++) {
        assert_true(first->at_ns >= last_ns && first->index % 3 != 1);
        last_ns = first->at_ns;
        timers_set(&timers, first->index, TIME_NONE, 0);
    }
    assert_int_equal(n, 67);
    timers_done(&timers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_trace_is_streamed_as_it_stands),
        cmocka_unit_test(copies_are_shifted_and_their_callers_differ),
        cmocka_unit_test(a_part_of_a_copy_keeps_its_share_of_the_rows),
        cmocka_unit_test(a_second_pass_follows_the_first),
        cmocka_unit_test(rounded_arrivals_are_spread_in_order),
        cmocka_unit_test(totals_become_requests_of_the_same_load),
        cmocka_unit_test(windows_of_rates_bring_their_own_lengths),
        cmocka_unit_test(what_is_wrong_with_a_trace_is_said),
        cmocka_unit_test(timers_come_by_time_and_can_be_moved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
