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

static void bucket_refill(struct limit_bucket *bucket, double minutes)
{
    bucket->left += minutes * (double)bucket->rate;
    if (bucket->left > (double)bucket->rate)
        bucket->left = (double)bucket->rate;
}

static void bucket_take(struct limit_bucket *bucket, double amount)
{
    bucket->left -= bucket->rate > 0 ? amount : 0;
    if (bucket->left < -(double)bucket->rate)
        bucket->left = -(double)bucket->rate;
}

/* Until it holds `wanted`; 0 when it does. */
static int64_t bucket_wait_ns(const struct limit_bucket *bucket, double wanted)
{
    if (bucket->rate <= 0 || bucket->left >= wanted)
        return 0;
    return (int64_t)((wanted - bucket->left) / (double)bucket->rate * (double)MINUTE_NS) + 1;
}

/* A new one, or one of another tier now, starts full. */
static void bucket_set(struct limit_bucket *bucket, int64_t rate)
{
    const int64_t wanted = rate > 0 ? rate : 0;
    if (bucket->rate == wanted)
        return;
    bucket->rate = wanted;
    bucket->left = (double)wanted;
}

static void refill(struct limit_key *key, int64_t now_ns)
{
    const double minutes = (double)(now_ns - key->refilled_ns) / (double)MINUTE_NS;
    bucket_refill(&key->tokens, minutes);
    bucket_refill(&key->requests, minutes);
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
    limits->keys[slot] = (struct limit_key){
        .key = key, .refilled_ns = now_ns, .tokens.rate = -1, .requests.rate = -1};
    return slot;
}

static bool has_limits(const struct tier *tier)
{
    return tier->concurrency > 0 || tier->tokens_per_minute > 0 || tier->requests_per_minute > 0;
}

/* The key's entry, filled up to now; SLOT_NONE: no memory. */
static uint32_t key_get(struct limits *limits, uint64_t key, const struct tier *tier,
                        int64_t now_ns)
{
    uint32_t slot = lookup_get(&limits->by_key, key);
    if (slot == SLOT_NONE) {
        slot = key_new(limits, key, now_ns);
        if (slot == SLOT_NONE)
            return SLOT_NONE;
        idle_append(limits, slot);
    }
    bucket_set(&limits->keys[slot].tokens, tier->tokens_per_minute);
    bucket_set(&limits->keys[slot].requests, tier->requests_per_minute);
    refill(&limits->keys[slot], now_ns);
    return slot;
}

enum limit_verdict limits_take(struct limits *limits, uint64_t key, const struct tier *tier,
                               int64_t tokens, int64_t now_ns, uint32_t *ret_slot,
                               int64_t *ret_wait_ns)
{
    *ret_slot = SLOT_NONE;
    *ret_wait_ns = 0;
    if (!has_limits(tier))
        return LIMIT_OK;
    const uint32_t slot = key_get(limits, key, tier, now_ns);
    if (slot == SLOT_NONE)
        return LIMIT_MEMORY;
    struct limit_key *entry = &limits->keys[slot];
    if (tier->concurrency > 0 && entry->active >= tier->concurrency)
        return LIMIT_CONCURRENCY;
    *ret_wait_ns = bucket_wait_ns(&entry->requests, 1);
    if (*ret_wait_ns > 0)
        return LIMIT_REQUESTS;
    if (entry->tokens.rate > 0 && entry->tokens.left <= 0) {
        *ret_wait_ns = bucket_wait_ns(&entry->tokens, 0) + 1;
        return LIMIT_TOKENS;
    }
    if (entry->active++ == 0)
        idle_remove(limits, slot);
    bucket_take(&entry->tokens, (double)tokens);
    bucket_take(&entry->requests, 1);
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
    bucket_take(&entry->tokens, (double)tokens);
    if (--entry->active == 0)
        idle_append(limits, slot);
}

void limits_undo(struct limits *limits, uint32_t slot, int64_t tokens, int64_t now_ns)
{
    if (slot == SLOT_NONE)
        return;
    bucket_take(&limits->keys[slot].requests, -1);
    limits_give(limits, slot, -tokens, now_ns);
}

static struct limit_left left_of(const struct limit_bucket *bucket)
{
    if (bucket->rate <= 0)
        return (struct limit_left){0};
    return (struct limit_left){.limit = bucket->rate,
                               .left = bucket->left > 0 ? (int64_t)bucket->left : 0,
                               .reset_ns = bucket_wait_ns(bucket, (double)bucket->rate)};
}

void limits_left(struct limits *limits, uint64_t key, const struct tier *tier, int64_t now_ns,
                 struct limit_left *ret_requests, struct limit_left *ret_tokens)
{
    *ret_requests = *ret_tokens = (struct limit_left){0};
    const uint32_t slot = has_limits(tier) ? key_get(limits, key, tier, now_ns) : SLOT_NONE;
    if (slot == SLOT_NONE)
        return;
    *ret_requests = left_of(&limits->keys[slot].requests);
    *ret_tokens = left_of(&limits->keys[slot].tokens);
}
