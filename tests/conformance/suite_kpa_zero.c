/* suite_kpa_zero.c - the kinds of suite kpa that are one call each: the last replica, the states of
 * activity. */
#include "suite_kpa.h"

#include "base/duration.h"
#include "core/policy/kpa_zero.h"
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
