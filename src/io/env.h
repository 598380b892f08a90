/* env.h - the process environment, read at the edge only. */
#ifndef SLUICE_IO_ENV_H
#define SLUICE_IO_ENV_H

#include <stdbool.h>

const char *env_get(const char *name); /* NULL when unset; valid until the environment changes */
bool env_is_set(const char *name);     /* set and not empty: NO_COLOR and its kind */

#endif
