/* Concurrency weighted by time, and shares of a route. */
#include "world.h"

#include "core/policy/kpa_route.h"
#include "core/request_stats.h"

static void open_requests_count_by_the_time_they_are_open(void **state)
{
    (void)state;
    struct request_stats s;
    request_stats_init(&s, 0);
    request_stats_start(&s, 250 * MILLISECOND_NS, false);
    request_stats_start(&s, 500 * MILLISECOND_NS, true);
    request_stats_end(&s, 750 * MILLISECOND_NS, true);
    const struct request_report r = request_stats_report(&s, SECOND_NS);
    assert_true(r.concurrency == 1 && r.concurrency_proxied == 0.25);
    assert_int_equal(r.requests, 2);
    assert_int_equal(r.requests_proxied, 1);
    assert_true(request_stats_report(&s, 2 * SECOND_NS).concurrency == 1);
}

static void a_report_without_time_is_zero_and_time_never_goes_back(void **state)
{
    (void)state;
    struct request_stats s;
    request_stats_init(&s, SECOND_NS);
    request_stats_start(&s, SECOND_NS, false);
    assert_true(request_stats_report(&s, SECOND_NS).concurrency == 0);
    request_stats_end(&s, 0, false);
    assert_true(request_stats_report(&s, 2 * SECOND_NS).concurrency == 0);
}

static void every_replica_belongs_to_exactly_one_proxy(void **state)
{
    (void)state;
    for (size_t replicas = 2; replicas < 40; replicas++)
        for (size_t proxies = 2; proxies <= replicas; proxies++) {
            int users[40] = {0};
            for (size_t self = 0; self < proxies; self++) {
                const struct kpa_subset s = kpa_subset(replicas, proxies, self);
                for (size_t i = 0; i < s.count; i++)
                    users[s.first + i]++;
                if (s.extra != SIZE_MAX)
                    users[s.extra]++;
            }
            for (size_t i = 0; i < replicas; i++)
                assert_int_equal(users[i], 1);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open_requests_count_by_the_time_they_are_open),
        cmocka_unit_test(a_report_without_time_is_zero_and_time_never_goes_back),
        cmocka_unit_test(every_replica_belongs_to_exactly_one_proxy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
