/* wire_anthropic.c - /v1/messages: named events, usage at both ends. */
#include "engine/wire.h"

static void begin_event(const char *name, struct json_writer *w, struct buf *out)
{
    buf_printf(out, "event: %s\ndata: ", name);
    json_init(w, out);
    json_object(w);
    json_member_text(w, "type", name);
}

static void end_event(struct json_writer *w, struct buf *out)
{
    json_object_end(w);
    buf_text(out, "\n\n");
}

static void plain_event(const char *name, bool indexed, struct buf *out)
{
    struct json_writer w;
    begin_event(name, &w, out);
    if (indexed)
        json_member_int(&w, "index", 0);
    end_event(&w, out);
}

static void write_usage(const struct answer *answer, int64_t output_tokens, struct json_writer *w)
{
    json_key(w, "usage");
    json_object(w);
    json_member_int(w, "input_tokens", answer->prompt_tokens);
    json_member_int(w, "cache_read_input_tokens", answer->cached_tokens);
    json_member_int(w, "output_tokens", output_tokens);
    json_object_end(w);
}

static const char *stop_reason(const struct answer *answer)
{
    if (answer->tool[0] != '\0')
        return "tool_use";
    return answer->limited ? "max_tokens" : "end_turn";
}

static void write_message_head(const struct answer *answer, struct json_writer *w)
{
    json_member_text(w, "id", answer->id);
    json_member_text(w, "type", "message");
    json_member_text(w, "role", "assistant");
    json_member_text(w, "model", answer->model);
}

static void messages_open(const struct answer *answer, struct buf *out)
{
    struct json_writer w;
    begin_event("message_start", &w, out);
    json_key(&w, "message");
    json_object(&w);
    write_message_head(answer, &w);
    json_key(&w, "content");
    json_array(&w);
    json_array_end(&w);
    json_key(&w, "stop_reason");
    json_null(&w);
    json_key(&w, "stop_sequence");
    json_null(&w);
    write_usage(answer, 0, &w);
    json_object_end(&w);
    end_event(&w, out);
    begin_event("content_block_start", &w, out);
    json_member_int(&w, "index", 0);
    json_key(&w, "content_block");
    json_object(&w);
    if (answer->tool[0] != '\0') {
        json_member_text(&w, "type", "tool_use");
        json_member_text(&w, "id", "toolu_0");
        json_member_text(&w, "name", answer->tool);
        json_key(&w, "input");
        json_object(&w);
        json_object_end(&w);
    } else {
        json_member_text(&w, "type", "text");
        json_member_text(&w, "text", "");
    }
    json_object_end(&w);
    end_event(&w, out);
    plain_event("ping", false, out);
}

static void messages_token(const struct answer *answer, int64_t index, struct buf *out)
{
    char token[ANSWER_TOKEN_MAX];
    const struct span piece = span_of(token, wire_text(answer, index, token));
    const bool tool = answer->tool[0] != '\0';
    struct json_writer w;
    begin_event("content_block_delta", &w, out);
    json_member_int(&w, "index", 0);
    json_key(&w, "delta");
    json_object(&w);
    json_member_text(&w, "type", tool ? "input_json_delta" : "text_delta");
    json_member_span(&w, tool ? "partial_json" : "text", piece);
    json_object_end(&w);
    end_event(&w, out);
}

static void messages_close(const struct answer *answer, struct buf *out)
{
    plain_event("content_block_stop", true, out);
    struct json_writer w;
    begin_event("message_delta", &w, out);
    json_key(&w, "delta");
    json_object(&w);
    json_member_text(&w, "stop_reason", stop_reason(answer));
    json_key(&w, "stop_sequence");
    json_null(&w);
    json_object_end(&w);
    json_key(&w, "usage");
    json_object(&w);
    json_member_int(&w, "output_tokens", answer->output_tokens);
    json_object_end(&w);
    end_event(&w, out);
    plain_event("message_stop", false, out);
}

/* The call's input stands as an object here: its text is JSON already. */
static void write_input(const struct answer *answer, struct json_writer *w)
{
    json_key(w, "input");
    for (int64_t i = 0; i < answer->output_tokens; i++) {
        char token[ANSWER_TOKEN_MAX];
        const size_t len = wire_text(answer, i, token);
        buf_append(w->buf, token, len);
    }
    w->after_key = false; /* the value was written past the writer */
}

static void messages_whole(const struct answer *answer, struct buf *out)
{
    struct json_writer w;
    json_init(&w, out);
    json_object(&w);
    write_message_head(answer, &w);
    json_key(&w, "content");
    json_array(&w);
    json_object(&w);
    if (answer->tool[0] != '\0') {
        json_member_text(&w, "type", "tool_use");
        json_member_text(&w, "id", "toolu_0");
        json_member_text(&w, "name", answer->tool);
        write_input(answer, &w);
    } else {
        json_member_text(&w, "type", "text");
        json_key(&w, "text");
        wire_json_tokens(answer, &w);
    }
    json_object_end(&w);
    json_array_end(&w);
    json_member_text(&w, "stop_reason", stop_reason(answer));
    json_key(&w, "stop_sequence");
    json_null(&w);
    write_usage(answer, answer->output_tokens, &w);
    json_object_end(&w);
}

static void messages_error(int status, const char *message, struct buf *out)
{
    struct json_writer w;
    json_init(&w, out);
    json_object(&w);
    json_member_text(&w, "type", "error");
    json_key(&w, "error");
    json_object(&w);
    json_member_text(&w, "type", status < 500 ? "invalid_request_error" : "api_error");
    json_member_text(&w, "message", message);
    json_object_end(&w);
    json_object_end(&w);
}

const struct wire wire_messages = {
    .path = "/v1/messages",
    .stream_type = "text/event-stream; charset=utf-8",
    .request = {.limits = {"max_tokens"}, .texts = {"messages", "system"}},
    .open = messages_open,
    .token = messages_token,
    .close = messages_close,
    .whole = messages_whole,
    .error = messages_error,
};
