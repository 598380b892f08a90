/* house.h - for tests: one loop with a gateway, engines that do as they are told, and what the
 * gateway said to control. */
#ifndef SLUICE_TESTS_HOUSE_H
#define SLUICE_TESTS_HOUSE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "../io/wire.h"
#include "gateway/gateway.h"
#include "io/http_server.h"

#include <cmocka.h>

#define ENGINES_MAX 4

struct engine;
typedef void engine_fn(struct engine *engine, struct http_request *request);

/* A replica: writes down what it was asked and answers by its function. */
struct engine {
    struct http_server *server;
    engine_fn *answer;
    struct buf head; /* of the last request: its lines as "name: value\n" */
    struct buf body;
    struct http_request *open; /* kept by engine_hold() and its kind */
    int requests;
    int gone;
};

/* What the gateway said up. */
struct heard {
    int count[MESSAGE_SUSPECT + 1];
    struct message last[MESSAGE_SUSPECT + 1];
    struct gateway_snapshot snapshot; /* the last one */
    double arrived, completed, failed, refused, good, output_tokens, prompt_tokens;
    double ttft_count; /* in the last one */
};

struct house {
    struct loop *loop;
    struct config *config;
    struct gateway *gateway;
    struct engine engine[ENGINES_MAX];
    struct heard heard;
    uint64_t generation;
    struct gateway_config settings;
    bool by_json; /* messages pass through their text both ways */
};

/* ---- engines ---- */

static void engine_gone(void *user)
{
    struct engine *e = user;
    e->gone++;
    e->open = NULL;
}

static const struct http_request_ops engine_ops = {.gone = engine_gone};

static inline void engine_say(struct http_request *request, const char *text)
{
    http_response_data(request, span_from(text));
}

static inline void engine_begin_stream(struct http_request *request)
{
    http_response_begin(request, 200, span_from("content-type: text/event-stream\r\n"),
                        HTTP_LENGTH_STREAM);
}

#define EVENT(text) "data: {\"choices\":[{\"delta\":{\"content\":\"" text "\"}}]}\n\n"

static inline void engine_json(struct engine *e, struct http_request *request)
{
    (void)e;
    http_respond(request, 200, "application/json",
                 span_from("{\"choices\":[{\"message\":{\"content\":\"hello\"}}],"
                           "\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":7}}"));
}

static inline void engine_stream(struct engine *e, struct http_request *request)
{
    (void)e;
    engine_begin_stream(request);
    engine_say(request, EVENT("one"));
    engine_say(request, EVENT("two"));
    engine_say(request, "data: [DONE]\n\n");
    http_response_end(request);
}

/* Says nothing until the test goes on with `open`. */
static inline void engine_hold(struct engine *e, struct http_request *request)
{
    e->open = request;
    http_request_set(request, &engine_ops, e);
}

static void engine_body(void *user, struct http_request *request, struct span body)
{
    struct engine *e = user;
    const struct http_head *head = http_request_head(request);
    buf_clear(&e->head);
    buf_clear(&e->body);
    buf_span(&e->head, head->method);
    buf_byte(&e->head, ' ');
    buf_span(&e->head, head->target);
    buf_byte(&e->head, '\n');
    for (size_t i = 0; i < head->header_count; i++) {
        buf_span(&e->head, head->header[i].name);
        buf_text(&e->head, ": ");
        buf_span(&e->head, head->header[i].value);
        buf_byte(&e->head, '\n');
    }
    buf_span(&e->body, body);
    e->requests++;
    e->answer(e, request);
}

static void engine_request(void *user, struct http_request *request)
{
    http_request_collect(request, HTTP_BODY_BYTES_MAX, engine_body, user);
}

static inline bool engine_saw(struct engine *e, const char *text)
{
    return strstr(buf_cstr(&e->head), text) != NULL;
}

/* ---- messages ---- */

/* What comes out of the text of a message; lives in the arena. */
static inline struct message by_text(struct arena *arena, const struct message *message)
{
    struct buf text;
    struct json_writer w;
    struct message ret;
    const struct tree *json = NULL;
    buf_init(&text, 1U << 26);
    json_init(&w, &text);
    message_print(message, &w);
    const struct span line = arena_copy(arena, buf_view(&text));
    buf_done(&text);
    assert_int_equal(json_read(arena, line, NULL, &json, NULL), RC_OK);
    assert_int_equal(message_parse(arena, json, &ret, NULL), RC_OK);
    return ret;
}

static inline void hear(struct heard *heard, const struct message *message)
{
    heard->count[message->kind]++;
    heard->last[message->kind] = *message;
    heard->last[message->kind].snapshot = NULL;
    if (!message->snapshot)
        return;
    const struct gateway_snapshot *s = message->snapshot;
    memcpy(&heard->snapshot, s,
           offsetof(struct gateway_snapshot, replica) + s->replica_count * sizeof(s->replica[0]));
    heard->ttft_count = s->latency != NULL ? s->latency->of[LATENCY_TTFT].count : 0;
    heard->snapshot.latency = NULL; /* only valid now */
    heard->arrived += s->arrived_requests;
    heard->completed += s->completed_requests;
    heard->failed += s->failed_requests;
    heard->refused += s->refused_requests;
    heard->good += s->good_requests;
    heard->output_tokens += s->output_tokens;
    heard->prompt_tokens += s->completed_prompt_tokens;
}

static void house_up(void *user, const struct message *message)
{
    struct house *h = user;
    struct arena arena;
    arena_init(&arena, 1U << 26);
    const struct message read = h->by_json ? by_text(&arena, message) : *message;
    hear(&h->heard, &read);
    arena_done(&arena);
}

static inline void house_send(struct house *h, const struct message *message)
{
    struct arena arena;
    arena_init(&arena, 1U << 26);
    const struct message read = h->by_json ? by_text(&arena, message) : *message;
    assert_int_equal(gateway_tell(h->gateway, &read), RC_OK);
    arena_done(&arena);
}

/* ---- the house ---- */

static inline void house_configure(struct house *h, const char *yaml)
{
    struct problem_list problems;
    const struct env_table env = {0};
    problem_list_init(&problems);
    struct config *config = config_read("test.yaml", span_from(yaml), &env, &problems);
    for (size_t i = 0; i < problems.count && !config; i++)
        print_message("%s\n", problems.item[i].text);
    assert_non_null(config);
    problem_list_done(&problems);
    assert_int_equal(gateway_configure(h->gateway, config), RC_OK);
    config_free(h->config);
    h->config = config;
}

/* Settings of *h beside the defaults must be made before. */
static inline void house_open_with(struct house *h, const char *yaml)
{
    assert_int_equal(loop_new(&h->loop, NULL), RC_OK);
    assert_int_equal(gateway_new(h->loop, &h->settings, house_up, h, &h->gateway, NULL), RC_OK);
    for (size_t i = 0; i < ENGINES_MAX; i++) {
        struct engine *e = &h->engine[i];
        struct http_server_config server;
        http_server_defaults(&server);
        buf_init(&e->head, 1U << 20);
        buf_init(&e->body, 1U << 27);
        e->answer = engine_json;
        assert_int_equal(http_server_new(h->loop, &server, engine_request, e, &e->server, NULL),
                         RC_OK);
    }
    if (yaml)
        house_configure(h, yaml);
}

static inline void house_open(struct house *h, const char *yaml)
{
    memset(h, 0, sizeof(*h));
    gateway_defaults(&h->settings);
    house_open_with(h, yaml);
}

static inline void house_close(struct house *h)
{
    gateway_free(h->gateway);
    for (size_t i = 0; i < ENGINES_MAX; i++) {
        http_server_free(h->engine[i].server);
        buf_done(&h->engine[i].head);
        buf_done(&h->engine[i].body);
    }
    config_free(h->config);
    loop_free(h->loop);
}

/* One pool of the routes: its engines are numbers in `engines` ("02": the first and the third);
 * replica ids are 1 + number. */
struct house_pool {
    const char *name;
    const char *engines;
    int64_t starting;
    int64_t eta_ns;
    bool start_failed;
    const char *reason;
    const char *model; /* NULL = the name */
    const char *upstream;
    uint16_t order;
    double percent;
};

static inline void house_routes(struct house *h, const struct house_pool *pools, size_t n)
{
    struct route_pool route[8] = {0};
    struct route_model model[8] = {0};
    static struct route_replica replica[8][ENGINES_MAX];
    memset(replica, 0, sizeof(replica));
    for (size_t i = 0; i < n; i++) {
        const struct house_pool *p = &pools[i];
        (void)span_copy(span_from(p->name), route[i].name, NAME_SIZE);
        (void)span_copy(span_from(p->reason), route[i].reason, TEXT_SIZE);
        route[i].replica = replica[i];
        route[i].starting = p->starting;
        route[i].eta_ns = p->eta_ns != 0 ? p->eta_ns : -1;
        route[i].start_failed = p->start_failed;
        for (const char *c = p->engines; *c; c++) {
            struct route_replica *r = &route[i].replica[route[i].replica_count++];
            const struct engine *e = &h->engine[*c - '0'];
            *r = (struct route_replica){.id = (uint64_t)(*c - '0') + 1,
                                        .host = "127.0.0.1",
                                        .port = http_server_port(e->server),
                                        .weight = 1};
        }
        model[i].pool = (uint16_t)i;
        model[i].order = p->order;
        model[i].weight_percent = p->percent > 0 ? p->percent : 100;
        (void)span_copy(span_from(p->model ? p->model : p->name), model[i].name, TEXT_SIZE);
        (void)span_copy(span_from(p->upstream), model[i].upstream, TEXT_SIZE);
    }
    const struct routes routes = {.generation = ++h->generation,
                                  .pool = route,
                                  .pool_count = n,
                                  .model = model,
                                  .model_count = n};
    house_send(h, &(struct message){.kind = MESSAGE_ROUTES, .routes = &routes});
}

static inline void house_tell(struct house *h, enum message_kind kind, uint64_t replica)
{
    house_send(h, &(struct message){.kind = kind,
                                    .pool = MESSAGE_POOLS,
                                    .replica = replica,
                                    .generation = h->generation});
}

static inline void house_ask(struct house *h)
{
    house_tell(h, MESSAGE_ASK, 0);
}

/* ---- a client ---- */

static inline void client_open(struct house *h, struct wire *c)
{
    wire_open(c, h->loop, gateway_port(h->gateway));
}

static inline void client_post_as(struct wire *c, const char *path, const char *lines,
                                  const char *type, const char *body)
{
    struct buf text;
    buf_init(&text, 1U << 27);
    buf_printf(&text, "POST %s HTTP/1.1\r\nHost: sluice\r\n%sContent-Type: %s\r\n", path, lines,
               type);
    buf_printf(&text, "Content-Length: %zu\r\n\r\n", strlen(body));
    buf_text(&text, body);
    conn_write(c->conn, buf_view(&text));
    buf_done(&text);
}

static inline void client_post(struct wire *c, const char *path, const char *lines,
                               const char *body)
{
    client_post_as(c, path, lines, "application/json", body);
}

#define CHAT "/v1/chat/completions"
#define PLAIN "{\"model\":\"chat\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"
#define STREAM                                                                                     \
    "{\"model\":\"chat\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"

#define POOL_CHAT                                                                                  \
    "pools:\n  chat:\n    minReplicas: 0\n    maxReplicas: 4\n    target:\n      process: "        \
    "{command: [engine]}\n"

/* Sends one whole request and waits for the end of an answer with a length, or the close. */
static inline void client_ask(struct house *h, struct wire *c, const char *path, const char *lines,
                              const char *body)
{
    client_open(h, c);
    client_post(c, path, lines, body);
}

#endif
