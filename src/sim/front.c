/* The gateway of a simulated installation: one dispatcher per pool, and the calls that are under
 * way. Messages to control wait in world.up until the control step is not running. */
#include <math.h>

#include "base/duration.h"
#include "base/mem.h"
#include "sim/world_internal.h"

#define CALL_BITS 24 /* of an engine's request id: the index of the call */

struct call *front_call(struct world *world, uint32_t index)
{
    return &world->call[index];
}

static uint32_t new_call(struct world *world)
{
    if (world->call_free != UINT32_MAX) {
        const uint32_t index = world->call_free;
        world->call_free = world->call[index].next_free;
        return index;
    }
    const enum rc rc = mem_grow((void **)&world->call, &world->call_cap, world->call_count + 1,
                                sizeof(*world->call), WORLD_REQUESTS_MAX);
    if (rc != RC_OK) {
        world->rc = rc;
        return UINT32_MAX;
    }
    return (uint32_t)world->call_count++;
}

static void end_call(struct world *world, uint32_t index, bool whole, bool refused)
{
    struct call *call = &world->call[index];
    count_ended(world, call, whole, refused);
    call->state = CALL_FREE;
    call->next_free = world->call_free;
    world->call_free = index;
}

/* Behind the first byte it is no refusal but an answer that was cut. */
static void refuse(struct world *world, uint32_t index)
{
    end_call(world, index, false, !world->call[index].byte);
}

void front_follow(struct world *world, uint32_t index, struct dispatch_answer answer)
{
    struct call *call = &world->call[index];
    const size_t pool = call->pool;
    world->front_dirty[pool] = true;
    while (answer.verdict == VERDICT_ASSIGNED) {
        call = &world->call[index];
        call->state = CALL_FLYING;
        call->handle = answer.request;
        call->replica = answer.replica;
        if (fleet_submit(world, index))
            return;
        answer = dispatch_retry(world->front[pool], answer.request, OUTCOME_REFUSED, world->now_ns);
    }
    call = &world->call[index];
    call->replica = 0;
    call->engine_id = 0;
    if (answer.verdict == VERDICT_HELD) {
        call->state = CALL_HELD;
        call->handle = answer.request;
    } else {
        refuse(world, index);
    }
}

void front_next(struct world *world)
{
    world->arrivals_left =
        world->spec.next != NULL && world->spec.next(world->spec.source, &world->arrival);
    world->arrival_sequence = ++world->agenda.sequence;
}

void front_arrive(struct world *world)
{
    const struct world_arrival a = world->arrival;
    world->last_arrival_ns = world->now_ns;
    front_next(world);
    const uint32_t index = new_call(world);
    if (index == UINT32_MAX)
        return;
    world->open++;
    world->result.requests += count_scores(world, world->now_ns);
    world->call[index] = (struct call){.state = CALL_HELD,
                                       .pool = a.pool,
                                       .entry = a.pool,
                                       .arrived_ns = world->now_ns,
                                       .first_ns = TIME_NONE,
                                       .prompt_tokens = a.prompt_tokens > 0 ? a.prompt_tokens : 1,
                                       .output_tokens = a.output_tokens > 0 ? a.output_tokens : 1,
                                       .cached_tokens = a.cached_tokens};
    const struct arrival arrival = {.cookie = index,
                                    .key = a.key,
                                    .priority = a.priority,
                                    .session = a.session,
                                    .prompt_tokens = world->call[index].prompt_tokens,
                                    .output_tokens_max = world->call[index].output_tokens,
                                    .stream = true};
    front_follow(world, index, dispatch_arrive(world->front[a.pool], &arrival, world->now_ns));
}

void front_try_failed(struct world *world, uint32_t index, enum outcome cause)
{
    struct call *call = &world->call[index];
    struct dispatch *front = world->front[call->pool];
    world->front_dirty[call->pool] = true;
    if (!call->byte) {
        front_follow(world, index, dispatch_retry(front, call->handle, cause, world->now_ns));
        return;
    }
    const struct usage usage = USAGE_NONE;
    dispatch_finish(front, call->handle, cause, &usage, world->now_ns);
    end_call(world, index, false, false);
}

void front_engine_event(struct world *world, struct body *body, const struct engine_event *event)
{
    const uint32_t index = (uint32_t)(event->id & ((1U << CALL_BITS) - 1));
    struct call *call = &world->call[index];
    if (call->state != CALL_FLYING || call->engine_id != event->id) {
        check_broken(world, "replica %llu serves a request that is over or with another one",
                     (unsigned long long)body->id);
        return;
    }
    struct dispatch *front = world->front[call->pool];
    world->front_dirty[call->pool] = true;
    switch (event->kind) {
    case ENGINE_ADMITTED:
    case ENGINE_PREEMPTED:
        return;
    case ENGINE_FIRST_TOKEN:
        if (!call->byte)
            call->first_ns = event->at_ns;
        call->byte = true;
        call->generated++;
        dispatch_first_byte(front, call->handle, event->at_ns);
        dispatch_tokens(front, call->handle, 1, event->at_ns);
        return;
    case ENGINE_TOKENS:
        call->generated += event->tokens;
        dispatch_tokens(front, call->handle, event->tokens, event->at_ns);
        return;
    case ENGINE_FINISHED: {
        const struct usage usage = {.prompt_tokens = call->prompt_tokens,
                                    .output_tokens = call->generated,
                                    .cached_tokens = call->cached_tokens};
        body->in_flight--;
        dispatch_finish(front, call->handle, OUTCOME_OK, &usage, world->now_ns);
        if (carry_begins(world, call)) {
            carry_start(world, index);
            return;
        }
        if (call->generated != call->output_tokens)
            check_broken(world, "an answer has %lld tokens of %lld", (long long)call->generated,
                         (long long)call->output_tokens);
        end_call(world, index, true, false);
        return;
    }
    }
}

static void say(struct world *world, size_t pool, const struct dispatch_event *event)
{
    struct up up = {.pool = pool, .replica = event->replica, .generation = event->generation};
    switch (event->kind) {
    case DISPATCH_ASSIGNED:
        front_follow(world, (uint32_t)event->cookie,
                     (struct dispatch_answer){.verdict = VERDICT_ASSIGNED,
                                              .request = event->request,
                                              .replica = event->replica});
        return;
    case DISPATCH_REFUSED:
        refuse(world, (uint32_t)event->cookie);
        return;
    case DISPATCH_WAKE:
        up.kind = UP_WAKE;
        break;
    case DISPATCH_JUMP:
        up.kind = UP_SNAPSHOT;
        break;
    case DISPATCH_SUSPECT:
        up.kind = UP_SUSPECT;
        break;
    case DISPATCH_DRAINED:
        up.kind = UP_DRAINED;
        break;
    }
    if (!world->silent)
        world_tell(world, &up);
}

void front_settle(struct world *world, size_t pool)
{
    struct dispatch *front = world->front[pool];
    struct dispatch_event event;
    world->front_dirty[pool] = false;
    while (dispatch_next(front, world->now_ns, &event))
        say(world, pool, &event);
    const int64_t next_ns = dispatch_deadline(front);
    if (next_ns != TIME_NONE &&
        (world->front_ns[pool] == TIME_NONE || next_ns < world->front_ns[pool])) {
        world->front_ns[pool] = next_ns;
        world_plan(world, next_ns, HAPPENS_FRONT, pool, 0);
    }
}

/* ---- messages of control ---- */

static size_t pool_named(const struct world *world, const char *name)
{
    const int index = reconcile_pool_find(world->reconcile, span_from(name));
    return index < 0 ? SIZE_MAX : (size_t)index;
}

static void take_routes(struct world *world, const struct routes *routes)
{
    check_routes(world, routes);
    world->generation = routes->generation;
    for (size_t i = 0; i < routes->pool_count; i++) {
        const size_t pool = pool_named(world, routes->pool[i].name);
        if (pool >= world->spec.pool_count)
            continue;
        const enum rc rc = dispatch_routes(world->front[pool], &routes->pool[i], routes->generation,
                                           world->now_ns);
        if (rc != RC_OK)
            world->rc = rc;
        world->front_dirty[pool] = true;
    }
}

static void take_limits(struct world *world, const struct message *message)
{
    if (message->pool >= world->spec.pool_count)
        return;
    struct dispatch_config config = world->pool[message->pool].dispatch;
    config.pool = message->pool;
    config.replica_concurrency = message->limits.concurrency;
    config.queue_requests_max = message->limits.queue_requests;
    config.queue_tokens_max = message->limits.queue_tokens;
    if (message->limits.queue_timeout_ns > 0)
        config.queue_timeout_ns = message->limits.queue_timeout_ns;
    world->pool[message->pool].dispatch = config;
    dispatch_configure(world->front[message->pool], &config);
    world->front_dirty[message->pool] = true;
}

void front_message(struct world *world, const struct message *message)
{
    switch (message->kind) {
    case MESSAGE_ROUTES:
        take_routes(world, message->routes);
        return;
    case MESSAGE_LIMITS:
        take_limits(world, message);
        return;
    case MESSAGE_DRAIN:
        check_drain(world, message->replica, message->generation);
        return;
    case MESSAGE_UNDRAIN: {
        struct body *body = fleet_body(world, message->replica);
        if (body != NULL)
            body->drain_ns = TIME_NONE;
        return;
    }
    case MESSAGE_ASK:
        for (size_t i = 0; i < world->spec.pool_count; i++)
            if (message->pool == MESSAGE_POOLS || message->pool == i)
                world_tell(world, &(struct up){.kind = UP_SNAPSHOT, .pool = i});
        return;
    case MESSAGE_SNAPSHOT:
    case MESSAGE_WAKE:
    case MESSAGE_DRAINED:
    case MESSAGE_SUSPECT:
        check_broken(world, "control sent a message that only gateways send");
        return;
    }
}
