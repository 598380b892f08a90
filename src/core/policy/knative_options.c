/* knative_options.c - options of policy knative, and which of them fit each other. */
#include <math.h>

#include "base/duration.h"
#include "core/opt_rows.h"
#include "core/policy/knative.h"

#define STABLE_WINDOW_MIN_NS (6 * SECOND_NS) /* averages from outside have their own windows */
#define TARGET_MIN 0.01

static const struct opt_choice metric_choices[] = {
    {"concurrency", KNATIVE_CONCURRENCY, "requests inside the pool"},
    {"rps", KNATIVE_RPS, "requests per second"},
    {"averages", KNATIVE_AVERAGES,
     "external:stable-average and external:panic-average, from a source that averages itself"},
    {NULL, 0, NULL},
};
static const struct opt_choice averaging_choices[] = {
    {"linear", KNATIVE_LINEAR, "every second of the window counts the same"},
    {"weighted", KNATIVE_WEIGHTED, "newer seconds count more; a short history reads low"},
    {NULL, 0, NULL},
};

const struct opt knative_options[KNATIVE_OPTION_COUNT] = {
    ENUM_OPT("metric", knative_config, metric, metric_choices, KNATIVE_CONCURRENCY,
             "What is averaged."),
    ENUM_OPT("averaging", knative_config, averaging, averaging_choices, KNATIVE_LINEAR,
             "How samples become an average."),
    UNSET_OPT("target", knative_config, target, TARGET_MIN, 1e9, "requests or requests/s",
              "Aimed at per replica, after utilisation; unset is 0.7 of the capacity."),
    UNSET_OPT("totalCapacity", knative_config, total, 0, 1e9, "requests or requests/s",
              "What a replica can take; unset is 100 requests or 200 requests per second."),
    NUMBER_OPT("targetBurstCapacity", knative_config, burst, -1, 1e9, 211, "requests",
               "Spare capacity below which requests go through the buffer; -1 is always, 0 never."),
    NUMBER_OPT("panicThreshold", knative_config, panic_threshold, 1.1, 1000, 2, "ratio",
               "Panic begins when this many times the ready replicas are needed."),
    NUMBER_OPT("maxScaleUpRate", knative_config, up_rate, 1.0001, 1e6, 1000, "ratio",
               "Most replicas per evaluation, as a multiple of the ready ones."),
    NUMBER_OPT("maxScaleDownRate", knative_config, down_rate, 1.0001, 1e6, 2, "ratio",
               "Ready replicas are at most divided by this per evaluation."),
    DURATION_OPT("stableWindow", knative_config, stable_window_ns, 0, 3600, 60,
                 "Window when calm; also how long panic lasts after its last cause."),
    DURATION_OPT("panicWindow", knative_config, panic_window_ns, 1, 3600, 6,
                 "Window that panic is judged by."),
    DURATION_OPT("scaleDownDelay", knative_config, delay_ns, 0, 3600, 0,
                 "A lower number must stand for this long."),
    INT_OPT("activationScale", knative_config, activation_scale, 0, REPLICAS_MAX, 0, "replicas",
            "Least size above zero; acts from 2."),
    INT_OPT("initialScale", knative_config, initial_scale, 0, REPLICAS_MAX, 1, "replicas",
            "Minimum until it was reached once."),
    BOOL_OPT("reachable", knative_config, reachable, 1,
             "Some route leads here; otherwise it may fall to nothing at once."),
    BOOL_OPT("scraped", knative_config, scraped, 1,
             "Replicas report themselves, so that silence is no zero."),
    BOOL_OPT("scaleToZero", knative_config, to_zero, 1,
             "The last replica may go; otherwise one stays."),
    DURATION_OPT("gracePeriod", knative_config, grace_ns, 0, DAY_S, 30,
                 "Without demand for this long before the last replica goes."),
    DURATION_OPT("podRetentionPeriod", knative_config, retention_ns, 0, 3600, 0,
                 "The last replica stays for at least this long."),
    DURATION_OPT("progressDeadline", knative_config, progress_deadline_ns, 1, DAY_S, 600,
                 "A start may take this long, and 30 s more, before it is given up."),
};

enum rc knative_options_check(const struct pool_spec *pool, const void *config_, struct diag *diag)
{
    const struct knative_config *config = config_;
    (void)pool;
    if (!isnan(config->target) && !(config->target > 0))
        return fail(diag, RC_RANGE, "target %g; it is above 0", config->target);
    if (!(config->up_rate > 1) || !(config->down_rate > 1))
        return fail(diag, RC_RANGE, "maxScaleUpRate %g, maxScaleDownRate %g; both are above 1",
                    config->up_rate, config->down_rate);
    if (config->metric != KNATIVE_AVERAGES && config->stable_window_ns < STABLE_WINDOW_MIN_NS)
        return fail(diag, RC_RANGE, "stableWindow is at least 6 s");
    if (config->metric != KNATIVE_AVERAGES && config->panic_window_ns > config->stable_window_ns)
        return fail(diag, RC_RANGE, "panicWindow is longer than stableWindow");
    return RC_OK;
}
