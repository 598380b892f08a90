/* hpa_pace.c - damping of a HorizontalPodAutoscaler, in the order and arithmetic of the peer. */
#include "core/policy/hpa_pace.h"

#include <math.h>

#include "base/duration.h"
#include "base/num.h"
#include "base/rc.h"

#define SIMPLE_FACTOR 2
#define SIMPLE_LEAST 4
#define NOWHERE SIZE_MAX

static const char *const reason_names[HPA_REASON_COUNT] = {
    [HPA_NONE] = "",
    [HPA_SUCCEEDED_GET_SCALE] = "SucceededGetScale",
    [HPA_READY_FOR_NEW_SCALE] = "ReadyForNewScale",
    [HPA_SCALE_UP_STABILIZED] = "ScaleUpStabilized",
    [HPA_SCALE_DOWN_STABILIZED] = "ScaleDownStabilized",
    [HPA_SUCCEEDED_RESCALE] = "SucceededRescale",
    [HPA_VALID_METRIC_FOUND] = "ValidMetricFound",
    [HPA_SCALING_DISABLED] = "ScalingDisabled",
    [HPA_FAILED_RESOURCE] = "FailedGetResourceMetric",
    [HPA_FAILED_CONTAINER_RESOURCE] = "FailedGetContainerResourceMetric",
    [HPA_FAILED_PODS] = "FailedGetPodsMetric",
    [HPA_FAILED_OBJECT] = "FailedGetObjectMetric",
    [HPA_FAILED_EXTERNAL] = "FailedGetExternalMetric",
    [HPA_DESIRED_WITHIN_RANGE] = "DesiredWithinRange",
    [HPA_SCALE_UP_LIMIT] = "ScaleUpLimit",
    [HPA_SCALE_DOWN_LIMIT] = "ScaleDownLimit",
    [HPA_TOO_MANY_REPLICAS] = "TooManyReplicas",
    [HPA_TOO_FEW_REPLICAS] = "TooFewReplicas",
    [HPA_ABOVE_MAX] = "above_max",
    [HPA_BELOW_MIN] = "below_min",
    [HPA_ABOVE_TARGET] = "above_target",
    [HPA_ALL_BELOW_TARGET] = "all_below_target",
};

const char *hpa_reason_name(enum hpa_reason reason)
{
    return reason < HPA_REASON_COUNT ? reason_names[reason] : "?";
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* ---- lists ---- */

static size_t oldest_record(const struct hpa_records *records)
{
    size_t oldest = 0;
    for (size_t i = 1; i < *records->count; i++)
        if (records->item[i].t_ns < records->item[oldest].t_ns)
            oldest = i;
    return oldest;
}

/* Over an entry that is too old, or behind all others. */
static void put_record(const struct hpa_records *records, size_t old, int64_t now_ns,
                       int64_t replicas)
{
    if (old == NOWHERE)
        old = *records->count < records->room ? (*records->count)++ : oldest_record(records);
    records->item[old] = (struct hpa_record){now_ns, replicas};
}

void hpa_store_record(const struct hpa_records *records, int64_t now_ns, int64_t replicas)
{
    put_record(records, NOWHERE, now_ns, replicas);
}

int64_t hpa_changed(const struct hpa_events *events, int64_t now_ns, int64_t period_ns)
{
    const int64_t since_ns = num_add_sat(now_ns, -period_ns);
    int64_t sum = 0;
    for (size_t i = 0; i < *events->count; i++)
        if (events->item[i].t_ns > since_ns)
            sum = num_add_sat(sum, events->item[i].change);
    return sum;
}

int64_t hpa_longest_period(const struct hpa_direction *direction)
{
    int64_t longest_ns = 0;
    for (size_t i = 0; i < direction->policy_count; i++)
        longest_ns = larger(longest_ns, direction->policy[i].period_ns);
    return longest_ns;
}

void hpa_store_event(const struct hpa_events *events, const struct hpa_direction *direction,
                     int64_t now_ns, int64_t change)
{
    const int64_t since_ns = num_add_sat(now_ns, -hpa_longest_period(direction));
    size_t old = NOWHERE;
    size_t oldest = 0;
    for (size_t i = 0; i < *events->count; i++) {
        struct hpa_event *event = &events->item[i];
        if (event->t_ns < since_ns)
            event->outdated = 1;
        if (event->outdated)
            old = i;
        if (event->t_ns < events->item[oldest].t_ns)
            oldest = i;
    }
    if (old == NOWHERE)
        old = *events->count < events->room ? (*events->count)++ : oldest;
    events->item[old] = (struct hpa_event){.t_ns = now_ns, .change = change};
}

/* ---- without behavior ---- */

int64_t hpa_stabilize_simple(const struct hpa_records *records, int64_t now_ns, int64_t window_ns,
                             int64_t desired)
{
    const int64_t since_ns = num_add_sat(now_ns, -window_ns);
    int64_t most = desired;
    size_t old = NOWHERE;
    for (size_t i = 0; i < *records->count; i++) {
        if (records->item[i].t_ns < since_ns)
            old = i;
        else
            most = larger(most, records->item[i].replicas);
    }
    put_record(records, old, now_ns, desired);
    return most;
}

/* The last step of both ways: a number, its bounds, and why it was cut. */
static struct hpa_count cut(int64_t desired, struct hpa_count low, struct hpa_count high)
{
    if (desired < low.replicas)
        return low;
    if (desired > high.replicas)
        return high;
    return (struct hpa_count){desired, HPA_DESIRED_WITHIN_RANGE};
}

struct hpa_count hpa_limit_simple(int64_t current, int64_t desired, int64_t min, int64_t max)
{
    const int64_t limit = larger(num_mul_sat(SIMPLE_FACTOR, current), SIMPLE_LEAST);
    const struct hpa_count low = {min, HPA_TOO_FEW_REPLICAS};
    const struct hpa_count high = max > limit ? (struct hpa_count){limit, HPA_SCALE_UP_LIMIT}
                                              : (struct hpa_count){max, HPA_TOO_MANY_REPLICAS};
    return cut(desired, low, high);
}

/* ---- with behavior ---- */

/* Direction first, then the window of that direction: it may move against what is wanted. */
static int64_t by_direction(const struct hpa_records *records, const struct hpa_windows *windows,
                            int64_t now_ns, int64_t current, int64_t desired)
{
    const bool up = desired >= current;
    const int64_t since_ns = num_add_sat(now_ns, -(up ? windows->up_ns : windows->down_ns));
    int64_t best = desired;
    for (size_t i = 0; i < *records->count; i++)
        if (records->item[i].t_ns > since_ns)
            best = up ? smaller(best, records->item[i].replicas)
                      : larger(best, records->item[i].replicas);
    return best;
}

/* The present count, moved no further than into the band of both windows. */
static int64_t within_band(const struct hpa_records *records, const struct hpa_windows *windows,
                           int64_t now_ns, int64_t current, int64_t desired)
{
    const int64_t up_since_ns = num_add_sat(now_ns, -windows->up_ns);
    const int64_t down_since_ns = num_add_sat(now_ns, -windows->down_ns);
    int64_t low = desired;
    int64_t high = desired;
    for (size_t i = 0; i < *records->count; i++) {
        const struct hpa_record *record = &records->item[i];
        if (record->t_ns > up_since_ns)
            low = smaller(low, record->replicas);
        if (record->t_ns > down_since_ns)
            high = larger(high, record->replicas);
    }
    return smaller(larger(current, low), high);
}

struct hpa_count hpa_stabilize(enum hpa_semantics semantics, const struct hpa_records *records,
                               int64_t now_ns, const struct hpa_windows *windows, int64_t current,
                               int64_t desired)
{
    const int64_t since_ns = num_add_sat(now_ns, -larger(windows->up_ns, windows->down_ns));
    const struct hpa_count stable = {
        .replicas = semantics == HPA_MODERN
                        ? within_band(records, windows, now_ns, current, desired)
                        : by_direction(records, windows, now_ns, current, desired),
        .reason = desired >= current ? HPA_SCALE_UP_STABILIZED : HPA_SCALE_DOWN_STABILIZED,
    };
    size_t old = NOWHERE;
    for (size_t i = 0; i < *records->count; i++)
        if (records->item[i].t_ns < since_ns)
            old = i;
    put_record(records, old, now_ns, desired);
    return stable;
}

static int64_t proposal_up(const struct hpa_rule *rule, int64_t start)
{
    if (rule->kind == HPA_RULE_PODS)
        return num_add_sat(start, rule->value);
    return num_to_int(ceil((double)start * (1 + (double)rule->value / 100.0)), INT32_MIN,
                      INT32_MAX);
}

static int64_t proposal_down(const struct hpa_rule *rule, int64_t start)
{
    if (rule->kind == HPA_RULE_PODS)
        return num_add_sat(start, -rule->value);
    return num_to_int((double)start * (1 - (double)rule->value / 100.0), INT32_MIN, INT32_MAX);
}

/* The count that the period of a rule began with. Ours of today gives room back that a change of
 * the other direction made; the old one does not. */
static int64_t start_of(enum hpa_semantics semantics, const struct hpa_limits *limits,
                        const struct hpa_rule *rule, int64_t now_ns, int64_t current, bool up)
{
    const bool modern = semantics == HPA_MODERN;
    const int64_t added =
        modern || up ? hpa_changed(&limits->up_events, now_ns, rule->period_ns) : 0;
    const int64_t removed =
        modern || !up ? hpa_changed(&limits->down_events, now_ns, rule->period_ns) : 0;
    return num_add_sat(num_add_sat(current, -added), removed);
}

static int64_t limit_of(enum hpa_semantics semantics, const struct hpa_limits *limits,
                        int64_t now_ns, int64_t current, bool up)
{
    const struct hpa_direction *direction = up ? limits->up : limits->down;
    if (direction->select == HPA_SELECT_DISABLED)
        return current;
    /* Up, Max is the largest proposal; down it is the smallest. */
    const bool largest = (direction->select == HPA_SELECT_MIN) != up;
    int64_t best = largest ? INT32_MIN : INT32_MAX;
    for (size_t i = 0; i < direction->policy_count; i++) {
        const struct hpa_rule *rule = &direction->policy[i];
        const int64_t start = start_of(semantics, limits, rule, now_ns, current, up);
        const int64_t proposal = up ? proposal_up(rule, start) : proposal_down(rule, start);
        best = largest ? larger(best, proposal) : smaller(best, proposal);
    }
    return best;
}

struct hpa_count hpa_limit(enum hpa_semantics semantics, const struct hpa_limits *limits,
                           int64_t now_ns, int64_t current, int64_t desired)
{
    struct hpa_count low = {limits->min, HPA_TOO_FEW_REPLICAS};
    struct hpa_count high = {limits->max, HPA_TOO_MANY_REPLICAS};
    if (desired == current)
        return (struct hpa_count){desired, HPA_DESIRED_WITHIN_RANGE};
    if (desired > current) {
        const int64_t limit = larger(limit_of(semantics, limits, now_ns, current, true), current);
        if (high.replicas > limit)
            high = (struct hpa_count){limit, HPA_SCALE_UP_LIMIT};
        low.replicas = INT32_MIN;
    } else {
        const int64_t limit = smaller(limit_of(semantics, limits, now_ns, current, false), current);
        if (low.replicas < limit)
            low = (struct hpa_count){limit, HPA_SCALE_DOWN_LIMIT};
        high.replicas = INT32_MAX;
    }
    return cut(desired, low, high);
}

/* ---- defaults ---- */

#define DEFAULT_PERIOD_NS (15 * SECOND_NS)
#define DEFAULT_PODS 4

void hpa_default_up(struct hpa_direction *direction)
{
    if (direction->window_ns < 0)
        direction->window_ns = 0;
    if (direction->policy_count > 0)
        return;
    direction->policy[0] = (struct hpa_rule){HPA_RULE_PODS, DEFAULT_PODS, DEFAULT_PERIOD_NS};
    direction->policy[1] = (struct hpa_rule){HPA_RULE_PERCENT, 100, DEFAULT_PERIOD_NS};
    direction->policy_count = 2;
}

void hpa_default_down(struct hpa_direction *direction, int64_t down_window_ns)
{
    if (direction->window_ns < 0)
        direction->window_ns = down_window_ns;
    if (direction->policy_count > 0)
        return;
    direction->policy[0] = (struct hpa_rule){HPA_RULE_PERCENT, 100, DEFAULT_PERIOD_NS};
    direction->policy_count = 1;
}
