/* What the models of capacity say without recorded vectors: limits, refusals, shapes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#undef fail

#include <math.h>

#include "core/capacity/itl_line.h"
#include "core/capacity/queueing.h"
#include "core/capacity/saturation.h"
#include "core/capacity/vllm_args.h"

static struct queueing_model model_of(int64_t batch, int64_t queue)
{
    return (struct queueing_model){.kind = QUEUEING_TWO_LINES,
                                   .batch = batch,
                                   .queue = queue,
                                   .alpha = 20,
                                   .beta = 0.3,
                                   .gamma = 30,
                                   .delta = 0.1,
                                   .in_tokens = 1000,
                                   .out_tokens = 200};
}

static void more_load_means_more_waiting_and_the_bound_is_never_passed(void **state)
{
    (void)state;
    const struct queueing_model m = model_of(64, 640);
    const double most = queueing_rate_max(&m);
    double before = 0;
    for (double share = 0.1; share < 0.99; share += 0.1) {
        struct queueing_metrics r;
        assert_int_equal(queueing_analyze(&m, share * most, &r), RC_OK);
        assert_true(r.resp_ms >= before && r.in_service <= 64 && r.rho <= 1);
        before = r.resp_ms;
    }
    struct queueing_metrics r;
    assert_int_equal(queueing_analyze(&m, 1.01 * most, &r), RC_RANGE);
    assert_int_equal(queueing_analyze(&m, 0, &r), RC_RANGE);
    assert_int_equal(queueing_analyze(&m, NAN, &r), RC_RANGE);
}

static void ten_thousand_states_stay_finite(void **state)
{
    (void)state;
    const struct queueing_model m = model_of(512, 20000);
    struct queueing_metrics r;
    assert_int_equal(queueing_analyze(&m, queueing_rate_max(&m), &r), RC_OK);
    assert_true(isfinite(r.resp_ms) && isfinite(r.wait_ms) && r.throughput_rps > 0);
}

static void sizing_keeps_what_it_promises(void **state)
{
    (void)state;
    const struct queueing_model m = model_of(64, 640);
    const struct queueing_targets targets = {.ttft_ms = 2000, .itl_ms = 35};
    struct queueing_sizing s;
    assert_int_equal(queueing_size(&m, &targets, &s), RC_OK);
    assert_true(s.ttft_ms <= 2000 * 1.001 && s.itl_ms <= 35 * 1.001);
    const struct queueing_targets impossible = {.itl_ms = 1};
    const struct queueing_targets negative = {.tps = -1};
    assert_int_equal(queueing_size(&m, &impossible, &s), RC_RANGE);
    assert_int_equal(queueing_size(&m, &negative, &s), RC_RANGE);
}

static void impossible_models_are_refused(void **state)
{
    (void)state;
    struct queueing_model m = model_of(0, 0);
    assert_int_equal(queueing_check(&m, NULL), RC_RANGE);
    m = model_of(4, -1);
    assert_int_equal(queueing_check(&m, NULL), RC_RANGE);
    m = model_of(4, 4);
    m.out_tokens = 0;
    assert_int_equal(queueing_check(&m, NULL), RC_RANGE);
    m = model_of(4, 4);
    m.in_tokens = NAN;
    assert_int_equal(queueing_check(&m, NULL), RC_RANGE);
}

static void an_odd_command_line_says_what_it_can(void **state)
{
    (void)state;
    const char *words[] = {
        "sh",
        "-c",
        "vllm serve 'a b' --max_num_seqs=7 --no-enable-chunked-prefill",
        "--block-size",
        "--max-model-len",
        "9000",
        "--kv-cache-dtype",
        "a-name-that-is-far-too-long-for-any-engine-that-there-is-today-or-later"};
    struct vllm_args a;
    struct span pending = {0};
    vllm_args_init(&a, span_from("1"));
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        vllm_args_word(&a, span_from(words[i]), &pending);
    vllm_args_finish(&a);
    assert_int_equal(a.max_num_seqs, 7);
    assert_int_equal(a.block_size, 16); /* its value was another option */
    assert_int_equal(a.effective_max_batched_tokens, 9000);
    assert_false(a.chunked_prefill);
}

static void a_line_that_falls_is_none(void **state)
{
    (void)state;
    const struct itl_point falling[] = {{0.2, 0.05}, {0.8, 0.04}};
    const struct itl_point rising[] = {{0.2, 0.04}, {0.8, 0.05}};
    struct itl_line line;
    assert_false(itl_line_fit(falling, 2, &line));
    assert_false(itl_line_fit(rising, 1, &line));
    assert_true(itl_line_fit(rising, 2, &line));
    assert_true(fabs(line.a - 0.01 / 0.6) < 1e-12);
}

static void the_cheapest_variant_grows_and_the_dearest_shrinks(void **state)
{
    (void)state;
    const struct saturation_config c = {0.8, 5, 0.1, 3};
    struct saturation_replica replica[] = {{0, 0.79, 4, 10}, {1, 0.79, 4, 5}, {1, 0.78, 4, 5}};
    struct saturation_variant variant[] = {{.current = 1}, {.current = 2}};
    struct saturation_result r;
    saturation_analyze(&c, replica, 3, &r);
    assert_true(r.scale_up);
    saturation_targets(&r, replica, 3, variant, 2);
    assert_int_equal(variant[0].target, 1);
    assert_int_equal(variant[1].target, 3);
    for (size_t i = 0; i < 3; i++)
        replica[i].kv = replica[i].queue = 0;
    saturation_analyze(&c, replica, 3, &r);
    assert_true(r.scale_down_safe && !r.scale_up);
    saturation_targets(&r, replica, 3, variant, 2);
    assert_int_equal(variant[0].target, 1); /* the last one of it stays */
    assert_int_equal(variant[1].target, 1);
    saturation_analyze(&c, replica, 0, &r);
    assert_false(r.scale_up || r.scale_down_safe);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(more_load_means_more_waiting_and_the_bound_is_never_passed),
        cmocka_unit_test(ten_thousand_states_stay_finite),
        cmocka_unit_test(sizing_keeps_what_it_promises),
        cmocka_unit_test(impossible_models_are_refused),
        cmocka_unit_test(an_odd_command_line_says_what_it_can),
        cmocka_unit_test(a_line_that_falls_is_none),
        cmocka_unit_test(the_cheapest_variant_grows_and_the_dearest_shrinks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
