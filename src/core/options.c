/* options.c - the option rows of what stands under `autoscaling` in a pool: names, ranges, defaults
 * and help in one place. Tables only. */
#include <stddef.h>

#include "base/duration.h"
#include "core/opt_rows.h"
#include "core/spec.h"

#define MONTH_S (31 * DAY_S)

const struct opt_choice combine_choices[] = {
    {"max", COMBINE_MAX, "the largest proposal"},
    {"min", COMBINE_MIN, "the smallest proposal"},
    {"average", COMBINE_AVERAGE, "the mean, rounded up"},
    {"any-up-all-down", COMBINE_ANY_UP_ALL_DOWN, "up when one metric asks, down when all allow"},
    {"formula", COMBINE_FORMULA, "an expression over the needs of the metrics"},
    {NULL, 0, NULL},
};
const struct opt_choice role_choices[] = {
    {"none", ROLE_NONE, "the whole model"},
    {"frontend", ROLE_FRONTEND, "takes requests for other roles"},
    {"prefill", ROLE_PREFILL, "reads prompts"},
    {"decode", ROLE_DECODE, "generates tokens"},
    {NULL, 0, NULL},
};
const struct opt_choice mode_choices[] = {
    {"active", MODE_ACTIVE, "decide and apply"},
    {"observe", MODE_OBSERVE, "decide and record, apply nothing"},
    {NULL, 0, NULL},
};
static const struct opt_choice applies_choices[] = {
    {"down", COOLDOWN_DOWN, "only lowering waits"},
    {"both", COOLDOWN_BOTH, "raising and lowering wait"},
    {NULL, 0, NULL},
};
static const struct opt_choice capacity_choices[] = {
    {"on-demand", CAPACITY_ON_DEMAND, "billed while it runs"},
    {"spot", CAPACITY_SPOT, "cheap, taken back on notice"},
    {"reserved", CAPACITY_RESERVED, "paid for anyway"},
    {NULL, 0, NULL},
};

const struct opt metric_options[] = {
    TEXT_OPT("name", metric_spec, name, 0, "",
             "Name in a formula; unset is the type with _ for everything but letters and digits."),
    TEXT_OPT("type", metric_spec, type, OPT_FLAG_REQUIRED, "",
             "Signal that is measured, as \"tokens-in-queue\", \"ttft-p95\" or \"external:NAME\"."),
    TEXT_OPT("target", metric_spec, target_text, OPT_FLAG_REQUIRED, "",
             "Value aimed at, per replica for sums and rates: \"1000\", \"500ms\", \"70%\"."),
    DURATION_OPT("averagingWindow", metric_spec, window_ns, 1, DAY_S, 60,
                 "Time over which samples are put together."),
    DURATION_OPT("maxAge", metric_spec, max_age_ns, 0, DAY_S, 60,
                 "Older values count as unknown; 0 never does."),
    BOOL_OPT("required", metric_spec, required, 1,
             "While this metric is unknown the count is not lowered."),
};

const struct opt pace_options[] = {
    DURATION_OPT("stabilizationWindow", pace_spec, stabilization_ns, -1, 7 * DAY_S, -1,
                 "A change must be wanted during all of it; unset is the policy's own default."),
    UNSET_OPT("maxChangePercent", pace_spec, change_percent, 0, 1e6, "%",
              "Largest change per period in percent of the count at its begin."),
    INT_OPT("maxChangeAbsolute", pace_spec, change_absolute, -1, REPLICAS_MAX, -1, "replicas",
            "Largest change per period; -1 is no limit."),
    DURATION_OPT("period", pace_spec, period_ns, 0, DAY_S, 0,
                 "Period of the two limits; 0 is one tick."),
};

const struct opt behavior_options[] = {
    STRUCT_OPT("scaleUp", offsetof(struct behavior_spec, up), pace_options, "Pace of raising."),
    STRUCT_OPT("scaleDown", offsetof(struct behavior_spec, down), pace_options,
               "Pace of lowering."),
    DURATION_OPT("cooldownPeriod", behavior_spec, cooldown_ns, 0, 7 * DAY_S, 0,
                 "Wait after an applied change."),
    ENUM_OPT("cooldownApplies", behavior_spec, cooldown_applies, applies_choices, COOLDOWN_DOWN,
             "Which direction the wait holds."),
    NUMBER_OPT("tolerance", behavior_spec, tolerance, 0, 1, 0.1, "ratio",
               "A need within this ratio of the count changes nothing."),
};

const struct opt slo_options[] = {
    DURATION_OPT("ttft", slo_spec, ttft_ns, 0, 3600, 0, "Time to first token; 0 is no objective."),
    DURATION_OPT("ttftPerToken", slo_spec, ttft_per_token_ns, 0, 1, 0,
                 "Allowed on top of ttft for each token of the prompt."),
    DURATION_OPT("interTokenLatency", slo_spec, inter_token_ns, 0, 3600, 0,
                 "Time between two tokens; 0 is no objective."),
    DURATION_OPT("e2e", slo_spec, e2e_ns, 0, DAY_S, 0,
                 "Time of a whole answer; 0 is no objective."),
    NUMBER_OPT("tokensPerSecond", slo_spec, tokens_per_second, 0, 1e9, 0, "tokens/s",
               "Tokens per second of one request; 0 is no objective."),
    NUMBER_OPT("availabilityPercent", slo_spec, availability_percent, 0, 100, 0, "%",
               "Share of requests that must be answered; 0 is no objective."),
    NUMBER_OPT("attainmentPercent", slo_spec, attainment_percent, 1, 99.999, 99, "%",
               "Share of requests that must meet the objectives."),
};

static const struct opt breach_options[] = {
    BOOL_OPT("scaleUpImmediately", slo_target_spec, up_immediately, 1,
             "Raises for a missed objective pass the pace."),
    INT_OPT("maxScaleUp", slo_target_spec, max_scale_up, 0, REPLICAS_MAX, 10, "replicas",
            "Most that a missed objective adds per start-up time."),
};
static const struct opt safety_options[] = {
    NUMBER_OPT("requireHeadroom", slo_target_spec, require_headroom_percent, 0, 100, 0, "%",
               "Lowering needs latencies this much better than the objective; 0 asks for none."),
    DURATION_OPT("checkDuration", slo_target_spec, check_ns, 0, 7 * DAY_S, 600,
                 "How long the headroom must have been there."),
};
const struct opt slo_target_options[] = {
    BOOL_OPT("enabled", slo_target_spec, enabled, 0, "Answer missed objectives."),
    NUMBER_OPT("headroomPercent", slo_target_spec, headroom_percent, 0, 99, 20, "%",
               "A raise aims this much better than the objective."),
    STRUCT_OPT("breachResponse", 0, breach_options, "What a missed objective does."),
    STRUCT_OPT("scaleDownSafety", 0, safety_options, "What lowering needs."),
};

const struct opt schedule_options[] = {
    TEXT_OPT("name", schedule_spec, name, 0, "", "Shown in the trail."),
    TEXT_OPT("cron", schedule_spec, cron, OPT_FLAG_REQUIRED, "",
             "Five fields: minute, hour, day, month, weekday."),
    TEXT_OPT("timeZone", schedule_spec, zone, 0, "", "IANA name; empty is UTC."),
    INT_OPT("replicas", schedule_spec, replicas, 0, REPLICAS_MAX, 0, "replicas",
            "Floor from that time on."),
    DURATION_OPT("duration", schedule_spec, duration_ns, 0, MONTH_S, 0,
                 "Length; 0 is until the next schedule fires."),
};

const struct opt last_replica_options[] = {
    DURATION_OPT("grace", last_replica_spec, grace_ns, 0, DAY_S, 60,
                 "Time at one replica without demand before it is given up."),
    DURATION_OPT("retention", last_replica_spec, retention_ns, 0, 7 * DAY_S, 0,
                 "Time after the last byte served before the last replica is given up."),
};

const struct opt warm_options[] = {
    NUMBER_OPT("prewarmPercent", warm_spec, percent, 0, 100, 0, "%",
               "Share of the maximum that is kept warm."),
    DURATION_OPT("replenishDelay", warm_spec, replenish_delay_ns, 0, DAY_S, 30,
                 "Wait before used warm replicas are replaced."),
    INT_OPT("batchSize", warm_spec, batch, 0, REPLICAS_MAX, 2, "replicas",
            "Warm replicas started at once; 0 is all."),
    BOOL_OPT("useWarmPool", warm_spec, use, 1, "Raises take warm replicas first."),
};

static const struct opt_choice event_choices[] = {
    {"event", FORECAST_KIND_EVENT, "happens once: nothing is learned from it"},
    {"holiday", FORECAST_KIND_HOLIDAY,
     "comes again: the calendar predictor learns what it is like"},
    {NULL, 0, NULL},
};
static const struct opt event_options[] = {
    TEXT_OPT("from", forecast_event_spec, from_text, OPT_FLAG_REQUIRED, "",
             "Begin, as 2026-12-24T00:00:00+01:00."),
    TEXT_OPT("until", forecast_event_spec, until_text, OPT_FLAG_REQUIRED, "", "End."),
    ENUM_OPT("kind", forecast_event_spec, kind, event_choices, FORECAST_KIND_EVENT,
             "Whether it comes again."),
};
const struct opt forecast_options[] = {
    BOOL_OPT("enabled", forecast_spec, enabled, 0, "Raises to what a forecast needs."),
    DURATION_OPT("lookbackWindow", forecast_spec, lookback_ns, 3600, 90 * DAY_S, 7 * DAY_S,
                 "History that seasons are learned from."),
    DURATION_OPT("horizon", forecast_spec, horizon_ns, 60, DAY_S, 600,
                 "How far it looks ahead; the time of a start is a good choice."),
    NUMBER_OPT("minConfidence", forecast_spec, min_confidence, 0, 1, 0.7, "ratio",
               "Forecasts are not followed while 1 - usual error / usual level is less."),
    TEXT_OPT("signal", forecast_spec, signal, 0, "",
             "Signal that brings the forecast of a model of your own, in replicas one horizon "
             "ahead, as \"external:NAME\"; it is scored beside the others."),
    LIST_OPT("events", forecast_spec, event, event_count, event_options,
             "Dated times that are not like others: seasons do not learn from them."),
};

static const struct opt_choice action_choices[] = {
    {"scale-to-min", BUDGET_SCALE_TO_MIN, "lower to the minimum"},
    {"use-fallback-model", BUDGET_FALLBACK_MODEL, "the next pool of the model takes the requests"},
    {"enable-spot", BUDGET_ENABLE_SPOT, "all replicas may be spot"},
    {NULL, 0, NULL},
};
static const struct opt_choice interruption_choices[] = {
    {"any-class", INTERRUPTION_ANY_CLASS, "a replica of any class that is not taken back"},
    {"migrate-to-on-demand", INTERRUPTION_ON_DEMAND,
     "no spot replica at all is started until spotRest is over"},
    {NULL, 0, NULL},
};
static const struct opt step_options[] = {
    ENUM_OPT("action", budget_step_spec, action, action_choices, BUDGET_SCALE_TO_MIN,
             "What is done."),
    DURATION_OPT("after", budget_step_spec, after_ns, 0, DAY_S, 300,
                 "How long money is still spent after the step before it."),
};

const struct opt cost_options[] = {
    UNSET_OPT("maxCostPerHour", cost_spec, max_per_hour, 0, 1e12, "currency/h",
              "Replicas beyond this price are not started, and running ones are lowered to it."),
    UNSET_OPT("dailyBudget", cost_spec, daily_budget, 0, 1e12, "currency",
              "When it is spent nothing is added until the day (UTC) ends."),
    {.name = "onBudgetExceeded",
     .kind = OPT_LIST,
     .offset = offsetof(struct cost_spec, step),
     .size = sizeof(struct budget_step_spec),
     .unit = "",
     .help = "What else is done when the daily budget is spent, one after the other.",
     .sub = step_options,
     .sub_count = COUNT_OF(step_options),
     .count_offset = offsetof(struct cost_spec, step_count),
     .list_max = BUDGET_ACTIONS_MAX},
    UNSET_OPT("fallbackAtPercent", cost_spec, fallback_percent, 0, 100, "%",
              "From this share of the daily budget on the next pool of the model takes the "
              "requests."),
    NUMBER_OPT("maxSpotPercent", cost_spec, spot_max_percent, 0, 100, 100, "%",
               "Largest share of spot replicas."),
    UNSET_OPT("spotMaxPrice", cost_spec, spot_max_price, 0, 1e9, "currency/h",
              "Spot classes above this price are not used."),
    BOOL_OPT("preferSpot", cost_spec, spot_first, 1,
             "Spot replicas before on-demand ones, within their share; otherwise only when those "
             "are full."),
    BOOL_OPT("spreadSpot", cost_spec, spot_spread, 0,
             "Spot replicas evenly over their classes, not the cheapest first."),
    DURATION_OPT("spotRest", cost_spec, spot_rest_ns, 0, DAY_S, 600,
                 "A spot class of which replicas were taken back gets no new ones for so long."),
    ENUM_OPT("onInterruption", cost_spec, interruption, interruption_choices,
             INTERRUPTION_ANY_CLASS, "What takes the place of a spot replica under notice."),
    DURATION_OPT("interruptionTimeout", cost_spec, interruption_timeout_ns, 0, DAY_S, 30,
                 "A spot replica under notice for so long is drained, whether another one is ready "
                 "or not."),
};

const struct opt class_options[] = {
    TEXT_OPT("name", class_spec, name, OPT_FLAG_REQUIRED, "", "Name of the class."),
    TEXT_OPT("gpuType", class_spec, gpu_type, 0, "", "Kind of GPU."),
    TEXT_OPT("region", class_spec, region, 0, "", "Where it runs."),
    NUMBER_OPT("gpus", class_spec, gpus, 0, 1024, 1, "GPUs",
               "GPUs per replica; a fraction shares one by memory."),
    UNSET_OPT("pricePerHour", class_spec, price_per_hour, 0, 1e9, "currency/h",
              "Price of one replica."),
    NUMBER_OPT("capacityFactor", class_spec, capacity_factor, 0.001, 1000, 1, "ratio",
               "Capacity of a replica relative to the first class."),
    ENUM_OPT("capacity", class_spec, kind, capacity_choices, CAPACITY_ON_DEMAND,
             "How it is bought."),
    INT_OPT("maxReplicas", class_spec, replicas_max, 0, REPLICAS_MAX, REPLICAS_MAX, "replicas",
            "Most replicas of this class."),
};

const size_t metric_option_count = COUNT_OF(metric_options);
const size_t pace_option_count = COUNT_OF(pace_options);
const size_t behavior_option_count = COUNT_OF(behavior_options);
const size_t slo_option_count = COUNT_OF(slo_options);
const size_t slo_target_option_count = COUNT_OF(slo_target_options);
const size_t schedule_option_count = COUNT_OF(schedule_options);
const size_t last_replica_option_count = COUNT_OF(last_replica_options);
const size_t warm_option_count = COUNT_OF(warm_options);
const size_t forecast_option_count = COUNT_OF(forecast_options);
const size_t cost_option_count = COUNT_OF(cost_options);
const size_t class_option_count = COUNT_OF(class_options);
