/* world.h - an installation under a virtual clock: the real control step, dispatchers and cores,
 * with engines, a target and a gateway that exist only here.
 *
 * Everything that is random comes from the seed: same specification, same calls, same results on
 * any machine. Between two calls of world_run() the caller may do what an operator could do.
 * Checkers run at every event; the first that is broken is kept in words. Pure; one owner. */
#ifndef SLUICE_SIM_WORLD_H
#define SLUICE_SIM_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/histogram.h"
#include "base/rc.h"
#include "model/engine.h"
#include "model/startup.h"
#include "reconcile/reconcile.h"
#include "sim/chaos.h"
#include "traffic/dispatch.h"

#define WORLD_WALL_BEGIN_NS INT64_C(1767571200000000000) /* Monday 2026-01-05, 0:00 UTC */
#define WORLD_BEGIN_NS INT64_C(3600000000000)            /* of the axis of the groups */
#define WORLD_WINDOW_NS INT64_C(600000000000)            /* of worst_window_attainment */
#define WORLD_MINUTE_NS INT64_C(60000000000)
#define WORLD_MINUTES_MAX 200000
#define WORLD_WINDOW_REQUESTS 200 /* fewer in a window do not make it the worst one */

/* One arrival, at_ns since the begin of the run. */
struct world_arrival {
    int64_t at_ns;
    size_t pool;
    int64_t prompt_tokens;
    int64_t output_tokens;
    int64_t cached_tokens;
    uint64_t session;
    uint64_t key;
    uint32_t priority; /* UINT32_MAX = the tier's */
};
/* False at the end. Arrivals come in order of time. */
typedef bool world_next_fn(void *source, struct world_arrival *ret);

/* Where the replicas of one class run. All zero: as many nodes as asked for, for ever. */
struct world_class {
    int64_t nodes;                 /* replicas that find a place; 0 = without limit */
    double interruptions_per_hour; /* of each replica */
    int64_t notice_ns;             /* from the notice to the end */
};

/* One pool, in the order of the control specification. */
struct world_pool {
    struct engine_profile profile;
    struct startup startup;
    double startup_sigma; /* of the lognormal factor on it */
    struct dispatch_config dispatch;
    double ttft_s; /* objective: ttft_s + ttft_per_token_s * prompt tokens; NAN = none */
    double ttft_per_token_s;
    double itl_s; /* mean between tokens; NAN = none */
    double e2e_s;
    /* Faults of starts and replicas: shares in [0, 1], drawn at each start. */
    double refused;
    double failed; /* ends before it is ready */
    double never_ready;
    double slow;                                     /* takes five times as long */
    double crashes_per_hour;                         /* of a ready replica */
    struct world_class class_[CLASSES_PER_POOL_MAX]; /* in the order of its specification */
    /* Prefill: the first token is computed here, then the KV cache is carried to the other pool,
     * which computes the rest. */
    bool hands_on;
    size_t decode_pool;
    int64_t transfer_ns; /* and for each prompt token: */
    int64_t transfer_per_token_ns;
    /* What the engines' metrics pages say comes so late, or not at all. */
    int64_t scrape_delay_ns;
    double scrape_gaps; /* share of scrapes that fail */
};

struct world_spec {
    const struct reconcile_spec *control;
    const struct world_pool *pool;
    size_t pool_count;
    int64_t uptime_ns; /* how old control is when the run begins */
    double gpus;       /* all of them; INFINITY = not described */
    uint64_t seed;
    bool again;            /* decisions are worked out once more from their records (R17): slower */
    int64_t score_from_ns; /* what arrives or costs before is not counted */
    const int64_t *initial; /* replicas that are ready at the begin, by pool; NULL = none */
    world_next_fn *next;
    void *source;
    void (*record)(void *user, const struct tick_record *record); /* every tick; NULL = nobody */
    void *record_user;
};

struct world;

/* What the engines' metrics pages say. */
enum world_metrics {
    METRICS_FRESH,
    METRICS_LOST,  /* nobody could read them, and we know it */
    METRICS_STALE, /* nothing new comes */
    METRICS_NAN,
    METRICS_ABSURD,
    METRICS_NEGATIVE,
};

/* NULL when memory is out. Pools and the control specification are borrowed. */
struct world *world_new(const struct world_spec *spec);
void world_free(struct world *world);
/* Runs up to and including at_ns since the begin. RC_NO_MEMORY, RC_LIMIT end the run. */
enum rc world_run(struct world *world, int64_t at_ns) MUST_CHECK;
/* The same, but no further than the last arrival. */
enum rc world_follow(struct world *world, int64_t at_ns) MUST_CHECK;
/* Runs until all arrivals came and all of them ended, at most rest_ns beyond the last arrival. */
enum rc world_finish(struct world *world, int64_t rest_ns) MUST_CHECK;
int64_t world_now_ns(const struct world *world); /* since the begin */

/* ---- what an operator or fate may do ---- */

enum rc world_event(struct world *world, const struct event *event, struct diag *diag) MUST_CHECK;
enum rc world_configure(struct world *world, const struct reconcile_spec *control) MUST_CHECK;
void world_silence(struct world *world, bool silent); /* the gateway answers no question */
void world_jump_wall(struct world *world, int64_t by_ns);
/* Ends a share of the ready replicas of a pool at once, at least one; returns how many. */
size_t world_kill(struct world *world, size_t pool, double share);
/* Faults of a pool from now on. */
void world_set_faults(struct world *world, size_t pool, const struct world_pool *like);

/* Spot capacity of a class is taken back: a share of its replicas gets notice and ends notice_ns
 * later, and no node of it is free for the time given. SIZE_MAX: of every spot class. */
struct world_storm {
    size_t class_;
    double share;
    int64_t notice_ns;
    int64_t lasts_ns;
};
void world_take_back(struct world *world, size_t pool, const struct world_storm *storm);
void world_set_metrics(struct world *world, enum world_metrics metrics);
void world_set_gpus(struct world *world, double gpus); /* INFINITY = not described */
/* The right to write is ours until so long from now (TIME_NONE = without end), or not (R8). */
void world_lease(struct world *world, bool ours, int64_t for_ns);
/* Control does nothing for a while, as on a machine that is suspended; the gateways go on. */
void world_stall(struct world *world, bool stands_still);
/* Another control step takes over: it finds the replicas that run, and what the old one stored of
 * its state unless that is lost. */
enum rc world_succeed(struct world *world, bool state_is_lost) MUST_CHECK;

/* One change of fate for a pool; CHAOS_RELOAD is the caller's. */
void world_trouble(struct world *world, size_t pool, const struct chaos_change *change);
bool world_arrives(const struct world *world); /* some request is yet to come */

/* ---- results so far ---- */

struct world_result {
    int64_t requests;  /* arrived */
    int64_t ok;        /* answered whole */
    int64_t failed;    /* cut or ended in an error */
    int64_t refused;   /* 429, 503, 504 */
    int64_t open;      /* waiting or in flight */
    int64_t lost;      /* arrived and not among the four: must be 0 */
    int64_t good;      /* ok and within every objective */
    double attainment; /* good / requests that ended; NAN without any */
    double worst_window_attainment;
    double gpu_hours; /* of replicas that hold resources, from order to end */
    double cost;      /* of them, by the prices of their classes; NAN where one has none */
    double replica_seconds;
    int64_t replica_starts;
    int64_t replicas_most;
    int64_t scale_ups;
    int64_t scale_downs;
    int64_t reversals; /* changes of direction within 10 min */
    int64_t ticks;
    uint64_t decision_hash;
    struct histogram ttft_s;
    struct histogram itl_s; /* mean of each answer */
    struct histogram e2e_s;
};
/* Requests that ended, by the minute of their arrival. */
struct world_minute {
    int64_t ended;
    int64_t good;
    int64_t answered; /* whole */
    double ttft_sum_s;
    double ttft_max_s;
};
const struct world_minute *world_minutes(const struct world *world, size_t *ret_count);
/* Every change of what was decided, of all pools; those beyond WORLD_CHANGES_MAX are left out. */
#define WORLD_CHANGES_MAX 1000000
struct world_change {
    int64_t at_ns; /* since the begin */
    uint32_t pool;
    uint32_t desired;
};
const struct world_change *world_changes(const struct world *world, size_t *ret_count);
/* Of all pools together. */
void world_result(const struct world *world, struct world_result *ret);
const struct reconcile *world_reconcile(const struct world *world);
/* Words of the first broken checker with its time; "" while all hold. */
const char *world_violation(const struct world *world);
/* Count of notes with this code so far. */
int64_t world_notes(const struct world *world, const char *code);

#endif
