/* http_response.c - requests as handlers see them, and the answers they write. */
#include <assert.h>
#include <string.h>

#include "base/scan.h"
#include "io/http_server_internal.h"

static const struct {
    int status;
    const char *reason;
} reasons[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {102, "Processing"},
    {103, "Early Hints"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {499, "Client Closed Request"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {529, "Overloaded"},
};

const char *http_reason(int status)
{
    for (size_t i = 0; i < COUNT_OF(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Status";
}

bool http_line(struct buf *lines, const char *name, struct span value)
{
    const char *end = value.ptr + value.len;
    for (const char *p = scan_control(value.ptr, end); p < end; p = scan_control(p + 1, end))
        if (*p == '\r' || *p == '\n' || *p == '\0')
            return false;
    buf_text(lines, name);
    buf_append(lines, ": ", 2);
    buf_span(lines, value);
    buf_append(lines, "\r\n", 2);
    return true;
}

bool http_line_text(struct buf *lines, const char *name, const char *value)
{
    return http_line(lines, name, span_from(value));
}

void http_request_set(struct http_request *request, const struct http_request_ops *ops, void *user)
{
    request->ops = ops;
    request->user = user;
}

const struct http_head *http_request_head(const struct http_request *request)
{
    return &request->head;
}

const struct address *http_request_peer(const struct http_request *request)
{
    return &request->peer;
}

int64_t http_request_started_ns(const struct http_request *request)
{
    return request->started_ns;
}

bool http_request_body_ended(const struct http_request *request)
{
    return request->body_ended;
}

void http_request_pause(struct http_request *request)
{
    request->paused = true;
    if (!request->body_ended)
        conn_pause(request->session->conn);
}

void http_request_resume(struct http_request *request)
{
    if (!request->paused)
        return;
    request->paused = false;
    if (!request->continued && !request->begun) {
        request->continued = true;
        http_response_interim(request, 100, span_from(""));
    }
    session_continue(request->session);
}

void http_response_interim(struct http_request *request, int status, struct span lines)
{
    if (request->begun || request->head.version_minor == 0)
        return;
    struct buf *out = conn_out(request->session->conn);
    buf_printf(out, "HTTP/1.1 %d %s\r\n", status, http_reason(status));
    buf_span(out, lines);
    buf_append(out, "\r\n", 2);
    conn_wrote(request->session->conn);
}

void http_response_close_after(struct http_request *request)
{
    request->close_after = true;
}

/* Framing lines and the empty line. */
static void response_framing(struct http_request *request, struct buf *out, uint64_t content_length)
{
    const bool old = request->head.version_minor == 0;
    if (content_length != HTTP_LENGTH_STREAM) {
        if (!(request->bodiless && content_length == 0)) {
            buf_text(out, "content-length: ");
            buf_int(out, (int64_t)content_length);
            buf_append(out, "\r\n", 2);
        }
        request->length_left = content_length;
    } else if (!request->bodiless && !old) {
        request->chunked_out = true;
        buf_text(out, "transfer-encoding: chunked\r\n");
    } else if (!request->bodiless) {
        request->until_close = true;
    }
    if (request->close_after || request->until_close || !request->body_ended)
        buf_text(out, "connection: close\r\n");
    else if (old)
        buf_text(out, "connection: keep-alive\r\n");
    buf_append(out, "\r\n", 2);
}

void http_response_begin(struct http_request *request, int status, struct span lines,
                         uint64_t content_length)
{
    assert(!request->begun);
    struct buf *out = conn_out(request->session->conn);
    request->begun = true;
    request->bodiless =
        status == 204 || status == 304 || span_equal_text(request->head.method, "HEAD");
    if (!request->body_ended)
        request->close_after = true; /* its bytes would be taken for the next request's */
    if (status == 200) {
        buf_append(out, "HTTP/1.1 200 OK\r\n", 17);
    } else {
        buf_text(out, "HTTP/1.1 ");
        buf_int(out, status);
        buf_byte(out, ' ');
        buf_text(out, http_reason(status));
        buf_append(out, "\r\n", 2);
    }
    buf_span(out, lines);
    response_framing(request, out, content_length);
    conn_wrote(request->session->conn);
}

bool http_response_begun(const struct http_request *request)
{
    return request->begun;
}

static void chunk_size(struct buf *out, size_t size)
{
    char text[20];
    size_t at = sizeof(text);
    text[--at] = '\n';
    text[--at] = '\r';
    do {
        text[--at] = "0123456789abcdef"[size & 15];
        size >>= 4;
    } while (size > 0);
    buf_append(out, text + at, sizeof(text) - at);
}

void http_response_data(struct http_request *request, struct span data)
{
    assert(request->begun);
    if (data.len == 0 || request->bodiless)
        return;
    struct buf *out = conn_out(request->session->conn);
    if (request->chunked_out) {
        chunk_size(out, data.len);
        buf_span(out, data);
        buf_append(out, "\r\n", 2);
    } else {
        if (!request->until_close) {
            assert(data.len <= request->length_left);
            request->length_left -= data.len;
        }
        buf_span(out, data);
    }
    conn_wrote(request->session->conn);
}

bool http_response_over_high_water(const struct http_request *request)
{
    return conn_over_high_water(request->session->conn);
}

void http_response_end(struct http_request *request)
{
    assert(request->begun);
    assert(request->bodiless || request->chunked_out || request->until_close ||
           request->length_left == 0);
    if (request->chunked_out) {
        buf_append(conn_out(request->session->conn), "0\r\n\r\n", 5);
        conn_wrote(request->session->conn);
    }
    session_answered(request->session);
}

void http_response_abort(struct http_request *request)
{
    request->ops = NULL; /* the handler knows */
    session_free(request->session, SESSION_RESET);
}

void http_respond_lines(struct http_request *request, int status, struct span lines,
                        struct span body)
{
    http_response_begin(request, status, lines, body.len);
    http_response_data(request, body);
    if (request->bodiless)
        request->length_left = 0;
    http_response_end(request);
}

void http_respond(struct http_request *request, int status, const char *content_type,
                  struct span body)
{
    struct buf lines;
    buf_init(&lines, HTTP_HEAD_BYTES_MAX);
    if (content_type)
        (void)http_line_text(&lines, "content-type", content_type); /* ours: no line ends in it */
    http_respond_lines(request, status, buf_view(&lines), body);
    buf_done(&lines);
}

void http_response_break(struct http_request *request)
{
    request->ops = NULL; /* the handler knows */
    session_free(request->session, SESSION_BREAK);
}

void http_response_cut(struct http_request *request)
{
    request->ops = NULL; /* the handler knows */
    session_free(request->session, SESSION_FINISH);
}

static void collect_body(void *user, struct span data)
{
    struct http_request *request = user;
    if (request->collected.len + data.len > request->collect_limit) {
        request->ops = NULL;
        http_respond(request, 413, "text/plain", span_from("the body is too large\n"));
        return;
    }
    buf_span(&request->collected, data);
}

static void collect_end(void *user)
{
    struct http_request *request = user;
    request->ops = NULL;
    if (request->collected.failed)
        http_respond(request, 500, "text/plain", span_from("no memory for the body\n"));
    else
        request->collect_fn(request->collect_user, request, buf_view(&request->collected));
}

static const struct http_request_ops collect_ops = {.body = collect_body, .body_end = collect_end};

void http_request_collect(struct http_request *request, size_t limit, http_body_fn *fn, void *user)
{
    request->collect_limit = limit;
    request->collect_fn = fn;
    request->collect_user = user;
    buf_init(&request->collected, limit + 1);
    http_request_set(request, &collect_ops, request);
}
