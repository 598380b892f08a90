/* yaml.h - YAML 1.2 text to trees with positions, by the core schema. Not for writing YAML.
 *
 * A subset, refused with line and column where it ends: no merge keys (`<<` is a name of YAML 1.1),
 * no UTF-16, no raw U+0085/2028/2029, anchor names of letters, digits, - and _. Tags of the core
 * schema
 * (!!str, !!int, !!float, !!bool, !!null) are obeyed, others say nothing. Whatever is accepted has
 * the value that YAML 1.2 gives it; where libyaml is laxer than the standard, checks of our own
 * refuse (yaml_strict.h). A list or object as a member name gets a made-up name.
 *
 * Plain scalars: null, ~ and nothing -> null; true/false; integers (also 0o17, 0x1F) and floats ->
 * numbers, whose text is normalised to JSON form while `source` keeps what was written; .inf and
 * .nan stay strings, because no option takes them. Everything else, and everything in quotes or
 * blocks, is a string. */
#ifndef SLUICE_CONFIG_YAML_H
#define SLUICE_CONFIG_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"
#include "base/rc.h"
#include "base/span.h"
#include "base/tree.h"

struct yaml_limits {
    size_t depth_max;     /* nesting; 0 = YAML_DEPTH_MAX */
    size_t nodes_max;     /* aliases count as what they stand for; 0 = CONFIG_NODES_MAX */
    size_t aliases_max;   /* 0 = YAML_ALIAS_EXPANSIONS_MAX */
    size_t documents_max; /* 0 = YAML_DOCUMENTS_MAX */
};

struct yaml_documents {
    const struct tree **item; /* in the arena */
    size_t count;
};

/* Reads all documents of a text. An empty text has none. RC_SYNTAX, RC_UNSUPPORTED (outside the
 * subset), RC_DUPLICATE, RC_LIMIT, RC_NO_MEMORY; diag has line and column. */
enum rc yaml_read(struct arena *arena, struct span text, const struct yaml_limits *limits,
                  struct yaml_documents *ret, struct diag *diag) MUST_CHECK;

/* Gives an unquoted scalar its kind by the core schema: sets kind, truth, text and source of node.
 * False when the arena is full. */
bool yaml_type_plain(struct arena *arena, struct span written, struct tree *node);

#endif
