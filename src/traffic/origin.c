/* origin.c - a table of small sets: an id has its place in one of them, and takes that of the
 * longest unused one there. */
#include "traffic/origin.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"

#define ORIGIN_SEED UINT64_C(0x0419191)
#define SET_SIZE ((size_t)8)

uint64_t origin_id(struct span id)
{
    const uint64_t hash = hash_span(ORIGIN_SEED, id);
    return hash != 0 ? hash : 1;
}

void origins_done(struct origins *origins)
{
    free(origins->entry);
    *origins = (struct origins){.entry = NULL};
}

static struct origin *set_of(const struct origins *origins, uint64_t id)
{
    return &origins->entry[id % (ORIGINS_MAX / SET_SIZE) * SET_SIZE];
}

enum rc origins_put(struct origins *origins, const struct origin *origin)
{
    if (!origins->entry)
        origins->entry = mem_new(ORIGINS_MAX, sizeof(*origins->entry));
    if (!origins->entry)
        return RC_NO_MEMORY;
    struct origin *set = set_of(origins, origin->id);
    struct origin *place = set;
    for (size_t i = 0; i < SET_SIZE && place->id != origin->id; i++)
        if (set[i].id == origin->id || set[i].used < place->used)
            place = &set[i];
    *place = *origin;
    place->used = ++origins->uses;
    return RC_OK;
}

const struct origin *origins_get(struct origins *origins, uint64_t id)
{
    if (!origins->entry || id == 0)
        return NULL;
    struct origin *set = set_of(origins, id);
    for (size_t i = 0; i < SET_SIZE; i++) {
        if (set[i].id != id)
            continue;
        set[i].used = ++origins->uses;
        return &set[i];
    }
    return NULL;
}
