/* lookup.h - hash table from 64-bit identities to slot numbers. Open addressing; order of nothing
 * depends on it. */
#ifndef SLUICE_TRAFFIC_LOOKUP_H
#define SLUICE_TRAFFIC_LOOKUP_H

#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"

#define SLOT_NONE UINT32_MAX

struct lookup {
    uint64_t *keys;
    uint32_t *slots; /* SLOT_NONE = free place */
    size_t cap;      /* power of two, or 0 */
    size_t count;
};

void lookup_done(struct lookup *lookup);
uint32_t lookup_get(const struct lookup *lookup, uint64_t key); /* SLOT_NONE when absent */
/* The key must be absent. */
enum rc lookup_put(struct lookup *lookup, uint64_t key, uint32_t slot) MUST_CHECK;
void lookup_remove(struct lookup *lookup, uint64_t key); /* absent keys are fine */

#endif
