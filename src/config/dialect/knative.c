/* knative.c - the annotations of a revision: their names and ranges as a table, the rules that tie
 * several together, and what they come to. */
#include "config/dialect/knative.h"

#include <math.h>
#include <stddef.h>

#include "base/duration.h"
#include "base/num.h"
#include "config/dialect/knative_value.h"

#define PREFIX "autoscaling.knative.dev/"
#define HPA_CLASS "hpa.autoscaling.knative.dev"
#define PANIC_WINDOW_MIN_NS SECOND_NS
#define RPS_UTILIZATION 0.7
#define ACTIVATION_MIN 2
#define NO_BOUND INT64_MAX

/* ---- annotations ---- */

enum annotation {
    A_CLASS,
    A_METRIC,
    A_ALGORITHM,
    A_MIN,
    A_MAX,
    A_INITIAL,
    A_ACTIVATION,
    A_TARGET,
    A_UTILIZATION,
    A_BURST,
    A_WINDOW,
    A_PANIC_WINDOW,
    A_PANIC_THRESHOLD,
    A_DELAY,
    A_RETENTION,
    A_COUNT
};

static const struct row {
    const char *name;
    const char *alias; /* older spelling; the name wins */
    enum knative_kind kind;
    struct knative_range range;
} rows[A_COUNT] = {
    [A_CLASS] = {PREFIX "class", NULL, KIND_TEXT, {.low = 0}},
    [A_METRIC] = {PREFIX "metric", NULL, KIND_TEXT, {.low = 0}},
    [A_ALGORITHM] = {PREFIX "metric-aggregation-algorithm",
                     PREFIX "metricAggregationAlgorithm",
                     KIND_TEXT,
                     {.low = 0}},
    [A_MIN] = {PREFIX "min-scale", PREFIX "minScale", KIND_INT, {.high = KNATIVE_SCALE_MAX}},
    [A_MAX] = {PREFIX "max-scale", PREFIX "maxScale", KIND_INT, {.high = KNATIVE_SCALE_MAX}},
    [A_INITIAL] = {PREFIX "initial-scale",
                   PREFIX "initialScale",
                   KIND_INT,
                   {.high = KNATIVE_SCALE_MAX}},
    [A_ACTIVATION] = {PREFIX "activation-scale",
                      NULL,
                      KIND_INT,
                      {.low = ACTIVATION_MIN, .high = KNATIVE_SCALE_MAX}},
    [A_TARGET] = {PREFIX "target", NULL, KIND_FLOAT, {.low = KNATIVE_TARGET_MIN, .high = INFINITY}},
    [A_UTILIZATION] = {PREFIX "target-utilization-percentage",
                       PREFIX "targetUtilizationPercentage",
                       KIND_FLOAT,
                       {.low = 1, .high = 100}},
    [A_BURST] = {PREFIX "target-burst-capacity",
                 PREFIX "targetBurstCapacity",
                 KIND_FLOAT,
                 {.high = INFINITY, .minus_1 = true}},
    [A_WINDOW] = {PREFIX "window",
                  NULL,
                  KIND_DURATION,
                  {.low = KNATIVE_WINDOW_MIN_NS, .high = HOUR_NS, .whole = true}},
    [A_PANIC_WINDOW] = {PREFIX "panic-window-percentage",
                        PREFIX "panicWindowPercentage",
                        KIND_FLOAT,
                        {.low = 1, .high = 100}},
    [A_PANIC_THRESHOLD] = {PREFIX "panic-threshold-percentage",
                           PREFIX "panicThresholdPercentage",
                           KIND_FLOAT,
                           {.low = 110, .high = 1000}},
    [A_DELAY] = {PREFIX "scale-down-delay",
                 PREFIX "scaleDownDelay",
                 KIND_DURATION,
                 {.high = HOUR_NS, .whole = true}},
    [A_RETENTION] = {PREFIX "scale-to-zero-pod-retention-period",
                     PREFIX "scaleToZeroPodRetentionPeriod",
                     KIND_DURATION,
                     {.high = HOUR_NS}},
};

static bool written(const struct tree *annotations, enum annotation which, struct span *ret)
{
    const struct row *row = &rows[which];
    return tree_string(tree_get(annotations, row->name), ret) ||
           (row->alias != NULL && tree_string(tree_get(annotations, row->alias), ret));
}

/* False when it is not written or cannot be read. */
static bool value_of(const struct tree *annotations, enum annotation which,
                     struct knative_value *ret)
{
    struct span text;
    *ret = (struct knative_value){.number = 0};
    return written(annotations, which, &text) && knative_read(rows[which].kind, text, ret) == RC_OK;
}

static enum rc refuse(struct diag *diag, enum annotation which, struct span found,
                      const char *allowed)
{
    (void)fail(diag, RC_INVALID, "\"%.*s\"; allowed: %s", SPAN_ARG(found), allowed);
    diag_at(diag, "%s", rows[which].name);
    return RC_INVALID;
}

static enum rc check_words(const struct tree *annotations, struct diag *diag)
{
    struct span class_ = span_from(KPA_CLASS);
    struct span text;
    const bool given = written(annotations, A_CLASS, &class_);
    const bool kpa = span_equal_text(class_, KPA_CLASS);
    const bool hpa = span_equal_text(class_, HPA_CLASS);
    if (span_ends_with(class_, ".knative.dev") && !kpa && !hpa)
        return refuse(diag, A_CLASS, class_, KPA_CLASS ", " HPA_CLASS);
    if (written(annotations, A_METRIC, &text)) {
        if (kpa && !span_equal_text(text, "concurrency") && !span_equal_text(text, "rps"))
            return refuse(diag, A_METRIC, text, "concurrency, rps");
        if (hpa && text.len == 0)
            return refuse(diag, A_METRIC, text, "the name of a metric");
    }
    if (given && kpa && written(annotations, A_ALGORITHM, &text) && text.len > 0 &&
        !span_equal_text(text, "linear") && !span_equal_text(text, "weighted-exponential") &&
        !span_equal_text(text, "weightedExponential"))
        return refuse(diag, A_ALGORITHM, text, "linear, weighted-exponential");
    return RC_OK;
}

static enum rc check_scales(const struct tree *annotations, const struct knative_map *map,
                            struct diag *diag)
{
    struct knative_value min;
    struct knative_value max;
    struct knative_value other;
    (void)value_of(annotations, A_MIN, &min); /* 0 when it is not written */
    const bool bounded = value_of(annotations, A_MAX, &max);
    const int64_t most = max.whole == 0 ? NO_BOUND : max.whole;
    if (most < min.whole)
        return refuse(diag, A_MAX, max.text, "at least min-scale");
    if (bounded) {
        const enum rc rc =
            knative_check_max(rows[A_MAX].name, max.whole, map->max_scale_limit, diag);
        if (rc != RC_OK)
            return rc;
    }
    if (value_of(annotations, A_ACTIVATION, &other) &&
        (other.whole < min.whole || other.whole > most))
        return refuse(diag, A_ACTIVATION, other.text, "within min-scale and max-scale");
    if (value_of(annotations, A_INITIAL, &other) && other.whole == 0 && !map->zero_initial_scale)
        return refuse(diag, A_INITIAL, other.text, "0 needs allow-zero-initial-scale");
    return RC_OK;
}

enum rc knative_annotations_check(const struct tree *annotations, const struct knative_map *map,
                                  struct diag *diag)
{
    for (size_t i = 0; i < A_COUNT; i++) {
        struct span text;
        struct knative_value value = {.number = 0};
        if (!written(annotations, (enum annotation)i, &text))
            continue;
        const enum rc rc =
            knative_check(rows[i].kind, &rows[i].range, rows[i].name, text, &value, diag);
        if (rc != RC_OK)
            return rc;
    }
    const enum rc rc = check_words(annotations, diag);
    return rc == RC_OK ? check_scales(annotations, map, diag) : rc;
}

/* ---- resolving ---- */

static double number_or(const struct tree *annotations, enum annotation which, double otherwise)
{
    struct knative_value value;
    return value_of(annotations, which, &value) ? value.number : otherwise;
}

static int64_t whole_or(const struct tree *annotations, enum annotation which, int64_t otherwise)
{
    struct knative_value value;
    return value_of(annotations, which, &value) ? value.whole : otherwise;
}

static bool is_word(const struct tree *annotations, enum annotation which, const char *word)
{
    struct span text;
    return written(annotations, which, &text) && span_equal_text(text, word);
}

static void resolve_target(const struct knative_map *map, const struct knative_revision *revision,
                           struct knative_config *config)
{
    struct knative_value target;
    struct knative_value percent;
    const bool rps = config->metric == KNATIVE_RPS;
    double utilization = rps ? RPS_UTILIZATION : map->target_fraction;
    config->total = rps ? map->rps_target : map->concurrency_target;
    if (!rps && revision->concurrency > 0)
        config->total = (double)revision->concurrency;
    if (value_of(revision->annotations, A_TARGET, &target)) {
        config->total = target.number;
        if (!rps && revision->concurrency > 0)
            config->total = fmin(target.number, (double)revision->concurrency);
    }
    if (value_of(revision->annotations, A_UTILIZATION, &percent))
        utilization = percent.number / 100;
    config->target = fmax(KNATIVE_TARGET_MIN, config->total * utilization);
}

/* Truncated to a nanosecond, then to the nearest second, half up. */
static int64_t panic_window(int64_t stable_ns, double percent)
{
    const int64_t exact_ns = num_to_int((double)stable_ns * percent / 100, 0, HOUR_NS);
    const int64_t whole_ns = (exact_ns + SECOND_NS / 2) / SECOND_NS * SECOND_NS;
    return whole_ns > PANIC_WINDOW_MIN_NS ? whole_ns : PANIC_WINDOW_MIN_NS;
}

struct knative_resolved knative_resolve(const struct knative_map *map,
                                        const struct knative_revision *revision)
{
    const struct tree *a = revision->annotations;
    struct knative_resolved r = {.min_scale = 0};
    struct knative_config *config = &r.config;
    config->metric = is_word(a, A_METRIC, "rps") ? KNATIVE_RPS : KNATIVE_CONCURRENCY;
    config->averaging = is_word(a, A_ALGORITHM, "weighted-exponential") ||
                                is_word(a, A_ALGORITHM, "weightedExponential")
                            ? KNATIVE_WEIGHTED
                            : KNATIVE_LINEAR;
    resolve_target(map, revision, config);
    config->burst = number_or(a, A_BURST, map->burst);
    config->panic_threshold = number_or(a, A_PANIC_THRESHOLD, map->panic_threshold_percent) / 100;
    config->up_rate = map->up_rate;
    config->down_rate = map->down_rate;
    config->stable_window_ns = whole_or(a, A_WINDOW, map->stable_window_ns);
    config->panic_window_ns = panic_window(config->stable_window_ns,
                                           number_or(a, A_PANIC_WINDOW, map->panic_window_percent));
    config->delay_ns = whole_or(a, A_DELAY, map->delay_ns);
    config->activation_scale = whole_or(a, A_ACTIVATION, 0);
    const int64_t initial = whole_or(a, A_INITIAL, map->initial_scale);
    config->initial_scale = initial == 0 && !map->zero_initial_scale ? map->initial_scale : initial;
    config->reachable = revision->reachable;
    config->scraped = !(config->burst < 0);
    config->to_zero = map->to_zero;
    config->grace_ns = map->grace_ns;
    config->retention_ns = revision->reachable ? whole_or(a, A_RETENTION, map->retention_ns) : 0;
    config->progress_deadline_ns = 10 * MINUTE_NS;
    r.min_scale = revision->reachable ? whole_or(a, A_MIN, map->min_scale) : 0;
    r.max_scale = whole_or(a, A_MAX, map->max_scale);
    return r;
}
