#include "config/dialect/foreign.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "config/resolved.h"

#define PATH_MAX_BYTES 200
#define VALUE_BYTES_MAX 4096

/* ---- settings ---- */

void foreign_say(const struct foreign *f, const char *path, const struct tree *node,
                 const char *format, ...)
{
    char value[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(value, sizeof(value), format, args); /* cut, it still tells */
    va_end(args);
    f->setting(f->user, path, value, node);
}

static const struct tree *source_of(const struct foreign_pool *pool, const char *option)
{
    for (size_t i = 0; i < pool->source_count; i++)
        if (strcmp(pool->source[i].option, option) == 0)
            return pool->source[i].node;
    return NULL;
}

/* Rows of one level below `path`; the node of the topmost option counts for all of it. */
struct level {
    const struct opt *rows;
    size_t count;
    const void *base;
    const char *path;
    const struct tree *node;
    const struct foreign_pool *pool; /* of the topmost level, else NULL */
};

static void say_level(const struct foreign *f, const struct level *l, int depth);

static void say_list(const struct foreign *f, const struct level *l, const struct opt *row,
                     const char *path, int depth)
{
    const char *element = opt_elements(row, l->base);
    size_t count = 0;
    memcpy(&count, (const char *)l->base + row->count_offset, sizeof(count));
    for (size_t i = 0; i < count; i++) {
        char below[PATH_MAX_BYTES + 32];
        (void)snprintf(below, sizeof(below), "%s[%zu]", path, i);
        say_level(f,
                  &(struct level){.rows = row->sub,
                                  .count = row->sub_count,
                                  .base = element + i * row->size,
                                  .path = below,
                                  .node = l->node},
                  depth + 1);
    }
}

static void say_level(const struct foreign *f, const struct level *l, int depth)
{
    for (size_t i = 0; i < l->count && depth < 4; i++) {
        const struct opt *row = &l->rows[i];
        char path[PATH_MAX_BYTES];
        struct level below = *l;
        if (snprintf(path, sizeof(path), "%s.%s", l->path, row->name) >= (int)sizeof(path))
            continue; /* no option has so long a path */
        if (l->pool != NULL)
            below.node = source_of(l->pool, row->name);
        below.pool = NULL;
        if (row->kind == OPT_STRUCT) {
            below.rows = row->sub;
            below.count = row->sub_count;
            below.base = opt_struct(row, l->base);
            below.path = path;
            say_level(f, &below, depth + 1);
        } else if (row->kind == OPT_LIST) {
            say_list(f, &below, row, path, depth);
        } else {
            struct buf value;
            buf_init(&value, VALUE_BYTES_MAX);
            resolved_print(&value, row, l->base);
            f->setting(f->user, path, buf_cstr(&value), below.node);
            buf_done(&value);
        }
    }
}

void foreign_say_pool(const struct foreign *f, const struct foreign_pool *pool)
{
    const struct policy_ops *policy = policy_find(span_from(pool->policy));
    char path[PATH_MAX_BYTES];
    foreign_say(f, "minReplicas", pool->min_node, "%lld", (long long)pool->min);
    foreign_say(f, "maxReplicas", pool->max_node, "%lld",
                (long long)(pool->max > 0 ? pool->max : REPLICAS_MAX));
    foreign_say(f, "autoscaling.policy", NULL, "\"%s\"", pool->policy);
    (void)snprintf(path, sizeof(path), "autoscaling.%s", pool->policy);
    if (policy != NULL)
        say_level(f,
                  &(struct level){.rows = policy->options,
                                  .count = policy->option_count,
                                  .base = pool->config,
                                  .path = path,
                                  .pool = pool},
                  0);
}

/* ---- places ---- */

/* As far as the path "metricsSources[1].path" goes; *ret_found says that it went somewhere. */
static const struct tree *walk(const struct tree *root, struct span path)
{
    const struct tree *at = root;
    while (path.len > 0) {
        size_t n = 0;
        while (n < path.len && path.ptr[n] != '.' && path.ptr[n] != '[')
            n++;
        const struct tree *next = tree_get_span(at, span_slice(path, 0, n));
        if (next == NULL)
            return at;
        at = next;
        path = span_slice(path, n, path.len);
        size_t index = 0;
        size_t digits = 1;
        if (path.len > 0 && path.ptr[0] == '[') {
            for (; digits < path.len && path.ptr[digits] != ']'; digits++)
                index = index * 10 + (size_t)(path.ptr[digits] - '0');
            at = tree_at(at, index) != NULL ? tree_at(at, index) : at;
            path = span_slice(path, digits + 1, path.len);
        }
        if (path.len > 0 && path.ptr[0] == '.')
            path = span_slice(path, 1, path.len);
    }
    return at;
}

static bool is_name_byte(char c)
{
    return c == '-' || c == '_' || (c >= '0' && c <= '9') ||
           ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* The first member of an object that the words name. */
static const struct tree *named_in(const struct tree *object, const char *words)
{
    while (*words != '\0') {
        size_t n = 0;
        while (is_name_byte(words[n]))
            n++;
        const struct tree *member = n > 0 ? tree_get_span(object, span_of(words, n)) : NULL;
        if (member != NULL)
            return member;
        words += n > 0 ? n : 1;
    }
    return NULL;
}

void foreign_problem(const struct foreign *f, const struct tree *root, const struct diag *diag,
                     bool warning)
{
    const char *words = diag->text;
    const struct tree *at = tree_get(root, diag->where);
    if (at == NULL)
        at = walk(root, span_from(diag->where));
    if (at != NULL && at->kind == TREE_OBJECT && named_in(at, words) != NULL)
        at = named_in(at, words);
    const char *gap = diag->where[0] == '\0' ? "" : ": ";
    if (warning)
        reader_warning(f->reader, at, "%s%s%s", diag->where, gap, diag->text);
    else
        reader_error(f->reader, at, diag->code, "%s%s%s", diag->where, gap, diag->text);
}
