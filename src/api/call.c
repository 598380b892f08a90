/* call.c - answers, errors in one shape, and what the address of a request says. */
#include "api/call.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_internal.h"
#include "base/num.h"
#include "base/opt.h"

/* ---- answers ---- */

/* No script runs in what we answer, nobody frames it, nothing of it is kept. */
static const char data_lines[] =
    "cache-control: no-store\r\nx-content-type-options: nosniff\r\n"
    "content-security-policy: default-src 'none'; frame-ancestors 'none'\r\n";
/* Of the dashboard: what comes from us, and nothing that stands in the page itself. */
static const char page_lines[] =
    "x-content-type-options: nosniff\r\nreferrer-policy: no-referrer\r\n"
    "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'\r\n";

void call_end(struct api_call *call)
{
    if (call == NULL)
        return;
    api_unlist(call);
    arena_done(&call->arena);
    buf_done(&call->out);
    buf_done(&call->received);
    free(call);
}

static void respond(struct api_call *call, int status, const char *type, const char *common,
                    const char *more)
{
    struct buf lines;
    struct http_request *request = call->request;
    if (request == NULL) {
        call_end(call);
        return;
    }
    char code[8];
    (void)snprintf(code, sizeof(code), "%d", status);
    counts_add(call->api->tally->requests,
               (const char *[]){call->route->method, call->route->pattern, code}, 1);
    buf_init(&lines, HTTP_HEAD_BYTES_MAX);
    (void)http_line_text(&lines, "content-type", type); /* ours: no line ends in it */
    buf_text(&lines, common);
    buf_text(&lines, more);
    http_request_set(request, NULL, NULL);
    http_respond_lines(request, status, buf_view(&lines), buf_view(&call->out));
    buf_done(&lines);
    call_end(call);
}

void call_answer_text(struct api_call *call, int status, const char *type)
{
    if (!call->out.failed)
        respond(call, status, type, data_lines, "");
    else
        call_failure(call, RC_LIMIT, NULL, NULL,
                     "the answer has more than %zu bytes: ask for less of it",
                     API_ANSWER_BYTES_MAX);
}

void call_answer_page(struct api_call *call, int status, const char *type, const char *lines)
{
    if (!call->out.failed)
        respond(call, status, type, page_lines, lines);
    else
        call_failure(call, RC_LIMIT, NULL, NULL, "the page has more than %zu bytes",
                     API_ANSWER_BYTES_MAX);
}

void call_answer(struct api_call *call, int status)
{
    buf_byte(&call->out, '\n');
    call_answer_text(call, status, "application/json");
}

void call_answer_shape(struct api_call *call, const void *view)
{
    shape_print(call->route->answer.shape, view, &call->w);
    call_answer(call, 200);
}

/* ---- errors ---- */

int call_status(enum rc code)
{
    switch (code) {
    case RC_OK:
        return 200;
    case RC_SYNTAX:
    case RC_INVALID:
    case RC_MISSING:
    case RC_DUPLICATE:
        return 400;
    case RC_RANGE:
        return 422;
    case RC_UNKNOWN:
    case RC_NOT_FOUND:
        return 404;
    case RC_CONFLICT:
    case RC_STATE:
        return 409;
    case RC_DENIED:
        return 403;
    case RC_UNSUPPORTED:
        return 501;
    case RC_LIMIT:
    case RC_AGAIN:
    case RC_NO_MEMORY:
    case RC_TIMEOUT:
    case RC_CLOSED:
    case RC_REFUSED:
        return 503;
    case RC_VERSION:
    case RC_CORRUPT:
    case RC_IO:
    case RC_COUNT:
        break;
    }
    return 500;
}

static void member_if(struct json_writer *w, const char *key, const char *text)
{
    if (text[0] != '\0')
        json_member_text(w, key, text);
}

void call_print_error(const struct shape_problem *problem, struct json_writer *w)
{
    json_object(w);
    json_key(w, "error");
    json_object(w);
    json_member_text(w, "code", rc_name(problem->code));
    json_member_text(w, "message",
                     problem->text[0] != '\0' ? problem->text : rc_words(problem->code));
    member_if(w, "place", problem->place);
    member_if(w, "value", problem->value);
    member_if(w, "allowed", problem->allowed);
    member_if(w, "nearest", problem->nearest);
    json_object_end(w);
    json_object_end(w);
}

void call_refuse(struct api_call *call, int status, const char *lines,
                 const struct shape_problem *problem)
{
    buf_clear(&call->out);
    json_init(&call->w, &call->out);
    call_print_error(problem, &call->w);
    buf_byte(&call->out, '\n');
    respond(call, status, "application/json", data_lines, lines);
}

void call_error(struct api_call *call, const struct shape_problem *problem)
{
    call_refuse(call, call_status(problem->code), "", problem);
}

void call_failure(struct api_call *call, enum rc code, const char *place, const char *value,
                  const char *format, ...)
{
    struct shape_problem problem = {.code = code};
    va_list args;
    va_start(args, format);
    (void)vsnprintf(problem.text, sizeof(problem.text), format, args);
    va_end(args);
    (void)span_copy(span_from(place), problem.place, sizeof(problem.place));
    (void)span_copy(span_from(value), problem.value, sizeof(problem.value));
    call_error(call, &problem);
}

void call_failure_diag(struct api_call *call, const struct diag *diag)
{
    call_failure(call, diag->code, diag->where, NULL, "%s",
                 diag->text[0] != '\0' ? diag->text : rc_words(diag->code));
}

/* ---- parts and parameters ---- */

static const char *decode(struct api_call *call, struct span raw, bool plus_is_space)
{
    char *text = arena_alloc(&call->arena, raw.len + 1);
    if (text == NULL || !http_percent_decode(raw, plus_is_space, text, raw.len + 1))
        return "";
    return text;
}

const char *call_part(struct api_call *call, size_t index)
{
    return index < call->match.part_count ? decode(call, call->match.part[index], false) : "";
}

bool call_part_id(struct api_call *call, size_t index, uint64_t *ret)
{
    uint64_t id = 0;
    const char *p = call_part(call, index);
    for (; *p >= '0' && *p <= '9'; p++)
        if (__builtin_mul_overflow(id, 10, &id) ||
            __builtin_add_overflow(id, (uint64_t)(*p - '0'), &id))
            return false;
    if (*p != '\0' || id == 0)
        return false;
    *ret = id;
    return true;
}

const char *call_param(struct api_call *call, const char *name)
{
    const struct span raw = http_query_get(http_request_head(call->request)->query, name);
    return raw.ptr == NULL ? NULL : decode(call, raw, true);
}

static bool refuse_param(struct api_call *call, enum rc code, const char *name, const char *value,
                         const char *allowed)
{
    struct shape_problem problem = {.code = code};
    (void)span_copy(span_from(name), problem.place, sizeof(problem.place));
    (void)span_copy(span_from(value), problem.value, sizeof(problem.value));
    (void)span_copy(span_from(allowed), problem.allowed, sizeof(problem.allowed));
    (void)snprintf(problem.text, sizeof(problem.text), "%s is \"%.80s\", %s is wanted", name, value,
                   allowed);
    call_error(call, &problem);
    return false;
}

bool call_param_int(struct api_call *call, const char *name, int64_t low, int64_t high,
                    int64_t *ret)
{
    char allowed[80];
    int64_t value = 0;
    const char *text = call_param(call, name);
    if (text == NULL)
        return true;
    (void)snprintf(allowed, sizeof(allowed), "a whole number from %" PRId64 " to %" PRId64, low,
                   high);
    if (num_parse_int(span_from(text), &value) != RC_OK)
        return refuse_param(call, RC_INVALID, name, text, allowed);
    if (value < low || value > high)
        return refuse_param(call, RC_RANGE, name, text, allowed);
    *ret = value;
    return true;
}

bool call_param_time(struct api_call *call, const char *name, bool last, int64_t *ret_wall_ns)
{
    const char *text = call_param(call, name);
    int64_t ago_ns;
    if (text == NULL)
        return true;
    if (time_parse_rfc3339(span_from(text), ret_wall_ns) == RC_OK) {
        if (last)
            *ret_wall_ns = num_add_sat(*ret_wall_ns, MILLISECOND_NS - 1);
        return true;
    }
    if (duration_parse(span_from(text), &ago_ns) == RC_OK && ago_ns >= 0) {
        *ret_wall_ns = num_add_sat(control_wall_ns(call->api->control), -ago_ns);
        return true;
    }
    return refuse_param(call, RC_INVALID, name, text,
                        "a time as 2026-11-24T08:15:00Z, or 10m for ten minutes ago");
}

bool call_param_bool(struct api_call *call, const char *name, bool *ret)
{
    const char *text = call_param(call, name);
    if (text == NULL)
        return true;
    const bool truth = text[0] == '\0' || strcmp(text, "1") == 0 || strcmp(text, "true") == 0;
    if (!truth && strcmp(text, "0") != 0 && strcmp(text, "false") != 0)
        return refuse_param(call, RC_INVALID, name, text, "true or false");
    *ret = truth;
    return true;
}

/* ---- pools ---- */

static const char *nearest_pool(struct api_call *call, const char *name)
{
    const struct reconcile *reconcile = control_reconcile(call->api->control);
    const size_t count = reconcile_pool_count(reconcile);
    const char **names = arena_array(&call->arena, count > 0 ? count : 1, sizeof(*names));
    if (names == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        struct pool_status status;
        reconcile_pool_status(reconcile, i, &status);
        names[i] = status.name;
    }
    return name_nearest(span_from(name), names, count);
}

bool call_pool_named(struct api_call *call, const char *place, const char *name, size_t *ret_pool)
{
    const int found = reconcile_pool_find(control_reconcile(call->api->control), span_from(name));
    if (found >= 0) {
        *ret_pool = (size_t)found;
        return true;
    }
    struct shape_problem problem = {.code = RC_UNKNOWN};
    const char *nearest = nearest_pool(call, name);
    (void)span_copy(span_from(place), problem.place, sizeof(problem.place));
    (void)span_copy(span_from(name), problem.value, sizeof(problem.value));
    (void)span_copy(span_from(nearest), problem.nearest, sizeof(problem.nearest));
    (void)snprintf(problem.text, sizeof(problem.text), "there is no pool \"%.63s\"%s%s%s", name,
                   nearest == NULL ? "" : "; did you mean \"", nearest == NULL ? "" : nearest,
                   nearest == NULL ? "" : "\"?");
    call_error(call, &problem);
    return false;
}

bool call_pool(struct api_call *call, size_t index, size_t *ret_pool)
{
    return call_pool_named(call, "pool", call_part(call, index), ret_pool);
}

bool call_body(struct api_call *call, void *ret)
{
    struct shape_problem problem;
    if (shape_read(call->route->body, call->body, &call->arena, ret, &problem) == RC_OK)
        return true;
    call_refuse(call, problem.code == RC_UNKNOWN ? 400 : call_status(problem.code), "", &problem);
    return false;
}
