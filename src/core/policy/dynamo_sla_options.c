/* dynamo_sla_options.c - options of policy dynamo-sla. */
#include "base/duration.h"
#include "core/opt_rows.h"
#include "core/policy/dynamo.h"

static const struct opt_choice input_choices[] = {
    {"signals", DYNAMO_SIGNALS, "rates and medians of the catalogue"},
    {"averages", DYNAMO_AVERAGES, "external:interval-*, from a source that averages"},
    {NULL, 0, NULL},
};
static const struct opt_choice predictor_choices[] = {
    {"constant", DYNAMO_CONSTANT, "the last interval again"},
    {"kalman", DYNAMO_KALMAN, "level and trend"},
    {NULL, 0, NULL},
};
static const struct opt prefill_rows[] = {
    NUMBER_OPT("isl", dynamo_prefill_point, isl, 0, 1e9, 1024, "tokens", "Prompt length."),
    NUMBER_OPT("ttftMs", dynamo_prefill_point, ttft_ms, 0, 1e7, 100, "ms",
               "Time to first token of one prompt alone."),
    NUMBER_OPT("throughputPerGpu", dynamo_prefill_point, throughput, 0, 1e9, 10000, "tokens/s",
               "Prompt tokens per second of one GPU."),
};
static const struct opt decode_rows[] = {
    NUMBER_OPT("kvUsage", dynamo_decode_point, kv_usage, 0, 1, 0.5, "ratio", "KV use."),
    NUMBER_OPT("contextLength", dynamo_decode_point, context_length, 0, 1e9, 2048, "tokens",
               "Mean length of what is generated from."),
    NUMBER_OPT("itlMs", dynamo_decode_point, itl_ms, 0, 1e6, 20, "ms", "Time between two tokens."),
    NUMBER_OPT("throughputPerGpu", dynamo_decode_point, throughput, 0, 1e9, 2000, "tokens/s",
               "Generated tokens per second of one GPU."),
};

static const struct opt table_rows[] = {
    NUMBER_OPT("itlMs", dynamo_table_cell, itl_ms, -1e9, 1e9, 0, "ms",
               "Time between two tokens; the peer's surface may fall below 0."),
    NUMBER_OPT("throughputPerGpu", dynamo_table_cell, throughput, -1e12, 1e12, 0, "tokens/s",
               "Generated tokens per second of one GPU."),
};

const struct opt dynamo_sla_options[DYNAMO_SLA_OPTION_COUNT] = {
    DURATION_OPT("interval", dynamo_sla_config, interval_ns, 1, DAY_S, 180,
                 "Time between two evaluations."),
    ENUM_OPT("input", dynamo_sla_config, input, input_choices, DYNAMO_SIGNALS,
             "Where the averages of an interval come from."),
    NUMBER_OPT("ttftMs", dynamo_sla_config, ttft_ms, 0.001, 1e7, 500, "ms",
               "Objective of the time to first token; the peer takes it and does not use it."),
    NUMBER_OPT("itlMs", dynamo_sla_config, itl_ms, 0.001, 1e6, 50, "ms",
               "Objective of the time between two tokens."),
    INT_OPT("gpuBudget", dynamo_sla_config, gpu_budget, 1, REPLICAS_MAX, 8, "GPUs",
            "Most GPUs of both pools; the minimum of each wins over it."),
    INT_OPT("minEndpoint", dynamo_sla_config, min_replicas, 0, REPLICAS_MAX, 1, "replicas",
            "Least replicas of each pool."),
    INT_OPT("prefillGpus", dynamo_sla_config, prefill_gpus, 1, 1024, 1, "GPUs",
            "Of one prefill replica."),
    INT_OPT("decodeGpus", dynamo_sla_config, decode_gpus, 1, 1024, 1, "GPUs",
            "Of one decode replica."),
    ENUM_OPT("predictor", dynamo_sla_config, predictor.kind, predictor_choices, DYNAMO_CONSTANT,
             "How the next interval is foreseen."),
    BOOL_OPT("log1p", dynamo_sla_config, predictor.log1p, 0,
             "The Kalman filter works on logarithms."),
    NUMBER_OPT("kalmanLevel", dynamo_sla_config, predictor.q_level, 0, 1e12, 1, "",
               "Variance of the level per interval."),
    NUMBER_OPT("kalmanTrend", dynamo_sla_config, predictor.q_trend, 0, 1e12, 0.1, "",
               "Variance of the trend per interval."),
    NUMBER_OPT("kalmanNoise", dynamo_sla_config, predictor.r, 0, 1e12, 10, "",
               "Variance of a measurement."),
    BOOL_OPT("correction", dynamo_sla_config, correct, 1,
             "Correct the profile by the latencies that were measured."),
    NUMBER_OPT("maxKvTokens", dynamo_sla_config, max_kv_tokens, 1, 1e12, 200000, "tokens",
               "KV capacity of one decode engine."),
    LIST_OPT("prefillProfile", dynamo_sla_config, prefill, prefill_count, prefill_rows,
             "Measured prompts, by rising length; needed."),
    LIST_OPT("decodeProfile", dynamo_sla_config, decode, decode_count, decode_rows,
             "Measured decode steps; needed, or the table."),
    {.name = "decodeTable",
     .kind = OPT_LIST,
     .flags = OPT_FLAG_APART,
     .offset = offsetof(struct dynamo_sla_config, table),
     .size = sizeof(struct dynamo_table_cell),
     .unit = "",
     .help = "The peer's own table in place of the steps: 100 KV uses for each of 100 context "
             "lengths.",
     .sub = table_rows,
     .sub_count = COUNT_OF(table_rows),
     .count_offset = offsetof(struct dynamo_sla_config, table_count),
     .list_max = DYNAMO_TABLE_CELLS},
    NUMBER_OPT("tableContextMax", dynamo_sla_config, table_context_max, 0, 1e9, 0, "tokens",
               "Context length of the table's last row."),
};
