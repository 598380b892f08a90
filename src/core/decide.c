/* decide.c - one tick of one group: policies by their own period, then the stages in order, then
 * the records. A function of its arguments; allocates nothing. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/duration.h"
#include "base/num.h"
#include "core/classes.h"
#include "core/combine.h"
#include "core/doubt.h"
#include "core/plan.h"

static_assert(sizeof(struct trail_entry) == 48, "no padding: decisions are compared as bytes");

static void say(struct decision *d, enum stage_id stage, uint16_t metric, int64_t before,
                int64_t after, uint16_t reason, const double number[4])
{
    if (d->trail_count == TRAIL_MAX) {
        d->trail_dropped++;
        return;
    }
    struct trail_entry *entry = &d->trail[d->trail_count++];
    *entry = (struct trail_entry){
        .stage = (uint8_t)stage,
        .reason = reason,
        .metric = metric,
        .before = (int32_t)num_clamp(before, 0, REPLICAS_MAX),
        .after = (int32_t)num_clamp(after, 0, REPLICAS_MAX),
    };
    for (size_t i = 0; number != NULL && i < COUNT_OF(entry->number); i++)
        entry->number[i] = number[i];
}

void stage_say(struct stage_context *context, enum stage_id stage, int64_t after,
               enum reason reason, const double number[4])
{
    say(context->decision, stage, UINT16_MAX, context->count, after, (uint16_t)reason, number);
    context->count = after;
}

/* ---- policies ---- */

static inline double one_nan(double x)
{
    return isnan(x) ? (double)NAN : x;
}

/* A proposal enters our arithmetic: whatever a policy says is a count. Padding stays as it is: the
 * target was all zero once. */
static void take_proposal(const struct proposal *p, struct proposal *ret)
{
    ret->abstain = p->abstain;
    ret->urgent = p->urgent && !p->abstain;
    ret->replicas = p->abstain ? 0 : num_clamp(p->replicas, 0, REPLICAS_MAX);
    ret->exact = one_nan(p->exact);
    ret->reason = p->reason < REASON_COUNT ? p->reason : (uint16_t)REASON_NONE;
    for (size_t i = 0; i < COUNT_OF(ret->number); i++)
        ret->number[i] = one_nan(p->number[i]);
}

/* One number per metric; the trail shows each when `trail` is given. */
static struct proposal propose_metrics(const struct policy_plan *policy,
                                       const struct policy_input *in, struct decision *trail)
{
    struct proposal each[METRICS_PER_POOL_MAX];
    const size_t n = in->pool->metric_count;
    if (n == 0)
        return (struct proposal){.abstain = true, .exact = NAN, .reason = REASON_NO_SIGNAL};
    for (size_t i = 0; i < n; i++) {
        const struct proposal raw = policy->ops->propose_metric(in, i);
        take_proposal(&raw, &each[i]);
        if (trail != NULL && (n > 1 || in->pool->combine == COMBINE_FORMULA))
            say(trail, STAGE_POLICY, (uint16_t)i, in->desired,
                each[i].abstain ? in->desired : each[i].replicas, each[i].reason, each[i].number);
    }
    return combine_proposals(in->pool, each, in->desired);
}

/* The next evaluation stays on the grid of the period, however late this tick came. */
static void move_on(struct policy_state *state, const struct policy_plan *policy, int64_t now_ns)
{
    if (state->next_ns == TIME_NONE)
        state->next_ns = now_ns;
    if (now_ns < state->next_ns)
        return; /* a poke between two evaluations */
    const int64_t late_ns = num_add_sat(now_ns, -state->next_ns);
    const int64_t periods = late_ns < policy->period_ns ? 1 : late_ns / policy->period_ns + 1;
    state->next_ns = num_add_sat(state->next_ns, num_mul_sat(periods, policy->period_ns));
}

/* Runs the policy when it is due or poked; true when it ran. */
static bool evaluate(const struct policy_plan *policy, struct group_state *group_state,
                     struct policy_input *in, struct decision *trail)
{
    struct policy_state *state = state_at(group_state, policy->offset);
    const bool due = state->next_ns == TIME_NONE || in->now_ns >= state->next_ns;
    const bool poke = in->poke;
    if (!due && !(poke && policy->ops->pokes))
        return false;
    in->config = policy->config;
    in->state = state + 1;
    in->series = &policy->reader.table;
    in->poke = poke && !due;
    const struct proposal raw = policy->ops->propose != NULL ? policy->ops->propose(in)
                                                             : propose_metrics(policy, in, trail);
    in->poke = poke;
    take_proposal(&raw, &state->proposal);
    move_on(state, policy, in->now_ns);
    return true;
}

static void say_terms(const struct pool_plan *plan, const struct group_state *state, int64_t after,
                      struct decision *d)
{
    const struct policy_plan *policy = &plan->policy;
    const struct policy_state *own = state_at_const(state, policy->offset);
    struct policy_term term[POLICY_TERMS_MAX];
    if (policy->ops->terms == NULL || d->proposal.abstain)
        return;
    const size_t n = policy->ops->terms(plan->spec, policy->config, own + 1, term);
    for (size_t i = 0; i < n; i++)
        say(d, STAGE_POLICY, UINT16_MAX, after, after, term[i].reason, term[i].number);
}

static void run_policies(const struct pool_plan *plan, struct group_state *state,
                         struct policy_input *in, struct decision *d)
{
    d->evaluated = evaluate(&plan->policy, state, in, d);
    const struct policy_state *own = state_at_const(state, plan->policy.offset);
    memcpy(&d->proposal, &own->proposal, sizeof(d->proposal));
    for (size_t i = 0; i < plan->spec->shadow_count; i++) {
        (void)evaluate(&plan->shadow[i], state, in, NULL); /* shown beside, never applied */
        const struct policy_state *shadow = state_at_const(state, plan->shadow[i].offset);
        memcpy(&d->shadow[i], &shadow->proposal, sizeof(d->shadow[i])); /* padding too */
    }
    const int64_t after = d->proposal.abstain ? in->desired : d->proposal.replicas;
    const bool one_metric = plan->policy.ops->propose_metric != NULL &&
                            in->pool->metric_count == 1 && in->pool->combine != COMBINE_FORMULA;
    if (d->evaluated)
        say(d, STAGE_POLICY, one_metric ? 0 : UINT16_MAX, in->desired, after, d->proposal.reason,
            d->proposal.number);
    else if (after != in->desired)
        say(d, STAGE_POLICY, UINT16_MAX, in->desired, after, REASON_STANDS, NULL);
    if (d->evaluated)
        say_terms(plan, state, after, d);
}

/* ---- one pool ---- */

/* What all pools of a tick share. */
struct round {
    const struct group_spec *group;
    struct group_state *state;
    const struct observation *o;
    bool waits; /* requests in front of some pool */
    struct policy_peer peer[POOLS_PER_GROUP_MAX];
};

/* One pool on its way through a tick. */
struct walk {
    const struct pool_plan *plan;
    struct policy_input input;
    struct stage_context context;
};

static void run_stage(struct walk *walk, struct group_state *state, const struct stage_plan *stage)
{
    walk->input.series = &stage->reader.table;
    walk->context.state = state_at(state, stage->offset);
    stage->ops->apply(&walk->context);
}

/* Somebody else set the count: that is what we compare with from now on (R16). */
static void adopt(const struct pool_plan *plan, struct group_state *state, int64_t now_ns,
                  int64_t count, struct decision *d)
{
    struct pool_state *pool = state_at(state, plan->offset);
    say(d, STAGE_POLICY, UINT16_MAX, pool->desired, count, REASON_ADOPTED, NULL);
    pool->desired = count;
    for (uint32_t i = 0; i < plan->stage_count; i++)
        if (plan->stage[i].ops->adopted != NULL)
            plan->stage[i].ops->adopted(plan->spec, state_at(state, plan->stage[i].offset), now_ns,
                                        count);
}

/* Doubt is only worked out where the answer can matter: somebody wants to lower. */
static void find_doubt(struct walk *walk, const struct group_state *state)
{
    struct stage_context *c = &walk->context;
    const enum signal_id failed =
        c->count < c->desired ? doubt_failed_signal(walk->plan, state, c->observation, c->now_ns)
                              : SIGNAL_COUNT;
    c->required_failed = failed != SIGNAL_COUNT;
    c->counts_failed = c->count < c->desired && doubt_counts(c->observation);
    if (c->count < c->desired)
        c->coverage = doubt_coverage(walk->plan, state, c->now_ns);
    c->failed_signal = (uint16_t)failed;
    if (c->desired <= 1 || c->count == 0)
        c->demand_zero = doubt_demand_zero(walk->plan, state, c->observation, c->now_ns);
}

static const struct decision empty;

/* What stands before any policy runs: they may look at each other's pools. */
static struct policy_peer meet(const struct pool_plan *plan, struct group_state *state,
                               const struct pool_observation *o, struct decision *d)
{
    const struct pool_state *pool = state_at(state, plan->offset);
    memcpy(d, &empty, offsetof(struct decision, shadow)); /* the rest is written as it is counted */
    d->previous = pool->desired;
    d->shadow_count = plan->spec->shadow_count;
    if (o->foreign_count >= 0)
        adopt(plan, state, state->now_ns, num_clamp(o->foreign_count, 0, REPLICAS_MAX), d);
    return (struct policy_peer){.pool = plan->spec, .observation = o, .desired = pool->desired};
}

static void begin(struct walk *walk, const struct round *round, size_t index, struct decision *d)
{
    struct group_state *state = round->state;
    const struct observation *o = round->o;
    const struct pool_plan *plan = &round->group->pool[index];
    const struct pool_state *pool = state_at(state, plan->offset);
    walk->plan = plan;
    /* All members by name here and below: clearing what is left out takes longer than the rest. */
    walk->input = (struct policy_input){
        .pool = plan->spec,
        .config = NULL,
        .state = NULL,
        .observation = &o->pool[index],
        /* An exact imitation follows the clock of its peer, which may go back. */
        .now_ns = plan->spec->exact ? o->now_ns : state->now_ns,
        .wall_ns = o->wall_ns,
        .desired = pool->desired,
        .poke = o->cause != TICK_PERIOD && o->cause != TICK_START,
        .start = o->cause == TICK_START,
        .peer = round->peer,
        .peer_count = round->group->pool_count,
        .series = NULL,
        .block = state,
    };
    run_policies(plan, state, &walk->input, d);
    walk->context = (struct stage_context){
        .pool = plan->spec,
        .observation = &o->pool[index],
        .input = &walk->input,
        .state = NULL,
        .now_ns = state->now_ns,
        .wall_ns = o->wall_ns,
        .native = !plan->spec->policy->imitation,
        .incomplete = o->incomplete != 0,
        .required_failed = false,
        .counts_failed = false,
        .coverage = 1,
        .demand_zero = false,
        .group_waits = round->waits,
        .group_serves = false,
        .failed_signal = SIGNAL_COUNT,
        .desired = pool->desired,
        .urgent_to = 0,
        .count = d->proposal.abstain ? pool->desired : d->proposal.replicas,
        .terms = classes_terms(plan->spec),
        .decision = d,
    };
    d->proposal.urgent = walk->context.native && d->proposal.urgent;
}

static void finish(struct walk *walk, struct group_state *state)
{
    struct stage_context *c = &walk->context;
    const struct pool_plan *plan = walk->plan;
    struct pool_state *pool = state_at(state, plan->offset);
    struct decision *d = c->decision;
    c->count = num_clamp(c->count, 0, REPLICAS_MAX);
    for (uint32_t i = 0; i < plan->stage_count; i++) {
        c->state = state_at(state, plan->stage[i].offset);
        if (plan->stage[i].ops->record != NULL)
            plan->stage[i].ops->record(c, pool->desired, c->count);
    }
    d->desired = c->count;
    d->wake = d->wake && c->desired == 0 && c->count > 0;
    d->urgent = d->urgent && c->count > c->desired;
    classes_split(plan->spec, c->observation, &c->terms, c->count, d->class_desired);
    pool->before = pool->desired;
    pool->desired = c->count;
}

/* Requests that wait in front of any role wake all of them. */
static bool group_waits(const struct group_spec *group, const struct observation *o)
{
    for (size_t i = 0; i < group->pool_count; i++)
        if (o->pool[i].waiting_state == SIGNAL_VALUE && o->pool[i].waiting_requests > 0)
            return true;
    return false;
}

void decide(const struct group_spec *group, struct group_state *state,
            const struct observation *observation, struct decision *decision)
{
    struct walk walks[POOLS_PER_GROUP_MAX];
    struct round round;
    round.group = group;
    round.state = state;
    round.o = observation;
    const size_t pool_count = group->pool_count;
    bool serves = false;
    round.waits = group_waits(group, observation);
    if (observation->now_ns > state->now_ns)
        state->now_ns = observation->now_ns;
    for (size_t i = 0; i < pool_count; i++)
        round.peer[i] = meet(&group->pool[i], state, &observation->pool[i], &decision[i]);
    for (size_t i = 0; i < pool_count; i++) {
        struct walk *walk = &walks[i];
        const struct pool_plan *plan = &group->pool[i];
        begin(walk, &round, i, &decision[i]);
        for (uint32_t s = 0; s < plan->fleet_stage; s++) {
            if (s == plan->doubt_stage)
                find_doubt(walk, state);
            run_stage(walk, state, &plan->stage[s]);
        }
        serves |= walk->context.count > 0;
    }
    for (size_t i = 0; i < pool_count; i++) {
        walks[i].context.group_serves = serves;
        for (uint32_t s = group->pool[i].fleet_stage; s < group->pool[i].stage_count; s++)
            run_stage(&walks[i], state, &group->pool[i].stage[s]);
        finish(&walks[i], state);
    }
}
