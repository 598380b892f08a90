/* scenario.h - one simulated story from a YAML file: a configuration, engines, loads, what fate and
 * operators do at which time, and what must hold then.
 *
 *   config: |            the configuration, as a file would hold it
 *   engines: {chat: {profile: 8b, startup: 30s, gpus...}}
 *   loads: [{pool: chat, pattern: steady, rate: 3, for: 10m, input: 500, output: 100}]
 *   steps: [{at: 5m, do: kill, pool: chat, share: 0.6}, {at: 6m, expect: ["chat ready >= 3"]}]
 *   run: 20m
 *   expect: ["lost == 0", "note crash-loop >= 1"]
 *
 * A pool of role prefill hands its requests on to the one of role decode in its group. All verbs
 * and options with their meaning: the tables in scenario_read.c, in words: docs/simulation.md.
 * Checkers of the world (world.h) hold in every scenario without being asked for. Pure. */
#ifndef SLUICE_SIM_SCENARIO_H
#define SLUICE_SIM_SCENARIO_H

#include "base/mem.h"
#include "base/rc.h"
#include "config/config.h"
#include "config/read.h"
#include "sim/pattern.h"
#include "sim/world.h"

#define SCENARIO_LOADS_MAX 16
#define SCENARIO_STEPS_MAX 64
#define SCENARIO_SEEDS_MAX 64
#define SCENARIO_EXPECTS_MAX 32

/* An engine of a pool: speed, start-up, faults. */
struct scenario_engine {
    char profile[NAME_SIZE];
    int64_t sequences; /* 0 = the profile's */
    double kv_tokens;
    int64_t startup_ns;
    double spread;
    double refused;
    double failed;
    double never_ready;
    double slow;
    double crashes_per_hour;
    int64_t transfer_ns; /* prefill: of the KV cache, and for each prompt token: */
    int64_t transfer_per_token_ns;
    int64_t scrape_delay_ns;
    double scrape_gaps;
    const struct tree *classes_source; /* by name: rows of struct world_class */
};

struct scenario_load {
    char pool[NAME_SIZE];
    int pattern; /* enum pattern_kind */
    double rate;
    double peak;
    double share;
    int64_t period_ns;
    int64_t from_ns;
    int64_t for_ns;
    double input;
    double output;
    double sigma;
    int64_t keys;     /* callers take turns; 0 = anonymous */
    int64_t priority; /* -1 = the tier's */
};

enum scenario_verb {
    VERB_NONE,
    VERB_KILL,
    VERB_FAULT,
    VERB_SILENCE,
    VERB_SPEAK,
    VERB_JUMP_WALL,
    VERB_PIN,
    VERB_UNPIN,
    VERB_PAUSE,
    VERB_RESUME,
    VERB_RELOAD,
    VERB_RELOAD_REFUSED,
    VERB_SCHEDULE,
    VERB_STORM,
    VERB_METRICS,
    VERB_GPUS,
    VERB_FOREIGN,
    VERB_BUDGET_LOST,
    VERB_BUDGET_FOUND,
    VERB_LEASE,
    VERB_LEASE_LOST,
    VERB_STALL,
    VERB_GO_ON,
    VERB_TAKE_OVER,
};

struct scenario_step {
    int64_t at_ns;
    char pool[NAME_SIZE];
    int verb; /* enum scenario_verb */
    double share;
    int64_t replicas;
    int64_t by_ns;
    int64_t for_ns;
    int64_t notice_ns; /* storm */
    char class_[NAME_SIZE];
    double gpus;
    int metrics;                      /* enum world_metrics */
    bool state_lost;                  /* take-over */
    const struct tree *engine_source; /* fault: rows of an engine, over those in force */
    const struct tree *config_source; /* reload: text */
    const struct tree *expect_source;
};

struct scenario {
    struct arena arena;
    const char *file;
    const struct tree *config_source;
    const struct tree *engines_source;
    const struct tree *initial_source;
    const struct tree *expect_source;
    const struct tree *seeds_source;
    int64_t uptime_ns;
    double gpus; /* NAN = not described */
    int64_t run_ns;
    struct scenario_load load[SCENARIO_LOADS_MAX];
    size_t load_count;
    struct scenario_step step[SCENARIO_STEPS_MAX];
    size_t step_count;
};

/* NULL exactly when problems->errors > 0 afterwards. The text is copied. */
struct scenario *scenario_read(const char *file, struct span text, struct problem_list *problems);
void scenario_free(struct scenario *scenario);
/* Seeds that the file names, else one: 1. Returns how many. */
size_t scenario_seeds(const struct scenario *scenario, uint64_t ret[SCENARIO_SEEDS_MAX]);
/* Classes of one pool, by name. */
bool scenario_classes_read(struct reader *r, const struct tree *source,
                           const struct pool_spec *pool,
                           struct world_class ret[CLASSES_PER_POOL_MAX]);
void scenario_engine_read(struct reader *r, const struct tree *source, struct scenario_engine *ret);

/* Plays it. What does not hold is appended to *report, a line each; true when there is none.
 * *ret may be NULL. */
bool scenario_play(const struct scenario *scenario, uint64_t seed, struct buf *report,
                   struct world_result *ret);

#endif
