/* http_call.c - one request and its answer over a connection of http_client.c. */
#include <assert.h>
#include <stdlib.h>

#include "base/num.h"
#include "io/clock.h"
#include "io/http_client_internal.h"
#include "io/http_server.h" /* HTTP_LENGTH_STREAM */

#define ANSWER_BYTES_KEPT_MAX (2U * LOOP_READ_BYTES + HTTP_HEAD_BYTES_MAX)

static const char *const failure_names[] = {
    [HTTP_FAILED_CONNECT] = "connect",      [HTTP_FAILED_CONNECT_TIMEOUT] = "connect-timeout",
    [HTTP_FAILED_STALE] = "stale",          [HTTP_FAILED_RESET] = "reset",
    [HTTP_FAILED_FIRST_BYTE] = "no-answer", [HTTP_FAILED_GAP] = "stalled",
    [HTTP_FAILED_WRITE] = "write-stalled",  [HTTP_FAILED_MALFORMED] = "malformed",
};

const char *http_failure_name(enum http_failure why)
{
    return failure_names[why];
}

void call_fail(struct http_call *call, enum http_failure why)
{
    const struct http_call_ops *ops = call->ops;
    call_bury(call, true);
    if (ops)
        ops->failed(call->user, why);
}

/* The phase decides which limit runs. */
static void call_deadline(struct http_call *call)
{
    int64_t span_ns = 0;
    if (!call->connected)
        span_ns = call->origin->client->config.connect_timeout_ns;
    else if (call->in_body)
        span_ns = call->paused ? 0 : call->gap_timeout_ns;
    else if (call->sent_all)
        span_ns = call->first_byte_timeout_ns;
    if (span_ns > 0)
        timer_after(&call->timer, span_ns);
    else
        timer_stop(&call->timer);
}

void call_on_timer(void *user)
{
    struct http_call *call = user;
    if (call->idle)
        call_bury(call, false);
    else if (!call->connected)
        call_fail(call, HTTP_FAILED_CONNECT_TIMEOUT);
    else
        call_fail(call, call->in_body ? HTTP_FAILED_GAP : HTTP_FAILED_FIRST_BYTE);
}

static void on_connected(void *user)
{
    struct http_call *call = user;
    call->connected = true;
    call_deadline(call);
}

static void on_drained(void *user)
{
    struct http_call *call = user;
    if (call->ops && call->ops->drained)
        call->ops->drained(call->user);
}

/* The answer is whole: the connection is kept if both sides are in step. */
static void call_complete(struct http_call *call, bool clean)
{
    const struct http_call_ops *ops = call->ops;
    void *user = call->user;
    if (clean && call->keep_alive && call->sent_all)
        call_to_idle(call);
    else
        call_bury(call, false);
    ops->end(user);
}

static size_t take_head(struct http_call *call, struct span bytes)
{
    struct http_head head;
    const struct span method = span_from(call->head_method ? "HEAD" : "GET");
    const enum rc rc = http_parse_response(bytes, &call->scanned, method, &head, NULL);
    if (rc == RC_AGAIN)
        return 0;
    if (rc != RC_OK || head.unserved != HTTP_FINE || head.status == 101) {
        call_fail(call, HTTP_FAILED_MALFORMED);
        return 0;
    }
    call->scanned = 0;
    const size_t used = head.head_bytes;
    if (head.status < 200) {
        if (call->ops->interim)
            call->ops->interim(call->user, &head);
        return used;
    }
    call->in_body = true;
    call->keep_alive = head.keep_alive;
    call->body = head.body;
    call->body_left = head.content_length;
    http_chunked_init(&call->chunked_in);
    call_deadline(call);
    call->ops->head(call->user, &head);
    return used;
}

static bool body_complete(const struct http_call *call)
{
    switch (call->body) {
    case HTTP_BODY_NONE:
        return true;
    case HTTP_BODY_LENGTH:
        return call->body_left == 0;
    case HTTP_BODY_CHUNKED:
        return call->chunked_in.done;
    case HTTP_BODY_UNTIL_CLOSE:
        return false;
    }
    return false;
}

static size_t take_body(struct http_call *call, struct span bytes)
{
    struct span data = bytes;
    size_t used = bytes.len;
    if (call->body == HTTP_BODY_LENGTH) {
        used = bytes.len < call->body_left ? bytes.len : (size_t)call->body_left;
        data.len = used;
        call->body_left -= used;
    } else if (call->body == HTTP_BODY_CHUNKED &&
               http_chunked_next(&call->chunked_in, bytes, &used, &data) != RC_OK) {
        call_fail(call, HTTP_FAILED_MALFORMED);
        return 0;
    }
    if (data.len > 0)
        call->ops->data(call->user, data);
    return used;
}

/* Uses as much as the state allows; returns the count. The call may be idle or dead afterwards. */
static size_t call_consume(struct http_call *call, struct span bytes)
{
    size_t used = 0;
    while (call->ops && !call->paused) {
        if (call->in_body && body_complete(call)) {
            call_complete(call, used == bytes.len);
            return bytes.len;
        }
        if (used == bytes.len)
            break;
        const struct span rest = span_slice(bytes, used, bytes.len);
        const size_t n = call->in_body ? take_body(call, rest) : take_head(call, rest);
        if (n == 0)
            break;
        used += n;
    }
    return used;
}

static void call_after(struct http_call *call, struct span left)
{
    if (!call->ops)
        return;
    if (call->in_body)
        call_deadline(call);
    if (left.len == 0)
        return;
    buf_span(&call->in, left);
    if (call->in.failed)
        call_fail(call, HTTP_FAILED_MALFORMED);
}

static void on_data(void *user, struct span bytes)
{
    struct http_call *call = user;
    if (!call->ops) {
        call_bury(call, false); /* bytes nobody asked for on a kept connection */
        return;
    }
    call->answered = true;
    if (call->in.len == 0) {
        const size_t used = call_consume(call, bytes);
        call_after(call, span_slice(bytes, used, bytes.len));
        return;
    }
    buf_span(&call->in, bytes);
    const size_t used = call_consume(call, buf_view(&call->in));
    if (call->dead)
        return;
    buf_consume(&call->in, used);
    if (call->in.len == 0)
        buf_done(&call->in);
    call_after(call, span_from(""));
}

static void on_closed(void *user, enum rc why)
{
    struct http_call *call = user;
    if (!call->ops) {
        call_bury(call, false);
        return;
    }
    if (call->paused) {
        call->ended = true;
        call->ended_why = why;
        return;
    }
    if (!call->connected) {
        call_fail(call, HTTP_FAILED_CONNECT);
    } else if (why == RC_CLOSED && call->in_body && call->body == HTTP_BODY_UNTIL_CLOSE &&
               call->in.len == 0) {
        call_complete(call, false);
    } else if (why == RC_TIMEOUT) {
        call_fail(call, HTTP_FAILED_WRITE);
    } else {
        call_fail(call, call->reused && !call->answered ? HTTP_FAILED_STALE : HTTP_FAILED_RESET);
    }
}

const struct conn_ops call_conn_ops = {
    .connected = on_connected, .data = on_data, .closed = on_closed, .drained = on_drained};

void call_task(struct task *task)
{
    struct http_call *call = (struct http_call *)task; /* the first member */
    if (call->dead) {
        buf_done(&call->in);
        buf_done(&call->early);
        free(call);
        return;
    }
    if (!call->ops || call->paused)
        return;
    const size_t used = call_consume(call, buf_view(&call->in));
    if (call->dead)
        return;
    buf_consume(&call->in, used);
    if (call->in.len == 0)
        buf_done(&call->in);
    if (!call->ops || call->paused)
        return;
    if (call->ended)
        on_closed(call, call->ended_why);
    else if (call->conn)
        conn_resume(call->conn);
}

static struct http_call *call_fresh(struct http_origin *origin)
{
    struct http_call *call = mem_new(1, sizeof(*call));
    if (!call)
        return NULL;
    if (timer_init(&call->timer, origin->client->loop, call_on_timer, call) != RC_OK) {
        free(call);
        return NULL;
    }
    call->origin = origin;
    call->task.run = call_task;
    buf_init(&call->in, ANSWER_BYTES_KEPT_MAX);
    if (!call_connect(call)) {
        timer_done(&call->timer);
        free(call);
        return NULL;
    }
    origin->references++;
    origin->client->connections++;
    call_list_add(&origin->busy, call);
    return call;
}

struct http_call *http_call_new(struct http_origin *origin, bool head_method,
                                const struct http_call_ops *ops, void *user)
{
    struct http_call *call = call_take_idle(origin);
    if (!call)
        call = call_fresh(origin);
    if (!call)
        return NULL;
    const struct http_client_config *config = &origin->client->config;
    call->ops = ops;
    call->user = user;
    call->head_method = head_method;
    call->first_byte_timeout_ns = config->first_byte_timeout_ns;
    call->gap_timeout_ns = config->gap_timeout_ns;
    call->answered = false;
    call->in_body = false;
    call->sent_all = false;
    call->chunked_out = false;
    call->paused = false;
    call->scanned = 0;
    call_deadline(call);
    return call;
}

void http_call_limits(struct http_call *call, int64_t first_byte_timeout_ns, int64_t gap_timeout_ns)
{
    call->first_byte_timeout_ns = first_byte_timeout_ns;
    call->gap_timeout_ns = gap_timeout_ns;
}

struct buf *http_call_out(struct http_call *call)
{
    return call->conn ? conn_out(call->conn) : &call->early;
}

void http_call_wrote(struct http_call *call)
{
    if (call->conn)
        conn_wrote(call->conn);
}

void http_call_head(struct http_call *call, struct span method, struct span target,
                    struct span host, struct span lines, uint64_t content_length, bool has_body)
{
    struct buf *out = http_call_out(call);
    buf_span(out, method);
    buf_byte(out, ' ');
    buf_span(out, target);
    buf_text(out, " HTTP/1.1\r\nhost: ");
    buf_span(out, host);
    buf_append(out, "\r\n", 2);
    buf_span(out, lines);
    if (has_body && content_length == HTTP_LENGTH_STREAM) {
        call->chunked_out = true;
        buf_text(out, "transfer-encoding: chunked\r\n");
    } else if (has_body) {
        buf_text(out, "content-length: ");
        buf_int(out, (int64_t)content_length);
        buf_append(out, "\r\n", 2);
    }
    buf_append(out, "\r\n", 2);
    http_call_wrote(call);
}

void http_call_data(struct http_call *call, struct span data)
{
    if (data.len == 0)
        return;
    struct buf *out = http_call_out(call);
    if (call->chunked_out)
        buf_printf(out, "%zx\r\n", data.len);
    buf_span(out, data);
    if (call->chunked_out)
        buf_append(out, "\r\n", 2);
    http_call_wrote(call);
}

void http_call_end(struct http_call *call)
{
    assert(!call->sent_all);
    if (call->chunked_out) {
        buf_append(http_call_out(call), "0\r\n\r\n", 5);
        http_call_wrote(call);
    }
    call->sent_all = true;
    if (call->connected && !call->in_body)
        call_deadline(call);
}

bool http_call_over_high_water(const struct http_call *call)
{
    return call->conn ? conn_over_high_water(call->conn)
                      : call->early.len > call->origin->client->config.high_water_bytes;
}

void http_call_pause(struct http_call *call)
{
    call->paused = true;
    if (call->conn)
        conn_pause(call->conn);
    call_deadline(call);
}

void http_call_resume(struct http_call *call)
{
    if (!call->paused)
        return;
    call->paused = false;
    call_deadline(call);
    loop_defer(call->origin->client->loop, &call->task);
}

void http_call_cancel(struct http_call *call)
{
    call_bury(call, true);
}
