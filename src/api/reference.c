/* reference.c - reference pages in Markdown, made from the tables of routes and metrics. */
#include <string.h>

#include "api/handlers.h"
#include "api/metric_page.h"

static const char *const access_words[] = {[ACCESS_OPEN] = "open",
                                           [ACCESS_READ] = "read",
                                           [ACCESS_SIGNED] = "signed",
                                           [ACCESS_OPERATE] = "operate",
                                           [ACCESS_ADMIN] = "admin"};

static void put_members(struct buf *out, const struct shape *shape)
{
    buf_text(out, "\n| member | | what it is |\n|---|---|---|\n");
    for (size_t i = 0; i < shape->row_count; i++) {
        const struct shape_row *row = &shape->row[i];
        const char *unit = row->kind == SHAPE_SECONDS ? "seconds" : row->unit;
        buf_printf(out, "| `%s` | %s%s%s | %s |\n", row->name,
                   (row->flags & SHAPE_REQUIRED) != 0 ? "required" : "",
                   (row->flags & SHAPE_REQUIRED) != 0 && unit[0] != '\0' ? ", " : "", unit,
                   row->help);
    }
}

static void put_params(struct buf *out, const struct api_param *param)
{
    if (param == NULL)
        return;
    buf_text(out, "\n| parameter | example | what it is |\n|---|---|---|\n");
    for (; param->name != NULL; param++)
        buf_printf(out, "| `%s` | `%s` | %s |\n", param->name, param->example, param->help);
}

void api_print_reference(struct buf *out)
{
    buf_text(out,
             "<!-- Made by tools/generate from the tables of src/api. -->\n"
             "# Routes of the API\n\n"
             "How to use them: [api.md](api.md). The same as OpenAPI document: "
             "`/api/v1/openapi.json`.\n"
             "*open*: without a token; *read*: with the token, when there is one; *operate*: "
             "the same, and written down with who did it; *admin*: with `adminToken` alone.\n");
    for (size_t i = 0; i < api_route_count; i++) {
        const struct api_route *route = &api_routes[i];
        buf_printf(out, "\n## %s %s\n\n%s *(%s)*\n", route->method, route->pattern, route->help,
                   access_words[route->access]);
        put_params(out, route->params);
        if (route->body != NULL) {
            buf_printf(out, "\nBody, an object:\n");
            put_members(out, route->body);
        }
        if (route->answer.shape != NULL)
            buf_printf(out, "\nAnswer: `%s`. %s\n", route->answer.shape->name,
                       route->answer.shape->help);
    }
}

static const char *const types[] = {
    [METRIC_GAUGE] = "gauge", [METRIC_COUNTER] = "counter", [METRIC_HISTOGRAM] = "histogram"};

void api_print_metric_reference(struct buf *out)
{
    buf_text(out,
             "<!-- Made by tools/generate from src/api/metrics.def. -->\n"
             "# Metrics\n\n"
             "`/metrics` on the admin address, in Prometheus' text format. What is not known is "
             "left out, never 0.\n"
             "A metric has at most 4096 sets of labels of its own; the rest stands in one "
             "with the value `other`.\n\n"
             "| metric | type | labels | unit | what it is |\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        const struct metric_row *row = &metric_rows[i];
        buf_printf(out, "| `%s%s` | %s | %s | %s | %s |\n", metric_prefix((enum metric_id)i),
                   row->name, types[row->type], row->labels, row->unit, row->help);
    }
}
