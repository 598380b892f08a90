/* class_choice.c - in which class the next replica is started: the one that is furthest below its
 * share of the decision. A class whose starts lead to nothing is left alone for a while, longer
 * each time, as long as another one has room; what waits for its turn is then tried there (FAULTS
 * 46 to 48). */
#include "base/num.h"
#include "reconcile/parts.h"

#define CLASS_REST_MIN_NS (10 * SECOND_NS) /* longer than any early tick takes to come */

static int64_t rest_ns(const struct reconcile *r, const struct pool *pool, size_t class)
{
    const struct class_rest *rest = &pool->class_rest[class];
    return rest->refused > 0 && r->now_ns < rest->until_ns ? rest->until_ns - r->now_ns : 0;
}

int64_t class_refused(const struct reconcile *r, const struct pool *pool, size_t class)
{
    return rest_ns(r, pool, class) > 0 ? pool->class_rest[class].refused : 0;
}

/* Several starts of one tick that are refused together are one refusal. */
void class_failed(struct reconcile *r, struct pool *pool, size_t class)
{
    if (class >= CLASSES_PER_POOL_MAX || rest_ns(r, pool, class) > 0)
        return;
    struct class_rest *rest = &pool->class_rest[class];
    const int64_t most_ns = num_clamp(pool->spec->backoff_max_ns, CLASS_REST_MIN_NS, DAY_NS);
    int64_t wait_ns = num_clamp(pool->spec->backoff_min_ns, CLASS_REST_MIN_NS, most_ns);
    for (int64_t i = 0; i < rest->refused && wait_ns < most_ns; i++)
        wait_ns = num_clamp(2 * wait_ns, wait_ns, most_ns);
    rest->refused++;
    rest->until_ns = r->now_ns + wait_ns;
    if (pool->core->class_count > 1)
        note(r, pool, NULL, "class-resting", "a start in class %s led to nothing: others for %d s",
             class < pool->core->class_count ? pool->core->class_[class].name : "?",
             (int)(wait_ns / SECOND_NS));
}

void class_works(struct reconcile *r, struct pool *pool, size_t class)
{
    if (class >= CLASSES_PER_POOL_MAX || pool->class_rest[class].refused == 0)
        return;
    pool->class_rest[class] = (struct class_rest){0};
    if (class < pool->core->class_count && pool->core->class_count > 1)
        note(r, pool, NULL, "class-works", "class %s has a replica again",
             pool->core->class_[class].name);
}

/* How many replicas each class is short of its share. What waits for its turn is of no class yet.
 */
static bool shortages(const struct reconcile *r, const struct pool *pool,
                      int64_t ret_short[CLASSES_PER_POOL_MAX])
{
    if (!r->group[pool->group].decided)
        return false;
    const struct decision *d = &r->group[pool->group].decision[pool->in_group];
    for (size_t i = 0; i < CLASSES_PER_POOL_MAX; i++)
        ret_short[i] = i < pool->core->class_count ? d->class_desired[i] : 0;
    for (size_t i = 0; i < pool->replica_count; i++) {
        const struct replica *replica = pool->replica[i];
        if (replica->alive && replica->row.state != REPLICA_DRAINING &&
            replica->row.state != REPLICA_STOPPING && replica->row.class_ < CLASSES_PER_POOL_MAX)
            ret_short[replica->row.class_]--;
    }
    return true;
}

uint16_t class_for_start(const struct reconcile *r, const struct pool *pool)
{
    int64_t shorts[CLASSES_PER_POOL_MAX];
    uint16_t best = 0;
    if (!shortages(r, pool, shorts))
        return best;
    for (uint16_t i = 1; i < pool->core->class_count; i++) {
        const bool open = shorts[i] > 0 && rest_ns(r, pool, i) == 0;
        const bool best_open = shorts[best] > 0 && rest_ns(r, pool, best) == 0;
        if (open != best_open ? open : shorts[i] > shorts[best])
            best = i;
    }
    return best;
}

int64_t classes_open(const struct reconcile *r, const struct pool *pool)
{
    int64_t shorts[CLASSES_PER_POOL_MAX];
    int64_t open = 0;
    if (pool->core->class_count <= 1 || !shortages(r, pool, shorts))
        return 0;
    for (size_t i = 0; i < pool->core->class_count; i++)
        if (shorts[i] > 0 && rest_ns(r, pool, i) == 0)
            open += shorts[i];
    return open;
}
