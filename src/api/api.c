/* api.c - the life of the API: its listener, finding what a request asks for, and answers that come
 * later. */
#include "api/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/decision_view.h"
#include "api/handlers.h"
#include "base/opt.h"
#include "io/address.h"

#define CHANGES_PER_SECOND 5 /* of one address: with a burst of ... */
#define CHANGES_BURST 50

/* ---- finding the route ---- */

static struct route plain_row(size_t index)
{
    return (struct route){.method = api_routes[index].method, .pattern = api_routes[index].pattern};
}

static const struct api_route *find_route(const struct http_head *head, struct route_match *match,
                                          int *ret_status)
{
    const struct span path = head->path.len > 0 ? head->path : span_from("/");
    *ret_status = 404;
    for (size_t i = 0; i < api_route_count; i++) {
        int status;
        const struct route row = plain_row(i);
        if (route_find(&row, 1, head->method, path, match, &status) != NULL)
            return &api_routes[i];
        if (status == 405)
            *ret_status = 405;
    }
    return NULL;
}

static void put_allow(const struct http_head *head, char *ret_line, size_t size)
{
    size_t used = (size_t)snprintf(ret_line, size, "allow: ");
    for (size_t i = 0; i < api_route_count; i++) {
        struct route row = plain_row(i);
        struct route_match match;
        int status;
        if (route_find(&row, 1, span_from(row.method), head->path, &match, &status) == NULL)
            continue;
        const int n =
            snprintf(ret_line + used, size - used, "%s%s", used > 7 ? ", " : "", row.method);
        used += n > 0 ? (size_t)n : 0;
    }
    (void)snprintf(ret_line + used, size - used, "\r\n");
}

/* A row for what has none, so that counters and answers have something to name. */
static const struct api_route unknown_route = {.method = "?", .pattern = "?"};

static void refuse_unknown(struct api_call *call, int status)
{
    const struct http_head *head = http_request_head(call->request);
    const char *names[64];
    size_t count = 0;
    char allow[96] = "";
    struct shape_problem problem = {.code = RC_NOT_FOUND, .place = "path"};
    (void)span_copy(head->path, problem.value, sizeof(problem.value));
    if (status == 405) {
        put_allow(head, allow, sizeof(allow));
        problem.code = RC_UNSUPPORTED;
        (void)span_copy(span_from("this path does not take that method"), problem.text,
                        sizeof(problem.text));
        (void)span_copy(span_slice(span_from(allow), 7, strlen(allow) - 9), problem.allowed,
                        sizeof(problem.allowed));
    } else {
        for (; count < api_route_count && count < COUNT_OF(names); count++)
            names[count] = api_routes[count].pattern;
        (void)span_copy(span_from(name_nearest(head->path, names, count)), problem.nearest,
                        sizeof(problem.nearest));
        (void)span_copy(span_from("there is nothing at this path; /api/v1/openapi.json lists all"),
                        problem.text, sizeof(problem.text));
    }
    call_refuse(call, status, allow, &problem);
}

/* ---- one request ---- */

static void on_gone(void *user)
{
    struct api_call *call = user;
    call->request = NULL;
    if (call->place == NULL)
        call_end(call); /* nobody else holds it */
}

/* The server refuses a body beyond the limit before it comes here (api_new()). */
static void on_body(void *user, struct span data)
{
    struct api_call *call = user;
    buf_span(&call->received, data);
}

static void on_body_end(void *user)
{
    struct api_call *call = user;
    struct diag diag = {0};
    static const char empty[] = "{}";
    const struct span text = call->received.len > 0 ? buf_view(&call->received) : span_from(empty);
    if (call->route->body != NULL &&
        json_read(&call->arena, text, NULL, &call->body, &diag) != RC_OK)
        call_failure(call, RC_SYNTAX, "body", NULL, "line %u, column %u: %s", (unsigned)diag.line,
                     (unsigned)diag.column, diag.text);
    else
        call->route->fn(call);
}

static const struct http_request_ops call_ops = {
    .body = on_body, .body_end = on_body_end, .gone = on_gone};

static struct api_call *call_new(struct api *api, struct http_request *request)
{
    struct api_call *call = mem_new(1, sizeof(*call));
    if (call == NULL)
        return NULL;
    call->api = api;
    call->request = request;
    arena_init(&call->arena, 4 * API_ANSWER_BYTES_MAX);
    buf_init(&call->out, API_ANSWER_BYTES_MAX);
    buf_init(&call->received, API_BODY_BYTES_MAX);
    json_init(&call->w, &call->out);
    return call;
}

static void on_request(void *user, struct http_request *request)
{
    struct api_call *call = call_new(user, request);
    int status;
    if (call == NULL) {
        http_respond(request, 503, "text/plain", span_from("no memory left\n"));
        return;
    }
    call->route = find_route(http_request_head(request), &call->match, &status);
    if (call->route == NULL) {
        call->route = &unknown_route;
        refuse_unknown(call, status);
        return;
    }
    access_who(call);
    if (!access_check(call))
        return;
    http_request_set(request, &call_ops, call);
}

/* ---- answers that come later ---- */

void api_unlist(struct api_call *call)
{
    if (call->place == NULL)
        return;
    *call->place = call->next;
    if (call->next != NULL)
        call->next->place = call->place;
    call->place = NULL;
    call->next = NULL;
}

void api_wait_begin(struct api_call *call)
{
    struct api *api = call->api;
    call->next = api->waiting;
    if (call->next != NULL)
        call->next->place = &call->next;
    api->waiting = call;
    call->place = &api->waiting;
}

bool api_wait_ended(struct api_call *call)
{
    api_unlist(call);
    if (call->request != NULL)
        return true;
    call_end(call);
    return false;
}

void api_read_begin(struct api_call *call, work_fn *work, work_done_fn *done, void *user)
{
    struct api *api = call->api;
    enum rc rc = RC_LIMIT;
    if (api->reads < API_READS_MAX)
        rc = worker_run(api->loop, work, done, user);
    if (rc != RC_OK) {
        call_failure(call, rc, NULL, NULL,
                     "%d others read already: no more are served at once, try again soon",
                     API_READS_MAX);
        return;
    }
    api->reads++;
    api_wait_begin(call);
}

bool api_read_ended(struct api_call *call)
{
    call->api->reads--;
    return api_wait_ended(call);
}

void api_audit(struct api_call *call, const char *what, const char *pool, const char *text)
{
    log_event(call->api->log, LOG_OPERATED, LOG_TEXT("who", call->who), LOG_TEXT("what", what),
              LOG_TEXT("pool", pool), LOG_TEXT("text", text));
    control_audit(call->api->control, call->who, what, pool, text);
}

/* ---- what control tells ---- */

static void send_change(struct api *api, const struct tick_record *record, size_t pool,
                        struct buf *text)
{
    struct json_writer w;
    char words[512];
    const struct decision *decision = &record->decision[pool];
    decision_words(record->spec, pool, decision, words, sizeof(words));
    buf_clear(text);
    json_init(&w, text);
    const struct change_view change = {.pool = group_pool(record->spec, pool)->name,
                                       .at_wall_ns = record->observation->wall_ns,
                                       .previous = decision->previous,
                                       .desired = decision->desired,
                                       .reason = decision_reason(decision),
                                       .words = words};
    shape_print(&shape_change, &change, &w);
    trend_change(api->trend, &change);
    stream_send(api->stream, "decision", buf_view(text));
}

static void send_note(struct api *api, const struct action *action, struct buf *text)
{
    struct json_writer w;
    struct pool_status status = {0};
    const struct reconcile *reconcile = control_reconcile(api->control);
    if (action->pool < reconcile_pool_count(reconcile))
        reconcile_pool_status(reconcile, action->pool, &status);
    json_init(&w, text);
    shape_print(&shape_note,
                &(struct note_view){.at_wall_ns = control_wall_ns(api->control),
                                    .pool = status.name,
                                    .replica = action->replica,
                                    .code = action->code,
                                    .text = action->text},
                &w);
    stream_send(api->stream, "note", buf_view(text));
}

static void take_record(struct api *api, const struct tick_record *record, struct buf *text)
{
    const struct reconcile *reconcile = control_reconcile(api->control);
    for (size_t i = 0; i < group_pool_count(record->spec); i++) {
        const int pool =
            reconcile_pool_find(reconcile, span_from(group_pool(record->spec, i)->name));
        if (pool >= 0)
            trend_take(api->trend, api->control, (size_t)pool);
        if (record->decision[i].desired != record->decision[i].previous &&
            (record->news >> i & 1) != 0)
            send_change(api, record, i, text);
    }
    stream_tick(api->stream, record->observation->wall_ns);
}

static void on_action(void *user, const struct action *action)
{
    struct api *api = user;
    struct buf text;
    tally_action(api->tally, control_reconcile(api->control), action);
    if (action->kind == ACTION_RECORD)
        histogram_record(&api->tally->tick_time, seconds_of(control_step_ns(api->control)), 1);
    buf_init(&text, 1U << 16);
    if (action->kind == ACTION_NOTE)
        send_note(api, action, &text);
    if (action->kind == ACTION_RECORD)
        take_record(api, action->record, &text);
    buf_done(&text);
}

/* ---- life ---- */

/* Beyond this machine a token is needed, and without TLS it would be read on the way. On loopback
 * nothing leaves the machine: plain HTTP, so that local commands and scrapers need no trust. */
static enum rc choose_tls(struct api *api, struct tls_context **ret, struct diag *diag)
{
    struct address address;
    const enum rc rc = address_parse_listen(span_from(api->listen), &address, diag);
    const bool loopback = rc == RC_OK && address_is_loopback(&address);
    *ret = loopback ? NULL : control_tls(api->control);
    if (rc != RC_OK || loopback ||
        (*ret != NULL && control_config(api->control)->listen.admin_token[0] != '\0'))
        return rc;
    return fail(diag, RC_DENIED,
                "listen.admin is \"%s\", beyond this machine: set listen.tlsCertificate, "
                "listen.tlsKey and listen.adminToken, or use 127.0.0.1",
                api->listen);
}

static enum rc open_listener(struct api *api, struct tls_context *tls, struct diag *diag)
{
    struct http_server_config config;
    http_server_defaults(&config);
    config.listen = api->listen;
    config.tls = tls;
    config.connections_max = API_CONNECTIONS_MAX;
    config.connections_per_address_max = API_CONNECTIONS_PER_ADDRESS_MAX;
    config.body_bytes_max = API_BODY_BYTES_MAX;
    config.high_water_bytes = STREAM_UNSENT_BYTES_MAX;
    return http_server_new(api->loop, &config, on_request, api, &api->server, diag);
}

enum rc api_new(struct loop *loop, struct control *control, const struct api_config *config,
                struct api **ret, struct diag *diag)
{
    struct api *api = mem_new(1, sizeof(*api));
    if (api == NULL)
        return fail(diag, RC_NO_MEMORY, "no memory left");
    api->loop = loop;
    api->control = control;
    api->log = config->log;
    if (config->env != NULL)
        api->env = *config->env;
    api->env.otherwise =
        "a-secret-that-is-gone"; /* of stored configurations: no decision needs it */
    (void)span_copy(span_from(config->listen), api->listen, sizeof(api->listen));
    api->rate = rate_new(CHANGES_PER_SECOND, CHANGES_BURST);
    struct tls_context *tls = NULL;
    enum rc rc = choose_tls(api, &tls, diag);
    if (rc == RC_OK && (api->rate == NULL || tally_new(&api->tally) != RC_OK ||
                        trend_new(&api->trend) != RC_OK || stream_new(loop, &api->stream) != RC_OK))
        rc = fail(diag, RC_NO_MEMORY, "no memory left");
    if (rc == RC_OK)
        rc = open_listener(api, tls, diag);
    if (rc != RC_OK) {
        api_free(api);
        return rc;
    }
    api->tls = tls != NULL;
    trend_restore(api->trend, control, control_wall_ns(control));
    control_listen(control, on_action, api);
    log_event(api->log, LOG_LISTENING, LOG_TEXT("what", "admin"), LOG_TEXT("address", api->listen),
              LOG_INT("port", api_port(api)));
    *ret = api;
    return RC_OK;
}

bool api_speaks_tls(const struct api *api)
{
    return api->tls;
}

void api_free(struct api *api)
{
    if (api == NULL)
        return;
    control_listen(api->control, NULL, NULL);
    stream_free(api->stream);
    http_server_free(api->server);
    while (api->reads > 0)
        loop_turn(api->loop, true);
    while (api->waiting != NULL)
        call_end(api->waiting);
    tally_free(api->tally);
    trend_free(api->trend);
    rate_free(api->rate);
    free(api);
}

uint16_t api_port(const struct api *api)
{
    return http_server_port(api->server);
}
