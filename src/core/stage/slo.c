/* slo.c - stage 4: answers a missed objective. A breach raises in proportion to the miss, by at
 * most maxScaleUp per start-up time, and is urgent; missing headroom forbids lowering.
 *
 * The proportion is taken on the replicas that produced the measurement: the fewest that were ready
 * while the latencies were measured. What is starting, or has just become ready, is not ordered
 * twice. */
#include <math.h>

#include "base/duration.h"
#include "base/num.h"
#include "core/objective.h"
#include "core/stage.h"
#include "core/stage/pace_log.h"

#define START_UNKNOWN_NS MINUTE_NS /* while no start has been measured */

struct slo_state {
    int64_t round_ns; /* begin of the start-up time in which `base` counts; TIME_NONE = no breach */
    int64_t base;     /* desired at that time */
    int64_t headroom_since_ns; /* TIME_NONE = it is missing now */
    struct pace_log ready;     /* negated: the fewest that produced the latencies in the window */
};

static const struct field fields[] = {
    FIELD(I64, slo_state, round_ns),
    FIELD(I64, slo_state, base),
    FIELD(I64, slo_state, headroom_since_ns),
    PACE_LOG_FIELDS(slo_state, ready),
};

static bool used(const struct pool_spec *pool)
{
    return pool->slo_target.enabled && objective_series(pool, NULL, 0) > 0;
}

static void state_init(const struct pool_spec *pool, void *state, int64_t now_ns, int64_t desired)
{
    (void)pool;
    *(struct slo_state *)state =
        (struct slo_state){.round_ns = TIME_NONE, .base = desired, .headroom_since_ns = now_ns};
}

static void respond(struct stage_context *c, struct slo_state *state,
                    const struct objective_worst *worst)
{
    const struct slo_target_spec *target = &c->pool->slo_target;
    const int64_t start_ns =
        c->observation->start_p50_ns > 0 ? c->observation->start_p50_ns : START_UNKNOWN_NS;
    if (state->round_ns == TIME_NONE || num_add_sat(c->now_ns, -state->round_ns) >= start_ns) {
        state->round_ns = c->now_ns;
        state->base = c->desired;
    }
    const int64_t ready =
        num_clamp(-pace_log_max(&state->ready, c->now_ns, OBJECTIVE_WINDOW_NS), 1, REPLICAS_MAX);
    const double aim = fmax(1 - target->headroom_percent / 100, 0.01);
    const int64_t need = num_to_int(ceil((double)ready * worst->ratio / aim), 0, REPLICAS_MAX);
    const int64_t most = num_clamp(num_add_sat(state->base, target->max_scale_up), 0, REPLICAS_MAX);
    const int64_t to = need < most ? need : most;
    const double number[4] = {worst->value, worst->objective, (double)target->max_scale_up};
    if (to > c->count)
        stage_say(c, STAGE_SLO, to, REASON_SLO_BREACH, number);
    else if (need > c->count)
        stage_say(c, STAGE_SLO, c->count, REASON_SLO_SPENT, number);
    if (target->up_immediately && to > c->desired) {
        c->decision->urgent = true;
        c->urgent_to = to > c->urgent_to ? to : c->urgent_to;
    }
}

static void guard(struct stage_context *c, struct slo_state *state,
                  const struct objective_worst *worst)
{
    const struct slo_target_spec *target = &c->pool->slo_target;
    const double headroom = 100 * (1 - worst->ratio); /* NAN without traffic: nobody is missed */
    if (headroom < target->require_headroom_percent || worst->failed)
        state->headroom_since_ns = TIME_NONE;
    else if (state->headroom_since_ns == TIME_NONE)
        state->headroom_since_ns = c->now_ns;
    if (c->count >= c->desired || target->require_headroom_percent <= 0)
        return;
    if (state->headroom_since_ns != TIME_NONE &&
        num_add_sat(c->now_ns, -state->headroom_since_ns) >= target->check_ns)
        return;
    stage_say(
        c, STAGE_SLO, c->desired, REASON_SLO_HEADROOM,
        (double[4]){headroom, target->require_headroom_percent, seconds_of(target->check_ns)});
}

static void apply(struct stage_context *c)
{
    struct slo_state *state = c->state;
    const struct objective_worst worst = objective_worst(c->input, 0);
    pace_log_forget(&state->ready, c->now_ns, OBJECTIVE_WINDOW_NS);
    pace_log_push_max(&state->ready, c->now_ns, -num_clamp(c->observation->ready, 0, REPLICAS_MAX));
    if (worst.ratio > 1)
        respond(c, state, &worst);
    else
        state->round_ns = TIME_NONE;
    guard(c, state, &worst);
}

const struct stage_ops stage_slo = {
    .id = STAGE_SLO,
    .summary = "Raises at once when an objective is missed; lowers only with headroom left.",
    .native_only = true,
    .fields = fields,
    .field_count = COUNT_OF(fields),
    .state_size = sizeof(struct slo_state),
    .used = used,
    .series = objective_series,
    .state_init = state_init,
    .apply = apply,
};
