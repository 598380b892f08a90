/* yaml_build.c - libyaml's events into our tree. The stack of open collections replaces recursion.
 */
#include "config/yaml_build.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

/* Byte column of a mark, which counts characters. Marks mostly grow, so the search goes on from the
 * last line. */
void yaml_position(struct yaml_builder *b, const yaml_mark_t *mark, uint32_t *line,
                   uint32_t *column)
{
    if (mark->line < b->line) {
        b->line = 0;
        b->line_offset = 0;
    }
    const char *p = b->text.ptr;
    while (b->line < mark->line && b->line_offset < b->text.len) {
        const char c = p[b->line_offset++];
        if (c == '\n' ||
            (c == '\r' && (b->line_offset == b->text.len || p[b->line_offset] != '\n')))
            b->line++;
    }
    size_t at = b->line_offset;
    for (size_t i = 0; i < mark->column && at < b->text.len; i++) {
        at++;
        while (at < b->text.len && ((unsigned char)p[at] & 0xC0) == 0x80)
            at++;
    }
    size_t put_in = 0;
    for (size_t i = 0; i < b->marks.count; i++) {
        const size_t mark_at = b->marks.offset[i] + 2 * i;
        put_in += mark_at >= b->line_offset && mark_at < at ? 2 : 0;
    }
    *line = (uint32_t)(mark->line + 1);
    *column = (uint32_t)(at - b->line_offset + 1 - put_in);
}

static enum rc at_mark(struct yaml_builder *b, const yaml_mark_t *mark, enum rc code)
{
    uint32_t line, column;
    yaml_position(b, mark, &line, &column);
    diag_position(b->diag, line, column);
    return code;
}

enum rc yaml_no_memory(struct yaml_builder *b)
{
    return fail(b->diag, RC_NO_MEMORY, "no memory left to read this file (%zu bytes)", b->text.len);
}

static struct yaml_anchor *anchor_find(struct yaml_builder *b, struct span name)
{
    for (size_t i = b->anchor_count; i > 0; i--)
        if (span_equal(b->anchor[i - 1].name, name))
            return &b->anchor[i - 1];
    return NULL;
}

/* Later anchors with the same name hide earlier ones. */
static enum rc anchor_add(struct yaml_builder *b, struct span name, const struct tree *node,
                          size_t nodes, size_t height)
{
    struct yaml_anchor *old = anchor_find(b, name);
    if (!old) {
        void *array = b->anchor;
        const enum rc rc = mem_grow(&array, &b->anchor_cap, b->anchor_count + 1, sizeof(*b->anchor),
                                    b->limits.aliases_max);
        b->anchor = array;
        if (rc != RC_OK)
            return fail(b->diag, rc, "more than %zu anchors", b->limits.aliases_max);
        old = &b->anchor[b->anchor_count++];
        old->name = name;
    }
    old->node = node;
    old->nodes = nodes;
    old->height = height;
    return RC_OK;
}

static enum rc count_nodes(struct yaml_builder *b, size_t more)
{
    if (more > b->limits.nodes_max - b->nodes)
        return fail(b->diag, RC_LIMIT,
                    "more than %zu values, aliases counted as what they stand for",
                    b->limits.nodes_max);
    b->nodes += more;
    return RC_OK;
}

static int compare_keys(const void *a, const void *b)
{
    const struct tree *x = *(const struct tree *const *)a, *y = *(const struct tree *const *)b;
    const int order = span_compare(x->key, y->key);
    if (order != 0)
        return order;
    if (x->key_line != y->key_line)
        return x->key_line < y->key_line ? -1 : 1;
    return x->key_column < y->key_column ? -1 : x->key_column > y->key_column;
}

static enum rc check_duplicates(struct yaml_builder *b, const struct tree *object)
{
    if (object->count < 2)
        return RC_OK;
    const struct tree **member = mem_new(object->count, sizeof(const struct tree *));
    if (!member)
        return yaml_no_memory(b);
    size_t n = 0;
    for (const struct tree *m = object->first; m; m = m->next)
        member[n++] = m;
    qsort(member, n, sizeof(const struct tree *), compare_keys);
    enum rc rc = RC_OK;
    const struct tree *found = NULL;
    for (size_t i = 1; i < n; i++) {
        if (!span_equal(member[i]->key, member[i - 1]->key))
            continue;
        if (found &&
            (member[i]->key_line > found->key_line ||
             (member[i]->key_line == found->key_line && member[i]->key_column > found->key_column)))
            continue;
        found = member[i];
        rc = fail(b->diag, RC_DUPLICATE,
                  "\"%.*s\" is given twice here, first in line %u; keep one of them",
                  SPAN_ARG(found->key), member[i - 1]->key_line);
        diag_position(b->diag, found->key_line, found->key_column);
    }
    free(member);
    return rc;
}

/* Takes a finished value to where it belongs: a member name, a member, an element or the root. */
static enum rc place(struct yaml_builder *b, struct tree *node)
{
    struct yaml_open *top = b->depth > 0 ? &b->open[b->depth - 1] : NULL;
    if (!top) {
        b->root = node;
        return RC_OK;
    }
    if (top->node->kind == TREE_ARRAY) {
        tree_append(top->node, node);
        return RC_OK;
    }
    if (top->has_key) {
        node->key = top->key;
        node->key_line = top->key_line;
        node->key_column = top->key_column;
        tree_append(top->node, node);
        top->has_key = false;
        return RC_OK;
    }
    /* A list or object as a member name is valid YAML; it goes by its text, which no option has. */
    const struct span name =
        node->kind == TREE_STRING || !node->source.ptr ? node->text : node->source;
    if (!node->quoted && span_equal_text(name, "<<")) {
        (void)fail(b->diag, RC_UNSUPPORTED,
                   "merge keys (<<) are not part of YAML 1.2; use a plain alias, or the defaults "
                   "block of the file");
        diag_position(b->diag, node->line, node->column);
        return RC_UNSUPPORTED;
    }
    top->key = name;
    top->key_line = node->line;
    top->key_column = node->column;
    top->has_key = true;
    return RC_OK;
}

#define CORE_TAG "tag:yaml.org,2002:"

static enum rc type_scalar(struct yaml_builder *b, const yaml_event_t *event, struct tree *node)
{
    const struct span value =
        arena_copy(b->arena, span_of(event->data.scalar.value, event->data.scalar.length));
    const bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    const char *tag = (const char *)event->data.scalar.tag;
    if (!value.ptr)
        return yaml_no_memory(b);
    if (!tag && plain)
        return yaml_type_plain(b->arena, value, node) ? RC_OK : yaml_no_memory(b);
    node->kind = TREE_STRING;
    node->quoted = true;
    node->text = value;
    node->source = value;
    if (!tag || strcmp(tag, "!") == 0 || strcmp(tag, CORE_TAG "str") == 0)
        return RC_OK;
    static const struct {
        const char *tag;
        enum tree_kind kind;
    } typed[] = {{CORE_TAG "int", TREE_NUMBER},
                 {CORE_TAG "float", TREE_NUMBER},
                 {CORE_TAG "bool", TREE_BOOL},
                 {CORE_TAG "null", TREE_NULL}};
    for (size_t i = 0; i < COUNT_OF(typed); i++) {
        if (strcmp(tag, typed[i].tag) != 0)
            continue;
        if (!yaml_type_plain(b->arena, value, node))
            return yaml_no_memory(b);
        if (node->kind == typed[i].kind)
            return RC_OK;
        return fail(b->diag, RC_INVALID, "\"%.*s\" is not a value of the tag !!%s", SPAN_ARG(value),
                    tag + sizeof(CORE_TAG) - 1);
    }
    return RC_OK; /* a tag that we do not know: the text as it stands */
}

static enum rc new_node(struct yaml_builder *b, const yaml_event_t *event, enum tree_kind kind,
                        struct tree **ret)
{
    uint32_t line, column;
    yaml_position(b, &event->start_mark, &line, &column);
    *ret = tree_new(b->arena, kind, line, column);
    if (!*ret)
        return yaml_no_memory(b);
    const enum rc rc = count_nodes(b, 1);
    if (rc != RC_OK)
        diag_position(b->diag, line, column);
    return rc;
}

static enum rc keep_anchor(struct yaml_builder *b, const yaml_char_t *anchor,
                           const struct tree *node, size_t nodes)
{
    if (!anchor)
        return RC_OK;
    const struct span name = arena_copy(b->arena, span_from((const char *)anchor));
    return name.ptr ? anchor_add(b, name, node, nodes, 0) : yaml_no_memory(b);
}

static enum rc on_scalar(struct yaml_builder *b, const yaml_event_t *event)
{
    struct tree *node = NULL;
    enum rc rc = new_node(b, event, TREE_STRING, &node);
    if (rc != RC_OK)
        return rc;
    rc = type_scalar(b, event, node);
    if (rc == RC_OK)
        rc = keep_anchor(b, event->data.scalar.anchor, node, 1);
    if (rc != RC_OK)
        return at_mark(b, &event->start_mark, rc);
    return place(b, node);
}

static enum rc on_alias(struct yaml_builder *b, const yaml_event_t *event)
{
    const char *name = (const char *)event->data.alias.anchor;
    const struct yaml_anchor *anchor = anchor_find(b, span_from(name));
    enum rc rc = RC_OK;
    struct tree *node = NULL;
    if (!anchor)
        rc = fail(b->diag, RC_NOT_FOUND, "the alias *%s has no anchor &%s before it", name, name);
    else if (!anchor->node)
        rc = fail(b->diag, RC_UNSUPPORTED, "the alias *%s stands inside its own anchor", name);
    else if (++b->aliases > b->limits.aliases_max)
        rc = fail(b->diag, RC_LIMIT, "more than %zu aliases", b->limits.aliases_max);
    else if (b->depth + anchor->height > b->limits.depth_max)
        rc = fail(b->diag, RC_LIMIT, "nested deeper than %zu, through the alias *%s",
                  b->limits.depth_max, name);
    else
        rc = count_nodes(b, anchor->nodes);
    if (rc != RC_OK)
        return at_mark(b, &event->start_mark, rc);
    if (b->depth > 0 && b->open[b->depth - 1].height < anchor->height)
        b->open[b->depth - 1].height = anchor->height;
    node = tree_new(b->arena, anchor->node->kind, anchor->node->line, anchor->node->column);
    if (!node)
        return yaml_no_memory(b);
    /* Children are shared: the tree is read-only once built. The value keeps the place of its
     * anchor, where it is written; the member name has its own place. */
    *node = *anchor->node;
    node->next = NULL;
    node->key = span_of(NULL, 0);
    node->key_line = 0;
    node->key_column = 0;
    return place(b, node);
}

static enum rc on_start(struct yaml_builder *b, const yaml_event_t *event)
{
    const bool list = event->type == YAML_SEQUENCE_START_EVENT;
    const yaml_char_t *anchor =
        list ? event->data.sequence_start.anchor : event->data.mapping_start.anchor;
    struct tree *node = NULL;
    const size_t nodes_before = b->nodes;
    enum rc rc = new_node(b, event, list ? TREE_ARRAY : TREE_OBJECT, &node);
    if (rc != RC_OK)
        return rc;
    if (b->depth == b->limits.depth_max)
        rc = fail(b->diag, RC_LIMIT, "nested deeper than %zu", b->limits.depth_max);
    if (rc == RC_OK)
        rc = keep_anchor(b, anchor, NULL, 0);
    if (rc != RC_OK)
        return at_mark(b, &event->start_mark, rc);
    struct yaml_open *top = &b->open[b->depth++];
    *top = (struct yaml_open){.node = node, .nodes_before = nodes_before};
    if (anchor)
        top->anchor = anchor_find(b, span_from((const char *)anchor))->name;
    return RC_OK;
}

/* A collection that is about to become a member name gets its text: kind and place make it one. */
static enum rc name_of_collection(struct yaml_builder *b, struct tree *node)
{
    struct buf text;
    buf_init(&text, NAME_SIZE);
    buf_printf(&text, "%s in line %u column %u", tree_kind_name(node->kind), node->line,
               node->column);
    node->source = arena_copy(b->arena, buf_view(&text));
    buf_done(&text);
    return node->source.ptr ? RC_OK : yaml_no_memory(b);
}

static enum rc on_end(struct yaml_builder *b)
{
    const struct yaml_open top = b->open[--b->depth];
    const size_t height = top.height + 1;
    if (b->depth > 0 && b->open[b->depth - 1].height < height)
        b->open[b->depth - 1].height = height;
    enum rc rc = top.node->kind == TREE_OBJECT ? check_duplicates(b, top.node) : RC_OK;
    if (rc == RC_OK && top.anchor.len > 0)
        rc = anchor_add(b, top.anchor, top.node, b->nodes - top.nodes_before, height);
    if (rc == RC_OK && b->depth > 0 && b->open[b->depth - 1].node->kind == TREE_OBJECT &&
        !b->open[b->depth - 1].has_key)
        rc = name_of_collection(b, top.node);
    return rc == RC_OK ? place(b, top.node) : rc;
}

static enum rc on_document(struct yaml_builder *b)
{
    void *array = b->document;
    const enum rc rc = mem_grow(&array, &b->document_cap, b->document_count + 1,
                                sizeof(struct tree *), b->limits.documents_max);
    b->document = array;
    if (rc != RC_OK)
        return fail(b->diag, rc, "more than %zu documents", b->limits.documents_max);
    b->document[b->document_count++] = b->root;
    b->root = NULL;
    b->anchor_count = 0; /* anchors end with their document */
    return RC_OK;
}

enum rc yaml_take_event(struct yaml_builder *b, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return on_scalar(b, event);
    case YAML_ALIAS_EVENT:
        return on_alias(b, event);
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        return on_start(b, event);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return on_end(b);
    case YAML_DOCUMENT_END_EVENT:
        return on_document(b);
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_START_EVENT:
        break;
    }
    return RC_OK;
}
