/* The target of a simulated installation: replicas that start as slowly as they should, fail as
 * often as they should, and run an engine model once they are ready. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/mem.h"
#include "base/num.h"
#include "sim/world_internal.h"

#define SLOW_FACTOR 5
#define EVENTS_AT_ONCE 256

const struct reconcile_pool *fleet_pool_of(const struct world *world, size_t pool)
{
    const struct reconcile_spec *control = world->spec.control;
    for (size_t i = 0; i < control->group_count; i++) {
        const size_t count = group_pool_count(control->group[i].group);
        if (pool < count)
            return &control->group[i].pool[pool];
        pool -= count;
    }
    assert(false && "the index of a pool is below their number");
    return NULL;
}

static double gpus_of(const struct world *world, size_t pool)
{
    return fleet_pool_of(world, pool)->gpus_each;
}

double fleet_gpus_each(const struct world *world, size_t pool)
{
    return gpus_of(world, pool);
}

const struct pool_spec *fleet_pool_spec(const struct world *world, size_t pool)
{
    const struct reconcile_spec *control = world->spec.control;
    size_t group = 0;
    while (pool >= group_pool_count(control->group[group].group))
        pool -= group_pool_count(control->group[group++].group);
    return group_pool(control->group[group].group, pool);
}

struct body *fleet_body(struct world *world, uint64_t id)
{
    const uint32_t index = lookup_get(&world->body_by_id, id);
    return index == SLOT_NONE ? NULL : &world->body[index];
}

static size_t index_of(const struct world *world, const struct body *body)
{
    return (size_t)(body - world->body);
}

static void bury(struct world *world, const struct body *body)
{
    const size_t index = index_of(world, body);
    timers_set(&world->engines, (uint32_t)index, TIME_NONE, 0);
    size_t kept = 0;
    for (size_t i = 0; i < world->alive_count; i++)
        if (world->alive[i] != index)
            world->alive[kept++] = world->alive[i];
    world->alive_count = kept;
}

static void tell_news(struct world *world, const struct body *body, enum news_kind kind,
                      enum replica_phase phase, const char *text)
{
    struct up up = {.kind = UP_NEWS, .pool = body->pool};
    up.news = (struct replica_news){.kind = kind,
                                    .replica = body->id,
                                    .class_ = body->class_,
                                    .phase = (uint8_t)phase,
                                    .ready = body->state == BODY_READY,
                                    .target_hash = body->target_hash,
                                    .started_ns = body->ordered_ns,
                                    .port = (uint16_t)(1024 + body->id % 60000)};
    (void)span_copy(span_from(fleet_pool_of(world, body->pool)->name), up.news.pool,
                    sizeof(up.news.pool));
    (void)span_copy(span_from("127.0.0.1"), up.news.host, sizeof(up.news.host));
    (void)span_copy(span_from(text), up.news.text, sizeof(up.news.text));
    world_tell(world, &up);
}

int64_t fleet_room(const struct world *world, size_t pool)
{
    const double each = gpus_of(world, pool);
    return each <= 0 || world->spec.gpus >= REPLICAS_MAX
               ? NO_COUNT
               : (int64_t)(world->spec.gpus / each + 1e-9);
}

static void hold(struct world *world, const struct body *body, int sign)
{
    count_time(world);
    world->holding += sign;
    world->gpus_used += sign * spot_gpus(world, body->pool, body->class_);
    world->price += sign * spot_price(world, body->pool, body->class_);
    if (world->holding > world->result.replicas_most)
        world->result.replicas_most = world->holding;
    if (world->spec.gpus < REPLICAS_MAX)
        for (size_t i = 0; i < world->spec.pool_count; i++)
            world_tell(world, &(struct up){.kind = UP_ROOM, .pool = i});
}

static struct body *add_body(struct world *world, size_t pool, uint64_t id)
{
    if (fleet_body(world, id) != NULL) {
        check_broken(world, "the id %llu was used before", (unsigned long long)id);
        return NULL;
    }
    enum rc rc = mem_grow((void **)&world->body, &world->body_cap, world->body_count + 1,
                          sizeof(*world->body), WORLD_REPLICAS_MAX);
    if (rc == RC_OK)
        rc = mem_grow((void **)&world->alive, &world->alive_cap, world->alive_count + 1,
                      sizeof(*world->alive), WORLD_REPLICAS_MAX);
    if (rc == RC_OK)
        rc = timers_reserve(&world->engines, world->body_count + 1);
    if (rc == RC_OK)
        rc = lookup_put(&world->body_by_id, id, (uint32_t)world->body_count);
    if (rc != RC_OK) {
        world->rc = rc;
        return NULL;
    }
    world->alive[world->alive_count++] = (uint32_t)world->body_count;
    struct body *body = &world->body[world->body_count++];
    *body = (struct body){.id = id,
                          .pool = pool,
                          .ordered_ns = world->now_ns,
                          .drain_ns = TIME_NONE,
                          .engine_ns = TIME_NONE,
                          .target_hash = fleet_pool_of(world, pool)->target_hash};
    return body;
}

static void become_ready(struct world *world, struct body *body)
{
    body->engine = engine_new(&engine_leaps, &world->pool[body->pool].profile);
    if (body->engine == NULL) {
        world->rc = RC_NO_MEMORY;
        return;
    }
    body->state = BODY_READY;
    spot_expect(world, body);
    const double crashes = world->pool[body->pool].crashes_per_hour;
    if (crashes > 0) {
        const int64_t after_ns = ns_of_seconds(rng_exponential(&world->rng, 3600 / crashes));
        world_plan(world, num_add_sat(world->now_ns, after_ns), HAPPENS_CRASH,
                   index_of(world, body), body->version);
    }
}

/* Replicas that run when the run begins have ids below those of control: control is told of them
 * as found. */
void fleet_begin(struct world *world, size_t pool, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        struct body *body = add_body(world, pool, world->body_count + 1);
        if (body == NULL)
            return;
        hold(world, body, 1);
        become_ready(world, body);
    }
}

void fleet_found(struct world *world)
{
    for (size_t i = 0; i < world->alive_count; i++) {
        const struct body *body = &world->body[world->alive[i]];
        if (body->state == BODY_READY)
            tell_news(world, body, NEWS_FOUND, PHASE_LOADING, "");
        else if (body->state == BODY_STARTING)
            tell_news(world, body, NEWS_FOUND, PHASE_LAUNCHED, "");
    }
}

void fleet_start(struct world *world, size_t pool, uint64_t id, uint16_t class_)
{
    struct body *body = add_body(world, pool, id);
    if (body == NULL)
        return;
    const struct world_pool *own = &world->pool[pool];
    body->class_ = class_;
    /* Drawn in a fixed order, whether needed or not: a fault changes nothing else. */
    const bool refused = rng_unit(&world->rng) < own->refused;
    body->fails = rng_unit(&world->rng) < own->failed;
    body->never_ready = rng_unit(&world->rng) < own->never_ready;
    const bool slow = rng_unit(&world->rng) < own->slow;
    body->startup = startup_vary(&own->startup, own->startup_sigma, &world->rng);
    for (size_t i = 0; slow && i < STARTUP_PHASES; i++)
        body->startup.phase_ns[i] *= SLOW_FACTOR;
    const bool node = spot_has_node(world, pool, class_);
    if (refused || !node ||
        world->gpus_used + spot_gpus(world, pool, class_) > world->spec.gpus + 1e-9) {
        body->state = BODY_GONE;
        bury(world, body);
        rules_failed(world, pool);
        tell_news(world, body, NEWS_REFUSED, PHASE_SCHEDULED,
                  node ? "no GPU is free" : "no node of its class is free");
        return;
    }
    world->result.replica_starts += count_scores(world, world->now_ns);
    hold(world, body, 1);
    world_plan(world, world->now_ns, HAPPENS_START, index_of(world, body), body->version);
}

static void on_start(struct world *world, struct body *body)
{
    const enum startup_phase phase =
        startup_phase_at(&body->startup, body->ordered_ns, world->now_ns);
    if (phase == STARTUP_READY && !body->never_ready) {
        become_ready(world, body);
        tell_news(world, body, NEWS_READY, PHASE_LOADING, "");
        return;
    }
    if (phase >= STARTUP_LOADING && body->fails) {
        fleet_end(world, body, "ended with code 1 before it was ready");
        return;
    }
    if (phase < STARTUP_READY)
        tell_news(world, body, NEWS_PHASE, (enum replica_phase)phase, "");
    const int64_t next_ns = startup_next_ns(&body->startup, body->ordered_ns, world->now_ns);
    if (next_ns != TIME_NONE)
        world_plan(world, next_ns, HAPPENS_START, index_of(world, body), body->version);
}

/* Whoever is on it gets a reset. */
static void drop_calls(struct world *world, uint64_t replica)
{
    for (size_t i = 0; i < world->call_count; i++)
        if (world->call[i].state == CALL_FLYING && world->call[i].replica == replica)
            front_try_failed(world, (uint32_t)i, OUTCOME_RESET);
}

void fleet_end(struct world *world, struct body *body, const char *why)
{
    const bool was_ready = body->state != BODY_STARTING;
    const uint64_t id = body->id;
    if (body->state != BODY_STOPPING)
        rules_failed(world, body->pool);
    body->state = BODY_GONE;
    body->version++;
    engine_free(body->engine);
    body->engine = NULL;
    bury(world, body);
    tell_news(world, body, was_ready ? NEWS_GONE : NEWS_FAILED, PHASE_LAUNCHED, why);
    hold(world, body, -1);
    drop_calls(world, id);
}

void fleet_stop(struct world *world, uint64_t id, bool kill)
{
    struct body *body = fleet_body(world, id);
    if (body == NULL || body->state == BODY_GONE) {
        check_broken(world, "replica %llu was stopped, but is not there", (unsigned long long)id);
        return;
    }
    if (body->state == BODY_STARTING)
        rules_failed(world, body->pool); /* overdue, or not wanted any longer */
    body->version++;
    body->engine_ns = TIME_NONE;
    timers_set(&world->engines, (uint32_t)index_of(world, body), TIME_NONE, 0);
    body->state = BODY_STOPPING;
    world_plan(world, world->now_ns + (kill ? 0 : WORLD_STOP_NS), HAPPENS_END,
               index_of(world, body), body->version);
}

size_t world_kill(struct world *world, size_t pool, double share)
{
    size_t ready = 0;
    for (size_t i = 0; i < world->alive_count; i++) {
        const struct body *body = &world->body[world->alive[i]];
        ready += body->pool == pool && body->state == BODY_READY;
    }
    const size_t rounded = (size_t)((double)ready * share + 0.5);
    const size_t wanted = share > 0 && rounded == 0 ? 1 : rounded;
    size_t killed = 0;
    for (size_t i = 0; i < world->alive_count && killed < wanted;) {
        struct body *body = &world->body[world->alive[i]];
        if (body->pool == pool && body->state == BODY_READY) {
            fleet_end(world, body, "ended by signal 9"); /* takes it out of alive */
            killed++;
        } else {
            i++;
        }
    }
    return killed;
}

/* ---- engines ---- */

static void plan_engine(struct world *world, struct body *body)
{
    const int64_t next_ns = engine_next_ns(body->engine);
    if (next_ns == body->engine_ns)
        return;
    body->engine_ns = next_ns;
    timers_set(&world->engines, (uint32_t)index_of(world, body), next_ns, ++world->agenda.sequence);
}

/* Events of an engine start nothing and end no replica, so bodies stay where they are. */
static void advance(struct world *world, struct body *body)
{
    struct engine_event event[EVENTS_AT_ONCE];
    size_t count = EVENTS_AT_ONCE;
    while (count == EVENTS_AT_ONCE && body->engine != NULL) {
        count = engine_advance(body->engine, world->now_ns, event, EVENTS_AT_ONCE);
        for (size_t i = 0; i < count; i++)
            front_engine_event(world, body, &event[i]);
    }
    if (body->engine != NULL)
        check_engine(world, body);
}

void fleet_sync(struct world *world, size_t pool)
{
    for (size_t i = 0; i < world->alive_count; i++) {
        struct body *body = &world->body[world->alive[i]];
        if (body->state != BODY_READY || body->pool != pool || body->in_flight == 0)
            continue;
        advance(world, body);
        engine_sync(body->engine, world->now_ns);
        advance(world, body);
    }
}

void fleet_engine(struct world *world, uint32_t index)
{
    struct body *body = &world->body[index];
    advance(world, body);
    plan_engine(world, body);
}

bool fleet_submit(struct world *world, uint32_t index)
{
    const uint64_t replica = front_call(world, index)->replica;
    struct body *body = fleet_body(world, replica);
    if (body == NULL || body->state != BODY_READY)
        return false;
    advance(world, body);
    struct call *call = front_call(world, index);
    call->body = (uint32_t)index_of(world, body);
    call->engine_id = ++world->tries << 24 | index;
    const struct engine_request request = carry_ask(world, call);
    if (engine_submit(body->engine, world->now_ns, &request, NULL) != RC_OK)
        return false;
    body->in_flight++;
    if (engine_next_ns(body->engine) == world->now_ns)
        advance(world, body);
    plan_engine(world, body);
    return true;
}

void fleet_happens(struct world *world, const struct agenda_item *item)
{
    struct body *body = &world->body[item->index];
    if (item->version != body->version)
        return;
    switch ((enum happening)item->kind) {
    case HAPPENS_START:
        if (body->state == BODY_STARTING)
            on_start(world, body);
        return;
    case HAPPENS_CRASH:
        fleet_end(world, body, "ended by signal 11");
        return;
    case HAPPENS_END:
        fleet_end(world, body, "ended as asked");
        return;
    case HAPPENS_NOTICE:
        if (body->state == BODY_READY)
            spot_notice(world, body, world->pool[body->pool].class_[body->class_].notice_ns);
        return;
    case HAPPENS_TAKEN:
        fleet_end(world, body, "its spot capacity was taken back");
        return;
    case HAPPENS_FRONT:
    case HAPPENS_CONTROL:
    case HAPPENS_CARRIED:
        return;
    }
}
