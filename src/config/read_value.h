/* read_value.h - single values by their rows. Private to the reader. */
#ifndef SLUICE_CONFIG_READ_VALUE_H
#define SLUICE_CONFIG_READ_VALUE_H

#include "config/read.h"

void read_scalar(struct reader *r, const struct opt *row, const struct tree *node, void *member);
void read_text_into(struct reader *r, const struct opt *row, const struct tree *node, char *text);

#endif
