/* keda.c - a KEDA ScaledObject: every 30 s its triggers are looked at, and the target goes from
 * nothing (or an idle count) to its minimum or, after the cooldown, back from any count; between
 * one and the maximum a HorizontalPodAutoscaler follows the same triggers every 15 s.
 *
 * Failures of a trigger are counted at both looks, as in the peer. A formula takes the place of all
 * external triggers; it is read again at each look, which is rare, so that the state and the
 * configuration stay plain. */
#include "core/policy/keda.h"

#include <math.h>
#include <string.h>

#include "base/duration.h"
#include "base/num.h"
#include "core/policy/hpa_loop.h"
#include "core/policy/hpa_metric.h"

#define STALE_LOOKS 4 /* readings older than so many looks are unknown to a guarded pool */

/* ---- triggers ---- */

struct look {
    const struct policy_input *in;
    const struct keda_config *config;
    struct keda_state *state;
    struct keda_parts parts;
    size_t trigger_count;
    int64_t current;
    int64_t min; /* of the target; the HPA's is at least one */
    int64_t max;
};

/* What a look at one trigger, or at all of them through the formula, found. */
struct found {
    bool error;
    bool active;
    bool fallback;
    double value; /* NAN = none */
};

static bool is_own(const struct look *l)
{
    return l->config->trigger_count > 0;
}

static bool is_resource(const struct look *l, size_t index)
{
    return is_own(l) && l->config->trigger[index].type == KEDA_RESOURCE;
}

static bool has_formula(const struct look *l)
{
    return l->config->formula[0] != '\0';
}

/* The peer's metrics are whole thousandths, cut towards zero. */
static int64_t milli(double value)
{
    return num_to_int(value * 1000, INT64_MIN / 2, INT64_MAX / 2);
}

static struct hpa_terms external_terms(const struct look *l, size_t index)
{
    if (!is_own(l))
        return hpa_pool_metric_terms(&l->config->hpa, &l->in->pool->metric[index]);
    const struct keda_trigger *trigger = &l->config->trigger[index];
    struct hpa_terms terms = hpa_terms_of(&l->config->hpa);
    terms.kind = trigger->metric_type == HPA_VALUE ? HPA_ONE_VALUE : HPA_ONE_AVERAGE;
    terms.target = milli(trigger->threshold);
    return terms;
}

static struct hpa_terms formula_terms(const struct look *l)
{
    struct hpa_terms terms = hpa_terms_of(&l->config->hpa);
    terms.kind = l->config->formula_metric_type == HPA_VALUE ? HPA_ONE_VALUE : HPA_ONE_AVERAGE;
    terms.target = milli(l->config->target);
    return terms;
}

static struct found read_trigger(const struct look *l, size_t index)
{
    const bool own = is_own(l);
    const struct keda_trigger *trigger = &l->config->trigger[index];
    const struct reading r = own ? series_read(l->in, index) : metric_read(l->in, index);
    const bool null = r.state == SIGNAL_ABSENT && own && trigger->null_is_zero;
    if (r.state != SIGNAL_VALUE && !null)
        return (struct found){.error = true, .value = NAN};
    const double value = null ? 0 : r.value;
    return (struct found){.value = value, .active = value > (own ? trigger->activation : 0)};
}

/* ---- fallback ---- */

static int64_t fallback_replicas(const struct look *l)
{
    const int64_t named = l->config->fallback.replicas;
    const bool higher = l->current > named;
    switch ((enum keda_fallback)l->config->fallback.behavior) {
    case KEDA_CURRENT:
        return l->current;
    case KEDA_CURRENT_IF_HIGHER:
        return higher ? l->current : named;
    case KEDA_CURRENT_IF_LOWER:
        return higher ? named : l->current;
    case KEDA_STATIC:
    case KEDA_SCALING_MODIFIERS:
        break;
    }
    return named;
}

/* The value that makes the HPA ask for the replicas of the fallback; NAN when no replica is ready
 * to share a target of Value. */
static double fallback_value(const struct look *l, const struct hpa_terms *terms)
{
    double replicas = (double)fallback_replicas(l);
    if (terms->kind == HPA_ONE_VALUE) {
        if (l->in->observation->ready <= 0)
            return NAN;
        replicas /= (double)l->in->observation->ready;
    }
    return (double)terms->target / 1000 * replicas;
}

/* The trigger as the peer passes it on: its value, that of the fallback, or an error. */
static struct found look_at(const struct look *l, size_t index)
{
    struct found found = read_trigger(l, index);
    struct keda_trigger_state *state = &l->parts.trigger[index];
    if (!found.error) {
        state->failures = 0;
        return found;
    }
    if (l->config->fallback.failures < 0)
        return found;
    state->failures = num_add_sat(state->failures, 1);
    if (state->failures <= l->config->fallback.failures)
        return found;
    if (l->config->fallback.behavior == KEDA_SCALING_MODIFIERS)
        return (struct found){.value = NAN}; /* the formula may do without */
    const struct hpa_terms terms = has_formula(l) ? formula_terms(l) : external_terms(l, index);
    const double value = fallback_value(l, &terms);
    return (struct found){
        .error = isnan(value), .active = !isnan(value), .fallback = !isnan(value), .value = value};
}

/* ---- the formula ---- */

/* With nothing to go by the replicas of the fallback, where the formula is to decide. */
static double without_value(const struct look *l)
{
    if (l->config->fallback.failures < 0 || l->config->fallback.behavior != KEDA_SCALING_MODIFIERS)
        return NAN;
    return (double)l->config->fallback.replicas * l->config->target;
}

static double formula_of(const struct look *l, const double *values)
{
    struct formula formula;
    struct diag diag;
    const char *names[METRICS_PER_POOL_MAX];
    for (size_t i = 0; i < l->trigger_count; i++)
        names[i] = l->config->trigger[i].name;
    if (formula_parse(span_from(l->config->formula), names, l->trigger_count, &formula, &diag) !=
        RC_OK)
        return NAN; /* keda_check() refuses that */
    const double value = formula_value(&formula, values);
    return isnan(value) ? without_value(l) : (double)milli(value) / 1000;
}

/* One number out of all external triggers; the first fallback takes its place. */
static struct found look_through_formula(const struct look *l)
{
    double values[METRICS_PER_POOL_MAX];
    struct found all = {.value = NAN};
    for (size_t i = 0; i < l->trigger_count; i++) {
        values[i] = NAN;
        if (is_resource(l, i))
            continue;
        const struct found one = look_at(l, i);
        all.error |= one.error;
        if (one.fallback && !all.fallback)
            all.value = one.value;
        all.fallback |= one.fallback;
        values[i] = one.value;
    }
    if (!all.fallback && !all.error)
        all.value = formula_of(l, values);
    all.active = !all.error && all.value > l->config->activation_target;
    return all;
}

/* ---- the loop of activation ---- */

static struct found look_at_all(const struct look *l)
{
    struct found all = {.value = NAN};
    size_t external = 0;
    for (size_t i = 0; i < l->trigger_count; i++)
        external += !is_resource(l, i);
    if (has_formula(l)) {
        all = look_through_formula(l);
    } else {
        for (size_t i = 0; i < l->trigger_count; i++) {
            if (is_resource(l, i))
                continue;
            const struct found one = look_at(l, i);
            all.active |= !one.error && one.active;
            all.error |= one.error;
        }
    }
    if (external == 0 && !all.error) /* nothing would ever wake it */
        all.active = true;
    return all;
}

struct answer {
    int64_t count;
    enum reason reason; /* REASON_NONE = nothing is changed */
    double number;
};

static struct answer while_active(const struct look *l, bool error)
{
    const bool idle = l->config->idle >= 0 && l->current < l->min;
    if (idle || l->current == 0) {
        if (l->config->hpa.up_paused)
            return (struct answer){l->current, REASON_KEDA_PAUSED, 0};
        l->state->active_ns = l->in->now_ns;
        return (struct answer){l->min > 0 ? l->min : 1, REASON_KEDA_ACTIVATED, 0};
    }
    if (!error)
        l->state->active_ns = l->in->now_ns;
    return (struct answer){l->current, REASON_NONE, 0};
}

static struct answer deactivate(const struct look *l)
{
    const struct keda_state *state = l->state;
    const bool never = state->active_ns == TIME_NONE;
    const int64_t until_ns = never ? num_add_sat(state->created_ns, l->config->initial_cooldown_ns)
                                   : num_add_sat(state->active_ns, l->config->cooldown_ns);
    if (l->config->hpa.down_paused)
        return (struct answer){l->current, REASON_KEDA_PAUSED, 0};
    if (until_ns >= l->in->now_ns)
        return (struct answer){l->current, REASON_KEDA_COOLING,
                               seconds_of(num_add_sat(until_ns, -l->in->now_ns))};
    return (struct answer){l->config->idle >= 0 ? l->config->idle : l->min, REASON_KEDA_DEACTIVATED,
                           0};
}

static struct answer while_inactive(const struct look *l, bool error)
{
    const bool fallback = l->config->fallback.failures >= 0;
    const int64_t idle = l->config->idle;
    if (error && (!fallback || l->config->fallback.replicas != 0))
        return (struct answer){l->current, REASON_KEDA_FAILED, 0};
    if ((idle >= 0 && l->current > idle) || (l->current > 0 && l->min == 0))
        return deactivate(l);
    if (idle < 0 && l->current < l->min)
        return (struct answer){l->min, REASON_KEDA_MINIMUM, 0};
    return (struct answer){l->current, REASON_KEDA_IDLE, 0};
}

static struct answer poll(const struct look *l)
{
    const struct found found = look_at_all(l);
    l->state->active = found.active;
    l->state->error = found.error;
    return found.active || l->config->force ? while_active(l, found.error)
                                            : while_inactive(l, found.error);
}

/* ---- the HPA ---- */

static struct hpa_proposal ask(struct hpa_loop *loop, size_t index, enum hpa_reason *ret_failure)
{
    const struct look *l = loop->user;
    const struct reading none = {.state = SIGNAL_FAILED};
    if (index < l->trigger_count && is_resource(l, index)) {
        const struct hpa_metric metric = keda_metric_of(&l->config->trigger[index]);
        const struct hpa_terms terms = hpa_metric_terms(&l->config->hpa, &metric);
        const struct reading reading = series_read(l->in, index);
        *ret_failure = HPA_FAILED_RESOURCE;
        return hpa_metric_ask(l->in, &terms, &loop->parts.metric[index], &reading, loop->current);
    }
    const bool composite = index == l->trigger_count;
    if (has_formula(l) && !composite)
        return (struct hpa_proposal){.error = HPA_NOT_ASKED};
    const struct hpa_terms terms = composite ? formula_terms(l) : external_terms(l, index);
    const struct found found = composite ? look_through_formula(l) : look_at(l, index);
    *ret_failure = HPA_FAILED_EXTERNAL;
    if (found.error || isnan(found.value))
        return hpa_metric_ask(l->in, &terms, NULL, &none, loop->current);
    return hpa_metric_ask_value(l->in, &terms, milli(found.value), loop->current);
}

static struct proposal follow(struct look *l)
{
    struct hpa_loop loop = {
        .in = l->in,
        .config = &l->config->hpa,
        .state = l->parts.hpa,
        .parts =
            hpa_parts_at(&l->config->hpa, keda_metric_count(l->in->pool, l->config), l->parts.hpa),
        .current = l->current,
        .min = l->min > 0 ? l->min : 1,
        .max = l->max,
        .ask = ask,
        .user = l,
    };
    hpa_loop_run(&loop);
    l->current = loop.out;
    return hpa_loop_proposal(&loop);
}

/* ---- one evaluation ---- */

/* True when it is time; the next time stays on the grid, however late this one is. */
static bool is_due(int64_t *next_ns, int64_t period_ns, int64_t now_ns)
{
    if (*next_ns == TIME_NONE)
        *next_ns = now_ns;
    if (now_ns < *next_ns)
        return false;
    const int64_t periods = num_add_sat(now_ns, -*next_ns) / period_ns + 1;
    *next_ns = num_add_sat(*next_ns, num_mul_sat(periods, period_ns));
    return true;
}

static struct proposal says(int64_t count, enum reason reason, double number)
{
    return (struct proposal){
        .replicas = count, .exact = NAN, .reason = (uint16_t)reason, .number = {number}};
}

static struct proposal evaluate(struct look *l)
{
    const bool polls = is_due(&l->state->poll_ns, l->config->poll_ns, l->in->now_ns);
    const bool syncs = is_due(&l->state->sync_ns, l->config->hpa.period_ns, l->in->now_ns);
    if (l->config->paused_at >= 0 || l->config->paused)
        return says(l->config->paused_at >= 0 ? l->config->paused_at : l->current,
                    REASON_KEDA_PAUSED, 0);
    const int64_t before = l->current;
    const struct answer answer = polls ? poll(l) : (struct answer){l->current, REASON_NONE, 0};
    l->current = answer.count;
    const struct proposal polled = says(answer.count, answer.reason, answer.number);
    if (!syncs)
        return answer.count != before ? polled : says(l->state->wanted, REASON_STANDS, 0);
    const struct proposal synced = follow(l);
    if (synced.reason == REASON_LOOP_DISABLED) /* of no use to a reader: it is at rest */
        return says(l->current, polls ? answer.reason : REASON_KEDA_IDLE, answer.number);
    if (synced.abstain)
        return answer.count != before ? polled : synced;
    return answer.reason != REASON_NONE && synced.replicas == answer.count ? polled : synced;
}

static struct proposal propose(const struct policy_input *in)
{
    const struct keda_config *config = in->config;
    struct look l = {
        .in = in,
        .config = config,
        .state = in->state,
        .parts = keda_parts_of(in->pool, config, in->state),
        .trigger_count = keda_trigger_count(in->pool, config),
        .current = in->desired,
        .min = config->min >= 0 ? config->min : policy_min(in),
        .max = policy_max(in),
    };
    if (l.trigger_count == 0)
        return (struct proposal){.abstain = true, .exact = NAN, .reason = REASON_NO_SIGNAL};
    if (in->observation->counts_state != SIGNAL_VALUE)
        return (struct proposal){.abstain = true, .exact = NAN, .reason = REASON_UNCOUNTED};
    const struct proposal p = evaluate(&l);
    l.state->wanted = p.abstain ? in->desired : p.replicas;
    return p;
}

/* ---- what it needs ---- */

static void pod_sample(const struct pool_spec *pool, const void *config_, void *state,
                       const struct pod_sample *sample, const char *external)
{
    const struct keda_config *config = config_;
    const struct keda_parts parts = keda_parts_of(pool, config, state);
    const struct hpa_parts hpa =
        hpa_parts_at(&config->hpa, keda_metric_count(pool, config), parts.hpa);
    for (size_t i = 0; i < config->trigger_count; i++) {
        const struct hpa_metric metric = keda_metric_of(&config->trigger[i]);
        hpa_metric_take(&hpa.metric[i], &config->hpa, &metric, sample, external);
    }
}

static size_t series(const struct pool_spec *pool, const void *config_, struct series_need *ret,
                     size_t max)
{
    const struct keda_config *config = config_;
    const int64_t look_ns =
        config->poll_ns > config->hpa.period_ns ? config->poll_ns : config->hpa.period_ns;
    for (size_t i = 0; i < config->trigger_count && i < max; i++) {
        const struct hpa_metric metric = keda_metric_of(&config->trigger[i]);
        ret[i] = (struct series_need){
            .kind = SERIES_LAST,
            .max_age_ns = pool->exact ? 0 : num_mul_sat(STALE_LOOKS, look_ns),
            .required = !pool->exact,
        };
        hpa_metric_signal(&metric, &ret[i].signal);
    }
    return config->trigger_count;
}

const struct policy_ops policy_keda = {
    .name = "keda",
    .summary = "Wakes and puts to rest by triggers, and follows them between one replica and the "
               "maximum, as KEDA with its HorizontalPodAutoscaler does.",
    .formula = "active = a trigger (or the formula over all of them) above its activation "
               "threshold: at least minReplicas; inactive for cooldownPeriod: the idle count; in "
               "between policy hpa over the triggers",
    .source = "KEDA main of August 2026 (pkg/scaling/executor, pkg/fallback), read, not recorded; "
              "the HPA as policy hpa",
    .blind = "everything between two polls: a first request waits for up to pollingInterval; from "
             "any count it falls to the idle count in one step",
    .options = keda_options,
    .option_count = KEDA_OPTION_COUNT,
    .config_size = sizeof(struct keda_config),
    .fields = keda_fields,
    .field_count = KEDA_FIELD_COUNT,
    .imitation = true,
    .uses_metrics = true,
    .wakes_itself = true,
    .holds_itself = true,
    .check = keda_check,
    .period_ns = keda_period_ns,
    .series = series,
    .state_size = keda_state_size,
    .state_init = keda_state_init,
    .state_valid = keda_state_valid,
    .reshape = keda_reshape,
    .pod_sample = pod_sample,
    .propose = propose,
};
