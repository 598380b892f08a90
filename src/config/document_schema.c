/* document_schema.c - the option rows as a JSON schema. */
#include <string.h>

#include "base/tree.h"
#include "config/document.h"
#include "config/layout.h"
#include "config/resolved.h"

#define DOCUMENT_MEMORY_MAX ((size_t)16 << 20)
#define DURATION_PATTERN                                                                           \
    "^(0|-?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)(ns|us|ms|s|m|h|d)(([0-9]+(\\.[0-9]*)?|\\.[0-9]+)(ns|us|" \
    "ms|s|m|h|d))*)$"

struct schema {
    struct json_writer w;
    struct arena arena; /* for shapes given as text */
    enum rc rc;
};

static void types(struct schema *s, const char *a, const char *b, const char *c)
{
    const char *const all[] = {a, b, c};
    json_key(&s->w, "type");
    if (!b) {
        json_text(&s->w, a);
        return;
    }
    json_array(&s->w);
    for (size_t i = 0; i < COUNT_OF(all); i++)
        if (all[i])
            json_text(&s->w, all[i]);
    json_array_end(&s->w);
}

static void bounds(struct schema *s, const struct opt *row)
{
    if (row->min == 0 && row->max == 0)
        return;
    json_member_number(&s->w, "minimum", row->min);
    json_member_number(&s->w, "maximum", row->max);
}

static void choices(struct schema *s, const struct opt *row)
{
    json_key(&s->w, "enum");
    json_array(&s->w);
    for (const struct opt_choice *c = row->choices; c->name; c++)
        json_text(&s->w, c->name);
    json_array_end(&s->w);
}

static void default_value(struct schema *s, const struct opt *row)
{
    struct buf text;
    if (row->flags & (OPT_FLAG_UNSET_NAN | OPT_FLAG_REQUIRED | OPT_FLAG_SECRET))
        return;
    buf_init(&text, 4096);
    switch (row->kind) {
    case OPT_BOOL:
        json_member_bool(&s->w, "default", row->def != 0);
        break;
    case OPT_INT:
    case OPT_NUMBER:
    case OPT_QUANTITY:
        json_member_number(&s->w, "default", row->def);
        break;
    case OPT_DURATION:
    case OPT_ENUM:
        resolved_print_default(&text, row);
        json_member_span(&s->w, "default", buf_view(&text));
        break;
    case OPT_TEXT:
        json_member_text(&s->w, "default", row->def_text ? row->def_text : "");
        break;
    case OPT_STRUCT:
    case OPT_LIST:
    case OPT_TEXTS:
    case OPT_TREE:
        break;
    }
    buf_done(&text);
}

static void put_object(struct schema *s, const struct opt *rows, size_t count, bool required);

/* Members of the shape that a tree row gives as text. */
static void put_shape(struct schema *s, const char *shape)
{
    const struct tree *tree = NULL;
    if (!shape)
        return;
    s->rc = json_read(&s->arena, span_from(shape), NULL, &tree, NULL);
    for (const struct tree *t = s->rc == RC_OK ? tree->first : NULL; t; t = t->next) {
        char key[64];
        (void)span_copy(t->key, key, sizeof(key));
        json_key(&s->w, key);
        json_tree(&s->w, t);
    }
}

static void put_kind(struct schema *s, const struct opt *row)
{
    switch (row->kind) {
    case OPT_BOOL:
        types(s, "boolean", NULL, NULL);
        break;
    case OPT_INT:
        types(s, "integer", NULL, NULL);
        bounds(s, row);
        break;
    case OPT_NUMBER:
    case OPT_QUANTITY:
        types(s, "number",
              row->kind == OPT_QUANTITY || (row->unit && strcmp(row->unit, "%") == 0) ? "string"
                                                                                      : NULL,
              NULL);
        bounds(s, row);
        break;
    case OPT_DURATION:
        types(s, "string", "number", NULL);
        json_member_text(&s->w, "pattern", DURATION_PATTERN);
        break;
    case OPT_TEXT:
        types(s, "string", "number", "boolean");
        json_member_int(&s->w, "maxLength", (int64_t)row->size - 1);
        break;
    case OPT_ENUM:
        choices(s, row);
        break;
    case OPT_STRUCT:
        put_object(s, row->sub, row->sub_count, false);
        break;
    case OPT_LIST:
        types(s, "array", NULL, NULL);
        json_member_int(&s->w, "maxItems", (int64_t)row->list_max);
        json_key(&s->w, "items");
        json_object(&s->w);
        put_object(s, row->sub, row->sub_count, true);
        json_object_end(&s->w);
        break;
    case OPT_TEXTS:
        types(s, "string", "array", NULL);
        break;
    case OPT_TREE:
        put_shape(s, row->def_text);
        break;
    }
}

/* The two rows whose shape is a pool body. */
static bool put_pool_rows(struct schema *s, const struct opt *row)
{
    const bool pools = strcmp(row->name, "pools") == 0;
    if (row->kind != OPT_TREE || row->def_text)
        return false;
    if (pools) {
        types(s, "object", NULL, NULL);
        json_key(&s->w, "additionalProperties");
        json_object(&s->w);
    }
    json_member_text(&s->w, "$ref", "#/$defs/pool");
    if (pools)
        json_object_end(&s->w);
    return true;
}

static void put_object(struct schema *s, const struct opt *rows, size_t count, bool required)
{
    bool any = false;
    types(s, "object", NULL, NULL);
    json_member_bool(&s->w, "additionalProperties", false);
    for (size_t i = 0; i < count; i++)
        any = any || (required && (rows[i].flags & OPT_FLAG_REQUIRED));
    if (any) {
        json_key(&s->w, "required");
        json_array(&s->w);
        for (size_t i = 0; i < count; i++)
            if (rows[i].flags & OPT_FLAG_REQUIRED)
                json_text(&s->w, rows[i].name);
        json_array_end(&s->w);
    }
    json_key(&s->w, "properties");
    json_object(&s->w);
    for (size_t i = 0; i < count; i++) {
        if (rows[i].flags & OPT_FLAG_HIDDEN)
            continue;
        json_key(&s->w, rows[i].name);
        json_object(&s->w);
        json_member_text(&s->w, "description", rows[i].help);
        if (!put_pool_rows(s, &rows[i]))
            put_kind(s, &rows[i]);
        default_value(s, &rows[i]);
        json_object_end(&s->w);
    }
    json_object_end(&s->w);
}

/* One member a line: the file is read in reviews. */
static void indent(struct span json, struct buf *out)
{
    size_t depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < json.len; i++) {
        const char c = json.ptr[i];
        if (in_string || c == '"') {
            if (c == '\\' && in_string)
                buf_byte(out, json.ptr[i++]);
            else if (c == '"')
                in_string = !in_string;
            buf_byte(out, json.ptr[i]);
            continue;
        }
        const bool close = c == '}' || c == ']';
        depth -= close;
        if (close)
            buf_printf(out, "\n%*s", (int)depth, "");
        buf_byte(out, c);
        depth += c == '{' || c == '[';
        if (c == '{' || c == '[' || c == ',')
            buf_printf(out, "\n%*s", (int)depth, "");
        else if (c == ':')
            buf_byte(out, ' ');
    }
    buf_byte(out, '\n');
}

enum rc document_schema(struct buf *out)
{
    struct buf flat;
    struct schema s = {.rc = RC_OK};
    buf_init(&flat, DOCUMENT_MEMORY_MAX);
    arena_init(&s.arena, DOCUMENT_MEMORY_MAX);
    json_init(&s.w, &flat);
    const struct layout *l = layout_new(&s.arena);
    if (!l)
        s.rc = RC_NO_MEMORY;
    if (l) {
        json_object(&s.w);
        json_member_text(&s.w, "$schema", "https://json-schema.org/draft/2020-12/schema");
        json_member_text(&s.w, "title", "sluice");
        put_object(&s, l->file, l->file_count, true);
        json_key(&s.w, "$defs");
        json_object(&s.w);
        json_key(&s.w, "pool");
        json_object(&s.w);
        put_object(&s, l->pool, l->pool_count, false);
        json_object_end(&s.w);
        json_object_end(&s.w);
        json_object_end(&s.w);
        indent(buf_view(&flat), out);
    }
    const bool failed = flat.failed || out->failed;
    buf_done(&flat);
    arena_done(&s.arena);
    return s.rc == RC_OK && failed ? RC_NO_MEMORY : s.rc;
}
