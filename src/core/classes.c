#include "core/classes.h"

#include <math.h>
#include <string.h>

#include "base/num.h"

struct class_terms classes_terms(const struct pool_spec *pool)
{
    return (struct class_terms){.spot_max_percent = pool->cost.spot_max_percent};
}

/* ---- caps and order ---- */

static bool is_spot(const struct pool_spec *pool, size_t i)
{
    return pool->class_[i].kind == CAPACITY_SPOT;
}

static int64_t cap_of(const struct pool_spec *pool, const struct pool_observation *o,
                      const struct class_terms *terms, size_t i)
{
    const struct class_spec *class = &pool->class_[i];
    if (!is_spot(pool, i))
        return num_clamp(class->replicas_max, 0, REPLICAS_MAX);
    if (class->price_per_hour > pool->cost.spot_max_price)
        return 0;
    const int64_t notice = num_clamp(o->class_notice[i], 0, REPLICAS_MAX);
    const int64_t most = num_clamp(class->replicas_max, 0, REPLICAS_MAX);
    if (notice == 0 && (terms->resting >> i & 1) == 0)
        return most;
    const int64_t stays = num_clamp(
        num_add_sat(num_add_sat(o->class_ready[i], o->class_pending[i]), -notice), 0, REPLICAS_MAX);
    return stays < most ? stays : most;
}

/* A class whose starts lead to nothing keeps what there is of it, as long as others have room. */
static int64_t cap_while_refused(const struct pool_observation *o, size_t i, int64_t cap)
{
    const int64_t stays =
        num_clamp(num_add_sat(o->class_ready[i], o->class_pending[i]), 0, REPLICAS_MAX);
    return o->class_refused[i] > 0 && stays < cap ? stays : cap;
}

/* Filling order of kinds. */
static int rank_of(const struct pool_spec *pool, size_t i)
{
    if (is_spot(pool, i))
        return pool->cost.spot_first ? 1 : 3;
    return pool->class_[i].kind == CAPACITY_RESERVED ? 0 : 2;
}

/* True when class a is filled before class b; an unknown price is the highest. */
static bool before(const struct pool_spec *pool, size_t a, size_t b)
{
    const struct class_spec *x = &pool->class_[a];
    const struct class_spec *y = &pool->class_[b];
    if (rank_of(pool, a) != rank_of(pool, b))
        return rank_of(pool, a) < rank_of(pool, b);
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

/* ---- room ---- */

int64_t classes_room(const struct pool_spec *pool, const struct pool_observation *o,
                     const struct class_terms *terms)
{
    if (pool->class_count == 0)
        return REPLICAS_MAX;
    int64_t firm = 0;
    int64_t spot = 0;
    for (size_t i = 0; i < pool->class_count; i++) {
        const int64_t cap = cap_of(pool, o, terms, i);
        if (is_spot(pool, i))
            spot += cap;
        else
            firm += cap;
    }
    firm = num_clamp(firm, 0, REPLICAS_MAX);
    const double share = terms->spot_max_percent / 100;
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

/* ---- split ---- */

/* What is given out, and what is left to give. */
struct split {
    const size_t *order;
    int64_t cap[CLASSES_PER_POOL_MAX];
    int64_t left;
    int64_t spot_left;
    int64_t *given;
};

static void give(struct split *s, size_t class, int64_t n, bool spot)
{
    n = num_clamp(n, 0, s->left);
    n = n < s->cap[class] ? n : s->cap[class];
    if (spot && n > s->spot_left)
        n = s->spot_left;
    s->given[class] += n;
    s->cap[class] -= n;
    s->left -= n;
    s->spot_left -= spot ? n : 0;
}

/* Round by round an equal part to each spot class that has room, the rest in their order. */
static void spread_spot(struct split *s, const struct pool_spec *pool)
{
    for (size_t round = 0; round < CLASSES_PER_POOL_MAX && s->left > 0 && s->spot_left > 0;
         round++) {
        int64_t open = 0;
        for (size_t i = 0; i < pool->class_count; i++)
            open += is_spot(pool, i) && s->cap[i] > 0;
        if (open == 0)
            return;
        const int64_t most = s->left < s->spot_left ? s->left : s->spot_left;
        const int64_t each = most / open;
        int64_t over = most % open;
        for (size_t i = 0; i < pool->class_count; i++) {
            const size_t class = s->order[i];
            if (is_spot(pool, class) && s->cap[class] > 0)
                give(s, class, each + (over-- > 0 ? 1 : 0), true);
        }
    }
}

static void fill(struct split *s, const struct pool_spec *pool)
{
    for (size_t i = 0; i < pool->class_count && s->left > 0; i++) {
        const size_t class = s->order[i];
        if (is_spot(pool, class) && pool->cost.spot_spread)
            spread_spot(s, pool);
        give(s, class, s->left, is_spot(pool, class));
    }
}

void classes_split(const struct pool_spec *pool, const struct pool_observation *o,
                   const struct class_terms *terms, int64_t count, int64_t *ret_desired)
{
    memset(ret_desired, 0, CLASSES_PER_POOL_MAX * sizeof(ret_desired[0]));
    if (pool->class_count <= 1) {
        ret_desired[0] = count;
        return;
    }
    size_t order[CLASSES_PER_POOL_MAX];
    order_of(pool, order);
    const double share = fmin(terms->spot_max_percent, 100) / 100;
    struct split s = {.order = order, .left = count, .given = ret_desired};
    s.spot_left = num_to_int(floor((double)count * share), 0, count);
    int64_t refused[CLASSES_PER_POOL_MAX] = {0}; /* room that nobody else has */
    for (size_t i = 0; i < pool->class_count; i++) {
        const int64_t cap = cap_of(pool, o, terms, i);
        s.cap[i] = cap_while_refused(o, i, cap);
        refused[i] = cap - s.cap[i];
    }
    fill(&s, pool);
    for (size_t i = 0; i < pool->class_count; i++)
        s.cap[i] += refused[i];
    fill(&s, pool);
    ret_desired[order[pool->class_count - 1]] += s.left; /* pinned beyond the classes */
}

/* ---- money ---- */

double classes_cost(const struct pool_spec *pool, const int64_t *counts)
{
    double cost = 0;
    for (size_t i = 0; i < pool->class_count; i++)
        if (counts[i] > 0)
            cost += (double)counts[i] * pool->class_[i].price_per_hour;
    return cost;
}

int64_t classes_afford(const struct pool_spec *pool, const struct pool_observation *o,
                       const struct class_terms *terms, double per_hour)
{
    int64_t counts[CLASSES_PER_POOL_MAX];
    int64_t low = 0; /* is affordable */
    int64_t high = num_clamp(pool->replicas_max, 0, REPLICAS_MAX);
    classes_split(pool, o, terms, high, counts);
    const double most = classes_cost(pool, counts);
    if (isnan(most) || most <= per_hour)
        return REPLICAS_MAX;
    while (high - low > 1) { /* a larger count never costs less */
        const int64_t middle = low + (high - low) / 2;
        classes_split(pool, o, terms, middle, counts);
        if (classes_cost(pool, counts) <= per_hour)
            low = middle;
        else
            high = middle;
    }
    return low;
}
