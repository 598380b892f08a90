/* slide_max.h - the largest value of the last N slots of time, in constant time (conformance/kpa,
 * kind "maxwin"). Flat bytes inside a state block; a slot is a time divided by the caller's
 * granularity. Nothing expires between two records. */
#ifndef SLUICE_CORE_SLIDE_MAX_H
#define SLUICE_CORE_SLIDE_MAX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slide_max {
    uint32_t slots; /* N, at least 1 */
    uint32_t room;  /* of `entry`, at least N */
    uint32_t first; /* place of the oldest entry */
    uint32_t count;
    struct slide_max_entry {
        int64_t slot;
        int64_t value;
    } entry[]; /* a ring, values strictly falling */
};

size_t slide_max_size(uint32_t room);
void slide_max_init(struct slide_max *m, uint32_t slots, uint32_t room);
/* False for bytes that no record leaves. */
bool slide_max_valid(const struct slide_max *m, uint32_t room);
/* Returns the largest value of the last N slots up to this one. */
int64_t slide_max_record(struct slide_max *m, int64_t slot, int64_t value);
/* What fits of an old one goes into a new one, which is empty. */
void slide_max_carry(const struct slide_max *old, struct slide_max *m);

#endif
