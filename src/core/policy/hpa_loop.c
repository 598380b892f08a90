/* hpa_loop.c - the turn of a HorizontalPodAutoscaler's loop, whoever's metrics they are. */
#include "core/policy/hpa_loop.h"

#include <math.h>

static struct hpa_condition holds(bool status, enum hpa_reason reason)
{
    return (struct hpa_condition){status ? HPA_STATUS_TRUE : HPA_STATUS_FALSE, (uint8_t)reason};
}

/* The largest of the good numbers; false when the tick fails. Half blind nothing is lowered, today;
 * the old one did that. */
static bool ask_all(struct hpa_loop *t)
{
    const size_t n = t->parts.metric_count;
    enum hpa_reason first = HPA_NONE;
    size_t good = 0;
    for (size_t i = 0; i < n; i++) {
        enum hpa_reason failure = HPA_FAILED_EXTERNAL;
        const struct hpa_proposal p = t->ask(t, i, &failure);
        t->parts.metric[i].replicas = p.error == HPA_OK ? p.replicas : -1;
        t->parts.metric[i].usage = p.usage;
        if (p.error == HPA_NOT_ASKED)
            continue;
        if (p.error == HPA_OK) {
            if (good++ == 0 || t->desired == 0 || p.replicas > t->desired)
                t->desired = p.replicas;
            continue;
        }
        t->state->failed_metrics |= UINT32_C(1) << i;
        first = first == HPA_NONE ? failure : first;
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

static void damp_simply(struct hpa_loop *t)
{
    t->stable = hpa_stabilize_simple(&t->parts.records, t->in->now_ns, t->config->down_window_ns,
                                     t->desired);
    t->state->able =
        holds(true, t->stable == t->desired ? HPA_READY_FOR_NEW_SCALE : HPA_SCALE_DOWN_STABILIZED);
    const struct hpa_count limited = hpa_limit_simple(t->current, t->stable, t->min, t->max);
    t->out = limited.replicas;
    t->state->limited = holds(t->out != t->stable, limited.reason);
}

static void damp(struct hpa_loop *t)
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
        .min = t->min,
        .max = t->max,
    };
    const struct hpa_count limited =
        hpa_limit(semantics, &limits, t->in->now_ns, t->current, t->stable);
    t->out = limited.replicas;
    t->state->limited = holds(t->out != t->stable, limited.reason);
}

static void follow_metrics(struct hpa_loop *t)
{
    if (!ask_all(t)) {
        /* The peer records nothing, and its window is empty when the source is back. */
        if (!t->in->pool->exact)
            hpa_store_record(&t->parts.records, t->in->now_ns, t->current);
        return;
    }
    if (hpa_behaves(t->config))
        damp(t);
    else
        damp_simply(t);
    if (t->desired != t->current)
        t->state->reason =
            (uint8_t)(t->desired > t->current ? HPA_ABOVE_TARGET : HPA_ALL_BELOW_TARGET);
}

static void note_rescale(struct hpa_loop *t)
{
    const bool up = t->out > t->current;
    t->state->rescaled = t->out != t->current;
    if (!t->state->rescaled)
        return;
    t->state->scaled_ns = t->in->now_ns;
    t->state->able = holds(true, HPA_SUCCEEDED_RESCALE);
    if (!hpa_behaves(t->config))
        return;
    const struct hpa_direction direction = hpa_direction_of(t->config, up);
    hpa_store_event(up ? &t->parts.up : &t->parts.down, &direction, t->in->now_ns,
                    up ? t->out - t->current : t->current - t->out);
}

void hpa_loop_run(struct hpa_loop *t)
{
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
    if (t->current == 0 && t->min != 0) {
        state->active = holds(false, HPA_SCALING_DISABLED);
    } else if (t->current > t->max) {
        t->out = t->max;
        state->reason = HPA_ABOVE_MAX;
    } else if (t->current < t->min) {
        t->out = t->min;
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

struct proposal hpa_loop_proposal(const struct hpa_loop *t)
{
    return (struct proposal){
        .abstain = t->state->failed,
        .replicas = t->out,
        .exact = NAN,
        .reason = (uint16_t)reason_of(t->state),
        .number = {(double)t->desired, (double)t->stable, (double)t->state->failed_metrics},
    };
}
