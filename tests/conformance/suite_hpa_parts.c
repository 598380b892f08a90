/* suite_hpa_parts.c - the kinds of suite hpa that are one call each: the replica calculator and the
 * functions of damping. */
#include <math.h>
#include <string.h>

#include "base/duration.h"
#include "core/policy/hpa.h"
#include "suite_hpa.h"
#include "trajectory.h"

#define LIST_MAX 256

static int64_t ms_of_member(const struct tree *object, const char *key)
{
    return int_of_member(object, key, 0) * MILLISECOND_NS;
}

static enum verdict verdict_of(bool good)
{
    return good ? VERDICT_PASSED : VERDICT_FAILED;
}

static bool same_word(struct buf *why, const struct tree *expect, const char *key,
                      const char *found)
{
    if (text_is(expect, key, found) || (found[0] == '\0' && tree_get(expect, key) == NULL))
        return true;
    buf_printf(why, "%s is \"%s\"", key, found);
    return false;
}

/* ---- replica_calc ---- */

static struct pod_sample pod_from(const struct tree *pod, const struct tree *measured)
{
    const bool started = tree_get(pod, "start_ms") && tree_get(pod, "start_ms")->kind != TREE_NULL;
    struct pod_sample sample = {
        .sample = {.state = measured ? SIGNAL_VALUE : SIGNAL_ABSENT,
                   .value = number_of_member(measured, "v", 0) / 1000,
                   .weight = 1},
        .measured_ns = ms_of_member(measured, "t_ms"),
        .window_ns = ms_of_member(measured, "w_ms"),
        .ready_since_ns = ms_of_member(pod, "ready_since_ms"),
        .started_ns = started ? ms_of_member(pod, "start_ms") : TIME_NONE,
        .request = number_of_member(pod, "request_milli", NAN) / 1000,
        .leaving = bool_of_member(pod, "deleting"),
        .phase = POD_GONE,
        .readiness = POD_READINESS_NONE,
    };
    if (text_is(pod, "phase", "Running"))
        sample.phase = POD_RUNNING;
    else if (text_is(pod, "phase", "Pending"))
        sample.phase = POD_PENDING;
    else if (text_is(pod, "phase", "Failed"))
        sample.phase = POD_FAILED;
    if (text_is(pod, "ready", "True"))
        sample.readiness = POD_READY;
    else if (text_is(pod, "ready", "False"))
        sample.readiness = POD_UNREADY;
    else if (text_is(pod, "ready", "Unknown"))
        sample.readiness = POD_READINESS_UNKNOWN;
    return sample;
}

static bool is_listed(const struct tree *pods, struct span name)
{
    const struct tree *pod = pods != NULL ? pods->first : NULL;
    struct span found;
    for (; pod != NULL; pod = pod->next)
        if (tree_string(tree_get(pod, "name"), &found) && span_equal(found, name))
            return true;
    return false;
}

struct world {
    struct hpa_tally tally;
    int64_t pods;
    int64_t ready;
};

static struct world world_of(const struct tree *in, const struct hpa_terms *terms)
{
    const int64_t now_ns = ms_of_member(in, "now_ms");
    const struct tree *pods = tree_get(in, "pods");
    const struct tree *metrics = tree_get(in, "pod_metrics");
    struct world world = {.pods = 0};
    const struct tree *pod = pods != NULL ? pods->first : NULL;
    for (; pod != NULL; pod = pod->next) {
        struct span name = {NULL, 0};
        (void)tree_string(tree_get(pod, "name"), &name); /* an empty name has no metric */
        const struct pod_sample sample = pod_from(pod, tree_get_span(metrics, name));
        hpa_tally_add(&world.tally, terms, &sample, now_ns);
        world.pods++;
        world.ready += sample.phase == POD_RUNNING && sample.readiness == POD_READY;
    }
    const struct tree *metric = metrics != NULL ? metrics->first : NULL;
    for (; metric != NULL; metric = metric->next)
        if (!is_listed(pods, metric->key)) {
            const struct pod_sample sample = pod_from(NULL, metric);
            hpa_tally_add(&world.tally, terms, &sample, now_ns);
        }
    return world;
}

static int64_t sum_of(const struct tree *values)
{
    int64_t sum = 0;
    const struct tree *value = values != NULL ? values->first : NULL;
    for (; value != NULL; value = value->next) {
        int64_t milli = 0;
        (void)tree_int(value, &milli); /* values are whole numbers */
        sum += milli;
    }
    return sum;
}

static struct hpa_proposal calculate(const struct tree *in, const struct hpa_terms *terms)
{
    const int64_t current = int_of_member(in, "current_replicas", 0);
    const struct world world = world_of(in, terms);
    if (bool_of_member(in, "metric_error"))
        return (struct hpa_proposal){.error = HPA_METRIC_UNAVAILABLE};
    if (terms->kind <= HPA_PODS_AVERAGE)
        return hpa_from_pods(terms, &world.tally, current);
    return hpa_from_value(terms, sum_of(tree_get(in, "values")), current, world.pods, world.ready);
}

static bool same_proposal(struct buf *why, const struct tree *expect, const struct hpa_terms *terms,
                          const struct hpa_proposal *p)
{
    static const char *const errors[] = {
        [HPA_OK] = "",
        [HPA_METRIC_UNAVAILABLE] = "metric_unavailable",
        [HPA_NO_PODS] = "no_pods",
        [HPA_NO_READY_POD_METRICS] = "no_ready_pod_metrics",
        [HPA_MISSING_REQUEST] = "missing_request",
        [HPA_NO_MATCHING_METRICS] = "no_matching_metrics",
    };
    if (!same_word(why, expect, "error", errors[p->error]))
        return false;
    if (p->error != HPA_OK)
        return true;
    const bool usage = tree_get(expect, "usage_milli") != NULL;
    return same_int(why, 0, "replicas", p->replicas, int_of_member(expect, "replicas", -1)) &&
           same_int(why, 0, "usage known", p->usage_known, usage) &&
           (!usage ||
            same_int(why, 0, "usage", p->usage, int_of_member(expect, "usage_milli", -1))) &&
           (terms->kind != HPA_PODS_UTILIZATION ||
            same_int(why, 0, "utilization", p->percent,
                     int_of_member(expect, "utilization_pct", -1)));
}

enum verdict hpa_replica_calc(const struct vector *v, struct buf *why)
{
    int semantics;
    struct span function = {NULL, 0};
    struct hpa_metric metric;
    const struct tree *tolerance = tree_get(v->tree, "tolerance");
    if (!hpa_dialect(v, &semantics) || !tree_string(tree_get(v->tree, "func"), &function))
        return VERDICT_FAILED;
    hpa_metric_from(function, span_from("x"), 0, &metric);
    const bool one = metric.source >= HPA_OBJECT;
    struct hpa_terms terms = {
        .semantics = (enum hpa_semantics)semantics,
        .kind = one ? HPA_ONE_AVERAGE : HPA_PODS_AVERAGE,
        .resource_cpu = text_is(v->tree, "resource", "cpu"),
        .target = int_of_member(v->tree, "target", 0),
        .tolerance_up = number_of_member(tolerance, "up", 0),
        .tolerance_down = number_of_member(tolerance, "down", 0),
        .cpu_init_ns = ms_of_member(v->tree, "cpu_init_period_ms"),
        .readiness_delay_ns = ms_of_member(v->tree, "initial_readiness_delay_ms"),
    };
    if (metric.target == HPA_UTILIZATION)
        terms.kind = HPA_PODS_UTILIZATION;
    else if (metric.target == HPA_VALUE)
        terms.kind = HPA_ONE_VALUE;
    const struct hpa_proposal p = calculate(v->tree, &terms);
    return verdict_of(same_proposal(why, tree_get(v->tree, "expect"), &terms, &p));
}

/* ---- lists ---- */

struct lists {
    struct hpa_record record[LIST_MAX];
    struct hpa_event up[LIST_MAX];
    struct hpa_event down[LIST_MAX];
    uint32_t record_count;
    uint32_t up_count;
    uint32_t down_count;
};

static struct hpa_records records_from(struct lists *lists, const struct tree *json)
{
    const struct tree *item = json != NULL ? json->first : NULL;
    for (; item != NULL && lists->record_count < LIST_MAX; item = item->next)
        lists->record[lists->record_count++] = (struct hpa_record){
            .t_ns = ms_of_member(item, "t_ms"), .replicas = int_of_member(item, "r", 0)};
    return (struct hpa_records){lists->record, &lists->record_count, LIST_MAX};
}

static struct hpa_events events_from(struct hpa_event *events, uint32_t *count,
                                     const struct tree *json)
{
    const struct tree *item = json != NULL ? json->first : NULL;
    for (; item != NULL && *count < LIST_MAX; item = item->next)
        events[(*count)++] = (struct hpa_event){
            .t_ns = ms_of_member(item, "t_ms"),
            .change = int_of_member(item, "change", 0),
            .outdated = bool_of_member(item, "outdated"),
        };
    return (struct hpa_events){events, count, LIST_MAX};
}

static bool same_records(struct buf *why, const struct hpa_records *records,
                         const struct tree *expect)
{
    size_t i = 0;
    const struct tree *item = expect != NULL ? expect->first : NULL;
    for (; item != NULL && i < *records->count; item = item->next, i++)
        if (!same_int(why, i, "a record", records->item[i].replicas,
                      int_of_member(item, "r", -1)) ||
            !same_int(why, i, "its time", records->item[i].t_ns, ms_of_member(item, "t_ms")))
            return false;
    return same_int(why, i, "records", *records->count, expect ? (int64_t)expect->count : 0);
}

static bool same_events(struct buf *why, const struct hpa_events *events, const struct tree *expect)
{
    size_t i = 0;
    const struct tree *item = expect != NULL ? expect->first : NULL;
    for (; item != NULL && i < *events->count; item = item->next, i++)
        if (!same_int(why, i, "a change", events->item[i].change,
                      int_of_member(item, "change", -1)) ||
            !same_int(why, i, "its time", events->item[i].t_ns, ms_of_member(item, "t_ms")) ||
            !same_int(why, i, "outdated", events->item[i].outdated,
                      bool_of_member(item, "outdated")))
            return false;
    return same_int(why, i, "events", *events->count, expect ? (int64_t)expect->count : 0);
}

/* ---- damping ---- */

enum verdict hpa_stabilize_legacy(const struct vector *v, struct buf *why)
{
    struct lists lists = {.record_count = 0};
    const struct tree *in = tree_get(v->tree, "in");
    const struct tree *expect = tree_get(v->tree, "expect");
    const struct hpa_records records = records_from(&lists, tree_get(in, "recommendations"));
    const int64_t found =
        hpa_stabilize_simple(&records, ms_of_member(v->tree, "now_ms"),
                             ms_of_member(in, "window_ms"), int_of_member(in, "desired", 0));
    return verdict_of(same_int(why, 0, "replicas", found, int_of_member(expect, "replicas", -1)) &&
                      same_records(why, &records, tree_get(expect, "recommendations")));
}

enum verdict hpa_stabilize_behavior(const struct vector *v, struct buf *why)
{
    int semantics;
    struct lists lists = {.record_count = 0};
    const struct tree *in = tree_get(v->tree, "in");
    const struct tree *expect = tree_get(v->tree, "expect");
    const struct hpa_records records = records_from(&lists, tree_get(in, "recommendations"));
    const struct hpa_windows windows = {
        .up_ns = int_of_member(in, "up_window_s", 0) * SECOND_NS,
        .down_ns = int_of_member(in, "down_window_s", 0) * SECOND_NS,
    };
    if (!hpa_dialect(v, &semantics))
        return VERDICT_FAILED;
    const struct hpa_count found =
        hpa_stabilize((enum hpa_semantics)semantics, &records, ms_of_member(v->tree, "now_ms"),
                      &windows, int_of_member(in, "current", 0), int_of_member(in, "desired", 0));
    return verdict_of(
        same_int(why, 0, "replicas", found.replicas, int_of_member(expect, "replicas", -1)) &&
        same_word(why, expect, "reason", hpa_reason_name(found.reason)) &&
        same_records(why, &records, tree_get(expect, "recommendations")));
}

static enum verdict judge_limit(struct buf *why, const struct vector *v, struct hpa_count found)
{
    const struct tree *expect = tree_get(v->tree, "expect");
    const int64_t desired = int_of_member(tree_get(v->tree, "in"), "desired", 0);
    return verdict_of(
        same_int(why, 0, "replicas", found.replicas, int_of_member(expect, "replicas", -1)) &&
        same_word(why, expect, "reason", hpa_reason_name(found.reason)) &&
        same_int(why, 0, "limited", found.replicas != desired, bool_of_member(expect, "limited")));
}

enum verdict hpa_rules_legacy(const struct vector *v, struct buf *why)
{
    const struct tree *in = tree_get(v->tree, "in");
    return judge_limit(why, v,
                       hpa_limit_simple(int_of_member(in, "current", 0),
                                        int_of_member(in, "desired", 0),
                                        int_of_member(in, "min", 0), int_of_member(in, "max", 0)));
}

enum verdict hpa_rate_limit(const struct vector *v, struct buf *why)
{
    int semantics;
    struct lists lists = {.record_count = 0};
    const struct tree *in = tree_get(v->tree, "in");
    struct hpa_direction up = {.window_ns = 0};
    struct hpa_direction down = {.window_ns = 0};
    hpa_direction_from(tree_get(in, "scale_up"), &up);
    hpa_direction_from(tree_get(in, "scale_down"), &down);
    const struct hpa_limits limits = {
        .up = &up,
        .down = &down,
        .up_events = events_from(lists.up, &lists.up_count, tree_get(in, "up_events")),
        .down_events = events_from(lists.down, &lists.down_count, tree_get(in, "down_events")),
        .min = int_of_member(in, "min", 0),
        .max = int_of_member(in, "max", 0),
    };
    if (!hpa_dialect(v, &semantics))
        return VERDICT_FAILED;
    return judge_limit(why, v,
                       hpa_limit((enum hpa_semantics)semantics, &limits,
                                 ms_of_member(v->tree, "now_ms"), int_of_member(in, "current", 0),
                                 int_of_member(in, "desired", 0)));
}

enum verdict hpa_store(const struct vector *v, struct buf *why)
{
    struct lists lists = {.record_count = 0};
    const struct tree *in = tree_get(v->tree, "in");
    const struct tree *expect = tree_get(v->tree, "expect");
    const struct tree *rules = tree_get(in, "rules");
    const int64_t now_ns = ms_of_member(v->tree, "now_ms");
    const struct hpa_events events = events_from(lists.up, &lists.up_count, tree_get(in, "events"));
    const int64_t before =
        hpa_changed(&events, now_ns, int_of_member(in, "sum_period_s", 0) * SECOND_NS);
    struct hpa_direction direction = {.window_ns = 0};
    hpa_direction_from(rules, &direction);
    if (rules != NULL && rules->kind == TREE_OBJECT) /* none: an HPA without behavior */
        hpa_store_event(&events, &direction, now_ns, int_of_member(in, "change", 0));
    return verdict_of(same_int(why, 0, "change before", before,
                               int_of_member(expect, "change_in_period_before_store", -1)) &&
                      same_events(why, &events, tree_get(expect, "events")));
}
