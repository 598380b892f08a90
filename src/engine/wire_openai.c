/* wire_openai.c - /v1/chat/completions and /v1/completions. */
#include <stdio.h>

#include "base/duration.h"
#include "engine/wire.h"

struct flavour {
    const char *prefix;
    const char *object;
    const char *chunk;
};
static const struct flavour chat = {"chatcmpl-", "chat.completion", "chat.completion.chunk"};
static const struct flavour text = {"cmpl-", "text_completion", "text_completion"};

static void write_head(const struct flavour *flavour, const struct answer *answer,
                       const char *object, struct json_writer *w)
{
    json_object(w);
    char id[TEXT_SIZE + 16];
    (void)snprintf(id, sizeof id, "%s%s", flavour->prefix, answer->id);
    json_member_text(w, "id", id);
    json_member_text(w, "object", object);
    json_member_int(w, "created", answer->created_ns / SECOND_NS);
    json_member_text(w, "model", answer->model);
}

static void write_usage(const struct answer *answer, struct json_writer *w)
{
    json_key(w, "usage");
    json_object(w);
    json_member_int(w, "prompt_tokens", answer->prompt_tokens);
    json_member_int(w, "completion_tokens", answer->output_tokens);
    json_member_int(w, "total_tokens", answer->prompt_tokens + answer->output_tokens);
    json_key(w, "prompt_tokens_details");
    json_object(w);
    json_member_int(w, "cached_tokens", answer->cached_tokens);
    json_object_end(w);
    json_object_end(w);
}

static const char *finish_reason(const struct answer *answer)
{
    if (answer->tool[0] != '\0')
        return "tool_calls";
    return answer->limited ? "length" : "stop";
}

static void end_choice(struct json_writer *w, const char *finish)
{
    json_key(w, "logprobs");
    json_null(w);
    json_key(w, "finish_reason");
    if (finish != NULL)
        json_text(w, finish);
    else
        json_null(w);
    json_object_end(w);
    json_array_end(w);
}

static void begin_event(const struct flavour *flavour, const struct answer *answer,
                        struct json_writer *w, struct buf *out)
{
    buf_text(out, "data: ");
    json_init(w, out);
    write_head(flavour, answer, flavour->chunk, w);
    json_key(w, "choices");
    json_array(w);
}

static void end_event(struct json_writer *w, struct buf *out)
{
    json_object_end(w);
    buf_text(out, "\n\n");
}

static void begin_delta(const struct answer *answer, struct json_writer *w, struct buf *out)
{
    begin_event(&chat, answer, w, out);
    json_object(w);
    json_member_int(w, "index", 0);
    json_key(w, "delta");
    json_object(w);
}

static void end_delta(const char *finish, struct json_writer *w, struct buf *out)
{
    json_object_end(w);
    end_choice(w, finish);
    end_event(w, out);
}

static void write_call_begin(const struct answer *answer, struct json_writer *w)
{
    json_object(w);
    json_member_int(w, "index", 0);
    json_member_text(w, "id", "call_0");
    json_member_text(w, "type", "function");
    json_key(w, "function");
    json_object(w);
    json_member_text(w, "name", answer->tool);
    json_key(w, "arguments");
}

static void chat_open(const struct answer *answer, struct buf *out)
{
    struct json_writer w;
    begin_delta(answer, &w, out);
    json_member_text(&w, "role", "assistant");
    if (answer->tool[0] != '\0') {
        json_key(&w, "tool_calls");
        json_array(&w);
        write_call_begin(answer, &w);
        json_text(&w, "");
        json_object_end(&w);
        json_object_end(&w);
        json_array_end(&w);
    } else {
        json_member_text(&w, "content", "");
    }
    end_delta(NULL, &w, out);
}

static void chat_token(const struct answer *answer, int64_t index, struct buf *out)
{
    char token[ANSWER_TOKEN_MAX];
    const struct span piece = span_of(token, wire_text(answer, index, token));
    struct json_writer w;
    begin_delta(answer, &w, out);
    if (answer->tool[0] != '\0') {
        json_key(&w, "tool_calls");
        json_array(&w);
        json_object(&w);
        json_member_int(&w, "index", 0);
        json_key(&w, "function");
        json_object(&w);
        json_member_span(&w, "arguments", piece);
        json_object_end(&w);
        json_object_end(&w);
        json_array_end(&w);
    } else {
        json_member_span(&w, "content", piece);
    }
    end_delta(NULL, &w, out);
}

static void close_stream(const struct flavour *flavour, const struct answer *answer,
                         struct buf *out)
{
    if (answer->include_usage) {
        struct json_writer w;
        begin_event(flavour, answer, &w, out);
        json_array_end(&w);
        write_usage(answer, &w);
        end_event(&w, out);
    }
    buf_text(out, "data: [DONE]\n\n");
}

static void chat_close(const struct answer *answer, struct buf *out)
{
    struct json_writer w;
    begin_delta(answer, &w, out);
    end_delta(finish_reason(answer), &w, out);
    close_stream(&chat, answer, out);
}

static void begin_whole(const struct flavour *flavour, const struct answer *answer,
                        struct json_writer *w, struct buf *out)
{
    json_init(w, out);
    write_head(flavour, answer, flavour->object, w);
    json_key(w, "choices");
    json_array(w);
    json_object(w);
    json_member_int(w, "index", 0);
}

static void chat_whole(const struct answer *answer, struct buf *out)
{
    struct json_writer w;
    begin_whole(&chat, answer, &w, out);
    json_key(&w, "message");
    json_object(&w);
    json_member_text(&w, "role", "assistant");
    json_key(&w, "content");
    if (answer->tool[0] != '\0') {
        json_null(&w);
        json_key(&w, "tool_calls");
        json_array(&w);
        write_call_begin(answer, &w);
        wire_json_tokens(answer, &w);
        json_object_end(&w);
        json_object_end(&w);
        json_array_end(&w);
    } else {
        wire_json_tokens(answer, &w);
    }
    json_object_end(&w);
    end_choice(&w, finish_reason(answer));
    write_usage(answer, &w);
    json_object_end(&w);
}

static void text_piece(const struct answer *answer, struct span piece, const char *finish,
                       struct buf *out)
{
    struct json_writer w;
    begin_event(&text, answer, &w, out);
    json_object(&w);
    json_member_int(&w, "index", 0);
    json_member_span(&w, "text", piece);
    end_choice(&w, finish);
    end_event(&w, out);
}

static void text_open(const struct answer *answer, struct buf *out)
{
    (void)answer; /* a completion stream begins with its first token */
    (void)out;
}

static void text_token(const struct answer *answer, int64_t index, struct buf *out)
{
    char token[ANSWER_TOKEN_MAX];
    const size_t len = wire_text(answer, index, token);
    text_piece(answer, span_of(token, len), NULL, out);
}

static void text_close(const struct answer *answer, struct buf *out)
{
    text_piece(answer, span_from(""), finish_reason(answer), out);
    close_stream(&text, answer, out);
}

static void text_whole(const struct answer *answer, struct buf *out)
{
    struct json_writer w;
    begin_whole(&text, answer, &w, out);
    json_key(&w, "text");
    wire_json_tokens(answer, &w);
    end_choice(&w, finish_reason(answer));
    write_usage(answer, &w);
    json_object_end(&w);
}

void wire_error_openai(int status, const char *message, struct buf *out)
{
    struct json_writer w;
    json_init(&w, out);
    json_object(&w);
    json_key(&w, "error");
    json_object(&w);
    json_member_text(&w, "message", message);
    json_member_text(&w, "type", status < 500 ? "invalid_request_error" : "internal_server_error");
    json_key(&w, "param");
    json_null(&w);
    json_member_int(&w, "code", status);
    json_object_end(&w);
    json_object_end(&w);
}

const struct wire wire_chat = {
    .path = "/v1/chat/completions",
    .stream_type = "text/event-stream; charset=utf-8",
    .request = {.limits = {"max_tokens", "max_completion_tokens"}, .texts = {"messages"}},
    .open = chat_open,
    .token = chat_token,
    .close = chat_close,
    .whole = chat_whole,
    .error = wire_error_openai,
};

const struct wire wire_completions = {
    .path = "/v1/completions",
    .stream_type = "text/event-stream; charset=utf-8",
    .request = {.limits = {"max_tokens"}, .texts = {"prompt"}},
    .open = text_open,
    .token = text_token,
    .close = text_close,
    .whole = text_whole,
    .error = wire_error_openai,
};
