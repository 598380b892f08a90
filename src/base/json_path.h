/* json_path.h - one place in a JSON document: "$.queue.depth", "items[0].value", "$['a.b'][2]".
 *
 * A small part of JSONPath: members and indices only, so that there is never more than one answer.
 * Pure. */
#ifndef SLUICE_BASE_JSON_PATH_H
#define SLUICE_BASE_JSON_PATH_H

#include "base/rc.h"
#include "base/span.h"
#include "base/tree.h"

/* RC_SYNTAX with the place where it stops making sense. */
enum rc json_path_check(struct span path, struct diag *diag) MUST_CHECK;
/* NULL: there is nothing at that place, or the path is wrong. A negative index counts from the end.
 */
const struct tree *json_path_find(const struct tree *document, struct span path);

#endif
