/* dynamo_budget.h - how Dynamo's planner fits one or two pools of engines into a number of GPUs, or
 * into a number of watts (conformance/dynamo, kinds "budget_*"). */
#ifndef SLUICE_CORE_POLICY_DYNAMO_BUDGET_H
#define SLUICE_CORE_POLICY_DYNAMO_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

struct dynamo_pair {
    int64_t prefill;
    int64_t decode;
};

struct dynamo_gpus {
    int64_t each; /* per replica; <= 0 leaves all as it is */
    int64_t min_replicas;
};
struct dynamo_band {
    int64_t min; /* GPUs in all; < 0 = no bound */
    int64_t max;
};

int64_t dynamo_fit_single(int64_t replicas, const struct dynamo_gpus *gpus,
                          const struct dynamo_band *band);
struct dynamo_pair dynamo_fit_pair(struct dynamo_pair wanted, const struct dynamo_gpus *prefill,
                                   const struct dynamo_gpus *decode,
                                   const struct dynamo_band *band);

/* One pool before a budget of watts. */
struct dynamo_draw {
    int64_t proposed; /* < 0 = not part of the proposal: charged at its present count */
    int64_t current;  /* < 0 = not known: 0, and not charged */
    double watts;     /* per replica; not above 0 = not known */
    int64_t min_replicas;
};
enum dynamo_power {
    DYNAMO_POWER_FITS,
    DYNAMO_POWER_CLAMPED,
    DYNAMO_POWER_STAGED,
    DYNAMO_POWER_SUPPRESSED,
    DYNAMO_POWER_INFEASIBLE
};
struct dynamo_powered {
    struct dynamo_pair count; /* < 0 where nothing was proposed */
    enum dynamo_power outcome;
};
struct dynamo_powered dynamo_fit_power(const struct dynamo_draw *prefill,
                                       const struct dynamo_draw *decode, double budget);

#endif
