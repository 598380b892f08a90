/* Lines are cut here, payloads are read by jscan with one schema for all families, and the facts of
 * an event are weighed at its end: until then it may still turn out damaged. */
#include "traffic/sse.h"

#include <string.h>

#include "traffic/origin.h"

enum { LINE_HEAD, LINE_DATA, LINE_NAME, LINE_SKIP };

enum {
    FACT_TEXT = 1,
    FACT_USAGE = 2,
    FACT_NO_CHOICES = 4,
    FACT_FINISH = 8,
    FACT_DONE = 16,
    FACT_ERROR = 32,
};

/* Clamp of any token count that an engine tells. */
#define TOKENS_MAX (INT64_C(1) << 40)
/* Text bytes per token where an engine tells no usage at all. */
#define TEXT_BYTES_PER_TOKEN 4

enum {
    N_NONE,
    N_ROOT,
    N_TYPE,
    N_CHOICES,
    N_CHOICE,
    N_CHOICE_DELTA,
    N_CALLS,
    N_CALL,
    N_FUNCTION,
    N_CALL_NAME,
    N_TEXT,
    N_FINISH,
    N_USAGE,
    N_DETAILS,
    N_PROMPT,
    N_OUTPUT,
    N_CACHED,
    N_INPUT,
    N_CACHE_READ,
    N_CACHE_CREATION,
    N_ERROR,
    N_DELTA,
    N_MESSAGE,
    N_RESPONSE,
    N_DONE,
    N_CONTENT,
    N_PART,
    N_PART_TYPE,
    N_ITEMS,
    N_TOKEN,
    N_GENERATED,
    N_ID,
    N_COUNT
};

#define EDGES(array) .edges = (array), .edge_count = COUNT_OF(array)

static const struct jscan_edge root_edges[] = {
    JSCAN_EDGE("choices", N_CHOICES),
    JSCAN_EDGE("usage", N_USAGE),
    JSCAN_EDGE("type", N_TYPE),
    JSCAN_EDGE("delta", N_DELTA),
    JSCAN_EDGE("message", N_MESSAGE),
    JSCAN_EDGE("response", N_RESPONSE),
    JSCAN_EDGE("error", N_ERROR),
    JSCAN_EDGE("done", N_DONE),
    JSCAN_EDGE("stop", N_DONE),
    JSCAN_EDGE("content", N_CONTENT),
    JSCAN_EDGE("content_block", N_PART),
    JSCAN_EDGE("item", N_PART),
    JSCAN_EDGE("output", N_ITEMS),
    JSCAN_EDGE("text", N_TEXT),
    JSCAN_EDGE("token", N_TOKEN),
    JSCAN_EDGE("stop_reason", N_FINISH),
    JSCAN_EDGE("done_reason", N_FINISH),
    JSCAN_EDGE("generated_text", N_GENERATED),
    JSCAN_EDGE("prompt_eval_count", N_PROMPT),
    JSCAN_EDGE("eval_count", N_OUTPUT),
    JSCAN_EDGE("tokens_evaluated", N_PROMPT),
    JSCAN_EDGE("tokens_predicted", N_OUTPUT),
    JSCAN_EDGE("meta_info", N_USAGE),
    JSCAN_EDGE("details", N_USAGE),
    JSCAN_EDGE("id", N_ID),
    JSCAN_EDGE("output_file_id", N_ID),
    JSCAN_EDGE("error_file_id", N_ID),
};
static const struct jscan_edge choice_edges[] = {
    JSCAN_EDGE("delta", N_CHOICE_DELTA),
    JSCAN_EDGE("text", N_TEXT),
    JSCAN_EDGE("message", N_CHOICE_DELTA),
    JSCAN_EDGE("finish_reason", N_FINISH),
};
static const struct jscan_edge delta_edges[] = {
    JSCAN_EDGE("content", N_TEXT),     JSCAN_EDGE("reasoning_content", N_TEXT),
    JSCAN_EDGE("reasoning", N_TEXT),   JSCAN_EDGE("refusal", N_TEXT),
    JSCAN_EDGE("tool_calls", N_CALLS), JSCAN_EDGE("function_call", N_FUNCTION),
};
static const struct jscan_edge call_edges[] = {JSCAN_EDGE("function", N_FUNCTION)};
static const struct jscan_edge function_edges[] = {
    JSCAN_EDGE("name", N_CALL_NAME),
    JSCAN_EDGE("arguments", N_TEXT),
};
static const struct jscan_edge usage_edges[] = {
    JSCAN_EDGE("prompt_tokens", N_PROMPT),
    JSCAN_EDGE("completion_tokens", N_OUTPUT),
    JSCAN_EDGE("generated_tokens", N_OUTPUT),
    JSCAN_EDGE("input_tokens", N_INPUT),
    JSCAN_EDGE("output_tokens", N_OUTPUT),
    JSCAN_EDGE("prompt_tokens_details", N_DETAILS),
    JSCAN_EDGE("input_tokens_details", N_DETAILS),
    JSCAN_EDGE("cached_tokens", N_CACHED),
    JSCAN_EDGE("cache_read_input_tokens", N_CACHE_READ),
    JSCAN_EDGE("cache_creation_input_tokens", N_CACHE_CREATION),
};
static const struct jscan_edge details_edges[] = {JSCAN_EDGE("cached_tokens", N_CACHED)};
static const struct jscan_edge named_delta_edges[] = {
    JSCAN_EDGE("text", N_TEXT),
    JSCAN_EDGE("thinking", N_TEXT),
    JSCAN_EDGE("partial_json", N_TEXT),
    JSCAN_EDGE("stop_reason", N_FINISH),
};
static const struct jscan_edge message_edges[] = {
    JSCAN_EDGE("usage", N_USAGE),
    JSCAN_EDGE("content", N_TEXT),
    JSCAN_EDGE("thinking", N_TEXT),
    JSCAN_EDGE("tool_calls", N_CALLS),
};
static const struct jscan_edge response_edges[] = {
    JSCAN_EDGE("usage", N_USAGE),
    JSCAN_EDGE("error", N_ERROR),
    JSCAN_EDGE("id", N_ID),
};
static const struct jscan_edge part_edges[] = {
    JSCAN_EDGE("type", N_PART_TYPE),
    JSCAN_EDGE("text", N_TEXT),
    JSCAN_EDGE("content", N_CONTENT),
};
static const struct jscan_edge token_edges[] = {JSCAN_EDGE("text", N_TEXT)};

static const struct jscan_node schema[N_COUNT] = {
    [N_ROOT] = {EDGES(root_edges)},
    [N_TYPE] = {.report = true, .capture = SSE_NAME_SIZE},
    [N_CHOICES] = {.report = true, .element = N_CHOICE},
    [N_CHOICE] = {EDGES(choice_edges)},
    [N_CHOICE_DELTA] = {EDGES(delta_edges)},
    [N_CALLS] = {.element = N_CALL},
    [N_CALL] = {EDGES(call_edges)},
    [N_FUNCTION] = {EDGES(function_edges)},
    [N_CALL_NAME] = {.report = true},
    [N_TEXT] = {.report = true},
    [N_FINISH] = {.report = true},
    [N_USAGE] = {EDGES(usage_edges)},
    [N_DETAILS] = {EDGES(details_edges)},
    [N_PROMPT] = {.report = true, .capture = 32},
    [N_OUTPUT] = {.report = true, .capture = 32},
    [N_CACHED] = {.report = true, .capture = 32},
    [N_INPUT] = {.report = true, .capture = 32},
    [N_CACHE_READ] = {.report = true, .capture = 32},
    [N_CACHE_CREATION] = {.report = true, .capture = 32},
    [N_ERROR] = {.report = true},
    [N_DELTA] = {.report = true, EDGES(named_delta_edges)},
    [N_MESSAGE] = {EDGES(message_edges)},
    [N_RESPONSE] = {.report = true, EDGES(response_edges)},
    [N_DONE] = {.report = true},
    [N_CONTENT] = {.report = true, .element = N_PART},
    [N_PART] = {EDGES(part_edges)},
    [N_PART_TYPE] = {.report = true, .capture = SSE_NAME_SIZE},
    [N_ITEMS] = {.element = N_PART},
    [N_TOKEN] = {EDGES(token_edges)},
    [N_GENERATED] = {.report = true},
    [N_ID] = {.report = true, .capture = JSCAN_CAPTURE_MAX},
};

static void note_number(struct sse_event *event, const struct jscan_value *value)
{
    if (value->kind != JSCAN_NUMBER || value->cut)
        return;
    const int64_t n = jscan_int(value->text, TOKENS_MAX);
    if (n < 0)
        return;
    int64_t *const target = value->node == N_PROMPT       ? &event->prompt_tokens
                            : value->node == N_OUTPUT     ? &event->output_tokens
                            : value->node == N_CACHED     ? &event->cached_tokens
                            : value->node == N_INPUT      ? &event->input_tokens
                            : value->node == N_CACHE_READ ? &event->cache_read
                                                          : &event->cache_creation;
    *target = n;
    event->facts |= FACT_USAGE;
}

static void note_id(struct sse_event *event, const struct jscan_value *value)
{
    if (!event->wants_ids || event->id_count == SSE_IDS_MAX || value->cut)
        return;
    const uint64_t id = origin_id(value->text);
    for (size_t i = 0; i < event->id_count; i++)
        if (event->id[i] == id)
            return;
    event->id[event->id_count++] = id;
}

static void note_string(struct sse_event *event, const struct jscan_value *value)
{
    if (value->len == 0)
        return;
    switch (value->node) {
    case N_TEXT:
    case N_DELTA:
    case N_RESPONSE:
    case N_CONTENT:
        event->facts |= FACT_TEXT;
        event->text_bytes += value->len;
        return;
    case N_CALL_NAME:
        event->calls++;
        return;
    case N_ID:
        note_id(event, value);
        return;
    case N_FINISH:
        event->facts |= FACT_FINISH;
        return;
    case N_GENERATED:
        event->facts |= FACT_FINISH | FACT_DONE;
        return;
    case N_ERROR:
        event->facts |= FACT_ERROR;
        return;
    case N_TYPE:
        event->type_len = (uint8_t)value->text.len;
        memcpy(event->type, value->text.ptr, value->text.len);
        return;
    case N_PART_TYPE:
        if (span_equal_text(value->text, "tool_use") ||
            span_equal_text(value->text, "function_call"))
            event->calls++;
        return;
    default:
        return;
    }
}

static void on_value(void *context, const struct jscan_value *value)
{
    struct sse_event *event = context;
    switch (value->kind) {
    case JSCAN_STRING:
        note_string(event, value);
        break;
    case JSCAN_NUMBER:
        if (value->node >= N_PROMPT && value->node <= N_CACHE_CREATION)
            note_number(event, value);
        break;
    case JSCAN_ARRAY:
        if (value->node == N_CHOICES && value->len == 0)
            event->facts |= FACT_NO_CHOICES;
        break;
    case JSCAN_OBJECT:
        if (value->node == N_ERROR)
            event->facts |= FACT_ERROR;
        break;
    case JSCAN_TRUE:
        if (value->node == N_DONE)
            event->facts |= FACT_DONE;
        break;
    case JSCAN_FALSE:
    case JSCAN_NULL:
        break;
    }
}

static void start_event(struct sse *sse)
{
    struct sse_event *event = &sse->event;
    event->facts = 0;
    event->calls = 0;
    event->prompt_tokens = -1;
    event->output_tokens = -1;
    event->cached_tokens = -1;
    event->input_tokens = -1;
    event->cache_read = -1;
    event->cache_creation = -1;
    event->text_bytes = 0;
    event->type_len = 0;
    sse->head_len = 0;
    sse->name_len = 0;
    sse->data_seen = false;
    jscan_init(&sse->scan, schema);
}

static void take_usage(struct usage *usage, const struct sse_event *event)
{
    if (event->prompt_tokens >= 0)
        usage->prompt_tokens = event->prompt_tokens;
    if (event->input_tokens >= 0)
        usage->prompt_tokens = event->input_tokens +
                               (event->cache_read > 0 ? event->cache_read : 0) +
                               (event->cache_creation > 0 ? event->cache_creation : 0);
    if (event->output_tokens >= 0)
        usage->output_tokens = event->output_tokens;
    if (event->cached_tokens >= 0)
        usage->cached_tokens = event->cached_tokens;
    if (event->cache_read >= 0)
        usage->cached_tokens = event->cache_read;
}

/* What the type of a named event adds or takes back: Responses repeats whole texts and items in its
 * .done and .completed events, only .delta and .added are new. */
static void weigh_type(struct sse_event *event, struct span type)
{
    static const struct {
        const char *type;
        uint32_t facts;
    } known[] = {
        {"message_stop", FACT_DONE},
        {"response.completed", FACT_DONE | FACT_FINISH},
        {"response.incomplete", FACT_DONE | FACT_FINISH},
        {"response.failed", FACT_DONE | FACT_ERROR},
        {"error", FACT_ERROR},
    };
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (span_equal_text(type, known[i].type))
            event->facts |= known[i].facts;
    if (!span_starts_with(type, "response."))
        return;
    if (!span_ends_with(type, ".delta"))
        event->facts &= ~(uint32_t)FACT_TEXT;
    if (!span_ends_with(type, ".added"))
        event->calls = 0;
}

/* The event is complete; its bytes end before offset `end`. Returns its output tokens. */
static int64_t end_event(struct sse *sse, uint64_t end)
{
    struct sse_event *event = &sse->event;
    int64_t tokens = 0;
    if (sse->data_seen) {
        sse->events++;
        const struct span type = event->type_len > 0 ? span_of(event->type, event->type_len)
                                                     : span_of(sse->name, sse->name_len);
        const bool whole = jscan_end(&sse->scan, on_value, event) == JSCAN_DONE;
        if (sse->head_len >= 6 && memcmp(sse->head, "[DONE]", 6) == 0) {
            sse->done = true;
        } else if (whole || span_equal_text(type, "error")) {
            weigh_type(event, type);
            take_usage(&sse->usage, event);
            sse->usage.tool_calls += event->calls;
            sse->finish |= (event->facts & FACT_FINISH) != 0;
            sse->done |= (event->facts & FACT_DONE) != 0;
            sse->error |= (event->facts & FACT_ERROR) != 0;
            tokens = (event->facts & FACT_TEXT) != 0;
            if (event->facts & FACT_NO_CHOICES && event->facts & FACT_USAGE) {
                sse->usage_start = sse->event_start;
                sse->usage_end = end;
            }
        }
        sse->output_tokens += tokens;
    }
    sse->event_start = end;
    start_event(sse);
    return tokens;
}

static void feed_payload(struct sse *sse, const char *bytes, size_t len)
{
    if (sse->head_len < sizeof(sse->head)) {
        for (size_t i = 0; i < len && sse->head_len < sizeof(sse->head); i++) {
            const char c = bytes[i];
            if (sse->head_len > 0 || (c != ' ' && c != '\t' && c != '\r'))
                sse->head[sse->head_len++] = c;
        }
        sse->data_seen |= sse->head_len > 0;
    }
    (void)jscan_feed(&sse->scan, bytes, len, on_value, &sse->event); /* asked at the end */
}

static void feed_name(struct sse *sse, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        const char c = bytes[i];
        if (c == '\r' || (c == ' ' && sse->name_len == 0))
            continue;
        if (sse->name_len < sizeof(sse->name))
            sse->name[sse->name_len++] = c;
    }
}

/* Reads the field name; returns how many bytes it took. */
static size_t feed_head(struct sse *sse, const char *bytes, size_t len)
{
    if (sse->line_len == 0 && len >= 6 && memcmp(bytes, "data: ", 6) == 0) {
        sse->line = LINE_DATA;
        return 6;
    }
    size_t used = 0;
    while (used < len) {
        const char c = bytes[used++];
        if (c == ':') {
            const struct span field = {sse->line_head, sse->line_len};
            sse->line = span_equal_text(field, "data")    ? LINE_DATA
                        : span_equal_text(field, "event") ? LINE_NAME
                                                          : LINE_SKIP;
            if (sse->line == LINE_NAME)
                sse->name_len = 0;
            return used;
        }
        if (sse->line_len == sizeof(sse->line_head)) {
            sse->line = LINE_SKIP;
            return used;
        }
        sse->line_head[sse->line_len++] = c;
    }
    return used;
}

static void feed_piece(struct sse *sse, const char *bytes, size_t len)
{
    if (sse->line == LINE_HEAD) {
        const size_t used = feed_head(sse, bytes, len);
        bytes += used;
        len -= used;
    }
    if (sse->line == LINE_DATA)
        feed_payload(sse, bytes, len);
    else if (sse->line == LINE_NAME)
        feed_name(sse, bytes, len);
}

static bool blank_line(const struct sse *sse)
{
    return sse->line == LINE_HEAD &&
           (sse->line_len == 0 || (sse->line_len == 1 && sse->line_head[0] == '\r'));
}

static int64_t feed_events(struct sse *sse, const char *bytes, size_t len)
{
    const char *const end = bytes + len;
    int64_t tokens = 0;
    for (const char *at = bytes; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline ? newline : end;
        feed_piece(sse, at, (size_t)(stop - at));
        if (!newline)
            break;
        at = newline + 1;
        if (blank_line(sse))
            tokens += end_event(sse, sse->offset + (uint64_t)(at - bytes));
        else if (sse->line == LINE_DATA)
            feed_payload(sse, "\n", 1); /* joins data lines; white space to the reader */
        sse->line = LINE_HEAD;
        sse->line_len = 0;
    }
    return tokens;
}

static int64_t feed_lines(struct sse *sse, const char *bytes, size_t len)
{
    const char *const end = bytes + len;
    int64_t tokens = 0;
    for (const char *at = bytes; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline ? newline : end;
        feed_payload(sse, at, (size_t)(stop - at));
        if (!newline)
            break;
        at = newline + 1;
        tokens += end_event(sse, sse->offset + (uint64_t)(at - bytes));
    }
    return tokens;
}

enum sse_format sse_format_of(struct span content_type)
{
    static const struct {
        const char *type;
        enum sse_format format;
    } known[] = {
        {"text/event-stream", SSE_EVENTS},    {"application/json", SSE_JSON},
        {"application/x-ndjson", SSE_NDJSON}, {"application/ndjson", SSE_NDJSON},
        {"application/jsonl", SSE_NDJSON},    {"application/problem+json", SSE_JSON},
    };
    const size_t cut = span_find_byte(content_type, ';', 0);
    const struct span type =
        span_trim(cut == SIZE_MAX ? content_type : span_slice(content_type, 0, cut));
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (span_equal_text_nocase(type, known[i].type))
            return known[i].format;
    return SSE_OPAQUE;
}

void sse_init(struct sse *sse, enum sse_format format)
{
    sse->format = format;
    sse->usage = (struct usage)USAGE_NONE;
    sse->events = 0;
    sse->output_tokens = 0;
    sse->finish = false;
    sse->done = false;
    sse->error = false;
    sse->offset = 0;
    sse->event_start = 0;
    sse->usage_start = 0;
    sse->usage_end = 0;
    sse->line = LINE_HEAD;
    sse->line_len = 0;
    sse->event.wants_ids = false;
    sse->event.id_count = 0;
    start_event(sse);
}

void sse_want_ids(struct sse *sse)
{
    sse->event.wants_ids = true;
}

size_t sse_ids(const struct sse *sse, const uint64_t **ret)
{
    *ret = sse->event.id;
    return sse->event.id_count;
}

int64_t sse_feed(struct sse *sse, const char *bytes, size_t len)
{
    int64_t tokens = 0;
    switch (sse->format) {
    case SSE_OPAQUE:
        break;
    case SSE_EVENTS:
        tokens = feed_events(sse, bytes, len);
        break;
    case SSE_NDJSON:
        tokens = feed_lines(sse, bytes, len);
        break;
    case SSE_JSON:
        feed_payload(sse, bytes, len);
        break;
    }
    sse->offset += len;
    return tokens;
}

/* One document: its usage tells the tokens, else its text does. */
static int64_t end_document(struct sse *sse)
{
    const uint64_t text_bytes = sse->event.text_bytes;
    const bool told = sse->event.output_tokens >= 0;
    const bool whole = jscan_end(&sse->scan, on_value, &sse->event) == JSCAN_DONE;
    (void)end_event(sse, sse->offset);
    if (!whole)
        return 0;
    sse->done = true;
    sse->output_tokens =
        told ? sse->usage.output_tokens
             : (int64_t)((text_bytes + TEXT_BYTES_PER_TOKEN - 1) / TEXT_BYTES_PER_TOKEN);
    return sse->output_tokens;
}

int64_t sse_end(struct sse *sse)
{
    switch (sse->format) {
    case SSE_OPAQUE:
    case SSE_EVENTS: /* an event without its blank line is not one, as the standard says */
        return 0;
    case SSE_NDJSON:
        return sse->data_seen ? end_event(sse, sse->offset) : 0;
    case SSE_JSON:
        return sse->data_seen ? end_document(sse) : 0;
    }
    return 0;
}
