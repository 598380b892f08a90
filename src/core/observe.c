/* observe.c - samples into windows. Screens first (R1): what cannot be becomes `failed`, never 0.
 */
#include <math.h>

#include "core/plan.h"

#define WEIGHT_MAX 1e15

/* Absurd, impossible and non-finite values are things we do not know. */
static struct sample screened(const struct sample *s)
{
    struct sample clean = *s;
    const struct signal_row *row = signal_row((enum signal_id)s->signal);
    const bool nobody = s->expected > 0 && s->covered == 0;
    if (s->state == SIGNAL_VALUE && !(!nobody && s->value >= 0 && s->value <= row->ceiling &&
                                      s->weight >= 0 && s->weight <= WEIGHT_MAX))
        clean.state = SIGNAL_FAILED;
    if (clean.state != SIGNAL_VALUE) {
        clean.value = 0; /* never read; equal bytes for equal meaning */
        clean.weight = 0;
    }
    if (clean.covered > clean.expected)
        clean.covered = clean.expected;
    return clean;
}

static bool in_range(const struct group_spec *group, const struct sample *s)
{
    return s->pool < group->pool_count && s->signal < SIGNAL_COUNT && s->state <= SIGNAL_FAILED &&
           (s->signal != SIGNAL_EXTERNAL || s->external < group->external_count);
}

static const char *external_of(const struct group_spec *group, const struct sample *sample)
{
    return sample->signal == SIGNAL_EXTERNAL ? group->external[sample->external] : "";
}

static void tell_policy(const struct group_spec *group, const struct pool_plan *plan,
                        const struct policy_plan *policy, struct group_state *state,
                        const struct sample *sample)
{
    if (policy->ops->sample == NULL)
        return;
    policy->ops->sample(plan->spec, policy->config,
                        state_at(state, policy->offset + (uint32_t)sizeof(struct policy_state)),
                        sample, external_of(group, sample));
}

void observe(const struct group_spec *group, struct group_state *state,
             const struct sample *samples, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!in_range(group, &samples[i]))
            continue;
        const struct sample sample = screened(&samples[i]);
        const struct pool_plan *plan = &group->pool[sample.pool];
        tell_policy(group, plan, &plan->policy, state, &sample);
        for (size_t s = 0; s < plan->spec->shadow_count; s++)
            tell_policy(group, plan, &plan->shadow[s], state, &sample);
        for (size_t w = plan->window_first[sample.signal];
             w < plan->window_first[sample.signal + 1]; w++) {
            const struct window_plan *window = &plan->window[w];
            if (sample.signal != SIGNAL_EXTERNAL || window->external == sample.external)
                series_record(&window->need, state_at(state, window->offset), &sample);
        }
    }
}

static void tell_pod(const struct group_spec *group, const struct pool_plan *plan,
                     const struct policy_plan *policy, struct group_state *state,
                     const struct pod_sample *sample)
{
    if (policy->ops->pod_sample == NULL)
        return;
    const char *external =
        sample->sample.signal == SIGNAL_EXTERNAL ? group->external[sample->sample.external] : "";
    policy->ops->pod_sample(plan->spec, policy->config,
                            state_at(state, policy->offset + (uint32_t)sizeof(struct policy_state)),
                            sample, external);
}

void observe_pods(const struct group_spec *group, struct group_state *state,
                  const struct pod_sample *samples, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct pod_sample pod = samples[i];
        if (!in_range(group, &pod.sample) || pod.phase > POD_GONE ||
            pod.readiness > POD_READINESS_NONE)
            continue;
        pod.sample = screened(&pod.sample);
        if (!(pod.request >= 0 && pod.request <= WEIGHT_MAX))
            pod.request = NAN;
        const struct pool_plan *plan = &group->pool[pod.sample.pool];
        tell_pod(group, plan, &plan->policy, state, &pod);
        for (size_t s = 0; s < plan->spec->shadow_count; s++)
            tell_pod(group, plan, &plan->shadow[s], state, &pod);
    }
}
