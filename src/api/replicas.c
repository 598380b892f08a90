/* replicas.c - replicas, and asking for another one in place of one. */
#include <stdio.h>
#include <string.h>

#include "api/handlers.h"
#include "base/num.h"
#include "target/target.h"

#define LIST_DEFAULT 1000

/* ---- rows ---- */

struct phases {
    const struct replica_row *row;
    int64_t wall_minus_axis_ns;
};

struct replicas {
    const struct control *control;
    const struct reconcile *reconcile;
    size_t pool; /* SIZE_MAX = all */
    const char *state;
    uint64_t after;
    int64_t limit;
    size_t at;            /* in the table */
    struct phases phases; /* of the row that is printed */
    struct replicas_list_view view;
};

/* Times on the axis of the groups, for people. */
static int64_t wall_of(const struct phases *phases, int64_t ns)
{
    return ns == TIME_NONE ? TIME_NONE : num_add_sat(ns, phases->wall_minus_axis_ns);
}

/* In the order in which they were reached. */
static bool next_phase(void *user, size_t index, void *ret)
{
    const struct phases *phases = user;
    size_t seen = 0;
    for (size_t i = 0; i < PHASE_COUNT; i++) {
        if (phases->row->phase_ns[i] == TIME_NONE || seen++ < index)
            continue;
        *(struct phase_view *)ret =
            (struct phase_view){.phase = replica_phase_name((enum replica_phase)i),
                                .at_wall_ns = wall_of(phases, phases->row->phase_ns[i])};
        return true;
    }
    return false;
}

static const char *class_name(const struct reconcile *reconcile, const struct replica_row *row)
{
    struct pool_status status;
    reconcile_pool_status(reconcile, row->pool, &status);
    const struct pool_spec *spec =
        group_pool(reconcile_group_of(reconcile, status.group), status.pool_in_group);
    return row->class_ < spec->class_count ? spec->class_[row->class_].name : "";
}

static void put_address(const struct replica_row *row, struct replica_view *ret)
{
    const bool v6 = strchr(row->host, ':') != NULL;
    if (row->host[0] == '\0')
        return;
    (void)snprintf(ret->address_text, sizeof(ret->address_text), "%s%s%s:%u", v6 ? "[" : "",
                   row->host, v6 ? "]" : "", (unsigned)row->port);
    ret->address = ret->address_text;
}

static void fill(struct replicas *list, const struct replica_row *row, struct replica_view *ret)
{
    struct pool_status status;
    const struct control *control = list->control;
    list->phases = (struct phases){row, control_wall_ns(control) - control_now_ns(control)};
    reconcile_pool_status(list->reconcile, row->pool, &status);
    *ret = (struct replica_view){
        .id = row->id,
        .pool = status.name,
        .class_ = class_name(list->reconcile, row),
        .state = replica_state_name(row->state),
        .phase = row->state == REPLICA_STARTING ? replica_phase_name(row->phase) : NULL,
        .busy = row->busy,
        .notice = row->notice,
        .old = row->old,
        .in_flight_requests = row->in_flight_requests,
        .in_flight_tokens = row->in_flight_tokens,
        .ordered_wall_ns = wall_of(&list->phases, row->ordered_ns),
        .ready_wall_ns = wall_of(&list->phases, row->ready_ns),
        .changed_wall_ns = wall_of(&list->phases, row->changed_ns),
        .failures = row->failures,
        .again_in_ns = row->state == REPLICA_BLOCKED && row->again_ns != TIME_NONE
                           ? row->again_ns - control_now_ns(control)
                           : TIME_NONE,
        .phases = {next_phase, &list->phases},
        .text = row->text[0] != '\0' ? row->text : NULL,
    };
    put_address(row, ret);
}

static bool is_asked(const struct replicas *list, const struct replica_row *row)
{
    return row->id > list->after && (list->pool == SIZE_MAX || row->pool == list->pool) &&
           (list->state == NULL || strcmp(list->state, replica_state_name(row->state)) == 0);
}

static bool next_replica(void *user, size_t index, void *ret)
{
    struct replicas *list = user;
    const struct replica_row *row;
    while ((row = reconcile_replica_at(list->reconcile, list->at)) != NULL) {
        if (!is_asked(list, row)) {
            list->at++;
            continue;
        }
        if ((int64_t)index == list->limit)
            return false;
        list->at++;
        list->view.next = row->id; /* printed behind the list */
        fill(list, row, ret);
        return true;
    }
    list->view.next = 0;
    return false;
}

/* ---- lists ---- */

static void answer_list(struct api_call *call, size_t pool)
{
    int64_t after = 0;
    struct replicas list = {.control = call->api->control,
                            .reconcile = control_reconcile(call->api->control),
                            .pool = pool,
                            .state = call_param(call, "state"),
                            .limit = LIST_DEFAULT};
    if (!call_param_int(call, "after", 0, INT64_MAX, &after) ||
        !call_param_int(call, "limit", 1, API_ROWS_MAX, &list.limit))
        return;
    list.after = (uint64_t)after;
    list.view.replicas = (struct shape_rows){next_replica, &list};
    call_answer_shape(call, &list.view);
}

void handle_replicas(struct api_call *call)
{
    answer_list(call, SIZE_MAX);
}

void handle_pool_replicas(struct api_call *call)
{
    size_t pool;
    if (call_pool(call, 0, &pool))
        answer_list(call, pool);
}

/* ---- one ---- */

/* False: answered with an error. */
static bool find_replica(struct api_call *call, const struct replica_row **ret)
{
    uint64_t id = 0;
    const char *text = call_part(call, 0);
    *ret = call_part_id(call, 0, &id) ? reconcile_replica(control_reconcile(call->api->control), id)
                                      : NULL;
    if (*ret != NULL)
        return true;
    call_failure(call, RC_NOT_FOUND, "id", text, "there is no replica \"%.40s\"", text);
    return false;
}

void handle_replica(struct api_call *call)
{
    const struct replica_row *row;
    struct replica_view view;
    if (!find_replica(call, &row))
        return;
    struct replicas list = {.control = call->api->control,
                            .reconcile = control_reconcile(call->api->control)};
    fill(&list, row, &view);
    call_answer_shape(call, &view);
}

void handle_stop_replica(struct api_call *call)
{
    const struct replica_row *row;
    struct reason_body body = {.reason = ""};
    struct diag diag = {0};
    if (!find_replica(call, &row) || !call_body(call, &body))
        return;
    const uint64_t id = row->id;
    const struct event event = {
        .kind = EVENT_STOP_REPLICA, .replica = id, .count = NO_COUNT, .text = body.reason};
    if (control_operate(call->api->control, &event, call->who, &diag) != RC_OK) {
        call_failure_diag(call, &diag);
        return;
    }
    char text[96];
    (void)snprintf(text, sizeof(text), "replica %llu is drained and replaced",
                   (unsigned long long)id);
    call_answer_shape(call, &(struct done_view){.done = true, .text = text});
}
