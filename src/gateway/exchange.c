/* exchange.c - one request of a client: its body, its way to a pool, its end. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/gateway_internal.h"
#include "io/clock.h"

#define BODY_KEEP_BYTES 8192 /* a body buffer larger than this is given back */

static void on_body(void *user, struct span data);
static void on_body_end(void *user);
static void on_gone(void *user);
static void on_drained(void *user);
static void on_done(void *user);

static const struct http_request_ops request_ops = {.body = on_body,
                                                    .body_end = on_body_end,
                                                    .gone = on_gone,
                                                    .drained = on_drained,
                                                    .done = on_done};

static void on_timer(void *user)
{
    struct exchange *x = user;
    const int64_t now_ns = clock_monotonic_ns();
    if (x->limit_ns != TIME_NONE && now_ns >= x->limit_ns) {
        exchange_release(x, now_ns);
        exchange_fail_text(x, TROUBLE_REPLICA_TIMEOUT,
                           "the whole answer did not come within the time limit of its pool");
        return;
    }
    if (x->hold_ns != TIME_NONE && now_ns >= x->hold_ns)
        hold_tick(x, now_ns);
    exchange_timer(x);
}

void exchange_timer(struct exchange *x)
{
    int64_t at_ns = x->limit_ns;
    if (x->hold_ns != TIME_NONE && (at_ns == TIME_NONE || x->hold_ns < at_ns))
        at_ns = x->hold_ns;
    if (at_ns == TIME_NONE)
        timer_stop(&x->timer);
    else
        timer_at(&x->timer, at_ns);
}

static struct exchange *exchange_new(struct gateway *g)
{
    struct exchange *x = g->kept;
    if (x) {
        g->kept = x->next;
        g->kept_count--;
    } else {
        x = mem_new(1, sizeof(*x));
        if (!x)
            return NULL;
        buf_init(&x->body, HTTP_BODY_BYTES_MAX + 1);
    }
    memset(x, 0, offsetof(struct exchange, body));
    if (timer_init(&x->timer, g->loop, on_timer, x) != RC_OK) {
        buf_done(&x->body);
        free(x);
        return NULL;
    }
    buf_init(&x->kept, STREAM_BUFFER_BYTES_MAX);
    x->gateway = g;
    x->id = ++g->next_id;
    x->started_ns = clock_monotonic_ns();
    x->limit_ns = TIME_NONE;
    x->hold_ns = TIME_NONE;
    x->prev = g->newest;
    if (g->newest)
        g->newest->next = x;
    else
        g->oldest = x;
    g->newest = x;
    g->stats.open_requests++;
    if (g->stats.open_requests > g->most_open)
        g->most_open = g->stats.open_requests;
    return x;
}

void exchange_body_taken(struct exchange *x)
{
    x->gateway->stats.held_bytes -= (int64_t)x->body.len;
    if (x->body.cap > BODY_KEEP_BYTES)
        buf_done(&x->body);
    else
        buf_clear(&x->body);
}

void exchange_free(struct exchange *x)
{
    struct gateway *g = x->gateway;
    assert(!x->call && x->handle == 0);
    timer_done(&x->timer);
    exchange_body_taken(x);
    buf_done(&x->kept);
    keys_unref(x->keys);
    if (x->pool)
        x->pool->exchanges--;
    if (x->prev)
        x->prev->next = x->next;
    else
        g->oldest = x->next;
    if (x->next)
        x->next->prev = x->prev;
    else
        g->newest = x->prev;
    g->stats.open_requests--;
    gateway_left(g);
    gateway_rush_over(g);
    if (g->kept_count < EXCHANGES_KEPT_MAX) {
        x->next = g->kept;
        g->kept = x;
        g->kept_count++;
        return;
    }
    buf_done(&x->body);
    free(x);
}

void exchange_release(struct exchange *x, int64_t now_ns)
{
    upstream_stop(x);
    if (x->handle == 0)
        return;
    dispatch_cancel(x->pool->dispatch, x->handle, now_ns);
    x->handle = 0;
    pool_changed(x->pool);
}

static void on_gone(void *user)
{
    struct exchange *x = user;
    x->request = NULL;
    x->gateway->stats.gone++;
    exchange_release(x, clock_monotonic_ns());
    exchange_free(x);
}

static void on_done(void *user)
{
    struct exchange *x = user;
    x->request = NULL;
    exchange_free(x);
}

static void on_drained(void *user)
{
    upstream_resume(user);
}

void exchange_cut(struct exchange *x)
{
    x->gateway->stats.broken++;
    http_response_abort(x->request);
    x->request = NULL;
    exchange_free(x);
}

/* The last words of an answer that cannot go on: an event where the stream has events, then RST. */
static void fail_inside(struct exchange *x, enum trouble trouble, struct span words)
{
    struct gateway *g = x->gateway;
    const enum sse_format format = x->early ? SSE_EVENTS : x->sse.format;
    if (format != SSE_EVENTS && format != SSE_NDJSON) {
        exchange_cut(x);
        return;
    }
    buf_clear(&g->text);
    family_error_event(&g->text, x->endpoint.family, trouble, words, span_from(x->request_id));
    http_response_data(x->request, buf_view(&g->text));
    g->stats.broken++;
    http_response_break(x->request);
    x->request = NULL;
    exchange_free(x);
}

static void retry_lines(struct buf *lines, enum trouble trouble, int64_t retry_after_ns)
{
    const int64_t seconds = family_retry_after_s(retry_after_ns);
    if (seconds > 0) {
        buf_text(lines, "retry-after: ");
        buf_int(lines, seconds);
        buf_text(lines, "\r\nretry-after-ms: ");
        const int64_t most_ms = 60000;
        const int64_t ms = retry_after_ns / MILLISECOND_NS;
        buf_int(lines, ms < most_ms ? ms : most_ms);
        buf_text(lines, "\r\n");
    }
    buf_text(lines, "x-should-retry: ");
    buf_text(lines, trouble_again(trouble) ? "true\r\n" : "false\r\n");
    (void)http_line_text(lines, "x-sluice-reason", trouble_code(trouble)); /* ours: no line end */
}

void exchange_fail(struct exchange *x, enum trouble trouble, struct span words,
                   int64_t retry_after_ns)
{
    struct gateway *g = x->gateway;
    const enum family family = x->endpoint.family;
    g->stats.troubles[trouble]++;
    log_event(g->config.log, LOG_REQUEST_FAILED, LOG_TEXT("request", x->request_id),
              LOG_TEXT("pool", x->pool ? x->pool->name : ""), LOG_INT("replica", x->replica),
              LOG_TEXT("code", trouble_code(trouble)), LOG_SPAN("why", words));
    x->hold_ns = x->limit_ns = TIME_NONE;
    if (x->begun) {
        fail_inside(x, trouble, words);
        return;
    }
    buf_clear(&g->lines);
    buf_text(&g->lines, "content-type: application/json\r\n");
    retry_lines(&g->lines, trouble, retry_after_ns);
    headers_of_ours(x, &g->lines);
    headers_cors(x, &g->lines);
    buf_clear(&g->text);
    const bool model = trouble == TROUBLE_MODEL_NOT_FOUND || trouble == TROUBLE_MODEL_MISSING ||
                       trouble == TROUBLE_MODEL_AMBIGUOUS;
    family_error_body(&g->text, family, trouble, words, model ? "model" : NULL,
                      span_from(x->request_id));
    http_respond_lines(x->request, trouble_status(trouble, family), buf_view(&g->lines),
                       buf_view(&g->text));
}

void exchange_fail_text(struct exchange *x, enum trouble trouble, const char *words)
{
    exchange_fail(x, trouble, span_from(words), 0);
}

/* ---- the body ---- */

static void on_body(void *user, struct span data)
{
    struct exchange *x = user;
    struct gateway *g = x->gateway;
    (void)peek_feed(&x->peek, data.ptr, data.len);
    if (x->flowing) {
        upstream_body(x, data);
        return;
    }
    buf_span(&x->body, data);
    g->stats.held_bytes += (int64_t)data.len;
    if (x->body.failed || g->stats.held_bytes > HELD_BYTES_MAX) {
        g->stats.shed++;
        exchange_fail(x, TROUBLE_OVERLOADED, span_from("the gateway holds as many bytes as it can"),
                      SECOND_NS);
        return;
    }
    if (x->phase == PHASE_RECEIVING && x->body.len >= BODY_PEEK_BYTES_MAX &&
        (x->peek.model_len > 0 || x->peek.state != PEEK_MORE))
        choose_pool(x);
}

static void on_body_end(void *user)
{
    struct exchange *x = user;
    x->whole = true;
    (void)peek_end(&x->peek);
    if (x->phase == PHASE_RECEIVING)
        choose_pool(x);
    else if (x->flowing)
        upstream_body(x, span_from(""));
}

/* ---- the beginning ---- */

/* False: it was answered. */
static bool admit(struct exchange *x)
{
    struct gateway *g = x->gateway;
    const bool full = fd_budget_ratio(loop_fd_budget(g->loop)) >= SHED_RATIO;
    if (full != g->stats.shedding) {
        g->stats.shedding = full;
        log_event(g->config.log, full ? LOG_SHEDDING : LOG_SHEDDING_ENDED,
                  LOG_INT("open", g->stats.open_requests));
    }
    if (full) {
        g->stats.shed++;
        exchange_fail(x, TROUBLE_OVERLOADED, span_from("the gateway has too few descriptors left"),
                      SECOND_NS);
        return false;
    }
    if (!g->keys)
        return true;
    struct span shown = headers_get(x, HEADER_KEY);
    const struct span bearer = headers_get(x, HEADER_AUTH);
    if (bearer.len > 7 && span_equal_text_nocase(span_slice(bearer, 0, 7), "Bearer "))
        shown = span_trim(span_slice(bearer, 7, SIZE_MAX));
    x->keys = keys_ref(g->keys);
    x->key = shown.len > 0 ? keys_find(g->keys, shown) : NULL;
    if (x->key)
        return true;
    exchange_fail_text(x, TROUBLE_KEY,
                       shown.len > 0 ? "this API key is not known here"
                                     : "an API key is needed: Authorization: Bearer KEY");
    return false;
}

void exchange_begin(struct gateway *g, struct http_request *request)
{
    struct exchange *x = exchange_new(g);
    g->stats.requests++;
    if (!x) {
        g->stats.shed++;
        http_respond(request, 503, NULL, span_from(""));
        return;
    }
    const struct http_head *head = http_request_head(request);
    x->request = request;
    http_request_set(request, &request_ops, x);
    x->endpoint = family_find(head->method, head->path);
    headers_read(x);
    if (x->endpoint.kind == ENDPOINT_HEALTH || x->endpoint.kind == ENDPOINT_PREFLIGHT) {
        (void)own_answer(x); /* needs no key and no descriptor more */
        return;
    }
    if (!admit(x) || own_answer(x))
        return;
    const struct span type = http_header_get(head, "content-type");
    enum peek_format format = head->body == HTTP_BODY_NONE ? PEEK_NONE : peek_format_of(type);
    /* curl -d says "form" of whatever it sends; where only JSON can stand, that is what it is. */
    if (format == PEEK_URLENCODED && x->endpoint.model == MODEL_BODY)
        format = PEEK_JSON;
    peek_init(&x->peek, format, type);
}
