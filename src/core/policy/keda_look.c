/* keda_look.c - what one look at the triggers of policy keda finds: values, failures in a row, the
 * fallback, and the one number of a formula. */
#include "core/policy/keda_look.h"

#include <math.h>

#include "base/num.h"
#include "core/policy/hpa_metric.h"

static bool is_own(const struct keda_look *l)
{
    return l->config->trigger_count > 0;
}

bool keda_is_resource(const struct keda_look *l, size_t index)
{
    return is_own(l) && l->config->trigger[index].type == KEDA_RESOURCE;
}

bool keda_has_formula(const struct keda_look *l)
{
    return l->config->formula[0] != '\0';
}

int64_t keda_milli(double value)
{
    return num_to_int(value * 1000, INT64_MIN / 2, INT64_MAX / 2);
}

struct hpa_terms keda_external_terms(const struct keda_look *l, size_t index)
{
    if (!is_own(l))
        return hpa_pool_metric_terms(&l->config->hpa, &l->in->pool->metric[index]);
    const struct keda_trigger *trigger = &l->config->trigger[index];
    struct hpa_terms terms = hpa_terms_of(&l->config->hpa);
    terms.kind = trigger->metric_type == HPA_VALUE ? HPA_ONE_VALUE : HPA_ONE_AVERAGE;
    terms.target = keda_milli(trigger->threshold);
    return terms;
}

struct hpa_terms keda_formula_terms(const struct keda_look *l)
{
    struct hpa_terms terms = hpa_terms_of(&l->config->hpa);
    terms.kind = l->config->formula_metric_type == HPA_VALUE ? HPA_ONE_VALUE : HPA_ONE_AVERAGE;
    terms.target = keda_milli(l->config->target);
    return terms;
}

static struct keda_found read_now(const struct keda_look *l, size_t index)
{
    const bool own = is_own(l);
    const struct keda_trigger *trigger = &l->config->trigger[index];
    const struct reading r = own ? series_read(l->in, index) : metric_read(l->in, index);
    const bool null = r.state == SIGNAL_ABSENT && own && trigger->null_is_zero;
    if (r.state != SIGNAL_VALUE && !null)
        return (struct keda_found){.error = true, .value = NAN};
    const double value = null ? 0 : r.value;
    return (struct keda_found){.value = value, .active = value > (own ? trigger->activation : 0)};
}

/* With useCachedMetrics the HPA gets what the last poll found, an error too, until the next one. */
static struct keda_found read_trigger(const struct keda_look *l, size_t index)
{
    const struct keda_trigger *trigger = &l->config->trigger[index];
    struct keda_trigger_state *state = &l->parts.trigger[index];
    if (!is_own(l) || !trigger->cached)
        return read_now(l, index);
    if (!l->polls && state->cache != KEDA_CACHE_EMPTY)
        return (struct keda_found){.error = state->cache == KEDA_CACHE_ERROR,
                                   .active = state->value > trigger->activation,
                                   .value = state->cache == KEDA_CACHE_ERROR ? NAN : state->value};
    const struct keda_found found = read_now(l, index);
    if (l->polls) {
        state->cache = found.error ? KEDA_CACHE_ERROR : KEDA_CACHE_VALUE;
        state->value = found.error ? 0 : found.value;
    }
    return found;
}

/* ---- fallback ---- */

static int64_t fallback_replicas(const struct keda_look *l)
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
static double fallback_value(const struct keda_look *l, const struct hpa_terms *terms)
{
    double replicas = (double)fallback_replicas(l);
    if (terms->kind == HPA_ONE_VALUE) {
        if (l->in->observation->ready <= 0)
            return NAN;
        replicas /= (double)l->in->observation->ready;
    }
    return (double)terms->target / 1000 * replicas;
}

struct keda_found keda_look_at(const struct keda_look *l, size_t index)
{
    struct keda_found found = read_trigger(l, index);
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
        return (struct keda_found){.value = NAN}; /* the formula may do without */
    const struct hpa_terms terms =
        keda_has_formula(l) ? keda_formula_terms(l) : keda_external_terms(l, index);
    const double value = fallback_value(l, &terms);
    return (struct keda_found){
        .error = isnan(value), .active = !isnan(value), .fallback = !isnan(value), .value = value};
}

/* ---- the formula ---- */

/* With nothing to go by the replicas of the fallback, where the formula is to decide. */
static double without_value(const struct keda_look *l)
{
    if (l->config->fallback.failures < 0 || l->config->fallback.behavior != KEDA_SCALING_MODIFIERS)
        return NAN;
    return (double)l->config->fallback.replicas * l->config->target;
}

static double formula_of(const struct keda_look *l, const double *values)
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
    return isnan(value) ? without_value(l) : (double)keda_milli(value) / 1000;
}

struct keda_found keda_look_through_formula(const struct keda_look *l)
{
    double values[METRICS_PER_POOL_MAX];
    struct keda_found all = {.value = NAN};
    for (size_t i = 0; i < l->trigger_count; i++) {
        values[i] = NAN;
        if (keda_is_resource(l, i))
            continue;
        const struct keda_found one = keda_look_at(l, i);
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
