/* keda_options.c - the option rows of policy keda, and the checks that no single row can make. */
#include <string.h>

#include "base/duration.h"
#include "core/opt_rows.h"
#include "core/policy/hpa_metric.h"
#include "core/policy/keda.h"

static const struct opt_choice type_choices[] = {
    {"external", KEDA_EXTERNAL, "a number from outside"},
    {"resource", KEDA_RESOURCE, "cpu or memory of each pod"},
    {NULL, 0, NULL},
};
static const struct opt_choice metric_type_choices[] = {
    {"AverageValue", HPA_AVERAGE_VALUE, "per replica"},
    {"Value", HPA_VALUE, "as it is"},
    {"Utilization", HPA_UTILIZATION, "percent of what the pods request; of resources only"},
    {NULL, 0, NULL},
};
static const struct opt_choice formula_type_choices[] = {
    {"AverageValue", HPA_AVERAGE_VALUE, "per replica"},
    {"Value", HPA_VALUE, "as it is"},
    {NULL, 0, NULL},
};
static const struct opt_choice fallback_choices[] = {
    {"static", KEDA_STATIC, "the replicas named here"},
    {"currentReplicas", KEDA_CURRENT, "as many as there are"},
    {"currentReplicasIfHigher", KEDA_CURRENT_IF_HIGHER, "the larger of both"},
    {"currentReplicasIfLower", KEDA_CURRENT_IF_LOWER, "the smaller of both"},
    {"scalingModifiers", KEDA_SCALING_MODIFIERS,
     "the formula decides with ??; the replicas named here where it has no value"},
    {NULL, 0, NULL},
};

static const struct opt trigger_rows[] = {
    ENUM_OPT("type", keda_trigger, type, type_choices, KEDA_EXTERNAL, "Where it comes from."),
    TEXT_OPT("name", keda_trigger, name, 0, "", "In the formula."),
    TEXT_OPT("signal", keda_trigger, signal, OPT_FLAG_REQUIRED, "",
             "A signal of the catalogue, the NAME of external:NAME, or cpu or memory."),
    ENUM_OPT("metricType", keda_trigger, metric_type, metric_type_choices, HPA_AVERAGE_VALUE,
             "What the threshold is compared with."),
    {.name = "threshold",
     .kind = OPT_QUANTITY,
     .flags = OPT_FLAG_REQUIRED,
     .offset = offsetof(struct keda_trigger, threshold),
     .min = 0.001,
     .max = 1e12,
     .def = 1,
     .unit = "",
     .help = "Aimed at; a whole percent for Utilization."},
    NUMBER_OPT("activationThreshold", keda_trigger, activation, 0, 1e12, 0, "",
               "The trigger is active above it."),
    BOOL_OPT(
        "useCachedMetrics", keda_trigger, cached, 0,
        "Between two polls the HorizontalPodAutoscaler gets what the last poll found; otherwise "
        "it looks itself at every turn."),
    BOOL_OPT("ignoreNullValues", keda_trigger, null_is_zero, 1,
             "Nothing measured is 0, as in the peer; of a guarded pool it still lowers nothing."),
};

const struct opt keda_options[KEDA_OPTION_COUNT] = {
    DURATION_OPT("pollingInterval", keda_config, poll_ns, 1, 3600, 30,
                 "Time between two looks at whether a trigger is active."),
    DURATION_OPT("cooldownPeriod", keda_config, cooldown_ns, 0, 7 * DAY_S, 300,
                 "From the last activity on, before the idle count is set."),
    DURATION_OPT("initialCooldownPeriod", keda_config, initial_cooldown_ns, 0, 7 * DAY_S, 0,
                 "The same from the begin on, while there was no activity yet."),
    INT_OPT("idleReplicas", keda_config, idle, -1, REPLICAS_MAX, -1, "replicas",
            "While no trigger is active; below minReplicas, -1 is unset."),
    INT_OPT("minReplicas", keda_config, min, -1, REPLICAS_MAX, -1, "replicas",
            "While a trigger is active; -1 is the minimum of the pool."),
    BOOL_OPT("paused", keda_config, paused, 0, "What is there stays."),
    INT_OPT("pausedReplicas", keda_config, paused_at, -1, REPLICAS_MAX, -1, "replicas",
            "This count is set and stays; -1 is unset."),
    BOOL_OPT("pausedScaleIn", keda_config, hpa.down_paused, 0, "Nothing is lowered."),
    BOOL_OPT("pausedScaleOut", keda_config, hpa.up_paused, 0, "Nothing is raised."),
    BOOL_OPT("forceActivation", keda_config, force, 0, "Active, whatever the triggers say."),
    LIST_OPT("triggers", keda_config, trigger, trigger_count, trigger_rows,
             "What is followed; none are the metrics of the pool."),
    {.name = "hpa",
     .kind = OPT_STRUCT,
     .offset = offsetof(struct keda_config, hpa),
     .unit = "",
     .help = "The HorizontalPodAutoscaler between one replica and the maximum.",
     .sub = hpa_options,
     .sub_count = HPA_OPTION_COUNT - 1}, /* without metrics: those are the triggers */
    INT_OPT("failureThreshold", keda_config, fallback.failures, -1, REPLICAS_MAX, -1, "failures",
            "More failures of a trigger in a row bring the fallback; -1 is no fallback."),
    INT_OPT("fallbackReplicas", keda_config, fallback.replicas, 0, REPLICAS_MAX, 0, "replicas",
            "While a trigger fails."),
    ENUM_OPT("fallbackBehavior", keda_config, fallback.behavior, fallback_choices, KEDA_STATIC,
             "What the fallback comes to."),
    {.name = "formula",
     .kind = OPT_TEXT,
     .offset = offsetof(struct keda_config, formula),
     .size = TEXT_SIZE,
     .def_text = "",
     .unit = "",
     .help = "One number out of the external triggers by name; takes the place of them."},
    NUMBER_OPT("formulaTarget", keda_config, target, 0, 1e12, 0, "", "Aimed at with a formula."),
    NUMBER_OPT("formulaActivation", keda_config, activation_target, 0, 1e12, 0, "",
               "With a formula: active above it."),
    ENUM_OPT("formulaMetricType", keda_config, formula_metric_type, formula_type_choices,
             HPA_AVERAGE_VALUE, "What formulaTarget is compared with."),
};

static enum rc check_trigger(const struct keda_trigger *trigger, struct diag *diag)
{
    const bool resource = trigger->type == KEDA_RESOURCE;
    const struct hpa_metric metric = keda_metric_of(trigger);
    if (resource && strcmp(trigger->signal, "cpu") != 0 && strcmp(trigger->signal, "memory") != 0)
        return fail(diag, RC_INVALID, "a resource is cpu or memory, not \"%s\"", trigger->signal);
    return hpa_metric_check(&metric, diag);
}

static enum rc check_formula(const struct keda_config *config, struct diag *diag)
{
    struct formula formula;
    const char *names[METRICS_PER_POOL_MAX];
    if (config->trigger_count == 0)
        return fail(diag, RC_MISSING, "a formula reads triggers, and there are none");
    if (!(config->target > 0))
        return fail(diag, RC_MISSING, "a formula needs a formulaTarget above 0");
    for (size_t i = 0; i < config->trigger_count; i++) {
        names[i] = config->trigger[i].name;
        if (config->trigger[i].type == KEDA_EXTERNAL && names[i][0] == '\0')
            return fail(diag, RC_MISSING, "triggers[%zu] needs a name for the formula", i);
        for (size_t k = 0; k < i; k++)
            if (names[i][0] != '\0' && strcmp(names[i], names[k]) == 0)
                return fail(diag, RC_DUPLICATE, "two triggers are named \"%s\"", names[i]);
    }
    const enum rc rc =
        formula_parse(span_from(config->formula), names, config->trigger_count, &formula, diag);
    for (size_t i = 0; i < config->trigger_count && rc == RC_OK; i++)
        if (config->trigger[i].type == KEDA_RESOURCE && (formula.used >> i & 1) != 0)
            return fail(diag, RC_INVALID, "the formula reads \"%s\", which is a resource",
                        names[i]);
    return rc;
}

enum rc keda_check(const struct pool_spec *pool, const void *config_, struct diag *diag)
{
    const struct keda_config *config = config_;
    const int64_t min = config->min >= 0 ? config->min : pool->replicas_min;
    if (config->poll_ns < SECOND_NS || config->poll_ns % SECOND_NS != 0)
        return fail(diag, RC_RANGE, "pollingInterval is whole seconds, at least 1");
    if (config->hpa.period_ns < SECOND_NS || config->hpa.period_ns % SECOND_NS != 0)
        return fail(diag, RC_RANGE, "hpa.period is whole seconds, at least 1");
    if (min > pool->replicas_max)
        return fail(diag, RC_RANGE, "minReplicas is above the maximum of the pool");
    if (config->idle >= 0 && config->idle >= min)
        return fail(diag, RC_RANGE, "idleReplicas is below minReplicas, or unset");
    if (config->fallback.behavior == KEDA_SCALING_MODIFIERS && config->formula[0] == '\0')
        return fail(diag, RC_MISSING, "fallbackBehavior scalingModifiers needs a formula");
    for (size_t i = 0; i < config->trigger_count; i++) {
        const enum rc rc = check_trigger(&config->trigger[i], diag);
        if (rc != RC_OK) {
            diag_at(diag, "keda.triggers[%zu]", i);
            return rc;
        }
    }
    return config->formula[0] == '\0' ? RC_OK : check_formula(config, diag);
}
