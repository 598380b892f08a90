/* pool.c - one pool body into a pool: rows first, then lists, target, metrics and policies. What
 * values mean together is pool_check.c's. */
#include <assert.h>
#include <string.h>

#include "config/config.h"
#include "config/lists.h"
#include "config/pool_check.h"
#include "config/read.h"
#include "config/source_read.h"

#define POLICY_NAMES_MAX 64

/* The reader at a member of the body: "autoscaling", "metrics" ... NULL ends. */
static size_t go(struct reader *r, const char *const *names)
{
    const size_t up = r->path_len;
    for (; *names; names++)
        (void)reader_down(r, span_from(*names));
    return up;
}

static void read_names(struct reader *r, struct arena *arena, struct pool_config *pool)
{
    size_t up = reader_down(r, span_from("models"));
    list_read(r, arena, pool->models_source, MODELS_PER_POOL_MAX, &pool->models);
    for (size_t i = 0; i < pool->models.count; i++)
        if (pool->models.item[i][0] == '\0' || strlen(pool->models.item[i]) >= TEXT_SIZE)
            reader_error(r, pool->models_source, RC_RANGE, "the name of a model has 1 to %d bytes",
                         TEXT_SIZE - 1);
    reader_up(r, up);
    up = reader_down(r, span_from("aliases"));
    list_read(r, arena, pool->aliases_source, MODELS_PER_POOL_MAX, &pool->aliases);
    reader_up(r, up);
    up = reader_down(r, span_from("keys"));
    list_read(r, arena, pool->keys_source, KEYS_MAX, &pool->keys);
    reader_up(r, up);
    if (!pool->models_source) {
        const char **name = arena_array(arena, 1, sizeof(*name));
        if (name) {
            *name = pool->core.name;
            pool->models = (struct text_list){name, 1};
        }
    }
}

static void read_process(struct reader *r, struct arena *arena, struct process_target *p)
{
    struct text_list command, args;
    size_t up = reader_down(r, span_from("command"));
    list_read_command(r, arena, p->command_source, TARGET_ARGS_MAX, &command);
    if (p->command_source && (command.count == 0 || command.item[0][0] == '\0'))
        reader_error(r, p->command_source, RC_MISSING, "names no program");
    reader_up(r, up);
    up = reader_down(r, span_from("args"));
    list_read_command(r, arena, p->args_source, TARGET_ARGS_MAX, &args);
    reader_up(r, up);
    if (!list_join(arena, &command, &args, &p->command))
        reader_error(r, p->command_source, RC_NO_MEMORY, "no memory left");
    up = reader_down(r, span_from("env"));
    list_read_env(r, arena, p->env_source, TARGET_ENV_MAX, &p->env);
    reader_up(r, up);
    up = reader_down(r, span_from("passEnv"));
    list_read(r, arena, p->pass_env_source, TARGET_ENV_MAX, &p->pass_env);
    reader_up(r, up);
}

static void read_http(struct reader *r, struct arena *arena, struct pool_config *pool)
{
    struct http_target *h = &pool->target.http;
    char words[READ_VALUE_MAX];
    const size_t up = reader_down(r, span_from("endpoints"));
    list_read(r, arena, h->endpoints_source, TARGET_ENDPOINTS_MAX, &h->endpoints);
    if (h->endpoints_source && h->endpoints.count == 0)
        reader_error(r, h->endpoints_source, RC_MISSING, "is empty, at least one is needed");
    assert(h->endpoints_source || h->endpoints.count == 0);
    for (size_t i = 0; i < h->endpoints.count; i++) {
        const struct span url = span_from(h->endpoints.item[i]);
        const size_t at = reader_down_index(r, i);
        const struct tree *node = h->endpoints_source->kind == TREE_ARRAY
                                      ? tree_at(h->endpoints_source, i)
                                      : h->endpoints_source;
        if ((!span_starts_with(url, "http://") && !span_starts_with(url, "https://")) ||
            span_ends_with(url, "//"))
            reader_error(r, node, RC_SYNTAX, "is %s, http://HOST:PORT is wanted",
                         read_value_words(node, words));
        reader_up(r, at);
    }
    reader_up(r, up);
    pool->core.replicas_min = (int64_t)h->endpoints.count;
    pool->core.replicas_max = (int64_t)(h->endpoints.count > 0 ? h->endpoints.count : 1);
}

static void read_target(struct reader *r, struct arena *arena, struct pool_config *pool)
{
    const struct tree *target = tree_get(pool->source, "target");
    const struct tree *process = tree_get(target, "process");
    const struct tree *http = tree_get(target, "http");
    const size_t up = reader_down(r, span_from("target"));
    if (process && http) {
        reader_error_key(r, http, RC_CONFLICT, "a pool has one target: process or http, not both");
    } else if (process) {
        const size_t at = reader_down(r, span_from("process"));
        pool->target.kind = TARGET_PROCESS;
        read_process(r, arena, &pool->target.process);
        reader_up(r, at);
    } else if (http) {
        const size_t at = reader_down(r, span_from("http"));
        pool->target.kind = TARGET_HTTP;
        read_http(r, arena, pool);
        reader_up(r, at);
    } else if (!target || target->kind == TREE_OBJECT || target->kind == TREE_NULL) {
        reader_error(
            r, target ? target : pool->source, RC_MISSING,
            "a pool needs a target: {process: {command: ...}} or {http: {endpoints: ...}}");
    }
    reader_up(r, up);
}

static size_t policy_names(const char *names[POLICY_NAMES_MAX])
{
    size_t n = 0;
    while (n < POLICY_NAMES_MAX && policy_at(n)) {
        names[n] = policy_at(n)->name;
        n++;
    }
    return n;
}

static void unknown_policy(struct reader *r, const struct tree *node, const char *name)
{
    const char *names[POLICY_NAMES_MAX];
    struct buf all;
    const size_t n = policy_names(names);
    const char *nearest = name_nearest(span_from(name), names, n);
    if (nearest) {
        reader_error(r, node, RC_UNKNOWN, "there is no policy \"%.64s\"; did you mean \"%s\"?",
                     name, nearest);
        return;
    }
    buf_init(&all, 400);
    for (size_t i = 0; i < n; i++)
        buf_printf(&all, "%s%s", i > 0 ? ", " : "", names[i]);
    reader_error(r, node, RC_UNKNOWN, "there is no policy \"%.64s\"; allowed is %s", name,
                 buf_cstr(&all));
    buf_done(&all);
}

static void read_policies(struct reader *r, struct arena *arena, struct pool_config *pool)
{
    struct pool_spec *spec = &pool->core;
    const struct tree *node = tree_path(pool->source, "autoscaling.policy");
    size_t up = go(r, (const char *const[]){"autoscaling", "policy", NULL});
    spec->policy = policy_find(span_from(pool->policy));
    if (!spec->policy)
        unknown_policy(r, node ? node : pool->source, pool->policy);
    else
        spec->policy_config = layout_policy_config(pool, spec->policy);
    reader_up(r, up);

    struct text_list names;
    up = go(r, (const char *const[]){"autoscaling", "shadow", NULL});
    list_read(r, arena, pool->shadow_source, SHADOWS_PER_POOL_MAX, &names);
    for (size_t i = 0; i < names.count; i++) {
        const struct policy_ops *policy = policy_find(span_from(names.item[i]));
        node = pool->shadow_source->kind == TREE_ARRAY ? tree_at(pool->shadow_source, i)
                                                       : pool->shadow_source;
        if (!policy) {
            unknown_policy(r, node, names.item[i]);
            continue;
        }
        spec->shadow[spec->shadow_count].policy = policy;
        spec->shadow[spec->shadow_count++].config = layout_policy_config(pool, policy);
    }
    reader_up(r, up);
}

static void read_metrics(struct reader *r, struct pool_config *pool)
{
    const struct tree *list = tree_path(pool->source, "autoscaling.metrics");
    const size_t up = go(r, (const char *const[]){"autoscaling", "metrics", NULL});
    for (size_t i = 0; i < pool->core.metric_count; i++) {
        struct metric_spec *metric = &pool->core.metric[i];
        struct diag diag = {.code = RC_OK};
        if (metric->type[0] == '\0' || metric->target_text[0] == '\0')
            continue; /* told by the reader */
        if (metric_spec_resolve(metric, &diag) == RC_OK)
            continue;
        const struct tree *item = tree_at(list, i);
        const struct tree *node = tree_get(item, diag.where);
        const size_t at = reader_down_index(r, i);
        if (node)
            (void)reader_down(r, span_from(diag.where));
        reader_error(r, node ? node : item, diag.code, "%s", diag.text);
        reader_up(r, at);
    }
    reader_up(r, up);
}

static void read_formula(struct reader *r, struct pool_config *pool)
{
    struct diag diag = {.code = RC_OK};
    if (pool->core.combine != COMBINE_FORMULA ||
        pool_spec_resolve_formula(&pool->core, &diag) == RC_OK)
        return;
    const struct tree *node = tree_path(pool->source, "autoscaling.formula");
    const size_t up = go(r, (const char *const[]){"autoscaling", "formula", NULL});
    reader_error(r, node ? node : tree_path(pool->source, "autoscaling.strategy"), diag.code, "%s",
                 diag.text);
    reader_up(r, up);
}

/* "events[3]" or "signal" of the forecast. */
static const struct tree *forecast_place(struct reader *r, const struct tree *predictive,
                                         const char *where)
{
    const char *bracket = strchr(where, '[');
    const size_t len = bracket ? (size_t)(bracket - where) : strlen(where);
    (void)reader_down(r, span_of(where, len));
    const struct tree *node =
        tree_get(predictive, strncmp(where, "events", len) == 0 ? "events" : where);
    size_t index = 0;
    for (; bracket && bracket[1] >= '0' && bracket[1] <= '9'; bracket++)
        index = 10 * index + (size_t)(bracket[1] - '0');
    if (strchr(where, '[') == NULL)
        return node;
    (void)reader_down_index(r, index);
    return tree_at(node, index);
}

static void read_forecast(struct reader *r, struct pool_config *pool)
{
    struct diag diag = {.code = RC_OK};
    if (pool_spec_resolve_forecast(&pool->core, &diag) == RC_OK)
        return;
    const struct tree *predictive = tree_path(pool->source, "autoscaling.predictive");
    const size_t up = go(r, (const char *const[]){"autoscaling", "predictive", NULL});
    const struct tree *node = forecast_place(r, predictive, diag.where);
    reader_error(r, node ? node : predictive, diag.code, "%s", diag.text);
    reader_up(r, up);
}

struct pool_config *pool_read(struct arena *arena, const struct layout *layout, const char *file,
                              const char *path, struct span name, const struct tree *body,
                              struct problem_list *problems)
{
    struct reader r;
    const size_t errors = problems->errors;
    reader_init(&r, problems, file, path);
    r.arena = arena;
    struct pool_config *pool = arena_pages(arena, sizeof(*pool));
    if (!pool) {
        reader_error(&r, body, RC_NO_MEMORY, "no memory left");
        return NULL;
    }
    mem_copy_on_zeros(pool, layout->pool_defaults, sizeof(*pool));
    pool->source = body;
    if (!span_copy(name, pool->core.name, sizeof(pool->core.name)))
        reader_error_key(&r, body, RC_LIMIT, "the name of a pool has at most %d bytes",
                         NAME_SIZE - 1);
    read_options(&r, layout->pool, layout->pool_count, body, pool);
    if (pool->core.class_count == 0) {
        pool->core.class_[0] = layout->default_class;
        pool->core.class_count = 1;
        pool->core.class_[0].gpus = pool->target.process.gpus;
    }
    if (body->kind == TREE_OBJECT) {
        read_names(&r, arena, pool);
        read_target(&r, arena, pool);
        sources_read(&r, arena, pool);
        read_policies(&r, arena, pool);
        read_metrics(&r, pool);
        read_formula(&r, pool);
        if (problems->errors == errors)
            read_forecast(&r, pool);
        pool_check(&r, layout, pool, problems->errors > errors);
    }
    pool->target_hash = target_spec_hash(&pool->target);
    return problems->errors == errors ? pool : NULL;
}
