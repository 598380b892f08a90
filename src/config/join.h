/* join.h - several YAML documents as one configuration: the first says everything, the others bring
 * further pools. Several files become one text this way. */
#ifndef SLUICE_CONFIG_JOIN_H
#define SLUICE_CONFIG_JOIN_H

#include "config/read.h"
#include "config/yaml.h"

/* The only document, or a new object in the arena with the members of the first and the pools of
 * all. What a further document may not hold, and pools of one name, are told. NULL: no document,
 * or memory is out (told). */
const struct tree *documents_join(struct reader *r, struct arena *arena,
                                  const struct yaml_documents *documents);

#endif
