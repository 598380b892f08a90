/* startup.h - how a replica comes up: the four phases between the order and the first request.
 *
 * scheduled: waiting for a node or a GPU; fetched: image and weights are brought; launched: the
 * process begins; loading: weights go to the GPU, kernels warm up. Plain data, pure. */
#ifndef SLUICE_MODEL_STARTUP_H
#define SLUICE_MODEL_STARTUP_H

#include <stdint.h>

#include "base/rng.h"

enum startup_phase {
    STARTUP_SCHEDULED,
    STARTUP_FETCHED,
    STARTUP_LAUNCHED,
    STARTUP_LOADING,
    STARTUP_READY,
};
#define STARTUP_PHASES 4

const char *startup_phase_name(enum startup_phase phase);

struct startup {
    int64_t phase_ns[STARTUP_PHASES]; /* length of each, >= 0 */
};

/* Splits one total as warm nodes do: nothing scheduled or fetched, a tenth launched, the rest
 * loading. */
struct startup startup_of_total(int64_t total_ns);
int64_t startup_total_ns(const struct startup *startup);
/* Phase at now_ns of a start that was ordered at order_ns. */
enum startup_phase startup_phase_at(const struct startup *startup, int64_t order_ns,
                                    int64_t now_ns);
/* When the present phase ends; TIME_NONE once ready. */
int64_t startup_next_ns(const struct startup *startup, int64_t order_ns, int64_t now_ns);
/* Lengthens or shortens every phase by one lognormal factor: median 1, sigma of the logarithm;
 * between 1/20 and 20. */
struct startup startup_vary(const struct startup *startup, double sigma, struct rng *rng);

#endif
