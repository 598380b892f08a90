/* fleet.c - stage 13: what the group and the fleet allow. A role is not at zero while another one
 * serves; money, quota, inventory and the classes bound the count; then it is split over the
 * classes. Sharing between groups is allot()'s business. */
#include <math.h>
#include <string.h>

#include "base/duration.h"
#include "base/num.h"
#include "core/budget.h"
#include "core/classes.h"
#include "core/stage.h"

struct fleet_state {
    struct budget_ledger budget;
    int64_t taken_ns[CLASSES_PER_POOL_MAX]; /* a spot class was last taken back; TIME_NONE */
};

static const struct field fields[] = {
    BUDGET_FIELDS(fleet_state, budget),
    FIELD_ARRAY(I64, fleet_state, taken_ns, CLASSES_PER_POOL_MAX),
};

static bool used(const struct pool_spec *pool)
{
    (void)pool;
    return true;
}

static void state_init(const struct pool_spec *pool, void *state, int64_t now_ns, int64_t desired)
{
    struct fleet_state *s = state;
    (void)pool;
    (void)desired;
    budget_init(&s->budget, now_ns);
    for (size_t i = 0; i < CLASSES_PER_POOL_MAX; i++)
        s->taken_ns[i] = TIME_NONE;
}

/* ---- money ---- */

/* Not below the minimum: a budget scales to the minimum, it does not switch a pool off. */
static void limit_to(struct stage_context *c, int64_t limit, enum reason reason,
                     const double number[4])
{
    if (limit < c->pool->replicas_min)
        limit = c->pool->replicas_min;
    if (c->count > limit)
        stage_say(c, STAGE_FLEET, limit, reason, number);
}

/* What the count would cost is not known: as if the hour's money were spent (R14). */
static bool is_unpriced(const struct stage_context *c)
{
    int64_t counts[CLASSES_PER_POOL_MAX];
    classes_split(c->pool, c->observation, &c->terms, c->count, counts);
    return isnan(classes_cost(c->pool, counts));
}

static void spend(struct stage_context *c, const struct budget_view *view)
{
    const struct cost_spec *cost = &c->pool->cost;
    const double number[4] = {isnan(view->spent) ? 0 : view->spent, cost->daily_budget};
    if (c->observation->budget_limit >= 0)
        limit_to(c, c->observation->budget_limit, REASON_BUDGET, NULL);
    if (cost->max_per_hour >= 0 && c->count > c->desired && is_unpriced(c))
        limit_to(c, c->desired, REASON_BUDGET_UNKNOWN, NULL);
    else if (cost->max_per_hour >= 0)
        limit_to(c, classes_afford(c->pool, c->observation, &c->terms, cost->max_per_hour),
                 REASON_BUDGET, NULL);
    if (view->to_min)
        limit_to(c, 0, REASON_BUDGET_MIN, number);
    else if (view->unknown)
        limit_to(c, c->desired, REASON_BUDGET_UNKNOWN, NULL);
    else if (view->exhausted)
        limit_to(c, c->desired, REASON_BUDGET_SPENT, number);
    if (view->fallback)
        stage_say(c, STAGE_FLEET, c->count, REASON_BUDGET_FALLBACK, number);
    c->decision->fallback = view->fallback;
}

/* ---- classes ---- */

static bool is_spot(const struct stage_context *c, size_t class)
{
    return c->pool->class_[class].kind == CAPACITY_SPOT;
}

/* Spot classes that were taken back a moment ago are not asked again at once, or none at all is. */
static void rest(struct stage_context *c, struct fleet_state *s)
{
    uint32_t spot = 0;
    for (size_t i = 0; i < c->pool->class_count; i++) {
        if (!is_spot(c, i))
            continue;
        spot |= 1U << i;
        if (c->observation->class_notice[i] > 0)
            s->taken_ns[i] = c->now_ns;
        if (s->taken_ns[i] != TIME_NONE &&
            num_add_sat(c->now_ns, -s->taken_ns[i]) < c->pool->cost.spot_rest_ns)
            c->terms.resting |= 1U << i;
        else
            s->taken_ns[i] = TIME_NONE;
    }
    if (c->terms.resting != 0 && c->pool->cost.interruption == INTERRUPTION_ON_DEMAND)
        c->terms.resting = spot;
}

/* Says which part of the count goes elsewhere since starts in a class lead to nothing. */
static void tell_refused(struct stage_context *c)
{
    int64_t now[CLASSES_PER_POOL_MAX];
    int64_t usual[CLASSES_PER_POOL_MAX];
    bool any = false;
    for (size_t i = 0; i < c->pool->class_count && c->pool->class_count > 1; i++)
        any |= c->observation->class_refused[i] > 0;
    if (!any)
        return;
    struct pool_observation willing = *c->observation;
    memset(willing.class_refused, 0, sizeof(willing.class_refused));
    classes_split(c->pool, c->observation, &c->terms, c->count, now);
    classes_split(c->pool, &willing, &c->terms, c->count, usual);
    for (size_t i = 0; i < c->pool->class_count; i++) {
        const double number[4] = {(double)i, (double)c->observation->class_refused[i],
                                  (double)(usual[i] - now[i])};
        if (c->observation->class_refused[i] > 0 && now[i] < usual[i])
            stage_say(c, STAGE_FLEET, c->count, REASON_CLASS_REFUSED, number);
    }
}

static void apply(struct stage_context *c)
{
    struct fleet_state *s = c->state;
    const struct budget_view view =
        budget_tick(&s->budget, c->pool, c->observation, c->now_ns, c->wall_ns);
    if (view.all_spot)
        c->terms.spot_max_percent = 100;
    rest(c, s);
    if (c->count == 0 && c->pool->role != ROLE_NONE && c->group_serves && c->pool->replicas_max > 0)
        stage_say(c, STAGE_FLEET, 1, REASON_PARTNER, NULL);
    spend(c, &view);
    const int64_t quota = c->observation->quota_limit;
    if (quota >= 0 && c->count > quota)
        stage_say(c, STAGE_FLEET, quota, REASON_QUOTA, NULL);
    const int64_t inventory = c->observation->inventory_limit;
    if (inventory >= 0 && c->count > inventory)
        stage_say(c, STAGE_FLEET, inventory, REASON_INVENTORY, NULL);
    const int64_t room = classes_room(c->pool, c->observation, &c->terms);
    if (c->count > room)
        stage_say(c, STAGE_FLEET, room, REASON_CLASSES_FULL, NULL);
    tell_refused(c);
}

const struct stage_ops stage_fleet = {
    .id = STAGE_FLEET,
    .summary = "Bounds the count by group, budget, quota, inventory and classes.",
    .fields = fields,
    .field_count = COUNT_OF(fields),
    .state_size = sizeof(struct fleet_state),
    .used = used,
    .state_init = state_init,
    .apply = apply,
};
