/* startup_times.c - how long starts took: the last ones of each pool, from order to first ready. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "reconcile/parts.h"

void startup_record(struct pool *pool, int64_t span_ns)
{
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
}

static int by_length(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Nearest rank: the smallest value that `percent` of them do not exceed. */
int64_t startup_quantile(const struct pool *pool, int64_t percent)
{
    int64_t sorted[STARTUPS_KEPT];
    if (pool->startups == NULL || pool->startups->count == 0)
        return 0;
    const size_t n = pool->startups->count;
    memcpy(sorted, pool->startups->span_ns, n * sizeof(sorted[0]));
    qsort(sorted, n, sizeof(sorted[0]), by_length);
    const size_t rank = ((size_t)percent * n + 99) / 100;
    return sorted[rank > 0 ? rank - 1 : 0];
}
