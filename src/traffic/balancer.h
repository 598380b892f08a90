/* balancer.h - the replicas of one pool as the data path sees them: load, hard limit, health; and
 * the choice among them. */
#ifndef SLUICE_TRAFFIC_BALANCER_H
#define SLUICE_TRAFFIC_BALANCER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"
#include "core/message.h"
#include "traffic/dispatch.h"
#include "traffic/lookup.h"

#define BALANCER_SLOTS_MAX (2 * REPLICAS_PER_POOL_MAX) /* routed ones and leaving ones */
#define BALANCER_RELEASE 64 /* in flight per replica while others wait, without a hard limit */
#define SUSPECT_FIRST_NS INT64_C(1000000000)
#define SUSPECT_LAST_NS INT64_C(30000000000)
#define SUSPECT_BUSY_NS INT64_C(250000000)
#define SUSPECT_ERRORS 5 /* engine errors in a row */

struct replica {
    uint64_t id; /* 0 = free slot */
    double weight;
    bool routed;   /* in the newest routes */
    bool draining; /* or gone from the routes */
    bool drain_told;
    bool suspect_told;
    enum outcome cause;
    int64_t in_flight;
    int64_t load;     /* tokens charged: prompt and expected answer */
    int64_t tokens;   /* prompt and generated so far */
    int64_t decoding; /* of those in flight, with a first token */
    int64_t busy_ns;  /* since when something is in flight, or was last accounted for */
    int64_t failures; /* in a row */
    int64_t suspect_until_ns;
};

struct balancer {
    struct replica *slots;
    size_t cap;
    size_t count;   /* used slots, free ones included */
    uint32_t *live; /* slots that may get requests, by id */
    size_t live_cap;
    size_t live_count;
    double live_weight;
    int64_t live_in_flight;
    int64_t suspects_until_ns; /* no replica is suspect after this */
    int64_t limit;             /* hard, per replica; 0 = none */
    double eject_share_max;
    enum balance mode;
    bool affinity;
    double affinity_bound; /* of the mean load */
    bool drains_untold;
    bool suspects_untold;
    uint64_t turn; /* round robin: id served last */
    struct rng rng;
};

void balancer_init(struct balancer *balancer, uint64_t seed);
void balancer_done(struct balancer *balancer);
/* RC_NO_MEMORY or RC_LIMIT: everything is as before. */
enum rc balancer_routes(struct balancer *balancer, const struct route_replica *replicas,
                        size_t count) MUST_CHECK;

/* Somebody could be served now. waiting: others wait too. */
bool balancer_any(const struct balancer *balancer, bool waiting, int64_t now_ns);
/* The same for one that shall not go to this slot. */
bool balancer_other(const struct balancer *balancer, uint32_t avoid, int64_t now_ns);
struct pick {
    uint64_t session; /* 0 = none */
    uint32_t avoid;   /* slot that failed this request, unless there is no other; SLOT_NONE */
    bool waiting;
    int64_t now_ns;
};
uint32_t balancer_pick(struct balancer *balancer, const struct pick *pick); /* SLOT_NONE: full */

void balancer_take(struct balancer *balancer, uint32_t slot, int64_t load, int64_t tokens);
void balancer_give(struct balancer *balancer, uint32_t slot, int64_t load, int64_t tokens);
/* What became of a try: failures make it suspect, a success clears it. */
void balancer_outcome(struct balancer *balancer, uint32_t slot, enum outcome outcome,
                      int64_t now_ns);
uint32_t balancer_find(const struct balancer *balancer, uint64_t id); /* SLOT_NONE when unknown */
/* First moment after now at which a suspect is one no more; TIME_NONE. */
int64_t balancer_deadline(const struct balancer *balancer, int64_t now_ns);

#endif
