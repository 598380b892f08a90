/* block_set.h - a growing set of 64-bit ids with a cap: which prompt blocks were seen before. */
#ifndef SLUICE_SIM_BLOCK_SET_H
#define SLUICE_SIM_BLOCK_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct block_set {
    uint64_t *slot; /* 0 = free; ids are stored mixed and never 0 */
    size_t slots;   /* power of two, or 0 */
    size_t count;
};

void block_set_done(struct block_set *set);
bool block_set_has(const struct block_set *set, uint64_t id);
/* Adds an id; does nothing when it is there, when `max` ids are, or when memory is out: what is not
 * remembered counts as not seen. */
void block_set_add(struct block_set *set, uint64_t id, size_t max);

#endif
