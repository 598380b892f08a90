/* http_session.c - one client connection: bytes in, requests out, in order, with deadlines. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/clock.h"
#include "io/http_server_internal.h"
#include "io/tls.h"

void session_free(struct http_session *session, enum session_end how)
{
    if (!session->conn)
        return;
    struct conn *conn = session->conn;
    session->conn = NULL;
    switch (how) {
    case SESSION_FINISH:
        conn_finish(conn);
        break;
    case SESSION_RESET:
        conn_reset(conn);
        break;
    case SESSION_BREAK:
        conn_break(conn);
        break;
    }
    timer_done(&session->timer);
    server_forget(session);
    struct http_request *request = session->request;
    session->request = NULL;
    if (request) {
        if (request->ops && request->ops->gone)
            request->ops->gone(request->user);
        request_free(session->server, request);
    }
    loop_defer(session->server->loop, &session->task);
}

/* Refuses what could not become a request. */
static void session_refuse(struct http_session *session, int status, const char *why)
{
    struct buf *out = conn_out(session->conn);
    char body[256];
    const int body_len = snprintf(body, sizeof(body),
                                  "{\"error\":{\"message\":\"%s\",\"type\":"
                                  "\"invalid_request_error\",\"code\":\"bad_request\"}}",
                                  why);
    assert(body_len > 0 && (size_t)body_len < sizeof(body));
    buf_printf(out,
               "HTTP/1.1 %d %s\r\ncontent-type: application/json\r\nconnection: close\r\n"
               "content-length: %d\r\n\r\n%s",
               status, http_reason(status), body_len, body);
    conn_wrote(session->conn);
    session_free(session, SESSION_FINISH);
}

static void session_deadline(struct http_session *session)
{
    const struct http_server_config *config = &session->server->config;
    const struct http_request *request = session->request;
    if (request && request->body_ended)
        timer_stop(&session->timer);
    else if (request)
        timer_after(&session->timer, config->body_timeout_ns);
    else if (session->in.len > 0)
        timer_after(&session->timer, config->header_timeout_ns);
    else
        timer_after(&session->timer, config->idle_timeout_ns);
}

static void on_deadline(void *user)
{
    struct http_session *session = user;
    struct http_request *request = session->request;
    if (!request) {
        if (session->in.len == 0) {
            session_free(session, SESSION_FINISH);
            return;
        }
        session->server->stats.timeouts++;
        session_refuse(session, 408, "the head of the request did not arrive in time");
        return;
    }
    const uint64_t got = request->body_received - request->body_checked;
    request->body_checked = request->body_received;
    if (request->paused || got >= (uint64_t)session->server->config.body_bytes_min) {
        session_deadline(session);
        return;
    }
    session->server->stats.timeouts++;
    if (request->begun)
        session_free(session, SESSION_RESET);
    else
        session_refuse(session, 408, "the body of the request arrives too slowly");
}

/* Moves the spans of a parsed head from the read buffer into the request's own bytes. */
static void head_move(struct http_head *head, const char *from, const char *to)
{
    struct span *fixed[] = {&head->method, &head->target, &head->path, &head->query};
    for (size_t i = 0; i < COUNT_OF(fixed); i++)
        if (fixed[i]->ptr)
            fixed[i]->ptr = to + (fixed[i]->ptr - from);
    for (size_t i = 0; i < head->header_count; i++) {
        struct http_header *h = &head->header[i];
        h->name.ptr = to + (h->name.ptr - from);
        if (h->value.ptr)
            h->value.ptr = to + (h->value.ptr - from);
    }
}

static void body_finish(struct http_session *session, struct http_request *request)
{
    request->body_ended = true;
    timer_stop(&session->timer);
    if (request->ops && request->ops->body_end)
        request->ops->body_end(request->user);
}

static void request_start(struct http_session *session, struct http_request *request)
{
    struct http_server *server = session->server;
    const struct http_head *head = &request->head;
    if (head->body == HTTP_BODY_LENGTH && head->content_length > server->config.body_bytes_max) {
        session_refuse(session, 413, "the body is larger than this server takes");
        return;
    }
    if (span_equal_text(head->method, "CONNECT")) {
        session_refuse(session, 501, "CONNECT is not supported");
        return;
    }
    request->body_left = head->content_length;
    http_chunked_init(&request->chunked_in);
    request->body_ended = head->body == HTTP_BODY_NONE ||
                          (head->body == HTTP_BODY_LENGTH && head->content_length == 0);
    request->continued = !head->expect_continue || request->body_ended;
    request->close_after = !head->keep_alive || server->stopping;
    session_deadline(session);
    server->stats.handled++;
    server->fn(server->user, request);
    if (session->request != request)
        return; /* answered, or gone */
    if (!request->continued && !request->begun && !request->paused) {
        request->continued = true;
        http_response_interim(request, 100, span_from(""));
    }
    if (request->body_ended && request->ops && request->ops->body_end)
        request->ops->body_end(request->user);
}

/* Returns the bytes used; 0 when the head is not complete or the session ended. */
static size_t take_head(struct http_session *session, struct span bytes)
{
    struct http_server *server = session->server;
    struct http_request *request = request_new(server);
    if (!request) {
        session_free(session, SESSION_RESET);
        return 0;
    }
    server->stats.requests++;
    const enum rc rc = http_parse_request(bytes, &session->scanned, &request->head, NULL);
    const enum http_refusal refusal =
        rc == RC_OK ? request->head.unserved : request->head.refusal; /* AGAIN: HTTP_FINE */
    if (rc == RC_AGAIN || refusal != HTTP_FINE) {
        request_free(server, request);
        if (rc == RC_AGAIN)
            return 0;
        server->stats.malformed++;
        session_refuse(session, http_refusal_status(refusal), http_refusal_words(refusal));
        return 0;
    }
    session->scanned = 0;
    const size_t head_bytes = request->head.head_bytes;
    if (mem_grow((void **)&request->text, &request->text_cap, head_bytes, 1,
                 HTTP_HEAD_BYTES_MAX * 2) != RC_OK) {
        request_free(server, request);
        session_free(session, SESSION_RESET);
        return 0;
    }
    memcpy(request->text, bytes.ptr, head_bytes);
    head_move(&request->head, bytes.ptr, request->text);
    request->session = session;
    request->peer = session->address;
    request->started_ns = clock_monotonic_ns();
    session->request = request;
    request_start(session, request);
    return head_bytes;
}

/* One run of body bytes; returns the bytes used, SIZE_MAX when they are malformed. */
static size_t body_run(struct http_request *request, struct span bytes, struct span *ret_data,
                       bool *ret_last)
{
    if (request->head.body == HTTP_BODY_LENGTH) {
        const size_t n = bytes.len < request->body_left ? bytes.len : (size_t)request->body_left;
        request->body_left -= n;
        *ret_data = span_of(bytes.ptr, n);
        *ret_last = request->body_left == 0;
        return n;
    }
    size_t used = 0;
    if (http_chunked_next(&request->chunked_in, bytes, &used, ret_data) != RC_OK)
        return SIZE_MAX;
    *ret_last = request->chunked_in.done;
    return used;
}

static size_t take_body(struct http_session *session, struct span bytes)
{
    struct http_request *request = session->request;
    struct span data = {0};
    bool last = false;
    const size_t used = body_run(request, bytes, &data, &last);
    request->body_received += data.len;
    const bool large = request->body_received > session->server->config.body_bytes_max;
    if (used == SIZE_MAX || large) {
        session->server->stats.malformed++;
        if (request->begun)
            session_free(session, SESSION_RESET);
        else if (large)
            session_refuse(session, 413, "the body is larger than this server takes");
        else
            session_refuse(session, 400, "the body is not well-formed chunks");
        return bytes.len;
    }
    if (data.len > 0 && request->ops && request->ops->body)
        request->ops->body(request->user, data);
    if (last && session->request == request)
        body_finish(session, request);
    return used;
}

/* Uses as much as the state allows; returns the count. */
static size_t session_consume(struct http_session *session, struct span bytes)
{
    size_t used = 0;
    session->consuming = true;
    while (session->conn && used < bytes.len) {
        const struct span rest = span_slice(bytes, used, bytes.len);
        size_t n = 0;
        if (!session->request)
            n = take_head(session, rest);
        else if (!session->request->body_ended && !session->request->paused)
            n = take_body(session, rest);
        if (n == 0)
            break;
        used += n;
    }
    session->consuming = false;
    return used;
}

/* After bytes were used: what is left is kept, reading goes on or stops, the deadline fits. */
static void session_after(struct http_session *session)
{
    if (!session->conn)
        return;
    const struct http_request *request = session->request;
    const bool hold = request && request->paused && !request->body_ended;
    if (hold || session->in.len > PIPELINE_BYTES_MAX)
        conn_pause(session->conn);
    else if (conn_paused(session->conn))
        conn_resume(session->conn);
    if (!request && (session->in.len == 0 || session->timer.deadline_ns == TIME_NONE))
        session_deadline(session);
}

static void on_data(void *user, struct span bytes)
{
    struct http_session *session = user;
    struct buf *in = &session->in;
    const bool fresh = in->len == 0;
    if (fresh) {
        const size_t used = session_consume(session, bytes);
        if (!session->conn)
            return;
        if (used < bytes.len) {
            buf_span(in, span_slice(bytes, used, bytes.len));
            if (!session->request)
                session_deadline(session); /* the first bytes of a head */
        }
    } else {
        buf_span(in, bytes);
        const size_t used = session_consume(session, buf_view(in));
        if (!session->conn)
            return;
        buf_consume(in, used);
        if (used > 0 && !session->request)
            session_deadline(session);
    }
    if (in->failed) {
        session_free(session, SESSION_RESET);
        return;
    }
    if (in->len == 0 && in->cap > 0)
        buf_done(in);
    session_after(session);
}

static void on_closed(void *user, enum rc why)
{
    struct http_session *session = user;
    if (why == RC_TIMEOUT)
        session->server->stats.timeouts++;
    session_free(session, why != RC_CLOSED ? SESSION_RESET : SESSION_FINISH);
}

static void on_drained(void *user)
{
    const struct http_session *session = user;
    const struct http_request *request = session->request;
    if (request && request->ops && request->ops->drained)
        request->ops->drained(request->user);
}

static const struct conn_ops session_ops = {
    .data = on_data, .closed = on_closed, .drained = on_drained};

/* Kept bytes go on after an answer or a resume; a dead session is freed. */
static void session_task(struct task *task)
{
    struct http_session *session = (struct http_session *)task; /* the first member */
    if (!session->conn) {
        buf_done(&session->in);
        free(session);
        return;
    }
    if (session->in.len > 0) {
        const size_t used = session_consume(session, buf_view(&session->in));
        if (!session->conn)
            return;
        buf_consume(&session->in, used);
        if (!session->request && session->in.len > 0)
            session_deadline(session);
    }
    session_after(session);
}

void session_continue(struct http_session *session)
{
    loop_defer(session->server->loop, &session->task);
}

void session_answered(struct http_session *session)
{
    struct http_request *request = session->request;
    session->request = NULL;
    const bool close = request->close_after || request->until_close || !request->body_ended ||
                       session->server->stopping;
    if (request->ops && request->ops->done)
        request->ops->done(request->user);
    request_free(session->server, request);
    if (close) {
        session_free(session, SESSION_FINISH);
        return;
    }
    session_deadline(session);
    if (session->in.len > 0 || conn_paused(session->conn))
        session_continue(session);
}

struct http_session *session_new(struct http_server *server, int fd, const struct address *address,
                                 struct peer *peer)
{
    struct http_session *session = mem_new(1, sizeof(*session));
    const struct conn_limits limits = {.high_water_bytes = server->config.high_water_bytes,
                                       .low_water_bytes = server->config.high_water_bytes / 4,
                                       .write_stall_ns = server->config.write_stall_ns};
    struct conn *conn = conn_accept(server->loop, fd, &limits, &session_ops, session);
    if (!session || !conn ||
        timer_init(&session->timer, server->loop, on_deadline, session) != RC_OK) {
        if (conn)
            conn_close(conn);
        free(session);
        return NULL;
    }
    if (server->config.tls) {
        struct tls *tls = tls_new(server->config.tls, NULL);
        if (!tls) {
            conn_close(conn);
            timer_done(&session->timer);
            free(session);
            return NULL;
        }
        conn_secure(conn, tls);
    }
    session->server = server;
    session->conn = conn;
    session->peer = peer;
    session->address = *address;
    session->task.run = session_task;
    buf_init(&session->in, (size_t)2 * PIPELINE_BYTES_MAX + HTTP_HEAD_BYTES_MAX);
    session_deadline(session);
    return session;
}
