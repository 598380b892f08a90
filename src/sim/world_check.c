/* What must hold in every run, whatever fate does. The first thing that does not is kept in words.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/duration.h"
#include "sim/world_internal.h"

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

static const struct reconcile_pool *pool_at(const struct world *world, size_t pool)
{
    const struct reconcile_spec *control = world->spec.control;
    for (size_t i = 0; i < control->group_count; i++) {
        const size_t count = group_pool_count(control->group[i].group);
        if (pool < count)
            return &control->group[i].pool[pool];
        pool -= count;
    }
    return NULL;
}

/* Nothing is routed that is not there. What died a moment ago may still be: gateways find out. */
void check_routes(struct world *world, const struct routes *routes)
{
    if (routes->generation <= world->generation)
        check_broken(world, "routes of generation %llu came after %llu",
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

/* DESIGN 3.5: never a busy one while an idle one exists; what carries an old target hash goes
 * whatever it does. */
void check_drain(struct world *world, uint64_t replica)
{
    struct body *body = fleet_body(world, replica);
    if (body == NULL)
        return;
    body->drain_ns = world->now_ns;
    const struct reconcile_pool *pool = pool_at(world, body->pool);
    if (body->in_flight == 0 || world->silent || pool == NULL ||
        body->target_hash != pool->target_hash)
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
    if (body == NULL || body->in_flight == 0)
        return;
    const struct reconcile_pool *pool = pool_at(world, body->pool);
    if (pool != NULL &&
        (body->drain_ns == TIME_NONE || world->now_ns - body->drain_ns < pool->drain_timeout_ns))
        check_broken(world, "replica %llu was stopped with %lld answers running",
                     (unsigned long long)replica, (long long)body->in_flight);
}

/* R2, R4, R10: what a tick may not do. */
void check_record(struct world *world, const struct tick_record *record)
{
    for (size_t i = 0; i < group_pool_count(record->spec); i++) {
        const struct pool_spec *spec = group_pool(record->spec, i);
        const struct decision *decision = &record->decision[i];
        const struct pool_observation *seen = &record->observation->pool[i];
        if (decision->desired < 0 ||
            (seen->pin_count == NO_COUNT && decision->desired > spec->replicas_max))
            check_broken(world, "%s: %lld is not within its bounds", spec->name,
                         (long long)decision->desired);
        const bool by_person =
            seen->pin_count != NO_COUNT || seen->paused || seen->inventory_limit != NO_COUNT ||
            seen->foreign_count != NO_COUNT || decision->previous > spec->replicas_max;
        if (decision->desired < decision->previous && !by_person && !spec->exact &&
            (seen->waiting_state == SIGNAL_FAILED || record->observation->incomplete))
            check_broken(world, "%s was lowered from %lld to %lld without knowing its load",
                         spec->name, (long long)decision->previous, (long long)decision->desired);
    }
}

void check_counts(struct world *world)
{
    if (world->gpus_used > world->spec.gpus + 1e-6)
        check_broken(world, "%d thousandths of a GPU are used beyond the inventory",
                     (int)((world->gpus_used - world->spec.gpus) * 1000));
    for (size_t i = 0; i < world->spec.pool_count; i++) {
        const struct dispatch_counts counts = dispatch_counts(world->front[i]);
        if (counts.waiting_requests < 0 || counts.in_flight_requests < 0)
            check_broken(world, "a dispatcher counts less than nothing");
    }
}
