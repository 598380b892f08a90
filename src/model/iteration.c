/* iteration.c - the reference engine: every iteration is computed. Cost is O(batch) an iteration.
 *
 * Two lists run through one array of sequences: the batch in order of admission (its tail is the
 * youngest) and the queue. KV blocks for a whole prompt are taken at admission, one more whenever a
 * decoding sequence crosses a block. */
#include <assert.h>
#include <stdlib.h>

#include "base/duration.h"
#include "base/mem.h"
#include "model/engine_base.h"

#define NONE UINT32_MAX

enum sequence_state { SEQUENCE_FREE, SEQUENCE_WAITING, SEQUENCE_RUNNING };

struct sequence {
    struct engine_request request;
    enum sequence_state state;
    bool decoding;    /* takes part in the iteration under way with one token */
    int64_t chunk;    /* prompt tokens of it in the iteration under way */
    int64_t target;   /* tokens to compute before the next token comes: prompt and, after a
                         preemption, what was generated */
    int64_t computed; /* of these; equal to target: the sequence decodes */
    int64_t generated;
    int64_t kv_tokens;
    int64_t kv_blocks;
    uint32_t prev;
    uint32_t next; /* also links free slots */
};

struct list {
    uint32_t head;
    uint32_t tail;
    size_t count;
};

struct iteration_engine {
    struct engine base;
    struct sequence *sequence;
    size_t slots;
    uint32_t free_slot;
    struct list running;
    struct list waiting;
    int64_t blocks_used;
    int64_t tokens_used;
    int64_t iteration_tokens;
};

static struct iteration_engine *own(struct engine *engine)
{
    return (struct iteration_engine *)(void *)engine;
}

static const struct iteration_engine *own_const(const struct engine *engine)
{
    return (const struct iteration_engine *)(const void *)engine;
}

static void list_push_tail(struct iteration_engine *e, struct list *list, uint32_t slot)
{
    e->sequence[slot].prev = list->tail;
    e->sequence[slot].next = NONE;
    if (list->tail != NONE)
        e->sequence[list->tail].next = slot;
    else
        list->head = slot;
    list->tail = slot;
    list->count++;
}

static void list_push_head(struct iteration_engine *e, struct list *list, uint32_t slot)
{
    e->sequence[slot].next = list->head;
    e->sequence[slot].prev = NONE;
    if (list->head != NONE)
        e->sequence[list->head].prev = slot;
    else
        list->tail = slot;
    list->head = slot;
    list->count++;
}

static void list_remove(struct iteration_engine *e, struct list *list, uint32_t slot)
{
    const struct sequence *s = &e->sequence[slot];
    if (s->prev != NONE)
        e->sequence[s->prev].next = s->next;
    else
        list->head = s->next;
    if (s->next != NONE)
        e->sequence[s->next].prev = s->prev;
    else
        list->tail = s->prev;
    list->count--;
}

static void emit(struct iteration_engine *e, int64_t at_ns, const struct sequence *s,
                 enum engine_event_kind kind, int64_t tokens)
{
    const struct engine_event event = {.at_ns = at_ns,
                                       .id = s->request.id,
                                       .kind = kind,
                                       .tokens = tokens,
                                       .tokens_total = s->generated};
    engine_emit(&e->base, &event);
}

static int64_t blocks_for(const struct iteration_engine *e, int64_t tokens)
{
    const int64_t block = e->base.profile.kv_block_tokens;
    return (tokens + block - 1) / block;
}

/* Makes the sequence hold that many tokens if the blocks are there. */
static bool kv_take(struct iteration_engine *e, struct sequence *s, int64_t tokens)
{
    const int64_t blocks = blocks_for(e, tokens);
    if (e->blocks_used + blocks - s->kv_blocks > e->base.block_capacity)
        return false;
    e->blocks_used += blocks - s->kv_blocks;
    e->tokens_used += tokens - s->kv_tokens;
    s->kv_blocks = blocks;
    s->kv_tokens = tokens;
    return true;
}

static void kv_release(struct iteration_engine *e, struct sequence *s)
{
    e->blocks_used -= s->kv_blocks;
    e->tokens_used -= s->kv_tokens;
    s->kv_blocks = 0;
    s->kv_tokens = 0;
}

static void release(struct iteration_engine *e, uint32_t slot)
{
    struct sequence *s = &e->sequence[slot];
    list_remove(e, s->state == SEQUENCE_RUNNING ? &e->running : &e->waiting, slot);
    kv_release(e, s);
    s->state = SEQUENCE_FREE;
    s->next = e->free_slot;
    e->free_slot = slot;
}

static void preempt(struct iteration_engine *e, uint32_t slot, int64_t at_ns)
{
    struct sequence *s = &e->sequence[slot];
    list_remove(e, &e->running, slot);
    kv_release(e, s);
    s->state = SEQUENCE_WAITING;
    s->decoding = false;
    s->chunk = 0;
    s->computed = 0;
    s->target = s->request.prompt_tokens + s->generated;
    list_push_head(e, &e->waiting, slot);
    e->base.counters.preemptions++;
    emit(e, at_ns, s, ENGINE_PREEMPTED, 0);
}

struct batch {
    int64_t decoding;
    int64_t context;
    int64_t prompt;
};

/* One more KV token for every decoding sequence, oldest first. True when somebody was preempted. */
static bool plan_decoding(struct iteration_engine *e, struct batch *batch)
{
    bool preempted = false;
    for (uint32_t slot = e->running.head, next; slot != NONE; slot = next) {
        struct sequence *s = &e->sequence[slot];
        if (s->computed == s->target) {
            while (s->state == SEQUENCE_RUNNING && !kv_take(e, s, s->kv_tokens + 1)) {
                preempt(e, e->running.tail, e->base.begin_ns);
                preempted = true;
            }
            if (s->state != SEQUENCE_RUNNING)
                break; /* it was itself the youngest, so nobody follows */
            s->decoding = true;
            batch->decoding++;
            batch->context += s->kv_tokens;
        }
        next = s->next;
    }
    return preempted;
}

static void plan_chunk(const struct iteration_engine *e, struct sequence *s, struct batch *batch)
{
    const int64_t budget = e->base.profile.chunk_tokens - batch->prompt;
    const int64_t left = s->target - s->computed;
    s->chunk = left < budget ? left : budget;
    batch->prompt += s->chunk;
}

static bool admit_one(struct iteration_engine *e)
{
    const uint32_t slot = e->waiting.head;
    if (slot == NONE || e->running.count >= (size_t)e->base.profile.sequences_max)
        return false;
    struct sequence *s = &e->sequence[slot];
    if (!kv_take(e, s, s->target))
        return false;
    list_remove(e, &e->waiting, slot);
    list_push_tail(e, &e->running, slot);
    s->state = SEQUENCE_RUNNING;
    s->computed = s->request.cached_tokens < s->request.prompt_tokens
                      ? s->request.cached_tokens
                      : s->request.prompt_tokens - 1;
    if (s->generated == 0)
        e->base.counters.cached_tokens += (uint64_t)s->computed;
    emit(e, e->base.begin_ns, s, ENGINE_ADMITTED, 0);
    return true;
}

static void plan_prompts(struct iteration_engine *e, struct batch *batch, bool admit)
{
    const int64_t budget = e->base.profile.chunk_tokens;
    for (uint32_t slot = e->running.head; slot != NONE && batch->prompt < budget;
         slot = e->sequence[slot].next) {
        if (e->sequence[slot].computed < e->sequence[slot].target)
            plan_chunk(e, &e->sequence[slot], batch);
    }
    while (admit && batch->prompt < budget && admit_one(e))
        plan_chunk(e, &e->sequence[e->running.tail], batch);
}

static void begin_iteration(struct engine *engine)
{
    struct iteration_engine *e = own(engine);
    struct batch batch = {0};
    const bool preempted = plan_decoding(e, &batch);
    plan_prompts(e, &batch, !preempted);
    assert(batch.decoding + batch.prompt > 0);
    e->base.under_way = true;
    e->iteration_tokens = batch.decoding + batch.prompt;
    e->base.counters.computed_tokens += (uint64_t)batch.prompt;
    e->base.end_ns = e->base.begin_ns + profile_iteration_ns(&e->base.profile, batch.decoding,
                                                             batch.context, batch.prompt);
}

static void give_token(struct iteration_engine *e, uint32_t slot)
{
    struct sequence *s = &e->sequence[slot];
    s->generated++;
    e->base.counters.generation_tokens++;
    if (s->generated == 1)
        e->base.counters.prompt_tokens += (uint64_t)s->request.prompt_tokens;
    emit(e, e->base.end_ns, s, s->generated == 1 ? ENGINE_FIRST_TOKEN : ENGINE_TOKENS, 1);
    if (s->generated == s->request.output_tokens) {
        emit(e, e->base.end_ns, s, ENGINE_FINISHED, 0);
        e->base.counters.finished++;
        release(e, slot);
    }
}

static void end_iteration(struct engine *engine)
{
    struct iteration_engine *e = own(engine);
    for (uint32_t slot = e->running.head, next; slot != NONE; slot = next) {
        struct sequence *s = &e->sequence[slot];
        next = s->next;
        s->computed += s->chunk;
        const bool token = s->decoding || (s->chunk > 0 && s->computed == s->target);
        s->decoding = false;
        s->chunk = 0;
        if (token)
            give_token(e, slot);
    }
    engine_count_iterations(&e->base, e->iteration_tokens, 1, e->base.end_ns - e->base.begin_ns);
    e->base.under_way = false;
    e->base.begin_ns = e->running.count + e->waiting.count > 0 ? e->base.end_ns : TIME_NONE;
}

static struct engine *iteration_create(const struct engine_profile *profile)
{
    struct iteration_engine *e = mem_new(1, sizeof *e);
    if (e == NULL)
        return NULL;
    (void)profile; /* nothing of it sizes anything here */
    e->free_slot = NONE;
    e->running = (struct list){.head = NONE, .tail = NONE};
    e->waiting = (struct list){.head = NONE, .tail = NONE};
    return &e->base;
}

static void iteration_destroy(struct engine *engine)
{
    struct iteration_engine *e = own(engine);
    free(e->sequence);
    free(e);
}

/* Makes more free slots. */
static enum rc grow(struct iteration_engine *e)
{
    const size_t old = e->slots;
    const size_t cap_max = ENGINE_WAITING_MAX + PROFILE_SEQUENCES_MAX;
    void *array = e->sequence;
    enum rc rc = mem_grow(&array, &e->slots, old + 1, sizeof *e->sequence, cap_max);
    e->sequence = array;
    if (rc != RC_OK)
        return rc;
    for (size_t i = e->slots; i > old; i--) {
        e->sequence[i - 1] = (struct sequence){.state = SEQUENCE_FREE, .next = e->free_slot};
        e->free_slot = (uint32_t)(i - 1);
    }
    return RC_OK;
}

static enum rc iteration_submit(struct engine *engine, int64_t now_ns,
                                const struct engine_request *request)
{
    struct iteration_engine *e = own(engine);
    (void)now_ns; /* it joins at the next begin */
    if (e->waiting.count >= ENGINE_WAITING_MAX)
        return RC_LIMIT;
    if (e->free_slot == NONE) {
        enum rc rc = grow(e);
        if (rc != RC_OK)
            return rc;
    }
    const uint32_t slot = e->free_slot;
    e->free_slot = e->sequence[slot].next;
    e->sequence[slot] = (struct sequence){
        .request = *request,
        .state = SEQUENCE_WAITING,
        .target = request->prompt_tokens,
    };
    list_push_tail(e, &e->waiting, slot);
    return RC_OK;
}

static bool iteration_cancel(struct engine *engine, int64_t now_ns, uint64_t id)
{
    struct iteration_engine *e = own(engine);
    (void)now_ns; /* the iteration under way keeps its length */
    for (size_t i = 0; i < e->slots; i++) {
        if (e->sequence[i].state == SEQUENCE_FREE || e->sequence[i].request.id != id)
            continue;
        release(e, (uint32_t)i);
        engine_forget(&e->base, id);
        if (!e->base.under_way && e->running.count + e->waiting.count == 0)
            e->base.begin_ns = TIME_NONE;
        return true;
    }
    return false;
}

static void iteration_load(const struct engine *engine, struct engine_load *ret)
{
    const struct iteration_engine *e = own_const(engine);
    *ret = (struct engine_load){
        .running = (int64_t)e->running.count,
        .waiting = (int64_t)e->waiting.count,
        .kv_tokens = e->tokens_used,
        .kv_blocks = e->blocks_used,
        .kv_capacity = engine->block_capacity,
    };
}

const struct engine_ops engine_iterations = {
    .name = "iterations",
    .create = iteration_create,
    .destroy = iteration_destroy,
    .submit = iteration_submit,
    .cancel = iteration_cancel,
    .begin = begin_iteration,
    .end = end_iteration,
    .load = iteration_load,
};
