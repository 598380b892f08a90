/* sse.h - meters an answer that passes by: finds event boundaries, output tokens, usage, tool
 * calls, end and errors in the bytes of one response body, split anywhere. Never changes or holds a
 * byte; allocates nothing.
 *
 * One schema reads all API families (their field names do not contradict each other): OpenAI chat,
 * completions and Responses, Anthropic messages, Ollama, llama.cpp, SGLang, TGI. A stream event
 * with text counts as one token until usage tells better. Lines end in LF or CRLF. An event that is
 * damaged or too deep is passed over. */
#ifndef SLUICE_TRAFFIC_SSE_H
#define SLUICE_TRAFFIC_SSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "traffic/dispatch.h"
#include "traffic/jscan.h"

enum sse_format {
    SSE_OPAQUE, /* binary or unknown: bytes are counted only */
    SSE_EVENTS, /* text/event-stream */
    SSE_NDJSON, /* application/x-ndjson: one object per line */
    SSE_JSON,   /* one document */
};
/* By the Content-Type of the answer. */
enum sse_format sse_format_of(struct span content_type);

#define SSE_NAME_SIZE 40 /* of event names and types; longer ones are cut and match nothing */

#define SSE_IDS_MAX 4 /* of what the answer made: a response, a batch and its files */

/* What one event told, until its end proves it whole. Private. */
struct sse_event {
    uint32_t facts;
    int64_t calls;
    int64_t prompt_tokens;
    int64_t output_tokens;
    int64_t cached_tokens;
    int64_t input_tokens; /* Anthropic: prompt = input + cache read + cache creation */
    int64_t cache_read;
    int64_t cache_creation;
    uint64_t text_bytes;
    uint8_t type_len;
    char type[SSE_NAME_SIZE];
    /* Not of one event: kept from all. */
    bool wants_ids;
    uint8_t id_count;
    uint64_t id[SSE_IDS_MAX];
};

struct sse {
    enum sse_format format;
    /* Results so far; read them at any time. */
    struct usage usage;    /* -1 until told */
    int64_t events;        /* complete ones, comments not counted */
    int64_t output_tokens; /* events with text; for SSE_JSON usage when told */
    bool finish;           /* a finish reason was seen */
    bool done;             /* [DONE], message_stop, done:true, response.completed; JSON: complete */
    bool error;            /* an error event or object was seen */
    uint64_t offset;       /* bytes fed */
    uint64_t event_start;  /* offset at which the event under way began */
    /* The last event that only tells usage (choices is []), blank line included; 0,0 = none. A
     * caller that must strip it forwards only up to event_start and drops this range. */
    uint64_t usage_start;
    uint64_t usage_end;

    /* Private. */
    uint8_t line;
    uint8_t line_len;
    uint8_t head_len;
    uint8_t name_len;
    bool data_seen;
    char line_head[8];
    char head[8]; /* first bytes of the payload, for [DONE] */
    char name[SSE_NAME_SIZE];
    struct sse_event event;
    struct jscan scan;
};

void sse_init(struct sse *sse, enum sse_format format);
/* Collects ids of what the answer says it made, as origin_id(); after sse_init(). */
void sse_want_ids(struct sse *sse);
size_t sse_ids(const struct sse *sse, const uint64_t **ret); /* so far */
/* Returns the output tokens found in these bytes (0 for SSE_JSON until the end). */
int64_t sse_feed(struct sse *sse, const char *bytes, size_t len);
/* The body ended: completes a last line without its newline. Returns tokens as sse_feed(). */
int64_t sse_end(struct sse *sse);

#endif
