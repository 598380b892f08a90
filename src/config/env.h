/* env.h - ${env:NAME} and ${file:PATH} in texts of a tree, and pool bodies over a defaults block.
 * Private to the folder. */
#ifndef SLUICE_CONFIG_ENV_H
#define SLUICE_CONFIG_ENV_H

#include "base/mem.h"
#include "config/config.h"
#include "config/read.h"

/* The tree with every ${env:NAME}, ${env.NAME}, ${env:NAME:-text} and ${file:PATH} in its texts
 * replaced; $${ is a plain ${. An unquoted text that was a reference gets the kind of what it
 * became, but what a file holds is always text: it is a secret. The tree itself when it holds none.
 * Unknown names and files are told; NULL when memory is out (told). */
const struct tree *env_expand(struct reader *r, struct arena *arena, const struct env_table *env,
                              const struct tree *tree);
/* Members of body, and those of base that it does not have; objects are joined, lists and values
 * replaced. A target of another kind replaces the whole target. NULL when memory is out. */
const struct tree *body_over(struct arena *arena, const struct tree *base, const struct tree *body);

#endif
