/* launch.c - see launch.h. */
#include "target/launch.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "io/env.h"

#define OWN_VARIABLES 16 /* PATH, HOME, PORT, CUDA_VISIBLE_DEVICES and the mark */

static const char *keep(struct launch *launch, struct buf *text)
{
    const struct span kept = arena_copy(&launch->arena, buf_view(text));
    const bool failed = text->failed;
    buf_clear(text);
    return failed ? NULL : kept.ptr;
}

/* A later value of a name takes the place of an earlier one. */
static bool put(struct launch *launch, const char *name, const char *value)
{
    const size_t name_len = strlen(name);
    const size_t value_len = strlen(value);
    char *entry = arena_alloc(&launch->arena, name_len + value_len + 2);
    size_t at = 0;
    if (!entry)
        return false;
    memcpy(entry, name, name_len);
    entry[name_len] = '=';
    memcpy(entry + name_len + 1, value, value_len);
    while (at < launch->env_count && strncmp(launch->envp[at], entry, name_len + 1) != 0)
        at++;
    launch->envp[at] = entry;
    if (at == launch->env_count)
        launch->env_count++;
    return true;
}

/* Sluice's own value of a variable, where there is one. */
static bool hand_on(struct launch *launch, const char *name)
{
    const char *value = env_get(name);
    return !value || put(launch, name, value);
}

static bool put_mark(struct launch *launch, const struct pool_config *pool,
                     const struct launch_values *v)
{
    char number[24];
    char hash[24];
    char class_[24];
    char port[24];
    char share[NUM_TEXT_MAX];
    char pid[MARK_PID_DIGITS + 1];
    (void)snprintf(number, sizeof number, "%" PRIu64, v->replica);
    (void)snprintf(hash, sizeof hash, "%016" PRIx64, v->hash);
    (void)snprintf(class_, sizeof class_, "%u", (unsigned)v->class_);
    (void)snprintf(port, sizeof port, "%u", (unsigned)v->port);
    (void)num_print(v->gpu_share, share);
    memset(pid, '0', MARK_PID_DIGITS);
    pid[MARK_PID_DIGITS] = '\0';
    const bool fine = put(launch, MARK_INSTALLATION, v->installation) &&
                      put(launch, MARK_REPLICA, number) &&
                      put(launch, MARK_POOL, pool->core.name) && put(launch, MARK_CLASS, class_) &&
                      put(launch, MARK_HASH, hash) && put(launch, MARK_PORT, port) &&
                      put(launch, MARK_GPUS, v->gpus) && put(launch, MARK_GPU_SHARE, share) &&
                      put(launch, MARK_GROUP, v->group) && put(launch, MARK_PID, pid);
    if (!fine || (v->gpus[0] != '\0' && !put(launch, "CUDA_VISIBLE_DEVICES", v->gpus)))
        return false;
    for (size_t i = 0; i < launch->env_count; i++)
        if (strncmp(launch->envp[i], MARK_PID "=", sizeof MARK_PID) == 0)
            /* The texts are our own copies. NOLINTNEXTLINE(performance-no-int-to-ptr) */
            launch->pid_slot = (char *)(uintptr_t)launch->envp[i] + sizeof MARK_PID;
    return true;
}

static bool build_env(struct launch *launch, const struct pool_config *pool,
                      const struct launch_values *v, const struct target_values *expand,
                      struct buf *text)
{
    const struct process_target *p = &pool->target.process;
    launch->envp = arena_array(&launch->arena, p->env.count + p->pass_env.count + OWN_VARIABLES,
                               sizeof(char *));
    char port[8];
    (void)snprintf(port, sizeof port, "%u", (unsigned)v->port);
    bool fine = launch->envp && hand_on(launch, "PATH") && hand_on(launch, "HOME") &&
                put(launch, "PORT", port);
    for (size_t i = 0; i < p->pass_env.count && fine; i++)
        fine = hand_on(launch, p->pass_env.item[i]);
    for (size_t i = 0; i < p->env.count && fine; i++) {
        target_expand(span_from(p->env.item[i].value), expand, text);
        const char *value = keep(launch, text);
        fine = value && put(launch, p->env.item[i].name, value);
    }
    return fine && put_mark(launch, pool, v);
}

static bool build_argv(struct launch *launch, const struct process_target *p,
                       const struct target_values *expand, struct buf *text)
{
    launch->argv = arena_array(&launch->arena, p->command.count + 1, sizeof(char *));
    for (size_t i = 0; i < p->command.count && launch->argv; i++) {
        target_expand(span_from(p->command.item[i]), expand, text);
        launch->argv[i] = keep(launch, text);
        if (!launch->argv[i])
            return false;
    }
    return launch->argv != NULL;
}

static bool build_paths(struct launch *launch, const struct process_target *p,
                        const struct target_values *expand, struct buf *text)
{
    target_expand(span_from(p->workdir), expand, text);
    launch->workdir = keep(launch, text);
    target_expand(span_from(p->log_folder), expand, text);
    launch->log_folder = keep(launch, text);
    if (!launch->workdir || !launch->log_folder)
        return false;
    if (launch->workdir[0] == '\0')
        launch->workdir = NULL;
    return true;
}

enum rc launch_init(struct launch *launch, const struct pool_config *pool,
                    const struct launch_values *values, struct diag *diag)
{
    char replica[24];
    struct buf text;
    const struct process_target *p = &pool->target.process;
    *launch = (struct launch){.argv = NULL};
    arena_init(&launch->arena, LAUNCH_BYTES_MAX);
    buf_init(&text, LAUNCH_BYTES_MAX);
    (void)snprintf(replica, sizeof replica, "%" PRIu64, values->replica);
    const struct target_values expand = {.pool = pool->core.name,
                                         .model = pool->models.count > 0 ? pool->models.item[0]
                                                                         : pool->core.name,
                                         .gpus = values->gpus,
                                         .replica = replica,
                                         .port = values->port};
    const bool fine = build_argv(launch, p, &expand, &text) &&
                      build_paths(launch, p, &expand, &text) &&
                      build_env(launch, pool, values, &expand, &text);
    buf_done(&text);
    return fine ? RC_OK
                : fail(diag, RC_NO_MEMORY,
                       "command and environment do not fit into memory (%u bytes at most)",
                       LAUNCH_BYTES_MAX);
}

void launch_done(struct launch *launch)
{
    arena_done(&launch->arena);
}
