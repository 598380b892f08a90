/* setting.h - one setting of a comparison (a policy, a value of its knob) as the configuration that
 * is played, and what else a run of it starts from. */
#ifndef SLUICE_CLI_SETTING_H
#define SLUICE_CLI_SETTING_H

#include "config/config.h"
#include "sim/builtin.h"
#include "sim/sweep.h"

#define SETTING_TEXT_MAX ((size_t)64 << 10)
#define SETTING_PROMISES_MAX 4

/* A pool of the user's own that is compared, and whose objectives and limits all others get. */
struct own_pool {
    struct config *config; /* with this pool alone; NULL: there is none */
    char label[NAME_SIZE]; /* its name among the policies */
    double gpus;           /* of one replica; 0 = what the profile was measured on */
};

/* What all cells share. */
struct setting_options {
    const struct engine_profile *profile;
    struct builtin_slo slo; /* 0: what suits the profile */
    /* What policies that play as they stand promise, by the variant of a point; none: slo's. */
    double promise_percent[SETTING_PROMISES_MAX];
    size_t promise_count;
    const char *policy_options; /* of policies that play as they stand; NULL: none */
    struct own_pool own;
};

struct cell {
    const char *trace;
    double scale;
    int64_t startup_ns;
    /* Found on the way: */
    int64_t replicas_max;
    int64_t initial;
    bool loose; /* objectives were doubled: the usual ones cannot be met here */
    bool warm;
    bool troubled;     /* faults befall its runs; not while objectives and bounds are found */
    bool uncalibrated; /* not even ten times the fleet meets them */
    double demand;     /* replicas that the first five minutes need at full use */
    int64_t count_p95; /* replicas for the 95th of 100 minutes */
    double fluid_hours;
};

struct setting {
    const struct setting_options *options;
    const struct cell *cell;
    const char *policy;
    const struct baseline *baseline; /* NULL: the policy as it stands, or the own pool */
    struct sweep_point point;
};

bool setting_is_own(const struct setting *setting);
/* The configuration of every pool but the own one. */
void setting_print(const struct setting *setting, struct buf *ret);
int64_t setting_initial(const struct setting *setting);
/* A fixed fleet starts nothing unless a replica is lost: its runs serve all start-up times. */
int64_t setting_startup(const struct setting *setting);
/* Objectives of the cell: 0 = there is none of this kind. */
struct builtin_slo setting_slo(const struct setting_options *options, bool loose);
/* RC_RANGE with words where not even an idle engine meets them. */
enum rc setting_check(const struct setting_options *options, struct diag *diag) MUST_CHECK;
/* Of a policy that plays as it stands; NAN: of another one. */
double setting_promise(const struct setting *setting);
double setting_gpus(const struct setting_options *options);

#endif
