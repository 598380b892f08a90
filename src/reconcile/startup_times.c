/* startup_times.c - how long starts took: the last ones of each pool, from order to first ready. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "reconcile/parts.h"

static int by_length(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Nearest rank: the smallest value that `percent` of them do not exceed. */
static int64_t quantile(const int64_t *sorted, size_t n, size_t percent)
{
    return sorted[(percent * n + 99) / 100 - 1];
}

void startup_record(struct pool *pool, int64_t span_ns)
{
    int64_t sorted[STARTUPS_KEPT];
    if (span_ns < 0)
        return;
    if (pool->startups == NULL)
        pool->startups = mem_new(1, sizeof(*pool->startups));
    struct startup_times *times = pool->startups;
    if (times == NULL)
        return; /* not measured: the next one may be */
    times->span_ns[times->next] = span_ns;
    times->next = (times->next + 1) % STARTUPS_KEPT;
    if (times->count < STARTUPS_KEPT)
        times->count++;
    memcpy(sorted, times->span_ns, times->count * sizeof(sorted[0]));
    qsort(sorted, times->count, sizeof(sorted[0]), by_length);
    times->p50_ns = quantile(sorted, times->count, 50);
    times->p90_ns = quantile(sorted, times->count, 90);
}

int64_t startup_p50_ns(const struct pool *pool)
{
    return pool->startups != NULL ? pool->startups->p50_ns : 0;
}

int64_t startup_p90_ns(const struct pool *pool)
{
    return pool->startups != NULL ? pool->startups->p90_ns : 0;
}

enum rc reconcile_startup(struct reconcile *r, const char *pool, int64_t startup_ns)
{
    const int index = reconcile_pool_find(r, span_from(pool));
    if (index < 0)
        return RC_UNKNOWN;
    startup_record(r->pool[index], startup_ns);
    return RC_OK;
}

size_t reconcile_startups(const struct reconcile *r, size_t pool, int64_t ret_ns[STARTUPS_KEPT])
{
    const struct startup_times *times = pool < r->pool_count ? r->pool[pool]->startups : NULL;
    if (times == NULL)
        return 0;
    const size_t oldest = times->count < STARTUPS_KEPT ? 0 : times->next;
    for (size_t i = 0; i < times->count; i++)
        ret_ns[i] = times->span_ns[(oldest + i) % STARTUPS_KEPT];
    return times->count;
}
