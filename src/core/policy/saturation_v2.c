/* saturation_v2.c - the second saturation analyzer of llm-d's workload variant autoscaler as a
 * policy: tokens that requests hold against tokens that a replica was seen to hold when its queue
 * grew. The arithmetic is capacity/saturation_tokens.c; one pool is one variant, and what waits at
 * the gateway is its scheduler queue. */
#include <assert.h>
#include <math.h>

#include "base/duration.h"
#include "base/num.h"
#include "core/capacity/saturation.h"
#include "core/opt_rows.h"
#include "core/policy/saturation_pods.h"

#define MEANS_NS (5 * MINUTE_NS) /* over which the peer averages lengths and prefix hits */
#define BYTES_PER_TOKEN 4        /* by which the peer makes tokens of a queue in bytes */

struct v2_config {
    int64_t interval_ns;
    int64_t max_age_ns;
    double kv_threshold;
    double queue_threshold;
    double up_threshold;
    double down_boundary;
    int64_t kv_tokens;
    int64_t sequences_max;
    int64_t batched_tokens_max;
};

struct v2_state {
    struct saturation_pods pods;
    struct tokens_state tokens;
};

static const struct opt options[] = {
    DURATION_OPT("interval", v2_config, interval_ns, 1, DAY_S, 60, "Time between two evaluations."),
    DURATION_OPT("maxAge", v2_config, max_age_ns, 1, DAY_S, 120, "Older metrics are unknown."),
    NUMBER_OPT("kvCacheThreshold", v2_config, kv_threshold, 0, 1, 0.8, "ratio",
               "Share of the KV cache that is counted as capacity."),
    NUMBER_OPT("queueLengthThreshold", v2_config, queue_threshold, 0, 1e6, 5, "requests",
               "With a longer queue a replica holds what it can: this is learned."),
    NUMBER_OPT("scaleUpThreshold", v2_config, up_threshold, 0.001, 10, 0.85, "ratio",
               "More replicas when demand is above this share of the capacity."),
    NUMBER_OPT("scaleDownBoundary", v2_config, down_boundary, 0.001, 10, 0.7, "ratio",
               "Fewer when demand would still be below this share."),
    INT_OPT("kvTokens", v2_config, kv_tokens, 0, INT64_C(1) << 40, 0, "tokens",
            "KV cache of one replica (blocks times block size); needed."),
    INT_OPT("maxNumSeqs", v2_config, sequences_max, 1, 1 << 20, 256, "requests",
            "The engine's argument."),
    INT_OPT("maxNumBatchedTokens", v2_config, batched_tokens_max, 1, INT64_C(1) << 32, 8192,
            "tokens", "The engine's argument."),
};

static const struct field fields[] = {
    SATURATION_PODS_FIELDS(v2_state, pods),
    FIELD_ARRAY(I64, v2_state, tokens.history, TOKENS_BUCKETS *TOKENS_HISTORY),
    FIELD_ARRAY(U64, v2_state, tokens.history_count, TOKENS_BUCKETS),
    FIELD_ARRAY(I64, v2_state, tokens.live, SATURATION_VARIANTS_MAX),
};
static_assert(sizeof(size_t) == sizeof(uint64_t), "counts of the history are printed as such");

enum {
    SERIES_REQUESTS = SATURATION_SERIES,
    SERIES_PROMPTS,
    SERIES_ANSWERS,
    SERIES_PREFIX,
    SERIES_WAITING_TOKENS,
    SERIES_WAITING,
    SERIES_COUNT
};

/* 0 where nothing is known: the peer's metrics store answers so. */
static double read_or_zero(const struct policy_input *in, size_t index)
{
    const struct reading r = series_read(in, index);
    return r.state == SIGNAL_VALUE ? r.value : 0;
}

static size_t fill(const struct policy_input *in, const struct saturation_view *view,
                   struct tokens_replica *replica)
{
    const struct v2_config *config = in->config;
    const double requests = read_or_zero(in, SERIES_REQUESTS);
    const double in_mean = requests > 0 ? read_or_zero(in, SERIES_PROMPTS) / requests : 0;
    const double out_mean = read_or_zero(in, SERIES_ANSWERS);
    const double prefix = fmin(read_or_zero(in, SERIES_PREFIX), 1);
    const size_t count =
        view->count < SATURATION_REPLICAS_MAX ? view->count : SATURATION_REPLICAS_MAX;
    for (size_t i = 0; i < count; i++)
        replica[i] = (struct tokens_replica){
            .capacity = config->kv_tokens,
            .in_use = num_to_int(saturation_kv(view, i) * (double)config->kv_tokens, 0, INT32_MAX),
            .queue = num_to_int(rint(saturation_queue(view, i)), 0, INT32_MAX),
            .avg_in = in_mean,
            .avg_out = out_mean,
            .prefix_hit = prefix,
        };
    return count;
}

static struct tokens_result cycle(const struct policy_input *in, const struct saturation_view *view,
                                  struct tokens_variant *variant)
{
    const struct v2_config *config = in->config;
    struct tokens_replica replica[SATURATION_REPLICAS_MAX];
    const struct tokens_config thresholds = {.kv_threshold = config->kv_threshold,
                                             .queue_threshold = config->queue_threshold,
                                             .up_threshold = config->up_threshold,
                                             .down_boundary = config->down_boundary};
    const struct tokens_variant_spec spec = {
        .cost = 1,
        .has_args = true,
        .args = {.max_num_seqs = config->sequences_max,
                 .effective_max_batched_tokens = config->batched_tokens_max}};
    const struct tokens_queue queue = {.bytes = BYTES_PER_TOKEN *
                                                read_or_zero(in, SERIES_WAITING_TOKENS),
                                       .size = read_or_zero(in, SERIES_WAITING)};
    const struct tokens_input input = {.config = &thresholds,
                                       .spec = &spec,
                                       .variant_count = 1,
                                       .replica = replica,
                                       .replica_count = fill(in, view, replica),
                                       .queue = &queue};
    struct tokens_result result;
    tokens_cycle(&input, &((struct v2_state *)in->state)->tokens, variant, &result);
    return result;
}

static struct proposal propose(const struct policy_input *in)
{
    const struct v2_config *config = in->config;
    const struct v2_state *state = in->state;
    const struct pool_observation *o = in->observation;
    if (o->counts_state != SIGNAL_VALUE)
        return (struct proposal){.abstain = true, .exact = NAN, .reason = REASON_UNCOUNTED};
    if (config->kv_tokens == 0)
        return (struct proposal){.abstain = true, .exact = NAN, .reason = REASON_NO_PROFILE};
    const struct saturation_view view = saturation_view_of(in, &state->pods, config->max_age_ns);
    if (!view.known)
        return (struct proposal){.abstain = true, .exact = NAN, .reason = REASON_NO_SIGNAL};
    const int64_t pending = num_clamp(o->pending, 0, REPLICAS_MAX);
    struct tokens_variant variant = {
        .current =
            num_clamp(num_add_sat(num_clamp(o->ready, 0, REPLICAS_MAX), pending), 0, REPLICAS_MAX),
        .pending = pending,
    };
    const struct tokens_result r = cycle(in, &view, &variant);
    return (struct proposal){
        .replicas = num_clamp(variant.target, policy_min(in), policy_max(in)),
        .exact = NAN,
        .reason = REASON_SATURATION_TOKENS,
        .number = {r.demand, r.supply, (double)variant.per_replica},
    };
}

/* ---- what it needs ---- */

static void pod_sample(const struct pool_spec *pool, const void *config, void *state,
                       const struct pod_sample *sample, const char *external)
{
    (void)pool;
    (void)config;
    (void)external;
    saturation_pods_take(&((struct v2_state *)state)->pods, sample);
}

static size_t series(const struct pool_spec *pool, const void *config_, struct series_need *ret,
                     size_t max)
{
    static const struct series_need more[] = {
        {.signal = {.id = SIGNAL_REQUESTS_PER_SECOND}, .kind = SERIES_RATE, .span_ns = MEANS_NS},
        {.signal = {.id = SIGNAL_PROMPT_TOKENS_PER_SECOND},
         .kind = SERIES_RATE,
         .span_ns = MEANS_NS},
        {.signal = {.id = SIGNAL_ANSWER_LENGTH}, .kind = SERIES_RATIO, .span_ns = MEANS_NS},
        {.signal = {.id = SIGNAL_PREFIX_HIT_RATIO}, .kind = SERIES_MEAN, .span_ns = MEANS_NS},
        {.signal = {.id = SIGNAL_TOKENS_IN_QUEUE}, .kind = SERIES_LAST},
        {.signal = {.id = SIGNAL_QUEUE_DEPTH}, .kind = SERIES_LAST},
    };
    const struct v2_config *config = config_;
    static_assert(SATURATION_SERIES + COUNT_OF(more) == SERIES_COUNT, "one row a series");
    saturation_series(pool, config->max_age_ns, ret, max);
    for (size_t i = SATURATION_SERIES; i < SERIES_COUNT && i < max; i++) {
        ret[i] = more[i - SATURATION_SERIES];
        ret[i].max_age_ns = pool->exact ? 0 : config->max_age_ns;
    }
    return SERIES_COUNT;
}

static enum rc check(const struct pool_spec *pool, const void *config_, struct diag *diag)
{
    const struct v2_config *config = config_;
    (void)pool;
    if (config->down_boundary > config->up_threshold)
        return fail(diag, RC_RANGE,
                    "scaleDownBoundary is above scaleUpThreshold: what was added "
                    "would be removed at once");
    return RC_OK;
}

static int64_t period_ns(const struct pool_spec *pool, const void *config)
{
    (void)pool;
    return ((const struct v2_config *)config)->interval_ns;
}

static void state_init(const struct pool_spec *pool, const void *config, void *state_,
                       int64_t now_ns, int64_t ready)
{
    struct v2_state *state = state_;
    (void)pool;
    (void)config;
    (void)now_ns;
    (void)ready;
    saturation_pods_init(&state->pods);
    state->tokens = (struct tokens_state){.live = {0}};
}

const struct policy_ops policy_saturation_v2 = {
    .name = "saturation-v2",
    .summary = "Tokens held by requests against tokens a replica can hold, as llm-d's variant "
               "autoscaler does.",
    .formula =
        "demand = sum(KV tokens in use + queue * mean prompt) + what waits at the gateway; "
        "a replica carries the median of min(kvCacheThreshold * KV cache, tokens seen in use "
        "with a long queue); + ceil((demand / scaleUpThreshold - supply) / that), or "
        "- floor((supply - demand / scaleDownBoundary) / that)",
    .source = "llm-d workload-variant-autoscaler internal/engines/analyzers/saturation_v2, commit "
              "b08b1c7; recorded vectors",
    .blind = "latencies, and how long a replica takes to start",
    .options = options,
    .option_count = COUNT_OF(options),
    .config_size = sizeof(struct v2_config),
    .fields = fields,
    .field_count = COUNT_OF(fields),
    .imitation = true,
    .holds_itself = true,
    .check = check,
    .period_ns = period_ns,
    .series = series,
    .state_size = sizeof(struct v2_state),
    .state_init = state_init,
    .pod_sample = pod_sample,
    .propose = propose,
};
