/* sources.c - which sources there are: made from the configuration, kept over a change of it. */
#include "source/sources.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/clock.h"
#include "source/sources_internal.h"

#define SOURCES_MAX ((size_t)CONFIG_POOLS_MAX * SOURCES_PER_POOL_MAX)
#define CONNECT_LIMIT_NS (5 * SECOND_NS)

#define SOURCE(name) extern const struct source_ops source_##name;
#include "source/registry.def"
#undef SOURCE

static const struct source_ops *const kinds[] = {
#define SOURCE(name) &source_##name,
#include "source/registry.def"
#undef SOURCE
    NULL,
};

const struct source_ops *source_ops_of(enum source_kind kind)
{
    for (size_t i = 0; kinds[i] != NULL; i++)
        if (kinds[i]->kind == kind)
            return kinds[i];
    return NULL;
}

static const struct {
    const char *name;
    const char *words;
} fault_rows[] = {
#define SOURCE_FAULT_ROW(id, name, words) {name, words},
    SOURCE_FAULT_MAP(SOURCE_FAULT_ROW)
#undef SOURCE_FAULT_ROW
};

const char *source_fault_name(enum source_fault fault)
{
    return fault_rows[(size_t)fault < COUNT_OF(fault_rows) ? (size_t)fault : 0].name;
}

const char *source_fault_words(enum source_fault fault)
{
    return fault_rows[(size_t)fault < COUNT_OF(fault_rows) ? (size_t)fault : 0].words;
}

/* ---- one source ---- */

static void source_free(struct source *s)
{
    if (s == NULL)
        return;
    round_drop(s);
    if (s->ops->stop != NULL)
        s->ops->stop(s);
    timer_done(&s->timer);
    free(s->value);
    free(s);
}

static struct source *source_new(struct sources *set, const struct source_ops *ops,
                                 const char *pool, const struct source_spec *spec)
{
    struct source *s = mem_new(1, ops->size);
    if (s == NULL)
        return NULL;
    s->set = set;
    s->ops = ops;
    s->spec = spec;
    s->asked_ns = TIME_NONE;
    s->told_ns = TIME_NONE;
    s->status = (struct source_status){
        .good_ns = TIME_NONE, .since_ns = TIME_NONE, .measured_ns = TIME_NONE, .value = NAN};
    (void)snprintf(s->pool, sizeof(s->pool), "%s", pool);
    if (timer_init(&s->timer, set->loop, round_timer, s) != RC_OK) {
        free(s);
        return NULL;
    }
    return s;
}

/* What cannot start stays in the list and says why. */
static void source_start(struct source *s)
{
    struct diag diag = {0};
    if (s->ops->start == NULL || s->ops->start(s, &diag) == RC_OK)
        round_begin_soon(s);
    else
        source_fail(s, SOURCE_FAULT_LOCAL, -1, "%s", diag.text);
}

/* ---- the set ---- */

enum rc sources_new(struct loop *loop, const struct sources_config *config, struct sources **ret,
                    struct diag *diag)
{
    struct http_client_config client;
    struct sources *set = mem_new(1, sizeof(*set));
    if (set == NULL)
        return fail(diag, RC_NO_MEMORY, "no memory for sources");
    http_client_defaults(&client);
    client.connect_timeout_ns = CONNECT_LIMIT_NS;
    set->loop = loop;
    set->config = *config;
    set->client = http_client_new(loop, &client);
    if (set->client == NULL) {
        sources_free(set);
        return fail(diag, RC_NO_MEMORY, "no memory for sources");
    }
    *ret = set;
    return RC_OK;
}

void sources_free(struct sources *set)
{
    if (set == NULL)
        return;
    for (size_t i = 0; i < set->count; i++)
        source_free(set->source[i]);
    free(set->source);
    for (size_t i = 0; i < COUNT_OF(set->implied); i++)
        free(set->implied[i]);
    http_client_free(set->client);
    web_client_free(set->web);
    free(set);
}

/* ---- another configuration ---- */

static bool same_spec(const struct source_spec *a, const struct source_spec *b)
{
    if (a->kind != b->kind || strcmp(a->name, b->name) != 0)
        return false;
    if (a->source == NULL || b->source == NULL)
        return a->source == b->source;
    return tree_equal(a->source, b->source);
}

/* The one that stands for it already, taken out of the old list. */
static struct source *take_old(struct sources *old, const char *pool,
                               const struct source_spec *spec)
{
    for (size_t i = 0; i < old->count; i++) {
        struct source *s = old->source[i];
        if (s == NULL || strcmp(s->pool, pool) != 0 || !same_spec(s->spec, spec))
            continue;
        old->source[i] = NULL;
        s->spec = spec;
        return s;
    }
    return NULL;
}

static enum rc add(struct sources *set, struct sources *old, size_t pool,
                   const struct source_spec *spec)
{
    const char *name = set->spec->pool[pool]->core.name;
    const struct source_ops *ops = source_ops_of(spec->kind);
    void *array = set->source;
    if (ops == NULL)
        return RC_OK;
    if (mem_grow(&array, &set->cap, set->count + 1, sizeof(struct source *), SOURCES_MAX) != RC_OK)
        return RC_NO_MEMORY;
    set->source = array;
    struct source *s = take_old(old, name, spec);
    const bool fresh = s == NULL;
    if (fresh)
        s = source_new(set, ops, name, spec);
    if (s == NULL)
        return RC_NO_MEMORY;
    s->pool_index = pool;
    set->source[set->count++] = s;
    if (fresh)
        source_start(s);
    return RC_OK;
}

static bool has_kind(const struct pool_config *pool, enum source_kind kind)
{
    for (size_t i = 0; i < pool->source_count; i++)
        if (pool->source_list[i].kind == kind)
            return true;
    return false;
}

/* NULL: no memory. */
static const struct source_spec *implied_spec(struct sources *set, const struct source_ops *ops)
{
    struct source_spec *spec = set->implied[ops->kind];
    if (spec != NULL)
        return spec;
    spec = mem_new(1, sizeof(*spec));
    if (spec == NULL)
        return NULL;
    opt_defaults(source_options, source_option_count, spec);
    spec->kind = ops->kind;
    spec->period_ns = ops->implied_period_ns;
    (void)snprintf(spec->name, sizeof(spec->name), "%s", ops->name);
    set->implied[ops->kind] = spec;
    return spec;
}

static enum rc add_pool(struct sources *set, struct sources *old, size_t index)
{
    const struct pool_config *pool = set->spec->pool[index];
    enum rc rc = RC_OK;
    for (size_t i = 0; i < pool->source_count && rc == RC_OK; i++)
        rc = add(set, old, index, &pool->source_list[i]);
    for (size_t i = 0; kinds[i] != NULL && rc == RC_OK; i++) {
        if (kinds[i]->implied == NULL || has_kind(pool, kinds[i]->kind) || !kinds[i]->implied(pool))
            continue;
        const struct source_spec *spec = implied_spec(set, kinds[i]);
        rc = spec != NULL ? add(set, old, index, spec) : RC_NO_MEMORY;
    }
    return rc;
}

enum rc sources_configure(struct sources *set, const struct config *config)
{
    struct sources old = {.source = set->source, .count = set->count, .cap = set->cap};
    enum rc rc = RC_OK;
    set->source = NULL;
    set->count = set->cap = 0;
    set->spec = config;
    for (size_t i = 0; i < config->pool_count && rc == RC_OK; i++)
        rc = add_pool(set, &old, i);
    for (size_t i = 0; i < old.count; i++)
        source_free(old.source[i]);
    free(old.source);
    return rc;
}

/* ---- around ---- */

struct loop *source_loop(const struct source *s)
{
    return s->set->loop;
}

struct http_client *source_client(const struct source *s)
{
    return s->set->client;
}

struct web_client *source_web_client(const struct source *s)
{
    if (s->set->web == NULL)
        s->set->web = web_client_new(s->set->loop);
    return s->set->web;
}

const struct log *source_log(const struct source *s)
{
    return s->set->config.log;
}

int64_t source_now_ns(const struct source *s)
{
    return clock_monotonic_ns() + s->set->config.axis_offset_ns;
}

bool source_replica(const struct source *s, size_t index, struct source_replica *ret)
{
    const struct sources_config *config = &s->set->config;
    return config->replica != NULL && config->replica(config->user, s->pool_index, index, ret);
}

bool source_usage(const struct source *s, uint64_t replica, struct source_usage *ret)
{
    const struct sources_config *config = &s->set->config;
    return config->usage != NULL && config->usage(config->user, replica, ret);
}

const char *source_gpus(const struct source *s, uint64_t replica)
{
    const struct sources_config *config = &s->set->config;
    return config->gpus != NULL ? config->gpus(config->user, replica) : "";
}

/* ---- reading ---- */

size_t sources_count(const struct sources *set)
{
    return set->count;
}

bool sources_at(const struct sources *set, size_t index, struct source_row *ret)
{
    if (index >= set->count)
        return false;
    const struct source *s = set->source[index];
    *ret = (struct source_row){
        .pool = s->pool, .spec = s->spec, .status = &s->status, .now_ns = source_now_ns(s)};
    return true;
}

bool sources_gpu(const struct sources *set, struct span id, struct source_gpu *ret)
{
    for (size_t i = 0; i < set->count; i++) {
        const struct source *s = set->source[i];
        if (s->ops->gpu != NULL && s->ops->gpu(s, id, ret))
            return true;
    }
    return false;
}

void sources_pool(const struct sources *set, size_t pool, struct source_pool_state *ret)
{
    *ret = (struct source_pool_state){.answered = true, .fallback = NO_COUNT};
    for (size_t i = 0; i < set->count; i++) {
        const struct source *s = set->source[i];
        if (s->pool_index != pool)
            continue;
        ret->count++;
        ret->answered = ret->answered && s->status.answered;
        if (s->status.fallen && s->spec->fallback.replicas > ret->fallback)
            ret->fallback = s->spec->fallback.replicas;
        if (s->status.fault == SOURCE_FAULT_NONE)
            continue;
        if (ret->down++ == 0)
            (void)snprintf(ret->text, sizeof(ret->text), "%s: %.180s", s->spec->name,
                           s->status.text);
    }
}
