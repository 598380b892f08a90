/* shares.h - how much of a pool's demand each caller makes, where its tier caps that: what is above
 * the cap waits and is served like everything else, and starts no replica (FAULTS 27).
 *
 * One pool's; not thread-safe. Only keys with a cap take memory, and only while they have requests
 * open. Tokens of a request are its prompt and the answer that is expected of it. */
#ifndef SLUICE_TRAFFIC_SHARES_H
#define SLUICE_TRAFFIC_SHARES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "traffic/lookup.h"

#define SHARE_KEYS_MAX 65536

struct share {
    uint64_t key;
    int64_t cap_tokens;
    int64_t requests; /* waiting or in flight; 0 = the slot is free */
    int64_t tokens;
    uint32_t free_next;
};

struct shares {
    struct share *share;
    size_t cap;
    size_t count; /* used slots, free ones included */
    uint32_t free;
    struct lookup by_key;
};

void shares_init(struct shares *shares);
void shares_done(struct shares *shares);
/* One more request of the key. cap_tokens > 0; the newest one rules. SLOT_NONE without memory: then
 * the request counts as demand. *ret_counts: whether it is within the cap. */
uint32_t shares_add(struct shares *shares, uint64_t key, int64_t cap_tokens, int64_t tokens,
                    bool *ret_counts);
/* The request is over; SLOT_NONE is fine. */
void shares_remove(struct shares *shares, uint32_t slot, int64_t tokens);

/* What all keys together have open above their caps. Of each key at least one request counts. */
struct excess {
    int64_t requests;
    int64_t tokens;
};
struct excess shares_excess(const struct shares *shares);

#endif
