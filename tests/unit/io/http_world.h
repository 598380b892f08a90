/* http_world.h - for tests: a server with a handler that echoes, holds, streams, and notes what it
 * is told. */
#ifndef SLUICE_TESTS_HTTP_WORLD_H
#define SLUICE_TESTS_HTTP_WORLD_H

#include "io/http_server.h"
#include "wire.h"

struct world {
    struct loop *loop;
    struct http_server *server;
    struct http_request *open; /* held by the handler */
    struct buf body;
    int gone;
    int done;
    int drained;
    int ended;
};

static inline void on_gone(void *user)
{
    struct world *w = user;
    w->gone++;
    w->open = NULL;
}

static inline void on_done(void *user)
{
    struct world *w = user;
    w->done++;
}

static inline void on_drained(void *user)
{
    struct world *w = user;
    w->drained++;
}

static inline void on_body(void *user, struct span data)
{
    struct world *w = user;
    buf_span(&w->body, data);
}

static inline void on_body_end(void *user)
{
    struct world *w = user;
    w->ended++;
}

static const struct http_request_ops ops = {.body = on_body,
                                            .body_end = on_body_end,
                                            .gone = on_gone,
                                            .done = on_done,
                                            .drained = on_drained};

static inline void echo(void *user, struct http_request *request, struct span body)
{
    (void)user;
    http_respond(request, 200, "text/plain", body);
}

static inline void handler(void *user, struct http_request *request)
{
    struct world *w = user;
    const struct http_head *head = http_request_head(request);
    if (span_equal_text(head->path, "/echo")) {
        http_request_collect(request, 1000, echo, w);
    } else if (span_starts_with(head->path, "/hold")) {
        w->open = request;
        http_request_set(request, &ops, w);
    } else if (span_equal_text(head->path, "/chunks")) {
        http_response_begin(request, 200, span_from("content-type: text/plain\r\n"),
                            HTTP_LENGTH_STREAM);
        http_response_data(request, span_from("one"));
        http_response_data(request, span_from("two"));
        http_response_end(request);
    } else {
        http_respond(request, 200, "text/plain", head->path);
    }
}

static inline void world_open(struct world *w, struct http_server_config *config)
{
    struct http_server_config defaults;
    http_server_defaults(&defaults);
    *w = (struct world){0};
    buf_init(&w->body, 1U << 24);
    if (loop_new(&w->loop, NULL) != RC_OK || http_server_new(w->loop, config ? config : &defaults,
                                                             handler, w, &w->server, NULL) != RC_OK)
        abort();
}

static inline void world_close(struct world *w)
{
    http_server_free(w->server);
    loop_free(w->loop);
    buf_done(&w->body);
}

static inline void dial(struct world *w, struct wire *wire)
{
    wire_open(wire, w->loop, http_server_port(w->server));
}

#endif
