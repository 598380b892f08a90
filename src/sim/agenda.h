/* agenda.h - what happens next in a simulation: a heap of small events ordered by time, then by the
 * order in which they were put in. Plain data; one owner. */
#ifndef SLUICE_SIM_AGENDA_H
#define SLUICE_SIM_AGENDA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"

#define AGENDA_MAX (1U << 24)

struct agenda_item {
    int64_t at_ns;
    uint64_t sequence; /* set by agenda_put() */
    uint32_t kind;     /* the owner's */
    uint32_t index;
    uint64_t version; /* lets the owner pass over items that are out of date */
};

struct agenda {
    struct agenda_item *item;
    size_t cap;
    size_t count;
    uint64_t sequence;
};

void agenda_done(struct agenda *agenda);
/* RC_LIMIT, RC_NO_MEMORY: the agenda is as before. */
enum rc agenda_put(struct agenda *agenda, const struct agenda_item *item) MUST_CHECK;
const struct agenda_item *agenda_first(const struct agenda *agenda); /* NULL when empty */
struct agenda_item agenda_take(struct agenda *agenda);               /* must not be empty */

#endif
