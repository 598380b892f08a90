/* What a trace asks for, and the baselines that are made from it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#undef fail

#include <math.h>

#include "base/duration.h"
#include "config/config.h"
#include "sim/baseline.h"
#include "sim/builtin.h"
#include "sim/demand.h"

/* A prompt token takes 1 ms, nothing else costs anything. */
static const struct engine_profile prompts_only = {.name = "prompts",
                                                   .iteration_s = 1e-9,
                                                   .prompt_s = 1e-3,
                                                   .sequences_max = 8,
                                                   .kv_tokens = 100000,
                                                   .kv_block_tokens = 16,
                                                   .chunk_tokens = 1000,
                                                   .gpus = 2};

static void put(struct demand *demand, int64_t at_ns, int64_t tokens)
{
    const struct trace_row row = {.arrival_ns = at_ns, .input_tokens = tokens};
    assert_int_equal(demand_add(demand, &row), RC_OK);
}

static void the_busiest_minutes_do_not_count_for_a_percentile(void **state)
{
    (void)state;
    struct demand demand;
    demand_init(&demand, &prompts_only);
    for (int64_t m = 0; m < 100; m++) /* 95 minutes of 3 replicas, 5 of 30 */
        put(&demand, m * MINUTE_NS, m % 20 == 7 ? 30 * 60000 : 3 * 60000);
    assert_int_equal(demand_percentile(&demand, 0.95, 1), 3);
    assert_int_equal(demand_percentile(&demand, 0.96, 1), 30);
    assert_int_equal(demand_percentile(&demand, 0.95, 0.5), 6);
    assert_true(fabs(demand.work_s - 60 * (95 * 3 + 5 * 30)) < 1e-6);
    demand_done(&demand);
}

static void an_empty_minute_counts_as_one(void **state)
{
    (void)state;
    struct demand demand;
    demand_init(&demand, &prompts_only);
    assert_int_equal(demand_percentile(&demand, 0.95, 1), 1);
    put(&demand, 0, 60000);
    put(&demand, 39 * MINUTE_NS, 50 * 60000);
    assert_int_equal(demand_percentile(&demand, 0.95, 1), 1);
    assert_int_equal(demand_percentile(&demand, 1, 1), 50);
    const struct trace_row far = {.arrival_ns = (DEMAND_MINUTES_MAX + 1) * MINUTE_NS};
    assert_int_equal(demand_add(&demand, &far), RC_LIMIT);
    demand_done(&demand);
}

static void the_begin_is_measured_over_what_there_is(void **state)
{
    (void)state;
    struct demand demand;
    demand_init(&demand, &prompts_only);
    put(&demand, 0, 30000);
    put(&demand, 9 * SECOND_NS, 30000);
    assert_true(fabs(demand_at_begin(&demand, 5 * MINUTE_NS) - 6) < 1e-9); /* 60 s in 10 s */
    put(&demand, 10 * MINUTE_NS, 9000000);
    assert_true(fabs(demand_at_begin(&demand, 5 * MINUTE_NS) - 0.2) < 1e-9);
    demand_done(&demand);
}

/* Every variant of every baseline, for every known engine, is a configuration without a complaint.
 */
static void every_baseline_is_a_valid_pool_for_every_engine(void **state)
{
    (void)state;
    for (size_t e = 0; e < engine_preset_count; e++)
        for (size_t i = 0; i < baseline_count; i++)
            for (size_t v = 0; v < baseline_variants(&baselines[i]); v++) {
                struct engine_profile profile;
                struct problem_list problems;
                struct buf more;
                struct buf text;
                assert_int_equal(profile_preset(span_from(engine_presets[e].name), &profile, NULL),
                                 RC_OK);
                buf_init(&more, 1 << 16);
                buf_init(&text, 1 << 16);
                problem_list_init(&problems);
                const double knob = i % 2 == 0 ? baselines[i].low : baselines[i].high;
                baseline_print(&baselines[i], v, knob, &profile, &more);
                const struct builtin_spec spec = {.profile = &profile,
                                                  .policy = baselines[i].policy,
                                                  .slo = builtin_slo_of(&profile),
                                                  .replicas_min = 1,
                                                  .replicas_max = 5000,
                                                  .autoscaling = buf_view(&more)};
                builtin_print(&spec, &text);
                assert_null(memchr(text.ptr, '$', text.len));
                assert_null(memchr(text.ptr, '@', text.len));
                struct config *config = config_read("test", buf_view(&text), NULL, &problems);
                assert_non_null(config);
                for (size_t k = 0; k < problems.count; k++) /* the engine exists only here */
                    if (strstr(problems.item[k].text, "{port}") == NULL)
                        assert_string_equal(problems.item[k].text, baselines[i].name);
                config_free(config);
                problem_list_done(&problems);
                buf_done(&more);
                buf_done(&text);
            }
}

static void a_baseline_without_a_knob_is_not_tuned(void **state)
{
    (void)state;
    assert_false(baseline_tuned(NULL));
    assert_false(baseline_tuned(baseline_find(span_from("static-p95"))));
    assert_true(baseline_tuned(baseline_find(span_from("dynamo-sla"))));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_busiest_minutes_do_not_count_for_a_percentile),
        cmocka_unit_test(an_empty_minute_counts_as_one),
        cmocka_unit_test(the_begin_is_measured_over_what_there_is),
        cmocka_unit_test(every_baseline_is_a_valid_pool_for_every_engine),
        cmocka_unit_test(a_baseline_without_a_knob_is_not_tuned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
