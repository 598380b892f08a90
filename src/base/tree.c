/* tree.c - building and reading trees. JSON in and out are json_read.c and json_write.c. */
#include "base/tree.h"

#include <assert.h>
#include <string.h>

#include "base/num.h"

struct tree *tree_new(struct arena *arena, enum tree_kind kind, uint32_t line, uint32_t column)
{
    struct tree *node = arena_alloc(arena, sizeof(*node));
    if (!node)
        return NULL;
    node->kind = kind;
    node->line = line;
    node->column = column;
    return node;
}

void tree_append(struct tree *parent, struct tree *child)
{
    assert(parent->kind == TREE_ARRAY || parent->kind == TREE_OBJECT);
    if (parent->last)
        parent->last->next = child;
    else
        parent->first = child;
    parent->last = child;
    parent->count++;
}

const struct tree *tree_get_span(const struct tree *object, struct span key)
{
    if (!object || object->kind != TREE_OBJECT)
        return NULL;
    const struct tree *found = NULL;
    for (const struct tree *child = object->first; child; child = child->next)
        if (span_equal(child->key, key))
            found = child;
    return found;
}

const struct tree *tree_get(const struct tree *object, const char *key)
{
    return tree_get_span(object, span_from(key));
}

const struct tree *tree_path(const struct tree *object, const char *dotted)
{
    struct span rest = span_from(dotted);
    struct span name;
    while (object && span_split(&rest, '.', &name))
        object = tree_get_span(object, name);
    return object;
}

const struct tree *tree_at(const struct tree *array, size_t index)
{
    if (!array || array->kind != TREE_ARRAY || index >= array->count)
        return NULL;
    const struct tree *child = array->first;
    for (; index > 0; index--)
        child = child->next;
    return child;
}

bool tree_bool(const struct tree *node, bool *ret)
{
    if (!node || node->kind != TREE_BOOL)
        return false;
    *ret = node->truth;
    return true;
}

bool tree_number(const struct tree *node, double *ret)
{
    return node && node->kind == TREE_NUMBER && num_parse(node->text, ret) == RC_OK;
}

bool tree_int(const struct tree *node, int64_t *ret)
{
    if (!node || node->kind != TREE_NUMBER)
        return false;
    if (num_parse_int(node->text, ret) == RC_OK)
        return true;
    double value;
    if (num_parse(node->text, &value) != RC_OK || value < -9223372036854775808.0 ||
        value >= 9223372036854775808.0)
        return false;
    const int64_t whole = (int64_t)value;
    if ((double)whole != value)
        return false;
    *ret = whole;
    return true;
}

bool tree_string(const struct tree *node, struct span *ret)
{
    if (!node || node->kind != TREE_STRING)
        return false;
    *ret = node->text;
    return true;
}

const char *tree_kind_name(enum tree_kind kind)
{
    static const char *const names[] = {
        [TREE_NULL] = "null",       [TREE_BOOL] = "true or false", [TREE_NUMBER] = "a number",
        [TREE_STRING] = "a string", [TREE_ARRAY] = "a list",       [TREE_OBJECT] = "an object"};
    return (unsigned)kind < COUNT_OF(names) ? names[kind] : "?";
}

static bool scalar_equal(const struct tree *a, const struct tree *b)
{
    double x;
    double y;
    switch (a->kind) {
    case TREE_NULL:
        return true;
    case TREE_BOOL:
        return a->truth == b->truth;
    case TREE_NUMBER:
        if (tree_number(a, &x) && tree_number(b, &y))
            return x == y;
        return span_equal(a->text, b->text);
    case TREE_STRING:
        return span_equal(a->text, b->text);
    case TREE_ARRAY:
    case TREE_OBJECT:
        break;
    }
    return a->count == b->count;
}

static bool equal_at(const struct tree *a, const struct tree *b, int depth);

static bool children_equal(const struct tree *a, const struct tree *b, int depth)
{
    const struct tree *y = b->first;
    for (const struct tree *x = a->first; x; x = x->next, y = y ? y->next : NULL) {
        const struct tree *other = y;
        if (a->kind == TREE_OBJECT && !(y && span_equal(x->key, y->key)))
            other = tree_get_span(b, x->key);
        if (!other || !equal_at(x, other, depth + 1))
            return false;
    }
    return true;
}

static bool equal_at(const struct tree *a, const struct tree *b, int depth)
{
    if (a->kind != b->kind || depth > TREE_EQUAL_DEPTH_MAX || !scalar_equal(a, b))
        return false;
    return (a->kind != TREE_ARRAY && a->kind != TREE_OBJECT) || children_equal(a, b, depth);
}

bool tree_equal(const struct tree *a, const struct tree *b)
{
    if (!a || !b)
        return a == b;
    return equal_at(a, b, 0);
}
