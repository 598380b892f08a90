/* env.c - see env.h. */
#include "io/env.h"

#include <stdlib.h>

const char *env_get(const char *name)
{
    return getenv(name);
}

bool env_is_set(const char *name)
{
    const char *value = getenv(name);
    return value && value[0] != '\0';
}
