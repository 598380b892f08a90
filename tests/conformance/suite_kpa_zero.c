/* suite_kpa_zero.c - the kinds of suite kpa that are a function each: the last replica, the states
 * of activity, shares of a route, reports of a proxy. */
#include "suite_kpa.h"

#include "base/duration.h"
#include "core/policy/kpa_route.h"
#include "core/policy/kpa_zero.h"
#include "core/request_stats.h"
#include "trajectory.h"

static enum kpa_activity activity_of(const struct tree *object, const char *key)
{
    if (text_is(object, key, "active"))
        return KPA_ACTIVE;
    return text_is(object, key, "activating") ? KPA_ACTIVATING : KPA_INACTIVE;
}

static enum kpa_probe probe_of(const struct tree *object)
{
    if (text_is(object, "probe", "ok"))
        return KPA_PROBE_OK;
    return text_is(object, "probe", "no") ? KPA_PROBE_NO : KPA_PROBE_ERROR;
}

static int64_t seconds_of_member(const struct tree *object, const char *key)
{
    return ns_of_seconds(number_of_member(object, key, 0));
}

enum verdict kpa_scale_to_zero(const struct vector *v, struct buf *why)
{
    const struct tree *in = v->tree;
    const struct kpa_gate gate = {
        .desired = int_of_member(in, "desired", 0),
        .activity = activity_of(in, "active"),
        .in_state_ns = seconds_of_member(in, "in_state_s"),
        .in_route = text_is(in, "route_mode", "proxy"),
        .proxied_ns = seconds_of_member(in, "proxied_s"),
        .probe = probe_of(in),
        .to_zero = bool_of_member(in, "enable_scale_to_zero"),
        .grace_ns = seconds_of_member(in, "grace_s"),
        .retention_ns = seconds_of_member(in, "retention_s"),
        .stable_window_ns = seconds_of_member(in, "stable_window_s"),
        .progress_deadline_ns = seconds_of_member(in, "progress_deadline_s"),
        .burst_unlimited = text_is(in, "tbc", "-1"),
        .reachable = bool_of_member(in, "reachable"),
    };
    const struct kpa_gate_answer out = kpa_gate(&gate);
    const double requeue_s = out.requeue_ns < 0 ? -1 : seconds_of(out.requeue_ns);
    return same_int(why, 0, "desired", out.desired, int_of_member(in, "out_desired", 0)) &&
                   same_int(why, 0, "apply", out.apply, bool_of_member(in, "out_apply")) &&
                   same_number(why, 0, "requeue", requeue_s,
                               number_of_member(in, "out_requeue_s", 0), 0) &&
                   same_int(why, 0, "asked", out.asked, bool_of_member(in, "out_sync_probe")) &&
                   same_int(why, 0, "probing", out.probing, bool_of_member(in, "out_async_probe"))
               ? VERDICT_PASSED
               : VERDICT_FAILED;
}

enum verdict kpa_active_condition(const struct vector *v, struct buf *why)
{
    static const char *const reasons[] = {
        [KPA_NO_REASON] = "",
        [KPA_QUEUED] = "Queued",
        [KPA_TIMED_OUT] = "TimedOut",
        [KPA_NO_TRAFFIC] = "NoTraffic",
    };
    const struct tree *in = v->tree;
    const struct kpa_active_answer out = kpa_active(&(struct kpa_active){
        .initialized = bool_of_member(in, "initialized"),
        .min = int_of_member(in, "min_scale", 0),
        .initial = int_of_member(in, "initial_scale", 0),
        .prior = activity_of(in, "prior"),
        .want = int_of_member(in, "want", 0),
        .ready = int_of_member(in, "ready", 0),
    });
    if (!text_is(in, "out_reason", reasons[out.reason])) {
        buf_printf(why, "the reason is \"%s\"", reasons[out.reason]);
        return VERDICT_FAILED;
    }
    return same_int(why, 0, "activity", out.activity, activity_of(in, "out_state")) &&
                   same_int(why, 0, "threshold", out.threshold,
                            int_of_member(in, "out_threshold", -1)) &&
                   same_int(why, 0, "initialized", out.initialized,
                            bool_of_member(in, "out_initialized"))
               ? VERDICT_PASSED
               : VERDICT_FAILED;
}

enum verdict kpa_num_activators(const struct vector *v, struct buf *why)
{
    const struct tree *in = v->tree;
    const int64_t found =
        kpa_proxies(number_of_member(in, "tbc", 0), number_of_member(in, "total", 0),
                    int_of_member(in, "ready", 0), number_of_member(in, "activator_capacity", 0));
    return same_int(why, 0, "proxies", found, int_of_member(in, "out", -1)) ? VERDICT_PASSED
                                                                            : VERDICT_FAILED;
}

enum verdict kpa_pod_subset(const struct vector *v, struct buf *why)
{
    const int64_t self = int_of_member(v->tree, "self", -1);
    const struct tree *out = tree_get(v->tree, "out");
    const struct kpa_subset found = kpa_subset((size_t)int_of_member(v->tree, "pods", 0),
                                               (size_t)int_of_member(v->tree, "proxies", 0),
                                               self < 0 ? SIZE_MAX : (size_t)self);
    const size_t count = found.count + (found.extra != SIZE_MAX);
    if (!same_int(why, 0, "replicas", (int64_t)count, out != NULL ? (int64_t)out->count : 0))
        return VERDICT_FAILED;
    for (size_t i = 0; i < count; i++) {
        int64_t expected = -1;
        (void)tree_int(tree_at(out, i), &expected); /* indices are whole numbers */
        const size_t index = i < found.count ? found.first + i : found.extra;
        if (!same_int(why, i, "an index", (int64_t)index, expected))
            return VERDICT_FAILED;
    }
    return VERDICT_PASSED;
}

static bool same_report(struct buf *why, size_t step, const struct request_report *found,
                        const struct tree *event)
{
    const double numbers[] = {found->concurrency, found->concurrency_proxied,
                              (double)found->requests, (double)found->requests_proxied};
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        double expected = -1;
        (void)tree_number(tree_at(event, 2 + i), &expected); /* reports are numbers */
        if (!same_number(why, step, "a report", numbers[i], expected, 0))
            return false;
    }
    return true;
}

enum verdict kpa_request_stats(const struct vector *v, struct buf *why)
{
    struct request_stats stats;
    size_t step = 0;
    const struct tree *events = tree_get(v->tree, "ev");
    request_stats_init(&stats, 0);
    for (const struct tree *event = events->first; event != NULL; event = event->next, step++) {
        struct span what = {NULL, 0};
        int64_t t_us = 0;
        if (!tree_string(tree_at(event, 0), &what) || !tree_int(tree_at(event, 1), &t_us))
            return VERDICT_FAILED;
        const int64_t t_ns = t_us * MICROSECOND_NS;
        const bool proxied = span_starts_with(what, "p");
        if (span_equal_text(what, "r")) {
            const struct request_report report = request_stats_report(&stats, t_ns);
            if (!same_report(why, step, &report, event))
                return VERDICT_FAILED;
        } else if (span_ends_with(what, "i")) {
            request_stats_start(&stats, t_ns, proxied);
        } else {
            request_stats_end(&stats, t_ns, proxied);
        }
    }
    return VERDICT_PASSED;
}
