/* upstream.c - one try at a replica: the request on its way there, and what becomes of the try. */
#include <string.h>

#include "gateway/gateway_internal.h"
#include "io/clock.h"

static void on_head(void *user, const struct http_head *head);
static void on_data(void *user, struct span data);
static void on_end(void *user);
static void on_failed(void *user, enum http_failure why);
static void on_drained(void *user);

static const struct http_call_ops call_ops = {
    .head = on_head, .data = on_data, .end = on_end, .failed = on_failed, .drained = on_drained};

/* ---- request ---- */

/* Path and query as sent; below /upstream/POOL without that. An absolute target loses its host. */
static struct span target_of(const struct exchange *x)
{
    const struct http_head *head = http_request_head(x->request);
    const struct span rest = x->endpoint.rest;
    struct buf *text = &x->gateway->words;
    struct span from = head->path;
    if (x->endpoint.kind == ENDPOINT_UPSTREAM) {
        const size_t slash = span_find_byte(rest, '/', 0);
        from = span_slice(rest, slash == SIZE_MAX ? rest.len : slash, SIZE_MAX);
    }
    if (from.len > 0) {
        const char *end = head->target.ptr + head->target.len;
        return span_of(from.ptr, (size_t)(end - from.ptr));
    }
    buf_clear(text);
    buf_byte(text, '/');
    if (head->query.len > 0) {
        buf_byte(text, '?');
        buf_span(text, head->query);
    }
    return buf_view(text);
}

static void send_body(struct exchange *x, const struct edits *edits)
{
    const struct span body = buf_view(&x->body);
    size_t at = 0;
    for (size_t i = 0; i < edits->count; i++) {
        http_call_data(x->call, span_slice(body, at, edits->edit[i].from - at));
        http_call_data(x->call, edits->edit[i].text);
        at = edits->edit[i].to;
    }
    http_call_data(x->call, span_slice(body, at, SIZE_MAX));
}

static void send_request(struct exchange *x, const struct gateway_replica *replica,
                         const struct edits *edits)
{
    struct gateway *g = x->gateway;
    const struct http_head *head = http_request_head(x->request);
    const bool has_body = head->body != HTTP_BODY_NONE;
    uint64_t length = HTTP_LENGTH_STREAM;
    if (x->whole)
        length = (uint64_t)((int64_t)x->body.len + edits->growth);
    else if (head->body == HTTP_BODY_LENGTH)
        length = (uint64_t)((int64_t)head->content_length + edits->growth);
    buf_clear(&g->lines);
    headers_to_replica(x, &g->lines);
    http_call_head(x->call, head->method, target_of(x), span_from(replica->authority),
                   buf_view(&g->lines), length, has_body);
    send_body(x, edits);
    if (x->whole) {
        http_call_end(x->call);
        return;
    }
    /* The rest passes on as it comes; what went cannot be sent a second time. */
    x->flowing = true;
    exchange_body_taken(x);
    http_request_resume(x->request);
}

static void cannot_start(struct exchange *x, int64_t now_ns)
{
    exchange_release(x, now_ns);
    x->gateway->stats.shed++;
    exchange_fail(x, TROUBLE_OVERLOADED, span_from("the gateway cannot open a connection now"),
                  SECOND_NS);
}

static void try_failed(struct exchange *x, enum outcome outcome, enum trouble trouble,
                       const char *words, int64_t now_ns);

void upstream_start(struct exchange *x, int64_t now_ns)
{
    struct gateway *g = x->gateway;
    struct edits edits;
    const struct gateway_replica *replica = pool_replica(x->pool, x->replica);
    if (!replica) {
        try_failed(x, OUTCOME_REFUSED, TROUBLE_REPLICA_FAILED, "the replica is gone", now_ns);
        return;
    }
    buf_clear(&g->text);
    if (!x->flowing && !edits_make(x, &g->text, &edits)) {
        exchange_release(x, now_ns);
        exchange_fail_text(
            x, TROUBLE_MODEL_AMBIGUOUS,
            "the model of this request goes by another name at its engine, and the "
            "name cannot be replaced: \"model\" must stand once in a JSON body or as a part "
            "of a form");
        return;
    }
    const bool head_method = span_equal_text(http_request_head(x->request)->method, "HEAD");
    x->call = http_call_new(replica->origin, head_method, &call_ops, x);
    if (!x->call) {
        cannot_start(x, now_ns);
        return;
    }
    http_call_limits(x->call, x->pool->timeouts.first_token_ns, x->pool->timeouts.first_token_ns);
    send_request(x, replica, &edits);
}

void upstream_body(struct exchange *x, struct span data)
{
    if (!x->call)
        return; /* the answer is complete already: the engine did not wait for the rest */
    if (x->peek.ambiguous) {
        exchange_release(x, clock_monotonic_ns());
        exchange_fail_text(x, TROUBLE_MODEL_AMBIGUOUS,
                           "the request names two models: \"model\" must stand in it once");
        return;
    }
    http_call_data(x->call, data);
    if (x->whole)
        http_call_end(x->call);
    else if (http_call_over_high_water(x->call))
        http_request_pause(x->request);
}

static void on_drained(void *user)
{
    struct exchange *x = user;
    if (x->flowing && !x->whole)
        http_request_resume(x->request);
}

void upstream_stop(struct exchange *x)
{
    if (x->call)
        http_call_cancel(x->call);
    x->call = NULL;
}

void upstream_resume(struct exchange *x)
{
    if (x->call)
        http_call_resume(x->call);
}

/* ---- what becomes of it ---- */

/* The same try again on a fresh connection: the kept one had ended before it was used. */
static void try_again(struct exchange *x, int64_t now_ns)
{
    const struct gateway_replica *replica = pool_replica(x->pool, x->replica);
    x->restaled = true;
    x->gateway->stats.stale++;
    if (replica)
        http_origin_forget_idle(replica->origin);
    upstream_start(x, now_ns);
}

static bool can_repeat(const struct exchange *x)
{
    return !x->told && !x->flowing && x->whole;
}

/* The try is over without an answer: elsewhere, while nothing of an answer went out. */
static void try_failed(struct exchange *x, enum outcome outcome, enum trouble trouble,
                       const char *words, int64_t now_ns)
{
    upstream_stop(x);
    x->refused = false;
    buf_done(&x->kept);
    if (can_repeat(x)) {
        const struct dispatch_answer answer =
            dispatch_retry(x->pool->dispatch, x->handle, outcome, now_ns);
        pool_changed(x->pool);
        if (answer.verdict == VERDICT_ASSIGNED) {
            x->gateway->stats.retries++;
            exchange_assigned(x, answer.replica, now_ns);
        } else if (answer.verdict == VERDICT_HELD) {
            x->gateway->stats.retries++;
            exchange_held(x, now_ns);
        } else {
            x->handle = 0;
            exchange_fail(x, trouble, span_from(words), answer.retry_after_ns);
        }
        return;
    }
    dispatch_finish(x->pool->dispatch, x->handle, outcome,
                    x->phase == PHASE_ANSWERING ? &x->sse.usage : NULL, now_ns);
    pool_changed(x->pool);
    x->handle = 0;
    exchange_fail(x, trouble, span_from(words), SECOND_NS);
}

static const struct {
    enum outcome outcome;
    enum trouble trouble;
    const char *words;
} failures[] = {
    [HTTP_FAILED_CONNECT] = {OUTCOME_REFUSED, TROUBLE_REPLICA_FAILED,
                             "the replica takes no connection"},
    [HTTP_FAILED_CONNECT_TIMEOUT] = {OUTCOME_TIMEOUT, TROUBLE_REPLICA_TIMEOUT,
                                     "the replica took no connection in time"},
    [HTTP_FAILED_STALE] = {OUTCOME_RESET, TROUBLE_REPLICA_FAILED,
                           "the replica closed the connection"},
    [HTTP_FAILED_RESET] = {OUTCOME_RESET, TROUBLE_REPLICA_FAILED,
                           "the replica ended the connection before its answer was whole"},
    [HTTP_FAILED_FIRST_BYTE] = {OUTCOME_TIMEOUT, TROUBLE_REPLICA_TIMEOUT,
                                "the replica did not begin its answer in time"},
    [HTTP_FAILED_GAP] = {OUTCOME_TIMEOUT, TROUBLE_REPLICA_TIMEOUT,
                         "the replica fell silent in the middle of its answer"},
    [HTTP_FAILED_WRITE] = {OUTCOME_TIMEOUT, TROUBLE_REPLICA_TIMEOUT,
                           "the replica does not take the request"},
    [HTTP_FAILED_MALFORMED] = {OUTCOME_ENGINE_ERROR, TROUBLE_REPLICA_FAILED,
                               "the replica's answer is not HTTP"},
};

static void on_failed(void *user, enum http_failure why)
{
    struct exchange *x = user;
    const int64_t now_ns = clock_monotonic_ns();
    x->call = NULL;
    if (why == HTTP_FAILED_STALE && !x->restaled && can_repeat(x)) {
        try_again(x, now_ns);
        return;
    }
    /* A slow answer is not asked for twice: the work would double where it is dear already. */
    if (why == HTTP_FAILED_FIRST_BYTE || why == HTTP_FAILED_GAP)
        x->told = true;
    try_failed(x, failures[why].outcome, failures[why].trouble, failures[why].words, now_ns);
}

/* An engine that is full or failing in front of an answer: worth a try elsewhere, if there is an
 * elsewhere now; otherwise its own words go to the client. */
static enum outcome refusal_of(int status)
{
    if (status == 429 || status == 503)
        return OUTCOME_ENGINE_BUSY;
    return status == 502 || status == 504 ? OUTCOME_ENGINE_ERROR : OUTCOME_OK;
}

static void on_head(void *user, const struct http_head *head)
{
    struct exchange *x = user;
    const int64_t now_ns = clock_monotonic_ns();
    const enum outcome refusal = refusal_of(head->status);
    if (refusal != OUTCOME_OK && can_repeat(x) &&
        dispatch_elsewhere(x->pool->dispatch, x->handle, now_ns)) {
        try_failed(x, refusal, TROUBLE_REPLICA_FAILED, "the replica is full", now_ns);
        return;
    }
    http_call_limits(x->call, x->pool->timeouts.first_token_ns,
                     x->wants_stream ? x->pool->timeouts.first_token_ns
                                     : x->pool->timeouts.between_tokens_ns);
    answer_head(x, head, now_ns);
}

static void on_data(void *user, struct span data)
{
    struct exchange *x = user;
    answer_data(x, data, clock_monotonic_ns());
}

static void on_end(void *user)
{
    struct exchange *x = user;
    x->call = NULL;
    answer_end(x, clock_monotonic_ns());
}
