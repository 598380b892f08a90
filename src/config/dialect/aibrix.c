/* aibrix.c - annotations and specification of an AIBrix PodAutoscaler. */
#include "config/dialect/aibrix.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "base/duration.h"
#include "base/num.h"
#include "config/dialect/go_value.h"

#define PREFIX "autoscaling.aibrix.ai/"
#define WINDOW_MAX_S 3600
#define OBSERVE_S 180
#define PANIC_S 60
#define PERIOD_NS (10 * SECOND_NS)
#define HPA_PERIOD_NS MINUTE_NS
#define MIB 1048576

/* ---- annotations ---- */

enum kind { KIND_FLOAT, KIND_DURATION, KIND_BOOL };

static const struct row {
    const char *name;
    enum kind kind;
    size_t offset;
    double def; /* seconds for durations */
} rows[] = {
    {PREFIX "max-scale-up-rate", KIND_FLOAT, offsetof(struct aibrix_annotations, up_rate), 2},
    {PREFIX "max-scale-down-rate", KIND_FLOAT, offsetof(struct aibrix_annotations, down_rate), 2},
    {PREFIX "scale-up-tolerance", KIND_FLOAT, offsetof(struct aibrix_annotations, up_tolerance),
     0.1},
    {PREFIX "scale-down-tolerance", KIND_FLOAT, offsetof(struct aibrix_annotations, down_tolerance),
     0.1},
    {PREFIX "panic-threshold", KIND_FLOAT, offsetof(struct aibrix_annotations, panic_threshold), 2},
    {PREFIX "scale-up-cooldown-window", KIND_DURATION,
     offsetof(struct aibrix_annotations, up_cooldown_ns), 0},
    {PREFIX "scale-down-cooldown-window", KIND_DURATION,
     offsetof(struct aibrix_annotations, down_cooldown_ns), 300},
    {PREFIX "scale-to-zero", KIND_BOOL, offsetof(struct aibrix_annotations, to_zero), 0},
};

void aibrix_annotations_defaults(struct aibrix_annotations *ret)
{
    memset(ret, 0, sizeof(*ret));
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        unsigned char *at = (unsigned char *)ret + rows[i].offset;
        const int64_t ns = ns_of_seconds(rows[i].def);
        if (rows[i].kind == KIND_FLOAT)
            memcpy(at, &rows[i].def, sizeof(rows[i].def));
        else if (rows[i].kind == KIND_DURATION)
            memcpy(at, &ns, sizeof(ns));
    }
}

static enum rc read_into(const struct row *row, struct span value, unsigned char *at)
{
    double number = 0;
    int64_t ns = 0;
    bool truth = false;
    enum rc rc = RC_OK;
    switch (row->kind) {
    case KIND_FLOAT:
        rc = go_float(value, &number);
        if (rc == RC_OK)
            memcpy(at, &number, sizeof(number));
        break;
    case KIND_DURATION:
        rc = go_duration(value, &ns);
        if (rc == RC_OK)
            memcpy(at, &ns, sizeof(ns));
        break;
    case KIND_BOOL:
        rc = go_bool(value, &truth);
        if (rc == RC_OK)
            memcpy(at, &truth, sizeof(truth));
        break;
    }
    return rc;
}

enum rc aibrix_annotation_read(struct span name, struct span value, struct aibrix_annotations *ret,
                               struct diag *diag)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (!span_equal_text(name, rows[i].name))
            continue;
        const enum rc rc = read_into(&rows[i], value, (unsigned char *)ret + rows[i].offset);
        if (rc != RC_OK) {
            (void)fail(diag, rc, "\"%.*s\" cannot be read", SPAN_ARG(value));
            diag_at(diag, "%s", rows[i].name);
        }
        return rc;
    }
    return RC_OK;
}

size_t aibrix_annotations_read(const struct tree *annotations, struct aibrix_annotations *ret)
{
    size_t unread = 0;
    aibrix_annotations_defaults(ret);
    const struct tree *a =
        annotations != NULL && annotations->kind == TREE_OBJECT ? annotations->first : NULL;
    for (; a != NULL; a = a->next) {
        struct span value;
        if (tree_string(a, &value) && aibrix_annotation_read(a->key, value, ret, NULL) != RC_OK)
            unread++;
    }
    return unread;
}

/* ---- what the controller refuses ---- */

static struct span text_of(const struct tree *object, const char *key)
{
    struct span text = {NULL, 0};
    (void)tree_string(tree_get(object, key), &text); /* empty when it is not written */
    return text;
}

static int64_t int_of(const struct tree *object, const char *key, int64_t otherwise)
{
    int64_t value = otherwise;
    (void)tree_int(tree_get(object, key), &value); /* the default when it is not written */
    return value;
}

static bool strategy_of(const struct tree *spec, enum aibrix_strategy *ret)
{
    static const char *const names[] = {[AIBRIX_STRATEGY_HPA] = "HPA",
                                        [AIBRIX_STRATEGY_KPA] = "KPA",
                                        [AIBRIX_STRATEGY_APA] = "APA"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (span_equal_text(text_of(spec, "scalingStrategy"), names[i])) {
            *ret = (enum aibrix_strategy)i;
            return true;
        }
    return false;
}

static bool is_written(const struct tree *object, const char *key)
{
    return text_of(object, key).len > 0;
}

static bool is_external(struct span type)
{
    return span_equal_text(type, "external") || span_equal_text(type, "domain");
}

static enum rc check_resource(const struct tree *source, struct diag *diag)
{
    static const char *const forbidden[] = {"port", "endpoint", "path", "protocolType"};
    const struct span metric = text_of(source, "targetMetric");
    if (!span_equal_text(metric, "cpu") && !span_equal_text(metric, "memory"))
        return fail(diag, RC_INVALID, "MetricsConfigError: a resource is cpu or memory");
    for (size_t i = 0; i < COUNT_OF(forbidden); i++)
        if (is_written(source, forbidden[i]))
            return fail(diag, RC_INVALID, "MetricsConfigError: a resource has no %s", forbidden[i]);
    return RC_OK;
}

static enum rc check_required(const struct tree *source, const char *const *keys, size_t count,
                              struct diag *diag)
{
    for (size_t i = 0; i < count; i++)
        if (!is_written(source, keys[i]))
            return fail(diag, RC_INVALID, "MetricsConfigError: %s is required", keys[i]);
    return RC_OK;
}

static enum rc check_source(const struct tree *source, struct diag *diag)
{
    static const char *const of_pod[] = {"protocolType", "port", "path"};
    static const char *const of_endpoint[] = {"protocolType", "path"};
    const struct span type = text_of(source, "metricSourceType");
    if (!is_written(source, "targetMetric"))
        return fail(diag, RC_INVALID, "MetricsConfigError: targetMetric must be specified");
    if (span_equal_text(type, "pod"))
        return check_required(source, of_pod, COUNT_OF(of_pod), diag);
    if (span_equal_text(type, "resource"))
        return check_resource(source, diag);
    if (is_external(type))
        return is_written(source, "endpoint")
                   ? check_required(source, of_endpoint, COUNT_OF(of_endpoint), diag)
                   : RC_OK;
    if (span_equal_text(type, "custom"))
        return RC_OK;
    return fail(diag, RC_INVALID,
                "MetricsConfigError: metricSourceType \"%.*s\" is not one of "
                "pod, resource, custom, external",
                SPAN_ARG(type));
}

static enum rc check_sources(const struct tree *spec, struct diag *diag)
{
    const struct tree *sources = tree_get(spec, "metricsSources");
    if (sources == NULL || sources->kind != TREE_ARRAY || sources->count == 0)
        return fail(diag, RC_INVALID, "MetricsConfigError: at least one metricsSource is required");
    size_t i = 0;
    for (const struct tree *source = sources->first; source != NULL; source = source->next, i++) {
        const enum rc rc = check_source(source, diag);
        if (rc != RC_OK) {
            diag_at(diag, "metricsSources[%zu]", i);
            return rc;
        }
    }
    return RC_OK;
}

static enum rc check_windows(const struct tree *spec, struct diag *diag)
{
    const int64_t observe = int_of(spec, "observeWindowSeconds", OBSERVE_S);
    const int64_t panic = int_of(spec, "panicWindowSeconds", PANIC_S);
    if (observe < 1 || observe > WINDOW_MAX_S || panic < 1 || panic > WINDOW_MAX_S)
        return fail(diag, RC_INVALID,
                    "InvalidSpec: observeWindowSeconds and panicWindowSeconds: 1 to %d are allowed",
                    WINDOW_MAX_S);
    if (panic > observe)
        return fail(diag, RC_INVALID,
                    "InvalidSpec: panicWindowSeconds is above observeWindowSeconds");
    return RC_OK;
}

enum rc aibrix_spec_check(const struct tree *spec, struct diag *diag)
{
    enum aibrix_strategy strategy;
    const struct tree *target = tree_get(spec, "scaleTargetRef");
    const int64_t min = int_of(spec, "minReplicas", 0);
    if (!is_written(target, "kind") || !is_written(target, "name"))
        return fail(diag, RC_INVALID,
                    "MissingScaleTargetRef: scaleTargetRef.kind and .name must be set");
    if (min < 0 || min > int_of(spec, "maxReplicas", 0))
        return fail(diag, RC_INVALID, "InvalidBounds: minReplicas: 0 to maxReplicas are allowed");
    if (!strategy_of(spec, &strategy))
        return fail(diag, RC_INVALID,
                    "InvalidScalingStrategy: scalingStrategy must be one of HPA, KPA, APA");
    const enum rc rc = check_windows(spec, diag);
    return rc == RC_OK ? check_sources(spec, diag) : rc;
}

/* ---- what it comes to ---- */

static enum rc next_source(const struct tree **source, size_t count, struct diag *diag)
{
    *source = (*source)->next;
    if (*source != NULL && count == METRICS_PER_POOL_MAX)
        return fail(diag, RC_LIMIT, "at most %d metricsSources are taken", METRICS_PER_POOL_MAX);
    return RC_OK;
}

static const struct tree *first_source(const struct tree *spec)
{
    const struct tree *sources = tree_get(spec, "metricsSources");
    return sources != NULL && sources->kind == TREE_ARRAY ? sources->first : NULL;
}

/* NAN where the text is no number: the metric has no target then. */
static double target_of(const struct tree *source)
{
    double target = NAN;
    if (go_float(text_of(source, "targetValue"), &target) != RC_OK)
        return NAN;
    return target;
}

enum rc aibrix_document_read(const struct tree *metadata, const struct tree *spec,
                             struct aibrix_document *ret, struct diag *diag)
{
    struct aibrix_annotations a;
    enum rc rc = RC_OK;
    memset(ret, 0, sizeof(*ret));
    if (!strategy_of(spec, &ret->strategy))
        return fail(diag, RC_INVALID, "scalingStrategy must be one of HPA, KPA, APA");
    (void)aibrix_annotations_read(tree_get(metadata, "annotations"), &a); /* as the peer does */
    ret->config = (struct aibrix_config){
        .up_tolerance = a.up_tolerance,
        .down_tolerance = a.down_tolerance,
        .up_rate = a.up_rate,
        .down_rate = a.down_rate,
        .panic_threshold = a.panic_threshold,
        .up_cooldown_ns = a.up_cooldown_ns,
        .down_cooldown_ns = a.down_cooldown_ns,
        .observe_ns = int_of(spec, "observeWindowSeconds", OBSERVE_S) * SECOND_NS,
        .panic_ns = int_of(spec, "panicWindowSeconds", PANIC_S) * SECOND_NS,
        .period_ns = PERIOD_NS,
    };
    ret->min = int_of(spec, "minReplicas", 1);
    ret->max = int_of(spec, "maxReplicas", 0);
    for (const struct tree *source = first_source(spec); source != NULL && rc == RC_OK;
         rc = next_source(&source, ret->config.metric_count, diag)) {
        struct aibrix_metric *metric = &ret->config.metric[ret->config.metric_count++];
        metric->target = target_of(source);
        metric->per_pod = !is_external(text_of(source, "metricSourceType"));
        if (!span_copy(text_of(source, "targetMetric"), metric->name, sizeof(metric->name)))
            return fail(diag, RC_LIMIT, "targetMetric: at most %d bytes are taken", NAME_SIZE - 1);
    }
    return rc;
}

static int64_t percent(double share)
{
    const double scaled = share * 100; /* truncated, so that -0.5 is 0 and -1 is negative */
    return scaled <= -1 ? 100 : num_to_int(scaled, 0, INT32_MAX);
}

static struct hpa_direction hpa_direction(int64_t cooldown_ns, int select, int64_t percent_)
{
    return (struct hpa_direction){
        .window_ns = cooldown_ns / SECOND_NS * SECOND_NS,
        .select = select,
        .tolerance = NAN,
        .policy = {{HPA_RULE_PERCENT, percent_, HPA_PERIOD_NS}},
        .policy_count = 1,
    };
}

/* Targets lose their fractions; memory is in MiB. */
static struct hpa_metric hpa_metric(const struct tree *source)
{
    const double target = target_of(source);
    const struct span name = text_of(source, "targetMetric");
    struct hpa_metric metric = {
        .source = HPA_PODS, .target = HPA_AVERAGE_VALUE, .value = floor(target)};
    if (span_equal_text(name, "cpu"))
        metric = (struct hpa_metric){
            .source = HPA_RESOURCE, .target = HPA_UTILIZATION, .value = ceil(target)};
    else if (span_equal_text(name, "memory"))
        metric = (struct hpa_metric){
            .source = HPA_RESOURCE, .target = HPA_AVERAGE_VALUE, .value = floor(target) * MIB};
    (void)span_copy(name, metric.name, sizeof(metric.name)); /* a longer one names nothing */
    return metric;
}

enum rc aibrix_hpa_read(const struct tree *metadata, const struct tree *spec,
                        struct aibrix_hpa *ret, struct diag *diag)
{
    struct aibrix_annotations a;
    enum rc rc = RC_OK;
    (void)aibrix_annotations_read(tree_get(metadata, "annotations"), &a); /* as the peer does */
    memset(ret, 0, sizeof(*ret));
    opt_defaults(hpa_options, HPA_OPTION_COUNT, &ret->config);
    ret->min = int_of(spec, "minReplicas", 1);
    ret->max = int_of(spec, "maxReplicas", 0);
    ret->config.behave = true;
    ret->config.up = hpa_direction(a.up_cooldown_ns, HPA_SELECT_MAX, percent(a.up_rate - 1));
    ret->config.down =
        hpa_direction(a.down_cooldown_ns, HPA_SELECT_MIN, percent(1 - 1 / a.down_rate));
    for (const struct tree *source = first_source(spec); source != NULL && rc == RC_OK;
         rc = next_source(&source, ret->config.metric_count, diag))
        ret->config.metric[ret->config.metric_count++] = hpa_metric(source);
    return rc;
}
