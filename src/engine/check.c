#include "engine/check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void check_fail(struct check *check, enum check_verdict verdict, const char *format, ...)
{
    if (check->verdict != CHECK_OK)
        return; /* the first reason is the one that tells */
    check->verdict = verdict;
    va_list list;
    va_start(list, format);
    (void)vsnprintf(check->why, sizeof check->why, format, list);
    va_end(list);
}

static void next_token(struct check *check)
{
    check->token_at = 0;
    check->token_len = check->tokens < check->output_tokens
                           ? answer_token(check->key, check->tokens, check->token)
                           : 0;
}

void check_init(struct check *check)
{
    *check = (struct check){
        .api = check->api,
        .key = check->key,
        .prompt_tokens = check->prompt_tokens,
        .output_tokens = check->output_tokens,
        .stream = check->stream,
        .usage = check->usage,
        .content = check->content,
    };
    buf_init(&check->line, check->stream ? CHECK_LINE_BYTES_MAX : CHECK_BODY_BYTES_MAX);
    next_token(check);
}

void check_done(struct check *check)
{
    buf_done(&check->line);
}

void check_text(struct check *check, struct span text)
{
    if (text.len == 0)
        return;
    check->text_events++;
    if (check->done || check->finished)
        check_fail(check, CHECK_WRONG, "text after the end");
    if (!check->content) {
        check->tokens++;
        return;
    }
    while (text.len > 0 && check->verdict == CHECK_OK) {
        const size_t left = check->token_len - check->token_at;
        const size_t n = text.len < left ? text.len : left;
        if (n == 0 || memcmp(text.ptr, check->token + check->token_at, n) != 0) {
            check_fail(check, CHECK_WRONG, "token %" PRId64 " of %" PRId64 " differs",
                       check->tokens, check->output_tokens);
            return;
        }
        text = span_slice(text, n, text.len - n);
        check->token_at += n;
        if (check->token_at == check->token_len) {
            check->tokens++;
            next_token(check);
        }
    }
}

void check_count(struct check *check, const char *name, const struct tree *node, int64_t expected)
{
    int64_t value;
    check->usage_seen = true;
    if (!tree_int(node, &value))
        check_fail(check, CHECK_WRONG, "usage has no %s", name);
    else if (check->content && value != expected)
        check_fail(check, CHECK_WRONG, "%s is %" PRId64 ", expected %" PRId64, name, value,
                   expected);
}

/* Parses one event or body and hands it on. */
static void take_json(struct check *check, struct span json, struct arena *arena,
                      void (*take_tree)(struct check *check, const struct tree *tree))
{
    const struct tree *tree;
    struct diag diag;
    if (json_read(arena, json, NULL, &tree, &diag) != RC_OK) {
        check_fail(check, CHECK_WRONG, "no JSON: %.*s", json.len < 80 ? (int)json.len : 80,
                   json.ptr);
    } else {
        struct span text = {0};
        const struct tree *error = tree_get(tree, "error");
        if (error != NULL && error->kind != TREE_NULL) {
            if (!tree_string(tree_get(error, "message"), &text))
                (void)tree_string(error, &text); /* another shape: no words */
            check_fail(check, CHECK_LOST, "error in the answer: %.*s",
                       text.len < 100 ? (int)text.len : 100, text.ptr);
        } else {
            take_tree(check, tree);
        }
    }
    arena_clear(arena);
}

static void take_line(struct check *check, struct span line, struct arena *arena)
{
    if (line.len > 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    if (line.len == 0)
        return;
    if (check->done) {
        check_fail(check, CHECK_WRONG, "more after the end mark");
        return;
    }
    if (check->api->lines) {
        take_json(check, line, arena, check->api->event);
        return;
    }
    if (line.ptr[0] == ':' || span_starts_with(line, "event:"))
        return; /* a comment of a gateway; names are repeated in the data */
    if (!span_starts_with(line, "data:")) {
        check_fail(check, CHECK_WRONG, "no event: %.*s", line.len < 80 ? (int)line.len : 80,
                   line.ptr);
        return;
    }
    const struct span data = span_trim(span_slice(line, 5, line.len - 5));
    if (check->api->done_mark && span_equal_text(data, "[DONE]"))
        check->done = true;
    else
        take_json(check, data, arena, check->api->event);
}

static void keep(struct check *check, struct span part)
{
    buf_span(&check->line, part);
    if (check->line.failed)
        check_fail(check, CHECK_WRONG, "an event or a body beyond all measure");
}

int64_t check_feed(struct check *check, struct span bytes, struct arena *arena)
{
    const int64_t before = check->tokens;
    if (!check->stream) {
        keep(check, bytes);
        return 0;
    }
    while (bytes.len > 0 && check->verdict == CHECK_OK) {
        const size_t end = span_find_byte(bytes, '\n', 0);
        if (end == SIZE_MAX) {
            keep(check, bytes);
            break;
        }
        struct span line = span_slice(bytes, 0, end);
        bytes = span_slice(bytes, end + 1, bytes.len - end - 1);
        if (check->line.len > 0) {
            keep(check, line);
            line = buf_view(&check->line);
        }
        take_line(check, line, arena);
        buf_clear(&check->line);
    }
    return check->tokens - before;
}

enum check_verdict check_end(struct check *check, struct arena *arena)
{
    if (!check->stream && check->verdict == CHECK_OK) {
        take_json(check, buf_view(&check->line), arena, check->api->whole);
        check->done = true;
    }
    if (check->stream && check->line.len > 0)
        check_fail(check, CHECK_LOST, "the stream ends inside a line");
    if (!check->done)
        check_fail(check, CHECK_LOST,
                   "the stream ends without its end mark after %" PRId64 " tokens", check->tokens);
    if (!check->finished)
        check_fail(check, CHECK_WRONG, "no finish reason");
    if (check->content && check->tokens != check->output_tokens)
        check_fail(check, CHECK_WRONG, "%" PRId64 " tokens, expected %" PRId64, check->tokens,
                   check->output_tokens);
    if (check->usage && !check->usage_seen)
        check_fail(check, CHECK_WRONG, "no usage");
    return check->verdict;
}
