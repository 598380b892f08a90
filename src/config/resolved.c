/* resolved.c - walking rows, values and tree side by side, and printing values as a file has them.
 */
#include "config/resolved.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/duration.h"
#include "base/num.h"
#include "config/read.h"

#define RESOLVED_PATH_MAX 512

struct walk {
    resolved_visit *visit;
    void *user;
    const struct pool_config *pool; /* NULL in the general part */
    char path[RESOLVED_PATH_MAX];
    size_t len;
    bool stopped;
};

static size_t down(struct walk *w, const char *name, size_t index)
{
    const size_t before = w->len;
    const size_t left = sizeof(w->path) - before;
    const int n = name ? snprintf(w->path + before, left, "%s%s", before > 0 ? "." : "", name)
                       : snprintf(w->path + before, left, "[%zu]", index);
    if (n > 0)
        w->len += (size_t)n < left ? (size_t)n : left - 1;
    return before;
}

static void up(struct walk *w, size_t before)
{
    w->len = before;
    w->path[before] = '\0';
}

static bool is_idle_policy(const struct walk *w, const struct opt *row)
{
    const struct policy_ops *policy = policy_find(span_from(row->name));
    /* A pool has a `queue` of its own, which is no policy: the options tell. */
    if (!w->pool || row->kind != OPT_STRUCT || policy == NULL || row->sub != policy->options ||
        strcmp(row->name, w->pool->policy) == 0)
        return false;
    for (size_t i = 0; i < w->pool->core.shadow_count; i++)
        if (strcmp(w->pool->core.shadow[i].policy->name, row->name) == 0)
            return false;
    return true;
}

static void walk_rows(struct walk *w, const struct opt *rows, size_t count, const void *base,
                      const struct tree *object);

static size_t list_count(const struct opt *row, const void *base)
{
    size_t count;
    memcpy(&count, (const char *)base + row->count_offset, sizeof(count));
    return count;
}

static void walk_list(struct walk *w, const struct opt *row, const void *base,
                      const struct tree *node)
{
    const size_t count = node ? list_count(row, base) : 0;
    for (size_t i = 0; i < count && !w->stopped; i++) {
        const size_t before = down(w, NULL, i);
        walk_rows(w, row->sub, row->sub_count,
                  (const char *)opt_elements(row, base) + i * row->size, tree_at(node, i));
        up(w, before);
    }
}

static void walk_rows(struct walk *w, const struct opt *rows, size_t count, const void *base,
                      const struct tree *object)
{
    for (size_t i = 0; i < count && !w->stopped; i++) {
        const struct opt *row = &rows[i];
        const struct tree *node = tree_get(object, row->name);
        if (is_idle_policy(w, row) || (row->flags & OPT_FLAG_HIDDEN))
            continue;
        const size_t before = down(w, row->name, 0);
        if (row->kind == OPT_STRUCT) {
            walk_rows(w, row->sub, row->sub_count, opt_struct(row, base), node);
        } else if (row->kind == OPT_LIST) {
            walk_list(w, row, base, node);
        } else {
            const struct resolved value = {w->path, row, base,
                                           node && node->kind != TREE_NULL ? node : NULL};
            w->stopped = !w->visit(w->user, &value);
        }
        up(w, before);
    }
}

static void walk_pool(struct walk *w, const struct layout *layout, const struct pool_config *pool)
{
    size_t before = down(w, "pools", 0);
    (void)down(w, pool->core.name, 0);
    w->pool = pool;
    walk_rows(w, layout->pool, layout->pool_count, pool, pool->source);
    w->pool = NULL;
    up(w, before);
}

void pool_visit(const struct layout *layout, const struct pool_config *pool, resolved_visit *visit,
                void *user)
{
    struct walk w = {.visit = visit, .user = user};
    walk_pool(&w, layout, pool);
}

void config_visit(const struct config *config, resolved_visit *visit, void *user)
{
    struct walk w = {.visit = visit, .user = user};
    for (size_t i = 0; i < config->layout->file_count && !w.stopped; i++) {
        const struct opt *row = &config->layout->file[i];
        if (row->kind != OPT_TREE) /* pools and their defaults */
            walk_rows(&w, row, 1, config, config->source);
    }
    for (size_t i = 0; i < config->pool_count && !w.stopped; i++)
        walk_pool(&w, config->layout, config->pool[i]);
}

static void print_number(struct buf *out, double value)
{
    if (isnan(value))
        buf_text(out, "unset");
    else
        buf_number(out, value);
}

static void print_text(struct buf *out, const char *text)
{
    struct json_writer w;
    json_init(&w, out);
    json_text(&w, text);
}

static void print_choice(struct buf *out, const struct opt *row, int value)
{
    for (const struct opt_choice *c = row->choices; c->name; c++)
        if (c->value == value)
            buf_text(out, c->name);
}

static void print_texts(struct buf *out, const struct opt *row, const void *base)
{
    const size_t count = list_count(row, base);
    struct json_writer w;
    json_init(&w, out);
    json_array(&w);
    for (size_t i = 0; i < count; i++)
        json_text(&w, (const char *)base + row->offset + i * row->size);
    json_array_end(&w);
}

/* As it was written: what came from the environment stays a reference. */
static void write_tree(struct json_writer *w, const struct tree *node)
{
    const bool object = node->kind == TREE_OBJECT;
    if (node->kind == TREE_STRING && read_is_from_environment(node)) {
        json_string(w, node->source);
        return;
    }
    if (!object && node->kind != TREE_ARRAY) {
        json_tree(w, node);
        return;
    }
    if (object)
        json_object(w);
    else
        json_array(w);
    for (const struct tree *t = node->first; t; t = t->next) {
        char key[TEXT_SIZE];
        (void)span_copy(t->key, key, sizeof(key));
        if (object)
            json_key(w, key);
        write_tree(w, t);
    }
    if (object)
        json_object_end(w);
    else
        json_array_end(w);
}

static void print_tree(struct buf *out, const void *member)
{
    const struct tree *node = opt_tree(member);
    struct json_writer w;
    json_init(&w, out);
    if (node)
        write_tree(&w, node);
    else
        buf_text(out, "unset");
}

void resolved_print(struct buf *out, const struct opt *row, const void *base)
{
    const char *member = (const char *)base + row->offset;
    char text[DURATION_TEXT_MAX];
    bool truth;
    int64_t whole;
    double number;
    int choice;
    if (row->flags & OPT_FLAG_SECRET) {
        buf_text(out, "***");
        return;
    }
    switch (row->kind) {
    case OPT_BOOL:
        memcpy(&truth, member, sizeof(truth));
        buf_text(out, truth ? "true" : "false");
        break;
    case OPT_INT:
        memcpy(&whole, member, sizeof(whole));
        buf_int(out, whole);
        break;
    case OPT_NUMBER:
    case OPT_QUANTITY:
        memcpy(&number, member, sizeof(number));
        print_number(out, number);
        break;
    case OPT_DURATION:
        memcpy(&whole, member, sizeof(whole));
        (void)duration_print(whole, text);
        buf_text(out, text);
        break;
    case OPT_TEXT:
        print_text(out, member);
        break;
    case OPT_ENUM:
        memcpy(&choice, member, sizeof(choice));
        print_choice(out, row, choice);
        break;
    case OPT_TEXTS:
        print_texts(out, row, base);
        break;
    case OPT_TREE:
        print_tree(out, member);
        break;
    case OPT_STRUCT:
    case OPT_LIST:
        break;
    }
}

void resolved_print_default(struct buf *out, const struct opt *row)
{
    char text[DURATION_TEXT_MAX];
    switch (row->kind) {
    case OPT_BOOL:
        buf_text(out, row->def != 0 ? "true" : "false");
        break;
    case OPT_INT:
    case OPT_NUMBER:
    case OPT_QUANTITY:
        print_number(out, row->flags & OPT_FLAG_UNSET_NAN ? NAN : row->def);
        break;
    case OPT_DURATION:
        (void)duration_print(ns_of_seconds(row->def), text);
        buf_text(out, text);
        break;
    case OPT_TEXT:
        print_text(out, row->def_text ? row->def_text : "");
        break;
    case OPT_ENUM:
        print_choice(out, row, (int)row->def);
        break;
    case OPT_TEXTS:
    case OPT_TREE:
    case OPT_STRUCT:
    case OPT_LIST:
        buf_text(out, "unset");
        break;
    }
}

static void print_bound(struct buf *out, const struct opt *row, double bound)
{
    char text[DURATION_TEXT_MAX];
    if (row->kind != OPT_DURATION) {
        buf_number(out, bound);
        return;
    }
    (void)duration_print(ns_of_seconds(bound), text);
    buf_text(out, text);
}

void resolved_print_range(struct buf *out, const struct opt *row)
{
    if (row->kind == OPT_ENUM) {
        for (const struct opt_choice *c = row->choices; c->name; c++)
            buf_printf(out, "%s%s", c == row->choices ? "" : ", ", c->name);
        return;
    }
    if (row->kind == OPT_BOOL) {
        buf_text(out, "true, false");
        return;
    }
    if (row->kind == OPT_TEXT) {
        buf_printf(out, "at most %zu bytes", row->size - 1);
        return;
    }
    if (row->min == 0 && row->max == 0)
        return;
    print_bound(out, row, row->min);
    buf_text(out, " to ");
    print_bound(out, row, row->max);
    if (row->kind != OPT_DURATION && row->unit && row->unit[0] != '\0')
        buf_printf(out, " %s", row->unit);
}

const char *change_words(enum opt_change change)
{
    switch (change) {
    case CHANGE_LIVE:
        return "at once";
    case CHANGE_NEXT_START:
        return "with the next start of a replica";
    case CHANGE_REPLACE:
        return "replicas are replaced one by one, drained";
    case CHANGE_RESTART:
        return "when sluice is started again";
    }
    return "";
}
