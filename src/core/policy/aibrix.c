/* aibrix.c - AIBrix' PodAutoscaler, strategies KPA and APA: averages per pod against targets, the
 * largest of the metrics, then a cooldown. Exact semantics: conformance/aibrix. Three defects of
 * the peer are corrected unless the configuration says otherwise. */
#include "core/policy/aibrix.h"

#include <math.h>
#include <string.h>

#include "base/duration.h"
#include "base/num.h"
#include "core/opt_rows.h"

#define PANIC_HOLD_NS MINUTE_NS
#define STALE_PERIODS 4
#define GRANULARITY_NS SECOND_NS

static const struct opt metric_rows[] = {
    TEXT_OPT("name", aibrix_metric, name, OPT_FLAG_REQUIRED, "",
             "A signal of the catalogue, or the NAME of external:NAME."),
    NUMBER_OPT("target", aibrix_metric, target, 0.001, 1e12, 1, "",
               "Aimed at per pod; as it is for one that is not per pod."),
    BOOL_OPT("perPod", aibrix_metric, per_pod, 1, "The value is the mean over the pods."),
};

#define AIBRIX_COMMON_OPTIONS                                                                      \
    NUMBER_OPT("scaleUpTolerance", aibrix_config, up_tolerance, 0, 10, 0.1, "ratio",               \
               "Deviation above the target that changes nothing."),                                \
        NUMBER_OPT("scaleDownTolerance", aibrix_config, down_tolerance, 0, 1, 0.1, "ratio",        \
                   "Deviation below the target that changes nothing."),                            \
        NUMBER_OPT("maxScaleUpRate", aibrix_config, up_rate, 1, 1e6, 2, "ratio",                   \
                   "Most replicas per evaluation, as a multiple of the present ones."),            \
        NUMBER_OPT("maxScaleDownRate", aibrix_config, down_rate, 1, 1e6, 2, "ratio",               \
                   "Replicas are at most divided by this per evaluation."),                        \
        DURATION_OPT("scaleUpCooldown", aibrix_config, up_cooldown_ns, 0, DAY_S, 0,                \
                     "The largest number of this window raises."),                                 \
        DURATION_OPT("scaleDownCooldown", aibrix_config, down_cooldown_ns, 0, DAY_S, 300,          \
                     "Window of lowering: its largest number, or the smallest where not "          \
                     "corrected."),                                                                \
        DURATION_OPT("observeWindow", aibrix_config, observe_ns, 1, 3600, 180,                     \
                     "Window of the stable average."),                                             \
        DURATION_OPT("panicWindow", aibrix_config, panic_ns, 1, 3600, 60,                          \
                     "Window that panic is judged by; APA has none and only shows it."),           \
        DURATION_OPT("period", aibrix_config, period_ns, 1, 3600, 10,                              \
                     "Time between two evaluations."),                                             \
        LIST_OPT("metrics", aibrix_config, metric, metric_count, metric_rows,                      \
                 "What is followed; none are the metrics of the pool.")

static const struct opt kpa_options[] = {
    AIBRIX_COMMON_OPTIONS,
    NUMBER_OPT("panicThreshold", aibrix_config, panic_threshold, 1, 1000, 2, "ratio",
               "Panic is when the short average is this many times the stable one."),
    BOOL_OPT("corrected", aibrix_config, corrected, 1,
             "Multiply the average by the pods, lower to the largest number of the cooldown, and "
             "remember panic; the peer does none of them."),
};
static const struct opt apa_options[] = {
    AIBRIX_COMMON_OPTIONS,
    BOOL_OPT("corrected", aibrix_config, corrected, 1,
             "Lower to the largest number of the cooldown; the peer takes the smallest."),
};

/* ---- one metric ---- */

struct tick {
    const struct policy_input *in;
    const struct aibrix_config *config;
    enum aibrix_algorithm algorithm;
    struct aibrix_state *state;
    struct aibrix_parts parts;
    int64_t min; /* in force */
    int64_t max;
};

/* A value as AIBrix sees it, and how many pods it is over. */
struct measured {
    enum signal_state state;
    double value;
    double target;
    double pods;
};

/* Sums of the pool become means over its ready replicas. */
static struct measured of_pool_metric(const struct policy_input *in, size_t index)
{
    const struct metric_spec *metric = &in->pool->metric[index];
    const enum signal_fold fold = signal_row(metric->signal.id)->fold;
    const struct reading r = metric_read(in, index);
    const double ready = in->observation->ready > 0 ? (double)in->observation->ready : 1;
    const bool sum = fold == FOLD_SUM || fold == FOLD_RATE;
    return (struct measured){
        .state = r.state,
        .value = r.state == SIGNAL_VALUE && sum ? r.value / ready : r.value,
        .target = metric->target,
        .pods = ready,
    };
}

static struct measured of_own_metric(const struct policy_input *in, size_t index)
{
    const struct aibrix_config *config = in->config;
    const struct aibrix_metric *metric = &config->metric[index];
    const struct reading r = series_read(in, index);
    const double ready = in->observation->ready > 0 ? (double)in->observation->ready : 1;
    return (struct measured){
        .state = r.state,
        .value = r.value,
        .target = metric->target,
        .pods = metric->per_pod ? fmax(1, ready * r.coverage) : 1,
    };
}

/* Remembered by a corrected one: panic lasts for its hold after its last cause, and its largest
 * count stands. */
static struct aibrix_panic panic_of(const struct tick *t, const struct aibrix_terms *terms,
                                    const struct aibrix_load *load, struct aibrix_metric_state *m)
{
    const bool now = aibrix_in_panic(terms, load) && t->algorithm == AIBRIX_KPA;
    if (!t->config->corrected)
        return (struct aibrix_panic){.on = now};
    if (now && load->stable > 0) /* nothing at all is no evidence */
        m->panic_since_ns = t->in->now_ns;
    else if (m->panic_since_ns != TIME_NONE &&
             num_add_sat(m->panic_since_ns, PANIC_HOLD_NS) < t->in->now_ns)
        m->panic_since_ns = TIME_NONE;
    if (m->panic_since_ns == TIME_NONE)
        m->panic_most = 0;
    return (struct aibrix_panic){.on = m->panic_since_ns != TIME_NONE, .most = m->panic_most};
}

static int64_t step(const struct tick *t, const struct measured *v, struct aibrix_metric_state *m)
{
    const struct aibrix_terms terms = {
        .algorithm = t->algorithm,
        .target = v->target,
        .up_tolerance = t->config->up_tolerance,
        .down_tolerance = t->config->down_tolerance,
        .up_rate = t->config->up_rate,
        .down_rate = t->config->down_rate,
        .panic_threshold = t->config->panic_threshold,
        .activation_scale = 1,
        .min = t->min,
        .max = t->max,
    };
    const struct aibrix_load load = {
        .current = t->in->desired,
        .stable = m->stable,
        .panic = m->panic,
        .pods = t->config->corrected ? v->pods : 1,
    };
    struct aibrix_panic panic = panic_of(t, &terms, &load, m);
    const int64_t count = aibrix_formula(&terms, &load, &panic);
    m->in_panic = panic.on;
    m->panic_most = panic.most;
    return aibrix_clamp(count, t->min, t->max);
}

/* False when the metric failed. No pods at all is no failure: the old average stands. */
static bool follow(const struct tick *t, size_t index)
{
    struct aibrix_metric_state *m = &t->parts.metric[index];
    const struct measured v =
        t->config->metric_count > 0 ? of_own_metric(t->in, index) : of_pool_metric(t->in, index);
    const struct aibrix_points stable = aibrix_window_of(&t->parts, index, true);
    const struct aibrix_points panic = aibrix_window_of(&t->parts, index, false);
    m->replicas = -1;
    if (v.state == SIGNAL_FAILED || (v.state == SIGNAL_ABSENT && !t->in->pool->exact))
        return false;
    if (v.state == SIGNAL_VALUE) {
        aibrix_window_put(&stable, t->config->observe_ns, GRANULARITY_NS, t->in->now_ns, v.value);
        aibrix_window_put(&panic, t->config->panic_ns, GRANULARITY_NS, t->in->now_ns, v.value);
    }
    m->stable = aibrix_summary(stable.item, *stable.count).mean;
    m->panic = aibrix_summary(panic.item, *panic.count).mean;
    m->replicas = step(t, &v, m);
    return true;
}

/* ---- the loop ---- */

static int64_t decide_by_metrics(const struct tick *t)
{
    const int64_t current = t->in->desired;
    int64_t wanted = -1;
    for (size_t i = 0; i < t->parts.metric_count; i++)
        if (follow(t, i) && t->parts.metric[i].replicas > wanted)
            wanted = t->parts.metric[i].replicas;
    t->state->metric_desired = wanted;
    if (wanted < 0) {
        t->state->outcome = AIBRIX_FAILED;
        return current;
    }
    const struct aibrix_windows windows = {.up_ns = t->config->up_cooldown_ns,
                                           .down_ns = t->config->down_cooldown_ns,
                                           .corrected = t->config->corrected};
    int64_t count = aibrix_cool(&t->parts.records, &windows, t->in->now_ns, wanted, current);
    count = count > t->max ? t->max : count;
    count = count < t->min ? t->min : count;
    t->state->outcome = count == current  ? AIBRIX_STABLE
                        : count > current ? AIBRIX_ABOVE
                                          : AIBRIX_BELOW;
    return count;
}

static int64_t run(const struct tick *t)
{
    const int64_t current = t->in->desired;
    t->state->metric_desired = -1;
    if (current == 0 && t->min != 0 && t->in->observation->bound_min == NO_COUNT) {
        t->state->outcome = AIBRIX_DISABLED;
        return 0;
    }
    if (current > t->max) {
        t->state->outcome = AIBRIX_OVER_MAX;
        return t->max;
    }
    if (current < t->min) {
        t->state->outcome = AIBRIX_UNDER_MIN;
        return t->min;
    }
    return decide_by_metrics(t);
}

static struct proposal propose(const struct policy_input *in, enum aibrix_algorithm algorithm)
{
    static const enum reason reasons[] = {
        [AIBRIX_NOTHING] = REASON_NO_SIGNAL,      [AIBRIX_STABLE] = REASON_LOOP_METRICS,
        [AIBRIX_ABOVE] = REASON_LOOP_METRICS,     [AIBRIX_BELOW] = REASON_LOOP_METRICS,
        [AIBRIX_DISABLED] = REASON_LOOP_DISABLED, [AIBRIX_OVER_MAX] = REASON_LOOP_BOUND,
        [AIBRIX_UNDER_MIN] = REASON_LOOP_BOUND,   [AIBRIX_FAILED] = REASON_NO_SIGNAL,
    };
    struct aibrix_state *state = in->state;
    const struct tick t = {
        .in = in,
        .config = in->config,
        .algorithm = algorithm,
        .state = state,
        .parts = aibrix_parts_of(in->pool, in->config, in->state),
        .min = policy_min(in),
        .max = policy_max(in),
    };
    if (in->observation->counts_state != SIGNAL_VALUE)
        return (struct proposal){.abstain = true, .exact = NAN, .reason = REASON_UNCOUNTED};
    const int64_t count = run(&t);
    return (struct proposal){
        .abstain = state->outcome == AIBRIX_FAILED,
        .replicas = count,
        .exact = NAN,
        .reason = (uint16_t)reasons[state->outcome],
        .number = {(double)state->metric_desired, (double)count},
    };
}

static struct proposal propose_kpa(const struct policy_input *in)
{
    return propose(in, AIBRIX_KPA);
}

static struct proposal propose_apa(const struct policy_input *in)
{
    return propose(in, AIBRIX_APA);
}

/* ---- what it needs ---- */

static size_t series(const struct pool_spec *pool, const void *config_, struct series_need *ret,
                     size_t max)
{
    const struct aibrix_config *config = config_;
    for (size_t i = 0; i < config->metric_count && i < max; i++) {
        ret[i] = (struct series_need){
            .kind = SERIES_LAST,
            .max_age_ns = pool->exact ? 0 : num_mul_sat(STALE_PERIODS, config->period_ns),
            .required = !pool->exact,
        };
        signal_named(span_from(config->metric[i].name), &ret[i].signal);
    }
    return config->metric_count;
}

static enum rc check(const struct pool_spec *pool, const void *config_, struct diag *diag)
{
    const struct aibrix_config *config = config_;
    (void)pool;
    if (config->period_ns < SECOND_NS)
        return fail(diag, RC_RANGE, "the period is at least 1 s");
    if (config->panic_ns > config->observe_ns)
        return fail(diag, RC_RANGE, "panicWindow is longer than observeWindow");
    return RC_OK;
}

static int64_t period_ns(const struct pool_spec *pool, const void *config)
{
    (void)pool;
    return ((const struct aibrix_config *)config)->period_ns;
}

#define AIBRIX_POLICY(name_, summary_, formula_, blind_, options_, propose_)                       \
    {                                                                                              \
        .name = (name_), .summary = (summary_), .formula = (formula_),                             \
        .source = "AIBrix pkg/controller/podautoscaler, commit e3e10f9e; recorded vectors",        \
        .blind = (blind_), .options = (options_), .option_count = COUNT_OF(options_),              \
        .config_size = sizeof(struct aibrix_config), .fields = aibrix_fields,                      \
        .field_count = AIBRIX_FIELD_COUNT, .imitation = true, .uses_metrics = true,                \
        .holds_itself = true, .check = check, .period_ns = period_ns, .series = series,            \
        .state_room = aibrix_state_size, .state_init = aibrix_state_init,                          \
        .state_valid = aibrix_state_valid, .reshape = aibrix_reshape, .propose = (propose_),       \
    }

const struct policy_ops policy_aibrix_kpa = AIBRIX_POLICY(
    "aibrix-kpa",
    "Averages per pod over a stable and a panic window, as AIBrix' KPA strategy does.",
    "desired = ceil(average * pods / target) outside the tolerance; the peer forgets the pods",
    "replicas that start, and what a pod that does not answer carries", kpa_options, propose_kpa);

const struct policy_ops policy_aibrix_apa = AIBRIX_POLICY(
    "aibrix-apa",
    "Multiplies the replicas by the average over its target, as AIBrix' APA strategy does.",
    "desired = ceil(current * average / target) outside the tolerance, within both rates",
    "replicas that start (it multiplies by them before they carry anything)", apa_options,
    propose_apa);
