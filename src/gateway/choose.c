/* choose.c - which pool a request goes to, and what its dispatcher says: by model, by path, by
 * fallback. */
#include "gateway/gateway_internal.h"
#include "io/clock.h"

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

void exchange_held(struct exchange *x, int64_t now_ns)
{
    x->phase = PHASE_HELD;
    if (!x->whole)
        http_request_pause(x->request); /* the rest stays with the client until it has a place */
    hold_start(x, now_ns);
    exchange_timer(x);
}

static void take_verdict(struct exchange *x, const struct dispatch_answer *answer, int64_t now_ns)
{
    x->handle = answer->request;
    x->routed_ns = now_ns;
    if (answer->verdict == VERDICT_ASSIGNED)
        exchange_assigned(x, answer->replica, now_ns);
    else
        exchange_held(x, now_ns);
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

/* The pool that made what the request asks for or goes on from, if it is known and may be used. It
 * is said once: a fallback does not come back to it. */
static struct gateway_pool *take_origin(struct exchange *x)
{
    const struct gateway *g = x->gateway;
    const struct origin *origin = origins_get(&x->gateway->origins, x->origin);
    x->origin = 0;
    for (size_t i = 0; origin && i < g->pool_count; i++) {
        if (origin_id(span_from(g->pool[i]->name)) != origin->pool)
            continue;
        if (x->session == 0)
            x->session = origin->session;
        return exchange_may(x, g->pool[i]) ? g->pool[i] : NULL;
    }
    return NULL;
}

/* The next pool of the router's list that this caller may use; NULL when there is none. */
static struct gateway_pool *next_pool(struct exchange *x)
{
    struct router_choice choices[ROUTER_CHOICES_MAX];
    const struct gateway *g = x->gateway;
    const uint64_t draw = x->session != 0 ? x->session : hash_u64(g->config.seed, x->id);
    const size_t n = router_find(g->router, span_from(x->model), draw, choices);
    struct gateway_pool *made = take_origin(x);
    for (size_t i = 0; made && i < n; i++) {
        if (g->pool[choices[i].pool] != made)
            continue;
        (void)span_copy(span_from(choices[i].upstream), x->upstream, sizeof(x->upstream));
        return made;
    }
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
        [REFUSAL_REQUEST_RATE] = "this key has made its requests of this minute",
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
    struct gateway_pool *pool = x->endpoint.kind != ENDPOINT_UNKNOWN ? take_origin(x) : NULL;
    if (!pool)
        pool = only_pool(x);
    const struct peek *peek = &x->peek;
    if (x->endpoint.kind != ENDPOINT_UNKNOWN && peek->state == PEEK_BROKEN &&
        peek->format == PEEK_JSON && x->body.len > 0)
        exchange_fail_text(x, TROUBLE_BAD_REQUEST, "the body is no valid JSON");
    else if (pool && exchange_may(x, pool))
        enter(x, pool, now_ns);
    else if (x->endpoint.kind == ENDPOINT_UNKNOWN)
        exchange_fail_text(x, TROUBLE_NOT_FOUND,
                           "this path is not known, and no model was named that could serve it: "
                           "neither in the body (\"model\"), nor in the query (?model=), nor in "
                           "the header x-model");
    else if (x->endpoint.model == MODEL_ID)
        exchange_fail_text(x, TROUBLE_NOT_FOUND, "no object of this id is known here");
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
    x->origin =
        endpoint->model == MODEL_ID
            ? origin_id(span_slice(endpoint->rest, 0, span_find_byte(endpoint->rest, '/', 0)))
            : peek->origin;
    x->priority = UINT32_MAX;
    const struct span priority = headers_get(x, HEADER_PRIORITY);
    const struct span objective = headers_get(x, HEADER_OBJECTIVE);
    if (priority.len == 1 && priority.ptr[0] >= '0' && priority.ptr[0] < '0' + PRIORITIES)
        x->priority = (uint32_t)(priority.ptr[0] - '0');
    else if (objective.len > 0 && x->keys)
        x->priority = keys_tier_priority(x->keys, objective);
}

void choose_pool(struct exchange *x)
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
