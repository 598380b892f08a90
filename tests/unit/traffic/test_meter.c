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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_counts_for_five_minutes_after_its_last_activity),
        cmocka_unit_test(random_activity_counts_as_a_list_of_last_times_does),
        cmocka_unit_test(sessions_beyond_the_limit_are_not_counted_and_cost_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
