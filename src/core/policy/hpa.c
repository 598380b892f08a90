/* hpa.c - a Kubernetes HorizontalPodAutoscaler: each metric asks for a count, the largest wins, and
 * what changes is damped. Exact semantics: conformance/hpa; its turn is in hpa_loop.c, one metric
 * in hpa_metric.c, the arithmetic in hpa_replicas.c and hpa_pace.c. */
#include "core/policy/hpa.h"

#include <math.h>

#include "base/duration.h"
#include "base/num.h"
#include "core/policy/hpa_loop.h"
#include "core/policy/hpa_metric.h"

#define STALE_PERIODS 4 /* of the policy: readings older than that are unknown to a guarded one */

static struct hpa_proposal ask(struct hpa_loop *loop, size_t index, enum hpa_reason *ret_failure)
{
    const struct policy_input *in = loop->in;
    const struct hpa_config *config = in->config;
    const bool own = config->metric_count > 0;
    const struct hpa_terms terms = own ? hpa_metric_terms(config, &config->metric[index])
                                       : hpa_pool_metric_terms(config, &in->pool->metric[index]);
    const struct reading reading = own ? series_read(in, index) : metric_read(in, index);
    if (own)
        *ret_failure = hpa_metric_failure(config->metric[index].source);
    return hpa_metric_ask(in, &terms, &loop->parts.metric[index], &reading, loop->current);
}

static void pod_sample(const struct pool_spec *pool, const void *config_, void *state,
                       const struct pod_sample *sample, const char *external)
{
    const struct hpa_config *config = config_;
    const struct hpa_parts parts = hpa_parts_of(pool, config, state);
    for (size_t i = 0; i < config->metric_count; i++)
        hpa_metric_take(&parts.metric[i], config, &config->metric[i], sample, external);
}

static struct proposal propose(const struct policy_input *in)
{
    struct hpa_loop loop = {
        .in = in,
        .config = in->config,
        .state = in->state,
        .parts = hpa_parts_of(in->pool, in->config, in->state),
        .current = in->desired,
        .min = policy_min(in),
        .max = policy_max(in),
        .ask = ask,
    };
    if (loop.parts.metric_count == 0)
        return (struct proposal){.abstain = true, .exact = NAN, .reason = REASON_NO_SIGNAL};
    if (in->observation->counts_state != SIGNAL_VALUE)
        return (struct proposal){.abstain = true, .exact = NAN, .reason = REASON_UNCOUNTED};
    hpa_loop_run(&loop);
    return hpa_loop_proposal(&loop);
}

/* ---- what it needs ---- */

static size_t series(const struct pool_spec *pool, const void *config_, struct series_need *ret,
                     size_t max)
{
    const struct hpa_config *config = config_;
    for (size_t i = 0; i < config->metric_count && i < max; i++) {
        ret[i] = (struct series_need){
            .kind = SERIES_LAST,
            .max_age_ns = pool->exact ? 0 : num_mul_sat(STALE_PERIODS, config->period_ns),
            .required = !pool->exact,
        };
        hpa_metric_signal(&config->metric[i], &ret[i].signal);
    }
    return config->metric_count;
}

static enum rc check(const struct pool_spec *pool, const void *config_, struct diag *diag)
{
    const struct hpa_config *config = config_;
    (void)pool;
    if (config->period_ns < SECOND_NS)
        return fail(diag, RC_RANGE, "the period is at least 1 s");
    for (size_t i = 0; i < config->metric_count; i++) {
        const enum rc rc = hpa_metric_check(&config->metric[i], diag);
        if (rc != RC_OK) {
            diag_at(diag, "hpa.metrics[%zu]", i);
            return rc;
        }
    }
    return RC_OK;
}

static int64_t period_ns(const struct pool_spec *pool, const void *config)
{
    (void)pool;
    return ((const struct hpa_config *)config)->period_ns;
}

const struct policy_ops policy_hpa = {
    .name = "hpa",
    .summary = "Follows metrics against targets, as Kubernetes' HorizontalPodAutoscaler does.",
    .formula = "desired = the largest of ceil(ready * value / target), or ceil(value / target) for "
               "an AverageValue; then stabilisation and limits of change",
    .source = "Kubernetes pkg/controller/podautoscaler, 1.33 and 1.20.2; recorded vectors",
    .blind = "replicas that start (a Value target multiplies by the ready ones only, so an "
             "overload may lower the count), and everything between two periods",
    .options = hpa_options,
    .option_count = HPA_OPTION_COUNT,
    .config_size = sizeof(struct hpa_config),
    .fields = hpa_fields,
    .field_count = HPA_FIELD_COUNT,
    .imitation = true,
    .uses_metrics = true,
    .holds_itself = true,
    .check = check,
    .period_ns = period_ns,
    .series = series,
    .state_room = hpa_state_size,
    .state_init = hpa_state_init,
    .state_valid = hpa_state_valid,
    .reshape = hpa_reshape,
    .pod_sample = pod_sample,
    .propose = propose,
};
