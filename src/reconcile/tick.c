/* tick.c - when groups tick: on the grid of their period, early when something happened, at once
 * for a wake; after gateways have had their time to answer. A missed tick is skipped (FAULTS 87).
 */
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "reconcile/parts.h"

/* What gateways tell of one tick always finds a place: four histograms and some levels a pool. */
#define STALL_NS (5 * SECOND_NS) /* later than asked for by so much: we stood still */
#define GATEWAY_SAMPLES (POOLS_PER_GROUP_MAX * (LATENCY_COUNT * HISTOGRAM_BUCKETS + 128))

void schedule(struct reconcile *r, int64_t at_ns)
{
    if (r->due_ns == TIME_NONE || at_ns < r->due_ns)
        r->due_ns = at_ns;
}

static bool grace_is_over(const struct reconcile *r, const struct group *group)
{
    return r->now_ns - group->born_ns >= ADOPT_GRACE_NS;
}

static bool may_tick(const struct reconcile *r, const struct group *group)
{
    for (size_t i = 0; i < group_pool_count(group->spec); i++)
        if (!group->pool[i]->scanned)
            return grace_is_over(r, group);
    return true;
}

/* Nobody looked for so long (a suspended machine, a debugger): what was due meanwhile may have
 * happened without our knowing. Starts, probes and drains get that time back. */
void forgive_stall(struct reconcile *r)
{
    if (r->due_ns == TIME_NONE || r->now_ns - r->due_ns < STALL_NS)
        return;
    const int64_t late_ns = r->now_ns - r->due_ns;
    for (size_t i = 0; i < r->replica_count; i++)
        if (r->replica[i]->alive && r->replica[i]->due_ns != TIME_NONE)
            r->replica[i]->due_ns = num_add_sat(r->replica[i]->due_ns, late_ns);
    r->due_ns = r->now_ns;
}

/* ---- due times ---- */

static int64_t group_due_ns(const struct reconcile *r, const struct group *group)
{
    if (!may_tick(r, group))
        return num_add_sat(group->born_ns, ADOPT_GRACE_NS);
    if (group->last_ns == TIME_NONE)
        return r->now_ns;
    const int64_t apart_ns = num_add_sat(group->last_at_ns, TICK_EARLY_NS);
    const int64_t due_ns = group->early_ns != TIME_NONE && group->early_ns < group->next_ns
                               ? group->early_ns
                               : group->next_ns;
    return due_ns > apart_ns ? due_ns : apart_ns;
}

/* ---- asking for ticks ---- */

void tick_early(struct reconcile *r, const struct pool *pool, enum tick_cause cause)
{
    struct group *group = &r->group[pool->group];
    if (r->closing || r->left)
        return;
    if (group->early_ns == TIME_NONE) {
        group->early_ns = r->now_ns;
        group->cause = (uint8_t)cause;
    }
    schedule(r, group_due_ns(r, group));
}

/* A wake does not wait, unless a tick a moment ago knew of it and left the pool at nothing. */
void tick_wake(struct reconcile *r, struct pool *pool)
{
    struct group *group = &r->group[pool->group];
    const bool known = group->last_ns != TIME_NONE &&
                       r->now_ns - group->last_at_ns < TICK_EARLY_NS &&
                       group->observation->pool[pool->in_group].waiting_requests > 0;
    if (pool->desired > 0 || known) {
        tick_early(r, pool, TICK_QUEUE);
        return;
    }
    group->wake = true;
    schedule(r, r->now_ns);
}

static bool is_timed(const struct replica *replica)
{
    return replica->row.state == REPLICA_STARTING || replica->row.state == REPLICA_BLOCKED;
}

/* A start that is overdue or a back-off that ended asks for a tick, once. */
static void wake_by_replicas(struct reconcile *r)
{
    for (size_t i = 0; i < r->replica_count; i++) {
        const struct replica *replica = r->replica[i];
        const struct pool *pool = pool_of(r, replica);
        const int64_t last_ns = r->group[pool->group].last_at_ns;
        if (is_timed(replica) && replica->due_ns != TIME_NONE && replica->due_ns <= r->now_ns &&
            replica->due_ns > last_ns)
            tick_early(r, pool, TICK_REPLICA);
    }
}

static void find_due(struct reconcile *r)
{
    r->due_ns = TIME_NONE;
    if (r->left)
        return;
    for (size_t i = 0; i < r->replica_count; i++) {
        const struct replica *replica = r->replica[i];
        const bool waits = is_timed(replica) || !may_write(r);
        if (replica->due_ns != TIME_NONE && (replica->due_ns > r->now_ns || !waits))
            schedule(r, replica->due_ns);
    }
    for (size_t i = 0; i < r->group_count && !r->closing; i++)
        if (!(r->asking && r->group[i].asked))
            schedule(r, group_due_ns(r, &r->group[i]));
    if (r->asking)
        schedule(r, r->ask_until_ns);
}

/* ---- steps ---- */

static bool step_wakes(struct reconcile *r)
{
    bool any = false;
    for (size_t i = 0; i < r->group_count; i++) {
        struct group *group = &r->group[i];
        group->chosen = group->wake && may_tick(r, group);
        any |= group->chosen;
    }
    if (any)
        round_run(r);
    return any;
}

static bool step_answers(struct reconcile *r)
{
    if (!r->asking || (r->outstanding > 0 && r->now_ns < r->ask_until_ns))
        return false;
    gateways_give_up(r);
    r->asking = false;
    for (size_t i = 0; i < r->group_count; i++) {
        struct group *group = &r->group[i];
        /* One that a wake ticked meanwhile has another turn when the time has come. */
        group->chosen = group->asked && group_due_ns(r, group) <= r->now_ns;
        group->asked = false;
    }
    round_run(r);
    return true;
}

static bool step_questions(struct reconcile *r)
{
    bool any = false;
    if (r->asking)
        return false;
    for (size_t i = 0; i < r->group_count; i++) {
        struct group *group = &r->group[i];
        group->asked = group_due_ns(r, group) <= r->now_ns && may_tick(r, group);
        any |= group->asked;
    }
    if (!any)
        return false;
    gateways_ask(r);
    r->asking = true;
    r->ask_until_ns = num_add_sat(r->now_ns, SNAPSHOT_WAIT_NS);
    (void)step_answers(r); /* nobody was asked */
    return true;
}

bool tick_step(struct reconcile *r)
{
    bool done = false;
    if (r->left || r->due_ns == TIME_NONE || r->now_ns < r->due_ns)
        return false;
    if (!r->closing) {
        wake_by_replicas(r);
        done = step_wakes(r);
    }
    done |= drain_step(r); /* behind the wakes: one of them may have taken a drain back */
    if (!r->closing && !done)
        done = step_answers(r) || step_questions(r);
    find_due(r);
    if (!done && r->due_ns != TIME_NONE && r->due_ns <= r->now_ns)
        r->due_ns = num_add_sat(r->now_ns, TICK_EARLY_NS); /* memory is out: again later */
    return done;
}

/* ---- samples of other sources ---- */

struct sample *samples_room(struct group *group, size_t n)
{
    void *sample = group->sample;
    const bool fits =
        mem_grow(&sample, &group->sample_cap, group->sample_count + n, sizeof(struct sample),
                 SAMPLES_PER_TICK_MAX + GATEWAY_SAMPLES) == RC_OK;
    group->sample = sample;
    return fits ? &group->sample[group->sample_count] : NULL;
}

enum rc samples_take(struct reconcile *r, size_t index, const struct sample *samples, size_t n,
                     struct diag *diag)
{
    if (index >= r->group_count)
        return fail(diag, RC_UNKNOWN, "there is no group %zu", index);
    struct group *group = &r->group[index];
    const size_t left =
        group->sample_count < SAMPLES_PER_TICK_MAX ? SAMPLES_PER_TICK_MAX - group->sample_count : 0;
    const size_t fits = n < left ? n : left;
    struct sample *place = fits > 0 ? samples_room(group, fits) : NULL;
    if (place != NULL) {
        memcpy(place, samples, fits * sizeof(*samples));
        group->sample_count += fits;
    }
    const size_t taken = place != NULL ? fits : 0;
    group->sample_dropped += (int64_t)(n - taken);
    return taken == n
               ? RC_OK
               : fail(diag, RC_LIMIT, "%zu of %zu samples found no place in this tick (at most %d)",
                      n - taken, n, SAMPLES_PER_TICK_MAX);
}
