/* Requests made again from what a history holds of them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/duration.h"
#include "sim/recorded_demand.h"

#include <cmocka.h>

static const struct recorded_span spans[] = {
    {.at_ns = 0, .span_ns = MINUTE_NS, .requests = 120, .prompt_tokens = 800, .output_tokens = 60},
    {.at_ns = MINUTE_NS, .span_ns = MINUTE_NS, .prompt_tokens = NAN, .output_tokens = NAN},
    {.at_ns = 5 * MINUTE_NS,
     .span_ns = 2 * SECOND_NS,
     .requests = 1,
     .prompt_tokens = 10,
     .output_tokens = 1},
    {.at_ns = 9 * MINUTE_NS,
     .span_ns = MINUTE_NS,
     .requests = 5000,
     .prompt_tokens = NAN,
     .output_tokens = NAN},
};

static void every_span_gets_its_requests_in_order_and_the_tokens_of_the_record(void **state)
{
    (void)state;
    struct recorded_demand demand;
    struct recorded_request r;
    recorded_demand_init(&demand, spans, COUNT_OF(spans), 7);
    int64_t last_ns = 0;
    for (size_t s = 0; s < COUNT_OF(spans); s++) {
        double prompts = 0;
        double outputs = 0;
        for (int64_t i = 0; i < spans[s].requests; i++) {
            assert_true(recorded_demand_next(&demand, &r));
            assert_in_range(r.at_ns, spans[s].at_ns, spans[s].at_ns + spans[s].span_ns);
            assert_true(r.at_ns >= last_ns);
            assert_true(r.prompt_tokens >= 1 && r.output_tokens >= 1);
            last_ns = r.at_ns;
            prompts += (double)r.prompt_tokens;
            outputs += (double)r.output_tokens;
        }
        if (isnan(spans[s].prompt_tokens))
            continue;
        assert_true(fabs(prompts - (double)spans[s].requests * spans[s].prompt_tokens) <= 1);
        assert_true(fabs(outputs - (double)spans[s].requests * spans[s].output_tokens) <= 2);
    }
    assert_false(recorded_demand_next(&demand, &r));
    assert_int_equal(demand.rc, RC_OK);
    recorded_demand_done(&demand);
}

static void the_same_seed_draws_the_same_and_another_one_differs(void **state)
{
    (void)state;
    struct recorded_demand demand[3];
    struct recorded_request r[3];
    int64_t different = 0;
    for (size_t i = 0; i < 3; i++)
        recorded_demand_init(&demand[i], spans, COUNT_OF(spans), i < 2 ? 1 : 2);
    while (recorded_demand_next(&demand[0], &r[0])) {
        assert_true(recorded_demand_next(&demand[1], &r[1]));
        assert_true(recorded_demand_next(&demand[2], &r[2]));
        assert_true(r[0].at_ns == r[1].at_ns && r[0].prompt_tokens == r[1].prompt_tokens &&
                    r[0].output_tokens == r[1].output_tokens);
        different += r[0].at_ns != r[2].at_ns;
    }
    assert_true(different > 5000);
    for (size_t i = 0; i < 3; i++)
        recorded_demand_done(&demand[i]);
}

static void lengths_that_cannot_be_are_taken_for_unknown(void **state)
{
    (void)state;
    static const double odd[] = {0, -5, INFINITY, 1e12, NAN};
    for (size_t i = 0; i < COUNT_OF(odd); i++) {
        const struct recorded_span span = {.span_ns = SECOND_NS,
                                           .requests = 1000,
                                           .prompt_tokens = odd[i],
                                           .output_tokens = odd[i]};
        struct recorded_demand demand;
        struct recorded_request r;
        double prompts = 0;
        recorded_demand_init(&demand, &span, 1, 1);
        while (recorded_demand_next(&demand, &r))
            prompts += (double)r.prompt_tokens;
        assert_true(fabs(prompts / 1000 - 1200) < 1);
        recorded_demand_done(&demand);
    }
}

static void a_span_of_more_requests_than_can_be_is_refused(void **state)
{
    (void)state;
    const struct recorded_span span = {.span_ns = 1, .requests = INT64_C(1) << 60};
    struct recorded_demand demand;
    struct recorded_request r;
    recorded_demand_init(&demand, &span, 1, 1);
    assert_false(recorded_demand_next(&demand, &r));
    assert_int_equal(demand.rc, RC_LIMIT);
    assert_false(recorded_demand_next(&demand, &r));
    recorded_demand_done(&demand);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_span_gets_its_requests_in_order_and_the_tokens_of_the_record),
        cmocka_unit_test(the_same_seed_draws_the_same_and_another_one_differs),
        cmocka_unit_test(lengths_that_cannot_be_are_taken_for_unknown),
        cmocka_unit_test(a_span_of_more_requests_than_can_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
