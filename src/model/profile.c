#include "model/profile.h"

#include <inttypes.h>
#include <math.h>

#include "base/duration.h"
#include "base/opt.h"

/* Least-squares fits of t = a + b*B + c*ctx + p*pt to published measurements, in milliseconds.
 * Llama-2 and BLOOM: decode error 2 %, prefill 5-12 % on H100; the A100 prefill fits badly. Llama
 * 3: sweeps of vLLM 0.10 (median error 2-8 %) and kernel times of vLLM 0.19 on the RTX
 * 4090 and PRO 6000 (median error 5 %, up to 15 % in a tenth of the states). KV
 * capacity is the engine's own figure where the sweep has one, else 90 % of the memory less the
 * weights. */
const struct engine_preset engine_presets[] = {
    {"llama2-70b-8xh100", "Llama-2-70B, 8 x H100", 8, 29.8, 0.208, 0.000173, 0.0912, 1330000},
    {"llama2-70b-4xh100", "Llama-2-70B, 4 x H100", 4, 28.8, 0.282, 0.000094, 0.1075, 451000},
    {"llama2-70b-8xa100", "Llama-2-70B, 8 x A100", 8, 44.1, 0.211, 0.000321, 0.2315, 1330000},
    {"llama2-70b-4xa100", "Llama-2-70B, 4 x A100", 4, 43.4, 0.224, 0.000337, 0.3296, 451000},
    {"bloom-176b-8xh100", "BLOOM-176B, 8 x H100", 8, 35.5, 0.317, 0.000177, 0.1544, 54000},
    {"bloom-176b-8xa100", "BLOOM-176B, 8 x A100", 8, 47.8, 0.465, 0.000436, 0.3517, 54000},
    {"llama3.3-70b-fp8-2xh100", "Llama-3.3-70B FP8, 2 x H100", 2, 14.2, 0.0714, 0.000174, 0.1007,
     224133},
    {"llama3.3-70b-fp8-4xh100", "Llama-3.3-70B FP8, 4 x H100", 4, 10.8, 0.0578, 0.0000974, 0.0589,
     224133},
    {"llama3.3-70b-fp8-8xh100", "Llama-3.3-70B FP8, 8 x H100", 8, 8.88, 0.0502, 0.0000593, 0.0399,
     224133},
    {"llama3.1-8b-fp8-h200", "Llama-3.1-8B FP8, 1 x H200", 1, 4.39, 0.0369, 0.0000295, 0.0190,
     945029},
    {"llama3.1-8b-rtx4090", "Llama-3.1-8B, 1 x RTX 4090", 1, 16.9, 0.0420, 0.000149, 0.0778, 42000},
    {"llama3.1-8b-rtxpro6000", "Llama-3.1-8B, 1 x RTX PRO 6000", 1, 10.4, 0.0284, 0.000103, 0.0339,
     535000},
    {"8b", "8B class on one H100 (roofline estimate)", 1, 7.0, 0.03, 0.00004, 0.036, 427000},
};
const size_t engine_preset_count = COUNT_OF(engine_presets);

enum rc profile_preset(struct span name, struct engine_profile *ret, struct diag *diag)
{
    const char *known[COUNT_OF(engine_presets)];
    for (size_t i = 0; i < engine_preset_count; i++) {
        const struct engine_preset *preset = &engine_presets[i];
        known[i] = preset->name;
        if (!span_equal_text(name, preset->name))
            continue;
        *ret = (struct engine_profile){
            .iteration_s = preset->iteration_ms / 1e3,
            .sequence_s = preset->sequence_ms / 1e3,
            .context_s = preset->context_ms / 1e3,
            .prompt_s = preset->prompt_ms / 1e3,
            .sequences_max = 256,
            .kv_tokens = preset->kv_tokens,
            .kv_block_tokens = 16,
            .chunk_tokens = 2048,
            .gpus = preset->gpus,
        };
        (void)span_copy(name, ret->name, sizeof ret->name); /* table names are short */
        return RC_OK;
    }
    const char *near = name_nearest(name, known, engine_preset_count);
    return fail(diag, RC_UNKNOWN, "engine profile '%.*s' is not known; the nearest is '%s'",
                SPAN_ARG(name), near != NULL ? near : "llama3.3-70b-fp8-4xh100");
}

static enum rc check_cost(double seconds, double low, const char *what, struct diag *diag)
{
    if (seconds >= low && seconds <= 3600)
        return RC_OK;
    return fail(diag, RC_RANGE, "engine profile: %s must be %s 0 and at most an hour", what,
                low > 0 ? "above" : "at least");
}

static enum rc check_size(int64_t value, int64_t max, const char *what, struct diag *diag)
{
    if (value >= 1 && value <= max)
        return RC_OK;
    return fail(diag, RC_RANGE, "engine profile: %s is %" PRId64 ", allowed is 1 to %" PRId64, what,
                value, max);
}

enum rc profile_check(const struct engine_profile *profile, struct diag *diag)
{
    const struct {
        double seconds;
        double low;
        const char *what;
    } costs[] = {
        {profile->iteration_s, 1e-9, "time of an iteration"},
        {profile->sequence_s, 0, "time of a sequence"},
        {profile->context_s, 0, "time of a context token"},
        {profile->prompt_s, 0, "time of a prompt token"},
    };
    for (size_t i = 0; i < COUNT_OF(costs); i++) {
        enum rc rc = check_cost(costs[i].seconds, costs[i].low, costs[i].what, diag);
        if (rc != RC_OK)
            return rc;
    }
    const struct {
        int64_t value;
        int64_t max;
        const char *what;
    } sizes[] = {
        {profile->sequences_max, PROFILE_SEQUENCES_MAX, "batch limit"},
        {profile->kv_tokens, INT64_C(1) << 40, "KV capacity"},
        {profile->kv_block_tokens, profile->kv_tokens, "KV block"},
        {profile->chunk_tokens, INT64_C(1) << 32, "prompt chunk"},
    };
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        enum rc rc = check_size(sizes[i].value, sizes[i].max, sizes[i].what, diag);
        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

int64_t profile_iteration_ns(const struct engine_profile *profile, int64_t decoding,
                             int64_t context, int64_t prompt)
{
    const double seconds = profile->iteration_s + profile->sequence_s * (double)decoding +
                           profile->context_s * (double)context +
                           profile->prompt_s * (double)prompt;
    const double ns = rint(seconds * 1e9);
    if (ns < 1)
        return 1;
    return ns < 9e18 ? (int64_t)ns : INT64_MAX / 4;
}

int64_t profile_first_token_ns(const struct engine_profile *profile, int64_t prompt_tokens)
{
    int64_t total_ns = 0;
    const int64_t whole = prompt_tokens / profile->chunk_tokens;
    const int64_t rest = prompt_tokens % profile->chunk_tokens;
    total_ns += whole * profile_iteration_ns(profile, 0, 0, profile->chunk_tokens);
    if (rest > 0)
        total_ns += profile_iteration_ns(profile, 0, 0, rest);
    return total_ns;
}

int64_t profile_request_ns(const struct engine_profile *profile, int64_t prompt_tokens,
                           int64_t output_tokens)
{
    const double k = (double)(output_tokens - 1);
    const double decode_s = k * (profile->iteration_s + profile->sequence_s) +
                            profile->context_s * (k * (double)prompt_tokens + k * (k + 1) / 2);
    return profile_first_token_ns(profile, prompt_tokens) + ns_of_seconds(decode_s);
}
