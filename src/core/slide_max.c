/* slide_max.c - a queue of falling values: what a newer and larger value hides is forgotten. */
#include "core/slide_max.h"

#include <string.h>

size_t slide_max_size(uint32_t room)
{
    return sizeof(struct slide_max) + room * sizeof(struct slide_max_entry);
}

void slide_max_init(struct slide_max *m, uint32_t slots, uint32_t room)
{
    memset(m, 0, slide_max_size(room));
    m->slots = slots;
    m->room = room;
}

bool slide_max_valid(const struct slide_max *m, uint32_t room)
{
    return m->room == room && m->slots >= 1 && m->slots <= room && m->count <= room &&
           m->first < room;
}

static struct slide_max_entry *at(struct slide_max *m, uint32_t index)
{
    const uint32_t place = m->first + index;
    return &m->entry[place < m->room ? place : place - m->room];
}

/* Forgotten places are zero: equal queues are equal bytes. */
static void pop_back(struct slide_max *m)
{
    *at(m, --m->count) = (struct slide_max_entry){0, 0};
}

static void pop_front(struct slide_max *m)
{
    *at(m, 0) = (struct slide_max_entry){0, 0};
    m->first = m->first + 1 == m->room ? 0 : m->first + 1;
    m->count--;
}

int64_t slide_max_record(struct slide_max *m, int64_t slot, int64_t value)
{
    while (m->count > 0 && at(m, m->count - 1)->value <= value)
        pop_back(m);
    while (m->count > 0 && slot - at(m, 0)->slot >= (int64_t)m->slots)
        pop_front(m);
    if (m->count > 0 && at(m, m->count - 1)->slot == slot) {
        /* What is left is larger than the value, so it stands for the slot. */
        value = at(m, m->count - 1)->value;
        pop_back(m);
    }
    if (m->count == m->room) /* only after slots that went back: the smallest makes room */
        pop_back(m);
    m->count++;
    *at(m, m->count - 1) = (struct slide_max_entry){slot, value};
    return at(m, 0)->value;
}

void slide_max_carry(const struct slide_max *old, struct slide_max *m)
{
    for (uint32_t i = 0; i < old->count; i++) {
        const uint32_t place = old->first + i;
        const struct slide_max_entry *e =
            &old->entry[place < old->room ? place : place - old->room];
        (void)slide_max_record(m, e->slot, e->value); /* the order gives the maximum */
    }
}
