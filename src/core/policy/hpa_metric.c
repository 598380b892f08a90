/* hpa_metric.c - from the reading of one metric to the count that it asks for; the arithmetic is in
 * hpa_replicas.c. */
#include "core/policy/hpa_metric.h"

#include <math.h>
#include <string.h>

#include "base/num.h"

bool hpa_metric_per_pod(const struct hpa_metric *metric)
{
    return metric->source <= HPA_PODS;
}

static enum hpa_kind kind_of(const struct hpa_metric *metric)
{
    if (hpa_metric_per_pod(metric))
        return metric->target == HPA_UTILIZATION ? HPA_PODS_UTILIZATION : HPA_PODS_AVERAGE;
    return metric->target == HPA_VALUE ? HPA_ONE_VALUE : HPA_ONE_AVERAGE;
}

struct hpa_terms hpa_terms_of(const struct hpa_config *config)
{
    return (struct hpa_terms){
        .semantics = (enum hpa_semantics)config->semantics,
        .tolerance_up = isnan(config->up.tolerance) ? config->tolerance : config->up.tolerance,
        .tolerance_down =
            isnan(config->down.tolerance) ? config->tolerance : config->down.tolerance,
        .cpu_init_ns = config->cpu_init_ns,
        .readiness_delay_ns = config->readiness_delay_ns,
    };
}

struct hpa_terms hpa_metric_terms(const struct hpa_config *config, const struct hpa_metric *metric)
{
    struct hpa_terms terms = hpa_terms_of(config);
    terms.kind = kind_of(metric);
    terms.resource_cpu =
        metric->source <= HPA_CONTAINER_RESOURCE && span_equal_text(span_from(metric->name), "cpu");
    terms.target = terms.kind == HPA_PODS_UTILIZATION ? num_to_int(metric->value, 1, INT32_MAX)
                                                      : hpa_milli(metric->value);
    return terms;
}

struct hpa_terms hpa_pool_metric_terms(const struct hpa_config *config,
                                       const struct metric_spec *metric)
{
    const enum signal_fold fold = signal_row(metric->signal.id)->fold;
    struct hpa_terms terms = hpa_terms_of(config);
    terms.kind = fold == FOLD_SUM || fold == FOLD_RATE ? HPA_ONE_AVERAGE : HPA_ONE_VALUE;
    terms.target = hpa_milli(metric->target);
    return terms;
}

enum hpa_reason hpa_metric_failure(int source)
{
    static const enum hpa_reason reasons[] = {
        [HPA_RESOURCE] = HPA_FAILED_RESOURCE,
        [HPA_CONTAINER_RESOURCE] = HPA_FAILED_CONTAINER_RESOURCE,
        [HPA_PODS] = HPA_FAILED_PODS,
        [HPA_OBJECT] = HPA_FAILED_OBJECT,
        [HPA_EXTERNAL] = HPA_FAILED_EXTERNAL,
    };
    return reasons[source];
}

void hpa_metric_signal(const struct hpa_metric *metric, struct signal_ref *ret)
{
    if (metric->source == HPA_CONTAINER_RESOURCE) {
        *ret = (struct signal_ref){.id = SIGNAL_EXTERNAL};
        const size_t len = strlen(metric->name);
        char *rest = ret->external + len + 1;
        memcpy(ret->external, metric->name, len);
        rest[-1] = '/';
        (void)span_copy(span_from(metric->container), rest, NAME_SIZE - len - 1); /* checked */
        return;
    }
    (void)signal_named(span_from(metric->name), ret); /* as long as a name at most */
}

enum rc hpa_metric_check(const struct hpa_metric *metric, struct diag *diag)
{
    struct signal_ref signal;
    if (!(metric->value > 0))
        return fail(diag, RC_RANGE, "target %g; it is above 0", metric->value);
    if (metric->target == HPA_UTILIZATION && metric->source > HPA_CONTAINER_RESOURCE)
        return fail(diag, RC_INVALID, "only a resource has a target of Utilization");
    if (metric->target == HPA_VALUE && hpa_metric_per_pod(metric))
        return fail(diag, RC_INVALID, "a metric of each pod has no target of Value");
    if ((metric->source == HPA_CONTAINER_RESOURCE) != (metric->container[0] != '\0'))
        return fail(diag, RC_INVALID, "a ContainerResource, and nothing else, names a container");
    if (strlen(metric->name) + strlen(metric->container) + 2 > NAME_SIZE)
        return fail(diag, RC_RANGE, "the names \"%s\" and \"%s\" are too long together",
                    metric->name, metric->container);
    hpa_metric_signal(metric, &signal);
    if (signal.id != SIGNAL_EXTERNAL && signal_row(signal.id)->fold == FOLD_QUANTILE)
        return fail(diag, RC_UNSUPPORTED, "a quantile is no metric of hpa: name it under metrics");
    return RC_OK;
}

void hpa_metric_take(struct hpa_metric_state *state, const struct hpa_config *config,
                     const struct hpa_metric *metric, const struct pod_sample *sample,
                     const char *external)
{
    struct signal_ref signal;
    hpa_metric_signal(metric, &signal);
    if (!hpa_metric_per_pod(metric) || signal.id != (enum signal_id)sample->sample.signal ||
        !span_equal_text(span_from(external), signal.external) ||
        sample->sample.t_ns < state->round_ns)
        return;
    if (sample->sample.t_ns > state->round_ns)
        state->tally = (struct hpa_tally){0};
    state->round_ns = sample->sample.t_ns;
    const struct hpa_terms terms = hpa_metric_terms(config, metric);
    hpa_tally_add(&state->tally, &terms, sample, sample->sample.t_ns);
}

static int64_t pods_of(const struct pool_observation *o)
{
    const int64_t counted = num_add_sat(num_add_sat(o->ready, o->pending), o->blocked);
    return o->actual_count > counted ? o->actual_count : counted;
}

struct hpa_proposal hpa_metric_ask_value(const struct policy_input *in,
                                         const struct hpa_terms *terms, int64_t value,
                                         int64_t current)
{
    return hpa_from_value(terms, value, current, pods_of(in->observation), in->observation->ready);
}

struct hpa_proposal hpa_metric_ask(const struct policy_input *in, const struct hpa_terms *terms,
                                   const struct hpa_metric_state *state,
                                   const struct reading *reading, int64_t current)
{
    static const struct hpa_tally nothing;
    if (reading->state != SIGNAL_VALUE)
        return (struct hpa_proposal){.error = HPA_METRIC_UNAVAILABLE};
    if (terms->kind > HPA_PODS_AVERAGE)
        return hpa_metric_ask_value(in, terms, hpa_milli(reading->value), current);
    /* Only the round that this value closed. */
    const bool closed = state->round_ns == num_add_sat(in->now_ns, -reading->age_ns);
    return hpa_from_pods(terms, closed ? &state->tally : &nothing, current);
}
