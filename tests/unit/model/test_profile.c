#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#undef fail

#include "base/duration.h"
#include "model/profile.h"
#include "model/startup.h"

static void every_preset_is_a_valid_profile(void **state)
{
    (void)state;
    for (size_t i = 0; i < engine_preset_count; i++) {
        struct engine_profile profile;
        assert_int_equal(profile_preset(span_from(engine_presets[i].name), &profile, NULL), RC_OK);
        assert_int_equal(profile_check(&profile, NULL), RC_OK);
        assert_string_equal(profile.name, engine_presets[i].name);
        assert_int_equal(profile.gpus, engine_presets[i].gpus);
    }
}

static void an_unknown_preset_names_the_nearest(void **state)
{
    (void)state;
    struct engine_profile profile;
    struct diag diag;
    assert_int_equal(profile_preset(span_from("llama2-70b-4xh10"), &profile, &diag), RC_UNKNOWN);
    assert_non_null(strstr(diag.text, "llama2-70b-4xh100"));
}

static void an_iteration_costs_its_parts(void **state)
{
    (void)state;
    struct engine_profile profile;
    assert_int_equal(profile_preset(span_from("llama2-70b-4xh100"), &profile, NULL), RC_OK);
    assert_int_equal(profile_iteration_ns(&profile, 0, 0, 0), 28800000);
    assert_int_equal(profile_iteration_ns(&profile, 10, 0, 0), 28800000 + 2820000);
    assert_int_equal(profile_iteration_ns(&profile, 0, 10000, 0), 28800000 + 940000);
    assert_int_equal(profile_iteration_ns(&profile, 0, 0, 100), 28800000 + 10750000);
}

static void absurd_profiles_are_refused(void **state)
{
    (void)state;
    struct engine_profile good;
    assert_int_equal(profile_preset(span_from("8b"), &good, NULL), RC_OK);
    struct engine_profile bad[7];
    for (size_t i = 0; i < 7; i++)
        bad[i] = good;
    bad[0].iteration_s = 0;
    bad[1].sequence_s = -1;
    bad[2].prompt_s = __builtin_nan("");
    bad[3].sequences_max = 0;
    bad[4].kv_tokens = 0;
    bad[5].kv_block_tokens = good.kv_tokens + 1;
    bad[6].chunk_tokens = 0;
    for (size_t i = 0; i < 7; i++)
        assert_int_equal(profile_check(&bad[i], NULL), RC_RANGE);
}

static void a_start_goes_through_its_phases_in_order(void **state)
{
    (void)state;
    const struct startup startup = {.phase_ns = {2 * SECOND_NS, 0, 3 * SECOND_NS, 10 * SECOND_NS}};
    const int64_t order_ns = 100 * SECOND_NS;
    const struct {
        int64_t at_s;
        enum startup_phase phase;
        int64_t next_s;
    } cases[] = {{100, STARTUP_SCHEDULED, 102},
                 {102, STARTUP_LAUNCHED, 105},
                 {104, STARTUP_LAUNCHED, 105},
                 {105, STARTUP_LOADING, 115},
                 {114, STARTUP_LOADING, 115}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const int64_t now_ns = cases[i].at_s * SECOND_NS;
        assert_int_equal(startup_phase_at(&startup, order_ns, now_ns), cases[i].phase);
        assert_int_equal(startup_next_ns(&startup, order_ns, now_ns), cases[i].next_s * SECOND_NS);
    }
    assert_int_equal(startup_phase_at(&startup, order_ns, 115 * SECOND_NS), STARTUP_READY);
    assert_int_equal(startup_next_ns(&startup, order_ns, 115 * SECOND_NS), TIME_NONE);
    assert_int_equal(startup_total_ns(&startup), 15 * SECOND_NS);
}

static void a_varied_start_keeps_its_median(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 3);
    const struct startup startup = startup_of_total(100 * SECOND_NS);
    int above = 0;
    for (int i = 0; i < 2000; i++) {
        const struct startup varied = startup_vary(&startup, 0.5, &rng);
        const int64_t total_ns = startup_total_ns(&varied);
        assert_true(total_ns >= 5 * SECOND_NS - 4 && total_ns <= 2000 * SECOND_NS);
        above += total_ns > 100 * SECOND_NS ? 1 : 0;
    }
    assert_in_range(above, 900, 1100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_preset_is_a_valid_profile),
        cmocka_unit_test(an_unknown_preset_names_the_nearest),
        cmocka_unit_test(an_iteration_costs_its_parts),
        cmocka_unit_test(absurd_profiles_are_refused),
        cmocka_unit_test(a_start_goes_through_its_phases_in_order),
        cmocka_unit_test(a_varied_start_keeps_its_median),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
