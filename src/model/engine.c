#include "model/engine.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/duration.h"
#include "base/mem.h"
#include "model/engine_base.h"

struct engine *engine_new(const struct engine_ops *ops, const struct engine_profile *profile)
{
    if (profile_check(profile, NULL) != RC_OK)
        return NULL;
    struct engine *engine = ops->create(profile);
    if (engine == NULL)
        return NULL;
    engine->ops = ops;
    engine->profile = *profile;
    engine->block_capacity = profile->kv_tokens / profile->kv_block_tokens;
    engine->now_ns = INT64_MIN;
    engine->begin_ns = TIME_NONE;
    /* An end gives two events a sequence and a begin one; the begin may find those of the end. */
    engine->event_cap = 4 * (size_t)profile->sequences_max;
    engine->event = mem_new(engine->event_cap, sizeof *engine->event);
    if (engine->event != NULL)
        return engine;
    engine_free(engine);
    return NULL;
}

void engine_free(struct engine *engine)
{
    if (engine == NULL)
        return;
    free(engine->event);
    engine->ops->destroy(engine);
}

const struct engine_profile *engine_profile_of(const struct engine *engine)
{
    return &engine->profile;
}

static int64_t move_on(struct engine *engine, int64_t now_ns)
{
    if (now_ns > engine->now_ns)
        engine->now_ns = now_ns;
    return engine->now_ns;
}

enum rc engine_submit(struct engine *engine, int64_t now_ns, const struct engine_request *request,
                      struct diag *diag)
{
    if (request->prompt_tokens < 1 || request->prompt_tokens > ENGINE_TOKENS_MAX ||
        request->output_tokens < 1 || request->output_tokens > ENGINE_TOKENS_MAX ||
        request->cached_tokens < 0)
        return fail(diag, RC_RANGE,
                    "request has %" PRId64 " prompt and %" PRId64
                    " output tokens, at least 1 of each are needed",
                    request->prompt_tokens, request->output_tokens);
    /* The last token is never stored, so this is the most KV that it will ever hold. */
    const int64_t needed = request->prompt_tokens + request->output_tokens - 1;
    const int64_t capacity = engine->block_capacity * engine->profile.kv_block_tokens;
    if (needed > capacity)
        return fail(diag, RC_LIMIT,
                    "request needs %" PRId64 " tokens of KV cache, the engine has %" PRId64, needed,
                    capacity);
    now_ns = move_on(engine, now_ns);
    if (!engine->under_way && engine->begin_ns != TIME_NONE && engine->begin_ns < now_ns)
        engine->ops->begin(engine); /* it began before this request came */
    enum rc rc = engine->ops->submit(engine, now_ns, request);
    if (rc == RC_OK && !engine->under_way && engine->begin_ns == TIME_NONE)
        engine->begin_ns = now_ns;
    if (rc != RC_OK)
        return fail(diag, rc, rc == RC_LIMIT ? "the engine's queue is full" : "out of memory");
    engine->counters.submitted++;
    return RC_OK;
}

bool engine_cancel(struct engine *engine, int64_t now_ns, uint64_t id)
{
    if (!engine->ops->cancel(engine, move_on(engine, now_ns), id))
        return false;
    engine->counters.cancelled++;
    return true;
}

int64_t engine_next_ns(const struct engine *engine)
{
    if (engine->event_head < engine->event_count)
        return engine->event[engine->event_head].at_ns;
    return engine->under_way ? engine->end_ns : engine->begin_ns;
}

size_t engine_advance(struct engine *engine, int64_t until_ns, struct engine_event *ret, size_t cap)
{
    size_t count = 0;
    until_ns = move_on(engine, until_ns);
    for (;;) {
        while (engine->event_head < engine->event_count && count < cap)
            ret[count++] = engine->event[engine->event_head++];
        if (engine->event_head < engine->event_count || count == cap)
            return count;
        engine->event_head = engine->event_count = 0;
        if (engine->under_way && engine->end_ns <= until_ns)
            engine->ops->end(engine);
        else if (!engine->under_way && engine->begin_ns != TIME_NONE &&
                 engine->begin_ns <= until_ns)
            engine->ops->begin(engine);
        else
            return count;
    }
}

void engine_sync(struct engine *engine, int64_t now_ns)
{
    if (engine->ops->sync != NULL)
        engine->ops->sync(engine, move_on(engine, now_ns));
}

void engine_forget(struct engine *engine, uint64_t id)
{
    size_t kept = engine->event_head;
    for (size_t i = engine->event_head; i < engine->event_count; i++) {
        if (engine->event[i].id != id)
            engine->event[kept++] = engine->event[i];
    }
    engine->event_count = kept;
}

void engine_load_of(const struct engine *engine, struct engine_load *ret)
{
    engine->ops->load(engine, ret);
    assert(ret->kv_blocks <= ret->kv_capacity);
}

const struct engine_counters *engine_counters_of(const struct engine *engine)
{
    return &engine->counters;
}

double engine_kv_usage_ratio(const struct engine *engine)
{
    struct engine_load load;
    engine_load_of(engine, &load);
    return (double)load.kv_blocks / (double)load.kv_capacity;
}

int64_t engine_iteration_bucket_bound(size_t index)
{
    if (index == 0)
        return 1;
    return index + 1 < ENGINE_ITERATION_BUCKETS ? INT64_C(4) << index : INT64_MAX;
}

void engine_count_iterations(struct engine *engine, int64_t tokens, int64_t count,
                             int64_t length_ns)
{
    struct engine_counters *counters = &engine->counters;
    /* The bucket whose bound, a power of two, is the first that is not below. */
    const int bits = tokens <= 8 ? 3 : 64 - __builtin_clzll((uint64_t)tokens - 1);
    const size_t above = tokens <= 1 ? 0 : (size_t)bits - 2;
    const size_t index =
        above < ENGINE_ITERATION_BUCKETS ? above : (size_t)ENGINE_ITERATION_BUCKETS - 1;
    counters->iteration_tokens_bucket[index] += (uint64_t)count;
    counters->iteration_tokens_sum += (uint64_t)(count * tokens);
    counters->iterations += (uint64_t)count;
    counters->busy_ns += length_ns;
}
