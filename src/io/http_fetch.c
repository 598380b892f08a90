/* http_fetch.c - see http_fetch.h. */
#include "io/http_fetch.h"

#include <stdlib.h>

#include "base/num.h"
#include "io/address.h"
#include "io/http_server.h"

#define TIMEOUT_DEFAULT_NS (30 * SECOND_NS)
#define BODY_DEFAULT_MAX (16U << 20)
#define REQUEST_BYTES_MAX (HTTP_BODY_BYTES_MAX + HTTP_HEAD_BYTES_MAX)
#define CONTENT_TYPE_SIZE 128

struct http_fetch {
    struct task task; /* tells an early failure, or frees when dead */
    struct loop *loop;
    struct http_origin *origin;
    struct http_call *call;
    struct timer timer;
    http_fetch_fn *fn;
    void *user;
    struct buf request; /* head and body, kept for one more try on a fresh connection */
    struct buf body;
    char content_type[CONTENT_TYPE_SIZE];
    int64_t retry_after_ns;
    int status;
    bool head_method;
    bool tried_again;
    bool whole;
    bool dead;
    struct diag diag;
};

enum rc http_url_parse(struct span url, struct http_url *ret, struct diag *diag)
{
    const bool tls = span_starts_with(url, "https://");
    if (!tls && !span_starts_with(url, "http://"))
        return fail(diag, RC_INVALID, "'%.*s' is not an http:// URL", SPAN_ARG(url));
    struct span rest = span_slice(url, tls ? 8 : 7, url.len);
    const size_t fragment = span_find_byte(rest, '#', 0);
    if (fragment != SIZE_MAX)
        rest = span_slice(rest, 0, fragment);
    size_t end = 0;
    while (end < rest.len && rest.ptr[end] != '/' && rest.ptr[end] != '?')
        end++;
    struct http_url parts = {.tls = tls,
                             .authority = span_slice(rest, 0, end),
                             .target = span_slice(rest, end, rest.len)};
    if (parts.target.len == 0)
        parts.target = span_from("/");
    if (address_split(parts.authority, tls ? 443 : 80, &parts.host, &parts.port) != RC_OK ||
        parts.host.len == 0 || parts.port == 0 || parts.target.ptr[0] != '/')
        return fail(diag, RC_INVALID, "'%.*s' has no usable host and port", SPAN_ARG(url));
    *ret = parts;
    return RC_OK;
}

static void fetch_bury(struct http_fetch *fetch)
{
    if (fetch->dead)
        return;
    fetch->dead = true;
    if (fetch->call)
        http_call_cancel(fetch->call);
    timer_done(&fetch->timer);
    http_origin_unref(fetch->origin);
    loop_defer(fetch->loop, &fetch->task);
}

static void fetch_tell(struct http_fetch *fetch, enum rc rc)
{
    const struct http_result result = {.rc = rc,
                                       .status = fetch->status,
                                       .content_type = span_from(fetch->content_type),
                                       .body = buf_view(&fetch->body),
                                       .whole = fetch->whole,
                                       .retry_after_ns = fetch->retry_after_ns,
                                       .diag = &fetch->diag};
    http_fetch_fn *fn = fetch->fn;
    fetch_bury(fetch);
    fn(fetch->user, &result); /* freed at the end of the callback */
}

static void on_head(void *user, const struct http_head *head)
{
    struct http_fetch *fetch = user;
    fetch->status = head->status;
    fetch->whole = head->body != HTTP_BODY_UNTIL_CLOSE;
    (void)span_copy(http_header_get(head, "content-type"), fetch->content_type,
                    sizeof(fetch->content_type)); /* a longer one is cut */
    int64_t seconds = 0;
    if (num_parse_int(http_header_get(head, "retry-after"), &seconds) == RC_OK && seconds >= 0)
        fetch->retry_after_ns = num_mul_sat(seconds, SECOND_NS);
}

static void on_data(void *user, struct span data)
{
    struct http_fetch *fetch = user;
    buf_span(&fetch->body, data);
    if (fetch->body.failed)
        fetch_tell(fetch, fail(&fetch->diag, RC_LIMIT, "the answer is larger than %zu bytes",
                               fetch->body.limit_bytes));
}

static void on_end(void *user)
{
    struct http_fetch *fetch = user;
    fetch->call = NULL;
    fetch_tell(fetch, RC_OK);
}

static bool fetch_send(struct http_fetch *fetch);

static void on_failed(void *user, enum http_failure why)
{
    struct http_fetch *fetch = user;
    fetch->call = NULL;
    if (why == HTTP_FAILED_STALE && !fetch->tried_again) {
        fetch->tried_again = true;
        http_origin_forget_idle(fetch->origin);
        if (fetch_send(fetch))
            return;
    }
    enum rc rc = RC_CLOSED;
    if (why == HTTP_FAILED_CONNECT)
        rc = RC_REFUSED;
    else if (why == HTTP_FAILED_MALFORMED)
        rc = RC_SYNTAX;
    else if (why == HTTP_FAILED_CONNECT_TIMEOUT || why == HTTP_FAILED_FIRST_BYTE ||
             why == HTTP_FAILED_GAP || why == HTTP_FAILED_WRITE)
        rc = RC_TIMEOUT;
    fetch_tell(fetch, fail(&fetch->diag, rc, "no answer: %s", http_failure_name(why)));
}

static const struct http_call_ops fetch_ops = {
    .head = on_head, .data = on_data, .end = on_end, .failed = on_failed};

static bool fetch_send(struct http_fetch *fetch)
{
    fetch->call = http_call_new(fetch->origin, fetch->head_method, &fetch_ops, fetch);
    if (!fetch->call)
        return false;
    buf_span(http_call_out(fetch->call), buf_view(&fetch->request));
    http_call_wrote(fetch->call);
    http_call_end(fetch->call);
    return true;
}

static void on_timeout(void *user)
{
    struct http_fetch *fetch = user;
    fetch_tell(fetch, fail(&fetch->diag, RC_TIMEOUT, "no whole answer within the time limit"));
}

static void fetch_task(struct task *task)
{
    struct http_fetch *fetch = (struct http_fetch *)task; /* the first member */
    if (fetch->dead) {
        buf_done(&fetch->request);
        buf_done(&fetch->body);
        free(fetch);
        return;
    }
    fetch_tell(fetch, fetch->diag.code);
}

/* Writes the request; everything that is wrong with it goes to the diag and is told later. */
static enum rc fetch_prepare(struct http_fetch *fetch, struct http_client *client,
                             const struct http_fetch_options *options)
{
    struct http_url url;
    const enum rc rc = http_url_parse(options->url, &url, &fetch->diag);
    if (rc != RC_OK)
        return rc;
    if (url.tls != http_client_speaks_tls(client))
        return fail(&fetch->diag, RC_INVALID, "'%.*s': only %s:// is spoken here",
                    SPAN_ARG(options->url), url.tls ? "http" : "https");
    const char *method = options->method ? options->method : options->body.ptr ? "POST" : "GET";
    fetch->head_method = span_equal_text(span_from(method), "HEAD");
    struct buf *out = &fetch->request;
    buf_printf(out, "%s %.*s HTTP/1.1\r\nhost: %.*s\r\n", method, SPAN_ARG(url.target),
               SPAN_ARG(url.authority));
    buf_span(out, options->lines);
    if (options->body.ptr)
        buf_printf(out, "content-length: %zu\r\n", options->body.len);
    buf_append(out, "\r\n", 2);
    if (options->body.ptr)
        buf_span(out, options->body);
    fetch->origin = http_origin_get(client, url.host, url.port);
    if (out->failed || !fetch->origin)
        return fail(&fetch->diag, RC_NO_MEMORY, "no memory for the request");
    if (!fetch_send(fetch))
        return fail(&fetch->diag, RC_REFUSED,
                    "no connection could be made; are descriptors used "
                    "up?");
    return RC_OK;
}

struct http_fetch *http_fetch(struct http_client *client, const struct http_fetch_options *options,
                              http_fetch_fn *fn, void *user)
{
    struct loop *loop = http_client_loop(client);
    struct http_fetch *fetch = mem_new(1, sizeof(*fetch));
    if (!fetch)
        return NULL;
    if (timer_init(&fetch->timer, loop, on_timeout, fetch) != RC_OK) {
        free(fetch);
        return NULL;
    }
    fetch->loop = loop;
    fetch->fn = fn;
    fetch->user = user;
    fetch->retry_after_ns = -1;
    fetch->task.run = fetch_task;
    buf_init(&fetch->request, REQUEST_BYTES_MAX);
    buf_init(&fetch->body, options->body_bytes_max ? options->body_bytes_max : BODY_DEFAULT_MAX);
    if (fetch_prepare(fetch, client, options) != RC_OK)
        loop_defer(loop, &fetch->task);
    else
        timer_after(&fetch->timer,
                    options->timeout_ns > 0 ? options->timeout_ns : TIMEOUT_DEFAULT_NS);
    return fetch;
}

void http_fetch_cancel(struct http_fetch *fetch)
{
    if (fetch)
        fetch_bury(fetch);
}

struct waiter {
    bool done;
    enum rc rc;
    int *ret_status;
    struct buf *ret_body;
    struct diag *diag;
};

static void on_waited(void *user, const struct http_result *result)
{
    struct waiter *waiter = user;
    waiter->done = true;
    waiter->rc = result->rc;
    if (result->rc != RC_OK) {
        if (waiter->diag)
            *waiter->diag = *result->diag;
        return;
    }
    *waiter->ret_status = result->status;
    buf_span(waiter->ret_body, result->body);
    if (waiter->ret_body->failed)
        waiter->rc = fail(waiter->diag, RC_LIMIT, "the answer is larger than expected");
}

enum rc http_fetch_wait(const struct http_fetch_options *options, int *ret_status,
                        struct buf *ret_body, struct diag *diag)
{
    struct loop *loop = NULL;
    const enum rc rc = loop_new(&loop, diag);
    if (rc != RC_OK)
        return rc;
    struct http_client_config config;
    http_client_defaults(&config);
    config.tls = options->tls;
    struct waiter waiter = {
        .rc = RC_NO_MEMORY, .ret_status = ret_status, .ret_body = ret_body, .diag = diag};
    struct http_client *client = http_client_new(loop, &config);
    if (client && http_fetch(client, options, on_waited, &waiter))
        while (!waiter.done)
            loop_turn(loop, true);
    else
        (void)fail(diag, RC_NO_MEMORY, "no memory for the request"); /* rc is set above */
    http_client_free(client);
    loop_free(loop);
    return waiter.rc;
}
