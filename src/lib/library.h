/* library.h - what the files of libsluice share: the handle, and how structs of another size are
 * read and written. */
#ifndef SLUICE_LIB_LIBRARY_H
#define SLUICE_LIB_LIBRARY_H

#include <sluice/sluice.h>

#include "base/mem.h"
#include "config/config.h"
#include "core/group.h"

#define LIBRARY_TEXT_MAX ((size_t)1 << 30) /* of a saved state */

struct library_group {
    const char *name;
    const struct group_spec *spec;
    struct group_state *state;
    size_t pool[POOLS_PER_GROUP_MAX]; /* index in the file of each of its pools */
    size_t pool_count;
    struct decision *decision; /* the last one of each of its pools */
};

/* Where a pool of the file lies. */
struct library_place {
    uint32_t group;
    uint32_t pool;
};

struct sluice {
    struct config *config;
    struct arena arena; /* what is below */
    struct library_group *group;
    size_t group_count;
    struct library_place *place;
    size_t pool_count;
};

static inline const struct library_group *library_group_of(const struct sluice *s, size_t pool)
{
    return &s->group[s->place[pool].group];
}

/* Reads a struct of another version: *ret holds the defaults and its own size. False for a size
 * that no version has. */
bool library_take(void *ret, size_t size, const void *from, size_t from_size);
/* Writes one, no more than the other side knows; its size stays as it is. */
void library_give(void *to, size_t to_size, const void *from, size_t size);

/* Returns the code, and fills the error of another version when there is one. */
int32_t library_told(struct sluice_error *error, const struct diag *diag, size_t errors);

#endif
