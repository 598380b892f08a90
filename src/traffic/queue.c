#include "traffic/queue.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"

static uint64_t name_of(uint64_t key, uint32_t priority)
{
    return hash_u64(priority + 1, key);
}

void queue_init(struct queue *queue)
{
    *queue = (struct queue){.flow_free = SLOT_NONE, .oldest = SLOT_NONE, .newest = SLOT_NONE};
    for (size_t i = 0; i < PRIORITIES; i++)
        queue->turn[i] = SLOT_NONE;
}

void queue_done(struct queue *queue)
{
    free(queue->items);
    free(queue->flows);
    lookup_done(&queue->by_name);
    queue_init(queue);
}

enum rc queue_reserve(struct queue *queue, size_t n)
{
    const size_t before = queue->item_cap;
    const enum rc rc = mem_grow((void **)&queue->items, &queue->item_cap, n, sizeof(*queue->items),
                                QUEUE_ITEMS_MAX);
    for (size_t i = before; rc == RC_OK && i < queue->item_cap; i++)
        queue->items[i].flow = SLOT_NONE;
    return rc;
}

static enum rc flow_slot(struct queue *queue, uint32_t *ret)
{
    if (queue->flow_free != SLOT_NONE) {
        *ret = queue->flow_free;
        queue->flow_free = queue->flows[*ret].ring_next;
        return RC_OK;
    }
    const enum rc rc = mem_grow((void **)&queue->flows, &queue->flow_cap, queue->flow_count + 1,
                                sizeof(*queue->flows), QUEUE_FLOWS_MAX + PRIORITIES);
    if (rc == RC_OK)
        *ret = (uint32_t)queue->flow_count++;
    return rc;
}

/* A new flow comes last in its ring: just before the one whose turn it is. */
static void ring_add(struct queue *queue, uint32_t slot)
{
    struct queue_flow *flow = &queue->flows[slot];
    uint32_t *turn = &queue->turn[flow->priority];
    if (*turn == SLOT_NONE) {
        *turn = flow->ring_next = flow->ring_prev = slot;
        return;
    }
    flow->ring_next = *turn;
    flow->ring_prev = queue->flows[*turn].ring_prev;
    queue->flows[flow->ring_prev].ring_next = slot;
    queue->flows[*turn].ring_prev = slot;
}

static void flow_drop(struct queue *queue, uint32_t slot)
{
    struct queue_flow *flow = &queue->flows[slot];
    uint32_t *turn = &queue->turn[flow->priority];
    queue->flows[flow->ring_prev].ring_next = flow->ring_next;
    queue->flows[flow->ring_next].ring_prev = flow->ring_prev;
    if (*turn == slot)
        *turn = flow->ring_next == slot ? SLOT_NONE : flow->ring_next;
    queue->weights -= flow->weight;
    lookup_remove(&queue->by_name, flow->name);
    flow->ring_next = queue->flow_free;
    queue->flow_free = slot;
}

static enum rc flow_of(struct queue *queue, const struct queue_entry *entry, uint32_t *ret)
{
    uint64_t name = name_of(entry->key, entry->priority);
    *ret = lookup_get(&queue->by_name, name);
    if (*ret == SLOT_NONE && queue->by_name.count >= QUEUE_FLOWS_MAX) {
        name = name_of(UINT64_MAX, entry->priority);
        *ret = lookup_get(&queue->by_name, name);
    }
    if (*ret != SLOT_NONE)
        return RC_OK;
    uint32_t slot;
    enum rc rc = flow_slot(queue, &slot);
    if (rc != RC_OK)
        return rc;
    rc = lookup_put(&queue->by_name, name, slot);
    if (rc != RC_OK) {
        queue->flows[slot].ring_next = queue->flow_free;
        queue->flow_free = slot;
        return rc;
    }
    const uint32_t weight = entry->weight > 0 ? entry->weight : 1;
    queue->flows[slot] = (struct queue_flow){.key = entry->key,
                                             .name = name,
                                             .priority = entry->priority,
                                             .weight = weight,
                                             .head = SLOT_NONE,
                                             .tail = SLOT_NONE,
                                             .credit = (int64_t)weight * QUEUE_QUANTUM};
    queue->weights += weight;
    ring_add(queue, slot);
    *ret = slot;
    return RC_OK;
}

static void link_front(struct queue *queue, struct queue_flow *flow, uint32_t slot)
{
    struct queue_item *item = &queue->items[slot];
    item->prev = SLOT_NONE;
    item->next = flow->head;
    if (flow->head != SLOT_NONE)
        queue->items[flow->head].prev = slot;
    else
        flow->tail = slot;
    flow->head = slot;
    item->older = SLOT_NONE;
    item->newer = queue->oldest;
    if (queue->oldest != SLOT_NONE)
        queue->items[queue->oldest].older = slot;
    else
        queue->newest = slot;
    queue->oldest = slot;
    item->sequence = queue->served[flow->priority];
}

static void link_back(struct queue *queue, struct queue_flow *flow, uint32_t slot)
{
    struct queue_item *item = &queue->items[slot];
    item->next = SLOT_NONE;
    item->prev = flow->tail;
    if (flow->tail != SLOT_NONE)
        queue->items[flow->tail].next = slot;
    else
        flow->head = slot;
    flow->tail = slot;
    item->newer = SLOT_NONE;
    item->older = queue->newest;
    if (queue->newest != SLOT_NONE)
        queue->items[queue->newest].newer = slot;
    else
        queue->oldest = slot;
    queue->newest = slot;
    item->sequence = ++queue->sequence[flow->priority];
}

enum rc queue_push(struct queue *queue, const struct queue_entry *entry)
{
    assert(entry->slot < queue->item_cap && queue->items[entry->slot].flow == SLOT_NONE);
    assert(entry->priority < PRIORITIES && entry->tokens >= 0);
    uint32_t at;
    const enum rc rc = flow_of(queue, entry, &at);
    if (rc != RC_OK)
        return rc;
    struct queue_flow *flow = &queue->flows[at];
    queue->items[entry->slot].flow = at;
    queue->items[entry->slot].tokens = entry->tokens;
    if (entry->front)
        link_front(queue, flow, entry->slot);
    else
        link_back(queue, flow, entry->slot);
    flow->requests++;
    flow->tokens += entry->tokens;
    queue->requests++;
    queue->tokens += entry->tokens;
    queue->requests_of[entry->priority]++;
    return RC_OK;
}

void queue_remove(struct queue *queue, uint32_t slot)
{
    struct queue_item *item = &queue->items[slot];
    assert(slot < queue->item_cap && item->flow != SLOT_NONE);
    struct queue_flow *flow = &queue->flows[item->flow];
    *(item->prev != SLOT_NONE ? &queue->items[item->prev].next : &flow->head) = item->next;
    *(item->next != SLOT_NONE ? &queue->items[item->next].prev : &flow->tail) = item->prev;
    *(item->older != SLOT_NONE ? &queue->items[item->older].newer : &queue->oldest) = item->newer;
    *(item->newer != SLOT_NONE ? &queue->items[item->newer].older : &queue->newest) = item->older;
    flow->requests--;
    flow->tokens -= item->tokens;
    queue->requests--;
    queue->tokens -= item->tokens;
    queue->requests_of[flow->priority]--;
    const uint32_t at = item->flow;
    item->flow = SLOT_NONE;
    if (flow->requests == 0)
        flow_drop(queue, at);
}

/* All flows of the ring are in debt: gives every one the turns that bring the first out of it. */
static void forward_turns(struct queue *queue, uint32_t start)
{
    int64_t turns = INT64_MAX;
    uint32_t at = start;
    do {
        const struct queue_flow *flow = &queue->flows[at];
        const int64_t quantum = (int64_t)flow->weight * QUEUE_QUANTUM;
        const int64_t needed = -flow->credit / quantum + 1;
        turns = needed < turns ? needed : turns;
        at = flow->ring_next;
    } while (at != start);
    do {
        struct queue_flow *flow = &queue->flows[at];
        flow->credit += turns * (int64_t)flow->weight * QUEUE_QUANTUM;
        at = flow->ring_next;
    } while (at != start);
}

/* Flow of the ring that is served next; its credit is positive. */
static uint32_t flow_next(struct queue *queue, uint32_t priority)
{
    uint32_t *turn = &queue->turn[priority];
    const uint32_t start = *turn;
    for (int round = 0; round < 2; round++) {
        do {
            if (queue->flows[*turn].credit > 0)
                return *turn;
            *turn = queue->flows[*turn].ring_next;
        } while (*turn != start);
        forward_turns(queue, start);
    }
    return start;
}

uint32_t queue_pop(struct queue *queue)
{
    for (uint32_t priority = PRIORITIES; priority-- > 0;) {
        if (queue->requests_of[priority] == 0)
            continue;
        const uint32_t at = flow_next(queue, priority);
        struct queue_flow *flow = &queue->flows[at];
        const uint32_t slot = flow->head;
        const struct queue_item *item = &queue->items[slot];
        flow->credit -= item->tokens > 0 ? item->tokens : 1;
        if (flow->credit <= 0)
            queue->turn[priority] = flow->ring_next;
        if (item->sequence > queue->served[priority])
            queue->served[priority] = item->sequence;
        queue_remove(queue, slot);
        return slot;
    }
    return SLOT_NONE;
}

int64_t queue_position(const struct queue *queue, uint32_t slot)
{
    const struct queue_item *item = &queue->items[slot];
    assert(slot < queue->item_cap && item->flow != SLOT_NONE);
    const uint32_t priority = queue->flows[item->flow].priority;
    int64_t ahead = item->sequence - queue->served[priority];
    if (ahead < 1)
        ahead = 1;
    if (ahead > queue->requests_of[priority])
        ahead = queue->requests_of[priority];
    for (uint32_t i = priority + 1; i < PRIORITIES; i++)
        ahead += queue->requests_of[i];
    return ahead;
}

int64_t queue_held(const struct queue *queue, uint64_t key, uint32_t priority)
{
    const uint32_t at = lookup_get(&queue->by_name, name_of(key, priority));
    return at == SLOT_NONE ? 0 : queue->flows[at].requests;
}

int64_t queue_share(const struct queue *queue, uint64_t key, uint32_t priority, uint32_t weight,
                    int64_t total)
{
    const int64_t own = weight > 0 ? weight : 1;
    const bool known = lookup_get(&queue->by_name, name_of(key, priority)) != SLOT_NONE;
    const int64_t weights = queue->weights + (known ? 0 : own);
    return (int64_t)((double)total * (double)own / (double)(weights > own ? weights : own));
}
