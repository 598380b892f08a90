#include "sim/block_set.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"

#define SLOTS_MIN 1024

static uint64_t mixed(uint64_t id)
{
    const uint64_t hash = hash_u64(0, id);
    return hash != 0 ? hash : 1;
}

void block_set_done(struct block_set *set)
{
    free(set->slot);
    *set = (struct block_set){0};
}

/* Where the mixed id stands or would stand. */
static size_t place_of(const uint64_t *slot, size_t slots, uint64_t value)
{
    size_t i = (size_t)value & (slots - 1);
    while (slot[i] != 0 && slot[i] != value)
        i = (i + 1) & (slots - 1);
    return i;
}

bool block_set_has(const struct block_set *set, uint64_t id)
{
    if (set->slots == 0)
        return false;
    const uint64_t value = mixed(id);
    return set->slot[place_of(set->slot, set->slots, value)] == value;
}

static bool grow(struct block_set *set)
{
    const size_t slots = set->slots == 0 ? SLOTS_MIN : set->slots * 2;
    uint64_t *slot = mem_new(slots, sizeof *slot);
    if (slot == NULL)
        return false;
    for (size_t i = 0; i < set->slots; i++) {
        if (set->slot[i] != 0)
            slot[place_of(slot, slots, set->slot[i])] = set->slot[i];
    }
    free(set->slot);
    set->slot = slot;
    set->slots = slots;
    return true;
}

void block_set_add(struct block_set *set, uint64_t id, size_t max)
{
    if (set->count >= max || (set->count * 2 >= set->slots && !grow(set)))
        return;
    const uint64_t value = mixed(id);
    const size_t place = place_of(set->slot, set->slots, value);
    if (set->slot[place] == value)
        return;
    set->slot[place] = value;
    set->count++;
}
