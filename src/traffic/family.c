#include "traffic/family.h"

#include <string.h>

#include "base/rc.h"
#include "base/tree.h"

#define RETRY_AFTER_MAX_S 60

/* Paths of all families. '*' at the end takes the rest of the path (at least one byte). The first
 * row that fits method and path wins; a row of another method makes it 405. */
struct row {
    const char *method;
    const char *path;
    enum endpoint_kind kind;
    enum family family;
    enum model_place model;
    bool stream;
    bool stream_always;
};

#define ROW(method_, path_, kind_, family_, model_, stream_, always_)                              \
    {                                                                                              \
        .method = (method_), .path = (path_), .kind = ENDPOINT_##kind_,                            \
        .family = FAMILY_##family_, .model = MODEL_##model_, .stream = (stream_),                  \
        .stream_always = (always_)                                                                 \
    }

/* clang-format off */
static const struct row rows[] = {
    ROW("POST",   "/v1/chat/completions",          FORWARD,     OPENAI,    BODY,          true,  false),
    ROW("POST",   "/v1/completions",               FORWARD,     OPENAI,    BODY,          true,  false),
    ROW("GET",    "/v1/responses",                 WEBSOCKET,   RESPONSES, QUERY,         true,  false),
    ROW("POST",   "/v1/responses",                 FORWARD,     RESPONSES, BODY,          true,  false),
    ROW("POST",   "/v1/responses/compact",         FORWARD,     RESPONSES, BODY,          true,  false),
    ROW("POST",   "/v1/responses/input_tokens",    CHEAP,       RESPONSES, BODY,          false, false),
    ROW("GET",    "/v1/responses/*",               CHEAP,       RESPONSES, ID,            true,  false),
    ROW("POST",   "/v1/responses/*",               CHEAP,       RESPONSES, ID,            false, false),
    ROW("DELETE", "/v1/responses/*",               CHEAP,       RESPONSES, ID,            false, false),
    ROW("POST",   "/v1/conversations",             CHEAP,       RESPONSES, ANYWHERE,      false, false),
    ROW("GET",    "/v1/conversations/*",           CHEAP,       RESPONSES, ID,            false, false),
    ROW("POST",   "/v1/conversations/*",           CHEAP,       RESPONSES, ID,            false, false),
    ROW("DELETE", "/v1/conversations/*",           CHEAP,       RESPONSES, ID,            false, false),
    ROW("POST",   "/v1/embeddings",                FORWARD,     OPENAI,    BODY,          false, false),
    ROW("POST",   "/v1/rerank",                    FORWARD,     OPENAI,    BODY,          false, false),
    ROW("POST",   "/rerank",                       FORWARD,     OPENAI,    BODY,          false, false),
    ROW("POST",   "/v1/reranking",                 FORWARD,     OPENAI,    BODY,          false, false),
    ROW("POST",   "/v1/score",                     FORWARD,     OPENAI,    BODY,          false, false),
    ROW("POST",   "/score",                        FORWARD,     OPENAI,    BODY,          false, false),
    ROW("POST",   "/v1/moderations",               FORWARD,     OPENAI,    BODY,          false, false),
    ROW("POST",   "/pooling",                      FORWARD,     OPENAI,    BODY,          false, false),
    ROW("POST",   "/classify",                     FORWARD,     OPENAI,    BODY,          false, false),
    ROW("POST",   "/tokenize",                     CHEAP,       OPENAI,    BODY,          false, false),
    ROW("POST",   "/detokenize",                   CHEAP,       OPENAI,    BODY,          false, false),
    ROW("POST",   "/v1/audio/speech",              FORWARD,     OPENAI,    BODY,          true,  false),
    ROW("POST",   "/v1/audio/transcriptions",      FORWARD,     OPENAI,    FORM,          true,  false),
    ROW("POST",   "/v1/audio/translations",        FORWARD,     OPENAI,    FORM,          true,  false),
    ROW("GET",    "/v1/audio/voices",              CHEAP,       OPENAI,    QUERY,         false, false),
    ROW("POST",   "/v1/images/generations",        FORWARD,     OPENAI,    BODY,          true,  false),
    ROW("POST",   "/v1/images/edits",              FORWARD,     OPENAI,    FORM,          true,  false),
    ROW("POST",   "/v1/images/variations",         FORWARD,     OPENAI,    FORM,          false, false),
    ROW("POST",   "/v1/videos",                    FORWARD,     OPENAI,    ANYWHERE,      false, false),
    ROW("GET",    "/v1/videos/*",                  CHEAP,       OPENAI,    ID,            false, false),
    ROW("DELETE", "/v1/videos/*",                  CHEAP,       OPENAI,    ID,            false, false),
    ROW("POST",   "/v1/files",                     CHEAP,       OPENAI,    ANYWHERE,      false, false),
    ROW("GET",    "/v1/files/*",                   CHEAP,       OPENAI,    ID,            false, false),
    ROW("DELETE", "/v1/files/*",                   CHEAP,       OPENAI,    ID,            false, false),
    ROW("POST",   "/v1/uploads",                   CHEAP,       OPENAI,    ANYWHERE,      false, false),
    ROW("POST",   "/v1/uploads/*",                 CHEAP,       OPENAI,    ID,            false, false),
    ROW("POST",   "/v1/batches",                   CHEAP,       OPENAI,    ANYWHERE,      false, false),
    ROW("GET",    "/v1/batches/*",                 CHEAP,       OPENAI,    ID,            false, false),
    ROW("POST",   "/v1/batches/*",                 CHEAP,       OPENAI,    ID,            false, false),
    ROW("GET",    "/v1/realtime",                  WEBSOCKET,   OPENAI,    QUERY,         true,  false),
    ROW("POST",   "/v1/realtime/client_secrets",   CHEAP,       OPENAI,    BODY_OR_QUERY, false, false),
    ROW("POST",   "/v1/realtime/calls",            CHEAP,       OPENAI,    BODY_OR_QUERY, false, false),
    ROW("GET",    "/v1/models",                    MODELS,      OPENAI,    NOWHERE,       false, false),
    ROW("GET",    "/v1/models/*",                  MODELS,      OPENAI,    NOWHERE,       false, false),
    ROW("POST",   "/v1/messages",                  FORWARD,     ANTHROPIC, BODY,          true,  false),
    ROW("POST",   "/v1/messages/count_tokens",     CHEAP,       ANTHROPIC, BODY,          false, false),
    ROW("POST",   "/v1/messages/batches",          CHEAP,       ANTHROPIC, ANYWHERE,      false, false),
    ROW("GET",    "/v1/messages/batches/*",        CHEAP,       ANTHROPIC, ID,            false, false),
    ROW("POST",   "/v1/messages/batches/*",        CHEAP,       ANTHROPIC, ID,            false, false),
    ROW("DELETE", "/v1/messages/batches/*",        CHEAP,       ANTHROPIC, ID,            false, false),
    ROW("POST",   "/api/chat",                     FORWARD,     OLLAMA,    BODY,          true,  true),
    ROW("POST",   "/api/generate",                 FORWARD,     OLLAMA,    BODY,          true,  true),
    ROW("POST",   "/api/embed",                    FORWARD,     OLLAMA,    BODY,          false, false),
    ROW("POST",   "/api/embeddings",               FORWARD,     OLLAMA,    BODY,          false, false),
    ROW("POST",   "/api/show",                     CHEAP,       OLLAMA,    BODY,          false, false),
    ROW("GET",    "/api/tags",                     OLLAMA_TAGS, OLLAMA,    NOWHERE,       false, false),
    ROW("GET",    "/api/ps",                       OLLAMA_PS,   OLLAMA,    NOWHERE,       false, false),
    ROW("GET",    "/api/version",                  VERSION,     OLLAMA,    NOWHERE,       false, false),
    ROW("POST",   "/api/pull",                     UNSUPPORTED, OLLAMA,    NOWHERE,       false, false),
    ROW("POST",   "/api/push",                     UNSUPPORTED, OLLAMA,    NOWHERE,       false, false),
    ROW("POST",   "/api/create",                   UNSUPPORTED, OLLAMA,    NOWHERE,       false, false),
    ROW("POST",   "/api/copy",                     UNSUPPORTED, OLLAMA,    NOWHERE,       false, false),
    ROW("DELETE", "/api/delete",                   UNSUPPORTED, OLLAMA,    NOWHERE,       false, false),
    ROW("POST",   "/completion",                   FORWARD,     LLAMACPP,  BODY_OR_QUERY, true,  false),
    ROW("POST",   "/completions",                  FORWARD,     LLAMACPP,  BODY_OR_QUERY, true,  false),
    ROW("POST",   "/infill",                       FORWARD,     LLAMACPP,  BODY_OR_QUERY, true,  false),
    ROW("GET",    "/props",                        CHEAP,       LLAMACPP,  QUERY,         false, false),
    ROW("POST",   "/props",                        CHEAP,       LLAMACPP,  BODY_OR_QUERY, false, false),
    ROW("GET",    "/slots",                        CHEAP,       LLAMACPP,  QUERY,         false, false),
    ROW("GET",    "/models",                       MODELS,      LLAMACPP,  NOWHERE,       false, false),
    ROW("POST",   "/apply-template",               CHEAP,       LLAMACPP,  BODY_OR_QUERY, false, false),
    ROW("POST",   "/generate",                     FORWARD,     GENERIC,   ANYWHERE,      true,  false),
    ROW("POST",   "/generate_stream",              FORWARD,     GENERIC,   ANYWHERE,      true,  true),
    ROW("POST",   "/invocations",                  FORWARD,     GENERIC,   ANYWHERE,      true,  false),
    ROW("GET",    "/health",                       HEALTH,      GENERIC,   NOWHERE,       false, false),
    ROW("*",      "/upstream/*",                   UPSTREAM,    GENERIC,   PATH,          true,  false),
};
/* clang-format on */

static bool path_fits(const char *pattern, struct span path, struct span *ret_rest)
{
    const size_t len = strlen(pattern);
    if (pattern[len - 1] != '*') {
        *ret_rest = (struct span){0};
        return span_equal_text(path, pattern);
    }
    if (path.len < len || memcmp(path.ptr, pattern, len - 1) != 0)
        return false;
    *ret_rest = span_slice(path, len - 1, SIZE_MAX);
    return true;
}

/* The family by whose rules an unknown path is refused. */
static enum family guess(struct span path)
{
    if (span_starts_with(path, "/api/"))
        return FAMILY_OLLAMA;
    return span_starts_with(path, "/v1/messages") ? FAMILY_ANTHROPIC : FAMILY_GENERIC;
}

struct endpoint family_find(struct span method, struct span path)
{
    const bool head = span_equal_text(method, "HEAD");
    struct endpoint found = {
        .kind = ENDPOINT_UNKNOWN, .family = guess(path), .model = MODEL_ANYWHERE, .stream = true};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct row *row = &rows[i];
        struct span rest;
        if (!path_fits(row->path, path, &rest))
            continue;
        found.family = row->family;
        if (row->method[0] == '*' || span_equal_text(method, row->method) ||
            (head && strcmp(row->method, "GET") == 0)) {
            return (struct endpoint){.kind = row->kind,
                                     .family = row->family,
                                     .model = row->model,
                                     .stream = row->stream,
                                     .stream_always = row->stream_always,
                                     .rest = rest};
        }
        found.kind = ENDPOINT_METHOD;
        found.model = MODEL_NOWHERE;
    }
    if (span_equal_text(method, "OPTIONS")) {
        found.kind = ENDPOINT_PREFLIGHT;
        found.model = MODEL_NOWHERE;
    }
    return found;
}

bool family_makes_objects(const struct endpoint *endpoint, struct span path)
{
    if (endpoint->model == MODEL_ID)
        return true; /* a batch that is done names its files */
    if (endpoint->model != MODEL_ANYWHERE && endpoint->family != FAMILY_RESPONSES)
        return false;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const size_t len = strlen(rows[i].path);
        if (rows[i].model == MODEL_ID && len == path.len + 2 &&
            memcmp(rows[i].path, path.ptr, path.len) == 0)
            return true;
    }
    return false;
}

struct span family_query(struct span query, const char *name)
{
    struct span part;
    const size_t len = strlen(name);
    while (span_split(&query, '&', &part))
        if (part.len > len && part.ptr[len] == '=' && memcmp(part.ptr, name, len) == 0)
            return span_slice(part, len + 1, SIZE_MAX);
    return (struct span){0};
}

static int hex_digit(char c)
{
    const char lower = (char)(c | 0x20);
    if (c >= '0' && c <= '9')
        return c - '0';
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool family_decode(struct span encoded, char *ret_text, size_t size)
{
    size_t out = 0;
    for (size_t i = 0; i < encoded.len; i++) {
        char c = encoded.ptr[i];
        if (c == '+') {
            c = ' ';
        } else if (c == '%') {
            const int high = i + 2 < encoded.len ? hex_digit(encoded.ptr[i + 1]) : -1;
            const int low = i + 2 < encoded.len ? hex_digit(encoded.ptr[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (c == '\0' || out + 1 >= size)
            return false;
        ret_text[out++] = c;
    }
    ret_text[out] = '\0';
    return true;
}

static const struct {
    const char *type;
    const char *code;
    const char *anthropic_type;
    int status;
    int anthropic_status;
    bool again;
} troubles[TROUBLE_COUNT] = {
#define TROUBLE_ROW(name, status_, type_, code_, anthropic_status_, anthropic_type_, again_)       \
    [TROUBLE_##name] = {.status = (status_),                                                       \
                        .type = (type_),                                                           \
                        .code = (code_),                                                           \
                        .anthropic_status = (anthropic_status_),                                   \
                        .anthropic_type = (anthropic_type_),                                       \
                        .again = (again_)},
    TROUBLE_MAP(TROUBLE_ROW)
#undef TROUBLE_ROW
};

enum trouble trouble_of(enum refusal refusal)
{
    switch (refusal) {
    case REFUSAL_QUEUE_FULL:
        return TROUBLE_QUEUE_FULL;
    case REFUSAL_QUEUE_SHARE:
        return TROUBLE_QUEUE_SHARE;
    case REFUSAL_QUEUE_TIMEOUT:
        return TROUBLE_QUEUE_TIMEOUT;
    case REFUSAL_CONCURRENCY:
        return TROUBLE_CONCURRENCY;
    case REFUSAL_REQUEST_RATE:
        return TROUBLE_REQUEST_RATE;
    case REFUSAL_TOKEN_RATE:
        return TROUBLE_TOKEN_RATE;
    case REFUSAL_START_FAILED:
        return TROUBLE_START_FAILED;
    case REFUSAL_REPLICA:
        return TROUBLE_REPLICA_FAILED;
    case REFUSAL_MEMORY:
        return TROUBLE_OVERLOADED;
    case REFUSAL_NONE:
        break;
    }
    return TROUBLE_INTERNAL;
}

int trouble_status(enum trouble trouble, enum family family)
{
    return family == FAMILY_ANTHROPIC ? troubles[trouble].anthropic_status
                                      : troubles[trouble].status;
}

const char *trouble_code(enum trouble trouble)
{
    return troubles[trouble].code;
}

bool trouble_again(enum trouble trouble)
{
    return troubles[trouble].again;
}

static void anthropic_body(struct json_writer *w, enum trouble trouble, struct span words,
                           struct span request_id)
{
    json_object(w);
    json_member_text(w, "type", "error");
    json_key(w, "error");
    json_object(w);
    json_member_text(w, "type", troubles[trouble].anthropic_type);
    json_member_span(w, "message", words);
    json_object_end(w);
    if (request_id.len > 0)
        json_member_span(w, "request_id", request_id);
    json_object_end(w);
}

static void openai_body(struct json_writer *w, enum trouble trouble, struct span words,
                        const char *param)
{
    json_object(w);
    json_key(w, "error");
    json_object(w);
    json_member_span(w, "message", words);
    json_member_text(w, "type", troubles[trouble].type);
    json_key(w, "param");
    if (param)
        json_text(w, param);
    else
        json_null(w);
    json_member_text(w, "code", troubles[trouble].code);
    json_object_end(w);
    json_object_end(w);
}

void family_error_body(struct buf *out, enum family family, enum trouble trouble, struct span words,
                       const char *param, struct span request_id)
{
    struct json_writer w;
    json_init(&w, out);
    switch (family) {
    case FAMILY_ANTHROPIC:
        anthropic_body(&w, trouble, words, request_id);
        return;
    case FAMILY_OLLAMA:
        json_object(&w);
        json_member_span(&w, "error", words);
        json_object_end(&w);
        return;
    case FAMILY_OPENAI:
    case FAMILY_RESPONSES:
    case FAMILY_LLAMACPP:
    case FAMILY_GENERIC:
        openai_body(&w, trouble, words, param);
        return;
    }
}

/* Responses clients read the error event's members at its top. */
static void responses_event(struct buf *out, enum trouble trouble, struct span words)
{
    struct json_writer w;
    buf_text(out, "event: error\ndata: ");
    json_init(&w, out);
    json_object(&w);
    json_member_text(&w, "type", "error");
    json_member_text(&w, "code", troubles[trouble].code);
    json_member_span(&w, "message", words);
    json_key(&w, "param");
    json_null(&w);
    json_object_end(&w);
    buf_text(out, "\n\n");
}

void family_error_event(struct buf *out, enum family family, enum trouble trouble,
                        struct span words, struct span request_id)
{
    switch (family) {
    case FAMILY_RESPONSES:
        responses_event(out, trouble, words);
        return;
    case FAMILY_OLLAMA:
        family_error_body(out, family, trouble, words, NULL, request_id);
        buf_byte(out, '\n');
        return;
    case FAMILY_ANTHROPIC:
        buf_text(out, "event: error\n");
        break;
    case FAMILY_OPENAI:
    case FAMILY_LLAMACPP:
    case FAMILY_GENERIC:
        break;
    }
    buf_text(out, "data: ");
    family_error_body(out, family, trouble, words, NULL, request_id);
    buf_text(out, "\n\n");
}

bool family_keep_alive(struct buf *out, enum family family, int64_t position, int64_t eta_ns)
{
    if (family == FAMILY_OLLAMA) /* NDJSON has no comment */
        return false;
    buf_text(out, ": sluice queued position=");
    buf_int(out, position);
    if (eta_ns >= 0) {
        buf_text(out, " eta=");
        buf_int(out, eta_ns / 1000000000 + (eta_ns % 1000000000 > 0));
        buf_byte(out, 's');
    }
    buf_text(out, "\n\n");
    return true;
}

int64_t family_retry_after_s(int64_t retry_after_ns)
{
    if (retry_after_ns <= 0)
        return 0;
    const int64_t seconds = (retry_after_ns - 1) / 1000000000 + 1;
    return seconds < RETRY_AFTER_MAX_S ? seconds : RETRY_AFTER_MAX_S;
}

const char *family_content_type(enum family family, bool stream)
{
    if (!stream)
        return "application/json";
    return family == FAMILY_OLLAMA ? "application/x-ndjson" : "text/event-stream";
}
