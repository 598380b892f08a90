/* why.c - GET /api/v1/pools/{pool}/why: the last decision from memory, an older one from the store,
 * with what it read worked out again. */
#include <stdio.h>
#include <string.h>

#include "api/decision_view.h"
#include "api/handlers.h"
#include "store/replay.h"

/* ---- now ---- */

static void answer_now(struct api_call *call, const struct pool_status *status)
{
    const struct reconcile *reconcile = control_reconcile(call->api->control);
    struct why_bundle *bundle = arena_alloc(&call->arena, sizeof(*bundle));
    if (status->decision == NULL || bundle == NULL) {
        call_failure(call, RC_STATE, "pool", status->name,
                     "nothing was decided yet: the first tick is on its way");
        return;
    }
    why_fill(bundle, reconcile_group_of(reconcile, status->group), status->pool_in_group,
             status->decision, status->observation, reconcile_state_of(reconcile, status->group));
    call_answer_shape(call, &bundle->view);
}

/* ---- then ---- */

struct past {
    struct api_call *call;
    struct env_table env;
    char path[TEXT_SIZE];
    char pool[NAME_SIZE];
    char group[NAME_SIZE];
    int64_t at_wall_ns;
    struct why_bundle bundle;
    bool found;
    enum rc rc;
    struct diag diag;
};

static size_t pool_index(const struct group_spec *group, const char *name)
{
    for (size_t i = 0; i < group_pool_count(group); i++)
        if (strcmp(group_pool(group, i)->name, name) == 0)
            return i;
    return SIZE_MAX;
}

static bool on_tick(void *context, const struct replay_tick *seen)
{
    struct past *past = context;
    const size_t pool = seen->group != NULL ? pool_index(seen->group, past->pool) : SIZE_MAX;
    past->found = true;
    if (pool == SIZE_MAX) {
        past->rc = fail(&past->diag, RC_NOT_FOUND, "that decision cannot be explained any more: %s",
                        seen->what);
        return false;
    }
    why_fill(&past->bundle, seen->group, pool, &seen->decision[pool], seen->observation,
             seen->state);
    shape_print(&shape_why, &past->bundle.view, &past->call->w);
    return false;
}

static void read_past(void *user)
{
    struct past *past = user;
    struct store *store = NULL;
    struct replay_result result;
    const struct replay_options options = {.query = {.group = past->group,
                                                     .from_ns = INT64_MIN,
                                                     .to_ns = past->at_wall_ns,
                                                     .newest_first = true,
                                                     .limit = 1},
                                           .env = &past->env,
                                           .each = on_tick,
                                           .context = past};
    past->rc = store_open_reading(past->path, &store, &past->diag);
    if (past->rc != RC_OK)
        return;
    const enum rc rc = store_replay(store, &options, &result, &past->diag);
    if (rc != RC_OK)
        past->rc = rc;
    else if (!past->found)
        past->rc = fail(&past->diag, RC_NOT_FOUND, "nothing of pool \"%s\" is recorded before then",
                        past->pool);
    store_close(store);
}

static void past_read(void *user)
{
    struct past *past = user;
    struct api_call *call = past->call;
    if (!api_read_ended(call))
        return;
    if (past->rc == RC_OK)
        call_answer(call, 200);
    else
        call_failure_diag(call, &past->diag);
}

static void answer_then(struct api_call *call, const struct pool_status *status, int64_t at_wall_ns)
{
    const struct reconcile *reconcile = control_reconcile(call->api->control);
    struct past *past = arena_alloc(&call->arena, sizeof(*past));
    if (past == NULL) {
        call_failure(call, RC_NO_MEMORY, NULL, NULL, "no memory for the answer");
        return;
    }
    past->call = call;
    past->env = call->api->env;
    past->at_wall_ns = at_wall_ns;
    (void)span_copy(span_from(control_state_path(call->api->control)), past->path,
                    sizeof(past->path));
    (void)span_copy(span_from(status->name), past->pool, sizeof(past->pool));
    (void)span_copy(span_from(group_name(reconcile_group_of(reconcile, status->group))),
                    past->group, sizeof(past->group));
    api_read_begin(call, read_past, past_read, past);
}

void handle_why(struct api_call *call)
{
    int64_t at_wall_ns = TIME_NONE;
    struct pool_status status;
    size_t pool;
    if (!call_pool(call, 0, &pool) || !call_param_time(call, "at", true, &at_wall_ns))
        return;
    reconcile_pool_status(control_reconcile(call->api->control), pool, &status);
    if (at_wall_ns == TIME_NONE)
        answer_now(call, &status);
    else
        answer_then(call, &status, at_wall_ns);
}
