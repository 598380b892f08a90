/* keda_state.c - where triggers and the HPA of policy keda lie in its state, and what of them is
 * carried over a changed specification. */
#include <string.h>

#include "base/duration.h"
#include "core/policy/keda.h"

const struct field keda_fields[KEDA_FIELD_COUNT] = {
    FIELD(I64, keda_state, created_ns), FIELD(I64, keda_state, active_ns),
    FIELD(I64, keda_state, poll_ns),    FIELD(I64, keda_state, sync_ns),
    FIELD(I64, keda_state, wanted),     FIELD(U8, keda_state, active),
    FIELD(U8, keda_state, error),       FIELD_ARRAY(U8, keda_state, reserved, 6),
};

size_t keda_trigger_count(const struct pool_spec *pool, const struct keda_config *config)
{
    return config->trigger_count > 0 ? config->trigger_count : pool->metric_count;
}

size_t keda_metric_count(const struct pool_spec *pool, const struct keda_config *config)
{
    return keda_trigger_count(pool, config) + (config->formula[0] != '\0');
}

struct hpa_metric keda_metric_of(const struct keda_trigger *trigger)
{
    struct hpa_metric metric = {
        .source = trigger->type == KEDA_RESOURCE ? HPA_RESOURCE : HPA_EXTERNAL,
        .target = trigger->metric_type,
        .value = trigger->threshold,
    };
    memcpy(metric.name, trigger->signal, sizeof(metric.name));
    return metric;
}

struct keda_parts keda_parts_of(const struct pool_spec *pool, const struct keda_config *config,
                                struct keda_state *state)
{
    struct keda_trigger_state *trigger = (struct keda_trigger_state *)(state + 1);
    return (struct keda_parts){
        .trigger = trigger,
        .hpa = (struct hpa_state *)(trigger + keda_trigger_count(pool, config)),
    };
}

const struct hpa_state *keda_hpa_state(const struct pool_spec *pool,
                                       const struct keda_config *config,
                                       const struct keda_state *state)
{
    const struct keda_trigger_state *trigger = (const struct keda_trigger_state *)(state + 1);
    return (const struct hpa_state *)(trigger + keda_trigger_count(pool, config));
}

/* The largest step that meets every poll and every turn of the HPA. */
int64_t keda_period_ns(const struct pool_spec *pool, const void *config_)
{
    const struct keda_config *config = config_;
    int64_t a = config->poll_ns;
    int64_t b = config->hpa.period_ns;
    (void)pool;
    while (b > 0) {
        const int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

size_t keda_state_size(const struct pool_spec *pool, const void *config_)
{
    const struct keda_config *config = config_;
    return sizeof(struct keda_state) +
           keda_trigger_count(pool, config) * sizeof(struct keda_trigger_state) +
           hpa_parts_size(&config->hpa, keda_metric_count(pool, config));
}

void keda_state_init(const struct pool_spec *pool, const void *config_, void *state_,
                     int64_t now_ns, int64_t ready)
{
    const struct keda_config *config = config_;
    struct keda_state *state = state_;
    *state = (struct keda_state){
        .created_ns = now_ns,
        .active_ns = TIME_NONE,
        .poll_ns = TIME_NONE,
        .sync_ns = TIME_NONE,
        .wanted = ready,
    };
    const struct keda_parts parts = keda_parts_of(pool, config, state);
    memset(parts.trigger, 0, keda_trigger_count(pool, config) * sizeof(*parts.trigger));
    hpa_parts_init(&config->hpa, keda_metric_count(pool, config), parts.hpa);
}

bool keda_state_valid(const struct pool_spec *pool, const void *config_, const void *state)
{
    const struct keda_config *config = config_;
    const struct keda_trigger_state *trigger =
        (const struct keda_trigger_state *)((const struct keda_state *)state + 1);
    for (size_t i = 0; i < keda_trigger_count(pool, config); i++)
        if (trigger[i].cache < KEDA_CACHE_EMPTY || trigger[i].cache > KEDA_CACHE_ERROR)
            return false;
    return hpa_parts_valid(&config->hpa, keda_metric_count(pool, config),
                           keda_hpa_state(pool, config, state));
}

/* Triggers are counted from the begin again where there are others. */
void keda_reshape(const struct policy_change *c)
{
    const struct keda_config *old_config = c->old_config;
    const struct keda_config *config = c->config;
    const struct keda_state *old = c->old_state;
    struct keda_state *state = c->state;
    const size_t count = keda_trigger_count(c->pool, config);
    *state = *old;
    const struct keda_parts parts = keda_parts_of(c->pool, config, state);
    if (count == keda_trigger_count(c->old_pool, old_config))
        memcpy(parts.trigger, old + 1, count * sizeof(*parts.trigger));
    hpa_parts_carry(&(struct hpa_carry){
        .old_config = &old_config->hpa,
        .old_metric_count = keda_metric_count(c->old_pool, old_config),
        .old_state = keda_hpa_state(c->old_pool, old_config, old),
        .config = &config->hpa,
        .metric_count = keda_metric_count(c->pool, config),
        .state = parts.hpa,
    });
}
