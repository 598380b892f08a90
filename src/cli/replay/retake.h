/* retake.h - the recorded ticks once more: decided again as they were (R17), and under another
 * configuration that sees the very same, up to the first decision that comes out differently. From
 * there on the other one would have seen another world: what then becomes of it is for the
 * simulator to say. On the way the engines' speed is learned from what the ticks measured. */
#ifndef SLUICE_CLI_REPLAY_RETAKE_H
#define SLUICE_CLI_REPLAY_RETAKE_H

#include "base/mem.h"
#include "cli/replay/spread.h"
#include "config/config.h"
#include "core/shadow/iteration_fit.h"
#include "sim/installation.h"
#include "store/store.h"

#define RETAKE_WORDS_MAX 16384

/* One side of a difference. */
struct retake_side {
    int64_t replicas;
    struct buf words; /* the trail, a line each */
};

struct retake_pool {
    char name[NAME_SIZE];
    int64_t ticks;     /* decided under the other configuration, too */
    int64_t different; /* of them; after the first one it sees a world that another number made */
    bool differs;      /* the rest is set */
    int64_t seq;       /* of the first tick that differs */
    int64_t wall_ns;
    struct retake_side recorded;
    struct retake_side other;
    /* learned from all ticks: */
    struct iteration_fit fit;
    struct iteration_time learned; /* by a policy that learns, at the last tick */
    bool has_learned;
    struct spread_tick *arrived; /* what came between ticks, on the axis of spec.begin_ns */
    size_t arrived_count;
    size_t arrived_cap;
    int64_t last_ns;  /* wall, of the last tick */
    int64_t first_ns; /* wall, of the first tick; 0 = none */
    int64_t first_ready;
    int64_t room; /* replicas that fitted on the inventory; NO_COUNT = not described */
};

struct retake {
    int64_t same;     /* recorded decisions that came out as recorded */
    int64_t not_same; /* or could not be decided again */
    struct buf why;   /* about the first of those */
    int64_t configs;  /* configurations in force one after the other */
    int64_t unread;   /* samples that mean nothing to the other configuration */
    int64_t begun;    /* how often the other one took over the recorded state */
    struct retake_pool *pool;
    size_t pool_count;
    size_t pool_cap;
};

struct retake_spec {
    struct store *store;
    int64_t begin_ns; /* wall; learned from here on ... */
    int64_t from_ns;  /* ... compared from here on */
    int64_t to_ns;
    const struct env_table *env;
    const struct installation *other; /* NULL: only decided again as recorded */
};
enum rc retake_run(const struct retake_spec *spec, struct retake *ret,
                   struct diag *diag) MUST_CHECK;
void retake_done(struct retake *retake);
const struct retake_pool *retake_pool(const struct retake *retake, const char *name);

#endif
