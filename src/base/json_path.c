#include "base/json_path.h"

#include "base/num.h"

struct step {
    bool is_index;
    int64_t index;
    struct span name;
};

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == ':' || c == '/' || (unsigned char)c >= 0x80;
}

/* "[12]" or "['name']" behind the bracket. */
static bool bracket_step(struct span *rest, struct step *ret)
{
    const bool quoted = rest->len > 0 && (rest->ptr[0] == '\'' || rest->ptr[0] == '"');
    const size_t end =
        quoted ? span_find_byte(*rest, rest->ptr[0], 1) : span_find_byte(*rest, ']', 0);
    if (end == SIZE_MAX)
        return false;
    if (quoted) {
        *ret = (struct step){.name = span_slice(*rest, 1, end - 1)};
        *rest = span_slice(*rest, end + 1, rest->len);
        if (rest->len == 0 || rest->ptr[0] != ']')
            return false;
        *rest = span_slice(*rest, 1, rest->len);
        return true;
    }
    ret->is_index = true;
    if (num_parse_int(span_slice(*rest, 0, end), &ret->index) != RC_OK)
        return false;
    *rest = span_slice(*rest, end + 1, rest->len);
    return true;
}

static bool name_step(struct span *rest, struct step *ret)
{
    size_t end = 0;
    while (end < rest->len && is_plain(rest->ptr[end]))
        end++;
    *ret = (struct step){.name = span_slice(*rest, 0, end)};
    *rest = span_slice(*rest, end, rest->len);
    return end > 0;
}

/* Cuts the next step off; false where none can be read. */
static bool next_step(struct span *rest, bool first, struct step *ret)
{
    *ret = (struct step){0};
    if (rest->ptr[0] == '[') {
        *rest = span_slice(*rest, 1, rest->len);
        return bracket_step(rest, ret);
    }
    if (rest->ptr[0] == '.')
        *rest = span_slice(*rest, 1, rest->len);
    else if (!first)
        return false;
    return rest->len > 0 && name_step(rest, ret);
}

static struct span without_root(struct span path)
{
    return path.len > 0 && path.ptr[0] == '$' ? span_slice(path, 1, path.len) : path;
}

enum rc json_path_check(struct span path, struct diag *diag)
{
    struct span rest = without_root(path);
    const bool rooted = rest.len < path.len;
    struct step step;
    for (bool first = !rooted; rest.len > 0; first = false) {
        const struct span before = rest;
        if (!next_step(&rest, first, &step))
            return fail(diag, RC_SYNTAX,
                        "\"%.*s\" cannot be read from \"%.*s\" on: write names and indices, as "
                        "$.items[0].value or $['a.b']",
                        SPAN_ARG(path), SPAN_ARG(before));
    }
    return RC_OK;
}

static const struct tree *follow(const struct tree *node, const struct step *step)
{
    if (!step->is_index)
        return tree_get_span(node, step->name);
    if (node == NULL || node->kind != TREE_ARRAY)
        return NULL;
    const int64_t index = step->index < 0 ? step->index + (int64_t)node->count : step->index;
    return index < 0 ? NULL : tree_at(node, (size_t)index);
}

const struct tree *json_path_find(const struct tree *document, struct span path)
{
    struct span rest = without_root(path);
    const bool rooted = rest.len < path.len;
    const struct tree *node = document;
    struct step step;
    for (bool first = !rooted; rest.len > 0 && node != NULL; first = false)
        node = next_step(&rest, first, &step) ? follow(node, &step) : NULL;
    return node;
}
