/* stage.h - what a stage is: it adjusts the combined proposal of one pool, and says so in the
 * trail.
 *
 * One file per stage in core/stage/, one line in stage/registry.def; the order is DESIGN 3.3 (enum
 * stage_id). A stage that a pool does not use is left out when its group is compiled. */
#ifndef SLUICE_CORE_STAGE_H
#define SLUICE_CORE_STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/opt.h"
#include "core/decision.h"
#include "core/policy.h"
#include "core/spec.h"

struct stage_context {
    const struct pool_spec *pool;
    const struct pool_observation *observation;
    const struct policy_input *input; /* for metric_read() */
    void *state;                      /* of this stage in this pool */
    int64_t now_ns;
    int64_t wall_ns;
    bool incomplete;           /* R10 */
    bool required_failed;      /* some required signal is failed */
    int64_t desired;           /* last decided */
    int64_t count;             /* in: from the stage before; out: this stage's answer */
    struct decision *decision; /* flags; the trail goes through stage_say() */
};

/* Sets count and appends a trail entry when something changed or was blocked. */
void stage_say(struct stage_context *context, enum stage_id stage, int64_t after,
               enum reason reason, const double number[4]);

struct stage_ops {
    enum stage_id id;
    const char *summary;
    bool native_only; /* off in guarded imitations (3.4) */
    const struct field *fields;
    size_t field_count;
    bool (*used)(const struct pool_spec *pool);
    size_t (*state_size)(const struct pool_spec *pool); /* multiple of 8; NULL = stateless */
    void (*state_init)(const struct pool_spec *pool, void *state, int64_t now_ns, int64_t desired);
    void (*apply)(struct stage_context *context);
    /* After the last stage: what was decided, written also on ticks whose result was held; may be
     * NULL. */
    void (*record)(const struct stage_context *context, int64_t entered, int64_t decided);
};

const struct stage_ops *stage_at(size_t index); /* registry in order, NULL past the end */

#endif
