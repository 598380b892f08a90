/* Chains and heap of the fast engine. */
#include "base/mem.h"
#include "model/leap_internal.h"

void leap_chain_push_tail(struct leap_engine *e, struct leap_chain *chain, uint32_t slot)
{
    e->sequence[slot].prev = chain->tail;
    e->sequence[slot].next = LEAP_NONE;
    if (chain->tail != LEAP_NONE)
        e->sequence[chain->tail].next = slot;
    else
        chain->head = slot;
    chain->tail = slot;
    chain->count++;
}

void leap_chain_push_head(struct leap_engine *e, struct leap_chain *chain, uint32_t slot)
{
    e->sequence[slot].next = chain->head;
    e->sequence[slot].prev = LEAP_NONE;
    if (chain->head != LEAP_NONE)
        e->sequence[chain->head].prev = slot;
    else
        chain->tail = slot;
    chain->head = slot;
    chain->count++;
}

void leap_chain_remove(struct leap_engine *e, struct leap_chain *chain, uint32_t slot)
{
    const struct leap_sequence *s = &e->sequence[slot];
    if (s->prev != LEAP_NONE)
        e->sequence[s->prev].next = s->next;
    else
        chain->head = s->next;
    if (s->next != LEAP_NONE)
        e->sequence[s->next].prev = s->prev;
    else
        chain->tail = s->prev;
    chain->count--;
}

static bool before(const struct leap_engine *e, uint32_t a, uint32_t b)
{
    const struct leap_sequence *x = &e->sequence[a];
    const struct leap_sequence *y = &e->sequence[b];
    return x->finish != y->finish ? x->finish < y->finish : x->admission < y->admission;
}

static void place(struct leap_engine *e, size_t at, uint32_t slot)
{
    e->heap[at] = slot;
    e->sequence[slot].heap_at = (uint32_t)at;
}

static void sift_up(struct leap_engine *e, size_t at, uint32_t slot)
{
    while (at > 0 && before(e, slot, e->heap[(at - 1) / 2])) {
        place(e, at, e->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    place(e, at, slot);
}

static void sift_down(struct leap_engine *e, size_t at, uint32_t slot)
{
    for (size_t child = 2 * at + 1; child < e->heap_count; child = 2 * at + 1) {
        if (child + 1 < e->heap_count && before(e, e->heap[child + 1], e->heap[child]))
            child++;
        if (!before(e, e->heap[child], slot))
            break;
        place(e, at, e->heap[child]);
        at = child;
    }
    place(e, at, slot);
}

void leap_heap_push(struct leap_engine *e, uint32_t slot)
{
    sift_up(e, e->heap_count++, slot);
}

void leap_heap_remove(struct leap_engine *e, uint32_t slot)
{
    const size_t at = e->sequence[slot].heap_at;
    const uint32_t last = e->heap[--e->heap_count];
    if (last == slot)
        return;
    if (at > 0 && before(e, last, e->heap[(at - 1) / 2]))
        sift_up(e, at, last);
    else
        sift_down(e, at, last);
}

enum rc leap_grow(struct leap_engine *e)
{
    const size_t old = e->slots;
    void *array = e->sequence;
    const enum rc rc = mem_grow(&array, &e->slots, old + 1, sizeof *e->sequence,
                                ENGINE_WAITING_MAX + PROFILE_SEQUENCES_MAX);
    e->sequence = array;
    if (rc != RC_OK)
        return rc;
    for (size_t i = e->slots; i > old; i--) {
        e->sequence[i - 1] = (struct leap_sequence){.state = LEAP_FREE, .next = e->free_slot};
        e->free_slot = (uint32_t)(i - 1);
    }
    return RC_OK;
}
