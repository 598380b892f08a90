/* ratio.c - follows metrics with targets, as the AgentPool guide words it: a metric at twice its
 * target asks for twice the replicas that produced it.
 *
 * Works on the replicas that produced the measurement: not on what starts, and, to raise, not on
 * what became ready while the window was filled. A measurement above its target never lowers, and
 * replicas that did not report count so that they cannot turn the direction (R3). */
#include <math.h>

#include "base/duration.h"
#include "base/num.h"
#include "core/policy.h"
#include "core/stage/pace_log.h"

/* How a signal follows from the number of replicas. */
enum shape {
    SHAPE_TOTAL, /* replicas add up, the target is per replica */
    SHAPE_SHARE, /* a mean over replicas: twice the replicas halve it */
    SHAPE_FELT,  /* what a request meets: tells that more is needed, not how many are too many */
    SHAPE_BASE,  /* not changed by the count: multiplies the minimum */
    SHAPE_UNFIT, /* falls when load rises, or rises with the count */
};

enum latency_down { LATENCY_ONE, LATENCY_PROPORTIONAL, LATENCY_NEVER };

struct ratio_config {
    int latency_down;
};

static const struct opt_choice latency_choices[] = {
    {"one", LATENCY_ONE, "one replica at a time"},
    {"proportional", LATENCY_PROPORTIONAL,
     "in proportion, as the guide does: half the time, half "
     "the replicas"},
    {"never", LATENCY_NEVER, "other metrics must lower"},
    {NULL, 0, NULL},
};

static const struct opt options[] = {
    {.name = "latencyDown",
     .kind = OPT_ENUM,
     .offset = offsetof(struct ratio_config, latency_down),
     .def = LATENCY_ONE,
     .unit = "",
     .help = "What a latency or error ratio below its target may lower: it does not fall in "
             "proportion to the replicas.",
     .choices = latency_choices},
};

struct ratio_state {
    struct pace_log ready; /* negated: the fewest that were ready in a window */
};

static const struct field fields[] = {
    PACE_LOG_FIELDS(ratio_state, ready),
};

static enum shape shape_of(enum signal_id signal)
{
    if (signal == SIGNAL_PREFIX_HIT_RATIO || signal == SIGNAL_SLO_ATTAINMENT ||
        signal == SIGNAL_COST_PER_TOKEN || signal == SIGNAL_COST_PER_REQUEST)
        return SHAPE_UNFIT;
    if (signal == SIGNAL_CONTEXT_LENGTH)
        return SHAPE_BASE;
    switch (signal_row(signal)->fold) {
    case FOLD_SUM:
    case FOLD_RATE:
        return SHAPE_TOTAL;
    case FOLD_MEAN:
        return SHAPE_SHARE;
    case FOLD_MAX:
    case FOLD_QUANTILE:
    case FOLD_RATIO:
        break;
    }
    return SHAPE_FELT;
}

static enum rc check(const struct pool_spec *pool, const void *config, struct diag *diag)
{
    (void)config;
    for (size_t i = 0; i < pool->metric_count; i++)
        if (shape_of(pool->metric[i].signal.id) == SHAPE_UNFIT)
            return fail(diag, RC_INVALID,
                        "more replicas do not bring %s to its target; objectives stand under slo "
                        "and sloTarget, prices under cost",
                        pool->metric[i].type);
    return RC_OK;
}

/* ---- nothing measured ---- */

static struct proposal abstain(void)
{
    return (struct proposal){.abstain = true, .exact = NAN, .reason = REASON_NO_SIGNAL};
}

/* No replica is there to measure anything: what waits is the absolute demand. */
static struct proposal at_zero(const struct policy_input *in)
{
    const struct pool_observation *o = in->observation;
    if (o->waiting_state != SIGNAL_VALUE || o->waiting_requests <= 0)
        return abstain();
    const int64_t limit = in->pool->concurrency_limit;
    const double waiting = (double)o->waiting_requests;
    const int64_t need = limit > 0 ? replicas_for(waiting / (double)limit) : 1;
    return (struct proposal){.replicas = need > in->desired ? need : in->desired,
                             .exact = NAN,
                             .reason = REASON_WAITING,
                             .number = {waiting}};
}

/* Latencies and the like are absent without traffic. The gateway's explicit zero over the whole
 * window is the proof that nothing is needed; anything less proves nothing. */
static struct proposal without_value(const struct policy_input *in,
                                     const struct metric_spec *metric)
{
    const struct pool_observation *o = in->observation;
    if (o->ready <= 0)
        return at_zero(in);
    if (o->waiting_state != SIGNAL_VALUE || o->waiting_requests > 0 || o->in_flight_requests > 0 ||
        o->idle_ns < metric->window_ns)
        return abstain();
    return (struct proposal){
        .reason = REASON_QUIET, .exact = NAN, .number = {seconds_of(o->idle_ns)}};
}

/* ---- measured ---- */

/* What one metric means, in replicas. */
struct need {
    double exact;
    bool above; /* of its target */
    enum reason reason;
    double number[4];
};

#define ROUNDING 1e-9 /* relative: more than the error of a few operations */

/* R3: those who did not report count as idle where they would raise and as busy as the target where
 * they would lower, but the direction is that of those who did. */
static double corrected(double pressure, double replicas, double coverage, double desired)
{
    const double alike = pressure * replicas;
    if (alike > desired)
        return fmax(coverage * alike, desired);
    return fmin(coverage * alike + (1 - coverage) * replicas, desired);
}

/* The replicas behind a measurement of the last window. Those that became ready in it took no part
 * in all of it: a raise counts without them, or each of them would be ordered again. */
static double producers(const struct policy_input *in, const struct metric_spec *metric, bool above)
{
    struct ratio_state *s = in->state;
    const int64_t ready = num_clamp(in->observation->ready, 0, REPLICAS_MAX);
    if (ready > 0)
        pace_log_push_max(&s->ready, in->now_ns, -ready);
    const int64_t fewest = -pace_log_max(&s->ready, in->now_ns, metric->window_ns);
    return (double)(above && ready > 0 && fewest < ready ? fewest : ready);
}

static struct need measure(const struct policy_input *in, const struct metric_spec *metric,
                           const struct reading *r)
{
    const enum shape shape = shape_of(metric->signal.id);
    const double ratio = r->value / metric->target;
    double replicas = producers(in, metric, shape != SHAPE_TOTAL && ratio > 1);
    double coverage = r->coverage;
    double pressure = ratio; /* against the target, of those who reported */
    if (shape == SHAPE_BASE) {
        replicas = (double)(in->pool->replicas_min > 1 ? in->pool->replicas_min : 1);
        coverage = 1;
    } else if (shape == SHAPE_TOTAL) {
        pressure = replicas > 0 ? ratio / (coverage * replicas) : INFINITY;
    }
    struct need need = {.above = pressure > 1 + ROUNDING && ratio > 0,
                        .number = {r->value, metric->target, replicas}};
    if (shape == SHAPE_TOTAL && !(replicas > 0 && coverage < 1))
        need.exact = ratio;
    else
        need.exact = coverage < 1 ? corrected(pressure, replicas, coverage, (double)in->desired)
                                  : pressure * replicas;
    static const enum reason reasons[] = {
        [SHAPE_TOTAL] = REASON_RATIO_TOTAL, [SHAPE_SHARE] = REASON_RATIO_SHARE,
        [SHAPE_FELT] = REASON_RATIO_SHARE,  [SHAPE_BASE] = REASON_RATIO_BASE,
        [SHAPE_UNFIT] = REASON_NO_SIGNAL,
    };
    need.reason = reasons[shape];
    if (coverage < 1) {
        need.reason = REASON_RATIO_PARTIAL;
        need.number[2] = 100 * coverage;
    }
    return need;
}

/* The lowest answer that this metric may give, whatever its number says. */
static int64_t least_of(const struct policy_input *in, const struct need *need, enum shape shape)
{
    const struct ratio_config *config = in->config;
    if (need->above)
        return in->desired;
    if (shape != SHAPE_FELT || config->latency_down == LATENCY_PROPORTIONAL)
        return 0;
    return config->latency_down == LATENCY_NEVER || in->desired == 0 ? in->desired
                                                                     : in->desired - 1;
}

static struct proposal propose_metric(const struct policy_input *in, size_t index)
{
    const struct metric_spec *metric = &in->pool->metric[index];
    const enum shape shape = shape_of(metric->signal.id);
    const struct reading r = metric_read(in, index);
    if (r.state == SIGNAL_FAILED || shape == SHAPE_UNFIT)
        return abstain();
    if (r.state == SIGNAL_ABSENT)
        return without_value(in, metric);
    if (in->observation->ready <= 0 && shape != SHAPE_TOTAL)
        return at_zero(in);
    const struct need need = measure(in, metric, &r);
    struct proposal p = {
        .replicas = replicas_for(need.exact), .exact = need.exact, .reason = (uint16_t)need.reason};
    const int64_t least = least_of(in, &need, shape);
    if (p.replicas < least) {
        p.replicas = least;
        p.exact = NAN; /* a count that is meant to the unit, outside any tolerance */
        p.reason = need.above ? REASON_RATIO_GUARD : REASON_RATIO_FELT;
    }
    for (size_t i = 0; i < COUNT_OF(p.number); i++)
        p.number[i] = need.number[i];
    return p;
}

const struct policy_ops policy_ratio = {
    .name = "ratio",
    .summary = "Follows metrics with targets: a metric at twice its target asks for twice the "
               "replicas that produced it.",
    .formula = "totals and rates: desired = ceil(sum / target per replica); means and latencies: "
               "desired = ceil(ready * value / target); context-length: "
               "desired = ceil(max(minReplicas, 1) * value / target)",
    .source = "AgentPool autoscaling guide, \"Scaling Algorithm\", with ready instead of all "
              "replicas and rounding up",
    .blind = "start-up time, what a replica can carry, load that comes back in a pattern",
    .options = options,
    .option_count = COUNT_OF(options),
    .config_size = sizeof(struct ratio_config),
    .fields = fields,
    .field_count = COUNT_OF(fields),
    .uses_metrics = true,
    .wakes_itself = true,
    .check = check,
    .state_size = sizeof(struct ratio_state),
    .propose_metric = propose_metric,
};
