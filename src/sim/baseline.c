#include "sim/baseline.h"

#include <math.h>

#include "base/duration.h"
#include "base/num.h"
#include "core/message.h"

const struct baseline baselines[] = {
    {"static",
     "static",
     "the smallest fixed fleet that meets the floor, chosen with the whole trace in hand",
     {"static: {replicas: @}"},
     1,
     REPLICAS_PER_POOL_MAX,
     KNOB_COUNT,
     false},
    {"static-p95",
     "static",
     "a fixed fleet for the work of the 95th of 100 minutes; nothing is tuned",
     {"static: {replicas: @}"},
     1,
     REPLICAS_PER_POOL_MAX,
     KNOB_GIVEN,
     false},
    {"hpa",
     "hpa",
     "requests in flight per replica, with stabilisation of 300, 60 and 900 s",
     {"hpa: {metrics: [{name: concurrency, target: @}]}",
      "hpa: {metrics: [{name: concurrency, target: @}], downscaleStabilization: 60s}",
      "hpa: {metrics: [{name: concurrency, target: @}], downscaleStabilization: 900s}"},
     1,
     256,
     KNOB_TARGET,
     true},
    {"keda",
     "keda",
     "waiting requests of the engines, 1, 4 and 16 per replica, above a tuned minimum",
     {"keda: {triggers: [{signal: waiting-requests, threshold: 1}]}",
      "keda: {triggers: [{signal: waiting-requests, threshold: 4}]}",
      "keda: {triggers: [{signal: waiting-requests, threshold: 16}]}"},
     1,
     REPLICAS_PER_POOL_MAX,
     KNOB_LEAST,
     true},
    {"knative",
     "knative",
     "requests in flight per replica, scaled down at once or after 300 s",
     {"knative: {target: @}", "knative: {target: @, scaleDownDelay: 300s}"},
     1,
     256,
     KNOB_TARGET,
     true},
    {"aibrix-apa",
     "aibrix-apa",
     "use of the KV cache",
     {"aibrix-apa: {metrics: [{name: kv-cache-usage, target: @}]}"},
     0.01,
     0.9,
     KNOB_TARGET,
     true},
    {"ratio",
     "ratio",
     "requests in flight per replica, with the stages of the AgentPool guide",
     {"metrics: [{type: concurrency, target: @}]"},
     1,
     256,
     KNOB_TARGET,
     false},
    {"saturation-v1",
     "saturation-v1",
     "use of the KV cache that is called saturated; queues of 5 and of 2 requests",
     {"saturation-v1: {kvCacheThreshold: @, kvSpareTrigger: @*0.125}",
      "saturation-v1: {kvCacheThreshold: @, kvSpareTrigger: @*0.125, queueLengthThreshold: 2, "
      "queueSpareTrigger: 1.2}"},
     0.01,
     0.95,
     KNOB_TARGET,
     true},
    {"saturation-v2",
     "saturation-v2",
     "tokens held as a share of those a replica can hold, looked at every 60 or 15 s",
     {"saturation-v2: {scaleUpThreshold: @, scaleDownBoundary: @*0.82, kvTokens: $kv, maxNumSeqs: "
      "$sequences, maxNumBatchedTokens: $chunk}",
      "saturation-v2: {scaleUpThreshold: @, scaleDownBoundary: @*0.82, kvTokens: $kv, maxNumSeqs: "
      "$sequences, maxNumBatchedTokens: $chunk, interval: 15s}"},
     0.005,
     2,
     KNOB_TARGET,
     true},
    {"sageserve",
     "sageserve",
     "use of the KV cache; with its hourly forecast the planned share of a replica's prompt rate",
     {"sageserve: {scaleUp: @, scaleDown: @*0.5}",
      "sageserve: {forecast: true, tokensPerSecond: @*$prompts}"},
     0.005,
     0.95,
     KNOB_TARGET,
     true},
    {"dynamo-sla",
     "dynamo-sla",
     "objective between tokens in shortest iterations; every 180 or 60 s, last value or Kalman",
     {"dynamo-sla: {itlMs: @*$iteration, gpuBudget: 100000, minEndpoint: 1, prefillGpus: $gpus, "
      "decodeGpus: $gpus, maxKvTokens: $kv, prefillProfile: $prefill, decodeProfile: $decode}",
      "dynamo-sla: {itlMs: @*$iteration, gpuBudget: 100000, minEndpoint: 1, prefillGpus: $gpus, "
      "decodeGpus: $gpus, maxKvTokens: $kv, interval: 60s, prefillProfile: $prefill, "
      "decodeProfile: $decode}",
      "dynamo-sla: {itlMs: @*$iteration, gpuBudget: 100000, minEndpoint: 1, prefillGpus: $gpus, "
      "decodeGpus: $gpus, maxKvTokens: $kv, interval: 60s, predictor: kalman, prefillProfile: "
      "$prefill, decodeProfile: $decode}"},
     1.02,
     16,
     KNOB_TARGET,
     true},
    {"dynamo-load",
     "dynamo-load",
     "KV use and what waits beside it, looked at every 10, 30 or 180 s",
     {"dynamo-load: {input: catalogue, gpuBudget: 100000, decodeGpus: $gpus, interval: 10s, "
      "decodeKvScaleUpThreshold: @, decodeKvScaleDownThreshold: @*0.55}",
      "dynamo-load: {input: catalogue, gpuBudget: 100000, decodeGpus: $gpus, interval: 30s, "
      "decodeKvScaleUpThreshold: @, decodeKvScaleDownThreshold: @*0.55}",
      "dynamo-load: {input: catalogue, gpuBudget: 100000, decodeGpus: $gpus, interval: 180s, "
      "decodeKvScaleUpThreshold: @, decodeKvScaleDownThreshold: @*0.55}"},
     0.005,
     2,
     KNOB_TARGET,
     true},
};
const size_t baseline_count = COUNT_OF(baselines);

const struct baseline *baseline_find(struct span name)
{
    for (size_t i = 0; i < baseline_count; i++)
        if (span_equal_text(name, baselines[i].name))
            return &baselines[i];
    return NULL;
}

size_t baseline_variants(const struct baseline *baseline)
{
    size_t n = 0;
    while (n < BASELINE_VARIANTS_MAX && baseline->variant[n] != NULL)
        n++;
    return n > 0 ? n : 1;
}

bool baseline_tuned(const struct baseline *baseline)
{
    return baseline != NULL && baseline->knob != KNOB_NONE && baseline->knob != KNOB_GIVEN;
}

/* ---- numbers of the engine ---- */

#define MS_PER_S 1e3

static double kv_of(const struct engine_profile *p)
{
    return (double)p->kv_tokens;
}

static double sequences_of(const struct engine_profile *p)
{
    return (double)p->sequences_max;
}

static double chunk_of(const struct engine_profile *p)
{
    return (double)p->chunk_tokens;
}

static double gpus_of(const struct engine_profile *p)
{
    return (double)p->gpus;
}

static double iteration_of(const struct engine_profile *p)
{
    return MS_PER_S * p->iteration_s;
}

/* Prompt tokens per second of one engine that does nothing else. */
static double prompts_of(const struct engine_profile *p)
{
    return (double)p->chunk_tokens / seconds_of(profile_iteration_ns(p, 0, 0, p->chunk_tokens));
}

static const struct {
    const char *name;
    double (*of)(const struct engine_profile *p);
} numbers[] = {
    {"kv", kv_of},     {"sequences", sequences_of}, {"chunk", chunk_of},
    {"gpus", gpus_of}, {"iteration", iteration_of}, {"prompts", prompts_of},
};

/* What Dynamo's profiler would measure: one prompt alone, of rising lengths. */
static void print_prefill(const struct engine_profile *p, struct buf *ret)
{
    for (int64_t isl = 128; isl <= 32768; isl *= 4) {
        const double ttft_s = seconds_of(profile_first_token_ns(p, isl));
        buf_printf(ret, "%s{isl: %d, ttftMs: ", isl == 128 ? "[" : ", ", (int)isl);
        buf_number(ret, MS_PER_S * ttft_s);
        buf_text(ret, ", throughputPerGpu: ");
        buf_number(ret, (double)isl / ttft_s / (double)p->gpus);
        buf_text(ret, "}");
    }
    buf_text(ret, "]");
}

/* And batches that double, of requests with contexts of rising lengths. */
static void print_decode(const struct engine_profile *p, struct buf *ret)
{
    const char *comma = "[";
    for (int64_t context = 256; context <= 16384; context *= 4)
        for (int64_t batch = 1; batch <= p->sequences_max && batch * context <= p->kv_tokens;
             batch *= 2) {
            const double itl_s = seconds_of(profile_iteration_ns(p, batch, batch * context, 0));
            buf_printf(ret, "%s{kvUsage: ", comma);
            buf_number(ret, (double)(batch * context) / (double)p->kv_tokens);
            buf_printf(ret, ", contextLength: %d, itlMs: ", (int)context);
            buf_number(ret, MS_PER_S * itl_s);
            buf_text(ret, ", throughputPerGpu: ");
            buf_number(ret, (double)batch / itl_s / (double)p->gpus);
            buf_text(ret, "}");
            comma = ", ";
        }
    buf_text(ret, "]");
}

static const struct {
    const char *name;
    void (*print)(const struct engine_profile *p, struct buf *ret);
} lists[] = {{"prefill", print_prefill}, {"decode", print_decode}};

/* ---- templates ---- */

static struct span name_at(const char *at)
{
    size_t len = 0;
    while (at[len] >= 'a' && at[len] <= 'z')
        len++;
    return span_of(at, len);
}

/* 1 for a name that the table does not hold: templates are ours, and a test reads them all. */
static double number_named(struct span name, const struct engine_profile *profile)
{
    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        if (span_equal_text(name, numbers[i].name))
            return numbers[i].of(profile);
    return 1;
}

/* "$name"; returns how much of the template it is. */
static size_t print_named(const char *at, const struct engine_profile *profile, struct buf *ret)
{
    const struct span name = name_at(at + 1);
    for (size_t i = 0; i < COUNT_OF(lists); i++)
        if (span_equal_text(name, lists[i].name)) {
            lists[i].print(profile, ret);
            return name.len + 1;
        }
    buf_number(ret, number_named(name, profile));
    return name.len + 1;
}

/* "@", "@*0.5", "@*$name". */
static size_t print_knob(const char *at, double knob, const struct engine_profile *profile,
                         struct buf *ret)
{
    size_t len = 1;
    double factor = 1;
    if (at[1] == '*' && at[2] == '$') {
        const struct span name = name_at(at + 3);
        factor = number_named(name, profile);
        len = 3 + name.len;
    } else if (at[1] == '*') {
        size_t digits = 0;
        while ((at[2 + digits] >= '0' && at[2 + digits] <= '9') || at[2 + digits] == '.')
            digits++;
        if (num_parse(span_of(at + 2, digits), &factor) != RC_OK)
            factor = 1; /* no template is written so */
        len = 2 + digits;
    }
    buf_number(ret, knob * factor);
    return len;
}

void baseline_print(const struct baseline *baseline, size_t variant, double knob,
                    const struct engine_profile *profile, struct buf *ret)
{
    if (baseline->exact)
        buf_text(ret, ", exact: true");
    if (baseline->variant[variant] == NULL)
        return;
    buf_text(ret, ", ");
    for (const char *at = baseline->variant[variant]; *at != '\0';) {
        if (*at == '@')
            at += print_knob(at, knob, profile, ret);
        else if (*at == '$')
            at += print_named(at, profile, ret);
        else
            buf_byte(ret, *at++);
    }
}
