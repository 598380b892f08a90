/* group.h - the pure entries of the core: compile, observe, decide, allot, and the life of a state
 * block.
 *
 * A state block is flat, without pointers, of the size that the compiled group says; the caller
 * owns its memory and may copy, compare or store it as bytes. Any number of threads may run
 * different groups. Nothing here allocates except group_compile(), which uses the caller's arena.
 */
#ifndef SLUICE_CORE_GROUP_H
#define SLUICE_CORE_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/rc.h"
#include "base/tree.h"
#include "core/decision.h"
#include "core/signal.h"
#include "core/spec.h"

/* Compiles 1 to 8 pools into a group. Keeps pointers into `pools` (copied into the arena) and their
 * policy configs. RC_INVALID and others of pool_spec_check(), with the pool's name in diag. */
enum rc group_compile(struct arena *arena, const char *name, const struct pool_spec *pools,
                      size_t pool_count, const struct group_spec **ret,
                      struct diag *diag) MUST_CHECK;
/* The same without copies: the pools must outlive the group, unchanged. */
enum rc group_compile_kept(struct arena *arena, const char *name,
                           const struct pool_spec *const *pools, size_t pool_count,
                           const struct group_spec **ret, struct diag *diag) MUST_CHECK;
const char *group_name(const struct group_spec *group);
size_t group_pool_count(const struct group_spec *group);
const struct pool_spec *group_pool(const struct group_spec *group, size_t index);
size_t group_state_size(const struct group_spec *group);
uint64_t group_shape_hash(const struct group_spec *group);
/* Index for sample.external, or -1: names in the order of first mention. */
int group_external_index(const struct group_spec *group, struct span name);
/* Smallest period of the group's policies: 2 s for native ones. */
int64_t group_period_ns(const struct group_spec *group);

struct group_state; /* opaque bytes */

/* Fresh state at `now`: desired of pool i is initial[i] (what exists, R10) with one full window of
 * hold. */
void group_state_init(const struct group_spec *group, struct group_state *state, int64_t now_ns,
                      const int64_t *initial);
/* The same in memory that is zero: what stays zero is not touched. */
void group_state_init_zeroed(const struct group_spec *group, struct group_state *state,
                             int64_t now_ns, const int64_t *initial);
/* RC_VERSION, RC_CORRUPT, RC_CONFLICT (another shape) for bytes that do not belong to this group.
 * `bytes` is aligned like malloc()'s memory. */
enum rc group_state_check(const struct group_spec *group, const void *bytes, size_t size,
                          struct diag *diag) MUST_CHECK;
/* State for a changed specification: pools are matched by name; same shapes copied, resized windows
 * keep their samples, other plug-ins start fresh from `desired` with one full window of hold. */
void group_reshape(const struct group_spec *old, const struct group_state *old_state,
                   const struct group_spec *next, struct group_state *next_state, int64_t now_ns);
/* All fields by name (field tables): for people and tests; and back. */
void group_state_print(const struct group_spec *group, const struct group_state *state,
                       struct json_writer *w);
enum rc group_state_parse(const struct group_spec *group, const struct tree *json,
                          struct group_state *state, struct diag *diag) MUST_CHECK;

/* State of the policy in force, described by its `fields`: for status pages and tests. */
const void *group_policy_state(const struct group_spec *group, const struct group_state *state,
                               size_t pool);

/* One signal that decisions of a pool read, for status pages. */
struct group_input {
    struct signal_ref signal;
    int64_t span_ns;    /* window; 0 = newest value */
    int64_t max_age_ns; /* older ones are `failed`; 0 = never */
    bool required;
    double target; /* of a metric; NAN = it is read by the policy itself or a stage */
    struct reading reading;
};
/* Each signal and window once, metrics first, read at now_ns; returns how many, at most max. */
size_t group_inputs(const struct group_spec *group, const struct group_state *state, size_t pool,
                    int64_t now_ns, struct group_input *ret, size_t max);

int64_t group_desired(const struct group_spec *group, const struct group_state *state, size_t pool);

/* Files samples into the windows. Any number between ticks; out-of-range fields are ignored, absurd
 * values become `failed` (R1). */
void observe(const struct group_spec *group, struct group_state *state,
             const struct sample *samples, size_t n);
/* Rounds of pods, for policies that judge each pod by itself; others do not look at them. */
void observe_pods(const struct group_spec *group, struct group_state *state,
                  const struct pod_sample *samples, size_t n);
/* One tick. decision[] has one element per pool; each is written, padding too, as far as its counts
 * reach: decision_equal(). */
void decide(const struct group_spec *group, struct group_state *state,
            const struct observation *observation, struct decision *decision);
/* Asks the memory for a state block that decide() gets soon: a round over many groups names the one
 * after the next while it works. Changes nothing; any address is allowed. */
void group_state_prefetch(const struct group_spec *group, const struct group_state *state);
/* What has really been granted or refused after decide(): corrects `desired` and the pace records
 * of a pool, so that history holds what was applied. */
void group_applied(const struct group_spec *group, struct group_state *state, size_t pool,
                   int64_t count);

/* ---- as JSON: everything that is needed to work a decision out again comes back bit for bit (R17)
 * ---- */

/* One object. Members with their default value are left out. */
void decision_print(const struct group_spec *group, size_t pool, const struct decision *decision,
                    struct json_writer *w);
enum rc decision_parse(const struct group_spec *group, size_t pool, const struct tree *json,
                       struct decision *ret, struct diag *diag) MUST_CHECK;
/* One sentence per trail entry, words made from codes and numbers. */
void trail_words(const struct group_spec *group, size_t pool, const struct trail_entry *entry,
                 struct buf *out);
void observation_print(const struct group_spec *group, const struct observation *o,
                       struct json_writer *w);
/* What is not named has the value of observation_defaults(); unknown pools are RC_UNKNOWN. */
enum rc observation_parse(const struct group_spec *group, const struct tree *json,
                          struct observation *ret, struct diag *diag) MUST_CHECK;
void sample_print(const struct group_spec *group, const struct sample *s, struct json_writer *w);
enum rc sample_parse(const struct group_spec *group, const struct tree *json, struct sample *ret,
                     struct diag *diag) MUST_CHECK;
void pod_sample_print(const struct group_spec *group, const struct pod_sample *s,
                      struct json_writer *w);
enum rc pod_sample_parse(const struct group_spec *group, const struct tree *json,
                         struct pod_sample *ret, struct diag *diag) MUST_CHECK;

/* ---- allot: one round over all groups that want to raise ---- */

struct allot_inventory {
    double gpus_free;    /* not held by anyone; INFINITY = no inventory described */
    double gpus_coming;  /* held by replicas that drain already: nobody yields for them again */
    int64_t starts_left; /* R5: new replicas that may be started now; NO_COUNT = unlimited */
    double money_left_per_hour; /* INFINITY = no budget */
};
struct allot_want {
    int64_t priority;
    int64_t since_ns; /* age of the want: older first within a priority */
    int64_t current;  /* replicas that hold resources now */
    int64_t want;     /* > current: wants to raise; = current: holds */
    int64_t idle;     /* of current, idle and past their residence time: may be taken */
    double gpus_each;
    double price_each;
};
struct allot_grant {
    int64_t granted; /* count that may be applied now */
    int64_t yield;   /* idle replicas that this pool must give up for another */
    uint16_t reason; /* enum reason when granted < want or yield > 0 */
};
/* By priority, then age of the want, then index. What is short of GPUs makes idle replicas of pools
 * of the same or a lower priority yield, the lowest and youngest first; their GPUs are granted in a
 * later round, when they are free. now_ns is used for ages only. n <= 100,000; grants[i] belongs to
 * wants[i]. scratch: n size_t. */
void allot(const struct allot_inventory *inventory, int64_t now_ns, const struct allot_want *wants,
           struct allot_grant *grants, size_t n, size_t *scratch);

#endif
