/* operate.c - the words of operators: pin, unpin, pause, resume, reload. */
#include <stdio.h>

#include "api/handlers.h"
#include "base/num.h"

/* A duration from now, or a time; TIME_NONE for NULL. False: answered with an error. */
static bool read_expires(struct api_call *call, const char *text, int64_t *ret_wall_ns)
{
    int64_t span_ns;
    const int64_t now_ns = control_wall_ns(call->api->control);
    struct shape_problem problem = {
        .code = RC_INVALID,
        .place = "expires",
        .allowed = "a duration as 10m, or a later time as 2026-11-24T08:15:00Z"};
    *ret_wall_ns = TIME_NONE;
    if (text == NULL || text[0] == '\0')
        return true;
    if (duration_parse(span_from(text), &span_ns) == RC_OK)
        *ret_wall_ns = num_add_sat(now_ns, span_ns);
    if ((*ret_wall_ns != TIME_NONE || time_parse_rfc3339(span_from(text), ret_wall_ns) == RC_OK) &&
        *ret_wall_ns > now_ns)
        return true;
    (void)span_copy(span_from(text), problem.value, sizeof(problem.value));
    (void)snprintf(problem.text, sizeof(problem.text), "expires is \"%.60s\", %s is wanted", text,
                   problem.allowed);
    call_error(call, &problem);
    return false;
}

/* Tells control, and answers. until: for the words; TIME_NONE = without end. */
static void operate(struct api_call *call, const struct event *event, const char *words)
{
    struct diag diag = {0};
    char text[320];
    char until[DURATION_TEXT_MAX];
    if (control_operate(call->api->control, event, call->who, &diag) != RC_OK) {
        const char *place = event->kind == EVENT_PIN ? "replicas" : "pool";
        call_failure(call, diag.code, place, NULL, "%s", diag.text);
        return;
    }
    if (event->until_wall_ns == TIME_NONE) {
        (void)snprintf(text, sizeof(text), "%s", words);
    } else {
        (void)time_print_rfc3339(event->until_wall_ns, until);
        (void)snprintf(text, sizeof(text), "%s until %s", words, until);
    }
    call_answer_shape(call, &(struct done_view){.done = true, .text = text});
}

static const char *pool_name(const struct api_call *call, size_t pool)
{
    struct pool_status status;
    reconcile_pool_status(control_reconcile(call->api->control), pool, &status);
    return status.name;
}

static void scale(struct api_call *call, size_t pool, const struct scale_body *body)
{
    char words[160];
    const char *name = pool_name(call, pool);
    struct event event = {.kind = EVENT_PIN,
                          .pool = name,
                          .count = body->replicas,
                          .text = body->reason,
                          .until_wall_ns = TIME_NONE};
    if (!read_expires(call, body->expires, &event.until_wall_ns))
        return;
    (void)snprintf(words, sizeof(words), "%s is pinned at %lld", name, (long long)body->replicas);
    operate(call, &event, words);
}

void handle_scale(struct api_call *call)
{
    struct scale_body body = {.reason = ""};
    size_t pool;
    if (call_pool(call, 0, &pool) && call_body(call, &body))
        scale(call, pool, &body);
}

void handle_webhook_scale(struct api_call *call)
{
    struct scale_body body = {.reason = ""};
    size_t pool;
    if (call_body(call, &body) && call_pool_named(call, "pool", body.pool, &pool))
        scale(call, pool, &body);
}

static void say(struct api_call *call, size_t pool, struct event event, const char *what)
{
    char words[160];
    event.pool = pool_name(call, pool);
    (void)snprintf(words, sizeof(words), "%s %s", event.pool, what);
    operate(call, &event, words);
}

void handle_unpin(struct api_call *call)
{
    const struct event event = {
        .kind = EVENT_PIN, .count = NO_COUNT, .text = "", .until_wall_ns = TIME_NONE};
    size_t pool;
    if (call_pool(call, 0, &pool))
        say(call, pool, event, "is not pinned any more");
}

void handle_pause(struct api_call *call)
{
    struct pause_body body = {.reason = ""};
    struct event event = {.kind = EVENT_PAUSE, .up = true, .count = NO_COUNT};
    size_t pool;
    if (!call_pool(call, 0, &pool) || !call_body(call, &body) ||
        !read_expires(call, body.expires, &event.until_wall_ns))
        return;
    event.text = body.reason;
    say(call, pool, event, "is paused");
}

void handle_resume(struct api_call *call)
{
    struct reason_body body = {.reason = ""};
    struct event event = {.kind = EVENT_PAUSE, .count = NO_COUNT, .until_wall_ns = TIME_NONE};
    size_t pool;
    if (!call_pool(call, 0, &pool) || !call_body(call, &body))
        return;
    event.text = body.reason;
    say(call, pool, event, "is not paused any more");
}

void handle_reload(struct api_call *call)
{
    struct reason_body body = {.reason = ""};
    if (!call_body(call, &body))
        return;
    api_audit(call, "reload", "", body.reason);
    control_reload(call->api->control);
    call_answer_shape(
        call, &(struct done_view){.done = true,
                                  .text = "the configuration is read again; a refused one stands "
                                          "among the conditions, and the last good one stays"});
}

void handle_stream(struct api_call *call)
{
    stream_join(call->api->stream, call);
}
