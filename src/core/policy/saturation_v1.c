/* saturation_v1.c - the first saturation analyzer of llm-d's workload variant autoscaler as a
 * policy: one replica more when little is spare on those that are not saturated, one less when the
 * others could take its load. The arithmetic is capacity/saturation.h; one pool is one variant. */
#include <math.h>

#include "base/duration.h"
#include "base/num.h"
#include "core/capacity/saturation.h"
#include "core/opt_rows.h"
#include "core/policy/saturation_pods.h"

struct v1_config {
    int64_t interval_ns;
    int64_t max_age_ns;
    double kv_threshold;
    double queue_threshold;
    double kv_spare;
    double queue_spare;
};

struct v1_state {
    struct saturation_pods pods;
};

static const struct opt options[] = {
    DURATION_OPT("interval", v1_config, interval_ns, 1, DAY_S, 60, "Time between two evaluations."),
    DURATION_OPT("maxAge", v1_config, max_age_ns, 1, DAY_S, 120, "Older metrics are unknown."),
    NUMBER_OPT("kvCacheThreshold", v1_config, kv_threshold, 0, 1, 0.8, "ratio",
               "A replica with a fuller KV cache is saturated."),
    NUMBER_OPT("queueLengthThreshold", v1_config, queue_threshold, 0, 1e6, 5, "requests",
               "A replica with a longer queue is saturated."),
    NUMBER_OPT("kvSpareTrigger", v1_config, kv_spare, 0, 1, 0.1, "ratio",
               "One more when less than this is spare below the threshold."),
    NUMBER_OPT("queueSpareTrigger", v1_config, queue_spare, 0, 1e6, 3, "requests",
               "One more when less than this is spare below the threshold."),
};

static const struct field fields[] = {SATURATION_PODS_FIELDS(v1_state, pods)};

static int64_t target_of(const struct policy_input *in, const struct saturation_view *view,
                         struct saturation_result *ret)
{
    const struct v1_config *config = in->config;
    const struct pool_observation *o = in->observation;
    const struct saturation_config thresholds = {.kv_threshold = config->kv_threshold,
                                                 .queue_threshold = config->queue_threshold,
                                                 .kv_spare_trigger = config->kv_spare,
                                                 .queue_spare_trigger = config->queue_spare};
    struct saturation_replica replica[SATURATION_REPLICAS_MAX];
    const size_t count =
        view->count < SATURATION_REPLICAS_MAX ? view->count : SATURATION_REPLICAS_MAX;
    for (size_t i = 0; i < count; i++)
        replica[i] = (struct saturation_replica){
            .kv = saturation_kv(view, i), .queue = saturation_queue(view, i), .cost = 1};
    struct saturation_variant variant = {
        .current = num_clamp(num_add_sat(o->ready, o->pending), 0, REPLICAS_MAX),
        .desired = in->desired,
        .pending = num_clamp(o->pending, 0, REPLICAS_MAX),
    };
    if (variant.current > (int64_t)count && count == SATURATION_REPLICAS_MAX)
        variant.current = (int64_t)count + variant.pending; /* more than are looked at one by one */
    saturation_analyze(&thresholds, replica, count, ret);
    saturation_targets(ret, replica, count, &variant, 1);
    return variant.target;
}

static struct proposal propose(const struct policy_input *in)
{
    const struct v1_config *config = in->config;
    const struct v1_state *state = in->state;
    struct saturation_result r;
    if (in->observation->counts_state != SIGNAL_VALUE)
        return (struct proposal){.abstain = true, .exact = NAN, .reason = REASON_UNCOUNTED};
    const struct saturation_view view = saturation_view_of(in, &state->pods, config->max_age_ns);
    if (!view.known)
        return (struct proposal){.abstain = true, .exact = NAN, .reason = REASON_NO_SIGNAL};
    const int64_t target = target_of(in, &view, &r);
    const bool settled = in->observation->pending == 0 && in->desired == in->observation->ready;
    return (struct proposal){
        .replicas = num_clamp(target, policy_min(in), policy_max(in)),
        .exact = NAN,
        .reason = settled ? REASON_SATURATION_SPARE : REASON_SATURATION_MOVING,
        .number = {(double)r.non_saturated, (double)r.total, r.spare_kv, r.spare_queue},
    };
}

static void pod_sample(const struct pool_spec *pool, const void *config, void *state,
                       const struct pod_sample *sample, const char *external)
{
    (void)pool;
    (void)config;
    (void)external;
    saturation_pods_take(&((struct v1_state *)state)->pods, sample);
}

static size_t series(const struct pool_spec *pool, const void *config, struct series_need *ret,
                     size_t max)
{
    saturation_series(pool, ((const struct v1_config *)config)->max_age_ns, ret, max);
    return SATURATION_SERIES;
}

static enum rc check(const struct pool_spec *pool, const void *config_, struct diag *diag)
{
    const struct v1_config *config = config_;
    (void)pool;
    if (config->kv_spare > config->kv_threshold || config->queue_spare > config->queue_threshold)
        return fail(diag, RC_RANGE,
                    "a spare trigger is above its threshold: that much can never "
                    "be spare, and replicas would be added for ever");
    return RC_OK;
}

static int64_t period_ns(const struct pool_spec *pool, const void *config)
{
    (void)pool;
    return ((const struct v1_config *)config)->interval_ns;
}

static void state_init(const struct pool_spec *pool, const void *config, void *state,
                       int64_t now_ns, int64_t ready)
{
    (void)pool;
    (void)config;
    (void)now_ns;
    (void)ready;
    saturation_pods_init(&((struct v1_state *)state)->pods);
}

const struct policy_ops policy_saturation_v1 = {
    .name = "saturation-v1",
    .summary = "One replica more or less by what is spare of KV cache and queue, as llm-d's "
               "variant autoscaler did first.",
    .formula = "spare = mean(threshold - use) over the replicas below both thresholds; + 1 when a "
               "spare is below its trigger; - 1 when both would still be above it with the load of "
               "one spread over the others; nothing while replicas come or go",
    .source = "llm-d workload-variant-autoscaler internal/saturation, commit b08b1c7; recorded "
              "vectors",
    .blind = "how far a queue is beyond the threshold, arrivals, latencies; it waits while any "
             "replica starts",
    .options = options,
    .option_count = COUNT_OF(options),
    .config_size = sizeof(struct v1_config),
    .fields = fields,
    .field_count = COUNT_OF(fields),
    .imitation = true,
    .holds_itself = true,
    .check = check,
    .period_ns = period_ns,
    .series = series,
    .state_size = sizeof(struct v1_state),
    .state_init = state_init,
    .pod_sample = pod_sample,
    .propose = propose,
};
