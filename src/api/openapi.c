/* openapi.c - the API document, made from the routes and the shapes. */
#include <stdio.h>
#include <string.h>

#include "api/handlers.h"

#define SHAPES_MAX 96

/* ---- every shape that is named somewhere ---- */

struct shapes {
    const struct shape *item[SHAPES_MAX];
    bool body[SHAPES_MAX];
    size_t count;
};

static void collect(struct shapes *shapes, const struct shape *shape, bool body)
{
    if (shape == NULL || shapes->count == SHAPES_MAX)
        return;
    for (size_t i = 0; i < shapes->count; i++)
        if (shapes->item[i] == shape)
            return;
    shapes->body[shapes->count] = body;
    shapes->item[shapes->count++] = shape;
    for (size_t i = 0; i < shape->row_count; i++)
        collect(shapes, shape->row[i].sub, body);
}

static void collect_all(struct shapes *shapes)
{
    collect(shapes, &shape_error, false);
    for (size_t i = 0; i < api_route_count; i++) {
        collect(shapes, api_routes[i].body, true);
        collect(shapes, api_routes[i].answer.shape, false);
    }
    collect(shapes, &shape_change, false);
    collect(shapes, &shape_note, false);
}

/* ---- one route ---- */

static void ref(struct json_writer *w, const char *where, const char *name)
{
    char text[96];
    (void)snprintf(text, sizeof(text), "#/components/%s/%s", where, name);
    json_object(w);
    json_member_text(w, "$ref", text);
    json_object_end(w);
}

static void print_param(struct json_writer *w, const char *name, const char *where,
                        const char *type, const char *example, const char *help)
{
    json_object(w);
    json_member_text(w, "name", name);
    json_member_text(w, "in", where);
    json_member_bool(w, "required", strcmp(where, "path") == 0);
    json_member_text(w, "description", help);
    json_key(w, "schema");
    json_object(w);
    json_member_text(w, "type", type);
    json_object_end(w);
    if (example != NULL)
        json_member_text(w, "example", example);
    json_object_end(w);
}

static void print_params(struct json_writer *w, const struct api_route *route)
{
    struct span rest = span_from(route->pattern);
    json_key(w, "parameters");
    json_array(w);
    for (size_t at = span_find_byte(rest, '{', 0); at != SIZE_MAX;
         at = span_find_byte(rest, '{', 0)) {
        char name[NAME_SIZE];
        const size_t end = span_find_byte(rest, '}', at);
        (void)span_copy(span_slice(rest, at + 1, end - at - 1), name, sizeof(name));
        print_param(w, name, "path", "string", NULL,
                    strcmp(name, "pool") == 0 ? "Name of a pool." : "Its number.");
        rest = span_slice(rest, end + 1, rest.len);
    }
    for (const struct api_param *p = route->params; p != NULL && p->name != NULL; p++)
        print_param(w, p->name, "query", p->type, p->example, p->help);
    json_array_end(w);
}

static void print_body(struct json_writer *w, const struct shape *body)
{
    bool required = false;
    for (size_t i = 0; i < body->row_count; i++)
        required = required || (body->row[i].flags & SHAPE_REQUIRED) != 0;
    json_key(w, "requestBody");
    json_object(w);
    json_member_bool(w, "required", required);
    json_key(w, "content");
    json_object(w);
    json_key(w, "application/json");
    json_object(w);
    json_key(w, "schema");
    ref(w, "schemas", body->name);
    json_key(w, "example");
    shape_example(body, w);
    json_object_end(w);
    json_object_end(w);
    json_object_end(w);
}

static void print_answer(struct json_writer *w, const struct api_route *route)
{
    const char *type = route->answer.type != NULL ? route->answer.type : "application/json";
    json_key(w, "200");
    json_object(w);
    json_member_text(w, "description", route->help);
    json_key(w, "content");
    json_object(w);
    json_key(w, type);
    json_object(w);
    json_key(w, "schema");
    if (route->answer.shape != NULL) {
        ref(w, "schemas", route->answer.shape->name);
    } else {
        json_object(w);
        json_member_text(w, "type", route->answer.type != NULL ? "string" : "object");
        json_object_end(w);
    }
    json_object_end(w);
    json_object_end(w);
    json_object_end(w);
}

static void print_route(struct json_writer *w, const struct api_route *route)
{
    char method[8] = "";
    for (size_t i = 0; i < sizeof(method) - 1 && route->method[i] != '\0'; i++)
        method[i] = (char)(route->method[i] | 0x20);
    json_key(w, method);
    json_object(w);
    json_member_text(w, "summary", route->help);
    print_params(w, route);
    if (route->body != NULL)
        print_body(w, route->body);
    json_key(w, "responses");
    json_object(w);
    print_answer(w, route);
    json_key(w, "default");
    ref(w, "responses", "Error");
    json_object_end(w);
    json_key(w, "security");
    json_array(w);
    json_object(w);
    json_object_end(w);
    if (route->access != ACCESS_OPEN && route->access != ACCESS_SIGNED) {
        json_object(w);
        json_key(w, "token");
        json_array(w);
        json_array_end(w);
        json_object_end(w);
    }
    json_array_end(w);
    json_object_end(w);
}

/* Methods of one path belong together, wherever their rows stand. */
static void print_paths(struct json_writer *w)
{
    json_key(w, "paths");
    json_object(w);
    for (size_t i = 0; i < api_route_count; i++) {
        bool before = false;
        for (size_t k = 0; k < i; k++)
            before = before || strcmp(api_routes[k].pattern, api_routes[i].pattern) == 0;
        if (before)
            continue;
        json_key(w, api_routes[i].pattern);
        json_object(w);
        for (size_t k = i; k < api_route_count; k++)
            if (strcmp(api_routes[k].pattern, api_routes[i].pattern) == 0)
                print_route(w, &api_routes[k]);
        json_object_end(w);
    }
    json_object_end(w);
}

/* ---- the document ---- */

static void print_components(struct json_writer *w)
{
    struct shapes shapes = {.count = 0};
    collect_all(&shapes);
    json_key(w, "components");
    json_object(w);
    json_key(w, "schemas");
    json_object(w);
    for (size_t i = 0; i < shapes.count; i++) {
        json_key(w, shapes.item[i]->name);
        shape_schema(shapes.item[i], shapes.body[i], w);
    }
    json_object_end(w);
    json_key(w, "responses");
    json_object(w);
    json_key(w, "Error");
    json_object(w);
    json_member_text(w, "description", shape_error.help);
    json_key(w, "content");
    json_object(w);
    json_key(w, "application/json");
    json_object(w);
    json_key(w, "schema");
    ref(w, "schemas", shape_error.name);
    json_object_end(w);
    json_object_end(w);
    json_object_end(w);
    json_object_end(w);
    json_key(w, "securitySchemes");
    json_object(w);
    json_key(w, "token");
    json_object(w);
    json_member_text(w, "type", "http");
    json_member_text(w, "scheme", "bearer");
    json_member_text(w, "description", "listen.adminToken of the configuration, when it is set.");
    json_object_end(w);
    json_object_end(w);
    json_object_end(w);
}

void api_print_document(struct buf *out)
{
    struct json_writer w;
    json_init(&w, out);
    json_object(&w);
    json_member_text(&w, "openapi", "3.1.0");
    json_key(&w, "info");
    json_object(&w);
    json_member_text(&w, "title", "Sluice");
    json_member_text(&w, "version", SLUICE_VERSION);
    json_member_text(&w, "description",
                     "What a running sluice does and why, and the words of its operators.");
    json_object_end(&w);
    print_paths(&w);
    print_components(&w);
    json_object_end(&w);
}

void handle_openapi(struct api_call *call)
{
    api_print_document(&call->out);
    call_answer(call, 200);
}
