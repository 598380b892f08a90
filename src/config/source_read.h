/* source_read.h - what the rows of `sources` mean together. Private to the folder. */
#ifndef SLUICE_CONFIG_SOURCE_READ_H
#define SLUICE_CONFIG_SOURCE_READ_H

#include "config/config.h"
#include "config/read.h"

/* Kinds, signals and lists of the sources that the rows have filled. */
void sources_read(struct reader *r, struct arena *arena, struct pool_config *pool);

#endif
