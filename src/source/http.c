/* http.c - a number in a JSON document that a URL answers with. */
#include <math.h>
#include <stdio.h>

#include "base/json_path.h"
#include "base/num.h"
#include "io/clock.h"
#include "source/fetch.h"

#define ANSWER_BYTES_MAX (1U << 20)
#define ANSWER_MEMORY_MAX (32U << 20)

struct http {
    struct source base;
    struct source_fetch *fetch;
};

static struct http *http_of(struct source *s)
{
    return (struct http *)s; /* base is the first member */
}

static void drop(struct source *s)
{
    source_fetch_cancel(http_of(s)->fetch);
    http_of(s)->fetch = NULL;
}

static const char *const type_words[] = {
    [JSON_TYPE_NUMBER] = "a number",
    [JSON_TYPE_TEXT] = "a text that holds a number",
    [JSON_TYPE_COUNT] = "a list or an object",
};

static bool value_of(const struct tree *node, enum json_value_type type, double *ret)
{
    struct span text;
    switch (type) {
    case JSON_TYPE_NUMBER:
        return tree_number(node, ret);
    case JSON_TYPE_TEXT:
        return tree_string(node, &text) && num_parse(span_trim(text), ret) == RC_OK;
    case JSON_TYPE_COUNT:
        *ret = (double)node->count;
        return node->kind == TREE_ARRAY || node->kind == TREE_OBJECT;
    }
    return false;
}

/* How long ago it was measured by the document's own word. */
static bool age_of(const struct tree *json, const char *path, int64_t *ret_ns)
{
    const struct tree *node = json_path_find(json, span_from(path));
    struct span text;
    double unix_s = 0;
    int64_t unix_ns = 0;
    *ret_ns = 0;
    if (path[0] == '\0')
        return true;
    if (tree_number(node, &unix_s))
        unix_ns = ns_of_seconds(unix_s);
    else if (!tree_string(node, &text) || time_parse_rfc3339(text, &unix_ns) != RC_OK)
        return false;
    *ret_ns = num_add_sat(clock_wall_ns(), -unix_ns);
    return true;
}

/* NULL: an answer, or that there is none, was told. */
static const char *take_document(struct source *s, const struct tree *json)
{
    const struct http_source *spec = &s->spec->http;
    const struct tree *node = json_path_find(json, span_from(spec->path));
    double value = NAN;
    int64_t age_ns = 0;
    if (node == NULL)
        return "there";
    if (node->kind == TREE_NULL)
        return NULL; /* it says that there is none */
    if (!value_of(node, (enum json_value_type)spec->type, &value))
        return type_words[spec->type];
    if (!age_of(json, spec->time_path, &age_ns))
        return "a time";
    source_number(s, value, age_ns);
    return NULL;
}

static void take_body(struct source *s, struct span body)
{
    struct arena arena;
    struct diag diag = {0};
    char head[FETCH_HEAD_SIZE];
    const struct tree *json = NULL;
    arena_init(&arena, ANSWER_MEMORY_MAX);
    if (json_read(&arena, body, NULL, &json, &diag) != RC_OK) {
        source_fail(s, SOURCE_FAULT_NOT_PARSED, -1, "this is no JSON: %s",
                    source_fetch_head(body, head));
    } else {
        const char *wanted = take_document(s, json);
        if (wanted != NULL)
            source_fail(s, SOURCE_FAULT_NOT_PARSED, -1, "%s is not %s in: %s", s->spec->http.path,
                        wanted, source_fetch_head(body, head));
        else
            source_end(s);
    }
    arena_done(&arena);
}

static void on_reply(void *user, const struct source_reply *reply)
{
    struct source *s = user;
    http_of(s)->fetch = NULL;
    if (reply->fault != SOURCE_FAULT_NONE)
        source_fail(s, reply->fault, reply->retry_ns, "%s", reply->text);
    else
        take_body(s, reply->body);
}

static void ask(struct source *s)
{
    struct diag diag = {0};
    http_of(s)->fetch = source_fetch(s, span_from(s->spec->http.url), &s->spec->http.access,
                                     ANSWER_BYTES_MAX, on_reply, s, &diag);
    if (http_of(s)->fetch == NULL)
        source_fail(s, SOURCE_FAULT_LOCAL, -1, "%s", diag.text);
}

const struct source_ops source_http = {
    .name = "http",
    .kind = SOURCE_HTTP,
    .size = sizeof(struct http),
    .ask = ask,
    .cancel = drop,
    .stop = drop,
};
