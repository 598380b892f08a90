/* read.c - walks rows and tree together: places, unknown names, structs and lists. Single values
 * are read_value.c's. */
#include "config/read.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "config/read_value.h"
#include "config/yaml.h"

#define KNOWN_MAX 128

void reader_init(struct reader *r, struct problem_list *problems, const char *file,
                 const char *path)
{
    *r = (struct reader){.problems = problems, .file = file};
    if (span_copy(span_from(path), r->path, sizeof(r->path)))
        r->path_len = strlen(r->path);
}

static size_t go_down(struct reader *r, const char *format, struct span name, size_t index)
{
    const size_t before = r->path_len;
    char *end = r->path + before;
    const size_t left = sizeof(r->path) - before;
    int n;
    if (format)
        n = snprintf(end, left, "[%zu]", index);
    else
        n = snprintf(end, left, "%s%.*s", before > 0 ? "." : "", SPAN_ARG(name));
    if (n > 0)
        r->path_len += (size_t)n < left ? (size_t)n : left - 1;
    return before;
}

size_t reader_down(struct reader *r, struct span name)
{
    return go_down(r, NULL, name, 0);
}

size_t reader_down_index(struct reader *r, size_t index)
{
    return go_down(r, "index", span_of(NULL, 0), index);
}

void reader_up(struct reader *r, size_t before)
{
    r->path_len = before;
    r->path[before] = '\0';
}

__attribute__((format(printf, 6, 0))) static void add(struct reader *r,
                                                      enum problem_severity severity, enum rc code,
                                                      uint32_t line, uint32_t column,
                                                      const char *format, va_list args)
{
    char text[512];
    const struct problem where = {.severity = severity,
                                  .code = code,
                                  .line = line,
                                  .column = column,
                                  .file = r->file,
                                  .path = r->path};
    (void)vsnprintf(text, sizeof(text), format, args);
    problem_add(r->problems, &where, "%s", text);
}

void reader_error(struct reader *r, const struct tree *node, enum rc code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(r, PROBLEM_ERROR, code, node ? node->line : 0, node ? node->column : 0, format, args);
    va_end(args);
}

void reader_warning(struct reader *r, const struct tree *node, const char *format, ...)
{
    const bool key = node && node->key_line > 0;
    va_list args;
    va_start(args, format);
    add(r, PROBLEM_WARNING, RC_OK,
        key    ? node->key_line
        : node ? node->line
               : 0,
        key    ? node->key_column
        : node ? node->column
               : 0,
        format, args);
    va_end(args);
}

void reader_error_key(struct reader *r, const struct tree *node, enum rc code, const char *format,
                      ...)
{
    const bool key = node && node->key_line > 0;
    va_list args;
    va_start(args, format);
    add(r, PROBLEM_ERROR, code,
        key    ? node->key_line
        : node ? node->line
               : 0,
        key    ? node->key_column
        : node ? node->column
               : 0,
        format, args);
    va_end(args);
}

void read_unknown(struct reader *r, const struct tree *member, const char *const *known,
                  size_t count)
{
    char names[256];
    size_t n = 0;
    const char *nearest = name_nearest(member->key, known, count);
    const struct span key = span_slice(member->key, 0, 60);
    if (nearest) {
        reader_error_key(r, member, RC_UNKNOWN, "\"%.*s\" is not known here; did you mean \"%s\"?",
                         SPAN_ARG(key), nearest);
        return;
    }
    names[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        const int used =
            snprintf(names + n, sizeof(names) - n, "%s%s", i > 0 ? ", " : "", known[i]);
        if (used < 0 || n + (size_t)used >= sizeof(names) - 5) {
            (void)snprintf(names + n, sizeof(names) - n, ", ...");
            break;
        }
        n += (size_t)used;
    }
    reader_error_key(r, member, RC_UNKNOWN, "\"%.*s\" is not known here; known are %s",
                     SPAN_ARG(key), names);
}

static size_t row_names(const struct opt *rows, size_t count, const char *names[KNOWN_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < count && n < KNOWN_MAX; i++)
        if (!(rows[i].flags & OPT_FLAG_HIDDEN))
            names[n++] = rows[i].name;
    return n;
}

static void set_count(const struct opt *row, void *config, size_t count)
{
    memcpy((char *)config + row->count_offset, &count, sizeof(count));
}

/* Two elements of one name would make every later reference ambiguous. */
static void check_names(struct reader *r, const struct tree *list)
{
    struct span a, b;
    size_t i = 0;
    for (const struct tree *x = list->first; x; x = x->next, i++) {
        if (!read_text(tree_get(x, "name"), &a))
            continue;
        for (const struct tree *y = list->first; y != x; y = y->next) {
            if (!read_text(tree_get(y, "name"), &b) || !span_equal(a, b))
                continue;
            const size_t up = reader_down_index(r, i);
            reader_error(r, tree_get(x, "name"), RC_DUPLICATE,
                         "the name \"%.*s\" is given twice, first in line %u", SPAN_ARG(a),
                         tree_get(y, "name")->line);
            reader_up(r, up);
            break;
        }
    }
}

/* Where the elements go; NULL: told that there is no memory. */
static char *list_place(struct reader *r, const struct opt *row, const struct tree *node,
                        void *config)
{
    char *member = (char *)config + row->offset;
    if (!(row->flags & OPT_FLAG_APART))
        return member;
    void *elements = r->arena ? arena_array(r->arena, node->count, row->size) : NULL;
    if (!elements)
        reader_error(r, node, RC_NO_MEMORY, "no memory left");
    memcpy(member, &elements, sizeof(elements));
    return elements;
}

static void read_list(struct reader *r, const struct opt *row, const struct tree *node,
                      void *config)
{
    char words[READ_VALUE_MAX];
    if (node->kind != TREE_ARRAY) {
        reader_error(r, node, RC_INVALID, "is %s, a list is wanted", read_value_words(node, words));
        return;
    }
    if (node->count > row->list_max) {
        reader_error(r, node, RC_LIMIT, "has %zu elements, at most %zu are allowed", node->count,
                     row->list_max);
        return;
    }
    size_t i = 0;
    char *elements = list_place(r, row, node, config);
    if (elements == NULL)
        return; /* the file is refused */
    for (const struct tree *item = node->first; item != NULL; item = item->next, i++) {
        char *element = elements + i * row->size;
        const size_t up = reader_down_index(r, i);
        opt_defaults(row->sub, row->sub_count, element);
        read_options(r, row->sub, row->sub_count, item, element);
        reader_up(r, up);
    }
    set_count(row, config, i);
    if (opt_find(row->sub, row->sub_count, span_from("name")))
        check_names(r, node);
}

static void read_texts(struct reader *r, const struct opt *row, const struct tree *node,
                       void *config)
{
    const bool list = node->kind == TREE_ARRAY;
    if (list && node->count > row->list_max) {
        reader_error(r, node, RC_LIMIT, "has %zu elements, at most %zu are allowed", node->count,
                     row->list_max);
        return;
    }
    size_t i = 0;
    for (const struct tree *item = list ? node->first : node; item; item = item->next, i++) {
        const size_t up = list ? reader_down_index(r, i) : r->path_len;
        read_text_into(r, row, item, (char *)config + row->offset + i * row->size);
        reader_up(r, up);
        if (!list) {
            i++;
            break;
        }
    }
    set_count(row, config, i);
}

static void check_required(struct reader *r, const struct opt *rows, size_t count,
                           const struct tree *object)
{
    for (size_t i = 0; i < count; i++) {
        const struct tree *node = tree_get(object, rows[i].name);
        if ((rows[i].flags & OPT_FLAG_REQUIRED) && (!node || node->kind == TREE_NULL))
            reader_error(r, object, RC_MISSING, "\"%s\" is missing: %s", rows[i].name,
                         rows[i].help);
    }
}

static void read_struct(struct reader *r, const struct opt *row, const struct tree *node,
                        char *member)
{
    if (node->kind == TREE_NULL) {
        check_required(r, row->sub, row->sub_count, node);
        return;
    }
    if (row->flags & OPT_FLAG_APART) {
        char *own = r->arena ? arena_alloc(r->arena, row->size) : NULL;
        if (!own) {
            reader_error(r, node, RC_NO_MEMORY, "no memory left");
            return;
        }
        memcpy(own, row->defaults, row->size);
        memcpy(member, &own, sizeof(own));
        member = own;
    }
    read_options(r, row->sub, row->sub_count, node, member);
}

static void read_one(struct reader *r, const struct opt *row, const struct tree *node, void *config)
{
    char *member = (char *)config + row->offset;
    const bool nothing = node->kind == TREE_NULL;
    switch (row->kind) {
    case OPT_STRUCT:
        read_struct(r, row, node, member);
        break;
    case OPT_LIST:
        if (!nothing)
            read_list(r, row, node, config);
        break;
    case OPT_TEXTS:
        if (!nothing)
            read_texts(r, row, node, config);
        break;
    case OPT_TREE:
        if (!nothing)
            opt_set_tree(member, node);
        break;
    case OPT_BOOL:
    case OPT_INT:
    case OPT_NUMBER:
    case OPT_DURATION:
    case OPT_QUANTITY:
    case OPT_TEXT:
    case OPT_ENUM:
        read_scalar(r, row, node, member);
        break;
    }
}

void read_options(struct reader *r, const struct opt *rows, size_t count, const struct tree *object,
                  void *config)
{
    const char *names[KNOWN_MAX];
    char words[READ_VALUE_MAX];
    if (!object)
        return;
    if (object->kind != TREE_OBJECT) {
        const size_t n = row_names(rows, count, names);
        reader_error(r, object, RC_INVALID, "is %s, options are wanted here, as in {%s: ...}",
                     read_value_words(object, words), n > 0 ? names[0] : "name");
        return;
    }
    for (const struct tree *node = object->first; node; node = node->next) {
        const struct opt *row = opt_find(rows, count, node->key);
        if (!row) {
            const size_t n = row_names(rows, count, names);
            read_unknown(r, node, names, n);
            continue;
        }
        const size_t up = reader_down(r, node->key);
        read_one(r, row, node, config);
        reader_up(r, up);
    }
    check_required(r, rows, count, object);
}

const struct tree *read_single_document(struct reader *r, struct arena *arena, struct span text,
                                        const char *what)
{
    struct diag diag = {.code = RC_OK};
    struct yaml_documents documents = {NULL, 0};
    const enum rc rc = yaml_read(arena, arena_copy(arena, text), NULL, &documents, &diag);
    const struct tree place = {.line = diag.line, .column = diag.column};
    if (rc != RC_OK)
        reader_error(r, &place, rc, "%s", diag.text);
    else if (documents.count != 1)
        reader_error(r, NULL, RC_INVALID, "%s is one document", what);
    return rc == RC_OK && documents.count == 1 ? documents.item[0] : NULL;
}
