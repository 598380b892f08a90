/* scenario_internal.h - one play of a scenario: shared by scenario.c (configuration, loads, steps)
 * and scenario_expect.c (what must hold). Not for others. */
#ifndef SLUICE_SIM_SCENARIO_INTERNAL_H
#define SLUICE_SIM_SCENARIO_INTERNAL_H

#include "sim/installation.h"
#include "sim/scenario.h"

/* One play of a scenario. */
struct play {
    const struct scenario *scenario;
    struct buf *report;
    struct config *config[SCENARIO_STEPS_MAX + 1]; /* each reload has one */
    struct installation *installation[SCENARIO_STEPS_MAX + 1];
    size_t config_count;
    struct world_pool *pool;
    struct scenario_engine *engine;
    int64_t *initial;
    size_t pool_count;
    struct world *world;
    struct pattern pattern[SCENARIO_LOADS_MAX];
    struct trace_row row[SCENARIO_LOADS_MAX]; /* next of each load */
    bool left[SCENARIO_LOADS_MAX];
    uint64_t arrivals;
    bool ok;
};

/* One line of the report; the play has failed. */
void play_complain(struct play *p, const char *format, ...) PRINTF_LIKE(2, 3);
int play_pool(const struct play *p, struct span name); /* index, -1 when unknown */
/* A text or a list of texts: "lost == 0", "chat ready >= 2", "note crash-loop >= 1". */
void play_expect(struct play *p, const struct tree *source);

#endif
