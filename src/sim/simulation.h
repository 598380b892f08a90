/* simulation.h - one run of one pool on one trace, and its result as JSON or words. Pure. */
#ifndef SLUICE_SIM_SIMULATION_H
#define SLUICE_SIM_SIMULATION_H

#include "base/mem.h"
#include "config/config.h"
#include "sim/faults.h"
#include "sim/feed.h"
#include "sim/world.h"

/* After the last arrival the run goes on for so long, so that what waits can be answered. */
#define SIMULATION_REST_NS INT64_C(600000000000)

struct simulation_spec {
    struct config *config; /* its only pool is the one simulated, or a pair of prefill and decode;
                              see simulation_choose() */
    struct feed *feed;     /* at its begin */
    int64_t score_from_ns;
    struct engine_profile profile;
    struct startup startup;
    double startup_sigma;
    int64_t initial; /* replicas that are ready at the begin */
    uint64_t seed;
    const int64_t *plan; /* counts by minute, pinned at its begin; NULL: the policy decides */
    size_t plan_count;
    const char *label;                   /* name of the policy in the result; NULL: its own */
    bool minutes;                        /* the result keeps every minute */
    bool changes;                        /* ... every change of the count */
    bool chaos;                          /* starts are refused, fail or are slow, replicas crash */
    const struct fault_plan *faults;     /* known ones instead; NULL: none */
    const struct engine_profile *decode; /* of the second pool of a pair; NULL: the same */
    int64_t transfer_ns;                 /* of the KV cache between them, and per prompt token: */
    int64_t transfer_per_token_ns;
    int64_t scrape_delay_ns;       /* of what the engines' metrics pages say */
    double scrape_gaps;            /* share of scrapes that fail */
    double interruptions_per_hour; /* of a replica in a spot class */
    int64_t notice_ns;
};

struct simulation_result {
    struct world_result world;
    double simulated_seconds;
    struct world_minute *minute; /* when asked for; the caller frees it */
    size_t minute_count;
    struct world_change *change; /* the same */
    size_t change_count;
    int64_t faults;      /* changes of fate that were played */
    char violation[256]; /* of a checker; "" when all held */
};

/* Leaves only the pool of that name in the configuration (NULL: its first one), or with a role the
 * prefill pool of its group and the decode pool, in this order; with a policy that one decides.
 * RC_UNKNOWN with the nearest name. */
enum rc simulation_choose(struct config *config, const char *pool, const char *policy,
                          struct diag *diag) MUST_CHECK;
enum rc simulation_run(const struct simulation_spec *spec, struct simulation_result *ret,
                       struct diag *diag) MUST_CHECK;
/* Members of an open object, as `simulate --json` promises. */
void simulation_print(const struct simulation_spec *spec, const struct simulation_result *result,
                      struct json_writer *w);

#endif
