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
#include "core/classes.h"
#include "core/decision.h"
#include "core/policy.h"
#include "core/series.h"
#include "core/spec.h"

struct stage_context {
    const struct pool_spec *pool;
    const struct pool_observation *observation;
    const struct policy_input *input; /* for metric_read(), and series_read() of the stage's own */
    void *state;                      /* of this stage in this pool */
    int64_t now_ns;
    int64_t wall_ns;
    bool native;          /* not an imitation: tolerance applies */
    bool incomplete;      /* R10 */
    bool required_failed; /* some required signal is failed; known where the count is lower */
    bool counts_failed;   /* the replicas could not be counted; known where the count is lower */
    double coverage;   /* share of the replicas that reported what the policy reads; known where the
                          count is lower (R3) */
    bool demand_zero;  /* fresh, complete, explicit zero of every demand source (R2) */
    bool group_waits;  /* requests wait in front of some pool of the group */
    bool group_serves; /* after stage 12: some pool of the group has a count above zero */
    uint16_t failed_signal;    /* enum signal_id behind required_failed */
    int64_t desired;           /* last decided */
    int64_t urgent_to;         /* stages 7 to 9 let the count rise to this; 0 = nothing is urgent */
    int64_t count;             /* in: from the stage before; out: this stage's answer */
    struct class_terms terms;  /* how classes are filled in this tick */
    struct decision *decision; /* flags; the trail goes through stage_say() */
};

/* Sets count and appends a trail entry: something changed (after != count) or was blocked. number
 * may be NULL. */
void stage_say(struct stage_context *context, enum stage_id stage, int64_t after,
               enum reason reason, const double number[4]);

struct stage_ops {
    enum stage_id id;
    const char *summary;
    bool native_only; /* off in guarded imitations (3.4) */
    const struct field *fields;
    size_t field_count;
    size_t state_size; /* multiple of 8; 0 = stateless */
    bool (*used)(const struct pool_spec *pool);
    /* Series this stage reads; at most max; returns how many. May be NULL. */
    size_t (*series)(const struct pool_spec *pool, struct series_need *ret, size_t max);
    void (*state_init)(const struct pool_spec *pool, void *state, int64_t now_ns, int64_t desired);
    /* Runs on every tick, also when a later stage will overrule it: its history stays warm. */
    void (*apply)(struct stage_context *context);
    /* Somebody else set the count (R16); may be NULL. */
    void (*adopted)(const struct pool_spec *pool, void *state, int64_t now_ns, int64_t count);
    /* After the last stage: what was decided, written also on ticks whose result was held; may be
     * NULL. */
    void (*record)(const struct stage_context *context, int64_t before, int64_t decided);
    /* group_applied(): of the change `before` -> `decided` at now_ns only `applied` came true; may
     * be NULL. */
    void (*correct)(void *state, int64_t now_ns, int64_t before, int64_t decided, int64_t applied);
};

const struct stage_ops *stage_at(size_t index); /* registry in order, NULL past the end */

#endif
