/* engine_base.h - what every implementation of struct engine_ops begins with. Only for src/model.
 */
#ifndef SLUICE_MODEL_ENGINE_BASE_H
#define SLUICE_MODEL_ENGINE_BASE_H

#include "model/engine.h"

struct engine {
    const struct engine_ops *ops;
    struct engine_profile profile;
    struct engine_counters counters;
    int64_t block_capacity; /* whole blocks of the KV cache */
    int64_t now_ns;         /* latest time that was seen */
};

/* Adds iterations of that many tokens each to the counters; length_ns is that of all. */
void engine_count_iterations(struct engine *engine, int64_t tokens, int64_t count,
                             int64_t length_ns);

#endif
