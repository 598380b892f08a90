/* spec.h - what a person asked for, as plain structs, and its compiled form.
 *
 * `struct pool_spec` is filled from the option tables (config, tests) and holds no pointers but
 * those to policy configurations. `group_compile()` checks it, chooses the stages that act, lays
 * out the state block and gives it a shape hash. A compiled group is immutable and may be read by
 * any thread. */
#ifndef SLUICE_CORE_SPEC_H
#define SLUICE_CORE_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/opt.h"
#include "base/rc.h"
#include "core/formula.h"
#include "core/signal.h"

struct policy_ops;

enum pool_role { ROLE_NONE, ROLE_FRONTEND, ROLE_PREFILL, ROLE_DECODE };
enum capacity_kind { CAPACITY_ON_DEMAND, CAPACITY_SPOT, CAPACITY_RESERVED };
enum pool_mode { MODE_ACTIVE, MODE_OBSERVE }; /* observe: decide and record, apply nothing */
enum combine_kind {
    COMBINE_MAX,
    COMBINE_MIN,
    COMBINE_AVERAGE,
    COMBINE_ANY_UP_ALL_DOWN,
    COMBINE_FORMULA
};

struct class_spec {
    char name[NAME_SIZE];
    char gpu_type[NAME_SIZE];
    char region[NAME_SIZE];
    double gpus;            /* per replica; fractions share a GPU by memory */
    double price_per_hour;  /* of one replica; NAN = unknown */
    double capacity_factor; /* relative to the first class, > 0 */
    int kind;               /* enum capacity_kind */
    int64_t replicas_max;   /* of this class; REPLICAS_MAX = no own bound */
};

struct metric_spec {
    struct signal_ref signal;
    char name[NAME_SIZE];        /* in a formula; "" = the type, with _ for what is no letter or
                                    digit */
    char type[NAME_SIZE];        /* as written; source of `signal` */
    char target_text[NAME_SIZE]; /* as written; source of `target` */
    double target;               /* in the unit of the signal, per replica for sums and rates */
    int64_t window_ns;           /* averagingWindow */
    int64_t max_age_ns;          /* older readings are `failed` */
    bool required;               /* failed = never below desired (R2) */
};

/* One direction of change. */
struct pace_spec {
    int64_t stabilization_ns; /* -1 = the policy's own default */
    double change_percent;    /* per period; NAN = no limit */
    int64_t change_absolute;  /* per period; -1 = no limit */
    int64_t period_ns;        /* evaluation period of this direction; 0 = the tick */
};

enum cooldown_applies { COOLDOWN_DOWN, COOLDOWN_BOTH };

struct behavior_spec {
    struct pace_spec up;
    struct pace_spec down;
    int64_t cooldown_ns; /* after any applied change */
    int cooldown_applies;
    double tolerance; /* ratio around 1 that changes nothing */
};

struct slo_spec {
    int64_t ttft_ns;           /* 0 = no objective, for each */
    int64_t ttft_per_token_ns; /* allowed on top for each prompt token */
    int64_t inter_token_ns;
    int64_t e2e_ns;
    double tokens_per_second;
    double availability_percent;
    double attainment_percent; /* share of requests that must meet the objectives */
};

/* SLO response (stage 4). */
struct slo_target_spec {
    bool enabled;
    double headroom_percent; /* aim this much better than the objective */
    bool up_immediately;
    int64_t max_scale_up;            /* replicas per start-up time in a breach */
    double require_headroom_percent; /* no lowering while less is left */
    int64_t check_ns;                /* for how long it must have been there */
};

#define SCHEDULES_MAX 16
struct schedule_spec {
    char name[NAME_SIZE];
    char cron[NAME_SIZE];
    char zone[NAME_SIZE]; /* IANA name; "" = UTC */
    int64_t replicas;
    int64_t duration_ns; /* 0 = until the next schedule fires */
};

struct last_replica_spec {
    int64_t grace_ns;     /* at one replica without demand for at least this long */
    int64_t retention_ns; /* counted from the last byte served */
};

struct warm_spec {
    double percent; /* of max, kept warm */
    int64_t replenish_delay_ns;
    int64_t batch;
    bool use;
};

enum forecast_event_kind { FORECAST_KIND_EVENT, FORECAST_KIND_HOLIDAY };
#define FORECAST_EVENTS_MAX 16
/* A time that is not like others: seasons do not learn from it. */
struct forecast_event_spec {
    char from_text[NAME_SIZE]; /* as a person writes it, RFC 3339 */
    char until_text[NAME_SIZE];
    int64_t from_ns; /* since 1970, made of the texts */
    int64_t until_ns;
    int kind; /* enum forecast_event_kind */
};

struct forecast_spec {
    bool enabled;
    int64_t lookback_ns;
    int64_t horizon_ns;
    double min_confidence;
    char signal[NAME_SIZE]; /* that brings the forecast of the user's own model; "" = none */
    size_t event_count;
    struct forecast_event_spec event[FORECAST_EVENTS_MAX];
};

enum budget_action { BUDGET_SCALE_TO_MIN, BUDGET_FALLBACK_MODEL, BUDGET_ENABLE_SPOT };
#define BUDGET_ACTIONS_MAX 4
struct budget_step_spec {
    int action;       /* enum budget_action */
    int64_t after_ns; /* money must still be spent for so long after the step before */
};

/* What takes the place of a spot replica under notice. */
enum interruption { INTERRUPTION_ANY_CLASS, INTERRUPTION_ON_DEMAND };

struct cost_spec {
    double max_per_hour;                              /* NAN = none */
    double daily_budget;                              /* NAN = none */
    struct budget_step_spec step[BUDGET_ACTIONS_MAX]; /* when it is spent, in this order */
    size_t step_count;
    double fallback_percent; /* of the daily budget: from there on the next pool of the model
                                serves; NAN = never */
    double spot_max_percent; /* of the serving replicas, rounded down; 100 = all may be spot */
    double spot_max_price;   /* per replica and hour; NAN = any */
    bool spot_first;         /* before on-demand, otherwise only when that is full */
    bool spot_spread;        /* evenly over the spot classes, otherwise the cheapest first */
    int64_t spot_rest_ns;    /* a class that was taken back gets nothing new for so long */
    int interruption;        /* enum interruption */
    int64_t
        interruption_timeout_ns; /* what is under notice for so long is drained, replaced or not */
};

struct pool_spec {
    char name[NAME_SIZE];
    int role; /* enum pool_role */
    int mode; /* enum pool_mode */
    int64_t replicas_min;
    int64_t replicas_max;
    int64_t concurrency_limit; /* hard, per replica; 0 = none. Also total capacity for policies that
                                  need one */
    int64_t max_unready;       /* overdue replicas at which nothing more is added (R13) */
    int64_t priority;          /* in allot(): higher first */
    int64_t residence_ns;      /* minimum time before allot() may take a replica away again */

    const struct policy_ops *policy;
    void *policy_config; /* owned by the specification's creator; outlives it */
    bool exact;          /* imitations: the peer's whole loop and no stage at all (3.4) */
    struct {
        const struct policy_ops *policy;
        void *config;
    } shadow[SHADOWS_PER_POOL_MAX];
    size_t shadow_count;

    int combine; /* enum combine_kind */
    size_t metric_count;
    size_t class_count;

    struct behavior_spec behavior;
    struct slo_spec slo;
    struct slo_target_spec slo_target;
    size_t schedule_count;
    struct last_replica_spec last_replica;
    struct warm_spec warm;
    struct cost_spec cost;

    /* Long, and mostly empty: at the end, so that pages of zeros are nobody's. */
    struct class_spec class_[CLASSES_PER_POOL_MAX]; /* the first is the default class */
    struct forecast_spec forecast;
    char formula_text[TEXT_SIZE]; /* as written; source of `formula` */
    struct formula formula; /* for COMBINE_FORMULA: over the needs of the metrics, in replicas */
    struct metric_spec metric[METRICS_PER_POOL_MAX];
    struct schedule_spec schedule[SCHEDULES_MAX];
};

/* Defaults of everything (opt rows), one default class, policy NULL. */
void pool_spec_defaults(struct pool_spec *spec);
/* Makes `signal` and `target` out of `type` and `target_text`, both as a person writes them: a
 * latency as a duration or in seconds ("500ms", "0.5"), a ratio as such or in percent ("0.7", "70",
 * "70%"), anything else as a quantity ("1000", "4k"). Errors of signal_parse(); RC_SYNTAX and
 * RC_RANGE for the target. */
enum rc metric_spec_resolve(struct metric_spec *metric, struct diag *diag) MUST_CHECK;
/* Makes `formula` out of `formula_text` and the names of the metrics, which must be different.
 * RC_MISSING without a text; errors of formula_parse(), RC_DUPLICATE, RC_INVALID for names. */
enum rc pool_spec_resolve_formula(struct pool_spec *spec, struct diag *diag) MUST_CHECK;
/* Makes the times of the forecast's events out of their texts. RC_SYNTAX, and RC_RANGE when one
 * ends before it begins, with its place; RC_INVALID when `signal` names no signal that a source of
 * the user's can bring ("external:NAME"). */
enum rc pool_spec_resolve_forecast(struct pool_spec *spec, struct diag *diag) MUST_CHECK;
/* Rows of the `autoscaling`-side members; the file layout of a pool is config's business. */
extern const struct opt metric_options[], pace_options[], behavior_options[], slo_options[],
    slo_target_options[], schedule_options[], last_replica_options[], warm_options[],
    forecast_options[], cost_options[], class_options[];
extern const struct opt_choice combine_choices[], role_choices[], mode_choices[];
extern const size_t metric_option_count, pace_option_count, behavior_option_count, slo_option_count,
    slo_target_option_count, schedule_option_count, last_replica_option_count, warm_option_count,
    forecast_option_count, cost_option_count, class_option_count;

/* The first thing that is wrong inside one pool, with its place: RC_RANGE, RC_INVALID, RC_MISSING,
 * RC_UNSUPPORTED. */
enum rc pool_spec_check(const struct pool_spec *spec, struct diag *diag) MUST_CHECK;

struct group_spec; /* compiled; see core/group.h */

#endif
