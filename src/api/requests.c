/* requests.c - open requests of the gateway: it answers from its own thread. */
#include "api/handlers.h"
#include "gateway/gateway_thread.h"

struct list {
    const struct gateway_request *row;
    size_t count;
};

static const char *text_or_null(const char *text)
{
    return text[0] == '\0' ? NULL : text;
}

static bool next_request(void *user, size_t index, void *ret)
{
    const struct list *list = user;
    if (index >= list->count)
        return false;
    const struct gateway_request *row = &list->row[index];
    *(struct request_view *)ret =
        (struct request_view){.id = row->id,
                              .model = row->model,
                              .pool = text_or_null(row->pool),
                              .key = text_or_null(row->key),
                              .replica = row->replica,
                              .phase = request_phase_name(row->phase),
                              .position = row->position > 0 ? row->position : SHAPE_NO_INT,
                              .output_tokens = row->output_tokens,
                              .age_ns = row->age_ns};
    return true;
}

static void on_requests(void *user, const struct gateway_request *rows, size_t count)
{
    struct api_call *call = user;
    struct list list = {rows, count};
    if (api_wait_ended(call))
        call_answer_shape(call, &(struct requests_view){.requests = {next_request, &list},
                                                        .more = count == REQUESTS_LISTED_MAX});
}

/* False: answered with an error. */
static bool has_gateway(struct api_call *call)
{
    if (control_gateway(call->api->control) != NULL)
        return true;
    call_failure(call, RC_STATE, "listen.gateway", "", "this sluice runs no gateway");
    return false;
}

static void refuse(struct api_call *call, enum rc rc)
{
    if (api_wait_ended(call))
        call_failure(call, rc, NULL, NULL, "the gateway cannot be asked now: %s", rc_words(rc));
}

void handle_requests(struct api_call *call)
{
    if (!has_gateway(call))
        return;
    api_wait_begin(call);
    const enum rc rc =
        gateway_thread_requests(control_gateway(call->api->control), on_requests, call);
    if (rc != RC_OK)
        refuse(call, rc);
}

static void on_cancelled(void *user, bool found)
{
    struct api_call *call = user;
    if (!api_wait_ended(call))
        return;
    const char *id = call_part(call, 0);
    if (found)
        call_answer_shape(call, &(struct done_view){.done = true, .text = "it was ended"});
    else
        call_failure(call, RC_NOT_FOUND, "id", id, "there is no open request \"%.40s\"", id);
}

void handle_cancel_request(struct api_call *call)
{
    uint64_t id = 0;
    const char *text = call_part(call, 0);
    if (!has_gateway(call))
        return;
    if (!call_part_id(call, 0, &id)) {
        call_failure(call, RC_INVALID, "id", text, "\"%.40s\" is no id of a request", text);
        return;
    }
    api_audit(call, "cancel-request", "", text);
    api_wait_begin(call);
    const enum rc rc =
        gateway_thread_cancel(control_gateway(call->api->control), id, on_cancelled, call);
    if (rc != RC_OK)
        refuse(call, rc);
}
