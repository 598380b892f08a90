/* builtin.h - the pool that is simulated when no configuration is given: one for the engine's
 * profile, with objectives that an idle engine of it can meet. Pure. */
#ifndef SLUICE_SIM_BUILTIN_H
#define SLUICE_SIM_BUILTIN_H

#include "base/mem.h"
#include "base/rc.h"
#include "config/config.h"
#include "model/profile.h"

/* Objectives as command lines give them; < 0: what suits the profile, 0: none of this kind. */
struct builtin_slo {
    int64_t ttft_ns;
    int64_t ttft_per_token_ns;
    int64_t itl_ns;
    int64_t e2e_ns; /* not above 0: none */
    double attainment_percent;
};

struct builtin_spec {
    const struct engine_profile *profile;
    const char *policy;
    const char *policy_options; /* YAML flow mapping like "{replicas: 3}"; NULL: none */
    struct span autoscaling;    /* further members of `autoscaling`: ", NAME: VALUE" */
    struct builtin_slo slo;
    const struct pool_config *like; /* takes limits and queue from there; NULL: usual ones */
    double gpus;                    /* of a replica; 0 = what the profile was measured on */
    int64_t replicas_min;
    int64_t replicas_max;
};

/* 1 s and 1 ms a prompt token to the first token; between tokens 3.4 times the least that an
 * iteration takes, in steps of 10 ms and at least 40 ms. */
struct builtin_slo builtin_slo_of(const struct engine_profile *profile);
/* Appends the configuration as YAML. */
void builtin_print(const struct builtin_spec *spec, struct buf *ret);

/* RC_RANGE with words when not even an idle engine could meet the objectives of this pool for the
 * shortest request. */
enum rc builtin_check_slo(const struct slo_spec *slo, const struct engine_profile *profile,
                          struct diag *diag) MUST_CHECK;

#endif
