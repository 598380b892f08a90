/* replay.h - recorded ticks decided again: from the stored state, samples, observation and
 * configuration, and compared with the stored decision byte for byte (R17). */
#ifndef SLUICE_STORE_REPLAY_H
#define SLUICE_STORE_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "core/group.h"
#include "store/store.h"

struct replay_tick {
    const struct store_tick *tick;
    bool same;
    const char *what; /* why it is not the same or could not be decided; "" when it is */
    const struct group_spec *group; /* NULL when it could not be decided; so are the next three */
    const struct observation *observation;
    const struct decision *decision; /* one per pool */
    const struct group_state *state; /* after the tick */
};
/* Return false to stop. Everything lives until it returns. */
typedef bool replay_fn(void *context, const struct replay_tick *tick);

struct replay_result {
    int64_t passed;
    int64_t failed;
};
struct replay_options {
    struct store_query query;
    const char *pool;            /* ticks of the group that holds it; NULL = every tick */
    const struct env_table *env; /* for ${env:NAME} in stored configurations */
    replay_fn *each;             /* may be NULL */
    void *context;
};
enum rc store_replay(struct store *store, const struct replay_options *options,
                     struct replay_result *ret, struct diag *diag) MUST_CHECK;

#endif
