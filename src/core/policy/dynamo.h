/* dynamo.h - the parts of the policies dynamo-sla and dynamo-load that their tests look at.
 *
 * Both decide a pair of pools, roles prefill and decode of one group. Each pool has the policy with
 * the same configuration and is told the same samples; it works the pair out and takes its half. */
#ifndef SLUICE_CORE_POLICY_DYNAMO_H
#define SLUICE_CORE_POLICY_DYNAMO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/policy.h"
#include "core/policy/dynamo_budget.h"
#include "core/policy/dynamo_predict.h"
#include "core/policy/dynamo_profile.h"

/* ---- dynamo-sla ---- */

enum dynamo_input {
    DYNAMO_SIGNALS,  /* of the catalogue: rates, and medians of the latencies */
    DYNAMO_AVERAGES, /* external:interval-requests, -input-tokens, -output-tokens, -ttft (s), -itl
                        (s), -duration (s): over the interval, from a source that averages */
};

struct dynamo_sla_config {
    int64_t interval_ns;
    int input;      /* enum dynamo_input */
    double ttft_ms; /* plays no part: kept because users write it */
    double itl_ms;
    int64_t gpu_budget;
    int64_t min_replicas; /* of each pool */
    int64_t prefill_gpus; /* per replica */
    int64_t decode_gpus;
    struct dynamo_predictor predictor;
    bool correct; /* by what was measured against the profile */
    double max_kv_tokens;
    struct dynamo_prefill_point prefill[DYNAMO_PREFILL_MAX];
    size_t prefill_count;
    struct dynamo_decode_point decode[DYNAMO_DECODE_MAX];
    size_t decode_count;
    const struct dynamo_table_cell *table; /* the peer's own table; takes the place of the points */
    size_t table_count;                    /* 0, or a whole table */
    double table_context_max;
};

struct dynamo_sla_state {
    struct dynamo_series requests;
    struct dynamo_series input_tokens;
    struct dynamo_series output_tokens;
    double prefill_correction;
    double decode_correction;
    int64_t prefill; /* last decided pair; -1 = none */
    int64_t decode;
};

#define DYNAMO_SLA_OPTION_COUNT 19
extern const struct opt dynamo_sla_options[DYNAMO_SLA_OPTION_COUNT];

struct dynamo_forecast {
    double requests; /* of the next interval */
    double isl;
    double osl;
    double prefill_correction;
    double decode_correction;
};
/* The pair for a forecast, fitted into the budget (kind "sla_replicas"). */
struct dynamo_pair dynamo_sla_pair(const struct dynamo_sla_config *config,
                                   const struct dynamo_profile *profile,
                                   const struct dynamo_forecast *forecast);

/* ---- dynamo-load ---- */

enum dynamo_load_input { DYNAMO_ENGINES, DYNAMO_CATALOGUE };

struct dynamo_load_config {
    int input; /* enum dynamo_load_input */
    int64_t interval_ns;
    int64_t gpu_budget;
    int64_t min_replicas;
    int64_t prefill_gpus;
    int64_t decode_gpus;
    double kv_up;
    double kv_down;
    double queue_up; /* waiting prompts per prefill replica */
    double queue_down;
};

struct dynamo_load_state {
    double queue_sum; /* samples since the last evaluation */
    double queue_first;
    double queue_last;
    double kv_sum;
    int64_t queue_count;
    int64_t kv_count;
    int64_t decode_expected; /* replicas at the begin of the interval; -1 = none yet */
    int64_t grace;           /* evaluations in which decode is not lowered */
    uint8_t prefill_change;  /* enum dynamo_change of the last evaluation */
    uint8_t decode_change;
    uint8_t reserved[6];
};
enum dynamo_change { DYNAMO_SAME, DYNAMO_MORE, DYNAMO_LESS };

/* What one decode engine weighs: its KV use, and more while requests wait beside active ones. */
double dynamo_kv_load(double kv_usage, double waiting, double active);

/* ---- both ---- */

/* The pools of the pair as the tick finds them. */
struct dynamo_pools {
    const struct policy_peer *prefill; /* NULL = there is none */
    const struct policy_peer *decode;
};
struct dynamo_pools dynamo_pools_of(const struct policy_input *in);
/* This pool's half of a pair. */
int64_t dynamo_half(const struct policy_input *in, struct dynamo_pair pair);

#endif
