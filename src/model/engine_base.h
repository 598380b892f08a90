/* engine_base.h - what every implementation of struct engine_ops begins with: its counters, what is
 * under way, and the events that nobody took yet. Only for src/model. */
#ifndef SLUICE_MODEL_ENGINE_BASE_H
#define SLUICE_MODEL_ENGINE_BASE_H

#include <assert.h>

#include "model/engine.h"

struct engine {
    const struct engine_ops *ops;
    struct engine_profile profile;
    struct engine_counters counters;
    int64_t block_capacity;     /* whole blocks of the KV cache */
    int64_t now_ns;             /* latest time that was seen */
    bool under_way;             /* an iteration, or a leap over several */
    int64_t begin_ns;           /* of what is under way, or of the next; TIME_NONE: nothing to do */
    int64_t end_ns;             /* of what is under way */
    struct engine_event *event; /* owned; a ring is not needed: it is emptied before it is filled */
    size_t event_head;
    size_t event_count;
    size_t event_cap;
};

static inline void engine_emit(struct engine *engine, const struct engine_event *event)
{
    assert(engine->event_count < engine->event_cap);
    engine->event[engine->event_count++] = *event;
}

/* A request that was cancelled has no events any more. */
void engine_forget(struct engine *engine, uint64_t id);
/* Adds iterations of that many tokens each to the counters; length_ns is that of all. */
void engine_count_iterations(struct engine *engine, int64_t tokens, int64_t count,
                             int64_t length_ns);

#endif
