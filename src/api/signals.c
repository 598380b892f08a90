/* signals.c - POST /api/v1/pools/NAME/signals: values that others send. */
#include <stdio.h>

#include "api/handlers.h"
#include "io/http1.h"
#include "source/push.h"

void handle_signals(struct api_call *call)
{
    const struct http_head *head = http_request_head(call->request);
    struct diag diag = {0};
    char text[64];
    size_t pool = 0;
    size_t count = 0;
    if (!call_pool(call, 0, &pool))
        return;
    const char *name = reconcile_pool_name(control_reconcile(call->api->control), pool);
    const struct push_message message = {.timestamp = http_header_get(head, "x-sluice-timestamp"),
                                         .nonce = http_header_get(head, "x-sluice-nonce"),
                                         .signature = http_header_get(head, "x-sluice-signature"),
                                         .body = buf_view(&call->received),
                                         .wall_ns = control_wall_ns(call->api->control)};
    if (push_take(control_sources(call->api->control), name, &message, &call->arena, &count,
                  &diag) != RC_OK) {
        if (diag.code != RC_DENIED || access_rate(call))
            call_failure_diag(call, &diag);
        return;
    }
    (void)snprintf(text, sizeof(text), "%zu values taken", count);
    call_answer_shape(call, &(struct done_view){.done = true, .text = text});
}
