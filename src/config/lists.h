/* lists.h - lists of texts and maps of texts out of trees. Private to the folder. */
#ifndef SLUICE_CONFIG_LISTS_H
#define SLUICE_CONFIG_LISTS_H

#include "base/mem.h"
#include "config/read.h"
#include "config/target_spec.h"

/* A list of texts, or one text as a list of one. NULL gives an empty list. The reader stands at the
 * node. */
void list_read(struct reader *r, struct arena *arena, const struct tree *node, size_t most,
               struct text_list *ret);
/* As list_read(), but one text is split into words. */
void list_read_command(struct reader *r, struct arena *arena, const struct tree *node, size_t most,
                       struct text_list *ret);
void list_read_env(struct reader *r, struct arena *arena, const struct tree *node, size_t most,
                   struct env_list *ret);
/* Both in one new list. */
bool list_join(struct arena *arena, const struct text_list *a, const struct text_list *b,
               struct text_list *ret);
bool list_holds(const struct text_list *list, const char *text);

#endif
