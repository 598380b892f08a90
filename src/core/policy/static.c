/* static.c - a fixed count: the baseline of comparisons, and a policy for a pool that only needs
 * its stages. */
#include <math.h>

#include "base/limits.h"
#include "core/policy.h"

struct static_config {
    int64_t replicas;
};

static const struct opt options[] = {
    {.name = "replicas",
     .kind = OPT_INT,
     .offset = offsetof(struct static_config, replicas),
     .size = sizeof(int64_t),
     .min = 0,
     .max = REPLICAS_MAX,
     .def = 1,
     .unit = "replicas",
     .help = "The count, whatever happens."},
};

static struct proposal propose(const struct policy_input *in)
{
    const struct static_config *config = in->config;
    /* No `exact`: a configured count is meant to the unit, outside any tolerance. */
    return (struct proposal){.replicas = config->replicas, .exact = NAN, .reason = REASON_FIXED};
}

const struct policy_ops policy_static = {
    .name = "static",
    .summary = "Always the same count.",
    .formula = "desired = replicas",
    .source = "a baseline: what most clusters run",
    .blind = "everything",
    .options = options,
    .option_count = COUNT_OF(options),
    .config_size = sizeof(struct static_config),
    .propose = propose,
};
