/* faults.h - what befalls a run at known times, from a file: the faults of chaos.h, each once or
 * again and again.
 *
 *   faults:
 *   - {fault: gateway-silent, every: 15m, for: 3m}
 *   - {fault: crash, at: 5m, every: 10m}
 *   - {fault: leader-changes, at: 30m, amount: 0}
 *
 * Options with their meaning: the table in faults.c. Pure. */
#ifndef SLUICE_SIM_FAULTS_H
#define SLUICE_SIM_FAULTS_H

#include "base/mem.h"
#include "base/span.h"
#include "config/read.h"
#include "sim/chaos.h"

#define FAULT_ROWS_MAX 32

struct fault_row {
    int fault; /* enum chaos_fault */
    int64_t at_ns;
    int64_t every_ns;
    int64_t for_ns;
    double amount;
};

struct fault_plan {
    struct fault_row row[FAULT_ROWS_MAX];
    size_t row_count;
};

/* True when it could be read; else problems say why. */
bool faults_read(const char *file, struct span text, struct problem_list *problems,
                 struct fault_plan *ret);
/* Equal plans have equal numbers. */
uint64_t faults_hash(const struct fault_plan *plan);

/* A plan on its way: changes in order of time. The plan is borrowed. */
struct fault_walk {
    const struct fault_plan *plan;
    int64_t next_ns[FAULT_ROWS_MAX]; /* begin or end; TIME_NONE = over */
    bool there[FAULT_ROWS_MAX];
};
void faults_begin(struct fault_walk *walk, const struct fault_plan *plan);
bool faults_next(struct fault_walk *walk, struct chaos_change *ret); /* false: nothing more */

#endif
