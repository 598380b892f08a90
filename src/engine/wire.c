#include "engine/wire.h"

#include <inttypes.h>
#include <string.h>

#include "base/num.h"

#define ARENA_BYTES (512U << 20) /* a body of HTTP_BODY_BYTES_MAX as a tree */

const struct wire *const wires[] = {&wire_chat, &wire_completions, &wire_messages,
                                    &wire_ollama_chat, &wire_ollama_generate};
const size_t wire_count = COUNT_OF(wires);

const struct wire *wire_find(struct span path)
{
    for (size_t i = 0; i < wire_count; i++) {
        if (span_equal_text(path, wires[i]->path))
            return wires[i];
    }
    return NULL;
}

/* What is counted and searched in the prompt. */
struct prompt {
    uint64_t bytes;
    int64_t ids; /* tokens that came as numbers */
    bool mark;
};

static void scan_text(struct span text, struct prompt *prompt)
{
    static const struct span mark = SPAN_LITERAL(ANSWER_TOOL_MARK);
    prompt->bytes += text.len;
    prompt->mark = prompt->mark || span_find(text, mark, 0) != SIZE_MAX;
}

/* Text stands as a string, in a list of strings, as "content" of messages, or as "text" of parts. A
 * list of numbers is a list of tokens. The depth of the tree is bounded by its reader. */
static void scan_prompt(const struct tree *node, struct prompt *prompt)
{
    struct span text;
    if (tree_string(node, &text)) {
        scan_text(text, prompt);
        return;
    }
    if (node == NULL)
        return;
    if (node->kind == TREE_NUMBER)
        prompt->ids++;
    if (node->kind == TREE_OBJECT) {
        scan_prompt(tree_get(node, "content"), prompt);
        scan_prompt(tree_get(node, "text"), prompt);
    }
    if (node->kind == TREE_ARRAY) {
        for (const struct tree *child = node->first; child != NULL; child = child->next)
            scan_prompt(child, prompt);
    }
}

/* "name" of OpenAI's {"function":{"name"}} or Anthropic's {"name"}. */
static void find_tool(const struct tree *body, struct answer *answer)
{
    const struct tree *first = tree_at(tree_get(body, "tools"), 0);
    struct span name;
    if (tree_string(tree_path(first, "function.name"), &name) ||
        tree_string(tree_get(first, "name"), &name))
        (void)span_copy(name, answer->tool, sizeof answer->tool); /* cut when absurdly long */
}

static enum rc read_length(const struct wire *wire, const struct tree *body,
                           const struct wire_defaults *defaults, struct answer *answer,
                           struct diag *diag)
{
    answer->output_tokens = defaults->output_tokens;
    for (size_t i = 0; wire->request.limits[i] != NULL; i++) {
        const struct tree *node = tree_path(body, wire->request.limits[i]);
        if (node == NULL || node->kind == TREE_NULL)
            continue;
        int64_t value;
        if (!tree_int(node, &value) || value < 1)
            return fail(diag, RC_INVALID, "%s must be a whole number of 1 or more",
                        wire->request.limits[i]);
        answer->output_tokens = value;
        answer->limited = true;
    }
    if (answer->output_tokens > defaults->output_max)
        return fail(diag, RC_INVALID,
                    "%" PRId64 " output tokens are more than this engine's %" PRId64,
                    answer->output_tokens, defaults->output_max);
    return RC_OK;
}

static enum rc read_members(const struct wire *wire, const struct tree *body,
                            const struct wire_defaults *defaults, struct answer *answer,
                            struct diag *diag)
{
    if (body->kind != TREE_OBJECT)
        return fail(diag, RC_INVALID, "the body must be a JSON object");
    struct prompt prompt = {0};
    bool found = false;
    for (size_t i = 0; wire->request.texts[i] != NULL; i++) {
        const struct tree *text = tree_get(body, wire->request.texts[i]);
        found = found || text != NULL;
        scan_prompt(text, &prompt);
    }
    if (!found)
        return fail(diag, RC_MISSING, "'%s' is required", wire->request.texts[0]);
    answer->prompt_tokens = prompt.ids > 0 ? prompt.ids : answer_prompt_tokens(prompt.bytes);
    if (!tree_int(tree_get(body, "cached_tokens"), &answer->cached_tokens) ||
        answer->cached_tokens < 0)
        answer->cached_tokens = 0;
    struct span model = span_from(defaults->model);
    (void)tree_string(tree_get(body, "model"), &model);          /* absent: the engine's */
    (void)span_copy(model, answer->model, sizeof answer->model); /* cut when absurdly long */
    answer->stream = wire->request.stream_default;
    (void)tree_bool(tree_get(body, "stream"), &answer->stream); /* absent: the default */
    (void)tree_bool(tree_path(body, "stream_options.include_usage"), &answer->include_usage);
    enum rc rc = read_length(wire, body, defaults, answer, diag);
    if (rc == RC_OK && prompt.mark)
        find_tool(body, answer);
    if (answer->tool[0] != '\0' && answer->output_tokens < 2)
        answer->output_tokens = 2; /* a call has a beginning and an end */
    return rc;
}

enum rc wire_read(const struct wire *wire, struct span body, struct span header_id,
                  struct span made_id, const struct wire_defaults *defaults, struct answer *ret,
                  struct diag *diag)
{
    struct arena arena;
    arena_init(&arena, ARENA_BYTES);
    const struct json_limits limits = {.duplicates_allowed = true, .lone_surrogates = true};
    const struct tree *tree;
    struct answer answer = {0};
    enum rc rc = json_read(&arena, body, &limits, &tree, diag);
    if (rc == RC_OK)
        rc = read_members(wire, tree, defaults, &answer, diag);
    if (rc == RC_OK) {
        struct span id = header_id;
        if (id.len == 0)
            (void)tree_string(tree_get(tree, "request_id"), &id);
        if (id.len == 0)
            id = made_id;
        if (!span_copy(id, answer.id, sizeof answer.id))
            rc = fail(diag, RC_INVALID, "the request id is too long");
        answer.key = answer_key(id);
    }
    if (rc == RC_OK)
        *ret = answer;
    arena_done(&arena);
    return rc;
}

size_t wire_text(const struct answer *answer, int64_t index, char ret_text[ANSWER_TOKEN_MAX])
{
    if (answer->tool[0] != '\0')
        return answer_tool_token(answer->key, index, answer->output_tokens, ret_text);
    return answer_token(answer->key, index, ret_text);
}

void wire_json_tokens(const struct answer *answer, struct json_writer *w)
{
    struct buf text;
    buf_init(&text, ANSWER_TOKEN_MAX * (size_t)answer->output_tokens + 1);
    for (int64_t i = 0; i < answer->output_tokens; i++) {
        char token[ANSWER_TOKEN_MAX];
        const size_t len = wire_text(answer, i, token);
        buf_append(&text, token, len);
    }
    if (text.failed)
        w->buf->failed = true;
    json_string(w, buf_view(&text));
    buf_done(&text);
}
