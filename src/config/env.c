/* env.c - references to the environment and to files, and bodies over defaults. Depth is bounded by
 * the readers of YAML and JSON. */
#include "config/env.h"

#include <string.h>

#include "config/yaml.h"

#define EXPANDED_BYTES_MAX ((size_t)1 << 20) /* of one text */
#define ENV_FILE_BYTES_MAX 65536             /* of a file: a secret, not a document */

static bool has_reference(const struct tree *tree)
{
    if (tree->kind == TREE_STRING)
        return span_find(tree->text, (struct span)SPAN_LITERAL("${"), 0) != SIZE_MAX;
    for (const struct tree *t = tree->first; t; t = t->next)
        if (has_reference(t))
            return true;
    return false;
}

static bool look_up(const struct env_table *env, struct span name, struct span *ret)
{
    for (size_t i = 0; env && i < env->count; i++) {
        if (span_equal_text(name, env->item[i].name)) {
            *ret = span_from(env->item[i].value);
            return true;
        }
    }
    return false;
}

struct expander {
    struct reader *r;
    struct arena *arena;
    const struct env_table *env;
};

#define SHOWN 60 /* bytes of a name or path in a message */

/* What cannot be had: told, unless the caller said what stands for it. */
static bool stands_for_it(const struct expander *x, struct buf *out)
{
    if (x->env == NULL || x->env->otherwise == NULL)
        return false;
    buf_text(out, x->env->otherwise);
    return true;
}

static void put_variable(struct expander *x, const struct tree *node, struct span name,
                         struct buf *out)
{
    struct span value = {NULL, 0};
    const size_t otherwise = span_find(name, (struct span)SPAN_LITERAL(":-"), 0);
    struct span fallback = {NULL, 0};
    if (otherwise != SIZE_MAX) {
        fallback = span_slice(name, otherwise + 2, name.len);
        name = span_slice(name, 0, otherwise);
    }
    if (!look_up(x->env, name, &value)) {
        value = fallback;
        if (otherwise == SIZE_MAX && !stands_for_it(x, out))
            reader_error(x->r, node, RC_NOT_FOUND,
                         "the environment variable \"%.*s\" is not set; set it, or write "
                         "${env:%.*s:-VALUE}",
                         SPAN_ARG(span_slice(name, 0, SHOWN)),
                         SPAN_ARG(span_slice(name, 0, SHOWN)));
    }
    buf_span(out, value);
}

/* The end of a line at the end of the file is an editor's, not the secret's. */
static struct span without_line_end(struct span text)
{
    if (text.len > 0 && text.ptr[text.len - 1] == '\n')
        text.len--;
    if (text.len > 0 && text.ptr[text.len - 1] == '\r')
        text.len--;
    return text;
}

static void put_file(struct expander *x, const struct tree *node, struct span path, struct buf *out)
{
    struct diag diag = {.code = RC_OK};
    struct buf text;
    buf_init(&text, ENV_FILE_BYTES_MAX + 1);
    enum rc rc = RC_INVALID;
    if (path.len == 0)
        rc = fail(&diag, RC_MISSING, "a path is wanted, as in ${file:/run/secrets/token}");
    else if (x->env == NULL || x->env->file == NULL)
        (void)fail(&diag, rc, "files are not read here");
    else
        rc = x->env->file(x->env->file_user, path, &text, &diag);
    struct span secret = without_line_end(buf_view(&text));
    if (rc == RC_OK && (text.failed || text.len > ENV_FILE_BYTES_MAX))
        rc = fail(&diag, RC_LIMIT, "it has more than %d bytes", ENV_FILE_BYTES_MAX);
    else if (rc == RC_OK && secret.len == 0)
        rc = fail(&diag, RC_MISSING, "it is empty");
    else if (rc == RC_OK && span_find_byte(secret, '\0', 0) != SIZE_MAX)
        rc = fail(&diag, RC_INVALID, "it holds a zero byte, so it is no text");
    if (rc == RC_OK) {
        buf_span(out, secret);
        if (diag.code != RC_OK)
            reader_warning(x->r, node, "the file \"%.*s\" of ${file:...} %s",
                           SPAN_ARG(span_slice(path, 0, SHOWN)), diag.text);
    } else if (!stands_for_it(x, out)) {
        reader_error(x->r, node, rc, "the file \"%.*s\" of ${file:...} cannot be used: %s",
                     SPAN_ARG(span_slice(path, 0, SHOWN)), diag.text);
    }
    if (text.ptr != NULL)
        mem_wipe(text.ptr, text.len);
    buf_done(&text);
}

/* A reference at the start of text: its length, 0 when there is none. */
static size_t reference(struct expander *x, const struct tree *node, struct span text,
                        struct buf *out, bool *ret_file)
{
    const bool file = span_starts_with(text, "${file:");
    if (!file && !span_starts_with(text, "${env:") && !span_starts_with(text, "${env."))
        return 0;
    const char *word = file ? "file" : "env";
    const size_t begin = strlen(word) + 3;
    const size_t end = span_find_byte(text, '}', 0);
    if (end == SIZE_MAX) {
        reader_error(x->r, node, RC_SYNTAX, "${%s: is not closed with }; $${%s: is the plain text",
                     word, word);
        buf_span(out, text);
        return text.len;
    }
    const struct span name = span_slice(text, begin, end - begin);
    *ret_file |= file;
    if (file)
        put_file(x, node, name, out);
    else
        put_variable(x, node, name, out);
    return end + 1;
}

static bool expand_text(struct expander *x, const struct tree *node, struct tree *copy)
{
    struct buf out;
    bool secret = false;
    buf_init(&out, EXPANDED_BYTES_MAX);
    for (size_t at = 0; at < node->text.len;) {
        const struct span rest = span_slice(node->text, at, node->text.len - at);
        if (span_starts_with(rest, "$${")) {
            buf_text(&out, "${");
            at += 3;
            continue;
        }
        const size_t used = reference(x, node, rest, &out, &secret);
        if (used == 0)
            buf_byte(&out, rest.ptr[0]);
        at += used > 0 ? used : 1;
    }
    const struct span text = arena_copy(x->arena, buf_view(&out));
    const bool good = !out.failed && text.ptr;
    if (out.ptr != NULL)
        mem_wipe(out.ptr, out.len);
    buf_done(&out);
    copy->text = text;
    const bool typed = node->quoted || secret || !node->source.ptr || !good ||
                       yaml_type_plain(x->arena, text, copy);
    copy->source = node->text; /* messages show the reference: the value may be a secret */
    return good && typed;
}

static struct tree *copy_node(struct arena *arena, const struct tree *node)
{
    struct tree *copy = tree_new(arena, node->kind, node->line, node->column);
    if (!copy)
        return NULL;
    *copy = *node;
    copy->next = NULL;
    return copy;
}

static struct tree *expand(struct expander *x, const struct tree *node)
{
    struct tree *copy = copy_node(x->arena, node);
    if (!copy)
        return NULL;
    if (node->kind == TREE_STRING && has_reference(node))
        return expand_text(x, node, copy) ? copy : NULL;
    copy->first = NULL;
    copy->last = NULL;
    copy->count = 0;
    size_t index = 0;
    for (const struct tree *t = node->first; t; t = t->next, index++) {
        const size_t up =
            node->kind == TREE_ARRAY ? reader_down_index(x->r, index) : reader_down(x->r, t->key);
        struct tree *child = expand(x, t);
        reader_up(x->r, up);
        if (!child)
            return NULL;
        tree_append(copy, child);
    }
    return copy;
}

const struct tree *env_expand(struct reader *r, struct arena *arena, const struct env_table *env,
                              const struct tree *tree)
{
    struct expander x = {r, arena, env};
    if (!has_reference(tree))
        return tree;
    const struct tree *expanded = expand(&x, tree);
    if (!expanded)
        reader_error(r, tree, RC_NO_MEMORY, "no memory left for the environment's values");
    return expanded;
}

static bool same_target(const struct tree *base, const struct tree *body)
{
    return (tree_get(base, "process") && tree_get(body, "process")) ||
           (tree_get(base, "http") && tree_get(body, "http"));
}

/* "queue:" with nothing behind it sets nothing. */
static const struct tree *over_nothing(struct arena *arena, const struct tree *base,
                                       const struct tree *body)
{
    struct tree *copy = copy_node(arena, base);
    if (!copy)
        return NULL;
    copy->line = body->line;
    copy->column = body->column;
    copy->key = body->key;
    copy->key_line = body->key_line;
    copy->key_column = body->key_column;
    return copy;
}

static const struct tree *join(struct arena *arena, const struct tree *base,
                               const struct tree *body, bool top)
{
    if (base && base->kind == TREE_OBJECT && body->kind == TREE_NULL)
        return over_nothing(arena, base, body);
    if (!base || base->kind != TREE_OBJECT || body->kind != TREE_OBJECT)
        return body;
    struct tree *joined = copy_node(arena, body);
    if (!joined)
        return NULL;
    joined->first = NULL;
    joined->last = NULL;
    joined->count = 0;
    for (const struct tree *t = body->first; t; t = t->next) {
        const struct tree *below = tree_get_span(base, t->key);
        if (top && span_equal_text(t->key, "target") && !same_target(below, t))
            below = NULL;
        const struct tree *both = join(arena, below, t, false);
        struct tree *copy = both ? copy_node(arena, both) : NULL;
        if (!copy)
            return NULL;
        tree_append(joined, copy);
    }
    for (const struct tree *t = base->first; t; t = t->next) {
        if (tree_get_span(body, t->key))
            continue;
        struct tree *copy = copy_node(arena, t);
        if (!copy)
            return NULL;
        tree_append(joined, copy);
    }
    return joined;
}

const struct tree *body_over(struct arena *arena, const struct tree *base, const struct tree *body)
{
    return join(arena, base, body, true);
}
