/* JSON bodies through jscan with one schema; forms through form.c. */
#include "traffic/peek.h"

#include <assert.h>
#include <string.h>

#include "base/rc.h"
#include "base/rng.h"
#include "traffic/form.h"
#include "traffic/origin.h"

enum {
    N_NONE,
    N_ROOT,
    N_MODEL,
    N_MODEL_LIKE,
    N_STREAM,
    N_OPTIONS,
    N_INCLUDE_USAGE,
    N_MAX,
    N_OLLAMA,
    N_CHOICES,
    N_USER,
    N_CACHE_KEY,
    N_KEEP_ALIVE,
    N_PRIORITY,
    N_PROMPT,
    N_ORIGIN,
    N_COUNT
};

#define OUTPUT_TOKENS_MAX (INT64_C(1) << 32)
#define CHOICES_MAX 1024
#define PRIORITY_BOUND 1000000
#define SESSION_SEED UINT64_C(0x5e5510)

/* Go's reader takes member names in any case: MODEL_LIKE; the exact name stands above and wins. */
static const struct jscan_edge root_edges[] = {
    JSCAN_EDGE("model", N_MODEL),
    JSCAN_EDGE("messages", N_PROMPT),
    JSCAN_EDGE("stream", N_STREAM),
    JSCAN_EDGE("stream_options", N_OPTIONS),
    JSCAN_EDGE("max_tokens", N_MAX),
    JSCAN_EDGE("max_completion_tokens", N_MAX),
    JSCAN_EDGE("max_output_tokens", N_MAX),
    JSCAN_EDGE("max_new_tokens", N_MAX),
    JSCAN_EDGE("n_predict", N_MAX),
    JSCAN_EDGE("options", N_OLLAMA),
    JSCAN_EDGE("parameters", N_OLLAMA),
    JSCAN_EDGE("sampling_params", N_OLLAMA),
    JSCAN_EDGE("n", N_CHOICES),
    JSCAN_EDGE("user", N_USER),
    JSCAN_EDGE("prompt_cache_key", N_CACHE_KEY),
    JSCAN_EDGE("keep_alive", N_KEEP_ALIVE),
    JSCAN_EDGE("priority", N_PRIORITY),
    JSCAN_EDGE("prompt", N_PROMPT),
    JSCAN_EDGE("input", N_PROMPT),
    JSCAN_EDGE("inputs", N_PROMPT),
    JSCAN_EDGE("text", N_PROMPT),
    JSCAN_EDGE("system", N_PROMPT),
    JSCAN_EDGE("instructions", N_PROMPT),
    JSCAN_EDGE("tools", N_PROMPT),
    JSCAN_EDGE("suffix", N_PROMPT),
    JSCAN_EDGE("documents", N_PROMPT),
    JSCAN_EDGE("query", N_PROMPT),
    JSCAN_EDGE("previous_response_id", N_ORIGIN),
    JSCAN_EDGE("input_file_id", N_ORIGIN),
    JSCAN_EDGE("conversation", N_ORIGIN),
    JSCAN_EDGE_ANY_CASE("model", N_MODEL_LIKE),
};
static const struct jscan_edge options_edges[] = {JSCAN_EDGE("include_usage", N_INCLUDE_USAGE)};
static const struct jscan_edge origin_edges[] = {JSCAN_EDGE("id", N_ORIGIN)};
static const struct jscan_edge ollama_edges[] = {
    JSCAN_EDGE("num_predict", N_MAX),
    JSCAN_EDGE("max_new_tokens", N_MAX),
};

#define EDGES(array) .edges = (array), .edge_count = COUNT_OF(array)
static const struct jscan_node schema[N_COUNT] = {
    [N_ROOT] = {.report = true, EDGES(root_edges)},
    [N_MODEL] = {.report = true, .capture = JSCAN_CAPTURE_MAX},
    [N_MODEL_LIKE] = {.report = true, .capture = JSCAN_CAPTURE_MAX},
    [N_STREAM] = {.report = true},
    [N_OPTIONS] = {.report = true, EDGES(options_edges)},
    [N_INCLUDE_USAGE] = {.report = true},
    [N_MAX] = {.report = true, .capture = 32},
    [N_OLLAMA] = {EDGES(ollama_edges)},
    [N_CHOICES] = {.report = true, .capture = 16},
    [N_USER] = {.report = true, .capture = JSCAN_CAPTURE_MAX},
    [N_CACHE_KEY] = {.report = true, .capture = JSCAN_CAPTURE_MAX},
    [N_KEEP_ALIVE] = {.report = true, .capture = 31},
    [N_PRIORITY] = {.report = true, .capture = 16},
    [N_ORIGIN] = {.report = true, .capture = JSCAN_CAPTURE_MAX, EDGES(origin_edges)},
    [N_PROMPT] = {.report = true, .capture = 5, .element = N_PROMPT, .other = N_PROMPT},
};

static_assert(JSCAN_CAPTURE_MAX < TEXT_SIZE, "a captured model fits");

static void note_model(struct peek *peek, const struct jscan_value *value)
{
    if (value->kind != JSCAN_STRING || value->cut || value->len == 0) {
        peek->model_not_string = true;
        peek->ambiguous |= peek->model_len > 0;
        return;
    }
    if (peek->model_len > 0 || peek->model_not_string) {
        peek->ambiguous |= !span_equal(value->text, span_of(peek->model, peek->model_len)) ||
                           value->node == N_MODEL_LIKE;
        peek->model_start = 0; /* two places cannot be renamed by one cut */
        peek->model_end = 0;
        return;
    }
    memcpy(peek->model, value->text.ptr, value->text.len);
    peek->model_len = value->text.len;
    peek->model_start = value->start;
    peek->model_end = value->end;
}

static void note_number(struct peek *peek, const struct jscan_value *value)
{
    const bool minus = value->text.len > 0 && value->text.ptr[0] == '-';
    const struct span digits = minus ? span_slice(value->text, 1, SIZE_MAX) : value->text;
    switch (value->node) {
    case N_MAX: {
        const int64_t n = jscan_int(value->text, OUTPUT_TOKENS_MAX);
        if (n > 0)
            peek->output_tokens_max = n;
        break;
    }
    case N_CHOICES: {
        const int64_t n = jscan_int(value->text, CHOICES_MAX);
        if (n > 0)
            peek->choices = n;
        break;
    }
    case N_PRIORITY: {
        const int64_t n = jscan_int(digits, PRIORITY_BOUND);
        peek->priority_set = n >= 0;
        peek->priority = n < 0 ? 0 : minus ? -n : n;
        break;
    }
    case N_PROMPT: /* a token id stands for about four bytes of text */
        peek->prompt_bytes += 4;
        break;
    default:
        break;
    }
}

static void note_string(struct peek *peek, const struct jscan_value *value)
{
    switch (value->node) {
    case N_PROMPT:
        if (value->text.len == 5 && memcmp(value->text.ptr, "data:", 5) == 0)
            peek->media++;
        else
            peek->prompt_bytes += value->len;
        break;
    case N_ORIGIN:
        if (value->len > 0 && !value->cut)
            peek->origin = origin_id(value->text);
        break;
    case N_CACHE_KEY:
        if (value->len > 0)
            peek->session = hash_span(SESSION_SEED, value->text);
        break;
    case N_USER:
        if (value->len > 0)
            peek->user_session = hash_span(SESSION_SEED + 1, value->text);
        break;
    default:
        break;
    }
}

static void on_value(void *context, const struct jscan_value *value)
{
    struct peek *peek = context;
    if (value->node == N_MODEL || value->node == N_MODEL_LIKE) {
        note_model(peek, value);
        return;
    }
    if (value->node == N_KEEP_ALIVE &&
        (value->kind == JSCAN_STRING || value->kind == JSCAN_NUMBER) && !value->cut) {
        (void)span_copy(value->text, peek->keep_alive, sizeof(peek->keep_alive)); /* cut is seen */
        return;
    }
    const bool truth = value->kind == JSCAN_TRUE;
    if (value->node == N_STREAM) {
        peek->stream = truth;
        peek->stream_set = value->kind != JSCAN_NULL;
    } else if (value->node == N_INCLUDE_USAGE) {
        peek->include_usage = truth;
    } else if (value->node == N_OPTIONS) {
        peek->stream_options = true;
    } else if (value->node == N_ROOT && value->kind == JSCAN_OBJECT) {
        peek->object_start = value->start + 1;
        peek->object_empty = value->len == 0;
    } else if (value->kind == JSCAN_NUMBER) {
        note_number(peek, value);
    } else if (value->kind == JSCAN_STRING) {
        note_string(peek, value);
    }
}

static void settle_json(struct peek *peek, enum jscan_state state)
{
    switch (state) {
    case JSCAN_MORE:
        peek->state = PEEK_MORE;
        break;
    case JSCAN_DONE:
        peek->state = PEEK_DONE;
        break;
    case JSCAN_DEEP:
        peek->too_deep = true;
        peek->state = PEEK_BROKEN;
        break;
    case JSCAN_BROKEN:
        peek->state = PEEK_BROKEN;
        break;
    }
    /* Of a body that is whole; what comes behind its end takes that back. */
    if (peek->session == 0 || peek->session_of_user) {
        peek->session = peek->state == PEEK_DONE ? peek->user_session : 0;
        peek->session_of_user = peek->session != 0;
    }
}

enum peek_format peek_format_of(struct span content_type)
{
    const size_t cut = span_find_byte(content_type, ';', 0);
    const struct span type =
        span_trim(cut == SIZE_MAX ? content_type : span_slice(content_type, 0, cut));
    if (span_equal_text_nocase(type, "multipart/form-data"))
        return PEEK_MULTIPART;
    if (span_equal_text_nocase(type, "application/x-www-form-urlencoded"))
        return PEEK_URLENCODED;
    if (type.len == 0 || span_ends_with(type, "json") || span_starts_with(type, "text/"))
        return PEEK_JSON;
    return PEEK_NONE;
}

void peek_init(struct peek *peek, enum peek_format format, struct span content_type)
{
    memset(peek, 0, sizeof(*peek));
    peek->format = format;
    peek->choices = 1;
    if (format == PEEK_JSON)
        jscan_init(&peek->u.scan, schema);
    else if (format == PEEK_NONE || !form_init(&peek->u.form, format, content_type))
        peek->state = PEEK_BROKEN;
}

static void on_field(void *context, const char *name, struct span value, uint64_t start)
{
    struct peek *peek = context;
    if (strcmp(name, "stream") == 0) {
        peek->stream_set = true;
        peek->stream = span_equal_text_nocase(value, "true") || span_equal_text(value, "1");
        return;
    }
    if (value.len == 0 || value.len >= sizeof(peek->model)) {
        peek->model_not_string = true;
        peek->ambiguous |= peek->model_len > 0;
    } else if (peek->model_len > 0) {
        peek->ambiguous |= !span_equal(value, span_of(peek->model, peek->model_len));
        peek->model_start = 0; /* as in JSON: one cut, one place */
        peek->model_end = 0;
    } else {
        memcpy(peek->model, value.ptr, value.len);
        peek->model_len = value.len;
        if (start == FORM_NO_PLACE)
            return;
        peek->model_start = start;
        peek->model_end = start + value.len;
    }
}

enum peek_state peek_feed(struct peek *peek, const char *bytes, size_t len)
{
    if (peek->format == PEEK_JSON)
        settle_json(peek, jscan_feed(&peek->u.scan, bytes, len, on_value, peek));
    else if (peek->state == PEEK_MORE)
        peek->state = form_feed(&peek->u.form, bytes, len, on_field, peek);
    peek->offset += len;
    return peek->state;
}

enum peek_state peek_end(struct peek *peek)
{
    if (peek->format == PEEK_JSON)
        settle_json(peek, jscan_end(&peek->u.scan, on_value, peek));
    else if (peek->state == PEEK_MORE)
        peek->state = form_end(&peek->u.form, on_field, peek);
    return peek->state;
}

uint64_t peek_prompt_bytes(const struct peek *peek, uint64_t body_bytes)
{
    if (peek->format != PEEK_JSON || peek->state == PEEK_BROKEN)
        return body_bytes;
    return peek->prompt_bytes;
}
