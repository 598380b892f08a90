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

/* ---- the way to a pool ---- */

bool exchange_may(const struct exchange *x, const struct gateway_pool *pool)
{
    const struct key *key = x->key;
    return !pool->restricted ||
           (key && (pool->allowed[key->index / 64] >> (key->index % 64) & 1) != 0);
}

static void enter_pool(struct exchange *x, struct gateway_pool *pool)
{
    if (x->pool)
        x->pool->exchanges--;
    x->pool = pool;
    pool->exchanges++;
}

static struct dispatch_answer arrive(struct exchange *x, int64_t now_ns)
{
    const struct peek *peek = &x->peek;
    const bool cheap = x->endpoint.kind == ENDPOINT_CHEAP;
    const struct arrival arrival = {
        .cookie = (uint64_t)(uintptr_t)x,
        .key = x->key ? x->key->id : 0,
        .tier = x->key ? &x->key->tier : NULL,
        .priority = x->priority,
        .session = x->session,
        .prompt_tokens = cheap ? 0 : -1,
        .prompt_bytes = cheap ? 0 : (int64_t)peek_prompt_bytes(peek, x->body.len),
        .output_tokens_max = peek->output_tokens_max * peek->choices,
        .stream = x->wants_stream,
    };
    x->cold = dispatch_counts(x->pool->dispatch).ready == 0;
    const struct dispatch_answer answer = dispatch_arrive(x->pool->dispatch, &arrival, now_ns);
    pool_changed(x->pool);
    return answer;
}

static bool body_fits(struct exchange *x)
{
    const struct http_head *head = http_request_head(x->request);
    const uint64_t most = (uint64_t)x->pool->spec.body_bytes_max;
    return x->body.len <= most && (head->body != HTTP_BODY_LENGTH || head->content_length <= most);
}

static void take_verdict(struct exchange *x, const struct dispatch_answer *answer, int64_t now_ns)
{
    x->handle = answer->request;
    x->routed_ns = now_ns;
    if (answer->verdict == VERDICT_ASSIGNED) {
        exchange_assigned(x, answer->replica, now_ns);
        return;
    }
    x->phase = PHASE_HELD;
    if (!x->whole)
        http_request_pause(x->request); /* the rest stays with the client until it has a place */
    hold_start(x, now_ns);
    exchange_timer(x);
}

static void enter(struct exchange *x, struct gateway_pool *pool, int64_t now_ns)
{
    enter_pool(x, pool);
    if (!body_fits(x)) {
        exchange_fail_text(x, TROUBLE_BODY_SIZE, "the body is larger than its pool takes");
        return;
    }
    if (x->limit_ns == TIME_NONE && pool->timeouts.request_ns > 0)
        x->limit_ns = x->started_ns + pool->timeouts.request_ns;
    const struct dispatch_answer answer = arrive(x, now_ns);
    if (answer.verdict == VERDICT_REFUSED)
        exchange_refused(x, answer.refusal, answer.retry_after_ns, now_ns);
    else
        take_verdict(x, &answer, now_ns);
}

/* The next pool of the router's list that this caller may use; NULL when there is none. */
static struct gateway_pool *next_pool(struct exchange *x)
{
    struct router_choice choices[ROUTER_CHOICES_MAX];
    const struct gateway *g = x->gateway;
    const uint64_t draw = x->session != 0 ? x->session : hash_u64(g->config.seed, x->id);
    const size_t n = router_find(g->router, span_from(x->model), draw, choices);
    while (x->choice < n) {
        const struct router_choice *choice = &choices[x->choice++];
        struct gateway_pool *pool = g->pool[choice->pool];
        if (!exchange_may(x, pool))
            continue;
        (void)span_copy(span_from(choice->upstream), x->upstream, sizeof(x->upstream)); /* fits */
        return pool;
    }
    return NULL;
}

/* Refusals that another pool can make good. */
static bool falls_back(enum refusal refusal)
{
    return refusal == REFUSAL_QUEUE_FULL || refusal == REFUSAL_QUEUE_TIMEOUT ||
           refusal == REFUSAL_START_FAILED || refusal == REFUSAL_MEMORY;
}

static void refusal_words(const struct exchange *x, enum refusal refusal, struct buf *words)
{
    static const char *const texts[] = {
        [REFUSAL_NONE] = "",
        [REFUSAL_QUEUE_FULL] = "the queue of the pool is full",
        [REFUSAL_QUEUE_SHARE] = "the queue of the pool is full and this key has its share of it",
        [REFUSAL_QUEUE_TIMEOUT] = "no replica became free within the pool's time limit",
        [REFUSAL_CONCURRENCY] = "this key has as many requests open as it may",
        [REFUSAL_TOKEN_RATE] = "this key has used its tokens of this minute",
        [REFUSAL_START_FAILED] = "no replica can be started",
        [REFUSAL_REPLICA] = "the replica failed and no further try is left",
        [REFUSAL_MEMORY] = "the gateway has as many requests open as it can keep",
    };
    const char *reason = dispatch_reason(x->pool->dispatch);
    buf_clear(words);
    buf_text(words, texts[refusal]);
    const bool why = refusal == REFUSAL_START_FAILED || refusal == REFUSAL_QUEUE_TIMEOUT;
    if (why && reason[0] != '\0') {
        buf_text(words, ": ");
        buf_text(words, reason);
    }
}

void exchange_refused(struct exchange *x, enum refusal refusal, int64_t retry_after_ns,
                      int64_t now_ns)
{
    struct buf *words = &x->gateway->words;
    x->handle = 0;
    if (falls_back(refusal) && x->model[0] != '\0') {
        struct gateway_pool *other = next_pool(x);
        if (other) {
            enter(x, other, now_ns);
            return;
        }
    }
    refusal_words(x, refusal, words);
    exchange_fail(x, trouble_of(refusal), buf_view(words), retry_after_ns);
}

void exchange_assigned(struct exchange *x, uint64_t replica, int64_t now_ns)
{
    x->replica = replica;
    x->assigned_ns = now_ns;
    x->hold_ns = TIME_NONE;
    x->phase = PHASE_WAITING;
    exchange_timer(x);
    upstream_start(x, now_ns);
}

void exchange_unknown_model(struct exchange *x)
{
    const char *near[ROUTER_NEAR_MAX];
    struct buf *words = &x->gateway->words;
    const size_t n = router_near(x->gateway->router, span_from(x->model), near);
    buf_clear(words);
    buf_text(words, "model \"");
    buf_text(words, x->model);
    buf_text(words, "\" is not served here");
    for (size_t i = 0; i < n; i++) {
        buf_text(words, i == 0 ? "; did you mean \"" : "\" or \"");
        buf_text(words, near[i]);
    }
    if (n > 0)
        buf_text(words, "\"?");
    exchange_fail(x, TROUBLE_MODEL_NOT_FOUND, buf_view(words), 0);
}

static void route_by_model(struct exchange *x, int64_t now_ns)
{
    struct gateway_pool *pool = next_pool(x);
    if (pool)
        enter(x, pool, now_ns);
    else if (x->choice > 0)
        exchange_fail_text(x, TROUBLE_FORBIDDEN, "this key may not use the model");
    else
        exchange_unknown_model(x);
}

static void route_by_path(struct exchange *x, int64_t now_ns)
{
    const struct span rest = x->endpoint.rest;
    const size_t slash = span_find_byte(rest, '/', 0);
    const struct span name = slash == SIZE_MAX ? rest : span_slice(rest, 0, slash);
    struct gateway_pool *pool = pool_find(x->gateway, name);
    if (!pool || pool->index == POOL_UNROUTED)
        exchange_fail_text(x, TROUBLE_NOT_FOUND,
                           "no pool has this name; the path is /upstream/POOL/...");
    else if (!exchange_may(x, pool))
        exchange_fail_text(x, TROUBLE_FORBIDDEN, "this key may not use the pool");
    else
        enter(x, pool, now_ns);
}

/* Looks for the model's name where the endpoint says; false: it stands nowhere. */
static bool find_model(struct exchange *x)
{
    const enum model_place place = x->endpoint.model;
    const struct peek *peek = &x->peek;
    const bool in_body = place != MODEL_QUERY && peek->model_len > 0;
    const struct span query = family_query(http_request_head(x->request)->query, "model");
    const struct span header = headers_get(x, HEADER_MODEL);
    if (in_body)
        return span_copy(span_of(peek->model, peek->model_len), x->model, sizeof(x->model));
    if (query.ptr && place != MODEL_BODY && place != MODEL_FORM)
        return family_decode(query, x->model, sizeof(x->model)) && x->model[0] != '\0';
    if (header.ptr && header.len > 0)
        return span_copy(header, x->model, sizeof(x->model));
    return false;
}

/* Without a name a known endpoint can only mean the one pool there is. */
static struct gateway_pool *only_pool(const struct exchange *x)
{
    const struct gateway *g = x->gateway;
    const bool known = x->endpoint.kind == ENDPOINT_FORWARD || x->endpoint.kind == ENDPOINT_CHEAP;
    return known && g->pool_count == 1 ? g->pool[0] : NULL;
}

static void no_model(struct exchange *x, int64_t now_ns)
{
    struct gateway_pool *pool = only_pool(x);
    if (pool && exchange_may(x, pool))
        enter(x, pool, now_ns);
    else if (x->endpoint.kind == ENDPOINT_UNKNOWN)
        exchange_fail_text(x, TROUBLE_NOT_FOUND,
                           "this path is not known, and no model was named that could serve it: "
                           "neither in the body (\"model\"), nor in the query (?model=), nor in "
                           "the header x-model");
    else if (x->endpoint.model == MODEL_ID)
        exchange_fail_text(x, TROUBLE_NOT_FOUND, "no object of this id is known here");
    else if (x->peek.state == PEEK_BROKEN && x->peek.format == PEEK_JSON && x->body.len > 0)
        exchange_fail_text(x, TROUBLE_BAD_REQUEST, "the body is no valid JSON");
    else
        exchange_fail_text(x, TROUBLE_MODEL_MISSING,
                           "the request names no model: set \"model\" in its body");
}

static bool body_is_bad(struct exchange *x)
{
    const struct peek *peek = &x->peek;
    if (peek->ambiguous)
        exchange_fail_text(x, TROUBLE_MODEL_AMBIGUOUS,
                           "the request names two models: \"model\" must stand in it once");
    else if (peek->model_not_string)
        exchange_fail_text(x, TROUBLE_BAD_REQUEST, "\"model\" must be a text of 1 to 255 bytes");
    else if (peek->too_deep && peek->model_len == 0)
        exchange_fail_text(x, TROUBLE_BAD_REQUEST, "the body is nested too deeply");
    else
        return false;
    return true;
}

static void read_wishes(struct exchange *x)
{
    const struct peek *peek = &x->peek;
    const struct endpoint *endpoint = &x->endpoint;
    x->wants_stream =
        endpoint->stream && (peek->stream_set ? peek->stream : endpoint->stream_always);
    const struct span session = headers_get(x, HEADER_SESSION);
    x->session = session.len > 0 ? hash_span(x->gateway->config.seed, session) : peek->session;
    x->priority = UINT32_MAX;
    const struct span priority = headers_get(x, HEADER_PRIORITY);
    const struct span objective = headers_get(x, HEADER_OBJECTIVE);
    if (priority.len == 1 && priority.ptr[0] >= '0' && priority.ptr[0] < '0' + PRIORITIES)
        x->priority = (uint32_t)(priority.ptr[0] - '0');
    else if (objective.len > 0 && x->keys)
        x->priority = keys_tier_priority(x->keys, objective);
}

static void route(struct exchange *x)
{
    const int64_t now_ns = clock_monotonic_ns();
    if (body_is_bad(x))
        return;
    read_wishes(x);
    if (x->endpoint.kind == ENDPOINT_UPSTREAM)
        route_by_path(x, now_ns);
    else if (x->endpoint.model != MODEL_ID && find_model(x))
        route_by_model(x, now_ns);
    else
        no_model(x, now_ns);
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
        route(x);
}

static void on_body_end(void *user)
{
    struct exchange *x = user;
    x->whole = true;
    (void)peek_end(&x->peek);
    if (x->phase == PHASE_RECEIVING)
        route(x);
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
    if (!x->key)
        exchange_fail_text(x, TROUBLE_KEY,
                           shown.len > 0 ? "this API key is not known here"
                                         : "an API key is needed: Authorization: Bearer KEY");
    return x->key != NULL;
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
    const bool body = head->body != HTTP_BODY_NONE;
    peek_init(&x->peek, body ? peek_format_of(type) : PEEK_NONE, type);
}
