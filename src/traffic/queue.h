/* queue.h - waiting requests of one pool: by priority, then fair shares of keys by tokens, then
 * first come first served. Items are slot numbers of the owner's requests.
 *
 * Shares are deficit round robin that may run into debt: a flow (one key at one priority) is served
 * while its credit is positive, pays the tokens of what it took, and gets QUEUE_QUANTUM * weight
 * per turn. Served tokens of two backlogged flows, divided by weight, differ by at most one quantum
 * and one request each. All operations are O(1) but queue_pop(), which is O(flows) when all are in
 * debt.
 */
#ifndef SLUICE_TRAFFIC_QUEUE_H
#define SLUICE_TRAFFIC_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "traffic/lookup.h"
#include "traffic/tier.h"

#define QUEUE_QUANTUM 4096    /* tokens per turn and weight */
#define QUEUE_FLOWS_MAX 65536 /* further keys share one flow per priority */
#define QUEUE_ITEMS_MAX (1U << 20)

struct queue_item {
    uint32_t next; /* in its flow */
    uint32_t prev;
    uint32_t newer; /* among all, by arrival */
    uint32_t older;
    uint32_t flow; /* SLOT_NONE: not in the queue */
    int64_t tokens;
    int64_t sequence; /* of its priority */
};

struct queue_flow {
    uint64_t key;
    uint64_t name; /* hash of key and priority */
    uint32_t priority;
    uint32_t weight;
    uint32_t head;
    uint32_t tail;
    uint32_t ring_next;
    uint32_t ring_prev;
    int64_t credit;
    int64_t requests;
    int64_t tokens;
};

struct queue {
    struct queue_item *items;
    size_t item_cap;
    struct queue_flow *flows;
    size_t flow_cap;
    size_t flow_count; /* used slots, free ones included */
    uint32_t flow_free;
    struct lookup by_name;
    uint32_t turn[PRIORITIES]; /* flow whose turn it is */
    int64_t requests_of[PRIORITIES];
    int64_t weights; /* of all flows */
    int64_t sequence[PRIORITIES];
    int64_t served[PRIORITIES]; /* highest sequence taken out by pop */
    uint32_t oldest;
    uint32_t newest;
    int64_t requests;
    int64_t tokens;
};

/* What is put in. */
struct queue_entry {
    uint32_t slot;
    uint64_t key;
    uint32_t priority;
    uint32_t weight;
    int64_t tokens;
    bool front; /* was served before and comes back: head of its flow, oldest of all */
};

void queue_init(struct queue *queue);
void queue_done(struct queue *queue);
/* Makes room for items of slots below n. */
enum rc queue_reserve(struct queue *queue, size_t n) MUST_CHECK;
enum rc queue_push(struct queue *queue, const struct queue_entry *entry) MUST_CHECK;
uint32_t queue_pop(struct queue *queue);               /* SLOT_NONE when empty */
void queue_remove(struct queue *queue, uint32_t slot); /* must be in it */
/* Requests that are served before it as things stand, and itself: exact with one flow per priority,
 * else an estimate by order of arrival. */
int64_t queue_position(const struct queue *queue, uint32_t slot);
/* Requests waiting for this key at this priority, and its fair share of `total`. */
int64_t queue_held(const struct queue *queue, uint64_t key, uint32_t priority);
int64_t queue_share(const struct queue *queue, uint64_t key, uint32_t priority, uint32_t weight,
                    int64_t total);

#endif
