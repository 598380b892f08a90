#include "sim/agenda.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

static bool before(const struct agenda_item *a, const struct agenda_item *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->sequence < b->sequence;
}

void agenda_done(struct agenda *agenda)
{
    free(agenda->item);
    *agenda = (struct agenda){0};
}

enum rc agenda_put(struct agenda *agenda, const struct agenda_item *item)
{
    const enum rc rc = mem_grow((void **)&agenda->item, &agenda->cap, agenda->count + 1,
                                sizeof(*agenda->item), AGENDA_MAX);
    if (rc != RC_OK)
        return rc;
    struct agenda_item added = *item;
    added.sequence = ++agenda->sequence;
    size_t place = agenda->count++;
    while (place > 0 && before(&added, &agenda->item[(place - 1) / 2])) {
        agenda->item[place] = agenda->item[(place - 1) / 2];
        place = (place - 1) / 2;
    }
    agenda->item[place] = added;
    return RC_OK;
}

const struct agenda_item *agenda_first(const struct agenda *agenda)
{
    return agenda->count == 0 ? NULL : &agenda->item[0];
}

struct agenda_item agenda_take(struct agenda *agenda)
{
    assert(agenda->count > 0);
    const struct agenda_item first = agenda->item[0];
    const struct agenda_item last = agenda->item[--agenda->count];
    size_t place = 0;
    for (size_t child = 1; child < agenda->count; child = 2 * place + 1) {
        if (child + 1 < agenda->count && before(&agenda->item[child + 1], &agenda->item[child]))
            child++;
        if (!before(&agenda->item[child], &last))
            break;
        agenda->item[place] = agenda->item[child];
        place = child;
    }
    if (agenda->count > 0)
        agenda->item[place] = last;
    return first;
}
