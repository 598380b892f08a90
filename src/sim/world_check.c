/* What must hold in every run, whatever fate does. The first thing that does not is kept in words.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/duration.h"
#include "base/mem.h"
#include "sim/world_internal.h"
#include "traffic/balancer.h"

#define INPUTS_MAX 64

void check_broken(struct world *world, const char *format, ...)
{
    if (world->violation[0] != '\0')
        return;
    char at[DURATION_TEXT_MAX];
    duration_print(world_now_ns(world), at);
    const int len = snprintf(world->violation, sizeof(world->violation), "at %s: ", at);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(world->violation + len, sizeof(world->violation) - (size_t)len, format, args);
    va_end(args);
}

/* Nothing is routed that is not there. What died a moment ago may still be: gateways find out. */
void check_routes(struct world *world, const struct routes *routes)
{
    if (routes->generation <= world->generation)
        check_broken(world, "R9: routes of generation %llu came after %llu",
                     (unsigned long long)routes->generation, (unsigned long long)world->generation);
    for (size_t i = 0; i < routes->pool_count; i++)
        for (size_t j = 0; j < routes->pool[i].replica_count; j++) {
            const struct route_replica *replica = &routes->pool[i].replica[j];
            const struct body *body = fleet_body(world, replica->id);
            if (body == NULL || body->state == BODY_STARTING)
                check_broken(world, "replica %llu is routed before it is ready",
                             (unsigned long long)replica->id);
            else if (body->state == BODY_STOPPING)
                check_broken(world, "replica %llu is routed, but was stopped",
                             (unsigned long long)replica->id);
        }
}

/* A tick that asked while no gateway answered goes by what was told before. */
static bool unheard(const struct world *world)
{
    return world->silent ||
           (world->spoke_ns != TIME_NONE && world->now_ns - world->spoke_ns <= SNAPSHOT_WAIT_NS);
}

/* DESIGN 3.5: never a busy one while an idle one exists; what carries an old target hash or is
 * taken back goes whatever it does. */
void check_drain(struct world *world, uint64_t replica, uint64_t generation)
{
    struct body *body = fleet_body(world, replica);
    if (body == NULL)
        return;
    body->drain_ns = world->now_ns;
    body->drain_generation = generation;
    body->confirmed = 0;
    rules_write(world, body, body->pool, "a drain");
    if (body->in_flight == 0 || unheard(world) || body->notice ||
        body->target_hash != fleet_pool_of(world, body->pool)->target_hash)
        return;
    for (size_t i = 0; i < world->alive_count; i++) {
        const struct body *other = &world->body[world->alive[i]];
        if (other->pool == body->pool && other->state == BODY_READY && other->in_flight == 0 &&
            other->drain_ns == TIME_NONE &&
            reconcile_replica(world->reconcile, other->id) != NULL &&
            reconcile_replica(world->reconcile, other->id)->state == REPLICA_READY) {
            check_broken(world, "busy replica %llu is drained, but %llu is idle",
                         (unsigned long long)replica, (unsigned long long)other->id);
            return;
        }
    }
}

/* Two-phase: nothing is stopped with answers running before its drain limit. */
void check_stop(struct world *world, uint64_t replica)
{
    const struct body *body = fleet_body(world, replica);
    if (body == NULL)
        return;
    rules_stop(world, body);
    const struct reconcile_pool *pool = fleet_pool_of(world, body->pool);
    if (body->in_flight > 0 &&
        (body->drain_ns == TIME_NONE || world->now_ns - body->drain_ns < pool->drain_timeout_ns))
        check_broken(world, "replica %llu was stopped with %lld answers running",
                     (unsigned long long)replica, (long long)body->in_flight);
}

/* R17: the same state, samples and observation give the same bytes. */
static void check_again(struct world *world, const struct tick_record *record)
{
    struct decision decision[POOLS_PER_GROUP_MAX];
    const size_t pools = group_pool_count(record->spec);
    if (mem_grow(&world->state, &world->state_cap, record->before.len, 1, SIZE_MAX / 2) != RC_OK)
        return;
    memcpy(world->state, record->before.ptr, record->before.len);
    struct group_state *state = world->state;
    observe(record->spec, state, record->samples, record->sample_count);
    decide(record->spec, state, record->observation, decision);
    for (size_t i = 0; i < pools; i++)
        if (!decision_equal(&decision[i], &record->decision[i]))
            check_broken(world, "R17: a decision worked out again from its record is another one");
}

/* R5: two changes of a group keep their distance, but for a wake. By the clock on the wall of the
 * simulator: a tick by period bears the time of its place on the grid, which lies up to 100 ms
 * back when an early tick came just before. R7: the time that ticks bear never goes back. */
static void check_distance(struct world *world, const struct tick_record *record)
{
    struct watch_group *watch = &world->watch.group[record->group];
    bool changed = false;
    for (size_t i = 0; i < group_pool_count(record->spec); i++)
        changed |= record->decision[i].desired != record->decision[i].previous;
    if (watch->told_ns != TIME_NONE && record->observation->now_ns < watch->told_ns)
        check_broken(world, "R7: the time of a group went back");
    watch->told_ns = record->observation->now_ns;
    if (!changed)
        return;
    if (watch->changed_ns != TIME_NONE && record->observation->cause != TICK_WAKE &&
        world->now_ns - watch->changed_ns < TICK_EARLY_NS)
        check_broken(world, "R5: two changes within %lld ms",
                     (long long)((world->now_ns - watch->changed_ns) / MILLISECOND_NS));
    watch->changed_ns = world->now_ns;
}

/* R15: a pin beats everything but what there is, and a pause holds the count. */
static void check_pin(struct world *world, const struct pool_observation *seen,
                      const struct decision *decision, const char *name)
{
    const int64_t had = seen->foreign_count >= 0 ? seen->foreign_count : decision->previous;
    if (seen->paused != 0 && seen->pin_count == NO_COUNT && seen->inventory_limit == NO_COUNT &&
        decision->desired != had)
        check_broken(world, "R15: %s is paused, but went from %lld to %lld", name, (long long)had,
                     (long long)decision->desired);
    if (seen->pin_count == NO_COUNT || decision->desired == seen->pin_count ||
        seen->inventory_limit != NO_COUNT || seen->quota_limit != NO_COUNT ||
        seen->budget_limit != NO_COUNT || seen->budget_unreadable)
        return;
    check_broken(world, "R15: %s is pinned at %lld, but %lld was decided", name,
                 (long long)seen->pin_count, (long long)decision->desired);
}

/* Something that this pool needs to know is unknown; for the last replica also who waits. */
static bool in_doubt(const struct tick_record *record, size_t pool)
{
    const struct group_state *state = (const void *)record->after.ptr;
    const bool silent = record->observation->pool[pool].waiting_state == SIGNAL_FAILED;
    struct group_input input[INPUTS_MAX];
    if (record->observation->incomplete || (silent && record->decision[pool].desired == 0))
        return true;
    const size_t n =
        group_inputs(record->spec, state, pool, record->observation->now_ns, input, INPUTS_MAX);
    for (size_t i = 0; i < n; i++)
        if (input[i].required && input[i].reading.state == SIGNAL_FAILED)
            return true;
    return false;
}

/* R2, R4, R10: what a tick may not do. */
void check_record(struct world *world, const struct tick_record *record, size_t first)
{
    rules_record(world, record, first);
    check_distance(world, record);
    if (world->spec.again)
        check_again(world, record);
    for (size_t i = 0; i < group_pool_count(record->spec); i++) {
        const struct pool_spec *spec = group_pool(record->spec, i);
        const struct decision *decision = &record->decision[i];
        const struct pool_observation *seen = &record->observation->pool[i];
        if (!spec->exact)
            check_pin(world, seen, decision, spec->name);
        if (decision->desired < 0 ||
            (seen->pin_count == NO_COUNT && decision->desired > spec->replicas_max))
            check_broken(world, "R4: %s: %lld is not within its bounds", spec->name,
                         (long long)decision->desired);
        const bool by_person =
            seen->pin_count != NO_COUNT || seen->paused || seen->inventory_limit != NO_COUNT ||
            seen->foreign_count != NO_COUNT || decision->previous > spec->replicas_max;
        if (decision->desired < decision->previous && !by_person && !spec->exact &&
            in_doubt(record, i))
            check_broken(world, "R2: %s was lowered from %lld to %lld without knowing its load",
                         spec->name, (long long)decision->previous, (long long)decision->desired);
    }
}

void check_kv(struct world *world, const struct body *body, const struct engine_load *load)
{
    if (load->kv_blocks > load->kv_capacity)
        check_broken(world, "replica %llu holds %lld KV blocks of %lld",
                     (unsigned long long)body->id, (long long)load->kv_blocks,
                     (long long)load->kv_capacity);
}

/* An engine holds what was given to it, in no more memory than it has, and does not rest while
 * something waits. */
void check_engine(struct world *world, const struct body *body)
{
    struct engine_load load;
    engine_load_of(body->engine, &load);
    check_kv(world, body, &load);
    if (load.running + load.waiting != body->in_flight)
        check_broken(world, "replica %llu has %lld requests of %lld", (unsigned long long)body->id,
                     (long long)load.running + (long long)load.waiting, (long long)body->in_flight);
    if (body->in_flight > 0 && engine_next_ns(body->engine) == TIME_NONE)
        check_broken(world, "replica %llu rests while %lld requests wait in it",
                     (unsigned long long)body->id, (long long)body->in_flight);
}

/* Without a limit those that waited are let go a few at a time. */
static int64_t free_places(const struct dispatch_counts *counts)
{
    if (counts->ready == 0)
        return 0;
    return counts->free_slots == INT64_MAX
               ? counts->ready * BALANCER_RELEASE - counts->in_flight_requests
               : counts->free_slots;
}

/* Each request that is open waits in one dispatcher or is in flight from it, and none waits beside
 * a free place. */
void check_counts(struct world *world)
{
    int64_t known = world->carried;
    if (world->gpus_used > world->spec.gpus + 1e-6)
        check_broken(world, "%d thousandths of a GPU are used beyond the inventory",
                     (int)((world->gpus_used - world->spec.gpus) * 1000));
    for (size_t i = 0; i < world->spec.pool_count; i++) {
        const struct dispatch_counts counts = dispatch_counts(world->front[i]);
        if (counts.waiting_requests < 0 || counts.in_flight_requests < 0)
            check_broken(world, "a dispatcher counts less than nothing");
        const int64_t places = free_places(&counts);
        if (counts.waiting_requests > 0 && places > 0)
            check_broken(world, "%lld requests wait beside %lld free places",
                         (long long)counts.waiting_requests, (long long)places);
        known += counts.waiting_requests + counts.in_flight_requests;
    }
    if (known != world->open)
        check_broken(world, "%lld requests are open, but gateways know of %lld",
                     (long long)world->open, (long long)known);
}
