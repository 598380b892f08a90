#include "sim/timers.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/mem.h"

void timers_done(struct timers *timers)
{
    free(timers->heap);
    free(timers->place);
    *timers = (struct timers){0};
}

enum rc timers_reserve(struct timers *timers, size_t n)
{
    enum rc rc =
        mem_grow((void **)&timers->heap, &timers->heap_cap, n, sizeof(*timers->heap), TIMERS_MAX);
    const size_t before = timers->place_cap;
    if (rc == RC_OK)
        rc = mem_grow((void **)&timers->place, &timers->place_cap, n, sizeof(*timers->place),
                      TIMERS_MAX);
    if (rc == RC_OK && timers->place_cap > before)
        memset(timers->place + before, 0, (timers->place_cap - before) * sizeof(*timers->place));
    return rc;
}

static bool before(const struct timer *a, const struct timer *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->sequence < b->sequence;
}

static void put(struct timers *timers, size_t at, const struct timer *timer)
{
    timers->heap[at] = *timer;
    timers->place[timer->index] = (uint32_t)at + 1;
}

static void sift(struct timers *timers, size_t at, const struct timer *timer)
{
    while (at > 0 && before(timer, &timers->heap[(at - 1) / 2])) {
        put(timers, at, &timers->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    for (size_t child = 2 * at + 1; child < timers->count; child = 2 * at + 1) {
        if (child + 1 < timers->count && before(&timers->heap[child + 1], &timers->heap[child]))
            child++;
        if (!before(&timers->heap[child], timer))
            break;
        put(timers, at, &timers->heap[child]);
        at = child;
    }
    put(timers, at, timer);
}

void timers_set(struct timers *timers, uint32_t index, int64_t at_ns, uint64_t sequence)
{
    assert(index < timers->place_cap);
    const struct timer timer = {.at_ns = at_ns, .sequence = sequence, .index = index};
    const uint32_t place = timers->place[index];
    if (at_ns != TIME_NONE) {
        sift(timers, place > 0 ? place - 1 : timers->count++, &timer);
        return;
    }
    if (place == 0)
        return;
    timers->place[index] = 0;
    const struct timer last = timers->heap[--timers->count];
    if (last.index != index)
        sift(timers, place - 1, &last);
}
