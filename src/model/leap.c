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

/* ---- KV blocks ---- */

static int64_t blocks_for(const struct leap_engine *e, int64_t tokens)
{
    return (tokens + e->block - 1) / e->block;
}

/* Blocks that the next k iterations take: a sequence takes one when it holds whole blocks only. */
static int64_t blocks_taken(const struct leap_engine *e, int64_t k)
{
    int64_t taken = k / e->block * e->decoding;
    size_t at = e->crossing;
    for (int64_t i = k % e->block; i > 0; i--) {
        taken += e->phase[at];
        at = at == 0 ? (size_t)e->block - 1 : at - 1;
    }
    return taken;
}

/* Longest leap of at most k >= 1 iterations that finds all its blocks; one always does. */
static int64_t blocks_suffice(const struct leap_engine *e, int64_t k)
{
    const int64_t free_blocks = e->base.block_capacity - e->blocks_used;
    if (e->decoding == 0 || free_blocks / e->decoding >= k / e->block + 1)
        return k;
    const int64_t rounds = free_blocks / e->decoding;
    int64_t longest = rounds * e->block; /* takes exactly rounds * decoding */
    if (longest >= k)
        return k;
    size_t at = e->crossing;
    for (int64_t left = free_blocks - rounds * e->decoding; longest < k; longest++) {
        left -= e->phase[at];
        if (left < 0)
            break;
        at = at == 0 ? (size_t)e->block - 1 : at - 1;
    }
    return longest;
}

static size_t phase_of(const struct leap_engine *e, int64_t kv_tokens)
{
    /* Index at which `crossing` stands when a sequence that holds kv_tokens now takes a block. */
    const int64_t until = (e->block - kv_tokens % e->block) % e->block;
    const int64_t at = (int64_t)e->crossing - until;
    return (size_t)(at < 0 ? at + e->block : at);
}

/* ---- sequences ---- */

static int64_t passed(const struct leap_engine *e, const struct leap_sequence *s)
{
    return s->state == LEAP_DECODING ? (int64_t)(e->iteration - s->since) : 0;
}

static void emit(struct leap_engine *e, const struct leap_sequence *s, enum engine_event_kind kind,
                 int64_t tokens, int64_t total)
{
    assert(e->event_count < e->event_cap);
    e->event[e->event_count++] = (struct engine_event){
        .at_ns = e->begin_ns, .id = s->id, .kind = kind, .tokens = tokens, .tokens_total = total};
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
    e->blocks_used -= blocks_for(e, kv_tokens);
    if (s->state == LEAP_DECODING) {
        e->phase[phase_of(e, kv_tokens)]--;
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
    e->phase[phase_of(e, s->kv_tokens)]++;
    e->decoding++;
    e->context += s->kv_tokens;
    leap_heap_push(e, slot);
}

/* ---- a leap ---- */

static double leap_seconds(const struct leap_engine *e, int64_t k)
{
    const double n = (double)k;
    return n * e->step_s + e->growth_s * (n * (n + 1) / 2);
}

static int64_t leap_ns(const struct leap_engine *e, int64_t k)
{
    const int64_t ns = num_to_int(rint(leap_seconds(e, k) * 1e9), 1, INT64_MAX / 4);
    return ns;
}

/* Whole iterations of the leap that have ended at `now_ns`, which is before its end. */
static int64_t ended_iterations(const struct leap_engine *e, int64_t now_ns)
{
    const int64_t most = e->length - 1;
    const double t = (double)(now_ns - e->begin_ns) / 1e9;
    const double half = e->step_s + e->growth_s / 2;
    /* Positive root of growth/2 k^2 + half k = t, in the form that does not cancel. */
    const double root = 2 * t / (half + sqrt(half * half + 2 * e->growth_s * t));
    int64_t k = num_to_int(floor(root), 0, most);
    while (k > 0 && e->begin_ns + leap_ns(e, k) > now_ns)
        k--;
    while (k < most && e->begin_ns + leap_ns(e, k + 1) <= now_ns)
        k++;
    return k;
}

static bool admit_one(struct leap_engine *e, int64_t reserved_blocks)
{
    const uint32_t slot = e->waiting.head;
    if (slot == LEAP_NONE || e->running.count >= (size_t)e->base.profile.sequences_max)
        return false;
    struct leap_sequence *s = &e->sequence[slot];
    const int64_t blocks = blocks_for(e, s->target);
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

static void begin_leap(struct leap_engine *e)
{
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
    e->length = blocks_suffice(e, k);
    e->step_s = profile->iteration_s + profile->sequence_s * (double)e->decoding +
                profile->context_s * (double)e->context + profile->prompt_s * (double)prompt;
    e->growth_s = profile->context_s * (double)e->decoding;
    e->under_way = true;
    e->end_ns = e->begin_ns + leap_ns(e, e->length);
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
    count_iterations(e, k, at_ns - e->begin_ns);
    e->blocks_used += blocks_taken(e, k);
    e->tokens_used += k * e->decoding;
    e->context += k * e->decoding;
    e->iteration += (uint64_t)k;
    e->crossing = (size_t)(((int64_t)e->crossing - k % e->block + e->block) % e->block);
    e->begin_ns = at_ns;
    e->step_s += e->growth_s * (double)k;
    e->length -= k;
    if (e->prompt == 0)
        return;
    for (uint32_t slot = e->prefill; slot != LEAP_NONE && e->sequence[slot].chunk > 0;
         slot = e->sequence[slot].next)
        e->sequence[slot].computed += k * e->sequence[slot].chunk;
}

static void end_leap(struct leap_engine *e)
{
    commit(e, e->length, e->end_ns);
    e->under_way = false;
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
        e->begin_ns = TIME_NONE;
}

/* ---- the contract ---- */

static void leap_destroy(struct engine *engine)
{
    struct leap_engine *e = leap_own(engine);
    free(e->sequence);
    free(e->heap);
    free(e->phase);
    free(e->event);
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
    e->free_slot = e->prefill = LEAP_NONE;
    e->running = e->waiting = (struct leap_chain){.head = LEAP_NONE, .tail = LEAP_NONE};
    e->begin_ns = TIME_NONE;
    e->event_cap = 4 * (size_t)profile->sequences_max;
    e->event = mem_new(e->event_cap, sizeof *e->event);
    e->heap = mem_new((size_t)profile->sequences_max, sizeof *e->heap);
    e->phase = mem_new((size_t)e->block, sizeof *e->phase);
    if (e->event != NULL && e->heap != NULL && e->phase != NULL)
        return &e->base;
    leap_destroy(&e->base);
    return NULL;
}

/* An arrival that finds nobody ahead of it could join at the end of the iteration under way. */
static void cut(struct leap_engine *e, int64_t now_ns)
{
    if (!e->under_way || e->length <= 1 || e->prompt > 0 || e->waiting.count > 0 ||
        now_ns >= e->end_ns)
        return;
    const int64_t ended = ended_iterations(e, now_ns);
    if (ended + 1 >= e->length)
        return;
    e->length = ended + 1;
    e->end_ns = e->begin_ns + leap_ns(e, e->length);
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
    if (!e->under_way && e->begin_ns != TIME_NONE && e->begin_ns < now_ns)
        begin_leap(e); /* it began before this request came */
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
    if (!e->under_way && e->begin_ns == TIME_NONE)
        e->begin_ns = now_ns;
    return RC_OK;
}

/* Iterations of the leap that are over become part of the past. */
static void catch_up(struct leap_engine *e, int64_t now_ns)
{
    if (!e->under_way || now_ns >= e->end_ns)
        return;
    const int64_t k = ended_iterations(e, now_ns);
    if (k > 0)
        commit(e, k, e->begin_ns + leap_ns(e, k));
}

static void drop_events(struct leap_engine *e, uint64_t id)
{
    size_t kept = e->event_head;
    for (size_t i = e->event_head; i < e->event_count; i++) {
        if (e->event[i].id != id)
            e->event[kept++] = e->event[i];
    }
    e->event_count = kept;
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
    if (e->under_way && e->length > 1) {
        e->length = 1;
        e->end_ns = e->begin_ns + leap_ns(e, 1);
    }
    release(e, slot);
    drop_events(e, id);
    if (!e->under_way && e->running.count + e->waiting.count == 0)
        e->begin_ns = TIME_NONE;
    return true;
}

static int64_t leap_next_ns(const struct engine *engine)
{
    const struct leap_engine *e = leap_own_const(engine);
    if (e->event_head < e->event_count)
        return e->event[e->event_head].at_ns;
    return e->under_way ? e->end_ns : e->begin_ns;
}

static size_t leap_advance(struct engine *engine, int64_t until_ns, struct engine_event *ret,
                           size_t cap)
{
    struct leap_engine *e = leap_own(engine);
    size_t count = 0;
    for (;;) {
        while (e->event_head < e->event_count && count < cap)
            ret[count++] = e->event[e->event_head++];
        if (e->event_head < e->event_count || count == cap)
            return count;
        e->event_head = 0;
        e->event_count = 0;
        if (e->under_way && e->end_ns <= until_ns)
            end_leap(e);
        else if (!e->under_way && e->begin_ns != TIME_NONE && e->begin_ns <= until_ns)
            begin_leap(e);
        else
            return count;
    }
}

/* Only between two calls of advance that left nothing behind. */
static void leap_sync(struct engine *engine, int64_t now_ns)
{
    struct leap_engine *e = leap_own(engine);
    catch_up(e, now_ns);
    if (e->event_count > 0)
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
    .next_ns = leap_next_ns,
    .advance = leap_advance,
    .sync = leap_sync,
    .load = leap_load,
};
