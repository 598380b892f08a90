/* yaml_build.h - the tree while it grows out of libyaml's events; shared by yaml.c, which reads
 * them, and yaml_build.c, which puts them together. */
#ifndef SLUICE_CONFIG_YAML_BUILD_H
#define SLUICE_CONFIG_YAML_BUILD_H

#include <yaml.h>

#include "config/yaml.h"
#include "config/yaml_strict.h"

struct yaml_anchor {
    struct span name;
    const struct tree *node; /* NULL while its collection is still open */
    size_t nodes;            /* what an alias of it counts */
    size_t height;           /* levels below it: aliases must not nest deeper than text may */
};

struct yaml_open {
    struct tree *node;
    struct span anchor; /* name, len 0 = none */
    struct span key;    /* of the member being read */
    uint32_t key_line;
    uint32_t key_column;
    bool has_key;
    size_t nodes_before;
    size_t height; /* of its children so far */
};

struct yaml_builder {
    struct arena *arena;
    struct span text;
    struct yaml_limits limits;
    struct diag *diag;
    struct yaml_open *open; /* stack, limits.depth_max elements */
    size_t depth;
    struct yaml_anchor *anchor;
    size_t anchor_count, anchor_cap;
    size_t nodes, aliases;
    struct tree *root;
    const struct tree **document;
    size_t document_count, document_cap;
    struct yaml_marks marks; /* put into text; the user's columns are without them */
    size_t line_offset;      /* of the line that yaml_position() saw last */
    size_t line;             /* 0-based */
};

/* Place of a mark as the user sees it: 1-based line, byte column. */
void yaml_position(struct yaml_builder *b, const yaml_mark_t *mark, uint32_t *line,
                   uint32_t *column);
enum rc yaml_no_memory(struct yaml_builder *b);
/* The diag of the builder tells what is wrong. */
enum rc yaml_take_event(struct yaml_builder *b, const yaml_event_t *event) MUST_CHECK;

#endif
