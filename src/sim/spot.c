/* Classes of replicas: what one of them takes and costs, how many nodes there are, and spot
 * capacity that is taken back after a notice. */
#include <math.h>

#include "base/duration.h"
#include "base/num.h"
#include "sim/world_internal.h"

/* The target says what a replica of a pool without a choice of classes takes. */
static const struct class_spec *class_of(const struct world *world, size_t pool, size_t class_)
{
    const struct pool_spec *spec = fleet_pool_spec(world, pool);
    return spec->class_count > 1 && class_ < spec->class_count ? &spec->class_[class_] : NULL;
}

double spot_gpus(const struct world *world, size_t pool, size_t class_)
{
    const struct class_spec *spec = class_of(world, pool, class_);
    return spec != NULL ? spec->gpus : fleet_gpus_each(world, pool);
}

double spot_price(const struct world *world, size_t pool, size_t class_)
{
    const struct class_spec *spec = class_of(world, pool, class_);
    return spec != NULL ? spec->price_per_hour : fleet_pool_of(world, pool)->price_each;
}

bool spot_has_node(const struct world *world, size_t pool, size_t class_)
{
    if (class_ >= CLASSES_PER_POOL_MAX)
        return false;
    if (world->now_ns < world->gone_until_ns[pool][class_])
        return false;
    const int64_t nodes = world->pool[pool].class_[class_].nodes;
    int64_t held = 0;
    for (size_t i = 0; nodes > 0 && i < world->alive_count; i++) {
        const struct body *body = &world->body[world->alive[i]];
        held += body->pool == pool && body->class_ == class_;
    }
    return nodes == 0 || held <= nodes; /* the one that asks is among them */
}

static size_t index_of(const struct world *world, const struct body *body)
{
    return (size_t)(body - world->body);
}

void spot_expect(struct world *world, const struct body *body)
{
    const double rate = world->pool[body->pool].class_[body->class_].interruptions_per_hour;
    if (rate <= 0)
        return;
    const int64_t after_ns = ns_of_seconds(rng_exponential(&world->rng, 3600 / rate));
    world_plan(world, num_add_sat(world->now_ns, after_ns), HAPPENS_NOTICE, index_of(world, body),
               body->version);
}

void spot_notice(struct world *world, struct body *body, int64_t notice_ns)
{
    body->notice = true;
    world_tell(world, &(struct up){.kind = UP_NOTICE, .pool = body->pool, .replica = body->id});
    world_plan(world, num_add_sat(world->now_ns, notice_ns), HAPPENS_TAKEN, index_of(world, body),
               body->version);
}

static bool is_hit(const struct world *world, const struct body *body, size_t pool, size_t class_)
{
    const struct pool_spec *spec = fleet_pool_spec(world, pool);
    if (body->pool != pool || (body->state != BODY_READY && body->state != BODY_STARTING))
        return false;
    return class_ == SIZE_MAX ? spec->class_[body->class_].kind == CAPACITY_SPOT
                              : body->class_ == class_;
}

void world_take_back(struct world *world, size_t pool, const struct world_storm *storm)
{
    const struct pool_spec *spec = fleet_pool_spec(world, pool);
    size_t there = 0;
    for (size_t i = 0; i < world->alive_count; i++)
        there += is_hit(world, &world->body[world->alive[i]], pool, storm->class_);
    size_t left = (size_t)ceil((double)there * storm->share);
    for (size_t i = 0; i < world->alive_count && left > 0; i++) {
        struct body *body = &world->body[world->alive[i]];
        if (!is_hit(world, body, pool, storm->class_))
            continue;
        spot_notice(world, body, storm->notice_ns);
        left--;
    }
    for (size_t i = 0; i < spec->class_count; i++)
        if (storm->class_ == i ||
            (storm->class_ == SIZE_MAX && spec->class_[i].kind == CAPACITY_SPOT))
            world->gone_until_ns[pool][i] = num_add_sat(world->now_ns, storm->lasts_ns);
}
