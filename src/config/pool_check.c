/* pool_check.c - combinations that cannot be, and options that do nothing where they stand. */
#include "config/pool_check.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "config/cron.h"
#include "config/lists.h"
#include "core/signal.h"

static const struct tree *at(const struct pool_config *pool, const char *path)
{
    return tree_path(pool->source, path);
}

/* The reader at a dotted path below the pool. */
static size_t go_to(struct reader *r, const char *path)
{
    struct span rest = span_from(path), part;
    const size_t up = r->path_len;
    while (span_split(&rest, '.', &part))
        (void)reader_down(r, part);
    return up;
}

static void check_counts(struct reader *r, const struct pool_config *pool)
{
    const struct pool_spec *spec = &pool->core;
    const struct tree *node = at(pool, "minReplicas"), *most = at(pool, "maxReplicas");
    int64_t value;
    if (spec->replicas_min <= spec->replicas_max)
        return;
    if (most && (!tree_int(most, &value) || value != spec->replicas_max))
        return; /* the maximum itself is wrong, which is told */
    const char *name = node ? "minReplicas" : "maxReplicas";
    const size_t up = go_to(r, name);
    reader_error(r, node ? node : at(pool, name), RC_RANGE,
                 "minReplicas is %" PRId64 ", above maxReplicas, which is %" PRId64 "%s",
                 spec->replicas_min, spec->replicas_max, most ? "" : " unless it is set");
    reader_up(r, up);
}

static void check_process(struct reader *r, const struct pool_config *pool)
{
    const struct process_target *p = &pool->target.process;
    size_t up = go_to(r, "target.process");
    if (p->gpus > 1 && p->gpus != (double)(int64_t)p->gpus)
        reader_error(r, at(pool, "target.process.gpus"), RC_INVALID,
                     "gpus is a whole number, or a fraction below 1 to share one");
    if (p->gpus > 1 && p->gpu_memory_bytes > 0)
        reader_error(r, at(pool, "target.process.gpuMemory"), RC_CONFLICT,
                     "gpuMemory is a share of one GPU, gpus asks for several; keep one of them");
    if (p->port > 0 && pool->core.replicas_max > 1)
        reader_error(r, at(pool, "target.process.port"), RC_CONFLICT,
                     "a fixed port serves one replica, maxReplicas is %" PRId64
                     "; leave port out and write {port} into the command",
                     pool->core.replicas_max);
    if (p->port == 0 && p->command.count > 0 && !target_uses(p, "{port}"))
        reader_warning(r, at(pool, "target.process.command"),
                       "holds no {port}: the engine must take its port from the variable PORT, or "
                       "set target.process.port");
    reader_up(r, up);
    if (p->restart.backoff_min_ns > p->restart.backoff_max_ns) {
        const struct tree *node = at(pool, "target.process.restart.backoff");
        up = go_to(r, "target.process.restart.backoff");
        reader_error(r, node ? node : at(pool, "target.process.restart"), RC_RANGE,
                     "backoff is above maxBackoff");
        reader_up(r, up);
    }
}

struct useless {
    const char *path;
    const char *why;
};

static void warn_useless(struct reader *r, const struct pool_config *pool,
                         const struct useless *rows, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        const struct tree *node = at(pool, rows[i].path);
        if (!node)
            continue;
        const size_t up = go_to(r, rows[i].path);
        reader_warning(r, node, "has no effect: %s %s", name, rows[i].why);
        reader_up(r, up);
    }
}

static void check_http(struct reader *r, const struct pool_config *pool)
{
    static const struct useless rows[] = {
        {"minReplicas", "are as many as they are"},
        {"maxReplicas", "are as many as they are"},
        {"autoscaling", "are not started or stopped"},
        {"scaleToZero", "are not started or stopped"},
        {"warm", "are not started or stopped"},
    };
    warn_useless(r, pool, rows, COUNT_OF(rows), "http endpoints");
}

static bool in_force(const struct pool_config *pool, const char *policy)
{
    if (strcmp(pool->policy, policy) == 0)
        return true;
    for (size_t i = 0; i < pool->core.shadow_count; i++)
        if (strcmp(pool->core.shadow[i].policy->name, policy) == 0)
            return true;
    return false;
}

static void check_policy_sections(struct reader *r, const struct pool_config *pool)
{
    const struct tree *autoscaling = at(pool, "autoscaling");
    if (!autoscaling || autoscaling->kind != TREE_OBJECT)
        return;
    const size_t up = go_to(r, "autoscaling");
    for (const struct tree *t = autoscaling->first; t; t = t->next) {
        const struct policy_ops *policy = policy_find(t->key);
        if (!policy || in_force(pool, policy->name))
            continue;
        const size_t here = reader_down(r, t->key);
        reader_warning(r, t, "has no effect: the policy in force is %s", pool->policy);
        reader_up(r, here);
    }
    reader_up(r, up);
}

static bool any_policy(const struct pool_config *pool, bool (*test)(const struct policy_ops *))
{
    if (test(pool->core.policy))
        return true;
    for (size_t i = 0; i < pool->core.shadow_count; i++)
        if (test(pool->core.shadow[i].policy))
            return true;
    return false;
}

static bool uses_metrics(const struct policy_ops *policy)
{
    return policy->uses_metrics || policy->propose_metric;
}

/* Which stages are off for whom: a guarded imitation has only doubt and limits. */
static void check_effects(struct reader *r, const struct pool_config *pool)
{
    static const struct useless imitation[] = {
        {"autoscaling.behavior", "paces itself"},
        {"autoscaling.cooldownPeriod", "paces itself"},
        {"autoscaling.cooldownApplies", "paces itself"},
        {"autoscaling.tolerance", "has its own"},
        {"autoscaling.sloTarget", "is left as its peer"},
        {"autoscaling.predictive", "is left as its peer"},
        {"autoscaling.schedules", "is left as its peer"},
        {"scaleToZero", "decides that itself"},
    };
    static const struct useless metrics[] = {
        {"autoscaling.metrics", "follows no metrics"},
        {"autoscaling.strategy", "follows no metrics"},
        {"autoscaling.formula", "follows no metrics"},
    };
    static const struct useless formula[] = {
        {"autoscaling.formula", "is not formula"},
    };
    static const struct useless native[] = {
        {"autoscaling.exact", "imitates no peer"},
    };
    const struct policy_ops *policy = pool->core.policy;
    char name[NAME_SIZE + 16];
    if (!policy)
        return;
    (void)snprintf(name, sizeof(name), "the policy %s", policy->name);
    if (policy->imitation)
        warn_useless(r, pool, imitation, COUNT_OF(imitation), name);
    else
        warn_useless(r, pool, native, COUNT_OF(native), name);
    if (!any_policy(pool, uses_metrics))
        warn_useless(r, pool, metrics, COUNT_OF(metrics), name);
    else if (pool->core.combine != COMBINE_FORMULA)
        warn_useless(r, pool, formula, COUNT_OF(formula), "the strategy");
}

/* What money needs to be counted with. */
static void check_money(struct reader *r, const struct pool_config *pool)
{
    static const struct useless daily[] = {
        {"cost.onBudgetExceeded", "is not set"},
        {"cost.fallbackAtPercent", "is not set"},
    };
    const struct cost_spec *cost = &pool->core.cost;
    if (!(cost->daily_budget >= 0))
        warn_useless(r, pool, daily, COUNT_OF(daily), "cost.dailyBudget");
    for (size_t i = 0; i < pool->core.class_count; i++) {
        const struct tree *node = at(pool, "cost");
        if (pool->core.class_[i].price_per_hour >= 0 ||
            !(cost->daily_budget >= 0 || cost->max_per_hour >= 0))
            continue;
        const size_t up = go_to(r, "cost");
        reader_warning(
            r, node,
            "class \"%s\" has no pricePerHour: what it costs is not known, so a limit of "
            "money adds nothing",
            pool->core.class_[i].name);
        reader_up(r, up);
    }
}

/* True when decisions of the pool read the signal from a metric. */
static bool is_read(const struct pool_config *pool, const struct signal_ref *signal)
{
    for (size_t i = 0; i < pool->core.metric_count; i++) {
        const struct signal_ref *metric = &pool->core.metric[i].signal;
        if (metric->id == signal->id && strcmp(metric->external, signal->external) == 0)
            return true;
    }
    return false;
}

static void check_source_metrics(struct reader *r, const struct pool_config *pool,
                                 const struct source_spec *source, const struct tree *node)
{
    for (size_t i = 0; i < pool->core.metric_count; i++) {
        const struct metric_spec *metric = &pool->core.metric[i];
        if (metric->signal.id == source->signal[0].id && source->period_ns > metric->window_ns)
            reader_warning(r, node,
                           "is asked more seldom than the averagingWindow of the metric %s lasts: "
                           "between two answers there is no value",
                           metric->type);
    }
}

/* Signals that are told and that nobody reads. */
static void check_sources(struct reader *r, const struct pool_config *pool)
{
    const struct tree *list = at(pool, "sources");
    const size_t up = go_to(r, "sources");
    for (size_t i = 0; i < pool->source_count; i++) {
        const struct source_spec *source = &pool->source_list[i];
        const struct tree *node = tree_get(tree_at(list, i), "signal");
        const size_t here = reader_down_index(r, i);
        for (size_t k = 0; k < source->signal_count; k++) {
            const enum signal_id id = source->signal[k].id;
            if (id == SIGNAL_SPENT_TODAY && !(pool->core.cost.daily_budget >= 0))
                reader_warning(r, node, "spent-today has no effect: cost.dailyBudget is not set");
            if (id == SIGNAL_EXTERNAL && !is_read(pool, &source->signal[k]))
                reader_warning(r, node,
                               "\"%s\" has no effect: no metric under autoscaling reads it",
                               source->signal_text[k]);
        }
        if (node)
            check_source_metrics(r, pool, source, node);
        reader_up(r, here);
    }
    reader_up(r, up);
}

/* Cron lines; zones need files, see schedule_check_zones(). */
static void check_schedules(struct reader *r, const struct pool_config *pool)
{
    const struct tree *list = at(pool, "autoscaling.schedules");
    for (size_t i = 0; i < pool->core.schedule_count; i++) {
        struct diag diag = {.code = RC_OK};
        struct cron cron;
        const struct tree *node = tree_get(tree_at(list, i), "cron");
        if (!node || cron_parse(span_from(pool->core.schedule[i].cron), &cron, &diag) == RC_OK)
            continue; /* a missing one is told by the reader */
        const size_t up = go_to(r, "autoscaling.schedules");
        (void)reader_down_index(r, i);
        (void)reader_down(r, span_from("cron"));
        reader_error(r, node, diag.code, "%s", diag.text);
        reader_up(r, up);
    }
}

/* What the core finds, at the deepest place of the file that it names. */
static void check_core(struct reader *r, const struct pool_config *pool)
{
    struct diag diag = {.code = RC_OK};
    if (pool_spec_check(&pool->core, &diag) == RC_OK)
        return;
    char path[sizeof(diag.where) + 16];
    (void)snprintf(path, sizeof(path), "autoscaling.%s", diag.where);
    const struct tree *node = at(pool, diag.where);
    const char *found = diag.where;
    if (!node && (node = at(pool, path)))
        found = path;
    if (!node && (node = at(pool, "autoscaling")))
        found = path;
    const size_t up = go_to(r, node ? found : diag.where);
    reader_error(r, node ? node : pool->source, diag.code, "%s", diag.text);
    reader_up(r, up);
}

static void check_upstream(struct reader *r, const struct pool_config *pool)
{
    if (pool->aliases.count == 0)
        return;
    const size_t up = go_to(r, "aliases");
    for (size_t i = 0; i < pool->aliases.count; i++)
        if (list_holds(&pool->models, pool->aliases.item[i]))
            reader_error(r, pool->aliases_source, RC_DUPLICATE,
                         "\"%s\" is a model of the pool already", pool->aliases.item[i]);
    if (pool->models.count == 0 || (strchr(pool->models.item[0], '*') && !pool->upstream_model[0]))
        reader_error(r, pool->aliases_source, RC_CONFLICT,
                     "aliases are sent on under the first model's name, which must be a full name");
    reader_up(r, up);
}

void pool_check(struct reader *r, const struct layout *layout, const struct pool_config *pool,
                bool has_errors)
{
    (void)layout;
    check_counts(r, pool);
    check_upstream(r, pool);
    if (pool->target.kind == TARGET_PROCESS)
        check_process(r, pool);
    if (pool->target.kind == TARGET_HTTP) {
        check_http(r, pool);
        return;
    }
    check_policy_sections(r, pool);
    check_schedules(r, pool);
    check_money(r, pool);
    check_effects(r, pool);
    check_sources(r, pool);
    if (!has_errors && pool->core.replicas_min <= pool->core.replicas_max)
        check_core(r, pool);
}
