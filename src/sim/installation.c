#include "sim/installation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/num.h"
#include "config/groups.h"

#define INSTALLATION_BYTES_MAX (256U << 20)

/* ---- one pool ---- */

/* GPUs of one replica; a part of one by memory as a share of the smallest that may be meant. */
static double gpus_of(const struct config *config, const struct process_target *process)
{
    double smallest = INFINITY;
    for (size_t i = 0; i < config->inventory.gpu_count; i++) {
        const struct gpu_config *gpu = &config->inventory.gpu[i];
        if (gpu->memory_bytes > 0 && gpu->memory_bytes < smallest &&
            (process->gpu_type[0] == '\0' ||
             span_equal_text_nocase(span_from(gpu->type), process->gpu_type)))
            smallest = gpu->memory_bytes;
    }
    return process->gpu_memory_bytes > 0 ? fmin(1, process->gpu_memory_bytes / smallest)
                                         : process->gpus;
}

static void fill_target(const struct config *all, const struct pool_config *config,
                        struct reconcile_pool *ret)
{
    const struct process_target *process = &config->target.process;
    if (config->target.kind == TARGET_HTTP) {
        ret->fixed = true;
        ret->ready_timeout_ns = config->target.http.ready.timeout_ns;
        return;
    }
    ret->gpus_each = gpus_of(all, process);
    ret->ready_timeout_ns = process->ready.timeout_ns;
    ret->drain_timeout_ns = process->drain_timeout_ns;
    ret->backoff_min_ns = process->restart.backoff_min_ns;
    ret->backoff_max_ns = process->restart.backoff_max_ns;
    ret->give_up_after = process->restart.give_up_after;
}

static void fill_pool(const struct config *config, const struct pool_config *pool,
                      struct reconcile_pool *ret)
{
    (void)span_copy(span_from(pool->core.name), ret->name, sizeof(ret->name));
    ret->target_hash = pool->target_hash;
    ret->routed = config->listen.gateway[0] != '\0';
    ret->price_each = pool->core.class_[0].price_per_hour;
    fill_target(config, pool, ret);
    ret->limits =
        (struct pool_limits){.concurrency = pool->core.concurrency_limit,
                             .queue_requests = pool->queue.requests_max,
                             .queue_tokens = num_to_int(pool->queue.tokens_max, 0, INT64_MAX),
                             .queue_timeout_ns = pool->queue.timeout_ns};
}

static enum rc fill_group(struct installation *in, const struct config_group *from,
                          struct reconcile_group *ret, struct diag *diag)
{
    const struct pool_spec *core[POOLS_PER_GROUP_MAX];
    struct reconcile_pool *pool = arena_array(&in->arena, from->count, sizeof(*pool));
    if (pool == NULL)
        return fail(diag, RC_NO_MEMORY, "no memory left");
    for (size_t i = 0; i < from->count; i++) {
        core[i] = &from->pool[i]->core;
        fill_pool(in->config, from->pool[i], &pool[i]);
        in->pool[in->pool_count++] = from->pool[i];
    }
    ret->pool = pool;
    return group_compile_kept(&in->arena, from->name, core, from->count, &ret->group, diag);
}

static enum rc fill_groups(struct installation *in, struct diag *diag)
{
    struct config_groups groups;
    enum rc rc = config_groups_of(in->config, &in->arena, &groups, diag);
    if (rc != RC_OK)
        return rc;
    struct reconcile_group *group = arena_array(&in->arena, groups.count, sizeof(*group));
    in->pool = arena_array(&in->arena, in->config->pool_count, sizeof(struct pool_config *));
    if (groups.count > 0 && (group == NULL || in->pool == NULL))
        return fail(diag, RC_NO_MEMORY, "no memory left");
    for (size_t i = 0; i < groups.count && rc == RC_OK; i++)
        rc = fill_group(in, &groups.item[i], &group[i], diag);
    in->spec.group = group;
    in->spec.group_count = groups.count;
    return rc;
}

/* ---- names of models ---- */

static void fill_model(const struct pool_config *pool, size_t index, const char *name,
                       const char *upstream, struct route_model *ret)
{
    (void)span_copy(span_from(name), ret->name, sizeof(ret->name));
    (void)span_copy(span_from(upstream), ret->upstream, sizeof(ret->upstream));
    ret->pool = (uint16_t)index;
    ret->order = (uint16_t)pool->fallback_order;
    ret->weight_percent = pool->traffic_percent;
}

static enum rc fill_models(struct installation *in, struct diag *diag)
{
    size_t count = 0;
    for (size_t i = 0; i < in->pool_count; i++)
        count += in->pool[i]->models.count + in->pool[i]->aliases.count;
    struct route_model *model = arena_array(&in->arena, count, sizeof(*model));
    if (count > 0 && model == NULL)
        return fail(diag, RC_NO_MEMORY, "no memory left");
    size_t n = 0;
    for (size_t i = 0; i < in->pool_count; i++) {
        const struct pool_config *pool = in->pool[i];
        for (size_t j = 0; j < pool->models.count; j++)
            fill_model(pool, i, pool->models.item[j], pool->upstream_model, &model[n++]);
        const char *asked =
            pool->upstream_model[0] != '\0' ? pool->upstream_model : pool->models.item[0];
        for (size_t j = 0; j < pool->aliases.count; j++)
            fill_model(pool, i, pool->aliases.item[j], asked, &model[n++]);
    }
    in->spec.model = model;
    in->spec.model_count = n;
    return RC_OK;
}

/* ---- all ---- */

enum rc installation_make(const struct config *config, struct installation **ret, struct diag *diag)
{
    struct installation *in = mem_new(1, sizeof(*in));
    if (in == NULL)
        return fail(diag, RC_NO_MEMORY, "no memory left");
    arena_init(&in->arena, INSTALLATION_BYTES_MAX);
    in->config = config;
    in->spec.starts_max = config->fleet.starts_max;
    in->spec.cost_per_hour =
        isnan(config->fleet.cost_per_hour) ? INFINITY : config->fleet.cost_per_hour;
    in->spec.config_hash = config->hash;
    enum rc rc = fill_groups(in, diag);
    if (rc == RC_OK)
        rc = fill_models(in, diag);
    if (rc != RC_OK) {
        installation_free(in);
        return rc;
    }
    *ret = in;
    return RC_OK;
}

size_t installation_decode_pool(const struct installation *in, size_t pool)
{
    size_t first = 0;
    for (size_t i = 0; i < in->spec.group_count; i++) {
        const struct group_spec *group = in->spec.group[i].group;
        const size_t count = group_pool_count(group);
        const bool here =
            pool - first < count && group_pool(group, pool - first)->role == ROLE_PREFILL;
        for (size_t j = 0; here && j < count; j++)
            if (group_pool(group, j)->role == ROLE_DECODE)
                return first + j;
        first += count;
        if (first > pool)
            break;
    }
    return SIZE_MAX;
}

void installation_free(struct installation *installation)
{
    if (installation == NULL)
        return;
    arena_done(&installation->arena);
    free(installation);
}

void installation_dispatch(const struct pool_config *pool, struct dispatch_config *ret)
{
    static const enum balance balances[] = {
        [BY_LEAST_TOKENS] = BALANCE_LEAST_TOKENS,
        [BY_TWO_CHOICES] = BALANCE_POWER_OF_TWO,
        [BY_FIRST_FREE] = BALANCE_FIRST_FREE,
        [BY_ROUND_ROBIN] = BALANCE_ROUND_ROBIN,
    };
    const struct slo_spec *slo = &pool->core.slo;
    ret->balance = balances[pool->gateway.balance];
    ret->affinity = pool->gateway.affinity;
    ret->affinity_bound = pool->gateway.affinity_load;
    ret->replica_concurrency = pool->core.concurrency_limit;
    ret->queue_requests_max = pool->queue.requests_max;
    ret->queue_tokens_max = num_to_int(pool->queue.tokens_max, 0, INT64_MAX);
    ret->queue_timeout_ns = pool->queue.timeout_ns;
    if (pool->queue.timeout_ns > ret->hold_ns_max)
        ret->hold_ns_max = pool->queue.timeout_ns;
    ret->retry_ratio = pool->gateway.retry_ratio;
    ret->ttft_s = seconds_of(slo->ttft_ns);
    ret->ttft_per_token_s = slo->ttft_ns > 0 ? seconds_of(slo->ttft_per_token_ns) : 0;
    ret->itl_s = seconds_of(slo->inter_token_ns);
    ret->e2e_s = seconds_of(slo->e2e_ns);
    ret->tokens_per_s = slo->tokens_per_second;
}
