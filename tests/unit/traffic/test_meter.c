/* Sessions of a meter: who counts as active, and how many may. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/duration.h"
#include "base/rng.h"
#include "traffic/meter.h"

#include <cmocka.h>

static void a_session_counts_for_five_minutes_after_its_last_activity(void **state)
{
    (void)state;
    struct meter meter;
    meter_init(&meter, 0);
    meter_session(&meter, 7, 0);
    meter_session(&meter, 7, 0);
    meter_session(&meter, 0, 0); /* no session */
    assert_int_equal(meter_sessions(&meter, 0), 1);
    meter_session(&meter, 8, 4 * MINUTE_NS);
    assert_int_equal(meter_sessions(&meter, 5 * MINUTE_NS - METER_SESSION_BUCKET_NS), 2);
    assert_int_equal(meter_sessions(&meter, 5 * MINUTE_NS + METER_SESSION_BUCKET_NS), 1);
    assert_int_equal(meter_sessions(&meter, DAY_NS), 0);
    meter_done(&meter);
}

/* Seen at most five minutes and at least that less one half minute ago. */
static void random_activity_counts_as_a_list_of_last_times_does(void **state)
{
    (void)state;
    const uint64_t seed = 20231111;
    struct rng rng;
    struct meter meter;
    int64_t last[64] = {0};
    int64_t now_ns = HOUR_NS;
    rng_init(&rng, seed);
    meter_init(&meter, 0);
    for (int step = 0; step < 20000; step++) {
        now_ns += rng_range(&rng, 0, 20) * SECOND_NS;
        const size_t session = (size_t)rng_range(&rng, 1, 63);
        meter_session(&meter, session, now_ns);
        last[session] = now_ns;
        int64_t least = 0, most = 0;
        for (size_t i = 1; i < 64; i++) {
            least += last[i] > now_ns - 5 * MINUTE_NS + METER_SESSION_BUCKET_NS;
            most += last[i] > now_ns - 5 * MINUTE_NS;
        }
        const int64_t counted = meter_sessions(&meter, now_ns);
        if (counted < least || counted > most)
            fail_msg("seed %llu, step %d: %lld sessions, from %lld to %lld are right",
                     (unsigned long long)seed, step, (long long)counted, (long long)least,
                     (long long)most);
    }
    meter_done(&meter);
}

static void sessions_beyond_the_limit_are_not_counted_and_cost_nothing(void **state)
{
    (void)state;
    struct meter meter;
    meter_init(&meter, 0);
    for (uint64_t i = 1; i <= METER_SESSIONS_MAX + 1000; i++)
        meter_session(&meter, i, 0);
    assert_int_equal(meter_sessions(&meter, 0), METER_SESSIONS_MAX);
    assert_true(meter.session_cap <= 2 * METER_SESSIONS_MAX);
    assert_int_equal(meter_sessions(&meter, HOUR_NS), 0);
    meter_session(&meter, METER_SESSIONS_MAX + 1, HOUR_NS);
    assert_int_equal(meter_sessions(&meter, HOUR_NS), 1);
    meter_done(&meter);
}

static void sessions_that_are_over_leave_their_places_to_others(void **state)
{
    (void)state;
    struct meter meter;
    meter_init(&meter, 0);
    for (uint64_t i = 0; i < 20000; i++) /* about a hundred at any time */
        meter_session(&meter, i + 1, (int64_t)i * 3 * SECOND_NS);
    assert_in_range(meter_sessions(&meter, 20000 * 3 * SECOND_NS), 80, 110);
    assert_in_range(meter.session_cap, 100, 300);
    meter_done(&meter);
}

/* Requests that missed, each told at the time at which it came. */
static void a_late_request_without_a_place_of_its_own_joins_the_nearest(void **state)
{
    (void)state;
    static struct gateway_snapshot snapshot;
    static const struct {
        int64_t slot;
        size_t joins;
    } cases[] = {
        {100, 0}, /* the same span */
        {131, 31}, {99, 0}, {0, 0}, {133, 31}, {900, 31}, {110, 10},
    };
    for (size_t c = 0; c < COUNT_OF(cases); c++) {
        struct meter meter;
        meter_init(&meter, 0);
        for (int64_t i = 0; i < LATE_SPANS_MAX; i++)
            meter_late(&meter, (100 + i) * METER_LATE_NS);
        meter_late(&meter, cases[c].slot * METER_LATE_NS + 1);
        meter_take(&meter, 200 * METER_LATE_NS, &snapshot);
        for (size_t i = 0; i < LATE_SPANS_MAX; i++) {
            assert_true(snapshot.late_requests[i] == (i == cases[c].joins ? 2 : 1));
            assert_true(snapshot.late_age_s[i] == (99.5 - (double)i) * 4);
        }
        meter_take(&meter, 200 * METER_LATE_NS, &snapshot);
        assert_true(snapshot.late_requests[0] == 0); /* told once */
        meter_done(&meter);
    }
}

static void assert_rate(const struct meter *meter, int64_t now_s, double rate_per_s)
{
    const double found = meter_rate_per_s(meter, now_s * SECOND_NS);
    if (found < rate_per_s - 1e-9 || found > rate_per_s + 1e-9)
        fail_msg("at %lld s: %g, not %g", (long long)now_s, found, rate_per_s);
}

/* Spans of 10 s: the one that runs and the one before; whenever the meter began. */
static void a_rate_is_that_of_this_span_and_the_one_before(void **state)
{
    static const int64_t begins_s[] = {0, 1000, 123456};

    (void)state;
    for (size_t i = 0; i < COUNT_OF(begins_s); i++) {
        const int64_t begin_s = begins_s[i];
        struct meter meter;
        meter_init(&meter, begin_s * SECOND_NS);
        assert_rate(&meter, begin_s + 1, 0);
        for (int64_t s = 1; s <= 5; s++)
            meter_served(&meter, (begin_s + s) * SECOND_NS);
        assert_rate(&meter, begin_s + 5, 1);
        meter_served(&meter, (begin_s + 12) * SECOND_NS);
        assert_rate(&meter, begin_s + 12, 0.5); /* 6 in 12 s */
        meter_served(&meter, (begin_s + 40) * SECOND_NS);
        assert_rate(&meter, begin_s + 42, 0.5); /* what was before the silence is forgotten */
        meter_done(&meter);
    }
}

/* Every amount at once: a second snapshot is that of a meter that saw nothing. */
static void what_was_taken_is_not_told_again(void **state)
{
    static struct gateway_snapshot first, second, nothing;
    struct meter meter;
    struct meter fresh;

    (void)state;
    meter_init(&meter, 0);
    meter_init(&fresh, 0);
    double *const amounts[] = {&meter.arrived,
                               &meter.completed,
                               &meter.failed,
                               &meter.refused,
                               &meter.good,
                               &meter.prompt_tokens,
                               &meter.excess_arrived,
                               &meter.excess_prompt_tokens,
                               &meter.completed_prompt_tokens,
                               &meter.output_tokens,
                               &meter.completed_tokens,
                               &meter.tool_calls,
                               &meter.busy_s,
                               &meter.iterations,
                               &meter.decoded_tokens,
                               &meter.context_tokens,
                               &meter.computed_tokens};
    for (size_t i = 0; i < COUNT_OF(amounts); i++)
        *amounts[i] = (double)i + 1;
    assert_null(meter.latency); /* one that is never asked needs no room for them */
    for (int i = 0; i < LATENCY_COUNT; i++)
        meter_latency(&meter, (enum latency)i, 1, 1);
    meter_take(&meter, SECOND_NS, &first);
    assert_true(first.arrived_requests == 1 && first.completed_tokens == 11);
    for (int i = 0; i < LATENCY_COUNT; i++)
        assert_true(first.latency->of[i].count == 1);
    meter_take(&meter, SECOND_NS, &second);
    meter_take(&fresh, SECOND_NS, &nothing);
    assert_memory_equal(&second, &nothing, sizeof(nothing));
    meter_latency(&meter, LATENCY_E2E, 1, 1);
    meter_take(&meter, SECOND_NS, &second);
    assert_true(second.latency->of[LATENCY_E2E].count == 1);
    assert_true(second.latency->of[LATENCY_TTFT].count == 0);
    meter_done(&meter);
    meter_done(&fresh);
}

static void bytes_per_token_are_learned_within_reason(void **state)
{
    (void)state;
    static const struct {
        int64_t bytes;
        int64_t tokens;
        double low;
        double high;
    } cases[] = {
        {30000, 10000, 2.99, 3.01},  /* as told */
        {10000000, 10000, 15.9, 16}, /* a page of spaces: never above 16 */
        {100, 10000, 1, 1.01},       /* an image: never below 1 */
        {0, 10000, 4, 4},            /* nothing to learn from */
        {30000, 0, 4, 4},
        {30000, -1, 4, 4},
        {3, 1, 3.2, 3.9}, /* short ones teach little: a template has tokens too */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct meter meter;
        meter_init(&meter, 0);
        for (int k = 0; k < 1000; k++)
            meter_learn(&meter, cases[i].bytes, cases[i].tokens, 0);
        if (!(meter.bytes_per_token >= cases[i].low && meter.bytes_per_token <= cases[i].high))
            print_error("case %d: %g\n", (int)i, meter.bytes_per_token);
        assert_true(meter.bytes_per_token >= cases[i].low &&
                    meter.bytes_per_token <= cases[i].high);
        assert_true(meter.output_mean == 128); /* 0 tokens are no answer */
        for (int k = 0; k < 1000; k++)
            meter_learn(&meter, 0, 0, 40);
        assert_true(meter.output_mean > 39.9 && meter.output_mean < 40.1);
        meter_done(&meter);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_counts_for_five_minutes_after_its_last_activity),
        cmocka_unit_test(random_activity_counts_as_a_list_of_last_times_does),
        cmocka_unit_test(sessions_beyond_the_limit_are_not_counted_and_cost_nothing),
        cmocka_unit_test(sessions_that_are_over_leave_their_places_to_others),
        cmocka_unit_test(a_late_request_without_a_place_of_its_own_joins_the_nearest),
        cmocka_unit_test(what_was_taken_is_not_told_again),
        cmocka_unit_test(a_rate_is_that_of_this_span_and_the_one_before),
        cmocka_unit_test(bytes_per_token_are_learned_within_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
