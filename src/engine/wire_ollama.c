/* wire_ollama.c - /api/chat and /api/generate: one JSON object a line, streamed unless refused. */
#include "base/duration.h"
#include "engine/wire.h"

static void begin_line(const struct answer *answer, struct json_writer *w, struct buf *out)
{
    char created[DURATION_TEXT_MAX];
    (void)time_print_rfc3339(answer->created_ns, created);
    json_init(w, out);
    json_object(w);
    json_member_text(w, "model", answer->model);
    json_member_text(w, "created_at", created);
}

static void end_line(struct json_writer *w, struct buf *out)
{
    json_object_end(w);
    buf_byte(out, '\n');
}

/* The arguments of a call are an object of this protocol, so they come in one piece. */
static void write_call(const struct answer *answer, struct json_writer *w)
{
    json_key(w, "tool_calls");
    json_array(w);
    json_object(w);
    json_key(w, "function");
    json_object(w);
    json_member_text(w, "name", answer->tool);
    json_key(w, "arguments");
    for (int64_t i = 0; i < answer->output_tokens; i++) {
        char token[ANSWER_TOKEN_MAX];
        const size_t len = wire_text(answer, i, token);
        buf_append(w->buf, token, len);
    }
    w->after_key = false; /* the value was written past the writer */
    json_object_end(w);
    json_object_end(w);
    json_array_end(w);
}

static void write_message(const struct answer *answer, struct span content, bool whole, bool call,
                          struct json_writer *w)
{
    json_key(w, "message");
    json_object(w);
    json_member_text(w, "role", "assistant");
    json_key(w, "content");
    if (whole && !call)
        wire_json_tokens(answer, w);
    else
        json_string(w, content);
    if (call)
        write_call(answer, w);
    json_object_end(w);
}

static void write_done(const struct answer *answer, struct json_writer *w)
{
    json_member_text(w, "done_reason", answer->limited ? "length" : "stop");
    json_member_bool(w, "done", true);
    json_member_int(w, "total_duration", 1);
    json_member_int(w, "load_duration", 0);
    json_member_int(w, "prompt_eval_count", answer->prompt_tokens);
    json_member_int(w, "prompt_eval_duration", 1);
    json_member_int(w, "eval_count", answer->output_tokens);
    json_member_int(w, "eval_duration", 1);
}

static void ollama_open(const struct answer *answer, struct buf *out)
{
    (void)answer; /* a stream begins with its first token */
    (void)out;
}

static void chat_token(const struct answer *answer, int64_t index, struct buf *out)
{
    const bool call = answer->tool[0] != '\0';
    if (call && index + 1 < answer->output_tokens)
        return;
    char token[ANSWER_TOKEN_MAX];
    const size_t len = call ? 0 : wire_text(answer, index, token);
    struct json_writer w;
    begin_line(answer, &w, out);
    write_message(answer, span_of(token, len), false, call, &w);
    json_member_bool(&w, "done", false);
    end_line(&w, out);
}

static void chat_close(const struct answer *answer, struct buf *out)
{
    struct json_writer w;
    begin_line(answer, &w, out);
    write_message(answer, span_from(""), false, false, &w);
    write_done(answer, &w);
    end_line(&w, out);
}

static void chat_whole(const struct answer *answer, struct buf *out)
{
    struct json_writer w;
    begin_line(answer, &w, out);
    write_message(answer, span_from(""), true, answer->tool[0] != '\0', &w);
    write_done(answer, &w);
    json_object_end(&w);
}

static void generate_token(const struct answer *answer, int64_t index, struct buf *out)
{
    char token[ANSWER_TOKEN_MAX];
    const size_t len = wire_text(answer, index, token);
    struct json_writer w;
    begin_line(answer, &w, out);
    json_member_span(&w, "response", span_of(token, len));
    json_member_bool(&w, "done", false);
    end_line(&w, out);
}

static void generate_close(const struct answer *answer, struct buf *out)
{
    struct json_writer w;
    begin_line(answer, &w, out);
    json_member_text(&w, "response", "");
    write_done(answer, &w);
    end_line(&w, out);
}

static void generate_whole(const struct answer *answer, struct buf *out)
{
    struct json_writer w;
    begin_line(answer, &w, out);
    json_key(&w, "response");
    wire_json_tokens(answer, &w);
    write_done(answer, &w);
    json_object_end(&w);
}

static void ollama_error(int status, const char *message, struct buf *out)
{
    (void)status;
    struct json_writer w;
    json_init(&w, out);
    json_object(&w);
    json_member_text(&w, "error", message);
    json_object_end(&w);
}

const struct wire wire_ollama_chat = {
    .path = "/api/chat",
    .stream_type = "application/x-ndjson",
    .request = {.limits = {"options.num_predict"}, .texts = {"messages"}, .stream_default = true},
    .open = ollama_open,
    .token = chat_token,
    .close = chat_close,
    .whole = chat_whole,
    .error = ollama_error,
};

const struct wire wire_ollama_generate = {
    .path = "/api/generate",
    .stream_type = "application/x-ndjson",
    .request = {.limits = {"options.num_predict"},
                .texts = {"prompt", "system"},
                .stream_default = true},
    .open = ollama_open,
    .token = generate_token,
    .close = generate_close,
    .whole = generate_whole,
    .error = ollama_error,
};
