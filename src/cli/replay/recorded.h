/* recorded.h - what a state file holds of a window of time: rows of each pool, the configuration in
 * force at its end, how long starts took, and what happened that no simulation repeats. */
#ifndef SLUICE_CLI_REPLAY_RECORDED_H
#define SLUICE_CLI_REPLAY_RECORDED_H

#include <stdint.h>

#include "base/mem.h"
#include "cli/replay/rows.h"
#include "config/config.h"
#include "sim/recorded_demand.h"
#include "store/store.h"

#define RECORDED_POOLS_MAX 4096
#define RECORDED_SPAN_NS                                                                           \
    (24 * INT64_C(3600000000000)) /* of the window, unless another is asked                        \
                                   */

struct recorded_window {
    int64_t from_ns; /* wall; TIME_NONE = RECORDED_SPAN_NS before the end */
    int64_t to_ns;   /* wall; TIME_NONE = the newest minute that is kept */
    int64_t lead_ns; /* so much before is played too, but not counted */
};

struct recorded_pool {
    struct rows rows;           /* of the window */
    struct recorded_span *span; /* demand, of the lead too; times from begin_ns on */
    size_t span_count;
    size_t span_cap;
    bool minutes_cut;       /* some spans are shorter than a minute: the ticks said when */
    int64_t initial;        /* ready when the lead begins */
    int64_t startup_ns;     /* median of the starts that are kept; 0 = none is */
    double startup_sigma;   /* of the logarithm */
    int64_t startup_count;  /* starts that were read */
    int64_t unseen_minutes; /* of the window: nothing recorded, and not for being at rest */
    double answer_tokens;   /* mean of an answer over everything read; NAN = unknown */
};

struct recorded {
    int64_t begin_ns; /* of the lead */
    int64_t from_ns;
    int64_t to_ns; /* exclusive */
    struct recorded_pool *pool;
    size_t pool_count;
    size_t pool_cap;
    struct buf config_name;
    struct buf config_text;
    uint64_t config_hash;
    int64_t orders; /* of people, in the window */
    int64_t losses; /* replicas that ended on their own or never came */
};

/* RC_NOT_FOUND with words about what the file does hold when the window is empty; errors of the
 * store. */
enum rc recorded_read(struct store *store, const struct recorded_window *window,
                      struct recorded *ret, struct diag *diag) MUST_CHECK;
void recorded_done(struct recorded *recorded);
const struct recorded_pool *recorded_pool(const struct recorded *recorded, const char *name);

#endif
