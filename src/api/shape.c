/* shape.c - printing and reading by rows. Schemas are made in shape_schema.c. */
#include "api/shape.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "base/opt.h"
#include "config/target_spec.h"

/* ---- print ---- */

static void print_text(struct json_writer *w, const char *text)
{
    if (text == NULL)
        json_null(w);
    else
        json_text(w, text);
}

static void print_time(struct json_writer *w, int64_t wall_ns)
{
    char text[DURATION_TEXT_MAX];
    if (wall_ns == TIME_NONE) {
        json_null(w);
        return;
    }
    (void)time_print_rfc3339(wall_ns, text);
    json_text(w, text);
}

static void print_int(struct json_writer *w, enum shape_kind kind, int64_t value)
{
    if (kind == SHAPE_TIME)
        print_time(w, value);
    else if (value == SHAPE_NO_INT)
        json_null(w);
    else if (kind == SHAPE_SECONDS)
        json_number(w, seconds_of(value));
    else
        json_int(w, value);
}

static void print_id(struct json_writer *w, uint64_t id)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%" PRIu64, id);
    print_text(w, id == 0 ? NULL : text);
}

static void print_texts(struct json_writer *w, const struct text_list *list)
{
    json_array(w);
    for (size_t i = 0; i < list->count; i++)
        json_text(w, list->item[i]);
    json_array_end(w);
}

static void print_list(struct json_writer *w, const struct shape *sub,
                       const struct shape_rows *rows)
{
    _Alignas(16) char element[SHAPE_ROW_BYTES_MAX];
    assert(sub->size <= sizeof(element));
    json_array(w);
    for (size_t i = 0; rows->next != NULL; i++) {
        memset(element, 0, sub->size);
        if (!rows->next(rows->user, i, element))
            break;
        shape_print(sub, element, w);
    }
    json_array_end(w);
}

/* The writer takes no raw bytes: they are read as a tree first. Only what we wrote gets here. */
static void print_json(struct json_writer *w, struct span text)
{
    struct arena arena;
    const struct tree *tree = NULL;
    arena_init(&arena, 64U << 20);
    if (text.len == 0 || json_read(&arena, text, NULL, &tree, NULL) != RC_OK)
        json_null(w);
    else
        json_tree(w, tree);
    arena_done(&arena);
}

static void print_value(const struct shape_row *row, const char *member, struct json_writer *w)
{
    int64_t whole;
    uint64_t id;
    double number;
    bool truth;
    const void *pointer;
    struct span span;
    switch (row->kind) {
    case SHAPE_TEXT:
    case SHAPE_WORD:
        memcpy(&pointer, member, sizeof(pointer));
        print_text(w, pointer);
        break;
    case SHAPE_TEXTS:
        print_texts(w, (const struct text_list *)(const void *)member);
        break;
    case SHAPE_BOOL:
        memcpy(&truth, member, sizeof(truth));
        json_bool(w, truth);
        break;
    case SHAPE_INT:
    case SHAPE_TIME:
    case SHAPE_SECONDS:
        memcpy(&whole, member, sizeof(whole));
        print_int(w, row->kind, whole);
        break;
    case SHAPE_ID:
        memcpy(&id, member, sizeof(id));
        print_id(w, id);
        break;
    case SHAPE_NUMBER:
        memcpy(&number, member, sizeof(number));
        json_number(w, number);
        break;
    case SHAPE_OBJECT:
        memcpy(&pointer, member, sizeof(pointer));
        if (pointer == NULL)
            json_null(w);
        else
            shape_print(row->sub, pointer, w);
        break;
    case SHAPE_LIST:
        print_list(w, row->sub, (const struct shape_rows *)(const void *)member);
        break;
    case SHAPE_JSON:
        memcpy(&span, member, sizeof(span));
        print_json(w, span);
        break;
    }
}

void shape_print_members(const struct shape *shape, const void *view, struct json_writer *w)
{
    for (size_t i = 0; i < shape->row_count; i++) {
        json_key(w, shape->row[i].name);
        print_value(&shape->row[i], (const char *)view + shape->row[i].offset, w);
    }
}

void shape_print(const struct shape *shape, const void *view, struct json_writer *w)
{
    json_object(w);
    shape_print_members(shape, view, w);
    json_object_end(w);
}

/* ---- read ---- */

static const struct shape_row *find_row(const struct shape *shape, struct span name)
{
    for (size_t i = 0; i < shape->row_count; i++)
        if (span_equal_text(name, shape->row[i].name))
            return &shape->row[i];
    return NULL;
}

/* Kinds that a body may have. */
static const char *kind_words(enum shape_kind kind)
{
    return kind == SHAPE_TEXT   ? "a text"
           : kind == SHAPE_BOOL ? "true or false"
           : kind == SHAPE_INT  ? "a whole number"
                                : "a number";
}

static void put_allowed(const struct shape_row *row, struct shape_problem *problem)
{
    const char *words = kind_words(row->kind);
    if (row->min == row->max)
        (void)snprintf(problem->allowed, sizeof(problem->allowed), "%s", words);
    else
        (void)snprintf(problem->allowed, sizeof(problem->allowed),
                       "%s from %" PRId64 " to %" PRId64, words, (int64_t)row->min,
                       (int64_t)row->max);
}

static void put_value(const struct tree *json, struct shape_problem *problem)
{
    struct buf text;
    struct json_writer w;
    buf_init(&text, 1U << 20);
    json_init(&w, &text);
    json_tree(&w, json);
    (void)span_copy(buf_view(&text), problem->value, sizeof(problem->value));
    buf_done(&text);
}

static enum rc refuse(const struct shape_row *row, const struct tree *json, enum rc code,
                      struct shape_problem *problem)
{
    *problem = (struct shape_problem){.code = code};
    (void)span_copy(span_from(row->name), problem->place, sizeof(problem->place));
    put_allowed(row, problem);
    put_value(json, problem);
    (void)snprintf(problem->text, sizeof(problem->text), "\"%s\" is %s, %s is wanted", row->name,
                   problem->value, problem->allowed);
    return code;
}

static bool in_range(const struct shape_row *row, double value)
{
    return row->min == row->max || (value >= row->min && value <= row->max);
}

static enum rc read_member(const struct shape_row *row, const struct tree *json,
                           struct arena *arena, char *member, struct shape_problem *problem)
{
    struct span text;
    int64_t whole;
    double number;
    bool truth;
    switch (row->kind) {
    case SHAPE_TEXT:
        if (!tree_string(json, &text))
            return refuse(row, json, RC_INVALID, problem);
        text = arena_copy(arena, text);
        if (text.ptr == NULL)
            return refuse(row, json, RC_NO_MEMORY, problem);
        memcpy(member, &text.ptr, sizeof(text.ptr));
        return RC_OK;
    case SHAPE_BOOL:
        if (!tree_bool(json, &truth))
            return refuse(row, json, RC_INVALID, problem);
        memcpy(member, &truth, sizeof(truth));
        return RC_OK;
    case SHAPE_INT:
        if (!tree_int(json, &whole))
            return refuse(row, json, RC_INVALID, problem);
        if (!in_range(row, (double)whole))
            return refuse(row, json, RC_RANGE, problem);
        memcpy(member, &whole, sizeof(whole));
        return RC_OK;
    case SHAPE_NUMBER:
        if (!tree_number(json, &number))
            return refuse(row, json, RC_INVALID, problem);
        if (!in_range(row, number))
            return refuse(row, json, RC_RANGE, problem);
        memcpy(member, &number, sizeof(number));
        return RC_OK;
    case SHAPE_TEXTS:
    case SHAPE_ID:
    case SHAPE_TIME:
    case SHAPE_SECONDS:
    case SHAPE_WORD:
    case SHAPE_OBJECT:
    case SHAPE_LIST:
        break;
    case SHAPE_JSON: /* its owner reads it from the body */
        return json->kind == TREE_OBJECT ? RC_OK : refuse(row, json, RC_INVALID, problem);
    }
    return refuse(row, json, RC_UNSUPPORTED, problem); /* no row of a body is of these kinds */
}

static enum rc unknown_member(const struct shape *shape, const struct tree *json,
                              struct shape_problem *problem)
{
    const char *names[32];
    size_t count = 0;
    *problem = (struct shape_problem){.code = RC_UNKNOWN};
    (void)span_copy(json->key, problem->place, sizeof(problem->place));
    for (; count < shape->row_count && count < COUNT_OF(names); count++) {
        const size_t used = strlen(problem->allowed);
        names[count] = shape->row[count].name;
        (void)snprintf(problem->allowed + used, sizeof(problem->allowed) - used, "%s%s",
                       used > 0 ? ", " : "", names[count]);
    }
    const char *nearest = name_nearest(json->key, names, count);
    (void)span_copy(span_from(nearest), problem->nearest, sizeof(problem->nearest));
    (void)snprintf(problem->text, sizeof(problem->text), "\"%s\" is not known here%s%s%s",
                   problem->place, nearest == NULL ? "" : "; did you mean \"",
                   nearest == NULL ? "" : nearest, nearest == NULL ? "" : "\"?");
    return RC_UNKNOWN;
}

enum rc shape_read(const struct shape *shape, const struct tree *json, struct arena *arena,
                   void *ret, struct shape_problem *problem)
{
    uint64_t seen = 0;
    assert(shape->row_count <= 64);
    if (json == NULL || json->kind != TREE_OBJECT) {
        *problem = (struct shape_problem){.code = RC_INVALID, .allowed = "an object"};
        (void)snprintf(problem->text, sizeof(problem->text), "the body is %s, an object is wanted",
                       json == NULL ? "missing" : tree_kind_name(json->kind));
        return RC_INVALID;
    }
    for (const struct tree *member = json->first; member != NULL; member = member->next) {
        const struct shape_row *row = find_row(shape, member->key);
        if (row == NULL)
            return unknown_member(shape, member, problem);
        seen |= UINT64_C(1) << (row - shape->row);
        if (member->kind == TREE_NULL && (row->flags & SHAPE_REQUIRED) == 0)
            continue; /* as if it were not there */
        const enum rc rc = read_member(row, member, arena, (char *)ret + row->offset, problem);
        if (rc != RC_OK)
            return rc;
    }
    for (size_t i = 0; i < shape->row_count; i++) {
        const struct shape_row *row = &shape->row[i];
        if ((row->flags & SHAPE_REQUIRED) == 0 || (seen >> i & 1) != 0)
            continue;
        *problem = (struct shape_problem){.code = RC_MISSING};
        (void)span_copy(span_from(row->name), problem->place, sizeof(problem->place));
        put_allowed(row, problem);
        (void)snprintf(problem->text, sizeof(problem->text), "\"%s\" is missing, %s is wanted",
                       row->name, problem->allowed);
        return RC_MISSING;
    }
    return RC_OK;
}
