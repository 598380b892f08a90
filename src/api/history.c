/* history.c - what the store holds: recorded decisions and events. Read in a worker. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/decision_view.h"
#include "api/handlers.h"
#include "store/replay.h"

/* ---- a read in a worker ---- */

struct history {
    struct api_call *call;
    struct env_table env;
    char path[TEXT_SIZE];
    char pool[NAME_SIZE]; /* or group; "" = all */
    struct store_query query;
    int64_t from_ns;
    bool audit; /* only what people ordered */
    enum rc rc;
    struct diag diag;
};

static struct history *history_new(struct api_call *call)
{
    struct history *history = arena_alloc(&call->arena, sizeof(*history));
    if (history == NULL) {
        call_failure(call, RC_NO_MEMORY, NULL, NULL, "no memory for the answer");
        return NULL;
    }
    history->call = call;
    history->env = call->api->env;
    (void)span_copy(span_from(control_state_path(call->api->control)), history->path,
                    sizeof(history->path));
    return history;
}

static void read_done(void *user)
{
    struct history *history = user;
    struct api_call *call = history->call;
    if (!api_read_ended(call))
        return;
    if (history->rc == RC_OK)
        call_answer(call, 200);
    else
        call_failure_diag(call, &history->diag);
}

/* ---- decisions ---- */

struct tick_pools {
    const struct replay_tick *seen;
    const struct tree *json; /* of the array of decisions, as it was recorded */
    struct buf text;         /* the decision that is printed */
    char words[512];
};

static bool next_tick_pool(void *user, size_t index, void *ret)
{
    struct tick_pools *pools = user;
    const struct tree *json = tree_at(pools->json, index);
    const struct group_spec *group = pools->seen->group;
    const bool known = group != NULL && index < group_pool_count(group);
    struct json_writer w;
    if (json == NULL)
        return false;
    pools->words[0] = '\0';
    if (known)
        decision_words(group, index, &pools->seen->decision[index], pools->words,
                       sizeof(pools->words));
    buf_clear(&pools->text);
    json_init(&w, &pools->text);
    json_tree(&w, json);
    *(struct tick_pool_view *)ret =
        (struct tick_pool_view){.pool = known ? group_pool(group, index)->name : NULL,
                                .decision = buf_view(&pools->text),
                                .words = known ? pools->words : NULL};
    return true;
}

static bool print_tick(void *context, const struct replay_tick *seen)
{
    struct history *history = context;
    const struct store_tick *tick = seen->tick;
    struct tick_pools pools = {.seen = seen};
    struct arena arena;
    char config[20];
    arena_init(&arena, 16U << 20);
    buf_init(&pools.text, 4U << 20);
    (void)snprintf(config, sizeof(config), "%016" PRIx64, tick->config_hash);
    if (json_read(&arena, tick->decision, NULL, &pools.json, &history->diag) == RC_OK)
        shape_print(&shape_tick,
                    &(struct tick_view){.seq = tick->seq,
                                        .wall_ns = tick->wall_ns,
                                        .group = tick->group,
                                        .cause = tick_cause_name((enum tick_cause)tick->cause),
                                        .changed = tick->changed,
                                        .config = config,
                                        .pools = {next_tick_pool, &pools}},
                    &history->call->w);
    buf_done(&pools.text);
    arena_done(&arena);
    return !history->call->out.failed;
}

static void read_decisions(void *user)
{
    struct history *history = user;
    struct json_writer *w = &history->call->w;
    struct store *store = NULL;
    struct replay_result result;
    struct replay_options options = {
        .query = history->query, .env = &history->env, .each = print_tick, .context = history};
    options.query.group = history->pool[0] != '\0' ? history->pool : NULL;
    history->rc = store_open_reading(history->path, &store, &history->diag);
    if (history->rc != RC_OK)
        return;
    json_object(w);
    json_key(w, "decisions");
    json_array(w);
    history->rc = store_replay(store, &options, &result, &history->diag);
    json_array_end(w);
    json_object_end(w);
    store_close(store);
}

static const char *group_of_pool(struct api_call *call, size_t pool)
{
    struct pool_status status;
    const struct reconcile *reconcile = control_reconcile(call->api->control);
    reconcile_pool_status(reconcile, pool, &status);
    return group_name(reconcile_group_of(reconcile, status.group));
}

void handle_decisions(struct api_call *call)
{
    struct store_query query = {
        .from_ns = INT64_MIN, .to_ns = INT64_MAX, .newest_first = true, .limit = API_ROWS_DEFAULT};
    const char *pool = call_param(call, "pool");
    size_t index;
    if ((pool != NULL && !call_pool_named(call, "pool", pool, &index)) ||
        !call_param_time(call, "from", false, &query.from_ns) ||
        !call_param_time(call, "to", true, &query.to_ns) ||
        !call_param_bool(call, "changed", &query.changed_only) ||
        !call_param_int(call, "limit", 1, API_ROWS_MAX, &query.limit))
        return;
    struct history *history = history_new(call);
    if (history == NULL)
        return;
    history->query = query;
    if (pool != NULL)
        (void)span_copy(span_from(group_of_pool(call, index)), history->pool,
                        sizeof(history->pool));
    api_read_begin(call, read_decisions, read_done, history);
}

/* ---- events ---- */

static bool print_event(void *context, const struct store_event *event)
{
    struct history *history = context;
    const bool has_pool = event->pool != NULL && event->pool[0] != '\0';
    shape_print(&shape_event,
                &(struct event_view){.seq = event->seq,
                                     .wall_ns = event->wall_ns,
                                     .pool = has_pool ? event->pool : NULL,
                                     .code = event->code,
                                     .details = event->json},
                &history->call->w);
    return !history->call->out.failed;
}

/* A member of the details, which only live while the row is shown. */
static const char *detail(struct arena *arena, const struct tree *json, const char *name)
{
    struct span text = {0};
    if (!tree_string(tree_get(json, name), &text))
        return NULL;
    return arena_copy(arena, text).ptr; /* NULL without memory: not known */
}

static bool print_audit(void *context, const struct store_event *event)
{
    struct history *history = context;
    struct arena arena;
    const struct tree *json = NULL;
    const bool has_pool = event->pool != NULL && event->pool[0] != '\0';
    arena_init(&arena, 1U << 20);
    if (json_read(&arena, event->json, NULL, &json, NULL) == RC_OK)
        shape_print(&shape_audit_line,
                    &(struct audit_view){.seq = event->seq,
                                         .wall_ns = event->wall_ns,
                                         .pool = has_pool ? event->pool : NULL,
                                         .who = detail(&arena, json, "who"),
                                         .what = detail(&arena, json, "what"),
                                         .reason = detail(&arena, json, "reason"),
                                         .outcome = detail(&arena, json, "outcome"),
                                         .details = event->json},
                    &history->call->w);
    arena_done(&arena);
    return !history->call->out.failed;
}

static void read_events(void *user)
{
    struct history *history = user;
    struct json_writer *w = &history->call->w;
    struct store *store = NULL;
    const struct store_event_query query = {.pool = history->pool[0] != '\0' ? history->pool : NULL,
                                            .code = history->audit ? "operated" : NULL,
                                            .from_ns = history->from_ns,
                                            .limit = history->query.limit};
    history->rc = store_open_reading(history->path, &store, &history->diag);
    if (history->rc != RC_OK)
        return;
    json_object(w);
    json_key(w, history->audit ? "audit" : "events");
    json_array(w);
    history->rc = store_events(store, &query, history->audit ? print_audit : print_event, history,
                               &history->diag);
    json_array_end(w);
    json_object_end(w);
    store_close(store);
}

static void answer_events(struct api_call *call, bool audit)
{
    int64_t from_ns = INT64_MIN;
    int64_t limit = API_ROWS_DEFAULT;
    const char *pool = call_param(call, "pool");
    if (!call_param_time(call, "from", false, &from_ns) ||
        !call_param_int(call, "limit", 1, API_ROWS_MAX, &limit))
        return;
    struct history *history = history_new(call);
    if (history == NULL)
        return;
    history->audit = audit;
    history->from_ns = from_ns;
    history->query.limit = limit;
    if (pool != NULL)
        (void)span_copy(span_from(pool), history->pool, sizeof(history->pool));
    api_read_begin(call, read_events, read_done, history);
}

void handle_events(struct api_call *call)
{
    answer_events(call, false);
}

void handle_audit(struct api_call *call)
{
    answer_events(call, true);
}
