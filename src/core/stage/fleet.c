/* fleet.c - stage 13: what the group and the fleet allow. A role is not at zero while another one
 * serves; budget, quota, inventory and the classes bound the count; then it is split over the
 * classes. Sharing between groups is allot()'s business. */
#include <math.h>

#include "base/num.h"
#include "core/classes.h"
#include "core/stage.h"

static bool used(const struct pool_spec *pool)
{
    (void)pool;
    return true;
}

/* What money allows: the shell's number, and the hourly limit at the price of the first class. Not
 * below the minimum: a budget scales to the minimum, it does not switch a pool off. */
static int64_t budget_of(const struct stage_context *c)
{
    const struct cost_spec *cost = &c->pool->cost;
    const double price = c->pool->class_count > 0 ? c->pool->class_[0].price_per_hour : (double)NAN;
    int64_t limit = c->observation->budget_limit < 0 ? REPLICAS_MAX : c->observation->budget_limit;
    if (cost->max_per_hour >= 0 && price > 0) {
        const int64_t hourly = num_to_int(floor(cost->max_per_hour / price), 0, REPLICAS_MAX);
        limit = hourly < limit ? hourly : limit;
    }
    return limit > c->pool->replicas_min ? limit : c->pool->replicas_min;
}

static void spend(struct stage_context *c)
{
    const double daily = c->pool->cost.daily_budget;
    const double spent = c->observation->spent_today;
    const int64_t limit = budget_of(c);
    if (c->count > limit)
        stage_say(c, STAGE_FLEET, limit, REASON_BUDGET, NULL);
    if (c->count <= c->desired || c->count <= c->pool->replicas_min)
        return;
    const int64_t held = c->desired > c->pool->replicas_min ? c->desired : c->pool->replicas_min;
    if (c->observation->budget_unreadable != 0 || (daily >= 0 && isnan(spent)))
        stage_say(c, STAGE_FLEET, held, REASON_BUDGET_UNKNOWN, NULL);
    else if (daily >= 0 && spent >= daily)
        stage_say(c, STAGE_FLEET, held, REASON_BUDGET_SPENT, (double[4]){spent, daily});
}

static void apply(struct stage_context *c)
{
    if (c->count == 0 && c->pool->role != ROLE_NONE && c->group_serves && c->pool->replicas_max > 0)
        stage_say(c, STAGE_FLEET, 1, REASON_PARTNER, NULL);
    spend(c);
    const int64_t quota = c->observation->quota_limit;
    if (quota >= 0 && c->count > quota)
        stage_say(c, STAGE_FLEET, quota, REASON_QUOTA, NULL);
    const int64_t inventory = c->observation->inventory_limit;
    if (inventory >= 0 && c->count > inventory)
        stage_say(c, STAGE_FLEET, inventory, REASON_INVENTORY, NULL);
    const int64_t room = classes_room(c->pool, c->observation);
    if (c->count > room)
        stage_say(c, STAGE_FLEET, room, REASON_CLASSES_FULL, NULL);
}

const struct stage_ops stage_fleet = {
    .id = STAGE_FLEET,
    .summary = "Bounds the count by group, budget, quota, inventory and classes.",
    .used = used,
    .apply = apply,
};
