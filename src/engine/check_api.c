/* check_api.c - what the answers of each protocol look like to a client. */
#include "engine/check.h"

static void take_string(struct check *check, const struct tree *node)
{
    struct span text;
    if (tree_string(node, &text))
        check_text(check, text);
}

static void openai_usage(struct check *check, const struct tree *usage)
{
    if (usage == NULL || usage->kind != TREE_OBJECT)
        return;
    check_count(check, "prompt_tokens", tree_get(usage, "prompt_tokens"), check->prompt_tokens);
    check_count(check, "completion_tokens", tree_get(usage, "completion_tokens"),
                check->output_tokens);
}

static void openai_finish(struct check *check, const struct tree *choice)
{
    struct span reason;
    if (tree_string(tree_get(choice, "finish_reason"), &reason))
        check->finished = true;
}

static void chat_event(struct check *check, const struct tree *event)
{
    const struct tree *choice = tree_at(tree_get(event, "choices"), 0);
    take_string(check, tree_path(choice, "delta.content"));
    openai_finish(check, choice);
    openai_usage(check, tree_get(event, "usage"));
}

static void chat_whole(struct check *check, const struct tree *body)
{
    const struct tree *choice = tree_at(tree_get(body, "choices"), 0);
    take_string(check, tree_path(choice, "message.content"));
    openai_finish(check, choice);
    openai_usage(check, tree_get(body, "usage"));
}

/* Stream events and whole bodies have one shape here. */
static void text_event(struct check *check, const struct tree *event)
{
    const struct tree *choice = tree_at(tree_get(event, "choices"), 0);
    take_string(check, tree_get(choice, "text"));
    openai_finish(check, choice);
    openai_usage(check, tree_get(event, "usage"));
}

static void messages_stop(struct check *check, const struct tree *holder, const struct tree *usage)
{
    struct span reason;
    if (tree_string(tree_get(holder, "stop_reason"), &reason))
        check->finished = true;
    if (usage != NULL)
        check_count(check, "output_tokens", tree_get(usage, "output_tokens"), check->output_tokens);
}

static void messages_event(struct check *check, const struct tree *event)
{
    struct span type = {0};
    (void)tree_string(tree_get(event, "type"), &type); /* none: no case below */
    if (span_equal_text(type, "message_start"))
        check_count(check, "input_tokens", tree_path(event, "message.usage.input_tokens"),
                    check->prompt_tokens);
    else if (span_equal_text(type, "content_block_delta"))
        take_string(check, tree_path(event, "delta.text"));
    else if (span_equal_text(type, "message_delta"))
        messages_stop(check, tree_get(event, "delta"), tree_get(event, "usage"));
    else if (span_equal_text(type, "message_stop"))
        check->done = true;
}

static void messages_whole(struct check *check, const struct tree *body)
{
    take_string(check, tree_get(tree_at(tree_get(body, "content"), 0), "text"));
    messages_stop(check, body, tree_get(body, "usage"));
}

static void ollama_end(struct check *check, const struct tree *event)
{
    bool done = false;
    if (!tree_bool(tree_get(event, "done"), &done) || !done)
        return;
    check->done = true;
    check->finished = true;
    check_count(check, "prompt_eval_count", tree_get(event, "prompt_eval_count"),
                check->prompt_tokens);
    check_count(check, "eval_count", tree_get(event, "eval_count"), check->output_tokens);
}

static void ollama_chat(struct check *check, const struct tree *event)
{
    take_string(check, tree_path(event, "message.content"));
    ollama_end(check, event);
}

static void ollama_generate(struct check *check, const struct tree *event)
{
    take_string(check, tree_get(event, "response"));
    ollama_end(check, event);
}

#define MESSAGES_BEGIN "\"messages\":[{\"role\":\"user\",\"content\":\""
#define MESSAGES_END "\"}]"

const struct check_api check_apis[] = {
    {"chat", "/v1/chat/completions", MESSAGES_BEGIN, MESSAGES_END, "max_tokens", false, true,
     chat_event, chat_whole},
    {"completions", "/v1/completions", "\"prompt\":\"", "\"", "max_tokens", false, true, text_event,
     text_event},
    {"messages", "/v1/messages", MESSAGES_BEGIN, MESSAGES_END, "max_tokens", false, false,
     messages_event, messages_whole},
    {"ollama-chat", "/api/chat", MESSAGES_BEGIN, MESSAGES_END, "options", true, false, ollama_chat,
     ollama_chat},
    {"ollama-generate", "/api/generate", "\"prompt\":\"", "\"", "options", true, false,
     ollama_generate, ollama_generate},
};
const size_t check_api_count = COUNT_OF(check_apis);
