/* library.c - the life of a handle: configuration in, pools grouped and compiled, states made. */
#include "lib/library.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "config/groups.h"

#define HANDLE_BYTES_MAX ((size_t)4 << 30)
#define STRUCT_BYTES_MAX ((size_t)1 << 20) /* nothing of this interface will ever be larger */

const char *sluice_version(void)
{
    return SLUICE_VERSION;
}

const char *sluice_code(int32_t code)
{
    return code >= 0 && code < RC_COUNT ? rc_name((enum rc)code) : "?";
}

/* ---- structs of other versions ---- */

bool library_take(void *ret, size_t size, const void *from, size_t from_size)
{
    if (from_size < sizeof(size_t) || from_size > STRUCT_BYTES_MAX)
        return false;
    memcpy(ret, from, from_size < size ? from_size : size);
    memcpy(ret, &size, sizeof(size));
    return true;
}

void library_give(void *to, size_t to_size, const void *from, size_t size)
{
    const size_t n = to_size < size ? to_size : size;
    if (n > sizeof(size_t) && to_size <= STRUCT_BYTES_MAX)
        memcpy((char *)to + sizeof(size_t), (const char *)from + sizeof(size_t),
               n - sizeof(size_t));
}

int32_t library_told(struct sluice_error *error, const struct diag *diag, size_t errors)
{
    if (error == NULL)
        return (int32_t)diag->code;
    struct sluice_error told = {
        .size = sizeof(told),
        .code = (int32_t)diag->code,
        .errors = (uint32_t)errors,
        .line = diag->line,
        .column = diag->column,
    };
    (void)span_copy(span_from(diag->where), told.where,
                    sizeof(told.where)); /* cut, it still tells */
    (void)span_copy(span_from(diag->text), told.text, sizeof(told.text));
    library_give(error, error->size, &told, sizeof(told));
    return told.code;
}

/* ---- configuration ---- */

static void first_problem(const struct problem_list *problems, struct diag *ret)
{
    (void)fail(ret, RC_INVALID, "the configuration is refused");
    for (size_t i = 0; i < problems->count; i++) {
        const struct problem *p = &problems->item[i];
        if (p->severity != PROBLEM_ERROR)
            continue;
        *ret = (struct diag){.code = p->code, .line = p->line, .column = p->column};
        (void)span_copy(span_from(p->path), ret->where, sizeof(ret->where));
        (void)span_copy(span_from(p->text), ret->text, sizeof(ret->text));
        return;
    }
}

static struct config *read_config(const char *name, struct span text, struct diag *diag,
                                  size_t *ret_errors)
{
    const struct env_table none = {.item = NULL};
    struct problem_list problems;
    problem_list_init(&problems);
    struct config *config = config_read(name, text, &none, &problems);
    *ret_errors = problems.errors;
    problem_list_sort(&problems);
    if (config == NULL)
        first_problem(&problems, diag);
    problem_list_done(&problems);
    return config;
}

size_t sluice_check(const char *name, const char *config, size_t length, char *report, size_t size)
{
    const struct env_table none = {.item = NULL};
    struct problem_list problems;
    struct buf out;
    problem_list_init(&problems);
    buf_init(&out, LIBRARY_TEXT_MAX);
    struct config *read = config_read(name, span_of(config, length), &none, &problems);
    problem_list_sort(&problems);
    for (size_t i = 0; i < problems.count; i++)
        problem_print(&out, &problems.item[i], span_of(config, length), false);
    const size_t errors = problems.errors;
    if (size > 0)
        (void)span_copy(buf_view(&out), report, size); /* cut, as promised */
    config_free(read);
    buf_done(&out);
    problem_list_done(&problems);
    return errors;
}

/* ---- groups ---- */

static enum rc make_group(struct sluice *s, const struct config_group *from, size_t index,
                          struct diag *diag)
{
    struct library_group *group = &s->group[index];
    const struct pool_spec *core[POOLS_PER_GROUP_MAX];
    group->name = from->name;
    group->pool_count = from->count;
    for (size_t i = 0; i < from->count; i++) {
        core[i] = &from->pool[i]->core;
        while (s->config->pool[group->pool[i]] != from->pool[i])
            group->pool[i]++;
        s->place[group->pool[i]] = (struct library_place){(uint32_t)index, (uint32_t)i};
    }
    enum rc rc = group_compile_kept(&s->arena, from->name, core, from->count, &group->spec, diag);
    if (rc != RC_OK)
        return rc;
    const int64_t nobody[POOLS_PER_GROUP_MAX] = {0};
    group->state = arena_alloc(&s->arena, group_state_size(group->spec));
    group->decision = arena_array(&s->arena, from->count, sizeof(*group->decision));
    if (group->state == NULL || group->decision == NULL)
        return fail(diag, RC_NO_MEMORY, "no memory left");
    group_state_init(group->spec, group->state, 0, nobody);
    return RC_OK;
}

static enum rc make_groups(struct sluice *s, struct diag *diag)
{
    struct config_groups groups;
    enum rc rc = config_groups_of(s->config, &s->arena, &groups, diag);
    if (rc != RC_OK)
        return rc;
    s->group_count = groups.count;
    s->pool_count = s->config->pool_count;
    s->group = arena_array(&s->arena, groups.count, sizeof(*s->group));
    s->place = arena_array(&s->arena, s->pool_count, sizeof(*s->place));
    if (groups.count > 0 && (s->group == NULL || s->place == NULL))
        return fail(diag, RC_NO_MEMORY, "no memory left");
    for (size_t i = 0; i < groups.count && rc == RC_OK; i++)
        rc = make_group(s, &groups.item[i], i, diag);
    return rc;
}

static struct sluice *open_handle(const char *name, struct span text, struct diag *diag,
                                  size_t *ret_errors)
{
    struct sluice *s = mem_new(1, sizeof(*s));
    *ret_errors = 1;
    if (s == NULL) {
        (void)fail(diag, RC_NO_MEMORY, "no memory left");
        return NULL;
    }
    arena_init(&s->arena, HANDLE_BYTES_MAX);
    s->config = read_config(name, text, diag, ret_errors);
    if (s->config == NULL || make_groups(s, diag) != RC_OK) {
        sluice_close(s);
        return NULL;
    }
    return s;
}

struct sluice *sluice_open(const char *name, const char *config, size_t length,
                           struct sluice_error *error)
{
    struct diag diag = {.code = RC_OK};
    size_t errors = 0;
    struct sluice *s = open_handle(name, span_of(config, length), &diag, &errors);
    if (s != NULL)
        errors = 0;
    (void)library_told(error, &diag, errors); /* the handle, or none, says it too */
    return s;
}

void sluice_close(struct sluice *s)
{
    if (s == NULL)
        return;
    arena_done(&s->arena);
    config_free(s->config);
    free(s);
}

/* Groups of one name carry over what their pools remember. */
int32_t sluice_reload(struct sluice *s, const char *name, const char *config, size_t length,
                      int64_t now_ns, struct sluice_error *error)
{
    struct diag diag = {.code = RC_OK};
    size_t errors = 0;
    struct sluice *next = open_handle(name, span_of(config, length), &diag, &errors);
    if (next == NULL)
        return library_told(error, &diag, errors);
    for (size_t i = 0; i < next->group_count; i++) {
        struct library_group *to = &next->group[i];
        const int64_t nobody[POOLS_PER_GROUP_MAX] = {0};
        group_state_init(to->spec, to->state, now_ns, nobody);
        for (size_t k = 0; k < s->group_count; k++)
            if (strcmp(s->group[k].name, to->name) == 0)
                group_reshape(s->group[k].spec, s->group[k].state, to->spec, to->state, now_ns);
    }
    const struct sluice old = *s;
    *s = *next;
    *next = old;
    sluice_close(next);
    return library_told(error, &diag, 0);
}

/* ---- pools ---- */

size_t sluice_pool_count(const struct sluice *s)
{
    return s->pool_count;
}

const char *sluice_pool_name(const struct sluice *s, size_t pool)
{
    return pool < s->pool_count ? s->config->pool[pool]->core.name : NULL;
}

int64_t sluice_pool_find(const struct sluice *s, const char *name)
{
    for (size_t i = 0; i < s->pool_count; i++)
        if (strcmp(s->config->pool[i]->core.name, name) == 0)
            return (int64_t)i;
    return -1;
}

int64_t sluice_period_ns(const struct sluice *s)
{
    int64_t period_ns = INT64_MAX;
    for (size_t i = 0; i < s->group_count; i++)
        if (group_period_ns(s->group[i].spec) < period_ns)
            period_ns = group_period_ns(s->group[i].spec);
    return period_ns;
}

int64_t sluice_desired(const struct sluice *s, size_t pool)
{
    if (pool >= s->pool_count)
        return SLUICE_NONE;
    const struct library_group *group = library_group_of(s, pool);
    return group_desired(group->spec, group->state, s->place[pool].pool);
}

void sluice_applied(struct sluice *s, size_t pool, int64_t replicas)
{
    if (pool >= s->pool_count)
        return;
    const struct library_group *group = library_group_of(s, pool);
    group_applied(group->spec, group->state, s->place[pool].pool,
                  num_clamp(replicas, 0, REPLICAS_MAX));
}
