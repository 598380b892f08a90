/* shape_schema.c - rows as JSON schema (2020-12, as OpenAPI 3.1 uses it). */
#include <stdio.h>

#include "api/shape.h"

static const struct {
    const char *type;
    const char *format;
} kinds[] = {
    [SHAPE_TEXT] = {"string", NULL},        [SHAPE_TEXTS] = {"array", NULL},
    [SHAPE_BOOL] = {"boolean", NULL},       [SHAPE_INT] = {"integer", NULL},
    [SHAPE_ID] = {"string", NULL},          [SHAPE_NUMBER] = {"number", NULL},
    [SHAPE_TIME] = {"string", "date-time"}, [SHAPE_SECONDS] = {"number", NULL},
    [SHAPE_WORD] = {"string", NULL},        [SHAPE_OBJECT] = {"object", NULL},
    [SHAPE_LIST] = {"array", NULL},         [SHAPE_JSON] = {"object", NULL},
};

static void print_type(const struct shape_row *row, bool body, struct json_writer *w)
{
    const bool optional =
        body ? (row->flags & SHAPE_REQUIRED) == 0 : (row->flags & SHAPE_NULL) != 0;
    json_key(w, "type");
    if (optional)
        json_array(w);
    json_text(w, kinds[row->kind].type);
    if (optional) {
        json_text(w, "null");
        json_array_end(w);
    }
}

static void print_ref(const struct shape *sub, struct json_writer *w)
{
    char ref[96];
    (void)snprintf(ref, sizeof(ref), "#/components/schemas/%s", sub->name);
    json_object(w);
    json_member_text(w, "$ref", ref);
    json_object_end(w);
}

static void print_words(const struct shape_row *row, struct json_writer *w)
{
    json_key(w, "enum");
    json_array(w);
    for (const char *const *word = row->words; *word != NULL; word++)
        json_text(w, *word);
    if ((row->flags & SHAPE_NULL) != 0)
        json_null(w);
    json_array_end(w);
}

static void print_items(const struct shape_row *row, struct json_writer *w)
{
    json_key(w, "items");
    if (row->kind == SHAPE_LIST) {
        print_ref(row->sub, w);
        return;
    }
    json_object(w);
    json_member_text(w, "type", "string");
    json_object_end(w);
}

static void print_description(const struct shape_row *row, struct json_writer *w)
{
    char text[320];
    const char *unit = row->kind == SHAPE_SECONDS ? "seconds" : row->unit;
    (void)snprintf(text, sizeof(text), "%s%s%s%s", row->help, unit[0] != '\0' ? " (" : "", unit,
                   unit[0] != '\0' ? ")" : "");
    json_member_text(w, "description", text);
}

/* An object that may be unknown is one of two things. */
static void print_object(const struct shape_row *row, struct json_writer *w)
{
    json_object(w);
    if ((row->flags & SHAPE_NULL) == 0) {
        json_key(w, "allOf");
        json_array(w);
        print_ref(row->sub, w);
        json_array_end(w);
    } else {
        json_key(w, "anyOf");
        json_array(w);
        print_ref(row->sub, w);
        json_object(w);
        json_member_text(w, "type", "null");
        json_object_end(w);
        json_array_end(w);
    }
    print_description(row, w);
    json_object_end(w);
}

static void print_row(const struct shape_row *row, bool body, struct json_writer *w)
{
    if (row->kind == SHAPE_OBJECT) {
        print_object(row, w);
        return;
    }
    json_object(w);
    print_type(row, body, w);
    if (kinds[row->kind].format != NULL)
        json_member_text(w, "format", kinds[row->kind].format);
    if (row->kind == SHAPE_WORD)
        print_words(row, w);
    if (row->kind == SHAPE_LIST || row->kind == SHAPE_TEXTS)
        print_items(row, w);
    if (row->min != row->max) {
        json_member_number(w, "minimum", row->min);
        json_member_number(w, "maximum", row->max);
    }
    print_description(row, w);
    json_object_end(w);
}

void shape_schema(const struct shape *shape, bool body, struct json_writer *w)
{
    json_object(w);
    json_member_text(w, "type", "object");
    json_member_text(w, "description", shape->help);
    json_key(w, "properties");
    json_object(w);
    for (size_t i = 0; i < shape->row_count; i++) {
        json_key(w, shape->row[i].name);
        print_row(&shape->row[i], body, w);
    }
    json_object_end(w);
    json_key(w, "required");
    json_array(w);
    for (size_t i = 0; i < shape->row_count; i++)
        if (!body || (shape->row[i].flags & SHAPE_REQUIRED) != 0)
            json_text(w, shape->row[i].name);
    json_array_end(w);
    json_member_bool(w, "additionalProperties", false);
    json_object_end(w);
}

void shape_example(const struct shape *shape, struct json_writer *w)
{
    struct arena arena;
    arena_init(&arena, 1U << 20);
    json_object(w);
    for (size_t i = 0; i < shape->row_count; i++) {
        const struct tree *value = NULL;
        if (shape->row[i].example == NULL ||
            json_read(&arena, span_from(shape->row[i].example), NULL, &value, NULL) != RC_OK)
            continue;
        json_key(w, shape->row[i].name);
        json_tree(w, value);
    }
    json_object_end(w);
    arena_done(&arena);
}
