/* hold.c - words to clients that wait for a replica, so that neither they nor what stands in
 * between gives up.
 *
 * Streams are answered after a second with keep-alives: comments, or reasoning text where a pool
 * wants it seen. To the others a `102 Processing` goes out, but only to clients that are known to
 * take it: some read it as the final answer. */
#include <stdio.h>

#include "gateway/gateway_internal.h"

/* Beginnings of User-Agent that take interim answers as HTTP says. */
static const char *const interim_agents[] = {
    "OpenAI/",  "AsyncOpenAI/", "Anthropic/", "AsyncAnthropic/", "ollama", "python-httpx/",
    "aiohttp/", "Python/",      "node",       "undici",          "curl/"};

static bool takes_interim(const struct exchange *x)
{
    const struct http_head *head = http_request_head(x->request);
    const struct span agent = http_header_get(head, "user-agent");
    if (head->version_minor == 0)
        return false;
    for (size_t i = 0; i < COUNT_OF(interim_agents); i++)
        if (span_starts_with(agent, interim_agents[i]))
            return true;
    return false;
}

static bool speaks(const struct exchange *x)
{
    return x->wants_stream && x->pool->spec.hold != HOLD_SILENT &&
           x->endpoint.family != FAMILY_OLLAMA;
}

void hold_start(struct exchange *x, int64_t now_ns)
{
    const struct gateway_config *config = &x->gateway->config;
    if (x->early)
        x->hold_ns = now_ns + config->hold_every_ns;
    else if (speaks(x))
        x->hold_ns = now_ns + config->hold_after_ns;
    else if (x->pool->spec.hold != HOLD_SILENT && takes_interim(x))
        x->hold_ns = now_ns + config->interim_every_ns;
}

static void interim(struct exchange *x, int64_t now_ns)
{
    struct buf *lines = &x->gateway->lines;
    const struct dispatch_place place = dispatch_place(x->pool->dispatch, x->handle, now_ns);
    buf_clear(lines);
    if (place.eta_ns >= 0) {
        buf_text(lines, "x-sluice-eta: ");
        buf_int(lines, place.eta_ns / SECOND_NS + 1);
        buf_text(lines, "\r\n");
    }
    http_response_interim(x->request, 102, buf_view(lines));
    x->hold_ns = now_ns + x->gateway->config.interim_every_ns;
}

static void begin(struct exchange *x)
{
    struct buf *lines = &x->gateway->lines;
    x->begun = x->early = true;
    buf_clear(lines);
    buf_text(lines, "content-type: text/event-stream\r\ncache-control: no-cache\r\n");
    headers_of_ours(x, lines);
    headers_cors(x, lines);
    http_response_begin(x->request, 200, buf_view(lines), HTTP_LENGTH_STREAM);
}

/* A piece of reasoning as chat clients show it; never a chunk without choices. */
static void reasoning(struct exchange *x, const struct dispatch_place *place, struct buf *out)
{
    char words[128];
    struct json_writer w;
    if (place->eta_ns >= 0)
        (void)snprintf(words, sizeof(words), "Waiting for a replica: place %d, about %d s.\n",
                       (int)place->position, (int)(place->eta_ns / SECOND_NS + 1));
    else
        (void)snprintf(words, sizeof(words), "Waiting for a replica: place %d.\n",
                       (int)place->position);
    buf_text(out, "data: ");
    json_init(&w, out);
    json_object(&w);
    json_member_text(&w, "id", x->request_id);
    json_member_text(&w, "object", "chat.completion.chunk");
    json_member_int(&w, "created", x->gateway->started_wall_s);
    json_member_text(&w, "model", x->model);
    json_key(&w, "choices");
    json_array(&w);
    json_object(&w);
    json_member_int(&w, "index", 0);
    json_key(&w, "delta");
    json_object(&w);
    json_member_text(&w, "role", "assistant");
    json_member_text(&w, "reasoning_content", words);
    json_object_end(&w);
    json_key(&w, "finish_reason");
    json_null(&w);
    json_object_end(&w);
    json_array_end(&w);
    json_object_end(&w);
    buf_text(out, "\n\n");
}

static bool is_chat(const struct exchange *x)
{
    return span_ends_with(http_request_head(x->request)->path, "/chat/completions");
}

void hold_tick(struct exchange *x, int64_t now_ns)
{
    struct buf *text = &x->gateway->text;
    if (!x->early && !speaks(x)) {
        interim(x, now_ns);
        return;
    }
    const struct dispatch_place place = dispatch_place(x->pool->dispatch, x->handle, now_ns);
    if (!x->begun)
        begin(x);
    buf_clear(text);
    if (x->pool->spec.hold == HOLD_REASONING && is_chat(x))
        reasoning(x, &place, text);
    else
        (void)family_keep_alive(text, x->endpoint.family, place.position, place.eta_ns);
    http_response_data(x->request, buf_view(text));
    x->hold_ns = now_ns + x->gateway->config.hold_every_ns;
}
