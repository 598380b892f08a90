/* Prefill and decode in two pools: the first token is computed in one, the KV cache is carried to
 * the other, which computes the rest. The client has its first byte by then: nothing is tried
 * again. */
#include "base/num.h"
#include "core/policy/dynamo.h"
#include "sim/world_internal.h"

/* ---- what a frontend tells of both roles, as Dynamo's does ---- */

#define LOADS_MAX 1024 /* engines that are told of at one look */

static void tell_both(struct world *world, size_t prefill, const char *name, const double *value,
                      size_t n)
{
    size_t place = prefill;
    const size_t group = scrape_group(world, &place);
    const size_t places[] = {place, place + world->pool[prefill].decode_pool - prefill};
    const int external =
        group_external_index(world->spec.control->group[group].group, span_from(name));
    for (size_t k = 0; k < COUNT_OF(places) && external >= 0; k++)
        for (size_t i = 0; i < n; i++) {
            const struct sample sample = {.t_ns = world->now_ns,
                                          .pool = (uint16_t)places[k],
                                          .signal = SIGNAL_EXTERNAL,
                                          .external = (uint16_t)external,
                                          .state = SIGNAL_VALUE,
                                          .covered = 1,
                                          .expected = 1,
                                          .value = value[i],
                                          .weight = 1};
            const struct event event = {
                .kind = EVENT_SAMPLES, .group = group, .samples = &sample, .sample_count = 1};
            world_give(world, &event);
        }
}

void carry_scrape(struct world *world, size_t prefill)
{
    double load[LOADS_MAX];
    size_t n = 0;
    double queue = (double)dispatch_counts(world->front[prefill]).waiting_requests;
    for (size_t i = 0; i < world->alive_count; i++) {
        const struct body *body = &world->body[world->alive[i]];
        struct engine_load l;
        if (body->state != BODY_READY)
            continue;
        engine_load_of(body->engine, &l);
        if (body->pool == prefill)
            queue += (double)l.waiting;
        else if (body->pool == world->pool[prefill].decode_pool && n < LOADS_MAX)
            load[n++] = dynamo_kv_load((double)l.kv_blocks / (double)l.kv_capacity,
                                       (double)l.waiting, (double)l.running);
    }
    tell_both(world, prefill, "prefill-queue", &queue, 1);
    tell_both(world, prefill, "decode-load", load, n);
}

/* ---- requests ---- */

bool carry_begins(const struct world *world, const struct call *call)
{
    return !call->decodes && world->pool[call->pool].hands_on && call->output_tokens > 1;
}

/* What an engine is asked for. One that decodes has all but the last token in its cache. */
struct engine_request carry_ask(const struct world *world, const struct call *call)
{
    struct engine_request request = {.id = call->engine_id,
                                     .prompt_tokens = call->prompt_tokens,
                                     .output_tokens = call->output_tokens,
                                     .cached_tokens = call->cached_tokens};
    if (carry_begins(world, call)) {
        request.output_tokens = 1;
    } else if (call->decodes) {
        request.prompt_tokens = call->prompt_tokens + 1;
        request.cached_tokens = call->prompt_tokens;
        request.output_tokens = call->output_tokens - 1;
    }
    return request;
}

void carry_start(struct world *world, uint32_t index)
{
    struct call *call = front_call(world, index);
    const struct world_pool *pool = &world->pool[call->pool];
    const int64_t takes_ns = num_add_sat(
        pool->transfer_ns, num_mul_sat(pool->transfer_per_token_ns, call->prompt_tokens));
    call->state = CALL_CARRIED;
    call->decodes = true;
    call->pool = pool->decode_pool;
    world->carried++;
    world_plan(world, num_add_sat(world->now_ns, takes_ns), HAPPENS_CARRIED, index, 0);
}

void carry_arrive(struct world *world, uint32_t index)
{
    const struct call *call = front_call(world, index);
    world->carried--;
    const struct arrival arrival = {.cookie = index,
                                    .priority = UINT32_MAX,
                                    .prompt_tokens = call->prompt_tokens,
                                    .output_tokens_max = call->output_tokens,
                                    .stream = true};
    front_follow(world, index, dispatch_arrive(world->front[call->pool], &arrival, world->now_ns));
}
