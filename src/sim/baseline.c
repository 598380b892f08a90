#include "sim/baseline.h"

const struct baseline baselines[] = {
    {"static",
     "static",
     "the smallest fixed fleet that meets the floor, chosen with the whole trace in hand",
     {"static: {replicas: @}"},
     1,
     4096,
     KNOB_COUNT,
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
     4096,
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

void baseline_print(const struct baseline *baseline, size_t variant, double knob, struct buf *ret)
{
    if (baseline->exact)
        buf_text(ret, ", exact: true");
    if (baseline->variant[variant] == NULL)
        return;
    buf_text(ret, ", ");
    for (const char *at = baseline->variant[variant]; *at != '\0'; at++) {
        if (*at == '@')
            buf_number(ret, knob);
        else
            buf_byte(ret, *at);
    }
}
