/* feed.c - what sources measure, on its way to the control step: samples to the right group and
 * pool, failures to the conditions, and when a group may trust what it does not see (R10). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "control/control_internal.h"

#define SAMPLES_AT_ONCE 256

static const struct config *config_of(const struct control *control)
{
    return control->setting->config;
}

/* ---- where pools are ---- */

static bool find_place(const struct control *control, const char *pool, struct feed_place *ret)
{
    const struct reconcile_spec *spec = &control->setting->installation->spec;
    for (size_t g = 0; g < spec->group_count; g++)
        for (size_t i = 0; i < group_pool_count(spec->group[g].group); i++)
            if (strcmp(spec->group[g].pool[i].name, pool) == 0) {
                *ret = (struct feed_place){g, i};
                return true;
            }
    return false;
}

static bool find_places(struct control *control)
{
    const struct config *config = config_of(control);
    struct feed_place *place = mem_new(config->pool_count, sizeof(*place));
    for (size_t i = 0; i < config->pool_count && place != NULL; i++)
        if (!find_place(control, config->pool[i]->core.name, &place[i]))
            place[i].group = SIZE_MAX;
    free(control->place);
    control->place = place;
    return place != NULL;
}

/* ---- samples ---- */

/* False: nothing in this group reads it. */
static bool address_sample(const struct group_spec *group, const struct source_sample *from,
                           size_t in_group, struct sample *ret)
{
    *ret = from->sample;
    ret->pool = (uint16_t)in_group;
    ret->signal = (uint16_t)from->signal.id;
    if (from->signal.id != SIGNAL_EXTERNAL)
        return true;
    const int external = group_external_index(group, span_from(from->signal.external));
    ret->external = (uint16_t)(external >= 0 ? external : 0);
    return external >= 0;
}

/* What is spent is no window of a decision: it takes the place of our own sum (R14). */
static void tell_money(struct control *control, size_t pool, const struct source_sample *sample)
{
    double money = NAN;
    if (sample != NULL && sample->sample.state == SIGNAL_VALUE)
        money = sample->sample.value;
    control_event(control, &(struct event){.kind = EVENT_MONEY,
                                           .pool = config_of(control)->pool[pool]->core.name,
                                           .up = true,
                                           .money = money});
}

static bool counts_money(const struct pool_config *pool)
{
    for (size_t i = 0; i < pool->source_count; i++)
        for (size_t k = 0; k < pool->source_list[i].signal_count; k++)
            if (pool->source_list[i].signal[k].id == SIGNAL_SPENT_TODAY)
                return true;
    return false;
}

static void on_samples(void *user, size_t pool, const struct source_sample *samples, size_t count)
{
    struct control *control = user;
    struct sample out[SAMPLES_AT_ONCE];
    if (control->place == NULL || control->place[pool].group == SIZE_MAX)
        return;
    const struct feed_place *place = &control->place[pool];
    const struct group_spec *group = control->setting->installation->spec.group[place->group].group;
    for (size_t i = 0; i < count;) {
        size_t n = 0;
        for (; i < count && n < SAMPLES_AT_ONCE; i++)
            if (samples[i].signal.id == SIGNAL_SPENT_TODAY)
                tell_money(control, pool, &samples[i]);
            else
                n += address_sample(group, &samples[i], place->in_group, &out[n]);
        const struct event event = {
            .kind = EVENT_SAMPLES, .group = place->group, .samples = out, .sample_count = n};
        if (n > 0)
            control_event(control, &event);
    }
}

/* ---- states ---- */

static void tell_group(struct control *control, size_t group)
{
    bool answered = true;
    for (size_t i = 0; i < config_of(control)->pool_count && answered; i++) {
        struct source_pool_state state;
        if (control->place == NULL || control->place[i].group != group)
            continue;
        sources_pool(control->sources, i, &state);
        answered = state.answered;
    }
    control_event(control, &(struct event){.kind = EVENT_SOURCE, .group = group, .up = answered});
}

static void on_changed(void *user, size_t pool)
{
    struct control *control = user;
    struct source_pool_state state;
    if (control->place == NULL || control->place[pool].group == SIZE_MAX)
        return;
    sources_pool(control->sources, pool, &state);
    condition_set(control, "SourceDown", config_of(control)->pool[pool]->core.name, state.down > 0,
                  "%zu of %zu sources tell nothing: %s", state.down, state.count, state.text);
    control_event(control, &(struct event){.kind = EVENT_FALLBACK,
                                           .pool = config_of(control)->pool[pool]->core.name,
                                           .count = state.fallback});
    tell_group(control, control->place[pool].group);
}

static bool on_replica(void *user, size_t pool, size_t index, struct source_replica *ret)
{
    const struct control *control = user;
    const int found = reconcile_pool_find(control->reconcile,
                                          span_from(config_of(control)->pool[pool]->core.name));
    const struct replica_row *row;
    for (size_t i = 0; (row = reconcile_replica_at(control->reconcile, i)) != NULL; i++) {
        if (found < 0 || row->pool != (size_t)found || index-- > 0)
            continue;
        *ret = (struct source_replica){.id = row->id,
                                       .port = row->port,
                                       .ready = row->state == REPLICA_READY,
                                       .ready_ns = row->ready_ns};
        memcpy(ret->host, row->host, sizeof(ret->host));
        return true;
    }
    return false;
}

static bool on_usage(void *user, uint64_t replica, struct source_usage *ret)
{
    const struct control *control = user;
    struct target_usage usage;
    if (!targets_usage(control->targets, replica, &usage))
        return false;
    *ret = (struct source_usage){.cpu_s = usage.cpu_s,
                                 .cpus = usage.cpus,
                                 .memory_bytes = usage.memory_bytes,
                                 .memory_limit_bytes = usage.memory_limit_bytes};
    return true;
}

static bool on_measure(const void *user, const char *id, struct target_gpu *ret)
{
    const struct control *control = user;
    struct source_gpu gpu;
    if (!sources_gpu(control->sources, span_from(id), &gpu))
        return false;
    *ret = (struct target_gpu){.use_ratio = gpu.use_ratio,
                               .memory_used_bytes = gpu.memory_used_bytes,
                               .memory_bytes = gpu.memory_bytes};
    return true;
}

void control_inventory(const struct control *control, struct json_writer *w)
{
    targets_print(control->targets, on_measure, control, w);
}

static const char *on_gpus(void *user, uint64_t replica)
{
    const struct control *control = user;
    return targets_gpus(control->targets, replica);
}

/* ---- life ---- */

static void configure(struct control *control)
{
    if (notify_configure(control->notify, config_of(control)) != RC_OK)
        log_event(control->log, LOG_PROBLEM,
                  LOG_TEXT("text", "no memory for all hooks: some are told nothing"));
    if (!find_places(control) || sources_configure(control->sources, config_of(control)) != RC_OK)
        log_event(control->log, LOG_PROBLEM,
                  LOG_TEXT("text", "no memory for all sources: some signals stay unknown"));
}

/* Until it has answered nobody knows what is spent; without such a source we count ourselves. */
static void begin_money(struct control *control, const struct config *before)
{
    for (size_t i = 0; i < config_of(control)->pool_count; i++) {
        const struct pool_config *pool = config_of(control)->pool[i];
        const struct pool_config *was =
            before != NULL ? config_pool(before, span_from(pool->core.name)) : NULL;
        const bool counted = was != NULL && counts_money(was);
        if (counts_money(pool) && !counted)
            tell_money(control, i, NULL);
        if (!counts_money(pool) && counted)
            control_event(control, &(struct event){.kind = EVENT_MONEY, .pool = pool->core.name});
    }
}

enum rc feed_start(struct control *control, struct diag *diag)
{
    const struct sources_config config = {.log = control->log,
                                          .axis_offset_ns = control->axis_offset_ns,
                                          .samples = on_samples,
                                          .changed = on_changed,
                                          .replica = on_replica,
                                          .usage = on_usage,
                                          .gpus = on_gpus,
                                          .user = control};
    control->notify = notify_new(control->loop, control->log);
    if (control->notify == NULL)
        return fail(diag, RC_NO_MEMORY, "no memory for hooks");
    const enum rc rc = sources_new(control->loop, &config, &control->sources, diag);
    if (rc == RC_OK)
        configure(control);
    if (rc == RC_OK)
        begin_money(control, NULL);
    return rc;
}

/* Conditions of pools and sources that are gone go too. */
void feed_configure(struct control *control, const struct config *before)
{
    configure(control);
    begin_money(control, before);
    for (size_t i = 0; i < control->condition_count;)
        if (strcmp(control->condition[i].name, "SourceDown") == 0)
            control->condition[i] = control->condition[--control->condition_count];
        else
            i++;
    for (size_t i = 0; i < config_of(control)->pool_count; i++)
        on_changed(control, i);
}

void feed_done(struct control *control)
{
    notify_free(control->notify);
    control->notify = NULL;
    sources_free(control->sources);
    control->sources = NULL;
    free(control->place);
    control->place = NULL;
}

void feed_tell_known(struct control *control)
{
    for (size_t i = 0; i < control->setting->installation->spec.group_count; i++)
        tell_group(control, i);
}
