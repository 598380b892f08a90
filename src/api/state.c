/* state.c - health, conditions, the configuration in force, the inventory. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/handlers.h"
#include "config/resolved.h"
#include "target/target.h"

/* ---- health ---- */

static void answer_health(struct api_call *call, int status, const char *word)
{
    const struct health_view view = {.status = word,
                                     .version = SLUICE_VERSION,
                                     .started_wall_ns =
                                         control_started_wall_ns(call->api->control)};
    shape_print(&shape_health, &view, &call->w);
    call_answer(call, status);
}

void handle_healthz(struct api_call *call)
{
    answer_health(call, 200, "ok");
}

/* Decisions are made, and nothing is held back because somebody has not answered yet. */
void handle_readyz(struct api_call *call)
{
    const struct reconcile *reconcile = control_reconcile(call->api->control);
    bool ready = true;
    for (size_t i = 0; i < reconcile_pool_count(reconcile) && ready; i++) {
        struct pool_status status;
        reconcile_pool_status(reconcile, i, &status);
        ready = status.tick_ns != TIME_NONE && !status.incomplete;
    }
    answer_health(call, ready ? 200 : 503, ready ? "ok" : "starting");
}

/* ---- conditions ---- */

static bool next_condition(void *user, size_t index, void *ret)
{
    const struct condition *condition = control_condition(user, index);
    if (condition == NULL)
        return false;
    *(struct condition_view *)ret =
        (struct condition_view){.name = condition->name,
                                .pool = condition->pool[0] != '\0' ? condition->pool : NULL,
                                .since_wall_ns = condition->since_wall_ns,
                                .text = condition->text};
    return true;
}

void handle_conditions(struct api_call *call)
{
    call_answer_shape(
        call, &(struct conditions_view){.conditions = {next_condition, call->api->control}});
}

/* ---- configuration ---- */

struct option {
    const char *path;
    const char *value;
    const char *from;
    const char *change;
};

struct options {
    struct arena *arena;
    const struct config *config;
    struct option *item;
    size_t count;
    size_t cap;
    bool failed;
};

static const char *change_name(enum opt_change change)
{
    switch (change) {
    case CHANGE_LIVE:
        return "live";
    case CHANGE_NEXT_START:
        return "next-start";
    case CHANGE_REPLACE:
        return "replace";
    case CHANGE_RESTART:
        return "restart";
    }
    return NULL;
}

static const char *copy(struct options *options, struct span text)
{
    const struct span kept = arena_copy(options->arena, text);
    options->failed = options->failed || kept.ptr == NULL;
    return kept.ptr;
}

static bool take_option(void *user, const struct resolved *value)
{
    struct options *options = user;
    void *array = options->item;
    struct buf text;
    char place[160];
    if (mem_grow(&array, &options->cap, options->count + 1, sizeof(*options->item), 10000000) !=
        RC_OK) {
        options->failed = true;
        return false;
    }
    options->item = array;
    struct option *item = &options->item[options->count++];
    buf_init(&text, 1U << 20);
    resolved_print(&text, value->row, value->base);
    *item = (struct option){.path = copy(options, span_from(value->path)),
                            .value = copy(options, buf_view(&text)),
                            .change = change_name(value->row->change)};
    if (value->node != NULL) {
        (void)snprintf(place, sizeof(place), "%.120s:%u:%u", options->config->file,
                       (unsigned)value->node->line, (unsigned)value->node->column);
        item->from = copy(options, span_from(place));
    }
    buf_done(&text);
    return !options->failed;
}

static bool next_option(void *user, size_t index, void *ret)
{
    const struct options *options = user;
    if (index >= options->count)
        return false;
    const struct option *item = &options->item[index];
    *(struct option_view *)ret = (struct option_view){
        .path = item->path, .value = item->value, .from = item->from, .change = item->change};
    return true;
}

void handle_config(struct api_call *call)
{
    const struct config *config = control_config(call->api->control);
    struct options options = {.arena = &call->arena, .config = config};
    char hash[20];
    config_visit(config, take_option, &options);
    (void)snprintf(hash, sizeof(hash), "%016" PRIx64, config->hash);
    if (options.failed)
        call_failure(call, RC_NO_MEMORY, NULL, NULL, "no memory for the answer");
    else
        call_answer_shape(call, &(struct options_view){.file = config->file,
                                                       .hash = hash,
                                                       .options = {next_option, &options}});
    free(options.item);
}

/* ---- inventory ---- */

void handle_inventory(struct api_call *call)
{
    json_object(&call->w);
    control_inventory(call->api->control, &call->w);
    json_object_end(&call->w);
    call_answer(call, 200);
}
