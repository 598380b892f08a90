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
#include "core/policy/keda_look.h"

#define STALE_LOOKS 4 /* readings older than so many looks are unknown to a guarded pool */

/* ---- the loop of activation ---- */

static struct keda_found look_at_all(const struct keda_look *l)
{
    struct keda_found all = {.value = NAN};
    size_t external = 0;
    for (size_t i = 0; i < l->trigger_count; i++)
        external += !keda_is_resource(l, i);
    if (keda_has_formula(l)) {
        all = keda_look_through_formula(l);
    } else {
        for (size_t i = 0; i < l->trigger_count; i++) {
            if (keda_is_resource(l, i))
                continue;
            const struct keda_found one = keda_look_at(l, i);
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

static struct answer while_active(const struct keda_look *l, bool error)
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

static struct answer deactivate(const struct keda_look *l)
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

static struct answer while_inactive(const struct keda_look *l, bool error)
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

static struct answer poll(const struct keda_look *l)
{
    const struct keda_found found = look_at_all(l);
    l->state->active = found.active;
    l->state->error = found.error;
    return found.active || l->config->force ? while_active(l, found.error)
                                            : while_inactive(l, found.error);
}

/* ---- the HPA ---- */

static struct hpa_proposal ask(struct hpa_loop *loop, size_t index, enum hpa_reason *ret_failure)
{
    const struct keda_look *l = loop->user;
    const struct reading none = {.state = SIGNAL_FAILED};
    if (index < l->trigger_count && keda_is_resource(l, index)) {
        const struct hpa_metric metric = keda_metric_of(&l->config->trigger[index]);
        const struct hpa_terms terms = hpa_metric_terms(&l->config->hpa, &metric);
        const struct reading reading = series_read(l->in, index);
        *ret_failure = HPA_FAILED_RESOURCE;
        return hpa_metric_ask(l->in, &terms, &loop->parts.metric[index], &reading, loop->current);
    }
    const bool composite = index == l->trigger_count;
    if (keda_has_formula(l) && !composite)
        return (struct hpa_proposal){.error = HPA_NOT_ASKED};
    const struct hpa_terms terms =
        composite ? keda_formula_terms(l) : keda_external_terms(l, index);
    const struct keda_found found =
        composite ? keda_look_through_formula(l) : keda_look_at(l, index);
    *ret_failure = HPA_FAILED_EXTERNAL;
    if (found.error || isnan(found.value))
        return hpa_metric_ask(l->in, &terms, NULL, &none, loop->current);
    return hpa_metric_ask_value(l->in, &terms, keda_milli(found.value), loop->current);
}

static struct proposal follow(struct keda_look *l)
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

static struct proposal evaluate(struct keda_look *l)
{
    const bool polls = is_due(&l->state->poll_ns, l->config->poll_ns, l->in->now_ns);
    const bool syncs = is_due(&l->state->sync_ns, l->config->hpa.period_ns, l->in->now_ns);
    if (l->config->paused_at >= 0 || l->config->paused)
        return says(l->config->paused_at >= 0 ? l->config->paused_at : l->current,
                    REASON_KEDA_PAUSED, 0);
    const int64_t before = l->current;
    l->polls = polls;
    const struct answer answer = polls ? poll(l) : (struct answer){l->current, REASON_NONE, 0};
    l->current = answer.count;
    const struct proposal polled = says(answer.count, answer.reason, answer.number);
    l->polls = false;
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
    struct keda_look l = {
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
    .state_room = keda_state_size,
    .state_init = keda_state_init,
    .state_valid = keda_state_valid,
    .reshape = keda_reshape,
    .pod_sample = pod_sample,
    .propose = propose,
};
