/* A scan over the live replicas per choice: they are few, and the scan is over plain numbers. */
#include "traffic/balancer.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/mem.h"

#define AFFINITY_SEED UINT64_C(0xaff1)

void balancer_init(struct balancer *balancer, uint64_t seed)
{
    *balancer = (struct balancer){.suspects_until_ns = INT64_MIN};
    rng_init(&balancer->rng, seed);
}

void balancer_done(struct balancer *balancer)
{
    free(balancer->slots);
    free(balancer->live);
    *balancer = (struct balancer){.suspects_until_ns = INT64_MIN};
}

uint32_t balancer_find(const struct balancer *balancer, uint64_t id)
{
    for (size_t i = 0; id != 0 && i < balancer->count; i++)
        if (balancer->slots[i].id == id)
            return (uint32_t)i;
    return SLOT_NONE;
}

/* A slot for a new replica; room for it was made. */
static uint32_t slot_new(struct balancer *balancer)
{
    for (size_t i = 0; i < balancer->count; i++)
        if (balancer->slots[i].id == 0)
            return (uint32_t)i;
    return (uint32_t)balancer->count++;
}

static int by_id(const struct balancer *balancer, uint32_t a, uint32_t b)
{
    return balancer->slots[a].id < balancer->slots[b].id ? -1 : 1;
}

static void sort_live(struct balancer *balancer)
{
    for (size_t i = 1; i < balancer->live_count; i++) { /* comes sorted but for replaced ones */
        const uint32_t slot = balancer->live[i];
        size_t at = i;
        for (; at > 0 && by_id(balancer, slot, balancer->live[at - 1]) < 0; at--)
            balancer->live[at] = balancer->live[at - 1];
        balancer->live[at] = slot;
    }
}

static void list_live(struct balancer *balancer)
{
    balancer->live_count = 0;
    balancer->live_weight = 0;
    balancer->live_in_flight = 0;
    for (size_t i = 0; i < balancer->count; i++) {
        struct replica *replica = &balancer->slots[i];
        if (replica->id == 0)
            continue;
        if (!replica->routed) {
            replica->draining = true;
            if (replica->in_flight == 0) {
                *replica = (struct replica){0};
                continue;
            }
        }
        balancer->drains_untold |= replica->draining && !replica->drain_told;
        if (replica->draining)
            continue;
        replica->drain_told = false;
        balancer->live[balancer->live_count++] = (uint32_t)i;
        balancer->live_weight += replica->weight;
        balancer->live_in_flight += replica->in_flight;
    }
    sort_live(balancer);
}

enum rc balancer_routes(struct balancer *balancer, const struct route_replica *replicas,
                        size_t count)
{
    enum rc rc = mem_grow((void **)&balancer->slots, &balancer->cap, balancer->count + count,
                          sizeof(*balancer->slots), BALANCER_SLOTS_MAX + REPLICAS_PER_POOL_MAX);
    if (rc == RC_OK)
        rc = mem_grow((void **)&balancer->live, &balancer->live_cap, balancer->count + count,
                      sizeof(*balancer->live), BALANCER_SLOTS_MAX + REPLICAS_PER_POOL_MAX);
    if (rc != RC_OK)
        return rc;
    for (size_t i = 0; i < balancer->count; i++)
        balancer->slots[i].routed = false;
    for (size_t i = 0; i < count; i++) {
        uint32_t slot = balancer_find(balancer, replicas[i].id);
        if (replicas[i].id == 0)
            continue;
        if (slot == SLOT_NONE) {
            slot = slot_new(balancer);
            balancer->slots[slot] =
                (struct replica){.id = replicas[i].id, .suspect_until_ns = INT64_MIN};
        }
        struct replica *replica = &balancer->slots[slot];
        const double weight = replicas[i].weight;
        replica->weight = weight > 0 && weight < 1e6 ? weight : 1;
        replica->routed = true;
        replica->draining = replicas[i].draining;
    }
    list_live(balancer);
    return RC_OK;
}

static int64_t limit_of(const struct balancer *balancer, bool waiting)
{
    if (balancer->limit > 0)
        return balancer->limit;
    return waiting ? BALANCER_RELEASE : INT64_MAX;
}

/* Never empties the pool by ejection: with too large a share of suspects all are used. */
static bool suspects_used(const struct balancer *balancer, int64_t now_ns)
{
    if (now_ns >= balancer->suspects_until_ns)
        return true;
    size_t suspects = 0;
    for (size_t i = 0; i < balancer->live_count; i++)
        suspects += balancer->slots[balancer->live[i]].suspect_until_ns > now_ns;
    return (double)suspects > balancer->eject_share_max * (double)balancer->live_count;
}

struct rules {
    int64_t limit;
    bool suspects;
    uint32_t avoid;
    int64_t now_ns;
};

static bool usable(const struct balancer *balancer, uint32_t slot, const struct rules *rules)
{
    const struct replica *replica = &balancer->slots[slot];
    return replica->in_flight < rules->limit && slot != rules->avoid &&
           (rules->suspects || replica->suspect_until_ns <= rules->now_ns);
}

static bool any(const struct balancer *balancer, const struct rules *rules)
{
    for (size_t i = 0; i < balancer->live_count; i++)
        if (usable(balancer, balancer->live[i], rules))
            return true;
    return false;
}

bool balancer_any(const struct balancer *balancer, bool waiting, int64_t now_ns)
{
    const struct rules rules = {.limit = limit_of(balancer, waiting),
                                .suspects = suspects_used(balancer, now_ns),
                                .avoid = SLOT_NONE,
                                .now_ns = now_ns};
    return any(balancer, &rules);
}

bool balancer_other(const struct balancer *balancer, uint32_t avoid, int64_t now_ns)
{
    const struct rules rules = {
        .limit = limit_of(balancer, true), .suspects = false, .avoid = avoid, .now_ns = now_ns};
    return any(balancer, &rules);
}

static double load_of(const struct balancer *balancer, uint32_t slot)
{
    const struct replica *replica = &balancer->slots[slot];
    /* Nearly all weigh 1, and a division is what a scan would wait for. */
    return replica->weight == 1 ? (double)replica->load : (double)replica->load / replica->weight;
}

static uint32_t least_tokens(const struct balancer *balancer, const struct rules *rules)
{
    uint32_t best = SLOT_NONE;
    double best_load = INFINITY;
    for (size_t i = 0; i < balancer->live_count; i++) {
        const uint32_t slot = balancer->live[i];
        const double load = load_of(balancer, slot);
        if (load < best_load && usable(balancer, slot, rules)) {
            best = slot;
            best_load = load;
        }
    }
    return best;
}

/* What a replica may carry of a sum and still get one more request of its mean size. */
static double share_with_one_more(const struct balancer *balancer, double sum)
{
    const double mean = sum / fmax((double)balancer->live_in_flight, 1);
    return balancer->affinity_bound * (sum + mean) / balancer->live_weight;
}

static double live_load(const struct balancer *balancer)
{
    double sum = 0;
    for (size_t i = 0; i < balancer->live_count; i++)
        sum += (double)balancer->slots[balancer->live[i]].load;
    return sum;
}

/* Rendezvous among those that stay within the bound, so that a busy favourite gives way to the same
 * second one each time. Requests alone do not bound: few that are long, or whose prompts are not
 * computed yet, are a longer wait than many that decode. */
static uint32_t affine(const struct balancer *balancer, uint64_t session, const struct rules *rules)
{
    uint32_t best = SLOT_NONE;
    uint64_t best_hash = 0;
    const double requests = share_with_one_more(balancer, (double)balancer->live_in_flight);
    const double load = share_with_one_more(balancer, live_load(balancer));
    for (size_t i = 0; i < balancer->live_count; i++) {
        const uint32_t slot = balancer->live[i];
        const struct replica *replica = &balancer->slots[slot];
        const uint64_t hash = hash_u64(AFFINITY_SEED ^ session, replica->id);
        if ((best == SLOT_NONE || hash > best_hash) &&
            (replica->in_flight == 0 || ((double)replica->in_flight < requests * replica->weight &&
                                         (double)replica->load < load * replica->weight)) &&
            usable(balancer, slot, rules)) {
            best = slot;
            best_hash = hash;
        }
    }
    return best;
}

static uint32_t two_choices(struct balancer *balancer, const struct rules *rules)
{
    uint32_t best = SLOT_NONE;
    for (int i = 0; i < 2; i++) {
        const int64_t at = rng_range(&balancer->rng, 0, (int64_t)balancer->live_count - 1);
        const uint32_t slot = balancer->live[at];
        if (usable(balancer, slot, rules) &&
            (best == SLOT_NONE || load_of(balancer, slot) < load_of(balancer, best)))
            best = slot;
    }
    return best != SLOT_NONE ? best : least_tokens(balancer, rules);
}

/* First usable one whose id is above `after`, else the first usable one. */
static uint32_t first_after(const struct balancer *balancer, uint64_t after,
                            const struct rules *rules)
{
    uint32_t first = SLOT_NONE;
    for (size_t i = 0; i < balancer->live_count; i++) {
        const uint32_t slot = balancer->live[i];
        if (!usable(balancer, slot, rules))
            continue;
        if (balancer->slots[slot].id > after)
            return slot;
        if (first == SLOT_NONE)
            first = slot;
    }
    return first;
}

static uint32_t choose(struct balancer *balancer, uint64_t session, const struct rules *rules)
{
    if (balancer->affinity && session != 0) {
        const uint32_t slot = affine(balancer, session, rules);
        if (slot != SLOT_NONE)
            return slot;
    }
    switch (balancer->mode) {
    case BALANCE_LEAST_TOKENS:
        return least_tokens(balancer, rules);
    case BALANCE_POWER_OF_TWO:
        return two_choices(balancer, rules);
    case BALANCE_FIRST_FREE:
        return first_after(balancer, 0, rules);
    case BALANCE_ROUND_ROBIN:
        return first_after(balancer, balancer->turn, rules);
    }
    return SLOT_NONE;
}

uint32_t balancer_pick(struct balancer *balancer, const struct pick *pick)
{
    if (balancer->live_count == 0)
        return SLOT_NONE;
    struct rules rules = {.limit = limit_of(balancer, pick->waiting),
                          .suspects = suspects_used(balancer, pick->now_ns),
                          .avoid = pick->avoid,
                          .now_ns = pick->now_ns};
    uint32_t slot = choose(balancer, pick->session, &rules);
    if (slot == SLOT_NONE && rules.avoid != SLOT_NONE) {
        rules.avoid = SLOT_NONE;
        slot = choose(balancer, pick->session, &rules);
    }
    if (slot != SLOT_NONE)
        balancer->turn = balancer->slots[slot].id;
    return slot;
}

void balancer_take(struct balancer *balancer, uint32_t slot, int64_t load, int64_t tokens)
{
    struct replica *replica = &balancer->slots[slot];
    assert(!replica->draining);
    assert(balancer->limit <= 0 || replica->in_flight < balancer->limit);
    replica->in_flight++;
    replica->load += load;
    replica->tokens += tokens;
    balancer->live_in_flight++;
}

void balancer_give(struct balancer *balancer, uint32_t slot, int64_t load, int64_t tokens)
{
    struct replica *replica = &balancer->slots[slot];
    assert(replica->in_flight > 0);
    replica->in_flight--;
    replica->load -= load;
    replica->tokens -= tokens;
    if (!replica->draining)
        balancer->live_in_flight--;
    else if (replica->in_flight == 0)
        balancer->drains_untold |= !replica->drain_told;
}

static void suspect(struct balancer *balancer, struct replica *replica, enum outcome cause,
                    int64_t span_ns, int64_t now_ns)
{
    replica->suspect_until_ns = now_ns + span_ns;
    if (replica->suspect_until_ns > balancer->suspects_until_ns)
        balancer->suspects_until_ns = replica->suspect_until_ns;
    replica->cause = cause;
    if (cause != OUTCOME_ENGINE_BUSY && !replica->suspect_told)
        balancer->suspects_untold = true;
}

void balancer_outcome(struct balancer *balancer, uint32_t slot, enum outcome outcome,
                      int64_t now_ns)
{
    struct replica *replica = &balancer->slots[slot];
    if (outcome == OUTCOME_OK) {
        replica->failures = 0;
        replica->suspect_told = false;
        replica->suspect_until_ns = INT64_MIN;
        return;
    }
    if (outcome == OUTCOME_ENGINE_BUSY) {
        suspect(balancer, replica, outcome, SUSPECT_BUSY_NS, now_ns);
        return;
    }
    replica->failures++;
    int64_t counted = replica->failures;
    if (outcome == OUTCOME_ENGINE_ERROR)
        counted -= SUSPECT_ERRORS - 1;
    if (counted <= 0)
        return;
    int64_t span_ns = SUSPECT_FIRST_NS;
    for (; counted > 1 && span_ns < SUSPECT_LAST_NS; counted--)
        span_ns *= 2;
    suspect(balancer, replica, outcome, span_ns < SUSPECT_LAST_NS ? span_ns : SUSPECT_LAST_NS,
            now_ns);
}

int64_t balancer_deadline(const struct balancer *balancer, int64_t now_ns)
{
    if (now_ns >= balancer->suspects_until_ns)
        return TIME_NONE;
    int64_t first = INT64_MAX;
    for (size_t i = 0; i < balancer->live_count; i++) {
        const int64_t until = balancer->slots[balancer->live[i]].suspect_until_ns;
        if (until > now_ns && until < first)
            first = until;
    }
    return first == INT64_MAX ? TIME_NONE : first;
}
