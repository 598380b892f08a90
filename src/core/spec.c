/* spec.c - defaults and the checks that no single option row can make. */
#include "core/spec.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/duration.h"
#include "base/num.h"
#include "core/policy.h"

void pool_spec_defaults(struct pool_spec *spec)
{
    *spec = (struct pool_spec){
        .replicas_min = 1,
        .replicas_max = 1,
        .max_unready = 3,
        .residence_ns = 5 * MINUTE_NS,
        .class_count = 1,
    };
    opt_defaults(behavior_options, behavior_option_count, &spec->behavior);
    opt_defaults(slo_options, slo_option_count, &spec->slo);
    opt_defaults(slo_target_options, slo_target_option_count, &spec->slo_target);
    opt_defaults(last_replica_options, last_replica_option_count, &spec->last_replica);
    opt_defaults(warm_options, warm_option_count, &spec->warm);
    opt_defaults(forecast_options, forecast_option_count, &spec->forecast);
    opt_defaults(cost_options, cost_option_count, &spec->cost);
    opt_defaults(class_options, class_option_count, &spec->class_[0]);
    memcpy(spec->class_[0].name, "default", sizeof("default"));
}

/* ---- metrics ---- */

/* Utilisations and other shares: 70 and 70% mean 0.70. Above 1.5 nothing but percent is meant. */
static enum rc parse_ratio(struct span text, double *ret)
{
    const bool percent = span_ends_with(text, "%");
    if (percent)
        text.len--;
    double value = 0;
    const enum rc rc = num_parse_quantity(text, &value);
    if (rc == RC_OK)
        *ret = percent || value > 1.5 ? value / 100 : value;
    return rc;
}

static enum rc parse_seconds(struct span text, double *ret)
{
    int64_t ns = 0;
    if (num_parse_quantity(text, ret) == RC_OK && !span_ends_with(text, "m"))
        return RC_OK; /* plain seconds; "5m" is five minutes, not five thousandths */
    const enum rc rc = duration_parse(text, &ns);
    if (rc == RC_OK)
        *ret = seconds_of(ns);
    return rc;
}

enum rc metric_spec_resolve(struct metric_spec *metric, struct diag *diag)
{
    struct signal_ref signal;
    enum rc rc = signal_parse(span_from(metric->type), &signal, diag);
    if (rc != RC_OK) {
        diag_at(diag, "type");
        return rc;
    }
    const struct signal_row *row = signal_row(signal.id);
    const struct span text = span_from(metric->target_text);
    double target = 0;
    if (strcmp(row->unit, "s") == 0)
        rc = parse_seconds(text, &target);
    else if (strcmp(row->unit, "ratio") == 0)
        rc = parse_ratio(text, &target);
    else
        rc = num_parse_quantity(text, &target);
    if (rc != RC_OK)
        rc = fail(diag, RC_SYNTAX, "\"%s\" is no target for %s, which is measured in %s",
                  metric->target_text, metric->type, row->unit[0] == '\0' ? "numbers" : row->unit);
    else if (!(target > 0 && target <= row->ceiling))
        rc = fail(diag, RC_RANGE, "a target of %s must be above zero and not absurd, not \"%s\"",
                  metric->type, metric->target_text);
    if (rc != RC_OK) {
        diag_at(diag, "target");
        return rc;
    }
    metric->signal = signal;
    metric->target = target;
    return RC_OK;
}

/* Letters, digits and underscores, not beginning with a digit. */
static bool is_formula_name(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
    return strspn(name, letters) == strlen(name) && (name[0] < '0' || name[0] > '9');
}

static enum rc metric_name(const struct metric_spec *metric, char ret[NAME_SIZE], struct diag *diag)
{
    memcpy(ret, metric->name[0] != '\0' ? metric->name : metric->type, NAME_SIZE);
    for (char *c = ret; metric->name[0] == '\0' && *c != '\0'; c++)
        if (!is_formula_name((char[2]){*c, '\0'}) && (*c < '0' || *c > '9'))
            *c = '_';
    if (!is_formula_name(ret))
        return fail(
            diag, RC_INVALID,
            "\"%s\" is no name for a formula: letters, digits and _ are, not beginning with "
            "a digit",
            ret);
    return RC_OK;
}

static enum rc resolve_event(struct forecast_event_spec *event, struct diag *diag)
{
    const struct {
        const char *name;
        const char *text;
        int64_t *ret_ns;
    } ends[] = {{"from", event->from_text, &event->from_ns},
                {"until", event->until_text, &event->until_ns}};
    for (size_t i = 0; i < COUNT_OF(ends); i++)
        if (time_parse_rfc3339(span_from(ends[i].text), ends[i].ret_ns) != RC_OK)
            return fail(diag, RC_SYNTAX,
                        "%s is \"%s\": a time is written as 2026-12-24T00:00:00+01:00",
                        ends[i].name, ends[i].text);
    if (event->until_ns <= event->from_ns)
        return fail(diag, RC_RANGE, "until \"%s\" is not after from \"%s\"", event->until_text,
                    event->from_text);
    return RC_OK;
}

enum rc pool_spec_resolve_forecast(struct pool_spec *spec, struct diag *diag)
{
    struct signal_ref signal;
    struct forecast_spec *f = &spec->forecast;
    for (size_t i = 0; i < f->event_count; i++) {
        const enum rc rc = resolve_event(&f->event[i], diag);
        if (rc != RC_OK) {
            diag_at(diag, "events[%zu]", i);
            return rc;
        }
    }
    if (f->signal[0] == '\0' || (signal_parse(span_from(f->signal), &signal, NULL) == RC_OK &&
                                 signal.id == SIGNAL_EXTERNAL))
        return RC_OK;
    (void)fail(diag, RC_INVALID, "\"%s\" is no signal of a source: \"external:NAME\" is",
               f->signal);
    diag_at(diag, "signal");
    return RC_INVALID;
}

enum rc pool_spec_resolve_formula(struct pool_spec *spec, struct diag *diag)
{
    char text[METRICS_PER_POOL_MAX][NAME_SIZE];
    const char *names[METRICS_PER_POOL_MAX];
    if (spec->formula_text[0] == '\0')
        return fail(diag, RC_MISSING, "strategy formula needs a formula");
    for (size_t i = 0; i < spec->metric_count; i++) {
        const enum rc rc = metric_name(&spec->metric[i], text[i], diag);
        if (rc != RC_OK)
            return rc;
        names[i] = text[i];
        for (size_t k = 0; k < i; k++)
            if (strcmp(names[k], names[i]) == 0)
                return fail(diag, RC_DUPLICATE,
                            "two metrics are named \"%s\" in the formula; give one a name",
                            names[i]);
    }
    return formula_parse(span_from(spec->formula_text), names, spec->metric_count, &spec->formula,
                         diag);
}

static enum rc check_metric(const struct metric_spec *metric, struct diag *diag)
{
    const struct series_need need = series_need_of_metric(metric);
    if (!(metric->target > 0) || !isfinite(metric->target))
        return fail(diag, RC_RANGE, "the target must be a number above zero");
    if (metric->max_age_ns < 0)
        return fail(diag, RC_RANGE, "maxAge must not be negative");
    if (metric->window_ns <= 0 || series_size(&need) == 0)
        return fail(diag, RC_RANGE, "the averaging window is out of range");
    return RC_OK;
}

static enum rc check_metrics(const struct pool_spec *spec, struct diag *diag)
{
    if (spec->metric_count > METRICS_PER_POOL_MAX)
        return fail(diag, RC_LIMIT, "a pool has at most %d metrics", METRICS_PER_POOL_MAX);
    for (size_t i = 0; i < spec->metric_count; i++) {
        const enum rc rc = check_metric(&spec->metric[i], diag);
        if (rc != RC_OK) {
            diag_at(diag, "metrics[%zu]", i);
            return rc;
        }
    }
    if (spec->combine == COMBINE_FORMULA && spec->formula.count == 0)
        return fail(diag, RC_MISSING, "strategy formula needs a formula");
    if (spec->combine < COMBINE_MAX || spec->combine > COMBINE_FORMULA)
        return fail(diag, RC_INVALID, "combine has no kind %d", spec->combine);
    return RC_OK;
}

/* ---- numbers ---- */

/* A double that must lie in a range; NAN passes only where "unset" is a value. */
struct number_check {
    const char *where;
    double value;
    double min;
    double max;
    bool may_be_unset;
};

static enum rc check_numbers(const struct number_check *rows, size_t n, struct diag *diag)
{
    for (size_t i = 0; i < n; i++) {
        const struct number_check *row = &rows[i];
        if (row->may_be_unset && isnan(row->value))
            continue;
        if (row->value >= row->min && row->value <= row->max)
            continue;
        char value[NUM_TEXT_MAX];
        char min[NUM_TEXT_MAX];
        char max[NUM_TEXT_MAX];
        (void)num_print(row->value, value);
        (void)num_print(row->min, min);
        (void)num_print(row->max, max);
        (void)fail(diag, RC_RANGE, "%s is out of range, %s to %s is allowed", value, min, max);
        diag_at(diag, "%s", row->where);
        return RC_RANGE;
    }
    return RC_OK;
}

static enum rc check_pace(const struct pace_spec *pace, const char *where, struct diag *diag)
{
    const struct number_check rows[] = {
        {"maxChangePercent", pace->change_percent, 0, 1e6, true},
        {"maxChangeAbsolute", (double)pace->change_absolute, -1, REPLICAS_MAX, false},
        {"period", seconds_of(pace->period_ns), 0, 86400, false},
        {"stabilizationWindow", seconds_of(pace->stabilization_ns), -1, 7 * 86400, false},
    };
    const enum rc rc = check_numbers(rows, COUNT_OF(rows), diag);
    if (rc != RC_OK)
        diag_at(diag, "behavior.%s", where);
    return rc;
}

static enum rc check_values(const struct pool_spec *s, struct diag *diag)
{
    const struct number_check rows[] = {
        {"maxUnready", (double)s->max_unready, 1, REPLICAS_MAX, false},
        {"concurrency.limit", (double)s->concurrency_limit, 0, 1e9, false},
        {"residence", seconds_of(s->residence_ns), 0, 31 * 86400, false},
        {"behavior.cooldownPeriod", seconds_of(s->behavior.cooldown_ns), 0, 7 * 86400, false},
        {"behavior.tolerance", s->behavior.tolerance, 0, 1, false},
        {"slo.ttft", seconds_of(s->slo.ttft_ns), 0, 3600, false},
        {"slo.interTokenLatency", seconds_of(s->slo.inter_token_ns), 0, 3600, false},
        {"slo.e2e", seconds_of(s->slo.e2e_ns), 0, 86400, false},
        {"slo.tokensPerSecond", s->slo.tokens_per_second, 0, 1e9, false},
        {"slo.availabilityPercent", s->slo.availability_percent, 0, 100, false},
        {"slo.attainmentPercent", s->slo.attainment_percent, 1, 99.999, false},
        {"sloTarget.headroomPercent", s->slo_target.headroom_percent, 0, 99, false},
        {"sloTarget.maxScaleUp", (double)s->slo_target.max_scale_up, 0, REPLICAS_MAX, false},
        {"sloTarget.requireHeadroom", s->slo_target.require_headroom_percent, 0, 100, false},
        {"sloTarget.checkDuration", seconds_of(s->slo_target.check_ns), 0, 7 * 86400, false},
        {"lastReplica.grace", seconds_of(s->last_replica.grace_ns), 0, 86400, false},
        {"lastReplica.retention", seconds_of(s->last_replica.retention_ns), 0, 7 * 86400, false},
        {"warm.prewarmPercent", s->warm.percent, 0, 100, false},
        {"warm.replenishDelay", seconds_of(s->warm.replenish_delay_ns), 0, 86400, false},
        {"warm.batchSize", (double)s->warm.batch, 0, REPLICAS_MAX, false},
        {"predictive.lookbackWindow", seconds_of(s->forecast.lookback_ns), 3600, 90 * 86400, false},
        {"predictive.horizon", seconds_of(s->forecast.horizon_ns), 60, 86400, false},
        {"predictive.minConfidence", s->forecast.min_confidence, 0, 1, false},
        {"cost.maxCostPerHour", s->cost.max_per_hour, 0, 1e12, true},
        {"cost.dailyBudget", s->cost.daily_budget, 0, 1e12, true},
        {"cost.fallbackAtPercent", s->cost.fallback_percent, 0, 100, true},
        {"cost.spotRest", seconds_of(s->cost.spot_rest_ns), 0, 86400, false},
        {"cost.interruptionTimeout", seconds_of(s->cost.interruption_timeout_ns), 0, 86400, false},
        {"cost.maxSpotPercent", s->cost.spot_max_percent, 0, 100, false},
        {"cost.spotMaxPrice", s->cost.spot_max_price, 0, 1e9, true},
    };
    enum rc rc = check_numbers(rows, COUNT_OF(rows), diag);
    if (rc == RC_OK)
        rc = check_pace(&s->behavior.up, "scaleUp", diag);
    if (rc == RC_OK)
        rc = check_pace(&s->behavior.down, "scaleDown", diag);
    return rc;
}

static enum rc check_class(const struct pool_spec *spec, size_t index, struct diag *diag)
{
    const struct class_spec *class = &spec->class_[index];
    const struct number_check rows[] = {
        {"gpus", class->gpus, 0, 1024, false},
        {"pricePerHour", class->price_per_hour, 0, 1e9, true},
        {"capacityFactor", class->capacity_factor, 0.001, 1000, false},
        {"capacity", (double)class->kind, 0, CAPACITY_RESERVED, false},
        {"maxReplicas", (double)class->replicas_max, 0, REPLICAS_MAX, false},
    };
    const enum rc rc = check_numbers(rows, COUNT_OF(rows), diag);
    if (rc != RC_OK)
        return rc;
    for (size_t i = 0; i < index; i++)
        if (strcmp(spec->class_[i].name, class->name) == 0)
            return fail(diag, RC_DUPLICATE, "two classes are named \"%s\"", class->name);
    return RC_OK;
}

static enum rc check_lists(const struct pool_spec *spec, struct diag *diag)
{
    if (spec->class_count > CLASSES_PER_POOL_MAX || spec->schedule_count > SCHEDULES_MAX ||
        spec->shadow_count > SHADOWS_PER_POOL_MAX)
        return fail(diag, RC_LIMIT, "a pool has at most %d classes, %d schedules and %d shadows",
                    CLASSES_PER_POOL_MAX, SCHEDULES_MAX, SHADOWS_PER_POOL_MAX);
    for (size_t i = 0; i < spec->class_count; i++) {
        const enum rc rc = check_class(spec, i, diag);
        if (rc != RC_OK) {
            diag_at(diag, "classes[%zu]", i);
            return rc;
        }
    }
    for (size_t i = 0; i < spec->schedule_count; i++)
        if (spec->schedule[i].replicas < 0 || spec->schedule[i].replicas > REPLICAS_MAX) {
            (void)fail(diag, RC_RANGE, "%" PRId64 " replicas; 0 to %d are allowed",
                       spec->schedule[i].replicas, REPLICAS_MAX);
            diag_at(diag, "schedules[%zu].replicas", i);
            return RC_RANGE;
        }
    return RC_OK;
}

/* ---- policies ---- */

static enum rc check_policy(const struct pool_spec *spec, const struct policy_ops *policy,
                            const void *config, struct diag *diag)
{
    if (policy->propose_metric != NULL && spec->metric_count == 0)
        return fail(diag, RC_MISSING, "policy %s needs at least one metric", policy->name);
    if (policy->check != NULL)
        return policy->check(spec, config, diag);
    return RC_OK;
}

static enum rc check_policies(const struct pool_spec *spec, struct diag *diag)
{
    if (spec->policy == NULL)
        return fail(diag, RC_MISSING, "a pool needs a policy");
    enum rc rc = check_policy(spec, spec->policy, spec->policy_config, diag);
    if (rc != RC_OK) {
        diag_at(diag, "policy");
        return rc;
    }
    for (size_t i = 0; i < spec->shadow_count; i++) {
        if (spec->shadow[i].policy == NULL)
            return fail(diag, RC_MISSING, "shadow %zu names no policy", i);
        rc = check_policy(spec, spec->shadow[i].policy, spec->shadow[i].config, diag);
        if (rc != RC_OK) {
            diag_at(diag, "shadow[%zu]", i);
            return rc;
        }
    }
    return RC_OK;
}

static enum rc check_meaning(const struct pool_spec *spec, struct diag *diag)
{
    if (spec->slo_target.enabled && spec->slo.ttft_ns <= 0 && spec->slo.inter_token_ns <= 0 &&
        spec->slo.e2e_ns <= 0)
        return fail(diag, RC_MISSING,
                    "sloTarget needs an objective: slo.ttft, slo.interTokenLatency or slo.e2e");
    if (spec->role < ROLE_NONE || spec->role > ROLE_DECODE)
        return fail(diag, RC_INVALID, "role has no kind %d", spec->role);
    if (spec->mode < MODE_ACTIVE || spec->mode > MODE_OBSERVE)
        return fail(diag, RC_INVALID, "mode has no kind %d", spec->mode);
    if (spec->behavior.cooldown_applies < COOLDOWN_DOWN ||
        spec->behavior.cooldown_applies > COOLDOWN_BOTH)
        return fail(diag, RC_INVALID, "cooldownApplies has no kind %d",
                    spec->behavior.cooldown_applies);
    return RC_OK;
}

enum rc pool_spec_check(const struct pool_spec *spec, struct diag *diag)
{
    if (spec->name[0] == '\0')
        return fail(diag, RC_MISSING, "a pool needs a name");
    if (spec->replicas_min < 0 || spec->replicas_max > REPLICAS_MAX)
        return fail(diag, RC_RANGE,
                    "minReplicas %" PRId64 " and maxReplicas %" PRId64 ": 0 to %d are allowed",
                    spec->replicas_min, spec->replicas_max, REPLICAS_MAX);
    if (spec->replicas_min > spec->replicas_max)
        return fail(diag, RC_RANGE,
                    "minReplicas %" PRId64 " is above maxReplicas %" PRId64 "; are they swapped?",
                    spec->replicas_min, spec->replicas_max);
    enum rc rc = check_meaning(spec, diag);
    if (rc == RC_OK)
        rc = check_values(spec, diag);
    if (rc == RC_OK)
        rc = check_lists(spec, diag);
    if (rc == RC_OK)
        rc = check_metrics(spec, diag);
    if (rc == RC_OK)
        rc = check_policies(spec, diag);
    return rc;
}
