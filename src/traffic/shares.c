#include "traffic/shares.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

void shares_init(struct shares *shares)
{
    *shares = (struct shares){.free = SLOT_NONE};
}

void shares_done(struct shares *shares)
{
    free(shares->share);
    lookup_done(&shares->by_key);
    shares_init(shares);
}

static void slot_free(struct shares *shares, uint32_t slot)
{
    shares->share[slot].free_next = shares->free;
    shares->free = slot;
}

static uint32_t slot_new(struct shares *shares)
{
    const uint32_t slot = shares->free;
    if (slot != SLOT_NONE) {
        shares->free = shares->share[slot].free_next;
        return slot;
    }
    void *array = shares->share;
    if (mem_grow(&array, &shares->cap, shares->count + 1, sizeof(struct share), SHARE_KEYS_MAX) !=
        RC_OK)
        return SLOT_NONE;
    shares->share = array;
    return (uint32_t)shares->count++;
}

static uint32_t slot_of(struct shares *shares, uint64_t key)
{
    uint32_t slot = lookup_get(&shares->by_key, key);
    if (slot != SLOT_NONE)
        return slot;
    slot = slot_new(shares);
    if (slot == SLOT_NONE)
        return SLOT_NONE;
    shares->share[slot] = (struct share){.key = key};
    if (lookup_put(&shares->by_key, key, slot) == RC_OK)
        return slot;
    slot_free(shares, slot);
    return SLOT_NONE;
}

uint32_t shares_add(struct shares *shares, uint64_t key, int64_t cap_tokens, int64_t tokens,
                    bool *ret_counts)
{
    assert(cap_tokens > 0);
    const uint32_t slot = slot_of(shares, key);
    *ret_counts = true;
    if (slot == SLOT_NONE)
        return SLOT_NONE;
    struct share *share = &shares->share[slot];
    *ret_counts = share->tokens < cap_tokens;
    share->cap_tokens = cap_tokens;
    share->requests++;
    share->tokens += tokens;
    return slot;
}

void shares_remove(struct shares *shares, uint32_t slot, int64_t tokens)
{
    if (slot == SLOT_NONE)
        return;
    struct share *share = &shares->share[slot];
    assert(share->requests > 0);
    share->tokens -= tokens;
    if (--share->requests > 0)
        return;
    lookup_remove(&shares->by_key, share->key);
    slot_free(shares, slot);
}

/* In proportion, rounded down: the last request of a key always counts. */
struct excess shares_excess(const struct shares *shares)
{
    struct excess sum = {0};
    for (size_t i = 0; i < shares->count; i++) {
        const struct share *share = &shares->share[i];
        if (share->requests == 0 || share->tokens <= share->cap_tokens)
            continue;
        const int64_t tokens = share->tokens - share->cap_tokens;
        const double part = (double)tokens / (double)share->tokens;
        const int64_t requests = (int64_t)((double)share->requests * part);
        sum.tokens += tokens;
        sum.requests += requests < share->requests ? requests : share->requests - 1;
    }
    return sum;
}
