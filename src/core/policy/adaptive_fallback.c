/* What a replica carries is learned, when and within which limits stands in core/capacity; how long
 * a lower need must last before it is followed, and the step to zero, stand here. */
#include "core/policy/adaptive_fallback.h"

#include <math.h>

#include "base/duration.h"
#include "base/num.h"
#include "core/capacity/capacity.h"
#include "core/objective.h"

#define LIMIT_SHARE 0.7 /* of the concurrency limit, where a replica is full enough */
#define ASSUMED 16.0    /* requests in flight per replica while nothing at all is known */
#define FLUCTUATION 1.0 /* standard deviations of the load that must fit, too */
#define SIGNIFICANT 4.0 /* standard deviations that make a rise a trend */
#define AHEAD_MAX 1.5   /* a trend is followed up to this multiple of the load */
#define HOLD_NS (5 * MINUTE_NS)
#define IDLE_NS MINUTE_NS
#define START_UNKNOWN_NS MINUTE_NS /* while no start has been measured */
#define QUIET_WEIGHT 0.05          /* of a new latency of an idle engine */
#define QUEUE_SHARE 0.1            /* of what runs */
#define QUIET_SHARE 0.3 /* of the capacity: latencies there are those of an idle engine */

void fallback_init(struct fallback *s, int64_t now_ns, int64_t ready)
{
    *s = (struct fallback){
        .watch = {.ready = NO_COUNT, .more_ns = now_ns, .fewer_ns = now_ns, .learned_ns = now_ns},
        .hold_since_ns = now_ns,
        .peak = ready,
        .proposed = NO_COUNT,
        .seen = NO_COUNT,
    };
}

/* ---- what a replica carries ---- */

static bool capacity_is_guess(const struct policy_input *in, const struct capacity *c)
{
    return !capacity_known(c) && in->pool->concurrency_limit == 0;
}

static void assume(const struct policy_input *in, struct fallback *s)
{
    const double limit = (double)in->pool->concurrency_limit;
    const double start = limit > 0 ? fmax(LIMIT_SHARE * limit, 1) : ASSUMED;
    capacity_assume(&s->requests, start);
    if (s->memory.tokens_each > 0)
        capacity_assume(&s->tokens, start * s->memory.tokens_each);
}

/* In flight per replica, in the unit of the demand; the hard limit is known without learning. */
static double level_of(const struct policy_input *in, const struct fallback *s,
                       const struct adaptive_demand *d)
{
    const double limit = (double)in->pool->concurrency_limit * d->each;
    const double level = d->in_tokens ? s->tokens.level : s->requests.level;
    return limit > 0 ? fmin(level, limit) : level;
}

/* How the objectives fare. More replicas do not help where latencies are as bad on nearly idle
 * ones; without objectives a standing queue is a miss. */
static struct capacity_evidence evidence_of(const struct policy_input *in, struct fallback *s,
                                            const struct adaptive_demand *d, double load_ratio)
{
    struct capacity_evidence e = {.verdict = CAPACITY_UNKNOWN, .headroom = 1};
    if (objective_series(in->pool, NULL, 0) == 0) {
        if (d->waiting > QUEUE_SHARE * d->flight)
            e.verdict = CAPACITY_MISSED;
        else if (!d->queued && !d->partial)
            e.verdict = CAPACITY_MET;
        return e;
    }
    const struct objective_worst worst = objective_worst(in, ADAPTIVE_OBJECTIVES);
    if (worst.failed || isnan(worst.ratio))
        return e;
    if (load_ratio < QUIET_SHARE)
        s->quiet_ratio += (worst.ratio - s->quiet_ratio) * (s->quiet_ratio > 0 ? QUIET_WEIGHT : 1);
    e.verdict = worst.ratio > fmax(1, 1.2 * s->quiet_ratio) ? CAPACITY_MISSED : CAPACITY_MET;
    e.headroom = 1 / worst.ratio;
    return e;
}

/* Latencies are those of the last half minute. That they are met holds for the load of its last
 * seconds, too; a miss may come from before. */
static void learn_unit(struct capacity *capacity, const struct capacity_lesson *lesson,
                       struct capacity_evidence evidence, double fast, double slow)
{
    evidence.met_load = fast;
    evidence.missed_load = fmax(fast, slow);
    if (!isnan(fast))
        capacity_learn(capacity, lesson, &evidence);
}

/* Returns true while objectives are missed for want of replicas. */
static bool learn(const struct policy_input *in, struct fallback *s,
                  const struct adaptive_demand *d)
{
    const struct pool_observation *o = in->observation;
    const double ready = (double)num_clamp(o->ready, 1, REPLICAS_MAX);
    const double load_ratio = d->flight / ready / level_of(in, s, d);
    const struct capacity_evidence evidence = evidence_of(in, s, d, load_ratio);
    const struct reading errors = series_read(in, ADAPTIVE_ERRORS);
    const struct capacity_moment moment = {
        .now_ns = in->now_ns,
        .ready = o->ready,
        .pending = o->pending,
        .blocked = o->blocked,
        .draining = o->draining,
        .desired = in->desired,
        .proposed = s->proposed,
        .error_ratio = errors.state == SIGNAL_VALUE ? errors.value : (double)NAN,
        .coverage = d->coverage,
    };
    const struct capacity_lesson lesson = capacity_lesson(&s->watch, &moment);
    learn_unit(&s->requests, &lesson, evidence, d->requests / ready, d->requests_slow / ready);
    learn_unit(&s->tokens, &lesson, evidence, d->tokens / ready, d->tokens_slow / ready);
    return evidence.verdict == CAPACITY_MISSED && load_ratio >= 0.5;
}

/* ---- the need ---- */

/* Load that is expected when a replica started now is ready: a rise that stands out of the noise is
 * drawn on. The two means lie half the difference of their windows apart. */
static double ahead(const struct policy_input *in, const struct adaptive_demand *d)
{
    const double apart_s = seconds_of(ADAPTIVE_SLOW_NS - ADAPTIVE_FAST_NS) / 2;
    const double rise = d->flight - d->slow;
    if (!(rise > SIGNIFICANT * sqrt(d->slow * d->each)))
        return d->flight;
    const int64_t start_ns = in->observation->start_p90_ns;
    const double lead_s = seconds_of(start_ns > 0 ? start_ns : START_UNKNOWN_NS);
    return fmin(d->flight + rise / apart_s * lead_s, AHEAD_MAX * d->flight);
}

static double need_of(const struct policy_input *in, const struct adaptive_demand *d, double flight,
                      double level)
{
    const struct adaptive_config *config = in->config;
    const double load = flight + d->waiting;
    return config->margin * (load + FLUCTUATION * sqrt(load * d->each)) / level;
}

/* R3: those who did not report are idle where they would raise and full where they would lower, but
 * the direction is that of those who did. */
static int64_t whole_need(const struct policy_input *in, const struct adaptive_demand *d,
                          double flight, double level)
{
    const int64_t alike = replicas_for(need_of(in, d, flight / d->coverage, level));
    const double ready = (double)num_clamp(in->observation->ready, 0, REPLICAS_MAX);
    if (d->coverage >= 1 || alike == in->desired)
        return alike;
    if (alike > in->desired) {
        const int64_t told = replicas_for(need_of(in, d, flight, level));
        return told > in->desired ? told : in->desired;
    }
    const double silent = (1 - d->coverage) * ready * level;
    const int64_t full = replicas_for(need_of(in, d, flight + silent, level));
    return full < in->desired ? full : in->desired;
}

static struct proposal needed(const struct policy_input *in, const struct fallback *s,
                              const struct adaptive_demand *d)
{
    const struct capacity *c = d->in_tokens ? &s->tokens : &s->requests;
    const double flight = ahead(in, d);
    const double level = level_of(in, s, d);
    const bool guess = capacity_is_guess(in, c);
    const int64_t least = d->partial ? in->desired : d->any ? 1 : 0;
    int64_t need = whole_need(in, d, flight, level);
    if (guess) { /* a guess may not order a fleet: doubled at most, then measured again */
        const int64_t ready = num_clamp(in->observation->ready, 1, REPLICAS_MAX);
        need = need < 2 * ready ? need : 2 * ready;
    }
    enum reason reason = d->in_tokens ? REASON_LOAD_TOKENS : REASON_LOAD_REQUESTS;
    if (guess)
        reason = d->in_tokens ? REASON_LOAD_TOKENS_GUESS : REASON_LOAD_REQUESTS_GUESS;
    else if (flight > d->flight)
        reason = d->in_tokens ? REASON_LOAD_TOKENS_RISE : REASON_LOAD_REQUESTS_RISE;
    return (struct proposal){
        .replicas = need > least ? need : least,
        .exact = need_of(in, d, flight, level), /* as it is, before the hold */
        .reason = (uint16_t)reason,
        .number = {d->flight + d->waiting, level, flight + d->waiting},
    };
}

/* ---- the hold ---- */

static int64_t hold_ns(const struct policy_input *in)
{
    const struct adaptive_config *config = in->config;
    const int64_t start_ns = in->observation->start_p90_ns;
    if (config->hold_ns > 0)
        return config->hold_ns;
    return num_clamp(num_mul_sat(2, start_ns), HOLD_NS, DAY_NS);
}

/* From the last replica: silence that lasts twice as long as it takes to come back. */
static void hold_last(const struct policy_input *in, const struct fallback *s, struct proposal *p)
{
    const struct pool_observation *o = in->observation;
    const int64_t start_ns = o->start_p90_ns > 0 ? o->start_p90_ns : START_UNKNOWN_NS;
    const int64_t silence_ns = num_clamp(num_mul_sat(2, start_ns), IDLE_NS, DAY_NS);
    const int64_t quiet_ns =
        o->waiting_state == SIGNAL_VALUE ? o->idle_ns : num_add_sat(in->now_ns, -s->hold_since_ns);
    if (quiet_ns >= silence_ns)
        return;
    p->replicas = 1;
    p->reason = REASON_LAST_SILENCE;
    p->number[0] = seconds_of(silence_ns - quiet_ns);
}

static void hold(const struct policy_input *in, struct fallback *s, bool missed, bool queued,
                 struct proposal *p)
{
    const int64_t need = p->replicas;
    const bool raised = in->desired > s->proposed && in->desired != s->seen;
    if (need >= in->desired || raised) {
        s->hold_since_ns = in->now_ns; /* also when somebody else raised the count */
        s->peak = 0;
    }
    if (need >= in->desired)
        return;
    if (!raised && s->proposed != NO_COUNT && s->proposed < in->desired) {
        /* Given leave already; what holds it is not ours (a stage that paces). */
        p->replicas = need > s->proposed ? need : s->proposed;
        s->hold_since_ns = in->now_ns;
        s->peak = need;
        return;
    }
    s->peak = need > s->peak ? need : s->peak;
    const int64_t span_ns = hold_ns(in);
    const int64_t left_ns = num_add_sat(num_add_sat(s->hold_since_ns, span_ns), -in->now_ns);
    p->number[0] = (double)s->peak;
    p->number[1] = seconds_of(left_ns);
    p->replicas = in->desired;
    if (in->desired == 1) {
        p->replicas = 0;
        hold_last(in, s, p);
    } else if (left_ns > 0) {
        p->reason = REASON_HOLD;
    } else if (missed || queued) {
        p->reason = REASON_HOLD_MISSED;
    } else {
        p->replicas = s->peak > 1 ? s->peak : 1;
        p->reason = REASON_HOLD_OVER;
        p->number[1] = seconds_of(span_ns);
        s->hold_since_ns = in->now_ns;
        s->peak = need;
    }
}

struct proposal fallback_propose(const struct policy_input *in, struct fallback *s,
                                 const struct adaptive_demand *d)
{
    assume(in, s);
    const bool missed = learn(in, s, d);
    struct proposal p = needed(in, s, d);
    hold(in, s, missed, d->queued, &p);
    s->proposed = p.replicas;
    s->seen = in->desired;
    return p;
}

void fallback_follow(const struct policy_input *in, struct fallback *s,
                     const struct adaptive_demand *d, int64_t proposed)
{
    assume(in, s);
    (void)learn(in, s, d);
    s->hold_since_ns = in->now_ns;
    s->peak = 0;
    s->proposed = proposed;
    s->seen = in->desired;
}
