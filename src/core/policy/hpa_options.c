/* hpa_options.c - the option rows of policy hpa. Tables only. */
#include "base/rc.h"
#include "core/opt_rows.h"
#include "core/policy/hpa.h"

static const struct opt_choice semantics_choices[] = {
    {"k8s-modern", HPA_MODERN, "Kubernetes 1.33 and later"},
    {"k8s-1.20.2", HPA_1_20_2, "Kubernetes 1.20.2"},
    {NULL, 0, NULL},
};
static const struct opt_choice rule_choices[] = {
    {"Pods", HPA_RULE_PODS, "a number of replicas"},
    {"Percent", HPA_RULE_PERCENT, "a share of the replicas"},
    {NULL, 0, NULL},
};
static const struct opt_choice select_choices[] = {
    {"Max", HPA_SELECT_MAX, "the policy that allows most"},
    {"Min", HPA_SELECT_MIN, "the policy that allows least"},
    {"Disabled", HPA_SELECT_DISABLED, "no change in this direction"},
    {NULL, 0, NULL},
};
static const struct opt_choice source_choices[] = {
    {"Resource", HPA_RESOURCE, "cpu or memory of each pod"},
    {"ContainerResource", HPA_CONTAINER_RESOURCE, "cpu or memory of one container of each pod"},
    {"Pods", HPA_PODS, "a metric of each pod"},
    {"Object", HPA_OBJECT, "a metric of one other object"},
    {"External", HPA_EXTERNAL, "a metric from outside"},
    {NULL, 0, NULL},
};
static const struct opt_choice target_choices[] = {
    {"Utilization", HPA_UTILIZATION, "percent of what the pods request"},
    {"AverageValue", HPA_AVERAGE_VALUE, "per replica"},
    {"Value", HPA_VALUE, "as it is"},
    {NULL, 0, NULL},
};

static const struct opt rule_options[] = {
    ENUM_OPT("type", hpa_rule, kind, rule_choices, HPA_RULE_PODS, "What the value counts."),
    INT_OPT("value", hpa_rule, value, 1, REPLICAS_MAX, 1, "replicas or %",
            "Largest change within the period."),
    DURATION_OPT("period", hpa_rule, period_ns, 1, 1800, 15, "Period of the change."),
};
static const struct opt direction_options[] = {
    DURATION_OPT("stabilizationWindow", hpa_direction, window_ns, -1, 3600, -1,
                 "A change must be wanted during all of it; unset is 0 up, and the controller's "
                 "window down."),
    ENUM_OPT("selectPolicy", hpa_direction, select, select_choices, HPA_SELECT_MAX,
             "Which of the policies counts."),
    UNSET_OPT("tolerance", hpa_direction, tolerance, 0, 1, "ratio",
              "Of this direction; unset is the controller's."),
    LIST_OPT("policies", hpa_direction, policy, policy_count, rule_options,
             "Limits of change; none are 4 pods or 100 % per 15 s up, 100 % per 15 s down."),
};
static const struct opt metric_rows[] = {
    ENUM_OPT("type", hpa_metric, source, source_choices, HPA_EXTERNAL, "Where it comes from."),
    TEXT_OPT("name", hpa_metric, name, OPT_FLAG_REQUIRED, "",
             "A signal of the catalogue, or the NAME of external:NAME."),
    TEXT_OPT("container", hpa_metric, container, 0, "", "Of a ContainerResource."),
    ENUM_OPT("targetType", hpa_metric, target, target_choices, HPA_AVERAGE_VALUE,
             "What the target is compared with."),
    {.name = "target",
     .kind = OPT_QUANTITY,
     .flags = OPT_FLAG_REQUIRED,
     .offset = offsetof(struct hpa_metric, value),
     .min = 0.001,
     .max = 1e12,
     .def = 1,
     .unit = "",
     .help = "Aimed at; a whole percent for Utilization."},
};

const struct opt hpa_options[HPA_OPTION_COUNT] = {
    ENUM_OPT("semantics", hpa_config, semantics, semantics_choices, HPA_MODERN,
             "Whose numbers are computed."),
    DURATION_OPT("period", hpa_config, period_ns, 1, 3600, 15, "Time between two evaluations."),
    NUMBER_OPT("tolerance", hpa_config, tolerance, 0, 1, 0.1, "ratio",
               "Deviation from a target that changes nothing."),
    DURATION_OPT("downscaleStabilization", hpa_config, down_window_ns, 0, 3600, 300,
                 "The largest number of this window holds lowering."),
    DURATION_OPT("cpuInitializationPeriod", hpa_config, cpu_init_ns, 0, 3600, 300,
                 "A pod younger than this counts for cpu only when it was ready while measured."),
    DURATION_OPT("initialReadinessDelay", hpa_config, readiness_delay_ns, 0, 3600, 30,
                 "A pod that became unready so soon after its start never was ready."),
    BOOL_OPT("useBehavior", hpa_config, behave, 0,
             "Damp by scaleUp and scaleDown, as an HPA with `behavior`; otherwise at most twice "
             "the replicas, or 4, and the window above."),
    STRUCT_OPT("scaleUp", offsetof(struct hpa_config, up), direction_options, "Raising."),
    STRUCT_OPT("scaleDown", offsetof(struct hpa_config, down), direction_options, "Lowering."),
    LIST_OPT("metrics", hpa_config, metric, metric_count, metric_rows,
             "What is followed; none are the metrics of the pool."),
};
