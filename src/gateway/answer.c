/* answer.c - the replica's answer on its way to the client: metered, cut at event boundaries, never
 * held longer than until the end of its event. */
#include <string.h>

#include "gateway/gateway_internal.h"
#include "io/clock.h"

#define ENGINE_WORDS_MAX 500

/* Endpoints whose streams end in a mark: an end without it is a cut, however clean it looks. */
static bool has_end_mark(const struct exchange *x)
{
    switch (x->endpoint.family) {
    case FAMILY_OPENAI: {
        const struct span path = http_request_head(x->request)->path;
        return span_ends_with(path, "/completions");
    }
    case FAMILY_RESPONSES:
    case FAMILY_ANTHROPIC:
    case FAMILY_OLLAMA:
        return true;
    case FAMILY_LLAMACPP:
    case FAMILY_GENERIC:
        return false;
    }
    return false;
}

static bool is_stream(enum sse_format format)
{
    return format == SSE_EVENTS || format == SSE_NDJSON;
}

/* Length as it goes out: what is cut out of the answer shortens it by an unknown amount. */
static uint64_t length_of(const struct exchange *x, const struct http_head *head)
{
    switch (head->body) {
    case HTTP_BODY_NONE:
        return head->content_length;
    case HTTP_BODY_LENGTH:
        return x->strip ? HTTP_LENGTH_STREAM : head->content_length;
    case HTTP_BODY_CHUNKED:
    case HTTP_BODY_UNTIL_CLOSE:
        break;
    }
    return HTTP_LENGTH_STREAM;
}

void answer_head(struct exchange *x, const struct http_head *head, int64_t now_ns)
{
    struct gateway *g = x->gateway;
    const enum sse_format format = sse_format_of(http_header_get(head, "content-type"));
    sse_init(&x->sse, format);
    x->makes = head->status < 300 &&
               family_makes_objects(&x->endpoint, http_request_head(x->request)->path);
    x->remembered = 0;
    if (x->makes)
        sse_want_ids(&x->sse);
    x->strip = x->strip && is_stream(format);
    x->judged = head->status == 200 && is_stream(format) && has_end_mark(x);
    x->phase = PHASE_ANSWERING;
    x->status = head->status;
    x->raw = false;
    x->passed = 0;
    x->refused = x->early && (head->status != 200 || format != SSE_EVENTS);
    if (x->refused)
        return;
    x->told = true;
    dispatch_first_byte(x->pool->dispatch, x->handle, now_ns);
    if (x->begun)
        return;
    x->begun = true;
    buf_clear(&g->lines);
    headers_to_client(x, head, &g->lines);
    http_response_begin(x->request, head->status, buf_view(&g->lines), length_of(x, head));
}

/* What stands behind `from` goes out up to `to`, without the range that is not the client's. */
static void pass(struct exchange *x, struct span bytes, uint64_t from, uint64_t to)
{
    const uint64_t cut = x->strip && x->sse.usage_end > from ? x->sse.usage_start : to;
    const uint64_t go_on = x->strip && x->sse.usage_end > from ? x->sse.usage_end : to;
    const uint64_t first = cut > from ? cut : from;
    http_response_data(x->request, span_slice(bytes, 0, (size_t)(first - from)));
    if (go_on < to)
        http_response_data(x->request,
                           span_slice(bytes, (size_t)(go_on - from), (size_t)(to - go_on)));
}

/* An event larger than the buffer: its bytes cannot wait for its end. */
static void pass_raw(struct exchange *x, struct span data)
{
    x->raw = true;
    x->strip = false;
    http_response_data(x->request, buf_view(&x->kept));
    http_response_data(x->request, data);
    buf_done(&x->kept);
    x->passed = x->sse.offset;
}

/* Whole events go out at once; the beginning of one waits for its end, so that an error can still
 * be told as an event when the replica breaks in between. */
static void pass_events(struct exchange *x, struct span data)
{
    const uint64_t end = x->sse.offset;
    const uint64_t ready = x->sse.event_start;
    const uint64_t start = end - data.len;
    if (x->raw || x->kept.len + data.len > STREAM_BUFFER_BYTES_MAX) {
        pass_raw(x, data);
        return;
    }
    if (x->kept.len == 0 && ready >= start) {
        pass(x, data, start, ready);
        buf_span(&x->kept, span_slice(data, (size_t)(ready - start), SIZE_MAX));
    } else {
        buf_span(&x->kept, data);
        const size_t whole = ready > x->passed ? (size_t)(ready - x->passed) : 0;
        if (whole > 0) {
            pass(x, span_slice(buf_view(&x->kept), 0, whole), x->passed, ready);
            buf_consume(&x->kept, whole);
        }
    }
    x->passed = end - x->kept.len;
    if (x->kept.len == 0)
        buf_done(&x->kept);
}

static void collect_refusal(struct exchange *x, struct span data)
{
    const size_t room = REFUSED_BODY_BYTES_MAX - x->kept.len;
    buf_span(&x->kept, span_slice(data, 0, room));
}

/* Who asks for them may come before the answer ends. */
static void remember_ids(struct exchange *x)
{
    const uint64_t *id = NULL;
    const size_t count = sse_ids(&x->sse, &id);
    for (; x->remembered < count; x->remembered++) {
        const struct origin origin = {.id = id[x->remembered],
                                      .pool = origin_id(span_from(x->pool->name)),
                                      .session = x->session};
        if (origins_put(&x->gateway->origins, &origin) != RC_OK)
            return; /* no memory for it: it will be asked for in vain */
    }
}

void answer_data(struct exchange *x, struct span data, int64_t now_ns)
{
    if (x->refused) {
        collect_refusal(x, data);
        return;
    }
    const int64_t tokens = sse_feed(&x->sse, data.ptr, data.len);
    if (x->makes)
        remember_ids(x);
    if (tokens > 0)
        dispatch_tokens(x->pool->dispatch, x->handle, tokens, now_ns);
    if (tokens > 0 && !x->first) {
        x->first = true;
        http_call_limits(x->call, x->pool->timeouts.first_token_ns,
                         x->pool->timeouts.between_tokens_ns);
    }
    if (is_stream(x->sse.format))
        pass_events(x, data);
    else
        http_response_data(x->request, data);
    if (x->kept.failed) { /* memory is out, and bytes of the answer with it */
        exchange_release(x, now_ns);
        exchange_cut(x);
        return;
    }
    if (http_response_over_high_water(x->request))
        http_call_pause(x->call);
}

/* The words of an engine's error body: FastAPI's, OpenAI's and Ollama's shapes, else as it is. */
static struct span engine_words(struct arena *arena, struct span body)
{
    static const char *const places[] = {"error.message", "error", "detail", "message"};
    const struct json_limits limits = {.duplicates_allowed = true, .lone_surrogates = true};
    const struct tree *json = NULL;
    struct span words = {0};
    if (json_read(arena, body, &limits, &json, NULL) == RC_OK)
        for (size_t i = 0; i < COUNT_OF(places) && words.len == 0; i++)
            (void)tree_string(tree_path(json, places[i]), &words); /* absent: the next place */
    return span_slice(words.len > 0 ? words : span_trim(body), 0, ENGINE_WORDS_MAX);
}

/* The client got a 200 while it waited; the engine's refusal can only be told as an event. */
static void tell_refusal(struct exchange *x)
{
    struct gateway *g = x->gateway;
    struct arena arena;
    arena_init(&arena, (size_t)16 * REFUSED_BODY_BYTES_MAX);
    const struct span words = engine_words(&arena, buf_view(&x->kept));
    buf_clear(&g->words);
    buf_text(&g->words, "the engine answered with status ");
    buf_int(&g->words, x->status);
    if (words.len > 0) {
        buf_text(&g->words, ": ");
        buf_span(&g->words, words);
    }
    arena_done(&arena);
    const bool clients_fault = x->status >= 400 && x->status < 500;
    exchange_fail(x, clients_fault ? TROUBLE_BAD_REQUEST : TROUBLE_REPLICA_FAILED,
                  buf_view(&g->words), 0);
}

static enum outcome outcome_of(const struct exchange *x)
{
    if (x->sse.error && x->status == 200)
        return OUTCOME_ENGINE_ERROR;
    if (x->status == 429 || x->status == 503)
        return OUTCOME_ENGINE_BUSY;
    return x->status >= 500 ? OUTCOME_ENGINE_ERROR : OUTCOME_OK;
}

static void finish(struct exchange *x, enum outcome outcome, int64_t now_ns)
{
    dispatch_finish(x->pool->dispatch, x->handle, outcome, &x->sse.usage, now_ns);
    x->handle = 0;
    pool_changed(x->pool);
}

void answer_end(struct exchange *x, int64_t now_ns)
{
    if (x->refused) {
        finish(x, outcome_of(x), now_ns);
        tell_refusal(x);
        return;
    }
    const int64_t tokens = sse_end(&x->sse);
    if (tokens > 0)
        dispatch_tokens(x->pool->dispatch, x->handle, tokens, now_ns);
    if (x->judged && !x->sse.done && !x->sse.finish && !x->sse.error) {
        finish(x, OUTCOME_RESET, now_ns);
        exchange_fail_text(x, TROUBLE_REPLICA_FAILED,
                           "the replica ended its stream before the answer was whole");
        return;
    }
    if (x->kept.len > 0)
        pass(x, buf_view(&x->kept), x->passed, x->sse.offset);
    finish(x, outcome_of(x), now_ns);
    x->gateway->stats.forwarded++;
    http_response_end(x->request);
}
