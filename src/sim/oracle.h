/* oracle.h - the cheapest schedule of replica counts that somebody could choose who knows the whole
 * trace: from the misses that each fixed fleet has in each window, by dynamic programming.
 *
 * With a price L on a miss the count of every window minimises replica-time + L * misses + the
 * start-up time of every replica that is added. A schedule is ordered early: a count stands from
 * one start-up time before its window. Pure; what a schedule really attains only a run tells. */
#ifndef SLUICE_SIM_ORACLE_H
#define SLUICE_SIM_ORACLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"

#define ORACLE_WINDOW_NS INT64_C(60000000000)
#define ORACLE_COUNT_MAX 1024

/* miss[w * count_max + (n - 1)]: misses among the arrivals of window w with n fixed replicas. */
struct oracle_table {
    size_t windows;
    size_t count_max;
    double *miss; /* owned */
};

enum rc oracle_table_init(struct oracle_table *table, size_t windows, size_t count_max) MUST_CHECK;
void oracle_table_done(struct oracle_table *table);

/* Counts by window at the price L (replica-seconds a miss). */
enum rc oracle_schedule(const struct oracle_table *table, double price, int64_t startup_ns,
                        int64_t *ret) MUST_CHECK;
/* Rises are ordered ceil(startup / window) windows early: in place. */
void oracle_order(int64_t *schedule, size_t windows, int64_t startup_ns);

#endif
