/* leap_internal.h - the fast engine's sequences: the chains they stand in and the heap that knows
 * who finishes next. Only for leap*.c. */
#ifndef SLUICE_MODEL_LEAP_INTERNAL_H
#define SLUICE_MODEL_LEAP_INTERNAL_H

#include "model/engine_base.h"

#define LEAP_NONE UINT32_MAX
#define LEAP_BLOCK_MAX 65536 /* tokens of a KV block */

enum leap_state { LEAP_FREE, LEAP_WAITING, LEAP_PREFILL, LEAP_DECODING };

struct leap_sequence {
    uint64_t id;
    enum leap_state state;
    uint32_t prev;
    uint32_t next; /* also links free slots */
    uint32_t heap_at;
    int64_t prompt_tokens;
    int64_t output_tokens;
    int64_t cached_tokens;
    int64_t target;    /* tokens to compute before the next token comes */
    int64_t computed;  /* of these */
    int64_t chunk;     /* prompt tokens of it in each iteration under way */
    int64_t generated; /* when it began to decode; the rest follows from `since` */
    int64_t kv_tokens; /* the same */
    int64_t told;      /* tokens in events */
    uint64_t since;    /* number of the iteration after which it decodes */
    uint64_t finish;   /* number of the iteration that gives the last token */
    uint64_t admission;
};

struct leap_chain {
    uint32_t head;
    uint32_t tail;
    size_t count;
};

struct leap_engine {
    struct engine base;
    struct leap_sequence *sequence;
    size_t slots;
    uint32_t free_slot;
    struct leap_chain running; /* by admission: those that decode, then those that prefill */
    struct leap_chain waiting;
    uint32_t prefill; /* first of running whose prompt is not complete */
    uint32_t *heap;   /* of those that decode, by (finish, admission) */
    size_t heap_count;
    uint64_t admissions;
    int64_t block;      /* tokens */
    int block_shift;    /* its logarithm; -1: it is no power of two */
    int64_t *phase;     /* decoding sequences by the iteration at which they take a block */
    size_t crossing;    /* those at this index take one in the next iteration */
    uint64_t iteration; /* that ended */
    int64_t decoding;
    int64_t context; /* KV tokens of those that decode */
    int64_t tokens_used;
    int64_t blocks_used;
    int64_t length; /* iterations of the leap under way */
    int64_t prompt; /* tokens of each */
    double step_s;  /* each, without the growth of the context */
    double growth_s;
};

static inline struct leap_engine *leap_own(struct engine *engine)
{
    return (struct leap_engine *)(void *)engine;
}

static inline const struct leap_engine *leap_own_const(const struct engine *engine)
{
    return (const struct leap_engine *)(const void *)engine;
}

void leap_chain_push_tail(struct leap_engine *e, struct leap_chain *chain, uint32_t slot);
void leap_chain_push_head(struct leap_engine *e, struct leap_chain *chain, uint32_t slot);
void leap_chain_remove(struct leap_engine *e, struct leap_chain *chain, uint32_t slot);
void leap_heap_push(struct leap_engine *e, uint32_t slot);
void leap_heap_remove(struct leap_engine *e, uint32_t slot);
enum rc leap_grow(struct leap_engine *e) MUST_CHECK; /* makes more free slots */

/* Whole KV blocks in so many tokens or iterations; blocks that hold them. */
static inline int64_t leap_whole_blocks(const struct leap_engine *e, int64_t tokens)
{
    return e->block_shift >= 0 ? tokens >> e->block_shift : tokens / e->block;
}

static inline int64_t leap_blocks(const struct leap_engine *e, int64_t tokens)
{
    return leap_whole_blocks(e, tokens + e->block - 1);
}

/* Where `crossing` stands when a sequence that holds so many tokens now takes its next block. */
static inline size_t leap_phase(const struct leap_engine *e, int64_t kv_tokens)
{
    const int64_t until = leap_blocks(e, kv_tokens) * e->block - kv_tokens;
    const int64_t at = (int64_t)e->crossing - until;
    return (size_t)(at < 0 ? at + e->block : at);
}

/* leap_formula.c: takes the blocks of the next k iterations: a sequence takes one when it holds
 * whole blocks only. The longest leap of at most k >= 1 iterations that finds all its blocks; one
 * always does. */
void leap_take_blocks(struct leap_engine *e, int64_t k);
int64_t leap_blocks_suffice(const struct leap_engine *e, int64_t k);
/* Length of the next k iterations; how many have ended at now_ns, which is before the end. */
int64_t leap_ns(const struct leap_engine *e, int64_t k);
int64_t leap_ended(const struct leap_engine *e, int64_t now_ns);

#endif
