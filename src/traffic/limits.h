/* limits.h - what each key has in use: requests at a time, tokens and requests per minute. Keys
 * without limits take no memory. The pools of one gateway share one of these. */
#ifndef SLUICE_TRAFFIC_LIMITS_H
#define SLUICE_TRAFFIC_LIMITS_H

#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "traffic/lookup.h"
#include "traffic/tier.h"

#define LIMIT_KEYS_MAX 65536

struct limit_bucket {
    int64_t rate; /* per minute, 0 = no limit */
    double left;  /* below zero = debt, at most one minute's worth */
};

struct limit_key {
    uint64_t key;
    int64_t active; /* requests waiting or in flight */
    struct limit_bucket tokens;
    struct limit_bucket requests;
    int64_t refilled_ns;
    uint32_t idle_next; /* list of keys without requests, longest idle first */
    uint32_t idle_prev;
};

struct limits {
    struct limit_key *keys;
    size_t cap;
    size_t count;
    uint32_t free;
    uint32_t idle_first;
    uint32_t idle_last;
    struct lookup by_key;
};

enum limit_verdict { LIMIT_OK, LIMIT_CONCURRENCY, LIMIT_REQUESTS, LIMIT_TOKENS, LIMIT_MEMORY };

void limits_init(struct limits *limits);
void limits_done(struct limits *limits);
/* Counts one request of the key and charges its prompt. *ret_slot is SLOT_NONE for a tier without
 * limits. On LIMIT_REQUESTS and LIMIT_TOKENS *ret_wait_ns says when the bucket will have something
 * again. */
enum limit_verdict limits_take(struct limits *limits, uint64_t key, const struct tier *tier,
                               int64_t tokens, int64_t now_ns, uint32_t *ret_slot,
                               int64_t *ret_wait_ns);
/* The request was not taken after all: gives back what limits_take() took. */
void limits_undo(struct limits *limits, uint32_t slot, int64_t tokens, int64_t now_ns);
/* The request is over and generated so many tokens; SLOT_NONE is fine. */
void limits_give(struct limits *limits, uint32_t slot, int64_t tokens, int64_t now_ns);

/* What a key has left of its minute, for people. */
struct limit_left {
    int64_t limit; /* per minute; 0 = none, and nothing else is filled */
    int64_t left;
    int64_t reset_ns; /* until the bucket is full */
};
void limits_left(struct limits *limits, uint64_t key, const struct tier *tier, int64_t now_ns,
                 struct limit_left *ret_requests, struct limit_left *ret_tokens);

#endif
