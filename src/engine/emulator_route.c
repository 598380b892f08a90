/* emulator_route.c - paths of the emulated engine, and the answers that need no model. */
#include <inttypes.h>
#include <string.h>

#include "base/rng.h"
#include "engine/emulator_internal.h"
#include "io/clock.h"

#define EMBEDDING_NUMBERS 16

static const char json_type[] = "application/json";

static void respond_json(struct emulator *emulator, struct http_request *request, int status)
{
    http_respond(request, status, json_type, buf_view(&emulator->scratch));
}

static void health(struct emulator *emulator, struct http_request *request)
{
    const enum startup_phase phase = emulator_phase(emulator);
    struct json_writer w;
    json_init(&w, &emulator->scratch);
    json_object(&w);
    json_member_text(&w, "status", phase == STARTUP_READY ? "ok" : "loading");
    json_member_text(&w, "phase", startup_phase_name(phase));
    json_object_end(&w);
    respond_json(emulator, request, phase == STARTUP_READY ? 200 : 503);
}

static void metrics(struct emulator *emulator, struct http_request *request)
{
    generation_tick(emulator); /* counters of this instant */
    buf_clear(&emulator->scratch);
    engine_page_print(&emulator->page, emulator->engine, emulator->config.model,
                      &emulator->scratch);
    http_respond(request, 200, "text/plain; version=0.0.4; charset=utf-8",
                 buf_view(&emulator->scratch));
}

static void models(struct emulator *emulator, struct http_request *request)
{
    struct json_writer w;
    json_init(&w, &emulator->scratch);
    json_object(&w);
    json_member_text(&w, "object", "list");
    json_key(&w, "data");
    json_array(&w);
    json_object(&w);
    json_member_text(&w, "id", emulator->config.model);
    json_member_text(&w, "object", "model");
    json_member_int(&w, "created", 1700000000);
    json_member_text(&w, "owned_by", "sluice");
    json_member_int(&w, "max_model_len", emulator->config.profile.kv_tokens);
    json_object_end(&w);
    json_array_end(&w);
    json_object_end(&w);
    respond_json(emulator, request, 200);
}

static void ollama_models(struct emulator *emulator, struct http_request *request)
{
    struct json_writer w;
    json_init(&w, &emulator->scratch);
    json_object(&w);
    json_key(&w, "models");
    json_array(&w);
    json_object(&w);
    json_member_text(&w, "name", emulator->config.model);
    json_member_text(&w, "model", emulator->config.model);
    json_object_end(&w);
    json_array_end(&w);
    json_object_end(&w);
    respond_json(emulator, request, 200);
}

static void version(struct emulator *emulator, struct http_request *request)
{
    struct json_writer w;
    json_init(&w, &emulator->scratch);
    json_object(&w);
    json_member_text(&w, "version", SLUICE_VERSION);
    json_object_end(&w);
    respond_json(emulator, request, 200);
}

static void write_vector(struct json_writer *w, struct span text)
{
    const uint64_t key = hash_span(0xe3bed, text);
    json_array(w);
    for (uint64_t i = 0; i < EMBEDDING_NUMBERS; i++)
        json_number(w, (double)(hash_u64(key, i) & 0xffff) / 65536.0 - 0.5);
    json_array_end(w);
}

static void write_embedding(struct json_writer *w, int64_t index, struct span text)
{
    json_object(w);
    json_member_text(w, "object", "embedding");
    json_member_int(w, "index", index);
    json_key(w, "embedding");
    write_vector(w, text);
    json_object_end(w);
}

/* Vectors are a pure function of the text. Returns the bytes of all texts. */
static uint64_t write_embeddings(struct json_writer *w, const struct tree *input)
{
    struct span text = {0};
    uint64_t bytes = 0;
    json_array(w);
    if (input->kind == TREE_ARRAY) {
        int64_t index = 0;
        for (const struct tree *item = input->first; item != NULL; item = item->next) {
            text = item->text; /* empty for a list of numbers */
            bytes += text.len;
            write_embedding(w, index++, text);
        }
    } else {
        (void)tree_string(input, &text); /* another kind: the empty text */
        bytes = text.len;
        write_embedding(w, 0, text);
    }
    json_array_end(w);
    return bytes;
}

static void embed(struct emulator *emulator, struct http_request *request, struct span body)
{
    struct arena arena;
    arena_init(&arena, 512U << 20);
    const struct json_limits limits = {.duplicates_allowed = true};
    const struct tree *tree = NULL;
    struct diag diag = {0};
    const enum rc rc = json_read(&arena, body, &limits, &tree, &diag);
    const struct tree *input = rc == RC_OK ? tree_get(tree, "input") : NULL;
    if (input == NULL) {
        generation_respond_error(request, &wire_completions, 400,
                                 rc == RC_OK ? "'input' is required" : diag.text);
    } else {
        struct json_writer w;
        json_init(&w, &emulator->scratch);
        json_object(&w);
        json_member_text(&w, "object", "list");
        json_key(&w, "data");
        const int64_t tokens = answer_prompt_tokens(write_embeddings(&w, input));
        json_member_text(&w, "model", emulator->config.model);
        json_key(&w, "usage");
        json_object(&w);
        json_member_int(&w, "prompt_tokens", tokens);
        json_member_int(&w, "total_tokens", tokens);
        json_object_end(&w);
        json_object_end(&w);
        respond_json(emulator, request, 200);
    }
    arena_done(&arena);
}

static void with_body(void *user, struct http_request *request, struct span body)
{
    struct emulator *emulator = user;
    const struct span path = http_request_head(request)->path;
    buf_clear(&emulator->scratch);
    const struct wire *wire = wire_find(path);
    if (wire != NULL)
        generation_begin(emulator, request, wire, body);
    else
        embed(emulator, request, body);
}

struct route {
    const char *path;
    void (*answer)(struct emulator *emulator, struct http_request *request); /* GET */
};
static const struct route routes[] = {
    {"/health", health},          {"/ping", health},
    {"/metrics", metrics},        {"/v1/models", models},
    {"/api/tags", ollama_models}, {"/api/ps", ollama_models},
    {"/version", version},        {"/api/version", version},
};

static void respond_unknown(struct http_request *request, int status)
{
    struct buf text;
    buf_init(&text, 1024);
    wire_error_openai(status, status == 404 ? "no such path" : "this path takes another method",
                      &text);
    http_respond(request, status, json_type, buf_view(&text));
    buf_done(&text);
}

static void hang_gone(void *user)
{
    (void)user; /* nothing was begun for it */
}

static const struct http_request_ops hang_ops = {.gone = hang_gone};

void emulator_route(void *user, struct http_request *request)
{
    struct emulator *emulator = user;
    const struct http_head *head = http_request_head(request);
    if (emulator->hung) {
        http_request_set(request, &hang_ops, emulator);
        return;
    }
    buf_clear(&emulator->scratch);
    const bool post = span_equal_text(head->method, "POST");
    for (size_t i = 0; i < COUNT_OF(routes); i++) {
        if (!span_equal_text(head->path, routes[i].path))
            continue;
        if (post)
            respond_unknown(request, 405);
        else
            routes[i].answer(emulator, request);
        return;
    }
    if (wire_find(head->path) == NULL && !span_equal_text(head->path, "/v1/embeddings"))
        respond_unknown(request, 404);
    else if (!post)
        respond_unknown(request, 405);
    else
        http_request_collect(request, EMULATOR_BODY_BYTES_MAX, with_body, emulator);
}
