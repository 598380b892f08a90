/* peek.h - what the router must know of a request body, read as the bytes pass: model, stream,
 * limits, identity for affinity, rough size of the prompt. No tree, nothing allocated.
 *
 * Rules: a doubled member takes its last value, as Python's and Go's readers do, but a second
 * top-level `model` (also one that differs in case only, which Go would take) with another value is
 * `ambiguous` and must be refused with 400. Nested `model` members are not the model. Damaged or
 * too deep JSON stops the reading (`broken`); what was found before stands, the token estimate then
 * falls back to the size of the body. */
#ifndef SLUICE_TRAFFIC_PEEK_H
#define SLUICE_TRAFFIC_PEEK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/span.h"
#include "traffic/form.h"
#include "traffic/jscan.h"

/* By the Content-Type of the request; JSON also when it is empty or unknown text. */
enum peek_format peek_format_of(struct span content_type);

/* Results. The gateway may route as soon as `model_len` > 0, but learns of ambiguity only at the
 * end of what it peeks. */
struct peek {
    enum peek_state state;
    bool ambiguous;        /* two models: answer 400 */
    bool too_deep;         /* state is PEEK_BROKEN because of depth */
    bool model_not_string; /* `model` is there, but no string or longer than the limit */
    char model[TEXT_SIZE];
    size_t model_len; /* 0 = none found so far */
    uint64_t
        model_start; /* offsets in the body of the value, for renaming: JSON with its quotes, a */
    uint64_t model_end; /* part of a form without anything; both 0 when it cannot be cut out */
    bool stream;
    bool stream_set;           /* member was there */
    bool include_usage;        /* stream_options.include_usage is true */
    bool stream_options;       /* the member is there */
    int64_t output_tokens_max; /* max_tokens and its sisters; 0 = not said */
    int64_t choices;           /* n; 1 when not said */
    uint64_t session;          /* hash of prompt_cache_key, else of user; 0 = none */
    uint64_t origin;     /* origin_id() of what it goes on from: a response, a file; 0 = none */
    char keep_alive[32]; /* Ollama: text or number as written; "" = not said */
    bool priority_set;
    int64_t priority;      /* as vLLM's member; meaning is the gateway's */
    uint64_t prompt_bytes; /* text below messages, prompt, input, system, tools; media not */
    uint64_t media;        /* data: URLs seen */
    uint64_t object_start; /* offset after the opening brace: where a member can be put in */
    bool object_empty;

    /* Private. */
    enum peek_format format;
    uint64_t offset;
    uint64_t user_session;
    bool session_of_user; /* session is user_session */
    union {
        struct jscan scan;
        struct form form;
    } u;
};

void peek_init(struct peek *peek, enum peek_format format, struct span content_type);
enum peek_state peek_feed(struct peek *peek, const char *bytes, size_t len);
/* The body is complete: JSON that is not is broken. */
enum peek_state peek_end(struct peek *peek);
/* Bytes to estimate the prompt from: prompt_bytes, or body_bytes when reading broke. */
uint64_t peek_prompt_bytes(const struct peek *peek, uint64_t body_bytes);

#endif
