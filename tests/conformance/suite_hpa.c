/* suite_hpa.c - trajectories of a HorizontalPodAutoscaler, fed through the core as an exact pool of
 * policy hpa. Kinds that are one call each are in suite_hpa_parts.c. */
#include <stdio.h>
#include <string.h>

#include "base/duration.h"
#include "core/policy/hpa.h"
#include "suite_hpa.h"
#include "trajectory.h"

#define STARTED_BEFORE_NS DAY_NS /* pods of a reconcile vector, before time 0 */
#define SAMPLE_AGE_NS (10 * SECOND_NS)
#define SAMPLE_WINDOW_NS (30 * SECOND_NS)

/* ---- configuration ---- */

bool hpa_dialect(const struct vector *v, int *ret)
{
    struct span text = v->dialect;
    (void)tree_string(tree_get(v->tree, "dialect"), &text); /* the name of the file otherwise */
    *ret = span_equal_text(text, "k8s-1.20.2") ? HPA_1_20_2 : HPA_MODERN;
    return *ret == HPA_1_20_2 || span_equal_text(text, "k8s-modern");
}

void hpa_direction_from(const struct tree *json, struct hpa_direction *ret)
{
    const struct tree *rules = tree_get(json, "policies");
    const int64_t window_s = int_of_member(json, "window_s", -1);
    ret->window_ns = window_s < 0 ? -1 : window_s * SECOND_NS;
    if (text_is(json, "select", "Min"))
        ret->select = HPA_SELECT_MIN;
    else if (text_is(json, "select", "Disabled"))
        ret->select = HPA_SELECT_DISABLED;
    if (rules == NULL || rules->kind != TREE_ARRAY)
        return;
    for (const struct tree *rule = rules->first; rule != NULL && ret->policy_count < HPA_RULES_MAX;
         rule = rule->next)
        ret->policy[ret->policy_count++] = (struct hpa_rule){
            .kind = text_is(rule, "type", "Percent") ? HPA_RULE_PERCENT : HPA_RULE_PODS,
            .value = int_of_member(rule, "value", 0),
            .period_ns = int_of_member(rule, "period_s", 0) * SECOND_NS,
        };
}

/* An evaluation at every tick: no two are nearer than the period. */
static int64_t period_of(const struct tree *ticks)
{
    int64_t shortest_ms = 15000;
    for (const struct tree *tick = ticks->first; tick != NULL && tick->next != NULL;
         tick = tick->next) {
        const int64_t apart_ms = int_of_member(tick->next, "t", 0) - int_of_member(tick, "t", 0);
        shortest_ms = apart_ms < shortest_ms ? apart_ms : shortest_ms;
    }
    return shortest_ms * MILLISECOND_NS;
}

static bool fill(const struct vector *v, struct trajectory *t)
{
    struct hpa_config *config = t->pool.policy_config;
    const struct tree *behavior = tree_get(v->tree, "behavior");
    const struct tree *tolerance = tree_get(v->tree, "tolerance");
    if (!hpa_dialect(v, &config->semantics))
        return false;
    config->period_ns = period_of(tree_get(v->tree, "ticks"));
    config->down_window_ns =
        int_of_member(v->tree, "downscale_stabilization_ms", 0) * MILLISECOND_NS;
    config->up.tolerance = number_of_member(tolerance, "up", 0.1);
    config->down.tolerance = number_of_member(tolerance, "down", 0.1);
    config->behave = behavior != NULL && behavior->kind == TREE_OBJECT;
    if (config->behave) {
        hpa_direction_from(tree_get(behavior, "scale_up"), &config->up);
        hpa_direction_from(tree_get(behavior, "scale_down"), &config->down);
    }
    t->pool.replicas_min = int_of_member(v->tree, "min", 0);
    t->pool.replicas_max = int_of_member(v->tree, "max", 0);
    return true;
}

/* ---- what comes out ---- */

static bool same_text(struct buf *why, size_t step, const struct tree *tick, const char *key,
                      struct span found)
{
    struct span expected = {NULL, 0};
    (void)tree_string(tree_get(tick, key), &expected); /* empty when absent */
    if (span_equal(found, expected))
        return true;
    buf_printf(why, "tick %zu: %s is \"%.*s\", not \"%.*s\"", step, key, SPAN_ARG(found),
               SPAN_ARG(expected));
    return false;
}

static bool same_condition(struct buf *why, size_t step, const struct tree *tick, const char *key,
                           struct hpa_condition found)
{
    char text[128] = "";
    if (found.status != HPA_STATUS_UNSET)
        (void)snprintf(text, sizeof(text), "%s:%s",
                       found.status == HPA_STATUS_TRUE ? "True" : "False",
                       hpa_reason_name((enum hpa_reason)found.reason));
    return same_text(why, step, tick, key, span_from(text));
}

static enum hpa_reason failure_of(const struct hpa_metric *metric)
{
    static const enum hpa_reason reasons[] = {
        [HPA_RESOURCE] = HPA_FAILED_RESOURCE,
        [HPA_CONTAINER_RESOURCE] = HPA_FAILED_CONTAINER_RESOURCE,
        [HPA_PODS] = HPA_FAILED_PODS,
        [HPA_OBJECT] = HPA_FAILED_OBJECT,
        [HPA_EXTERNAL] = HPA_FAILED_EXTERNAL,
    };
    return reasons[metric->source];
}

/* The events of a tick in their order. */
static bool same_events(const struct trajectory *t, size_t step, const struct tree *tick)
{
    const struct hpa_config *config = t->pool.policy_config;
    const struct hpa_state *state = trajectory_state(t);
    struct buf text;
    buf_init(&text, 4096);
    for (size_t i = 0; i < config->metric_count; i++)
        if ((state->failed_metrics >> i & 1) != 0)
            buf_printf(&text, ",%s", hpa_reason_name(failure_of(&config->metric[i])));
    if (state->failed)
        buf_text(&text, ",FailedComputeMetricsReplicas");
    if (state->rescaled)
        buf_printf(&text, ",SuccessfulRescale:%s", hpa_reason_name((enum hpa_reason)state->reason));
    const bool good =
        same_text(t->why, step, tick, "event", span_slice(buf_view(&text), 1, SIZE_MAX));
    buf_done(&text);
    return good;
}

static bool judge(const struct trajectory *t, const struct tree *tick, size_t step)
{
    const struct hpa_state *state = trajectory_state(t);
    return same_int(t->why, step, "out", t->d.desired, int_of_member(tick, "out", -1)) &&
           same_int(t->why, step, "rescaled", state->rescaled, bool_of_member(tick, "rescaled")) &&
           same_int(t->why, step, "failed", state->failed, bool_of_member(tick, "failed")) &&
           same_condition(t->why, step, tick, "able", state->able) &&
           same_condition(t->why, step, tick, "active", state->active) &&
           same_condition(t->why, step, tick, "limited", state->limited) &&
           same_events(t, step, tick);
}

/* ---- traj: the number of the metrics is given ---- */

static bool traj_fill(const struct vector *v, struct trajectory *t)
{
    struct hpa_config *config = t->pool.policy_config;
    if (!fill(v, t))
        return false;
    config->up.tolerance = config->down.tolerance = 0;
    config->metric_count = 1;
    config->metric[0] = (struct hpa_metric){
        .source = HPA_EXTERNAL, .name = "proposal", .target = HPA_AVERAGE_VALUE, .value = 1};
    return true;
}

static void traj_feed(const struct vector *v, struct trajectory *t, const struct tree *tick,
                      int64_t now_ns)
{
    (void)v;
    trajectory_put(t, now_ns, SIGNAL_EXTERNAL, "proposal",
                   bool_of_member(tick, "raw_err") ? SIGNAL_FAILED : SIGNAL_VALUE,
                   number_of_member(tick, "raw", 0));
}

/* ---- reconcile: from raw values ---- */

static bool starts_with(struct span text, const char *word)
{
    return span_equal_text(span_slice(text, 0, strlen(word)), word);
}

void hpa_metric_from(struct span type, struct span name, int64_t target, struct hpa_metric *ret)
{
    *ret = (struct hpa_metric){.source = HPA_EXTERNAL};
    if (starts_with(type, "resource"))
        ret->source = HPA_RESOURCE;
    else if (starts_with(type, "pods"))
        ret->source = HPA_PODS;
    else if (starts_with(type, "object"))
        ret->source = HPA_OBJECT;
    if (span_ends_with(type, "_utilization"))
        ret->target = HPA_UTILIZATION;
    else
        ret->target = span_ends_with(type, "_value") ? HPA_VALUE : HPA_AVERAGE_VALUE;
    ret->value = ret->target == HPA_UTILIZATION ? (double)target : (double)target / 1000;
    (void)span_copy(name, ret->name, sizeof(ret->name)); /* names of vectors are short */
}

static bool reconcile_fill(const struct vector *v, struct trajectory *t)
{
    struct hpa_config *config = t->pool.policy_config;
    const struct tree *metrics = tree_get(v->tree, "metrics");
    if (!fill(v, t) || metrics == NULL)
        return false;
    for (const struct tree *metric = metrics->first; metric != NULL; metric = metric->next) {
        struct span type = {NULL, 0};
        struct span name = {NULL, 0};
        if (!tree_string(tree_get(metric, "type"), &type) ||
            !tree_string(tree_get(metric, "name"), &name) ||
            config->metric_count == METRICS_PER_POOL_MAX)
            return false;
        hpa_metric_from(type, name, int_of_member(metric, "target", 0),
                        &config->metric[config->metric_count++]);
    }
    return true;
}

static void feed_pods(const struct vector *v, struct trajectory *t, const struct tree *tick,
                      const struct tree *values, const char *name, int64_t now_ns)
{
    const int64_t ready = int_of_member(tick, "ready", 0);
    const int64_t pods = ready + int_of_member(tick, "pending", 0);
    for (int64_t i = 0; i < pods; i++) {
        double milli = 0;
        const bool measured = tree_number(tree_at(values, (size_t)i), &milli);
        struct pod_sample pod = {
            .sample = {.t_ns = now_ns,
                       .signal = SIGNAL_EXTERNAL,
                       .external = (uint16_t)group_external_index(t->group, span_from(name)),
                       .state = measured ? SIGNAL_VALUE : SIGNAL_ABSENT,
                       .value = milli / 1000,
                       .weight = 1},
            .measured_ns = now_ns - SAMPLE_AGE_NS,
            .window_ns = SAMPLE_WINDOW_NS,
            .ready_since_ns = -STARTED_BEFORE_NS,
            .started_ns = -STARTED_BEFORE_NS,
            .request = number_of_member(v->tree, "request_milli", 0) / 1000,
            .phase = i < ready ? POD_RUNNING : POD_PENDING,
            .readiness = i < ready ? POD_READY : POD_UNREADY,
        };
        trajectory_put_pod(t, pod.sample.signal == SIGNAL_EXTERNAL ? name : NULL, &pod);
    }
}

static void reconcile_feed(const struct vector *v, struct trajectory *t, const struct tree *tick,
                           int64_t now_ns)
{
    const struct hpa_config *config = t->pool.policy_config;
    for (size_t i = 0; i < config->metric_count; i++) {
        const struct hpa_metric *metric = &config->metric[i];
        const struct tree *values = tree_at(tree_get(tick, "vals"), i);
        const bool failed = values == NULL || values->kind != TREE_ARRAY;
        int64_t sum = 0;
        if (!failed && metric->source <= HPA_PODS)
            feed_pods(v, t, tick, values, metric->name, now_ns);
        else if (!failed)
            for (const struct tree *value = values->first; value != NULL; value = value->next) {
                int64_t milli = 0;
                (void)tree_int(value, &milli); /* values of a series are numbers */
                sum += milli;
            }
        trajectory_put(t, now_ns, SIGNAL_EXTERNAL, metric->name,
                       failed ? SIGNAL_FAILED : SIGNAL_VALUE, (double)sum / 1000);
    }
    t->o.pool[0].ready = int_of_member(tick, "ready", 0);
    t->o.pool[0].pending = int_of_member(tick, "pending", 0);
    t->o.pool[0].actual_count = t->o.pool[0].ready + t->o.pool[0].pending;
}

static bool same_proposals(const struct trajectory *t, const struct tree *tick, size_t step)
{
    const struct hpa_config *config = t->pool.policy_config;
    const struct hpa_metric_state *metrics = hpa_metric_states(trajectory_state(t));
    const struct tree *proposals = tree_get(tick, "prop");
    for (size_t i = 0; i < config->metric_count && proposals != NULL && i < proposals->count; i++) {
        int64_t expected = -1;
        (void)tree_int(tree_at(proposals, i), &expected); /* -1 for null: it failed */
        if (!same_int(t->why, step, "a proposal", metrics[i].replicas, expected))
            return false;
    }
    return true;
}

/* ---- both ---- */

struct kind {
    bool (*fill)(const struct vector *v, struct trajectory *t);
    void (*feed)(const struct vector *v, struct trajectory *t, const struct tree *tick,
                 int64_t now_ns);
};

static bool run_ticks(const struct vector *v, struct trajectory *t, const struct kind *kind)
{
    const struct tree *ticks = tree_get(v->tree, "ticks");
    if (ticks == NULL || ticks->first == NULL || !kind->fill(v, t))
        return false;
    const struct tree *tick = ticks->first;
    if (!trajectory_start(t, int_of_member(tick, "t", 0) * MILLISECOND_NS,
                          int_of_member(tick, "cur", 0)))
        return false;
    size_t step = 0;
    for (; tick != NULL; tick = tick->next, step++) {
        const int64_t now_ns = int_of_member(tick, "t", 0) * MILLISECOND_NS;
        const int64_t current = int_of_member(tick, "cur", 0);
        const bool foreign = current != group_desired(t->group, t->state, 0);
        t->o.pool[0].ready = current;
        t->o.pool[0].foreign_count = foreign ? current : NO_COUNT;
        kind->feed(v, t, tick, now_ns);
        if (!trajectory_decide(t, now_ns) || !judge(t, tick, step) ||
            !same_proposals(t, tick, step))
            return false;
    }
    return true;
}

static enum verdict each_way(const struct vector *v, struct buf *why, const struct kind *kind)
{
    bool good = true;
    for (int way = WAY_STRAIGHT; way < WAY_COUNT && good; way++) {
        struct trajectory t;
        good = trajectory_init(&t, v->arena, "hpa", (enum way)way, why) && run_ticks(v, &t, kind);
        if (!good)
            buf_text(why, way_words((enum way)way));
        trajectory_done(&t);
    }
    return good ? VERDICT_PASSED : VERDICT_FAILED;
}

static enum verdict traj(const struct vector *v, struct buf *why)
{
    return each_way(v, why, &(struct kind){traj_fill, traj_feed});
}

static enum verdict reconcile(const struct vector *v, struct buf *why)
{
    return each_way(v, why, &(struct kind){reconcile_fill, reconcile_feed});
}

static enum verdict run(const struct vector *v, struct buf *why)
{
    static const struct kind_row kinds[] = {
        {"traj", traj},
        {"reconcile", reconcile},
        {"replica_calc", hpa_replica_calc},
        {"stabilize_legacy", hpa_stabilize_legacy},
        {"stabilize_behavior", hpa_stabilize_behavior},
        {"rules_legacy", hpa_rules_legacy},
        {"rate_limit", hpa_rate_limit},
        {"store_event", hpa_store},
        {NULL, NULL},
    };
    return run_kind(kinds, v, why);
}

const struct suite suite_hpa = {.name = "hpa", .run = run};
