/* doubt.c - what of the world is known at a tick, and what is not. */
#include "core/doubt.h"

#include <math.h>

static bool gateway_zero(const struct pool_observation *o)
{
    /* A negative count is no zero: something is wrong with it. */
    return o->waiting_state == SIGNAL_VALUE && o->waiting_requests == 0 && o->waiting_tokens == 0 &&
           o->in_flight_requests == 0;
}

/* Of a window that goes on counting while its source is silent only what is known now proves. */
static struct reading known_value(const struct pool_plan *plan, const struct group_state *state,
                                  uint32_t need, int64_t now_ns)
{
    const void *window = state_at_const(state, plan->need_offset[need]);
    struct reading r = series_value(&plan->need[need], window, now_ns);
    if (r.state == SIGNAL_VALUE)
        r.state = series_state(&plan->need[need], window, now_ns);
    return r;
}

/* Demand that is measured outside of us: no zero of ours says anything about it. */
static bool is_outside(enum signal_id signal)
{
    return signal == SIGNAL_QUEUE_LAG;
}

/* What a zero of a demand signal proves: nothing waits, nothing runs. */
enum proof { PROOF_QUEUE = 1, PROOF_FLIGHT = 2 };

static unsigned proof_of(enum signal_id signal)
{
    if (signal == SIGNAL_RUNNING_REQUESTS || signal == SIGNAL_TOKENS_IN_FLIGHT)
        return PROOF_FLIGHT;
    if (signal == SIGNAL_CONCURRENCY)
        return PROOF_QUEUE | PROOF_FLIGHT; /* requests inside the pool, waiting ones included */
    return signal == SIGNAL_REQUESTS_PER_SECOND ? 0 : PROOF_QUEUE;
}

bool doubt_demand_zero(const struct pool_plan *plan, const struct group_state *state,
                       const struct pool_observation *o, int64_t now_ns)
{
    if (o->waiting_state == SIGNAL_FAILED || (o->waiting_state == SIGNAL_VALUE && !gateway_zero(o)))
        return false;
    unsigned proof = 0;
    bool any = false;
    for (uint32_t i = 0; i < plan->demand_count; i++) {
        const uint32_t n = plan->demand[i];
        const struct reading r = known_value(plan, state, n, now_ns);
        if (r.state == SIGNAL_FAILED || (r.state == SIGNAL_VALUE && r.value > 0))
            return false;
        if (r.state != SIGNAL_VALUE && plan->need[n].required &&
            is_outside(plan->need[n].signal.id))
            return false;
        if (r.state != SIGNAL_VALUE)
            continue;
        any = true;
        proof |= proof_of(plan->need[n].signal.id);
    }
    if (o->waiting_state == SIGNAL_VALUE)
        return true;
    return plan->spec->policy->imitation ? any : proof == (PROOF_QUEUE | PROOF_FLIGHT);
}

enum signal_id doubt_failed_signal(const struct pool_plan *plan, const struct group_state *state,
                                   const struct pool_observation *o, int64_t now_ns)
{
    enum signal_id absent = SIGNAL_COUNT;
    for (uint32_t i = 0; i < plan->required_count; i++) {
        const uint32_t n = plan->required[i];
        const struct series_need *need = &plan->need[n];
        const enum signal_state known =
            series_state(need, state_at_const(state, plan->need_offset[n]), now_ns);
        if (known == SIGNAL_FAILED || (known == SIGNAL_ABSENT && is_outside(need->signal.id)))
            return need->signal.id;
        if (known == SIGNAL_ABSENT && plan_is_demand(plan->spec, need))
            absent = need->signal.id;
    }
    if (absent == SIGNAL_COUNT || gateway_zero(o))
        return SIGNAL_COUNT;
    for (uint32_t i = 0; i < plan->demand_count; i++) {
        const uint32_t n = plan->demand[i];
        const struct reading r = known_value(plan, state, n, now_ns);
        if (r.state == SIGNAL_VALUE && r.value <= 0)
            return SIGNAL_COUNT;
    }
    return absent;
}

double doubt_coverage(const struct pool_plan *plan, const struct group_state *state, int64_t now_ns)
{
    double least = 1;
    const uint32_t metrics_end = plan->metrics.first + plan->metrics.count;
    const uint32_t own_end = plan->policy.reader.first + plan->policy.reader.count;
    const uint32_t end = own_end > metrics_end ? own_end : metrics_end; /* they lie side by side */
    for (uint32_t n = plan->metrics.first; n < end; n++) {
        const void *window = state_at_const(state, plan->need_offset[n]);
        if (series_state(&plan->need[n], window, now_ns) == SIGNAL_VALUE)
            least = fmin(least, series_coverage(window));
    }
    return least;
}

static bool is_count(int64_t count)
{
    return count >= 0 && count <= REPLICAS_MAX;
}

bool doubt_counts(const struct pool_observation *o)
{
    return o->counts_state != SIGNAL_VALUE || !is_count(o->ready) || !is_count(o->pending) ||
           !is_count(o->warm) || !is_count(o->draining) || !is_count(o->blocked);
}
