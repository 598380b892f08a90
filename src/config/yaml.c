/* yaml.c - a text of YAML through libyaml: what it refuses, in words and with its place. */
#include "config/yaml.h"

#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "base/limits.h"
#include "config/yaml_build.h"
#include "config/yaml_strict.h"

/* The line at the start of text holds braces that YAML takes for its own. */
static bool has_bare_reference(struct span text)
{
    struct span line = {NULL, 0};
    (void)span_split(&text, '\n', &line);
    return span_find(line, span_from("${"), 0) != SIZE_MAX ||
           span_find(line, span_from("{port}"), 0) != SIZE_MAX;
}

static enum rc parser_failed(struct yaml_builder *b, const yaml_parser_t *parser)
{
    if (parser->error == YAML_MEMORY_ERROR)
        return yaml_no_memory(b);
    if (parser->error == YAML_READER_ERROR) {
        const struct span before = span_slice(b->text, 0, parser->problem_offset);
        uint32_t line = 1;
        size_t start = 0;
        for (size_t i = 0; i < before.len; i++) {
            if (before.ptr[i] == '\n') {
                line++;
                start = i + 1;
            }
        }
        (void)fail(b->diag, RC_SYNTAX, "%s",
                   parser->problem ? parser->problem : "not readable as UTF-8");
        diag_position(b->diag, line, (uint32_t)(before.len - start + 1));
        return RC_SYNTAX;
    }
    uint32_t line, column;
    yaml_position(b, &parser->problem_mark, &line, &column);
    const size_t at = b->line_offset + column - 1;
    if (at < b->text.len && b->text.ptr[at] == '\t')
        (void)fail(b->diag, RC_SYNTAX,
                   "a tab stands where only spaces may: YAML is indented with "
                   "spaces");
    else
        (void)fail(b->diag, RC_SYNTAX, "%s%s%s%s", parser->problem ? parser->problem : "not YAML",
                   parser->context ? " " : "", parser->context ? parser->context : "",
                   has_bare_reference(span_slice(b->text, b->line_offset, b->text.len))
                       ? "; inside brackets a text with braces needs quotes: \"${env:NAME}\""
                       : "");
    diag_position(b->diag, line, column);
    return RC_SYNTAX;
}

static enum rc read_events(struct yaml_builder *b)
{
    yaml_parser_t parser;
    yaml_event_t event;
    if (!yaml_parser_initialize(&parser))
        return yaml_no_memory(b);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)b->text.ptr, b->text.len);
    enum rc rc = RC_OK;
    bool more = true;
    while (more && rc == RC_OK) {
        if (!yaml_parser_parse(&parser, &event)) {
            rc = parser_failed(b, &parser);
            break;
        }
        more = event.type != YAML_STREAM_END_EVENT;
        rc = yaml_take_event(b, &event);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return rc;
}

static size_t or_default(size_t value, size_t def)
{
    return value > 0 ? value : def;
}

enum rc yaml_read(struct arena *arena, struct span text, const struct yaml_limits *limits,
                  struct yaml_documents *ret, struct diag *diag)
{
    const struct yaml_limits none = {0};
    const struct yaml_limits *l = limits ? limits : &none;
    struct yaml_builder b = {
        .arena = arena,
        .text = text.ptr ? text : span_of("", 0),
        .diag = diag,
        .limits = {.depth_max = or_default(l->depth_max, YAML_DEPTH_MAX),
                   .nodes_max = or_default(l->nodes_max, CONFIG_NODES_MAX),
                   .aliases_max = or_default(l->aliases_max, YAML_ALIAS_EXPANSIONS_MAX),
                   .documents_max = or_default(l->documents_max, YAML_DOCUMENTS_MAX)},
    };
    enum rc rc = yaml_prepare(arena, b.text, &b.text, diag);
    if (rc == RC_OK)
        rc = yaml_check_tokens(b.text, b.limits.depth_max, &b.marks, diag);
    if (rc == RC_OK)
        rc = yaml_put_marks(arena, b.text, &b.marks, &b.text, diag);
    if (rc == RC_OK && !(b.open = mem_new(b.limits.depth_max, sizeof(*b.open))))
        rc = yaml_no_memory(&b);
    if (rc == RC_OK)
        rc = read_events(&b);
    if (rc == RC_OK && b.document_count > 0) {
        const struct tree **item =
            arena_array(arena, b.document_count, sizeof(const struct tree *));
        if (item) {
            memcpy(item, b.document, b.document_count * sizeof(const struct tree *));
            *ret = (struct yaml_documents){item, b.document_count};
        } else {
            rc = yaml_no_memory(&b);
        }
    } else if (rc == RC_OK) {
        *ret = (struct yaml_documents){NULL, 0};
    }
    free(b.open);
    free(b.anchor);
    free(b.document);
    return rc;
}
