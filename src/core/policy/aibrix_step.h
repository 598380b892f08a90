/* aibrix_step.h - one evaluation of AIBrix' formulas, its windows and its cooldown
 * (conformance/aibrix, kinds "steps", "windows", "stabilize"), with the peer's defects unless
 * `corrected` says otherwise. Lists lie in the caller's memory. */
#ifndef SLUICE_CORE_POLICY_AIBRIX_STEP_H
#define SLUICE_CORE_POLICY_AIBRIX_STEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum aibrix_algorithm { AIBRIX_KPA, AIBRIX_APA };

struct aibrix_terms {
    enum aibrix_algorithm algorithm;
    double target; /* per pod; NAN = not known to the configuration */
    double up_tolerance;
    double down_tolerance;
    double up_rate; /* most replicas per evaluation, as a multiple of the present ones */
    double down_rate;
    double panic_threshold; /* ratio of the panic to the stable average */
    int64_t activation_scale;
    int64_t min;
    int64_t max;
};

struct aibrix_load {
    int64_t current;
    double stable; /* averages of the two windows */
    double panic;
    double pods; /* that the averages are over: 1 divides the average by the target, as the peer */
};

/* What is remembered of panic; the peer forgets it before each evaluation. */
struct aibrix_panic {
    bool on;
    int64_t most; /* largest count since it began */
};

bool aibrix_in_panic(const struct aibrix_terms *terms, const struct aibrix_load *load);
/* The formula alone; panic->on is given. Updates panic->most. */
int64_t aibrix_formula(const struct aibrix_terms *terms, const struct aibrix_load *load,
                       struct aibrix_panic *panic);
int64_t aibrix_clamp(int64_t count, int64_t min, int64_t max); /* the minimum is tested first */

/* ---- windows: the newest value of each bucket, never trimmed on reading ---- */

struct aibrix_point {
    int64_t at; /* bucket number, or time */
    double value;
};
struct aibrix_points {
    struct aibrix_point *item; /* by `at`, rising */
    uint32_t *count;
    uint32_t room; /* when it is full, the oldest makes room */
};
struct aibrix_summary {
    uint32_t count;
    double mean;
    double min;
    double max;
    double variance; /* of the population */
};

void aibrix_window_put(const struct aibrix_points *points, int64_t span_ns, int64_t granularity_ns,
                       int64_t t_ns, double value);
/* The history of trends: points by time, dropped from the front once a younger one is inside. */
void aibrix_history_put(const struct aibrix_points *points, int64_t span_ns, int64_t t_ns,
                        double value);
struct aibrix_summary aibrix_summary(const struct aibrix_point *points, uint32_t count);

/* ---- cooldown ---- */

struct aibrix_windows {
    int64_t up_ns;
    int64_t down_ns;
    bool corrected; /* lowering goes to the largest number of the window, not to the smallest */
};
struct aibrix_record {
    int64_t t_ns;
    int64_t replicas;
};
struct aibrix_records {
    struct aibrix_record *item;
    uint32_t *count;
    uint32_t room; /* when it is full, the oldest makes room */
};
/* Records the number and returns what may be done. */
int64_t aibrix_cool(const struct aibrix_records *records, const struct aibrix_windows *windows,
                    int64_t now_ns, int64_t wanted, int64_t current);

#endif
