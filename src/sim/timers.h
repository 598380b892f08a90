/* timers.h - one alarm each for many things known by a small index: a heap in which an alarm can be
 * moved. First by time, then by the sequence number that the owner gives. Plain data; one owner. */
#ifndef SLUICE_SIM_TIMERS_H
#define SLUICE_SIM_TIMERS_H

#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"

#define TIMERS_MAX (1U << 24)

struct timer {
    int64_t at_ns;
    uint64_t sequence;
    uint32_t index;
};

struct timers {
    struct timer *heap;
    size_t heap_cap;
    size_t count;
    uint32_t *place; /* by index: in the heap, plus 1; 0 = no alarm */
    size_t place_cap;
};

void timers_done(struct timers *timers);
/* Makes room for indices below n. */
enum rc timers_reserve(struct timers *timers, size_t n) MUST_CHECK;
/* Sets or moves the alarm of an index; TIME_NONE takes it away. */
void timers_set(struct timers *timers, uint32_t index, int64_t at_ns, uint64_t sequence);
static inline const struct timer *timers_first(const struct timers *timers) /* NULL: none */
{
    return timers->count == 0 ? NULL : &timers->heap[0];
}

#endif
