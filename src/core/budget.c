#include "core/budget.h"

#include <math.h>

#include "base/duration.h"
#include "base/num.h"
#include "core/classes.h"

#define SPENT_MAX 1e12
#define GAP_MAX_NS HOUR_NS /* a longer silence is not billed whole: nobody knows what was held */

void budget_init(struct budget_ledger *ledger, int64_t now_ns)
{
    *ledger = (struct budget_ledger){.day = INT64_MIN, .at_ns = now_ns};
}

/* What everything that is held costs per hour: serving and starting replicas by class, the others
 * (warm, draining, blocked) at the highest price that there is. */
static double cost_now(const struct pool_spec *pool, const struct pool_observation *o)
{
    if (pool->class_count == 0)
        return 0; /* nothing has a price */
    int64_t counts[CLASSES_PER_POOL_MAX] = {0};
    int64_t known = 0;
    double highest = 0;
    for (size_t i = 0; i < pool->class_count; i++) {
        const double price = pool->class_[i].price_per_hour;
        counts[i] = num_clamp(num_add_sat(num_clamp(o->class_ready[i], 0, REPLICAS_MAX),
                                          num_clamp(o->class_pending[i], 0, REPLICAS_MAX)),
                              0, REPLICAS_MAX);
        known += counts[i];
        if (isnan(price) || price > highest) /* an unknown one stays: nothing is above it */
            highest = price;
    }
    const int64_t all = num_add_sat(num_clamp(o->actual_count, 0, REPLICAS_MAX),
                                    num_clamp(o->draining, 0, REPLICAS_MAX));
    const double rest = all > known ? (double)(all - known) : 0;
    return classes_cost(pool, counts) + (rest > 0 ? rest * highest : 0);
}

static void bill(struct budget_ledger *l, const struct pool_spec *pool,
                 const struct pool_observation *o, int64_t now_ns, int64_t wall_ns)
{
    const int64_t day = wall_ns / DAY_NS - (wall_ns % DAY_NS < 0);
    const int64_t span_ns = num_clamp(num_add_sat(now_ns, -l->at_ns), 0, GAP_MAX_NS);
    if (l->per_hour > 0) /* after an unknown price the sum is unknown already */
        l->spent += l->per_hour * seconds_of(span_ns) / 3600;
    if (day != l->day) {
        l->day = day; /* also when the clock was set back: a day is not paid twice */
        l->spent = 0;
    }
    l->at_ns = now_ns;
    l->per_hour = cost_now(pool, o);
}

/* The first step at once, each further one when money has still been spent for its time. */
static void climb(struct budget_ledger *l, const struct cost_spec *cost, bool exhausted,
                  int64_t now_ns)
{
    const int64_t count = (int64_t)cost->step_count;
    if (!exhausted) {
        l->steps = 0;
        return;
    }
    const bool first = l->steps == 0;
    if (l->steps >= count || (!first && !(l->per_hour > 0)))
        return;
    if (!first && num_add_sat(now_ns, -l->steps_ns) < cost->step[l->steps].after_ns)
        return;
    l->steps++;
    l->steps_ns = now_ns;
}

struct budget_view budget_tick(struct budget_ledger *l, const struct pool_spec *pool,
                               const struct pool_observation *o, int64_t now_ns, int64_t wall_ns)
{
    const struct cost_spec *cost = &pool->cost;
    bill(l, pool, o, now_ns, wall_ns);
    if (isnan(l->per_hour))
        l->spent = NAN; /* a day with an unknown price has an unknown sum */
    struct budget_view view = {.spent = l->spent};
    if (!isnan(o->spent_today)) /* an impossible sum is an unknown one (R1, R14) */
        view.spent = o->spent_today >= 0 && o->spent_today <= SPENT_MAX ? o->spent_today : NAN;
    const bool limited = cost->daily_budget >= 0;
    view.unknown = o->budget_unreadable != 0 || (limited && isnan(view.spent));
    view.exhausted = limited && view.spent >= cost->daily_budget;
    view.fallback = limited && view.spent >= cost->daily_budget * cost->fallback_percent / 100;
    climb(l, cost, view.exhausted, now_ns);
    for (int64_t i = 0; i < l->steps && i < (int64_t)cost->step_count; i++) {
        view.to_min |= cost->step[i].action == BUDGET_SCALE_TO_MIN;
        view.fallback |= cost->step[i].action == BUDGET_FALLBACK_MODEL;
        view.all_spot |= cost->step[i].action == BUDGET_ENABLE_SPOT;
    }
    return view;
}
