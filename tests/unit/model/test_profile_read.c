/* Profiles out of files: coefficients, fits to measurements, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#undef fail

#include <math.h>

#include "base/mem.h"
#include "model/profile_read.h"

static enum rc read_text(const char *json, const char *words, struct engine_profile *ret,
                         struct diag *diag)
{
    return profile_read(span_from(json), span_from(words), span_from("test"), ret, diag);
}

static void coefficients_are_taken_as_they_are_written(void **state)
{
    (void)state;
    struct engine_profile p;
    assert_int_equal(
        read_text("{\"schema\":\"sluice-profile/1\",\"about\":\"mine\",\"iterationMs\":7,"
                  "\"sequenceMs\":0.03,\"contextMs\":4e-5,\"promptMs\":0.036,"
                  "\"kvTokens\":427000,\"gpus\":2}",
                  "chunk=8192", &p, NULL),
        RC_OK);
    assert_true(fabs(p.iteration_s - 0.007) < 1e-12 && fabs(p.prompt_s - 3.6e-5) < 1e-12);
    assert_true(fabs(p.sequence_s - 3e-5) < 1e-12 && fabs(p.context_s - 4e-8) < 1e-15);
    assert_int_equal(p.kv_tokens, 427000);
    assert_int_equal(p.gpus, 2);
    assert_int_equal(p.chunk_tokens, 8192);
    assert_int_equal(p.sequences_max, 256);
    assert_string_equal(p.name, "test");
}

/* Measurements of an engine whose coefficients are known, with dots for what a form leaves out. */
static void print_list(struct buf *out, const char *name, const double *value, size_t count)
{
    buf_printf(out, "\"%s\":[", name);
    for (size_t i = 0; i < count; i++) {
        buf_text(out, i > 0 ? "," : "");
        buf_number(out, value[i]);
    }
    buf_text(out, "]");
}

static double iteration_ms(double sequences, double context, double prompt)
{
    return 10 + 0.05 * sequences + 1e-4 * context + 0.06 * prompt;
}

static void assert_found(const struct engine_profile *p)
{
    assert_true(fabs(p->iteration_s / 0.010 - 1) < 1e-6);
    assert_true(fabs(p->sequence_s / 0.00005 - 1) < 1e-6);
    assert_true(fabs(p->context_s / 1e-7 - 1) < 1e-6);
    assert_true(fabs(p->prompt_s / 6e-5 - 1) < 1e-6);
}

static void a_sweep_gives_back_the_coefficients_that_made_it(void **state)
{
    (void)state;
    const double isl[] = {100, 1000, 2048, 6000};
    double ttft[4];
    double sequences[12];
    double context[12];
    double itl[12];
    struct engine_profile p;
    struct buf out;
    buf_init(&out, 65536);
    for (size_t i = 0; i < 4; i++)
        ttft[i] = ceil(isl[i] / 2048) * 10 + 0.06 * isl[i];
    for (size_t i = 0; i < 12; i++) {
        sequences[i] = 1 + 20 * (double)(i % 4);
        context[i] = 300 + 1000 * (double)(i / 4);
        itl[i] = iteration_ms(sequences[i], sequences[i] * context[i], 0);
    }
    buf_text(&out, "{\"schema\":\"engine-profile/dynamo-presweep/1\",\"tp\":4,\"pp\":2,"
                   "\"max_batch_size\":128,\"max_kv_tokens\":224133,\"prefill\":{");
    print_list(&out, "isl", isl, 4);
    buf_byte(&out, ',');
    print_list(&out, "ttft_ms", ttft, 4);
    buf_text(&out, "},\"decode\":{");
    print_list(&out, "concurrency_derived", sequences, 12);
    buf_byte(&out, ',');
    print_list(&out, "context_length", context, 12);
    buf_byte(&out, ',');
    print_list(&out, "itl_ms", itl, 12);
    buf_text(&out, "}}");
    assert_int_equal(read_text(buf_cstr(&out), "", &p, NULL), RC_OK);
    assert_found(&p);
    assert_int_equal(p.gpus, 8);
    assert_int_equal(p.sequences_max, 128);
    assert_int_equal(p.kv_tokens, 224133);
    buf_done(&out);
}

static void one_of_several_engines_is_chosen_by_words(void **state)
{
    (void)state;
    struct engine_profile p;
    struct diag diag;
    struct buf out;
    buf_init(&out, 65536);
    buf_text(&out, "{\"schema\":\"engine-points/1\",\"columns\":[\"model\",\"hardware\",\"tp\","
                   "\"prompt_tokens\",\"batch_size\",\"output_tokens\",\"prompt_time_ms\","
                   "\"token_time_ms\"],\"rows\":[");
    for (int i = 0; i < 24; i++) { /* the second engine is three times as slow */
        const double slow = i % 2 == 0 ? 1 : 3;
        const double batch = 1 + i / 2 % 4 * 8;
        const double prompt = 200 + 500 * (double)(i / 8);
        buf_printf(&out, "%s[\"m\",\"h100\",%d,", i > 0 ? "," : "", i % 2 == 0 ? 4 : 2);
        buf_number(&out, prompt);
        buf_byte(&out, ',');
        buf_number(&out, batch);
        buf_text(&out, ",100,");
        buf_number(&out, slow * iteration_ms(0, 0, prompt * batch));
        buf_byte(&out, ',');
        buf_number(&out, slow * iteration_ms(batch, batch * (prompt + 50), 0));
        buf_text(&out, "]");
    }
    buf_text(&out, "]}");
    assert_int_equal(read_text(buf_cstr(&out), "tp=4,kv=451000", &p, NULL), RC_OK);
    assert_found(&p);
    assert_int_equal(p.gpus, 4);
    assert_int_equal(p.kv_tokens, 451000);
    assert_int_equal(read_text(buf_cstr(&out), "M,H100,tp=2,kv=451000", &p, NULL), RC_OK);
    assert_true(fabs(p.iteration_s / 0.030 - 1) < 1e-6);
    assert_int_equal(read_text(buf_cstr(&out), "kv=451000", &p, &diag), RC_MISSING);
    assert_non_null(strstr(diag.text, "m,h100,tp=4; m,h100,tp=2"));
    assert_int_equal(read_text(buf_cstr(&out), "tp=8", &p, &diag), RC_UNKNOWN);
    assert_non_null(strstr(diag.text, "tp=8"));
    assert_int_equal(read_text(buf_cstr(&out), "tp=4", &p, &diag), RC_MISSING);
    assert_non_null(strstr(diag.text, "kv=TOKENS"));
    buf_done(&out);
}

static void kernels_are_added_up_to_steps(void **state)
{
    (void)state;
    struct engine_profile p;
    struct buf out;
    buf_init(&out, 65536);
    /* 10 layers; by token 5 us a layer, by sequence 50 us once, attention 0.01 us a KV token. */
    buf_text(&out, "{\"schema\":\"engine-kernel-tables/1\",\"num_hidden_layers\":10,\"tp\":2,"
                   "\"dense\":{\"embedding\":{\"tokens\":[1,1000],\"time_us\":[9000,9000]},"
                   "\"layernorm\":{\"tokens\":[1],\"time_us\":[50]},"
                   "\"mlp\":{\"tokens\":[1,100,2000],\"time_us\":[5,500,10000]}},"
                   "\"per_sequence\":{\"lm_head\":{\"sequences\":[1,2],\"time_us\":[50,100]}},"
                   "\"attention\":[");
    for (int n = 1; n <= 64; n *= 4)
        for (int kv = 100; kv <= 10000; kv *= 10)
            buf_printf(&out, "[0,0,%d,%d,%g],", n, kv, 0.01 * n * kv);
    buf_text(&out, "[500,900,0,0,77],[1000,0,0,0,0],[2000,0,0,0,0]]}");
    assert_int_equal(read_text(buf_cstr(&out), "kv=640000", &p, NULL), RC_OK);
    assert_true(fabs(p.iteration_s / 0.010 - 1) < 0.02); /* and 50 us for the prompt's token */
    assert_true(fabs(p.sequence_s / 0.0001 - 1) < 0.02);
    assert_true(fabs(p.context_s / 1e-7 - 1) < 0.02);
    assert_true(fabs(p.prompt_s / 5e-5 - 1) < 0.02);
    assert_int_equal(p.gpus, 2);
    buf_done(&out);
}

static void bad_files_are_refused_in_words(void **state)
{
    (void)state;
    const struct {
        const char *json;
        const char *words;
    } cases[] = {
        {"", "a value is expected"},
        {"{\"schema\":\"sluice-profile/1\",", ""},
        {"[]", "no member \"schema\""},
        {"{\"model\":\"x\"}", "no member \"schema\""},
        {"{\"schema\":\"decode-grid/1\"}", "sluice-profile/1"},
        {"{\"schema\":\"sluice-profile/1\"}", "no measurement"},
        {"{\"schema\":\"sluice-profile/1\",\"iterationMs\":\"7\"}", "iterationMs"},
        {"{\"schema\":\"sluice-profile/1\",\"iterationsMs\":7}", "nearest is iterationMs"},
        {"{\"schema\":\"sluice-profile/1\",\"iterationMs\":7,\"promptMs\":1}", "kv=TOKENS"},
        {"{\"schema\":\"sluice-profile/1\",\"iterationMs\":-7,\"kvTokens\":5}", "no measurement"},
        {"{\"schema\":\"sluice-profile/1\",\"iterationMs\":7,\"promptMs\":-1,\"kvTokens\":9999}",
         "at least"},
        {"{\"schema\":\"engine-profile/dynamo-presweep/1\"}", "prefill.isl"},
        {"{\"schema\":\"engine-profile/dynamo-presweep/1\",\"prefill\":{\"isl\":[1,2],"
         "\"ttft_ms\":[3]}}",
         "has 1 numbers"},
        {"{\"schema\":\"engine-profile/dynamo-presweep/"
         "1\",\"max_kv_tokens\":9,\"prefill\":{\"isl\":"
         "[1],\"ttft_ms\":[-3]},\"decode\":{\"concurrency_derived\":[1],\"context_length\":[1],"
         "\"itl_ms\":[1]}}",
         "ttft_ms"},
        {"{\"schema\":\"engine-points/1\",\"columns\":[\"model\"]}", "columns"},
        {"{\"schema\":\"engine-load-curves/1\",\"curves\":[{\"isl\":0,\"osl\":1}]}", "isl"},
        {"{\"schema\":\"engine-kernel-tables/1\"}", "num_hidden_layers"},
        {"{\"schema\":\"engine-kernel-tables/1\",\"num_hidden_layers\":2,\"attention\":[[1]]}",
         "five numbers"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct engine_profile p = {.gpus = 77};
        struct diag diag = {0};
        assert_int_not_equal(read_text(cases[i].json, "", &p, &diag), RC_OK);
        if (strstr(diag.text, cases[i].words) == NULL)
            assert_string_equal(diag.text, cases[i].words);
        assert_int_equal(p.gpus, 77); /* untouched */
    }
}

static void a_single_curve_cannot_tell_all_terms_but_gives_a_usable_line(void **state)
{
    (void)state;
    struct engine_profile p;
    assert_int_equal(
        read_text(
            "{\"schema\":\"engine-load-curves/1\",\"curves\":[{\"model\":\"m\",\"system\":\"s\","
            "\"tp\":2,\"isl\":1000,\"osl\":1000,\"concurrency\":[4,8,16],\"ttft_ms\":"
            "[100,120,150],\"tpot_ms\":[10,11,13]}]}",
            "kv=100000", &p, NULL),
        RC_OK);
    assert_true(p.iteration_s > 0.005 && p.iteration_s < 0.011 && p.prompt_s > 0);
    assert_int_equal(p.gpus, 2);
}

/* ---- the recorded measurements ---- */

static bool read_shared(const char *file, struct buf *ret)
{
    char path[1024];
    char piece[65536];
    const char *shared = getenv("SLUICE_SHARED");
    const char *root = getenv("SLUICE_ROOT");
    (void)snprintf(path, sizeof path, "%s%s/profiles/%s",
                   shared != NULL ? shared
                   : root != NULL ? root
                                  : ".",
                   shared != NULL ? "" : "/../shared", file);
    FILE *stream = fopen(path, "rb");
    buf_init(ret, PROFILE_FILE_MAX);
    for (size_t n; stream != NULL && (n = fread(piece, 1, sizeof piece, stream)) > 0;)
        buf_append(ret, piece, n);
    if (stream != NULL)
        (void)fclose(stream);
    return ret->len > 0;
}

/* The built-in engines were fitted to the same files with other weights: both must say nearly the
 * same of ordinary iterations. */
static void recorded_measurements_give_what_is_built_in(void **state)
{
    (void)state;
    const struct {
        const char *file;
        const char *words;
        const char *preset;
        double most; /* difference */
    } cases[] = {
        {"dynamo_h100_llama3.3-70b-fp8_tp2.json", "", "llama3.3-70b-fp8-2xh100", 0.12},
        {"dynamo_h100_llama3.3-70b-fp8_tp4.json", "", "llama3.3-70b-fp8-4xh100", 0.12},
        {"dynamo_h100_llama3.3-70b-fp8_tp8.json", "", "llama3.3-70b-fp8-8xh100", 0.12},
        {"dynamo_h200_llama3.1-8b-fp8_tp1.json", "", "llama3.1-8b-fp8-h200", 0.12},
        {"splitwise_perf_model.json", "llama2-70b,h100-80gb,tp=4,kv=451000", "llama2-70b-4xh100",
         0.3}, /* 2048 tokens were measured as 200.7 ms: ours is nearer */
        {"splitwise_perf_model.json", "llama2-70b,h100-80gb,tp=8,kv=1330000", "llama2-70b-8xh100",
         0.3},
        {"vllm_kernels_rtx4090_llama-3.1-8b_tp1.json", "kv=42000", "llama3.1-8b-rtx4090", 0.15},
        {"vllm_kernels_rtxpro6000_llama-3.1-8b_tp1.json", "kv=535000", "llama3.1-8b-rtxpro6000",
         0.15},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf text;
        struct engine_profile p;
        struct engine_profile preset;
        struct diag diag = {0};
        if (!read_shared(cases[i].file, &text)) {
            print_message("skipped: no recorded profiles\n");
            buf_done(&text);
            return;
        }
        assert_int_equal(profile_preset(span_from(cases[i].preset), &preset, NULL), RC_OK);
        const enum rc rc = profile_read(buf_view(&text), span_from(cases[i].words),
                                        span_from("recorded"), &p, &diag);
        if (rc != RC_OK)
            assert_string_equal(diag.text, "");
        const int64_t work[][3] = {{1, 1000, 0}, {16, 16000, 0}, {32, 20000, 512}, {0, 0, 2048}};
        for (size_t k = 0; k < 4; k++) {
            const double ours =
                (double)profile_iteration_ns(&p, work[k][0], work[k][1], work[k][2]);
            const double known =
                (double)profile_iteration_ns(&preset, work[k][0], work[k][1], work[k][2]);
            if (fabs(ours / known - 1) > cases[i].most)
                print_error("%s, iteration %zu: %.2f ms, built in %.2f ms (a %.3f b %.4f c %.7f p "
                            "%.4f)\n",
                            cases[i].file, k, ours / 1e6, known / 1e6, 1e3 * p.iteration_s,
                            1e3 * p.sequence_s, 1e3 * p.context_s, 1e3 * p.prompt_s);
            assert_true(fabs(ours / known - 1) <= cases[i].most);
        }
        assert_int_equal(p.gpus, preset.gpus);
        assert_int_equal(p.kv_tokens, preset.kv_tokens);
        buf_done(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(coefficients_are_taken_as_they_are_written),
        cmocka_unit_test(a_sweep_gives_back_the_coefficients_that_made_it),
        cmocka_unit_test(one_of_several_engines_is_chosen_by_words),
        cmocka_unit_test(kernels_are_added_up_to_steps),
        cmocka_unit_test(bad_files_are_refused_in_words),
        cmocka_unit_test(a_single_curve_cannot_tell_all_terms_but_gives_a_usable_line),
        cmocka_unit_test(recorded_measurements_give_what_is_built_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
