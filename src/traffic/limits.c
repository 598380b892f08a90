#include "traffic/limits.h"

#include <assert.h>
#include <stdlib.h>

#include "base/duration.h"
#include "base/mem.h"

/* A bucket in deepest debt is full again after two minutes: then the key may be forgotten. */
#define FORGET_NS (2 * MINUTE_NS)

void limits_init(struct limits *limits)
{
    *limits = (struct limits){.free = SLOT_NONE, .idle_first = SLOT_NONE, .idle_last = SLOT_NONE};
}

void limits_done(struct limits *limits)
{
    free(limits->keys);
    lookup_done(&limits->by_key);
    limits_init(limits);
}

static void idle_remove(struct limits *limits, uint32_t slot)
{
    const struct limit_key *key = &limits->keys[slot];
    *(key->idle_prev != SLOT_NONE ? &limits->keys[key->idle_prev].idle_next : &limits->idle_first) =
        key->idle_next;
    *(key->idle_next != SLOT_NONE ? &limits->keys[key->idle_next].idle_prev : &limits->idle_last) =
        key->idle_prev;
}

static void idle_append(struct limits *limits, uint32_t slot)
{
    struct limit_key *key = &limits->keys[slot];
    key->idle_next = SLOT_NONE;
    key->idle_prev = limits->idle_last;
    *(limits->idle_last != SLOT_NONE ? &limits->keys[limits->idle_last].idle_next
                                     : &limits->idle_first) = slot;
    limits->idle_last = slot;
}

static void forget_first(struct limits *limits)
{
    const uint32_t slot = limits->idle_first;
    idle_remove(limits, slot);
    lookup_remove(&limits->by_key, limits->keys[slot].key);
    limits->keys[slot].idle_next = limits->free;
    limits->free = slot;
}

static void refill(struct limit_key *key, int64_t now_ns)
{
    const double passed = (double)(now_ns - key->refilled_ns) / (double)MINUTE_NS;
    key->tokens += passed * (double)key->rate;
    if (key->tokens > (double)key->rate)
        key->tokens = (double)key->rate;
    key->refilled_ns = now_ns;
}

/* A slot for a key not known yet; it is not in the idle list. */
static uint32_t key_new(struct limits *limits, uint64_t key, int64_t now_ns)
{
    while (limits->idle_first != SLOT_NONE &&
           (now_ns - limits->keys[limits->idle_first].refilled_ns >= FORGET_NS ||
            (limits->free == SLOT_NONE && limits->count >= LIMIT_KEYS_MAX)))
        forget_first(limits);
    uint32_t slot = limits->free;
    if (slot == SLOT_NONE) {
        if (mem_grow((void **)&limits->keys, &limits->cap, limits->count + 1, sizeof(*limits->keys),
                     LIMIT_KEYS_MAX) != RC_OK)
            return SLOT_NONE;
        slot = (uint32_t)limits->count++;
    } else {
        limits->free = limits->keys[slot].idle_next;
    }
    if (lookup_put(&limits->by_key, key, slot) != RC_OK) {
        limits->keys[slot].idle_next = limits->free;
        limits->free = slot;
        return SLOT_NONE;
    }
    limits->keys[slot] = (struct limit_key){.key = key, .refilled_ns = now_ns, .rate = -1};
    return slot;
}

enum limit_verdict limits_take(struct limits *limits, uint64_t key, const struct tier *tier,
                               int64_t tokens, int64_t now_ns, uint32_t *ret_slot,
                               int64_t *ret_wait_ns)
{
    *ret_slot = SLOT_NONE;
    *ret_wait_ns = 0;
    if (tier->concurrency <= 0 && tier->tokens_per_minute <= 0)
        return LIMIT_OK;
    uint32_t slot = lookup_get(&limits->by_key, key);
    if (slot == SLOT_NONE) {
        slot = key_new(limits, key, now_ns);
        if (slot == SLOT_NONE)
            return LIMIT_MEMORY;
        idle_append(limits, slot);
    }
    struct limit_key *entry = &limits->keys[slot];
    const int64_t rate = tier->tokens_per_minute > 0 ? tier->tokens_per_minute : 0;
    if (entry->rate != rate) { /* new, or another tier now: starts with a full bucket */
        entry->rate = rate;
        entry->tokens = (double)rate;
    }
    refill(entry, now_ns);
    if (tier->concurrency > 0 && entry->active >= tier->concurrency)
        return LIMIT_CONCURRENCY;
    if (rate > 0 && entry->tokens <= 0) {
        *ret_wait_ns = (int64_t)(-entry->tokens / (double)rate * (double)MINUTE_NS) + 1;
        return LIMIT_TOKENS;
    }
    if (entry->active++ == 0)
        idle_remove(limits, slot);
    entry->tokens -= rate > 0 ? (double)tokens : 0;
    if (entry->tokens < -(double)rate)
        entry->tokens = -(double)rate;
    *ret_slot = slot;
    return LIMIT_OK;
}

void limits_give(struct limits *limits, uint32_t slot, int64_t tokens, int64_t now_ns)
{
    if (slot == SLOT_NONE)
        return;
    struct limit_key *entry = &limits->keys[slot];
    assert(entry->active > 0);
    refill(entry, now_ns);
    if (entry->rate > 0) {
        entry->tokens -= (double)tokens;
        if (entry->tokens < -(double)entry->rate)
            entry->tokens = -(double)entry->rate;
    }
    if (--entry->active == 0)
        idle_append(limits, slot);
}
