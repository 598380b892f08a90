#include "traffic/lookup.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"

#define CAP_FIRST 16

static size_t home_of(const struct lookup *lookup, uint64_t key)
{
    return (size_t)hash_u64(0, key) & (lookup->cap - 1);
}

static size_t place_of(const struct lookup *lookup, uint64_t key)
{
    size_t at = home_of(lookup, key);
    while (lookup->slots[at] != SLOT_NONE && lookup->keys[at] != key)
        at = (at + 1) & (lookup->cap - 1);
    return at;
}

void lookup_done(struct lookup *lookup)
{
    free(lookup->keys);
    free(lookup->slots);
    *lookup = (struct lookup){0};
}

uint32_t lookup_get(const struct lookup *lookup, uint64_t key)
{
    return lookup->cap == 0 ? SLOT_NONE : lookup->slots[place_of(lookup, key)];
}

static enum rc grow(struct lookup *lookup)
{
    struct lookup bigger = {.cap = lookup->cap ? lookup->cap * 2 : CAP_FIRST};
    bigger.keys = mem_new(bigger.cap, sizeof(*bigger.keys));
    bigger.slots = mem_new(bigger.cap, sizeof(*bigger.slots));
    if (!bigger.keys || !bigger.slots) {
        lookup_done(&bigger);
        return RC_NO_MEMORY;
    }
    for (size_t i = 0; i < bigger.cap; i++)
        bigger.slots[i] = SLOT_NONE;
    for (size_t i = 0; i < lookup->cap; i++) {
        if (lookup->slots[i] == SLOT_NONE)
            continue;
        const size_t at = place_of(&bigger, lookup->keys[i]);
        bigger.keys[at] = lookup->keys[i];
        bigger.slots[at] = lookup->slots[i];
    }
    bigger.count = lookup->count;
    struct lookup old = *lookup;
    *lookup = bigger;
    lookup_done(&old);
    return RC_OK;
}

enum rc lookup_put(struct lookup *lookup, uint64_t key, uint32_t slot)
{
    assert(slot != SLOT_NONE);
    if (lookup->count * 2 >= lookup->cap) {
        const enum rc rc = grow(lookup);
        if (rc != RC_OK)
            return rc;
    }
    const size_t at = place_of(lookup, key);
    assert(lookup->slots[at] == SLOT_NONE);
    lookup->keys[at] = key;
    lookup->slots[at] = slot;
    lookup->count++;
    return RC_OK;
}

/* Entries after the hole move back when their home is not between hole and place. */
void lookup_remove(struct lookup *lookup, uint64_t key)
{
    if (lookup->cap == 0)
        return;
    const size_t mask = lookup->cap - 1;
    size_t hole = place_of(lookup, key);
    if (lookup->slots[hole] == SLOT_NONE)
        return;
    lookup->count--;
    for (size_t at = (hole + 1) & mask; lookup->slots[at] != SLOT_NONE; at = (at + 1) & mask) {
        const size_t home = home_of(lookup, lookup->keys[at]);
        if (((at - home) & mask) < ((at - hole) & mask))
            continue;
        lookup->keys[hole] = lookup->keys[at];
        lookup->slots[hole] = lookup->slots[at];
        hole = at;
    }
    lookup->slots[hole] = SLOT_NONE;
}
