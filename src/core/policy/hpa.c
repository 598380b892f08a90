/* hpa.c - a Kubernetes HorizontalPodAutoscaler: each metric asks for a count, the largest wins, and
 * what changes is damped. Exact semantics: conformance/hpa; the arithmetic is in hpa_replicas.c
 * and hpa_pace.c. */
#include "core/policy/hpa.h"

#include <math.h>
#include <string.h>

#include "base/duration.h"
#include "base/num.h"
#include "core/policy.h"

#define STALE_PERIODS 4 /* of the policy: readings older than that are unknown to a guarded one */

/* ---- one metric ---- */

static bool per_pod(const struct hpa_metric *metric)
{
    return metric->source <= HPA_PODS;
}

static enum hpa_kind kind_of(const struct hpa_metric *metric)
{
    if (per_pod(metric))
        return metric->target == HPA_UTILIZATION ? HPA_PODS_UTILIZATION : HPA_PODS_AVERAGE;
    return metric->target == HPA_VALUE ? HPA_ONE_VALUE : HPA_ONE_AVERAGE;
}

/* A metric of the pool: sums and rates have a target per replica, the others one for all. */
static enum hpa_kind kind_of_pool_metric(const struct metric_spec *metric)
{
    const enum signal_fold fold = signal_row(metric->signal.id)->fold;
    return fold == FOLD_SUM || fold == FOLD_RATE ? HPA_ONE_AVERAGE : HPA_ONE_VALUE;
}

static struct hpa_terms terms_of(const struct pool_spec *pool, const struct hpa_config *config,
                                 size_t index)
{
    struct hpa_terms terms = {
        .semantics = (enum hpa_semantics)config->semantics,
        .tolerance_up = isnan(config->up.tolerance) ? config->tolerance : config->up.tolerance,
        .tolerance_down =
            isnan(config->down.tolerance) ? config->tolerance : config->down.tolerance,
        .cpu_init_ns = config->cpu_init_ns,
        .readiness_delay_ns = config->readiness_delay_ns,
    };
    if (config->metric_count == 0) {
        terms.kind = kind_of_pool_metric(&pool->metric[index]);
        terms.target = hpa_milli(pool->metric[index].target);
        return terms;
    }
    const struct hpa_metric *metric = &config->metric[index];
    terms.kind = kind_of(metric);
    terms.resource_cpu =
        metric->source <= HPA_CONTAINER_RESOURCE && span_equal_text(span_from(metric->name), "cpu");
    terms.target = terms.kind == HPA_PODS_UTILIZATION ? num_to_int(metric->value, 1, INT32_MAX)
                                                      : hpa_milli(metric->value);
    return terms;
}

static enum hpa_reason failure_of(const struct hpa_config *config, size_t index)
{
    static const enum hpa_reason reasons[] = {
        [HPA_RESOURCE] = HPA_FAILED_RESOURCE,
        [HPA_CONTAINER_RESOURCE] = HPA_FAILED_CONTAINER_RESOURCE,
        [HPA_PODS] = HPA_FAILED_PODS,
        [HPA_OBJECT] = HPA_FAILED_OBJECT,
        [HPA_EXTERNAL] = HPA_FAILED_EXTERNAL,
    };
    return config->metric_count == 0 ? HPA_FAILED_EXTERNAL : reasons[config->metric[index].source];
}

static int64_t pods_of(const struct pool_observation *o)
{
    const int64_t counted = num_add_sat(num_add_sat(o->ready, o->pending), o->blocked);
    return o->actual_count > counted ? o->actual_count : counted;
}

static struct hpa_proposal ask(const struct policy_input *in, const struct hpa_parts *parts,
                               size_t index)
{
    static const struct hpa_tally nothing;
    const struct hpa_config *config = in->config;
    const struct hpa_terms terms = terms_of(in->pool, config, index);
    const struct hpa_metric_state *metric = &parts->metric[index];
    const struct reading r =
        config->metric_count == 0 ? metric_read(in, index) : series_read(in, index);
    if (r.state != SIGNAL_VALUE)
        return (struct hpa_proposal){.error = HPA_METRIC_UNAVAILABLE};
    if (terms.kind <= HPA_PODS_AVERAGE) {
        /* Only the round that this value closed. */
        const bool closed = metric->round_ns == num_add_sat(in->now_ns, -r.age_ns);
        return hpa_from_pods(&terms, closed ? &metric->tally : &nothing, in->desired);
    }
    return hpa_from_value(&terms, hpa_milli(r.value), in->desired, pods_of(in->observation),
                          in->observation->ready);
}

static void signal_of(const struct hpa_metric *metric, struct signal_ref *ret)
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

static void pod_sample(const struct pool_spec *pool, const void *config_, void *state,
                       const struct pod_sample *sample, const char *external)
{
    const struct hpa_config *config = config_;
    const struct hpa_parts parts = hpa_parts_of(pool, config, state);
    for (size_t i = 0; i < config->metric_count; i++) {
        struct signal_ref signal;
        signal_of(&config->metric[i], &signal);
        struct hpa_metric_state *metric = &parts.metric[i];
        if (!per_pod(&config->metric[i]) || signal.id != (enum signal_id)sample->sample.signal ||
            !span_equal_text(span_from(external), signal.external) ||
            sample->sample.t_ns < metric->round_ns)
            continue;
        if (sample->sample.t_ns > metric->round_ns)
            metric->tally = (struct hpa_tally){0};
        metric->round_ns = sample->sample.t_ns;
        const struct hpa_terms terms = terms_of(pool, config, i);
        hpa_tally_add(&metric->tally, &terms, sample, sample->sample.t_ns);
    }
}

/* ---- one tick ---- */

struct tick {
    const struct policy_input *in;
    const struct hpa_config *config;
    struct hpa_state *state;
    struct hpa_parts parts;
    int64_t current;
    int64_t desired; /* by the metrics */
    int64_t stable;  /* after stabilisation */
    int64_t out;
};

static struct hpa_condition holds(bool status, enum hpa_reason reason)
{
    return (struct hpa_condition){status ? HPA_STATUS_TRUE : HPA_STATUS_FALSE, (uint8_t)reason};
}

/* The largest of the good numbers; false when the tick fails. Half blind nothing is lowered, today;
 * the old one did that. */
static bool ask_all(struct tick *t)
{
    const size_t n = t->parts.metric_count;
    enum hpa_reason first = HPA_NONE;
    size_t good = 0;
    for (size_t i = 0; i < n; i++) {
        const struct hpa_proposal p = ask(t->in, &t->parts, i);
        t->parts.metric[i].replicas = p.error == HPA_OK ? p.replicas : -1;
        t->parts.metric[i].usage = p.usage;
        if (p.error == HPA_OK) {
            if (good++ == 0 || t->desired == 0 || p.replicas > t->desired)
                t->desired = p.replicas;
            continue;
        }
        t->state->failed_metrics |= UINT32_C(1) << i;
        first = first == HPA_NONE ? failure_of(t->config, i) : first;
    }
    const bool blind = first != HPA_NONE && t->config->semantics == HPA_MODERN;
    if (good > 0 && !(blind && t->desired < t->current)) {
        t->state->active = holds(true, HPA_VALID_METRIC_FOUND);
        return true;
    }
    t->state->failed = 1;
    t->state->active = holds(false, first);
    return false;
}

static void damp_simply(struct tick *t)
{
    t->stable = hpa_stabilize_simple(&t->parts.records, t->in->now_ns, t->config->down_window_ns,
                                     t->desired);
    t->state->able =
        holds(true, t->stable == t->desired ? HPA_READY_FOR_NEW_SCALE : HPA_SCALE_DOWN_STABILIZED);
    const struct hpa_count limited =
        hpa_limit_simple(t->current, t->stable, policy_min(t->in), policy_max(t->in));
    t->out = limited.replicas;
    t->state->limited = holds(t->out != t->stable, limited.reason);
}

static void damp(struct tick *t)
{
    const struct hpa_direction up = hpa_direction_of(t->config, true);
    const struct hpa_direction down = hpa_direction_of(t->config, false);
    const struct hpa_windows windows = {up.window_ns, down.window_ns};
    const enum hpa_semantics semantics = (enum hpa_semantics)t->config->semantics;
    const struct hpa_count stable = hpa_stabilize(semantics, &t->parts.records, t->in->now_ns,
                                                  &windows, t->current, t->desired);
    t->stable = stable.replicas;
    t->state->able = holds(true, t->stable == t->desired ? HPA_READY_FOR_NEW_SCALE : stable.reason);
    const struct hpa_limits limits = {
        .up = &up,
        .down = &down,
        .up_events = t->parts.up,
        .down_events = t->parts.down,
        .min = policy_min(t->in),
        .max = policy_max(t->in),
    };
    const struct hpa_count limited =
        hpa_limit(semantics, &limits, t->in->now_ns, t->current, t->stable);
    t->out = limited.replicas;
    t->state->limited = holds(t->out != t->stable, limited.reason);
}

static void follow_metrics(struct tick *t)
{
    if (!ask_all(t))
        return;
    if (t->config->behave)
        damp(t);
    else
        damp_simply(t);
    if (t->desired != t->current)
        t->state->reason =
            (uint8_t)(t->desired > t->current ? HPA_ABOVE_TARGET : HPA_ALL_BELOW_TARGET);
}

static void note_rescale(struct tick *t)
{
    const bool up = t->out > t->current;
    t->state->rescaled = t->out != t->current;
    if (!t->state->rescaled)
        return;
    t->state->scaled_ns = t->in->now_ns;
    t->state->able = holds(true, HPA_SUCCEEDED_RESCALE);
    if (!t->config->behave)
        return;
    const struct hpa_direction direction = hpa_direction_of(t->config, up);
    hpa_store_event(up ? &t->parts.up : &t->parts.down, &direction, t->in->now_ns,
                    up ? t->out - t->current : t->current - t->out);
}

static void run(struct tick *t)
{
    const int64_t min = policy_min(t->in);
    const int64_t max = policy_max(t->in);
    struct hpa_state *state = t->state;
    state->failed = 0;
    state->failed_metrics = 0;
    state->reason = HPA_NONE;
    if (!state->started)
        hpa_store_record(&t->parts.records, t->in->now_ns, t->current);
    state->started = 1;
    state->able = holds(true, HPA_SUCCEEDED_GET_SCALE);
    t->desired = 0;
    t->out = t->current;
    if (t->current == 0 && min != 0) {
        state->active = holds(false, HPA_SCALING_DISABLED);
    } else if (t->current > max) {
        t->out = max;
        state->reason = HPA_ABOVE_MAX;
    } else if (t->current < min) {
        t->out = min;
        state->reason = HPA_BELOW_MIN;
    } else {
        follow_metrics(t);
    }
    note_rescale(t);
}

static enum reason reason_of(const struct hpa_state *state)
{
    if (state->reason == HPA_ABOVE_MAX || state->reason == HPA_BELOW_MIN)
        return REASON_LOOP_BOUND;
    if (state->active.reason == HPA_SCALING_DISABLED)
        return REASON_LOOP_DISABLED;
    return state->failed ? REASON_LOOP_FAILED : REASON_LOOP_METRICS;
}

static struct proposal propose(const struct policy_input *in)
{
    struct tick t = {
        .in = in,
        .config = in->config,
        .state = in->state,
        .parts = hpa_parts_of(in->pool, in->config, in->state),
        .current = in->desired,
    };
    if (t.parts.metric_count == 0)
        return (struct proposal){.abstain = true, .exact = NAN, .reason = REASON_NO_SIGNAL};
    if (in->observation->counts_state != SIGNAL_VALUE)
        return (struct proposal){.abstain = true, .exact = NAN, .reason = REASON_UNCOUNTED};
    run(&t);
    return (struct proposal){
        .abstain = t.state->failed,
        .replicas = t.out,
        .exact = NAN,
        .reason = (uint16_t)reason_of(t.state),
        .number = {(double)t.desired, (double)t.stable, (double)t.state->failed_metrics},
    };
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
        signal_of(&config->metric[i], &ret[i].signal);
    }
    return config->metric_count;
}

static enum rc check_metric(const struct hpa_metric *metric, struct diag *diag)
{
    struct signal_ref signal;
    if (!(metric->value > 0))
        return fail(diag, RC_RANGE, "target %g; it is above 0", metric->value);
    if (metric->target == HPA_UTILIZATION && metric->source > HPA_CONTAINER_RESOURCE)
        return fail(diag, RC_INVALID, "only a resource has a target of Utilization");
    if (metric->target == HPA_VALUE && per_pod(metric))
        return fail(diag, RC_INVALID, "a metric of each pod has no target of Value");
    if ((metric->source == HPA_CONTAINER_RESOURCE) != (metric->container[0] != '\0'))
        return fail(diag, RC_INVALID, "a ContainerResource, and nothing else, names a container");
    if (strlen(metric->name) + strlen(metric->container) + 2 > NAME_SIZE)
        return fail(diag, RC_RANGE, "the names \"%s\" and \"%s\" are too long together",
                    metric->name, metric->container);
    signal_of(metric, &signal);
    if (signal.id != SIGNAL_EXTERNAL && signal_row(signal.id)->fold == FOLD_QUANTILE)
        return fail(diag, RC_UNSUPPORTED, "a quantile is no metric of hpa: name it under metrics");
    return RC_OK;
}

static enum rc check(const struct pool_spec *pool, const void *config_, struct diag *diag)
{
    const struct hpa_config *config = config_;
    (void)pool;
    if (config->period_ns < SECOND_NS)
        return fail(diag, RC_RANGE, "the period is at least 1 s");
    for (size_t i = 0; i < config->metric_count; i++) {
        const enum rc rc = check_metric(&config->metric[i], diag);
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
    .state_size = hpa_state_size,
    .state_init = hpa_state_init,
    .state_valid = hpa_state_valid,
    .reshape = hpa_reshape,
    .pod_sample = pod_sample,
    .propose = propose,
};
