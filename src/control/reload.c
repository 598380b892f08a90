/* Another configuration while everything runs: read whole, checked whole, then taken whole or not
 * at all. The last good one stays in force and the reason stands among the conditions. */
#include <stdlib.h>

#include "base/duration.h"
#include "control/control_internal.h"

static void refuse(struct control *control, const char *words)
{
    log_event(control->log, LOG_CONFIG_REFUSED, LOG_TEXT("file", control->options.label),
              LOG_TEXT("text", words));
    condition_set(control, "ConfigRejected", "", true, "%s", words);
}

/* The first error says most; how many more there are says how bad it is. */
static void refuse_problems(struct control *control, const struct problem_list *problems)
{
    struct buf words;
    buf_init(&words, (size_t)4 * TEXT_SIZE);
    for (size_t i = 0; i < problems->count; i++)
        if (problems->item[i].severity == PROBLEM_ERROR) {
            problem_print(&words, &problems->item[i], (struct span){0}, false);
            break;
        }
    if (words.len > 0 && words.ptr[words.len - 1] == '\n')
        words.len--;
    if (problems->errors > 1)
        buf_printf(&words, " (and %zu more)", problems->errors - 1);
    refuse(control, buf_cstr(&words));
    buf_done(&words);
}

static bool read_config(struct control *control, struct config **ret)
{
    struct problem_list problems;
    problem_list_init(&problems);
    *ret = control->options.read(control->options.read_user, &problems);
    if (*ret == NULL)
        refuse_problems(control, &problems);
    problem_list_done(&problems);
    return *ret != NULL;
}

/* What changed, pool by pool, for the log. */
static void tell_changes(struct control *control, const struct config *next)
{
    struct config_diff diff;
    if (config_diff(control->setting->config, next, &diff) != RC_OK)
        return; /* no memory for words; the change itself stands */
    for (size_t i = 0; i < diff.pool_count; i++)
        if (diff.pool[i].change != POOL_UNCHANGED)
            log_event(control->log, LOG_CONFIG_LOADED, LOG_TEXT("pool", diff.pool[i].name),
                      LOG_TEXT("change", pool_change_name(diff.pool[i].change)),
                      LOG_INT("options", diff.pool[i].count));
    config_diff_done(&diff);
}

static const char *first_restart(const struct config_change *item, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (item[i].change == CHANGE_RESTART)
            return item[i].path;
    return NULL;
}

/* Options that need a new start keep the value that they had at the start, and it is said as long
 * as the file wants another one. */
static void look_for_restart(struct control *control)
{
    struct config_diff diff;
    if (config_diff(control->first->config, control->setting->config, &diff) != RC_OK)
        return; /* as above */
    const char *path = first_restart(diff.general, diff.general_count);
    for (size_t i = 0; i < diff.pool_count && path == NULL; i++)
        path = first_restart(diff.pool[i].item, diff.pool[i].count);
    condition_set(control, "RestartNeeded", "", path != NULL,
                  "%s has changed in the file: it takes effect when sluice is started again",
                  path == NULL ? "" : path);
    config_diff_done(&diff);
}

static bool put_in_force(struct control *control, const struct setting *next, struct diag *diag)
{
    if (targets_configure(control->targets, next->config, diag) != RC_OK)
        return false;
    const enum rc rc = reconcile_configure(control->reconcile, &next->installation->spec,
                                           control_now_ns(control), control_wall_ns(control));
    if (rc == RC_OK)
        return true;
    (void)fail(diag, rc, "it cannot be taken over: %s", rc_words(rc));
    if (targets_configure(control->targets, control->setting->config, NULL) != RC_OK)
        log_event(control->log, LOG_PROBLEM, LOG_TEXT("text", "targets keep what was refused"));
    return false;
}

/* ---- the gateway reads it on its own thread ---- */

struct handover {
    struct control *control;
    struct setting *setting;
    struct handover *next;
};

static void handover_end(struct handover *handover)
{
    struct handover **at = &handover->control->handovers;
    while (*at != handover)
        at = &(*at)->next;
    *at = handover->next;
    setting_unref(handover->setting);
    free(handover);
}

static void on_configured(void *user, enum rc rc)
{
    struct handover *handover = user;
    if (rc != RC_OK)
        handover->control->gateway_behind = true;
    handover_end(handover);
}

void reload_done(struct control *control)
{
    while (control->handovers != NULL)
        handover_end(control->handovers);
}

void reload_gateway(struct control *control)
{
    control->gateway_behind = false;
    if (control->gateway == NULL)
        return;
    struct handover *handover = mem_new(1, sizeof(*handover));
    control->gateway_behind = handover == NULL;
    if (handover == NULL)
        return;
    *handover = (struct handover){
        .control = control, .setting = setting_ref(control->setting), .next = control->handovers};
    control->handovers = handover;
    if (gateway_thread_configure(control->gateway, control->setting->config, on_configured,
                                 handover) == RC_OK)
        return;
    control->gateway_behind = true;
    handover_end(handover);
}

/* ---- whole or not at all ---- */

/* A pool that was there before may have left replicas running. */
static void tell_added(struct control *control, const struct config *before)
{
    const struct config *config = control->setting->config;
    for (size_t i = 0; i < config->pool_count; i++) {
        const char *name = config->pool[i]->core.name;
        if (config_pool(before, span_from(name)) == NULL)
            targets_tell(control->targets, name);
    }
    control_tell_known(control);
}

static void apply(struct control *control, struct setting *next)
{
    struct diag diag = {0};
    if (!put_in_force(control, next, &diag)) {
        refuse(control, diag.text);
        setting_unref(next);
        return;
    }
    tell_changes(control, next->config);
    history_config(control, next->config);
    struct setting *before = control->setting;
    control->setting = next;
    control->generation++;
    feed_configure(control, before->config);
    reload_gateway(control);
    tell_added(control, before->config);
    setting_unref(before);
    condition_set(control, "ConfigRejected", "", false, "%s", "");
    look_for_restart(control);
    log_event(control->log, LOG_CONFIG_LOADED, LOG_TEXT("file", control->options.label),
              LOG_INT("pools", control->setting->config->pool_count));
}

/* Better refused as a whole than taken and every start failing. */
static bool may_take(struct control *control, const struct config *config)
{
    if (!control->options.sandboxed || !config_starts_programs(config))
        return true;
    refuse(control, "it starts programs, and this process gave up the means as nothing was to be "
                    "started: start sluice again, or with sandbox: off from the beginning");
    return false;
}

/* The same text may stand for other values: a file that it names may hold another secret. */
static bool says_the_same(const struct control *control, const struct config *config)
{
    struct config_diff diff;
    if (config->hash != control->setting->config->hash)
        return false;
    if (config_diff(control->setting->config, config, &diff) != RC_OK)
        return true; /* no memory to look: it stays as it is */
    bool same = diff.general_count == 0;
    for (size_t i = 0; i < diff.pool_count; i++)
        same &= diff.pool[i].change == POOL_UNCHANGED;
    config_diff_done(&diff);
    return same;
}

void reload_now(struct control *control)
{
    control->reload_wanted = false;
    if (control->stopping)
        return;
    certificate_load(control);
    struct config *config = NULL;
    if (!read_config(control, &config))
        return;
    if (says_the_same(control, config)) {
        condition_set(control, "ConfigRejected", "", false, "%s", "");
        config_free(config);
        return;
    }
    struct setting *next = NULL;
    struct diag diag = {0};
    if (!may_take(control, config))
        config_free(config);
    else if (setting_new(config, &next, &diag) != RC_OK)
        refuse(control, diag.text);
    else
        apply(control, next);
}

/* Storms are one: the next turn reads the file once. */
void control_reload(struct control *control)
{
    if (control->options.file_count == 0)
        return;
    control->reload_wanted = true;
    control_turn_soon(control);
}

static void on_change(void *user)
{
    control_reload(user);
}

enum rc reload_watch(struct control *control, struct diag *diag)
{
    const size_t count = control->options.watch ? control->options.file_count : 0;
    control->watch = mem_new(count + 1, sizeof(struct file_watch *));
    if (control->watch == NULL)
        return fail(diag, RC_NO_MEMORY, "no memory left");
    for (size_t i = 0; i < count; i++) {
        control->watch[i] =
            file_watch_new(control->loop, control->options.file[i], SECOND_NS, on_change, control);
        if (control->watch[i] == NULL)
            return fail(diag, RC_NO_MEMORY, "no memory to watch the files");
    }
    return RC_OK;
}

void reload_watch_done(struct control *control)
{
    for (size_t i = 0; control->watch != NULL && control->watch[i] != NULL; i++)
        file_watch_free(control->watch[i]);
    free(control->watch);
}
