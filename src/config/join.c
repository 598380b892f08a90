#include "config/join.h"

#define POOLS "pools"

/* A node with the same children, free to be appended to another parent. */
static struct tree *copy_node(struct arena *arena, const struct tree *node)
{
    struct tree *copy = tree_new(arena, node->kind, node->line, node->column);
    if (!copy)
        return NULL;
    *copy = *node;
    copy->next = NULL;
    return copy;
}

/* An object with copies of the members, which others can be appended to. */
static struct tree *copy_object(struct arena *arena, const struct tree *object)
{
    struct tree *copy = copy_node(arena, object);
    if (!copy)
        return NULL;
    copy->first = copy->last = NULL;
    copy->count = 0;
    for (const struct tree *t = object->first; t; t = t->next) {
        struct tree *member = copy_node(arena, t);
        if (!member)
            return NULL;
        tree_append(copy, member);
    }
    return copy;
}

static bool join_pools(struct reader *r, struct arena *arena, struct tree *pools,
                       const struct tree *more)
{
    const size_t up = reader_down(r, span_from(POOLS));
    for (const struct tree *t = more->first; t; t = t->next) {
        const size_t here = reader_down(r, t->key);
        struct tree *pool = copy_node(arena, t);
        if (tree_get_span(pools, t->key))
            reader_error_key(r, t, RC_DUPLICATE, "a pool of this name stands before");
        else if (pool)
            tree_append(pools, pool);
        reader_up(r, here);
        if (!pool)
            return false;
    }
    reader_up(r, up);
    return true;
}

static bool join_one(struct reader *r, struct arena *arena, struct tree *pools,
                     const struct tree *document)
{
    if (document->kind != TREE_OBJECT) {
        reader_error(r, document, RC_INVALID, "a further document brings pools: {NAME: ...}");
        return true;
    }
    for (const struct tree *t = document->first; t; t = t->next) {
        if (!span_equal_text(t->key, POOLS))
            reader_error_key(r, t, RC_INVALID,
                             "stands in a further document: those bring pools only, all else "
                             "belongs into the first");
        else if (t->kind != TREE_OBJECT)
            reader_error(r, t, RC_INVALID, "pools are wanted by name, as in {chat: {...}}");
        else if (!join_pools(r, arena, pools, t))
            return false;
    }
    return true;
}

/* The pools of the first document as an object of its own; a new member when it has none. NULL: no
 * memory. */
static struct tree *open_pools(struct arena *arena, struct tree *root)
{
    struct tree *member = NULL;
    for (struct tree *t = root->first; t; t = t->next)
        if (span_equal_text(t->key, POOLS))
            member = t;
    if (!member) {
        member = tree_new(arena, TREE_OBJECT, root->line, root->column);
        if (!member)
            return NULL;
        member->key = span_from(POOLS);
        tree_append(root, member);
        return member;
    }
    struct tree *copy = copy_object(arena, member);
    if (!copy)
        return NULL;
    struct tree *next = member->next;
    *member = *copy;
    member->next = next;
    if (member->kind == TREE_NULL)
        member->kind = TREE_OBJECT;
    return member;
}

const struct tree *documents_join(struct reader *r, struct arena *arena,
                                  const struct yaml_documents *documents)
{
    if (documents->count <= 1)
        return documents->count == 0 ? NULL : documents->item[0];
    if (documents->item[0]->kind != TREE_OBJECT) {
        reader_error(r, documents->item[0], RC_INVALID,
                     "the first document is no object, so it cannot be joined with the next");
        return NULL;
    }
    struct tree *root = copy_object(arena, documents->item[0]);
    struct tree *pools = root ? open_pools(arena, root) : NULL;
    bool fine = pools != NULL;
    if (fine && pools->kind != TREE_OBJECT)
        return root; /* told where it is read */
    for (size_t i = 1; fine && i < documents->count; i++)
        fine = join_one(r, arena, pools, documents->item[i]);
    if (!fine)
        reader_error(r, NULL, RC_NO_MEMORY, "no memory left");
    return fine ? root : NULL;
}
