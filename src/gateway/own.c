/* own.c - what is answered here, without a replica: lists of models, health, preflights, refusals
 * by path. */
#include "gateway/gateway_internal.h"

static void respond(struct exchange *x, int status)
{
    struct gateway *g = x->gateway;
    buf_clear(&g->lines);
    buf_text(&g->lines, "content-type: application/json\r\n");
    headers_of_ours(x, &g->lines);
    headers_cors(x, &g->lines);
    g->stats.own++;
    if (g->text.failed)
        exchange_fail_text(x, TROUBLE_INTERNAL, "no memory for the list");
    else
        http_respond_lines(x->request, status, buf_view(&g->lines), buf_view(&g->text));
}

/* Stamp of a list entry: when this gateway started. */
static void write_time(struct json_writer *w, const char *key, int64_t wall_s)
{
    char text[DURATION_TEXT_MAX];
    (void)time_print_rfc3339(wall_s * SECOND_NS, text); /* always fits */
    json_member_text(w, key, text);
}

/* One shape for OpenAI's and Anthropic's lists: their members do not contradict each other. */
static void write_model(struct json_writer *w, const struct exchange *x, const char *name)
{
    json_object(w);
    json_member_text(w, "id", name);
    json_member_text(w, "object", "model");
    json_member_int(w, "created", x->gateway->started_wall_s);
    json_member_text(w, "owned_by", "sluice");
    json_member_text(w, "type", "model");
    json_member_text(w, "display_name", name);
    write_time(w, "created_at", x->gateway->started_wall_s);
    json_object_end(w);
}

static bool shown(const struct exchange *x, size_t index)
{
    const struct gateway *g = x->gateway;
    const struct gateway_pool *pool = g->pool[router_pool(g->router, index)];
    return pool->spec.list && exchange_may(x, pool);
}

static void list_models(struct exchange *x)
{
    struct gateway *g = x->gateway;
    const char *first = NULL, *last = NULL;
    struct json_writer w;
    json_init(&w, &g->text);
    json_object(&w);
    json_member_text(&w, "object", "list");
    json_key(&w, "data");
    json_array(&w);
    for (size_t i = 0; i < router_count(g->router); i++) {
        if (!shown(x, i))
            continue;
        last = router_name(g->router, i);
        first = first ? first : last;
        write_model(&w, x, last);
    }
    json_array_end(&w);
    json_member_bool(&w, "has_more", false);
    json_key(&w, "first_id");
    json_string(&w, span_from(first));
    json_key(&w, "last_id");
    json_string(&w, span_from(last));
    json_object_end(&w);
    respond(x, 200);
}

static void one_model(struct exchange *x)
{
    struct gateway *g = x->gateway;
    struct router_choice choices[ROUTER_CHOICES_MAX];
    if (!family_decode(x->endpoint.rest, x->model, sizeof(x->model)) ||
        router_find(g->router, span_from(x->model), 0, choices) == 0) {
        exchange_unknown_model(x);
        return;
    }
    struct json_writer w;
    json_init(&w, &g->text);
    write_model(&w, x, x->model);
    respond(x, 200);
}

static void ollama_models(struct exchange *x, bool only_ready)
{
    struct gateway *g = x->gateway;
    struct json_writer w;
    json_init(&w, &g->text);
    json_object(&w);
    json_key(&w, "models");
    json_array(&w);
    for (size_t i = 0; i < router_count(g->router); i++) {
        const struct gateway_pool *pool = g->pool[router_pool(g->router, i)];
        if (!shown(x, i) || (only_ready && dispatch_counts(pool->dispatch).ready == 0))
            continue;
        json_object(&w);
        json_member_text(&w, "name", router_name(g->router, i));
        json_member_text(&w, "model", router_name(g->router, i));
        write_time(&w, "modified_at", g->started_wall_s);
        json_member_int(&w, "size", 0);
        json_member_text(&w, "digest", "");
        json_key(&w, "details");
        json_object(&w);
        json_member_text(&w, "family", pool->name);
        json_object_end(&w);
        json_object_end(&w);
    }
    json_array_end(&w);
    json_object_end(&w);
    respond(x, 200);
}

static void version(struct exchange *x)
{
    struct json_writer w;
    json_init(&w, &x->gateway->text);
    json_object(&w);
    json_member_text(&w, "version", SLUICE_VERSION);
    json_object_end(&w);
    respond(x, 200);
}

static void health(struct exchange *x)
{
    struct json_writer w;
    json_init(&w, &x->gateway->text);
    json_object(&w);
    json_member_text(&w, "status", "ok");
    json_member_int(&w, "open_requests", x->gateway->stats.open_requests);
    json_object_end(&w);
    respond(x, 200);
}

/* Never wakes a model. Origins that may not are answered without a permit. */
static void preflight(struct exchange *x)
{
    struct gateway *g = x->gateway;
    const struct http_head *head = http_request_head(x->request);
    buf_clear(&g->lines);
    headers_cors(x, &g->lines);
    if (g->lines.len > 0) {
        const struct span wanted = http_header_get(head, "access-control-request-headers");
        buf_text(&g->lines, "access-control-allow-methods: GET, POST, DELETE, OPTIONS\r\n"
                            "access-control-max-age: 86400\r\n");
        if (wanted.len > 0)
            (void)http_line(&g->lines, "access-control-allow-headers", wanted); /* parsed: fine */
    }
    g->stats.own++;
    http_respond_lines(x->request, 204, buf_view(&g->lines), span_from(""));
}

bool own_answer(struct exchange *x)
{
    buf_clear(&x->gateway->text);
    switch (x->endpoint.kind) {
    case ENDPOINT_MODELS:
        if (x->endpoint.rest.len > 0)
            one_model(x);
        else
            list_models(x);
        return true;
    case ENDPOINT_OLLAMA_TAGS:
    case ENDPOINT_OLLAMA_PS:
        ollama_models(x, x->endpoint.kind == ENDPOINT_OLLAMA_PS);
        return true;
    case ENDPOINT_VERSION:
        version(x);
        return true;
    case ENDPOINT_HEALTH:
        health(x);
        return true;
    case ENDPOINT_PREFLIGHT:
        preflight(x);
        return true;
    case ENDPOINT_UNSUPPORTED:
        exchange_fail_text(x, TROUBLE_UNSUPPORTED,
                           "models come and go by configuration here, not by request");
        return true;
    case ENDPOINT_WEBSOCKET:
        exchange_fail_text(x, TROUBLE_UNSUPPORTED, "websockets are not passed on");
        return true;
    case ENDPOINT_METHOD:
        exchange_fail_text(x, TROUBLE_METHOD, "this path takes another method");
        return true;
    case ENDPOINT_FORWARD:
    case ENDPOINT_CHEAP:
    case ENDPOINT_UPSTREAM:
    case ENDPOINT_UNKNOWN:
        break;
    }
    return false;
}
