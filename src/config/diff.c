/* diff.c - what changed between two configurations, and what each change asks of running replicas.
 */
#include <stdio.h>
#include <string.h>

#include "config/config.h"

#define DIFF_BYTES_MAX ((size_t)64 << 20)
#define CHANGES_MAX 1000 /* of one pool */
#define DIFF_PATH_MAX 512

struct differ {
    struct arena *arena;
    struct config_change *item;
    size_t count;
    bool failed;
    char path[DIFF_PATH_MAX];
    size_t len;
};

static size_t down(struct differ *d, const char *name, size_t index)
{
    const size_t before = d->len, left = sizeof(d->path) - before;
    const int n = name ? snprintf(d->path + before, left, "%s%s", before > 0 ? "." : "", name)
                       : snprintf(d->path + before, left, "[%zu]", index);
    if (n > 0)
        d->len += (size_t)n < left ? (size_t)n : left - 1;
    return before;
}

static void up(struct differ *d, size_t before)
{
    d->len = before;
    d->path[before] = '\0';
}

static void add(struct differ *d, enum opt_change change)
{
    if (d->count == CHANGES_MAX)
        return;
    const char *path = arena_copy(d->arena, span_of(d->path, d->len)).ptr;
    if (!path)
        d->failed = true;
    else
        d->item[d->count++] = (struct config_change){change, path};
}

static void compare_rows(struct differ *d, const struct opt *rows, size_t count, const char *old,
                         const char *next);

static void compare_list(struct differ *d, const struct opt *row, const char *old, const char *next)
{
    size_t a, b;
    memcpy(&a, old + row->count_offset, sizeof(a));
    memcpy(&b, next + row->count_offset, sizeof(b));
    if (a != b)
        add(d, row->change);
    const char *olds = opt_elements(row, old);
    const char *nexts = opt_elements(row, next);
    for (size_t i = 0; i < a && i < b; i++) {
        const size_t before = down(d, NULL, i);
        const size_t at = i * row->size;
        if (row->kind == OPT_LIST)
            compare_rows(d, row->sub, row->sub_count, olds + at, nexts + at);
        else if (strcmp(olds + at, nexts + at) != 0)
            add(d, row->change);
        up(d, before);
    }
}

static bool same_tree(const char *old, const char *next)
{
    const struct tree *a = opt_tree(old);
    const struct tree *b = opt_tree(next);
    return a == b || (a && b && tree_equal(a, b));
}

static bool same_scalar(const struct opt *row, const char *old, const char *next)
{
    switch (row->kind) {
    case OPT_BOOL:
        return *old == *next;
    case OPT_ENUM:
        return memcmp(old, next, sizeof(int)) == 0;
    case OPT_INT:
    case OPT_DURATION:
    case OPT_NUMBER: /* bits: one text gives one NaN */
    case OPT_QUANTITY:
        return memcmp(old, next, 8) == 0;
    case OPT_TEXT:
        return strcmp(old, next) == 0;
    case OPT_TREE:
        return same_tree(old, next);
    case OPT_STRUCT:
    case OPT_LIST:
    case OPT_TEXTS:
        break;
    }
    return true;
}

static void compare_rows(struct differ *d, const struct opt *rows, size_t count, const char *old,
                         const char *next)
{
    for (size_t i = 0; i < count; i++) {
        const struct opt *row = &rows[i];
        const size_t before = down(d, row->name, 0);
        if (row->kind == OPT_STRUCT)
            compare_rows(d, row->sub, row->sub_count, opt_struct(row, old), opt_struct(row, next));
        else if (row->kind == OPT_LIST || row->kind == OPT_TEXTS)
            compare_list(d, row, old, next);
        else if (!same_scalar(row, old + row->offset, next + row->offset))
            add(d, row->change);
        up(d, before);
    }
}

static enum pool_change strongest(const struct differ *d)
{
    static const enum pool_change of[] = {
        [CHANGE_LIVE] = POOL_LIVE,
        [CHANGE_NEXT_START] = POOL_NEXT_START,
        [CHANGE_REPLACE] = POOL_REPLACE,
        [CHANGE_RESTART] = POOL_RESTART,
    };
    enum opt_change most = CHANGE_LIVE;
    for (size_t i = 0; i < d->count; i++)
        if (d->item[i].change > most)
            most = d->item[i].change;
    return d->count > 0 ? of[most] : POOL_UNCHANGED;
}

static enum rc start(struct differ *d, struct arena *arena)
{
    *d = (struct differ){.arena = arena};
    d->item = arena_array(arena, CHANGES_MAX, sizeof(*d->item));
    return d->item ? RC_OK : RC_NO_MEMORY;
}

/* The list is cut to what was found. */
static const struct config_change *finish(struct differ *d, struct arena *arena)
{
    struct config_change *item = arena_array(arena, d->count + 1, sizeof(*item));
    if (!item)
        d->failed = true;
    else if (d->count > 0)
        memcpy(item, d->item, d->count * sizeof(*item));
    return item;
}

static void diff_pool(struct differ *d, const struct layout *layout, const struct pool_config *old,
                      const struct pool_config *next, struct pool_diff *ret)
{
    d->count = 0;
    d->len = 0;
    (void)down(d, "pools", 0);
    (void)down(d, next->core.name, 0);
    compare_rows(d, layout->pool, layout->pool_count, (const char *)old, (const char *)next);
    /* A command written in another way that comes out the same replaces nobody. */
    for (size_t i = 0; old->target_hash == next->target_hash && i < d->count; i++)
        if (d->item[i].change == CHANGE_REPLACE)
            d->item[i].change = CHANGE_LIVE;
    ret->change = strongest(d);
    ret->count = d->count;
}

static void diff_general(struct differ *d, const struct config *old, const struct config *next,
                         struct config_diff *ret)
{
    for (size_t i = 0; i < next->layout->file_count; i++)
        if (next->layout->file[i].kind != OPT_TREE) /* pools, and defaults that show in them */
            compare_rows(d, &next->layout->file[i], 1, (const char *)old, (const char *)next);
    ret->general_count = d->count;
    ret->restart = strongest(d) == POOL_RESTART;
}

static enum rc diff_all(struct differ *d, const struct config *old, const struct config *next,
                        struct config_diff *ret)
{
    ret->pool =
        arena_array(&ret->arena, old->pool_count + next->pool_count + 1, sizeof(*ret->pool));
    if (!ret->pool)
        return RC_NO_MEMORY;
    diff_general(d, old, next, ret);
    ret->general = finish(d, &ret->arena);
    for (size_t i = 0; i < next->pool_count; i++) {
        struct pool_diff *pool = &ret->pool[ret->pool_count++];
        const struct span name = span_from(next->pool[i]->core.name);
        /* Mostly the order is as it was. */
        const struct pool_config *before =
            i < old->pool_count && span_equal_text(name, old->pool[i]->core.name)
                ? old->pool[i]
                : config_pool(old, name);
        *pool = (struct pool_diff){.change = POOL_ADDED};
        if (before) {
            diff_pool(d, next->layout, before, next->pool[i], pool);
            pool->item = finish(d, &ret->arena);
        }
        pool->name = arena_copy(&ret->arena, span_from(next->pool[i]->core.name)).ptr;
    }
    for (size_t i = 0; i < old->pool_count; i++) {
        const struct span name = span_from(old->pool[i]->core.name);
        if (config_pool(next, name))
            continue;
        ret->pool[ret->pool_count++] =
            (struct pool_diff){.change = POOL_REMOVED, .name = arena_copy(&ret->arena, name).ptr};
    }
    return d->failed ? RC_NO_MEMORY : RC_OK;
}

enum rc config_diff(const struct config *old, const struct config *next, struct config_diff *ret)
{
    struct differ d;
    struct config_diff diff = {.pool_count = 0};
    arena_init(&diff.arena, DIFF_BYTES_MAX);
    enum rc rc = start(&d, &diff.arena);
    if (rc == RC_OK)
        rc = diff_all(&d, old, next, &diff);
    if (rc == RC_OK)
        *ret = diff;
    else
        config_diff_done(&diff);
    return rc;
}

void config_diff_done(struct config_diff *diff)
{
    arena_done(&diff->arena);
    *diff = (struct config_diff){.pool_count = 0};
}

const char *pool_change_name(enum pool_change change)
{
    switch (change) {
    case POOL_UNCHANGED:
        return "unchanged";
    case POOL_LIVE:
        return "live";
    case POOL_NEXT_START:
        return "next start";
    case POOL_REPLACE:
        return "replace (drained)";
    case POOL_ADDED:
        return "added";
    case POOL_REMOVED:
        return "removed";
    case POOL_RESTART:
        return "needs restart";
    }
    return "";
}
