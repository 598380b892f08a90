#include "core/capacity/saturation.h"

#include <math.h>

void saturation_analyze(const struct saturation_config *c, const struct saturation_replica *replica,
                        size_t replica_count, struct saturation_result *ret)
{
    struct saturation_result r = {.total = (int64_t)replica_count};
    for (size_t i = 0; i < replica_count; i++) {
        if (replica[i].kv >= c->kv_threshold || replica[i].queue >= c->queue_threshold)
            continue;
        r.non_saturated++;
        r.spare_kv += c->kv_threshold - replica[i].kv;
        r.spare_queue += c->queue_threshold - replica[i].queue;
    }
    const double n = (double)r.non_saturated;
    if (r.non_saturated > 0) {
        r.spare_kv /= n;
        r.spare_queue /= n;
    }
    r.scale_up =
        r.total > 0 && (r.spare_kv < c->kv_spare_trigger || r.spare_queue < c->queue_spare_trigger);
    if (r.non_saturated >= 2) {
        /* The load of one replica falls to the others. */
        const double kv = (c->kv_threshold - r.spare_kv) * n / (n - 1);
        const double queue = (c->queue_threshold - r.spare_queue) * n / (n - 1);
        r.scale_down_safe = c->kv_threshold - kv >= c->kv_spare_trigger &&
                            c->queue_threshold - queue >= c->queue_spare_trigger;
    }
    *ret = r;
}

/* Replicas that reported, and what one costs. */
static int64_t measured(const struct saturation_replica *replica, size_t count, size_t variant,
                        double *ret_cost)
{
    int64_t n = 0;
    for (size_t i = 0; i < count; i++)
        if (replica[i].variant == variant) {
            n++;
            *ret_cost = replica[i].cost;
        }
    return n;
}

static bool in_transition(const struct saturation_variant *v, int64_t metrics)
{
    return (v->desired != 0 && v->desired != v->current) || metrics != v->current;
}

static void hold_all(struct saturation_variant *variant, size_t count,
                     const struct saturation_replica *replica, size_t replica_count, bool any)
{
    double cost;
    for (size_t i = 0; i < count; i++) {
        struct saturation_variant *v = &variant[i];
        if (any && measured(replica, replica_count, i, &cost) == 0)
            continue;
        v->target = v->desired != 0 && v->desired != v->current && any ? v->desired : v->current;
    }
}

static void step(const struct saturation_result *result, const struct saturation_replica *replica,
                 size_t replica_count, struct saturation_variant *variant, size_t count)
{
    size_t chosen = count;
    double chosen_cost = 0;
    for (size_t i = 0; i < count; i++) {
        double cost = 0;
        const int64_t base = measured(replica, replica_count, i, &cost);
        if (base == 0)
            continue;
        variant[i].target = base;
        const bool fits = result->scale_up ? variant[i].pending == 0 : base > 1;
        const bool better =
            chosen == count || (result->scale_up ? cost < chosen_cost : cost >= chosen_cost);
        if (fits && better) {
            chosen = i;
            chosen_cost = cost;
        }
    }
    if (chosen < count && (result->scale_up || result->scale_down_safe))
        variant[chosen].target += result->scale_up ? 1 : -1;
}

void saturation_targets(const struct saturation_result *result,
                        const struct saturation_replica *replica, size_t replica_count,
                        struct saturation_variant *variant, size_t variant_count)
{
    bool moving = false;
    for (size_t i = 0; i < variant_count; i++) {
        double cost;
        const int64_t n = measured(replica, replica_count, i, &cost);
        variant[i].target = SATURATION_NO_TARGET;
        moving |= n > 0 && in_transition(&variant[i], n);
    }
    if (replica_count == 0 || moving)
        hold_all(variant, variant_count, replica, replica_count, replica_count > 0);
    else
        step(result, replica, replica_count, variant, variant_count);
}
