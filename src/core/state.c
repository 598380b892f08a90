/* state.c - the life of a state block: fresh, checked, carried over a change of specification,
 * corrected. */
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/duration.h"
#include "base/num.h"
#include "core/plan.h"

void policy_state_init(const struct pool_plan *plan, const struct policy_plan *policy,
                       struct group_state *state, int64_t now_ns, int64_t desired)
{
    struct policy_state *own = state_at(state, policy->offset);
    own->next_ns = TIME_NONE;
    own->proposal.abstain = true;
    own->proposal.reason = REASON_NO_SIGNAL;
    if (policy->ops->state_init != NULL)
        policy->ops->state_init(plan->spec, policy->config, own + 1, now_ns, desired);
}

static void stage_init(const struct pool_plan *plan, const struct stage_plan *stage,
                       struct group_state *state, int64_t now_ns, int64_t desired)
{
    if (stage->ops->state_init != NULL)
        stage->ops->state_init(plan->spec, state_at(state, stage->offset), now_ns, desired);
}

static void header_init(const struct group_spec *group, struct group_state *state, int64_t now_ns)
{
    state->magic = STATE_MAGIC;
    state->version = STATE_VERSION;
    state->shape = group->shape;
    state->size = group->state_size;
    state->now_ns = now_ns;
}

static void pool_init(const struct pool_plan *plan, struct group_state *state, int64_t now_ns,
                      int64_t desired)
{
    struct pool_state *pool = state_at(state, plan->offset);
    pool->desired = desired;
    pool->before = desired;
    policy_state_init(plan, &plan->policy, state, now_ns, desired);
    for (size_t i = 0; i < plan->spec->shadow_count; i++)
        policy_state_init(plan, &plan->shadow[i], state, now_ns, desired);
    for (uint32_t i = 0; i < plan->stage_count; i++)
        stage_init(plan, &plan->stage[i], state, now_ns, desired);
    for (uint32_t i = 0; i < plan->window_count; i++)
        series_init(&plan->window[i].need, state_at(state, plan->window[i].offset));
}

void group_state_init_zeroed(const struct group_spec *group, struct group_state *state,
                             int64_t now_ns, const int64_t *initial)
{
    header_init(group, state, now_ns);
    for (size_t i = 0; i < group->pool_count; i++)
        pool_init(&group->pool[i], state, now_ns, num_clamp(initial[i], 0, REPLICAS_MAX));
}

void group_state_init(const struct group_spec *group, struct group_state *state, int64_t now_ns,
                      const int64_t *initial)
{
    memset(state, 0, group->state_size);
    group_state_init_zeroed(group, state, now_ns, initial);
}

bool policy_state_valid(const struct pool_plan *plan, const struct policy_plan *policy,
                        const struct group_state *state)
{
    const struct policy_state *own = state_at_const(state, policy->offset);
    return policy->ops->state_valid == NULL ||
           policy->ops->state_valid(plan->spec, policy->config, own + 1);
}

/* The bytes of one pool, as far as they lead somewhere. */
static enum rc check_pool(const struct pool_plan *plan, const struct group_state *state,
                          struct diag *diag)
{
    const struct pool_state *pool = state_at_const(state, plan->offset);
    if (pool->desired < 0 || pool->desired > REPLICAS_MAX)
        return fail(diag, RC_CORRUPT, "the desired count of pool \"%s\" is %" PRId64,
                    plan->spec->name, pool->desired);
    if (!policy_state_valid(plan, &plan->policy, state))
        return fail(diag, RC_CORRUPT, "the state of policy %s of pool \"%s\" is damaged",
                    plan->policy.ops->name, plan->spec->name);
    for (size_t i = 0; i < plan->spec->shadow_count; i++)
        if (!policy_state_valid(plan, &plan->shadow[i], state))
            return fail(diag, RC_CORRUPT, "the state of shadow %s of pool \"%s\" is damaged",
                        plan->shadow[i].ops->name, plan->spec->name);
    for (uint32_t i = 0; i < plan->window_count; i++)
        if (!series_valid(&plan->window[i].need, state_at_const(state, plan->window[i].offset)))
            return fail(diag, RC_CORRUPT, "a window of pool \"%s\" is damaged", plan->spec->name);
    return RC_OK;
}

enum rc group_state_check(const struct group_spec *group, const void *bytes, size_t size,
                          struct diag *diag)
{
    struct group_state header;
    if (size < sizeof(header))
        return fail(diag, RC_CORRUPT, "a state of %zu bytes has no header", size);
    memcpy(&header, bytes, sizeof(header));
    if (header.magic != STATE_MAGIC)
        return fail(diag, RC_CORRUPT, "these bytes are not a state of this program and machine");
    if (header.version != STATE_VERSION)
        return fail(diag, RC_VERSION, "state format %" PRIu32 " is not %u", header.version,
                    STATE_VERSION);
    if (header.size != size)
        return fail(diag, RC_CORRUPT, "a state of %" PRIu64 " bytes has %zu", header.size, size);
    if (header.shape != group->shape || size != group->state_size)
        return fail(diag, RC_CONFLICT, "the state belongs to another specification of group \"%s\"",
                    group->name);
    for (size_t i = 0; i < group->pool_count; i++) {
        const enum rc rc = check_pool(&group->pool[i], bytes, diag);
        if (rc != RC_OK)
            return rc;
    }
    return RC_OK;
}

/* ---- reshape ---- */

struct carry {
    const struct pool_plan *from;
    const struct group_state *old;
    const struct pool_plan *to;
    struct group_state *next;
    int64_t now_ns;
};

static void carry_windows(const struct carry *c)
{
    for (uint32_t i = 0; i < c->to->window_count; i++) {
        const struct window_plan *to = &c->to->window[i];
        for (uint32_t j = 0; j < c->from->window_count; j++) {
            const struct window_plan *from = &c->from->window[j];
            const bool same = series_same_window(&from->need, &to->need);
            if (!same &&
                (from->need.kind != to->need.kind || from->need.signal.id != to->need.signal.id ||
                 strcmp(from->need.signal.external, to->need.signal.external) != 0))
                continue;
            void *state = state_at(c->next, to->offset);
            const void *old = state_at_const(c->old, from->offset);
            if (same)
                memcpy(state, old, to->size);
            else
                series_resize(&from->need, old, &to->need, state, c->now_ns);
            if (same)
                break; /* an equal window is better than a resized one */
        }
    }
}

static bool same_policy(const struct policy_plan *a, const struct policy_plan *b)
{
    return a->ops == b->ops && (a->size == b->size || a->ops->reshape != NULL);
}

static void carry_policy(const struct carry *c, const struct policy_plan *from,
                         const struct policy_plan *to)
{
    const struct policy_state *old = state_at_const(c->old, from->offset);
    struct policy_state *own = state_at(c->next, to->offset);
    *own = *old;
    if (to->ops->reshape != NULL)
        to->ops->reshape(&(struct policy_change){.old_pool = c->from->spec,
                                                 .old_config = from->config,
                                                 .old_state = old + 1,
                                                 .pool = c->to->spec,
                                                 .config = to->config,
                                                 .state = own + 1,
                                                 .now_ns = c->now_ns});
    else
        memcpy(own + 1, old + 1, to->size);
    /* A new period counts from now on. */
    if (from->period_ns != to->period_ns)
        own->next_ns = TIME_NONE;
}

/* Another policy means another opinion of the past: its stabilisation starts with a full window of
 * hold. */
static void carry_stages(const struct carry *c, bool policy_kept)
{
    for (uint32_t i = 0; i < c->to->stage_count; i++)
        for (uint32_t j = 0; j < c->from->stage_count; j++) {
            const struct stage_ops *ops = c->to->stage[i].ops;
            if (ops != c->from->stage[j].ops || (ops->id == STAGE_STABILIZE && !policy_kept))
                continue;
            memcpy(state_at(c->next, c->to->stage[i].offset),
                   state_at_const(c->old, c->from->stage[j].offset), ops->state_size);
        }
}

static void carry_pool(const struct carry *c)
{
    const struct pool_state *old = state_at_const(c->old, c->from->offset);
    pool_init(c->to, c->next, c->now_ns, old->desired);
    const bool kept = same_policy(&c->from->policy, &c->to->policy);
    if (kept)
        carry_policy(c, &c->from->policy, &c->to->policy);
    for (size_t i = 0; i < c->to->spec->shadow_count; i++)
        for (size_t j = 0; j < c->from->spec->shadow_count; j++)
            if (same_policy(&c->from->shadow[j], &c->to->shadow[i])) {
                carry_policy(c, &c->from->shadow[j], &c->to->shadow[i]);
                break;
            }
    carry_stages(c, kept);
    carry_windows(c);
}

void group_reshape(const struct group_spec *old, const struct group_state *old_state,
                   const struct group_spec *next, struct group_state *next_state, int64_t now_ns)
{
    if (old_state->now_ns > now_ns)
        now_ns = old_state->now_ns;
    memset(next_state, 0, next->state_size);
    header_init(next, next_state, now_ns);
    for (size_t i = 0; i < next->pool_count; i++) {
        const struct pool_plan *to = &next->pool[i];
        pool_init(to, next_state, now_ns, 0);
        for (size_t j = 0; j < old->pool_count; j++)
            if (strcmp(old->pool[j].spec->name, to->spec->name) == 0)
                carry_pool(&(struct carry){.from = &old->pool[j],
                                           .old = old_state,
                                           .to = to,
                                           .next = next_state,
                                           .now_ns = now_ns});
    }
}

/* ---- single facts ---- */

const void *group_policy_state(const struct group_spec *group, const struct group_state *state,
                               size_t pool)
{
    assert(pool < group->pool_count);
    const struct policy_state *own = state_at_const(state, group->pool[pool].policy.offset);
    return own + 1;
}

int64_t group_desired(const struct group_spec *group, const struct group_state *state, size_t pool)
{
    assert(pool < group->pool_count);
    const struct pool_state *own = state_at_const(state, group->pool[pool].offset);
    return own->desired;
}

void group_applied(const struct group_spec *group, struct group_state *state, size_t pool,
                   int64_t count)
{
    assert(pool < group->pool_count);
    const struct pool_plan *plan = &group->pool[pool];
    struct pool_state *own = state_at(state, plan->offset);
    count = num_clamp(count, 0, REPLICAS_MAX);
    if (count == own->desired)
        return;
    for (uint32_t i = 0; i < plan->stage_count; i++)
        if (plan->stage[i].ops->correct != NULL)
            plan->stage[i].ops->correct(state_at(state, plan->stage[i].offset), state->now_ns,
                                        own->before, own->desired, count);
    own->desired = count;
}
