/* pool_check.h - what the options of a pool mean together. Private to the folder. */
#ifndef SLUICE_CONFIG_POOL_CHECK_H
#define SLUICE_CONFIG_POOL_CHECK_H

#include <stdbool.h>

#include "config/config.h"
#include "config/read.h"

/* Errors of combinations and warnings for options without effect. has_errors: single values are
 * wrong already, so the core's own check, which stops at its first finding, is left out. */
void pool_check(struct reader *r, const struct layout *layout, const struct pool_config *pool,
                bool has_errors);

#endif
