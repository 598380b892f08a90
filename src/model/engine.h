/* engine.h - an LLM engine with continuous batching, as far as its timing is concerned.
 *
 * The engine works in iterations. One takes a + b*B + c*ctx + p*pt: B sequences that decode, ctx
 * the KV tokens these hold, their new one included, and pt prompt tokens (chunked prefill, at most
 * chunk_tokens an iteration). Waiting requests are admitted first come first served while the batch
 * and the KV cache have room for their whole prompt; when a decoding sequence finds no free block
 * the youngest one is preempted and computed again later. Every iteration that ends gives each
 * decoding sequence one token, and each sequence whose prompt is complete its next (first) one.
 *
 * Virtual time comes in as an argument and never goes back. Not thread-safe; one owner. There may
 * be several implementations behind one contract (struct engine_ops); they agree on every event
 * time they both report. */
#ifndef SLUICE_MODEL_ENGINE_H
#define SLUICE_MODEL_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "model/profile.h"

#define ENGINE_WAITING_MAX (1U << 20)
#define ENGINE_TOKENS_MAX (INT64_C(1) << 32) /* of one request */
#define ENGINE_ITERATION_BUCKETS 14          /* 1 8 16 32 ... 16384 tokens, +Inf */

struct engine_request {
    uint64_t id;           /* the caller's; comes back in events */
    int64_t prompt_tokens; /* >= 1 */
    int64_t output_tokens; /* >= 1: the engine never stops early */
    int64_t
        cached_tokens; /* of the prompt, already in the prefix cache; at most prompt - 1 count */
};

enum engine_event_kind {
    ENGINE_ADMITTED,    /* joins the batch: the end of its queue time (again after a preemption) */
    ENGINE_FIRST_TOKEN, /* exactly once a request */
    ENGINE_TOKENS,      /* `tokens` more came; never with the first */
    ENGINE_FINISHED,    /* all tokens are out; nothing follows */
    ENGINE_PREEMPTED,   /* back to the head of the queue, its KV blocks are lost */
};

struct engine_event {
    int64_t at_ns;
    uint64_t id;
    enum engine_event_kind kind;
    int64_t tokens;       /* FIRST_TOKEN 1, TOKENS >= 1, else 0 */
    int64_t tokens_total; /* generated so far, these included */
};

/* Only ever grow. */
struct engine_counters {
    uint64_t iterations;
    uint64_t iteration_tokens_sum;                              /* prompt + generation */
    uint64_t iteration_tokens_bucket[ENGINE_ITERATION_BUCKETS]; /* not cumulative */
    uint64_t prompt_tokens;   /* of requests whose prompt was completed, counted once */
    uint64_t computed_tokens; /* prompt tokens really computed: recomputed ones again, cached not */
    uint64_t cached_tokens;   /* prompt tokens found in the prefix cache at first admission */
    uint64_t generation_tokens;
    uint64_t submitted;
    uint64_t finished;
    uint64_t cancelled;
    uint64_t preemptions;
    int64_t busy_ns; /* sum of the times of ended iterations */
};

struct engine_load {
    int64_t running; /* in the batch, prefilling ones included */
    int64_t waiting;
    int64_t kv_tokens;   /* held by running sequences */
    int64_t kv_blocks;   /* in use */
    int64_t kv_capacity; /* blocks */
};

struct engine;

/* What an implementation provides; time order and arguments are already checked. */
struct engine_ops {
    const char *name;
    struct engine *(*create)(const struct engine_profile *profile);
    void (*destroy)(struct engine *engine);
    enum rc (*submit)(struct engine *engine, int64_t now_ns, const struct engine_request *request);
    bool (*cancel)(struct engine *engine, int64_t now_ns, uint64_t id);
    void (*begin)(struct engine *engine); /* plans what runs from its begin_ns: sets end_ns */
    void (*end)(struct engine *engine);   /* it is over: sets the next begin_ns */
    void (*sync)(struct engine *engine, int64_t now_ns); /* NULL: nothing is ever held back */
    void (*load)(const struct engine *engine, struct engine_load *ret);
};

/* The reference: every iteration is an event. */
extern const struct engine_ops engine_iterations;
/* The fast one: only a change of the batch is an event. Tokens between the first and the last are
 * told at the end of a request, at its preemption or after engine_sync(). KV blocks of at most
 * 65536 tokens. */
extern const struct engine_ops engine_leaps;

/* NULL when memory is out or the profile is invalid (profile_check says why). Copies the profile.
 */
struct engine *engine_new(const struct engine_ops *ops, const struct engine_profile *profile);
void engine_free(struct engine *engine);
const struct engine_profile *engine_profile_of(const struct engine *engine);

/* Puts a request into the queue. Advance to now_ns first: an earlier time than the last one is
 * taken as the last one. RC_RANGE: token counts out of range; RC_LIMIT: it could never fit the KV
 * cache, or the queue is full; RC_NO_MEMORY. Requests handed in at one instant, without an advance
 * between, may share an iteration. */
enum rc engine_submit(struct engine *engine, int64_t now_ns, const struct engine_request *request,
                      struct diag *diag) MUST_CHECK;
/* Takes a request out, wherever it is; no more events for it. False when it is not there. The
 * iteration under way keeps its length. */
bool engine_cancel(struct engine *engine, int64_t now_ns, uint64_t id);
/* When advance() has something to do next; TIME_NONE when the engine is idle. */
int64_t engine_next_ns(const struct engine *engine);
/* Runs up to and including until_ns and writes the events, in time order; when it returns cap, call
 * again. Events of one instant are in the order of admission. */
size_t engine_advance(struct engine *engine, int64_t until_ns, struct engine_event *ret,
                      size_t cap);
/* Makes tokens that came up to now_ns, but were held back, events of the next advance(), and load
 * and counters those of now. Advance to now_ns first. */
void engine_sync(struct engine *engine, int64_t now_ns);
void engine_load_of(const struct engine *engine, struct engine_load *ret);
const struct engine_counters *engine_counters_of(const struct engine *engine);
double engine_kv_usage_ratio(const struct engine *engine);
/* Upper bounds of the iteration-token buckets; the last is +Inf and stands as INT64_MAX. */
int64_t engine_iteration_bucket_bound(size_t index);

#endif
