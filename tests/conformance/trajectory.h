/* trajectory.h - one exact pool that is driven through the entries of the core, tick by tick:
 * straight, with its state written as JSON and read again before every tick, or with libsluice
 * beside it, configured by text, whose decisions must be the same. */
#ifndef SLUICE_TESTS_CONFORMANCE_TRAJECTORY_H
#define SLUICE_TESTS_CONFORMANCE_TRAJECTORY_H

#include "core/group.h"
#include "core/policy.h"
#include "suite.h"
#include "through_library.h"

enum way { WAY_STRAIGHT, WAY_SAVED, WAY_LIBRARY, WAY_COUNT };
const char *way_words(enum way way); /* " (with save and load)" */

struct trajectory {
    struct arena *arena;
    struct pool_spec pool;    /* changed by the suite before trajectory_start() or _change() */
    struct pool_spec partner; /* second pool of the group; there is none while it has no name */
    const struct group_spec *group;
    struct group_state *state;
    struct observation o;
    struct decision d;
    struct decision partner_d;
    enum way way;
    struct arena scratch; /* of one save and load */
    struct through_library library;
    struct buf *why;
};

/* An exact pool of 0 to REPLICAS_MAX replicas under the policy with that name, with default
 * configuration of `size` bytes in the arena. */
bool trajectory_init(struct trajectory *t, struct arena *arena, const char *policy, enum way way,
                     struct buf *why);
void trajectory_done(struct trajectory *t);
bool trajectory_start(struct trajectory *t, int64_t now_ns, int64_t count);
/* A second pool like the first one, with its configuration; before trajectory_start(). */
void trajectory_pair(struct trajectory *t, int role, int partner_role);
/* t->pool has changed: its configuration is a new object. */
bool trajectory_change(struct trajectory *t, int64_t now_ns);
/* A fresh copy of the pool's policy configuration, to be changed. */
void *trajectory_config(struct trajectory *t);
/* Told to all pools. external is the name of an external signal, or NULL. */
void trajectory_put(struct trajectory *t, int64_t t_ns, enum signal_id signal, const char *external,
                    enum signal_state state, double value);
/* One pod of the first pool. */
void trajectory_put_pod(struct trajectory *t, const char *external, const struct pod_sample *pod);
/* One early tick, so that no period matters. */
bool trajectory_decide(struct trajectory *t, int64_t now_ns);
bool trajectory_decide_as(struct trajectory *t, int64_t now_ns, enum tick_cause cause);
const void *trajectory_state(const struct trajectory *t);

/* ---- reading vectors ---- */

double number_of_member(const struct tree *object, const char *key, double otherwise);
int64_t int_of_member(const struct tree *object, const char *key, int64_t otherwise);
bool bool_of_member(const struct tree *object, const char *key);
bool text_is(const struct tree *object, const char *key, const char *text);
int64_t time_of(int64_t epoch_ms, int64_t t_ms); /* in nanoseconds */
/* Says in `why` what differs; true when equal. */
bool same_int(struct buf *why, size_t step, const char *what, int64_t found, int64_t expected);
bool same_number(struct buf *why, size_t step, const char *what, double found, double expected,
                 double tolerance);

#endif
