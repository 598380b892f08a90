/* yaml_strict.h - refuses what YAML 1.2 forbids and libyaml 0.2.5 lets pass, and takes out of its
 * way what it cannot read though the standard allows it.
 *
 * Two passes: over the lines (directives, document marks, breaks) and over libyaml's tokens
 * (comments, indentation, anchors). They may refuse a little more than the standard does, because
 * the subset is ours to choose. */
#ifndef SLUICE_CONFIG_YAML_STRICT_H
#define SLUICE_CONFIG_YAML_STRICT_H

#include <stddef.h>

#include "base/mem.h"
#include "base/rc.h"
#include "base/span.h"

/* A copy of the text for libyaml, every byte at its place, ending with a line break: directives
 * that the standard tells us to ignore and needless "..." lines are blank there. */
enum rc yaml_prepare(struct arena *arena, struct span text, struct span *ret,
                     struct diag *diag) MUST_CHECK;
/* Byte offsets, ascending, before which libyaml needs a "? " to read a member name of several lines
 * in braces. */
#define YAML_LONG_NAMES_MAX 256
struct yaml_marks {
    size_t count;
    size_t offset[YAML_LONG_NAMES_MAX];
};

/* RC_SYNTAX with a position for what libyaml would accept wrongly. What libyaml itself refuses is
 * left to the parser. */
enum rc yaml_check_tokens(struct span text, size_t depth_max, struct yaml_marks *ret,
                          struct diag *diag) MUST_CHECK;
/* The text with its marks put in: two bytes each. */
enum rc yaml_put_marks(struct arena *arena, struct span text, const struct yaml_marks *marks,
                       struct span *ret, struct diag *diag) MUST_CHECK;

#endif
