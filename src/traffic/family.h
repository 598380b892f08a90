/* family.h - the API families that pass through: which endpoint a path is, where its model stands,
 * and how its errors, keep-alives and refusals are worded. Pure tables and text builders. */
#ifndef SLUICE_TRAFFIC_FAMILY_H
#define SLUICE_TRAFFIC_FAMILY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/span.h"
#include "traffic/dispatch.h"

/* The shape of bodies, streams and errors. */
enum family {
    FAMILY_OPENAI,    /* chat, completions, embeddings, audio, images, files, batches */
    FAMILY_RESPONSES, /* OpenAI Responses and conversations */
    FAMILY_ANTHROPIC,
    FAMILY_OLLAMA,
    FAMILY_LLAMACPP,
    FAMILY_GENERIC, /* SGLang, TGI, anything unknown: errors as OpenAI's */
};

enum model_place {
    MODEL_NOWHERE, /* needs none */
    MODEL_BODY,    /* member of the JSON body */
    MODEL_FORM,    /* multipart or urlencoded field */
    MODEL_QUERY,   /* ?model= */
    MODEL_BODY_OR_QUERY,
    MODEL_PATH,     /* pool name in the path: endpoint.rest */
    MODEL_ID,       /* an object id of an earlier answer: endpoint.rest */
    MODEL_ANYWHERE, /* unknown path: header, query, body */
};

enum endpoint_kind {
    ENDPOINT_FORWARD,     /* to a replica, metered as a request */
    ENDPOINT_CHEAP,       /* to a replica, but no generation: tokenize, count_tokens, ids */
    ENDPOINT_WEBSOCKET,   /* to a replica, a session of its own */
    ENDPOINT_MODELS,      /* ours: list of all pools, or one model in `rest` */
    ENDPOINT_OLLAMA_TAGS, /* ours */
    ENDPOINT_OLLAMA_PS,   /* ours */
    ENDPOINT_VERSION,     /* ours */
    ENDPOINT_HEALTH,      /* ours */
    ENDPOINT_UPSTREAM,    /* /upstream/POOL/...: `rest` is POOL/... */
    ENDPOINT_UNSUPPORTED, /* 501 */
    ENDPOINT_METHOD,      /* path known, method not: 405 */
    ENDPOINT_PREFLIGHT,   /* OPTIONS: never wakes a model */
    ENDPOINT_UNKNOWN,     /* forwarded if a model can be found, else 404 */
};

struct endpoint {
    enum endpoint_kind kind;
    enum family family;
    enum model_place model;
    bool stream;        /* may stream when asked */
    bool stream_always; /* streams unless told not to (Ollama) */
    struct span rest;   /* what stood for the wildcard of the path; of the given path */
};
/* path without query, not decoded. */
struct endpoint family_find(struct span method, struct span path);
/* Whether its answers name what they made, to be asked for by its id later. */
bool family_makes_objects(const struct endpoint *endpoint, struct span path);
/* Value of a query parameter, still percent-encoded; ptr NULL when it is not there. */
struct span family_query(struct span query, const char *name);
/* Percent-decodes into text; false when it does not fit or is malformed. */
bool family_decode(struct span encoded, char *ret_text, size_t size);

/* Every error of ours. Row: name, status, OpenAI type, stable code, Anthropic status and type,
 * whether trying again can help. */
#define TROUBLE_MAP(X)                                                                             \
    X(BAD_REQUEST, 400, "invalid_request_error", "invalid_request", 400, "invalid_request_error",  \
      false)                                                                                       \
    X(MODEL_AMBIGUOUS, 400, "invalid_request_error", "model_ambiguous", 400,                       \
      "invalid_request_error", false)                                                              \
    X(MODEL_MISSING, 400, "invalid_request_error", "model_missing", 400, "invalid_request_error",  \
      false)                                                                                       \
    X(KEY, 401, "authentication_error", "invalid_api_key", 401, "authentication_error", false)     \
    X(FORBIDDEN, 403, "permission_error", "forbidden", 403, "permission_error", false)             \
    X(MODEL_NOT_FOUND, 404, "invalid_request_error", "model_not_found", 404, "not_found_error",    \
      false)                                                                                       \
    X(NOT_FOUND, 404, "invalid_request_error", "not_found", 404, "not_found_error", false)         \
    X(METHOD, 405, "invalid_request_error", "method_not_allowed", 405, "invalid_request_error",    \
      false)                                                                                       \
    X(BODY_TIMEOUT, 408, "invalid_request_error", "request_timeout", 408, "timeout_error", true)   \
    X(BODY_SIZE, 413, "invalid_request_error", "request_too_large", 413, "request_too_large",      \
      false)                                                                                       \
    X(CONCURRENCY, 429, "rate_limit_error", "concurrency_limit", 429, "rate_limit_error", true)    \
    X(REQUEST_RATE, 429, "rate_limit_error", "request_rate_limit", 429, "rate_limit_error", true)  \
    X(TOKEN_RATE, 429, "rate_limit_error", "token_rate_limit", 429, "rate_limit_error", true)      \
    X(QUEUE_SHARE, 429, "rate_limit_error", "queue_share", 429, "rate_limit_error", true)          \
    X(INTERNAL, 500, "server_error", "internal_error", 500, "api_error", true)                     \
    X(UNSUPPORTED, 501, "invalid_request_error", "not_supported", 501, "invalid_request_error",    \
      false)                                                                                       \
    X(REPLICA_FAILED, 502, "server_error", "replica_failed", 502, "api_error", true)               \
    X(QUEUE_FULL, 503, "server_error", "queue_full", 529, "overloaded_error", true)                \
    X(MODEL_LOADING, 503, "server_error", "model_loading", 529, "overloaded_error", true)          \
    X(START_FAILED, 503, "server_error", "start_failed", 529, "overloaded_error", false)           \
    X(BUDGET, 503, "server_error", "budget_exceeded", 529, "overloaded_error", false)              \
    X(OVERLOADED, 503, "server_error", "gateway_overloaded", 529, "overloaded_error", true)        \
    X(QUEUE_TIMEOUT, 504, "server_error", "queue_timeout", 504, "timeout_error", true)             \
    X(REPLICA_TIMEOUT, 504, "server_error", "replica_timeout", 504, "timeout_error", true)

enum trouble {
#define TROUBLE_ENUM(name, status, type, code, anthropic_status, anthropic_type, again)            \
    TROUBLE_##name,
    TROUBLE_MAP(TROUBLE_ENUM)
#undef TROUBLE_ENUM
        TROUBLE_COUNT
};

enum trouble trouble_of(enum refusal refusal);
int trouble_status(enum trouble trouble, enum family family);
const char *trouble_code(enum trouble trouble);
bool trouble_again(enum trouble trouble); /* value of x-should-retry */

/* The error as a JSON body in the family's shape. `request_id` may be empty; `param` ("model") may
 * be NULL. words are for people and need not be ASCII. */
void family_error_body(struct buf *out, enum family family, enum trouble trouble, struct span words,
                       const char *param, struct span request_id);
/* The error inside a stream that already runs: one complete event (SSE) or line (NDJSON). */
void family_error_event(struct buf *out, enum family family, enum trouble trouble,
                        struct span words, struct span request_id);
/* Keep-alive while queued; nothing for families without comments (false). eta_ns < 0 = unknown. */
bool family_keep_alive(struct buf *out, enum family family, int64_t position, int64_t eta_ns);
/* Whole seconds for Retry-After: at least 1, at most 60; 0 for retry_after_ns <= 0: send none. */
int64_t family_retry_after_s(int64_t retry_after_ns);
const char *family_content_type(enum family family, bool stream);

#endif
