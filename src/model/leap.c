/* leap.c - the fast engine: between two events the batch does not change, so all iterations between
 * them are one leap of known length. Cost is O(log batch) an event, whatever the answers' length.
 *
 * k iterations with B decoding sequences that hold ctx tokens before, and pt prompt tokens each,
 * take k (a + b B + p pt) + c (k ctx + B k (k + 1) / 2). A leap ends when a sequence finishes, a
 * prompt is complete or the KV cache is full; an arrival that could join cuts it at the end of the
 * iteration under way. Everything that grows by one with each iteration (tokens, KV) is counted
 * from the number of the iteration. It reports the same events at the same times as the reference,
 * up to the rounding of each iteration to a nanosecond, except that tokens between the first and
 * the last come together: at the end, at a preemption or when engine_sync() asks. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "base/duration.h"
#include "base/mem.h"
#include "base/num.h"
#include "model/leap_internal.h"

/* ---- sequences ---- */

static int64_t passed(const struct leap_engine *e, const struct leap_sequence *s)
{
    return s->state == LEAP_DECODING ? (int64_t)(e->iteration - s->since) : 0;
}

static void emit(struct leap_engine *e, const struct leap_sequence *s, enum engine_event_kind kind,
                 int64_t tokens, int64_t total)
{
    const struct engine_event event = {.at_ns = e->base.begin_ns,
                                       .id = s->id,
                                       .kind = kind,
                                       .tokens = tokens,
                                       .tokens_total = total};
    engine_emit(&e->base, &event);
}

static void tell_tokens(struct leap_engine *e, struct leap_sequence *s)
{
    const int64_t total = s->generated + passed(e, s);
    if (total > s->told) {
        emit(e, s, ENGINE_TOKENS, total - s->told, total);
        s->told = total;
    }
}

/* Takes a sequence out of the batch's counts; its fields become those of now. */
static void leave_batch(struct leap_engine *e, uint32_t slot)
{
    struct leap_sequence *s = &e->sequence[slot];
    const int64_t more = passed(e, s);
    const int64_t kv_tokens = s->kv_tokens + more;
    e->tokens_used -= kv_tokens;
    e->blocks_used -= leap_blocks(e, kv_tokens);
    if (s->state == LEAP_DECODING) {
        e->phase[leap_phase(e, kv_tokens)]--;
        e->decoding--;
        e->context -= kv_tokens;
        leap_heap_remove(e, slot);
    }
    if (e->prefill == slot)
        e->prefill = s->next;
    leap_chain_remove(e, &e->running, slot);
    s->generated += more;
    s->kv_tokens = 0;
}

static void release(struct leap_engine *e, uint32_t slot)
{
    struct leap_sequence *s = &e->sequence[slot];
    if (s->state == LEAP_WAITING)
        leap_chain_remove(e, &e->waiting, slot);
    else
        leave_batch(e, slot);
    s->state = LEAP_FREE;
    s->next = e->free_slot;
    e->free_slot = slot;
}

static void preempt_youngest(struct leap_engine *e)
{
    const uint32_t slot = e->running.tail;
    struct leap_sequence *s = &e->sequence[slot];
    tell_tokens(e, s);
    leave_batch(e, slot);
    s->state = LEAP_WAITING;
    s->chunk = 0;
    s->computed = 0;
    s->target = s->prompt_tokens + s->generated;
    leap_chain_push_head(e, &e->waiting, slot);
    e->base.counters.preemptions++;
    emit(e, s, ENGINE_PREEMPTED, 0, s->generated);
}

static void finish(struct leap_engine *e, uint32_t slot)
{
    struct leap_sequence *s = &e->sequence[slot];
    tell_tokens(e, s);
    emit(e, s, ENGINE_FINISHED, 0, s->output_tokens);
    e->base.counters.finished++;
    release(e, slot);
}

/* Its prompt is complete: the first token (or, after a preemption, the next one) comes now. */
static void begin_decoding(struct leap_engine *e, uint32_t slot)
{
    struct leap_sequence *s = &e->sequence[slot];
    s->generated++;
    s->told++;
    e->base.counters.generation_tokens++;
    if (s->generated == 1)
        e->base.counters.prompt_tokens += (uint64_t)s->prompt_tokens;
    emit(e, s, s->generated == 1 ? ENGINE_FIRST_TOKEN : ENGINE_TOKENS, 1, s->generated);
    e->prefill = s->next;
    if (s->generated == s->output_tokens) {
        emit(e, s, ENGINE_FINISHED, 0, s->output_tokens);
        e->base.counters.finished++;
        release(e, slot);
        return;
    }
    s->state = LEAP_DECODING;
    s->since = e->iteration;
    s->finish = e->iteration + (uint64_t)(s->output_tokens - s->generated);
    e->phase[leap_phase(e, s->kv_tokens)]++;
    e->decoding++;
    e->context += s->kv_tokens;
    leap_heap_push(e, slot);
}

/* ---- a leap ---- */

static bool admit_one(struct leap_engine *e, int64_t reserved_blocks)
{
    const uint32_t slot = e->waiting.head;
    if (slot == LEAP_NONE || e->running.count >= (size_t)e->base.profile.sequences_max)
        return false;
    struct leap_sequence *s = &e->sequence[slot];
    const int64_t blocks = leap_blocks(e, s->target);
    if (e->blocks_used + reserved_blocks + blocks > e->base.block_capacity)
        return false;
    e->blocks_used += blocks;
    e->tokens_used += s->target;
    s->kv_tokens = s->target;
    leap_chain_remove(e, &e->waiting, slot);
    leap_chain_push_tail(e, &e->running, slot);
    s->state = LEAP_PREFILL;
    s->admission = ++e->admissions;
    s->computed = s->cached_tokens < s->prompt_tokens ? s->cached_tokens : s->prompt_tokens - 1;
    if (s->generated == 0)
        e->base.counters.cached_tokens += (uint64_t)s->computed;
    if (e->prefill == LEAP_NONE)
        e->prefill = slot;
    emit(e, s, ENGINE_ADMITTED, 0, s->generated);
    return true;
}

static int64_t give_chunk(struct leap_engine *e, uint32_t slot, int64_t budget)
{
    struct leap_sequence *s = &e->sequence[slot];
    const int64_t left = s->target - s->computed;
    s->chunk = left < budget ? left : budget;
    return s->chunk;
}

/* Chunks of one iteration; returns their sum. */
static int64_t plan_prompts(struct leap_engine *e, bool admit)
{
    const int64_t budget = e->base.profile.chunk_tokens;
    int64_t prompt = 0;
    for (uint32_t slot = e->prefill; slot != LEAP_NONE && prompt < budget;
         slot = e->sequence[slot].next)
        prompt += give_chunk(e, slot, budget - prompt);
    const int64_t reserved = e->phase[e->crossing];
    while (admit && prompt < budget && admit_one(e, reserved))
        prompt += give_chunk(e, e->running.tail, budget - prompt);
    return prompt;
}

/* How many iterations the chunks of the first one may repeat. */
static int64_t prompt_iterations(const struct leap_engine *e, int64_t prompt)
{
    const struct leap_sequence *first = &e->sequence[e->prefill];
    if (first->chunk < e->base.profile.chunk_tokens || prompt > first->chunk)
        return 1;
    return (first->target - first->computed) / first->chunk;
}

static void begin_leap(struct engine *engine)
{
    struct leap_engine *e = leap_own(engine);
    bool preempted = false;
    while (e->phase[e->crossing] > e->base.block_capacity - e->blocks_used) {
        preempt_youngest(e);
        preempted = true;
    }
    const int64_t prompt = plan_prompts(e, !preempted);
    assert(e->decoding + prompt > 0);
    int64_t k = prompt > 0 ? prompt_iterations(e, prompt) : preempted ? 1 : INT64_MAX;
    if (e->heap_count > 0) {
        const int64_t left = (int64_t)(e->sequence[e->heap[0]].finish - e->iteration);
        k = left < k ? left : k;
    }
    const struct engine_profile *profile = &e->base.profile;
    e->prompt = prompt;
    e->length = leap_blocks_suffice(e, k);
    e->step_s = profile->iteration_s + profile->sequence_s * (double)e->decoding +
                profile->context_s * (double)e->context + profile->prompt_s * (double)prompt;
    e->growth_s = profile->context_s * (double)e->decoding;
    e->base.under_way = true;
    e->base.end_ns = e->base.begin_ns + leap_ns(e, e->length);
}

static void count_iterations(struct leap_engine *e, int64_t k, int64_t length_ns)
{
    struct engine_counters *c = &e->base.counters;
    const int64_t tokens = e->decoding + e->prompt;
    engine_count_iterations(&e->base, tokens, k, length_ns);
    c->computed_tokens += (uint64_t)(k * e->prompt);
    c->generation_tokens += (uint64_t)(k * e->decoding);
}

/* The first k iterations of the leap are over. */
static void commit(struct leap_engine *e, int64_t k, int64_t at_ns)
{
    count_iterations(e, k, at_ns - e->base.begin_ns);
    leap_take_blocks(e, k);
    e->tokens_used += k * e->decoding;
    e->context += k * e->decoding;
    e->iteration += (uint64_t)k;
    e->base.begin_ns = at_ns;
    e->step_s += e->growth_s * (double)k;
    e->length -= k;
    if (e->prompt == 0)
        return;
    for (uint32_t slot = e->prefill; slot != LEAP_NONE && e->sequence[slot].chunk > 0;
         slot = e->sequence[slot].next)
        e->sequence[slot].computed += k * e->sequence[slot].chunk;
}

static void end_leap(struct engine *engine)
{
    struct leap_engine *e = leap_own(engine);
    commit(e, e->length, e->base.end_ns);
    e->base.under_way = false;
    while (e->heap_count > 0 && e->sequence[e->heap[0]].finish == e->iteration)
        finish(e, e->heap[0]);
    for (uint32_t slot = e->prompt > 0 ? e->prefill : LEAP_NONE, next;
         slot != LEAP_NONE && e->sequence[slot].chunk > 0; slot = next) {
        struct leap_sequence *s = &e->sequence[slot];
        next = s->next;
        s->chunk = 0;
        if (s->computed == s->target)
            begin_decoding(e, slot);
    }
    if (e->running.count + e->waiting.count == 0)
        e->base.begin_ns = TIME_NONE;
}

/* ---- the contract ---- */

static void leap_destroy(struct engine *engine)
{
    struct leap_engine *e = leap_own(engine);
    free(e->sequence);
    free(e->heap);
    free(e->phase);
    free(e);
}

static struct engine *leap_create(const struct engine_profile *profile)
{
    if (profile->kv_block_tokens > LEAP_BLOCK_MAX)
        return NULL;
    struct leap_engine *e = mem_new(1, sizeof *e);
    if (e == NULL)
        return NULL;
    e->block = profile->kv_block_tokens;
    e->block_shift = (e->block & (e->block - 1)) == 0 ? __builtin_ctzll((uint64_t)e->block) : -1;
    e->free_slot = e->prefill = LEAP_NONE;
    e->running = e->waiting = (struct leap_chain){.head = LEAP_NONE, .tail = LEAP_NONE};
    e->heap = mem_new((size_t)profile->sequences_max, sizeof *e->heap);
    e->phase = mem_new((size_t)e->block, sizeof *e->phase);
    if (e->heap != NULL && e->phase != NULL)
        return &e->base;
    leap_destroy(&e->base);
    return NULL;
}

/* An arrival that finds nobody ahead of it could join at the end of the iteration under way. */
static void cut(struct leap_engine *e, int64_t now_ns)
{
    if (!e->base.under_way || e->length <= 1 || e->prompt > 0 || e->waiting.count > 0 ||
        now_ns >= e->base.end_ns)
        return;
    const int64_t ended = leap_ended(e, now_ns);
    if (ended + 1 >= e->length)
        return;
    e->length = ended + 1;
    e->base.end_ns = e->base.begin_ns + leap_ns(e, e->length);
}

static enum rc leap_submit(struct engine *engine, int64_t now_ns,
                           const struct engine_request *request)
{
    struct leap_engine *e = leap_own(engine);
    if (e->waiting.count >= ENGINE_WAITING_MAX)
        return RC_LIMIT;
    if (e->free_slot == LEAP_NONE) {
        const enum rc rc = leap_grow(e);
        if (rc != RC_OK)
            return rc;
    }
    cut(e, now_ns);
    const uint32_t slot = e->free_slot;
    e->free_slot = e->sequence[slot].next;
    e->sequence[slot] = (struct leap_sequence){.id = request->id,
                                               .prompt_tokens = request->prompt_tokens,
                                               .output_tokens = request->output_tokens,
                                               .cached_tokens = request->cached_tokens,
                                               .target = request->prompt_tokens,
                                               .state = LEAP_WAITING};
    leap_chain_push_tail(e, &e->waiting, slot);
    return RC_OK;
}

/* Iterations of the leap that are over become part of the past. */
static void catch_up(struct leap_engine *e, int64_t now_ns)
{
    if (!e->base.under_way || now_ns >= e->base.end_ns)
        return;
    const int64_t k = leap_ended(e, now_ns);
    if (k > 0)
        commit(e, k, e->base.begin_ns + leap_ns(e, k));
}

/* The iteration under way keeps its length; what follows it is planned anew. */
static bool leap_cancel(struct engine *engine, int64_t now_ns, uint64_t id)
{
    struct leap_engine *e = leap_own(engine);
    uint32_t slot = 0;
    while (slot < e->slots && (e->sequence[slot].state == LEAP_FREE || e->sequence[slot].id != id))
        slot++;
    if (slot == e->slots)
        return false;
    catch_up(e, now_ns);
    if (e->base.under_way && e->length > 1) {
        e->length = 1;
        e->base.end_ns = e->base.begin_ns + leap_ns(e, 1);
    }
    release(e, slot);
    engine_forget(engine, id);
    if (!e->base.under_way && e->running.count + e->waiting.count == 0)
        e->base.begin_ns = TIME_NONE;
    return true;
}

/* Only between two calls of advance that left nothing behind. */
static void leap_sync(struct engine *engine, int64_t now_ns)
{
    struct leap_engine *e = leap_own(engine);
    catch_up(e, now_ns);
    if (e->base.event_count > 0)
        return;
    for (size_t i = 0; i < e->heap_count; i++)
        tell_tokens(e, &e->sequence[e->heap[i]]);
}

static void leap_load(const struct engine *engine, struct engine_load *ret)
{
    const struct leap_engine *e = leap_own_const(engine);
    *ret = (struct engine_load){
        .running = (int64_t)e->running.count,
        .waiting = (int64_t)e->waiting.count,
        .kv_tokens = e->tokens_used,
        .kv_blocks = e->blocks_used,
        .kv_capacity = engine->block_capacity,
    };
}

const struct engine_ops engine_leaps = {
    .name = "leaps",
    .create = leap_create,
    .destroy = leap_destroy,
    .submit = leap_submit,
    .cancel = leap_cancel,
    .begin = begin_leap,
    .end = end_leap,
    .sync = leap_sync,
    .load = leap_load,
};
