#include "core/classes.h"

#include <math.h>
#include <string.h>

#include "base/num.h"

static int64_t cap_of(const struct pool_spec *pool, const struct pool_observation *o, size_t i)
{
    const struct class_spec *class = &pool->class_[i];
    if (class->kind != CAPACITY_SPOT)
        return class->replicas_max;
    if (class->price_per_hour > pool->cost.spot_max_price)
        return 0;
    if (o->class_notice[i] <= 0)
        return class->replicas_max;
    const int64_t stays = num_clamp(
        num_add_sat(num_add_sat(o->class_ready[i], o->class_pending[i]), -o->class_notice[i]), 0,
        REPLICAS_MAX);
    return stays < class->replicas_max ? stays : class->replicas_max;
}

/* Filling order of kinds. */
static int rank_of(const struct class_spec *class)
{
    static const int ranks[] = {
        [CAPACITY_ON_DEMAND] = 2, [CAPACITY_SPOT] = 1, [CAPACITY_RESERVED] = 0};
    return class->kind >= 0 && class->kind <= CAPACITY_RESERVED ? ranks[class->kind] : 2;
}

/* True when class a is filled before class b; an unknown price is the highest. */
static bool before(const struct pool_spec *pool, size_t a, size_t b)
{
    const struct class_spec *x = &pool->class_[a];
    const struct class_spec *y = &pool->class_[b];
    if (rank_of(x) != rank_of(y))
        return rank_of(x) < rank_of(y);
    const double cost_x =
        isnan(x->price_per_hour) ? (double)INFINITY : x->price_per_hour / x->capacity_factor;
    const double cost_y =
        isnan(y->price_per_hour) ? (double)INFINITY : y->price_per_hour / y->capacity_factor;
    if (cost_x < cost_y || cost_x > cost_y)
        return cost_x < cost_y;
    return a < b;
}

static void order_of(const struct pool_spec *pool, size_t *ret_order)
{
    for (size_t i = 0; i < pool->class_count; i++) {
        size_t at = i;
        for (; at > 0 && before(pool, i, ret_order[at - 1]); at--)
            ret_order[at] = ret_order[at - 1];
        ret_order[at] = i;
    }
}

int64_t classes_room(const struct pool_spec *pool, const struct pool_observation *o)
{
    if (pool->class_count == 0)
        return REPLICAS_MAX;
    int64_t firm = 0;
    int64_t spot = 0;
    for (size_t i = 0; i < pool->class_count; i++) {
        const int64_t cap = num_clamp(cap_of(pool, o, i), 0, REPLICAS_MAX);
        if (pool->class_[i].kind == CAPACITY_SPOT)
            spot += cap;
        else
            firm += cap;
    }
    firm = num_clamp(firm, 0, REPLICAS_MAX);
    const double share = pool->cost.spot_max_percent / 100;
    if (!(share < 1))
        return num_clamp(firm + spot, 0, REPLICAS_MAX);
    /* With n replicas floor(n * share) may be spot: the largest n with n - floor(n * share) <=
     * firm.
     */
    int64_t by_share = num_to_int(floor((double)firm / (1 - share)), firm, REPLICAS_MAX);
    while (by_share < REPLICAS_MAX &&
           by_share + 1 - (int64_t)floor((double)(by_share + 1) * share) <= firm)
        by_share++;
    while (by_share > firm && by_share - (int64_t)floor((double)by_share * share) > firm)
        by_share--;
    return num_clamp(by_share < firm + spot ? by_share : firm + spot, 0, REPLICAS_MAX);
}

void classes_split(const struct pool_spec *pool, const struct pool_observation *o, int64_t count,
                   int64_t *ret_desired)
{
    memset(ret_desired, 0, CLASSES_PER_POOL_MAX * sizeof(ret_desired[0]));
    if (pool->class_count <= 1) {
        ret_desired[0] = count;
        return;
    }
    size_t order[CLASSES_PER_POOL_MAX];
    order_of(pool, order);
    const double share = fmin(pool->cost.spot_max_percent, 100) / 100;
    int64_t spot_left = num_to_int(floor((double)count * share), 0, count);
    int64_t left = count;
    for (size_t i = 0; i < pool->class_count && left > 0; i++) {
        const size_t class = order[i];
        const bool spot = pool->class_[class].kind == CAPACITY_SPOT;
        int64_t n = num_clamp(cap_of(pool, o, class), 0, left);
        if (spot && n > spot_left)
            n = spot_left;
        if (spot)
            spot_left -= n;
        ret_desired[class] = n;
        left -= n;
    }
    ret_desired[order[pool->class_count - 1]] += left; /* pinned beyond the classes */
}
