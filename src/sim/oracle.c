#include "sim/oracle.h"

#include <math.h>
#include <stdlib.h>

#include "base/duration.h"
#include "base/mem.h"

enum rc oracle_table_init(struct oracle_table *table, size_t windows, size_t count_max)
{
    *table = (struct oracle_table){.windows = windows, .count_max = count_max};
    if (count_max > ORACLE_COUNT_MAX)
        return RC_LIMIT;
    table->miss = mem_new(windows * count_max, sizeof *table->miss);
    return table->miss != NULL ? RC_OK : RC_NO_MEMORY;
}

void oracle_table_done(struct oracle_table *table)
{
    free(table->miss);
    *table = (struct oracle_table){0};
}

/* Best way into each count of the next window. Falling is free, so the best of all higher counts is
 * one number; rising costs the start-up of every step, so that is one number too. */
static void advance(const double *cost, size_t n, double startup_s, double *ret_cost,
                    uint16_t *ret_from)
{
    double best = INFINITY;
    uint16_t from = 0;
    for (size_t i = 0; i < n; i++) { /* from below: each step up costs */
        best += startup_s;
        if (cost[i] < best) {
            best = cost[i];
            from = (uint16_t)i;
        }
        ret_cost[i] = best;
        ret_from[i] = from;
    }
    best = INFINITY;
    for (size_t i = n; i-- > 0;) { /* from above */
        if (cost[i] < best) {
            best = cost[i];
            from = (uint16_t)i;
        }
        if (best < ret_cost[i]) {
            ret_cost[i] = best;
            ret_from[i] = from;
        }
    }
}

enum rc oracle_schedule(const struct oracle_table *table, double price, int64_t startup_ns,
                        int64_t *ret)
{
    const size_t n = table->count_max;
    const double window_s = seconds_of(ORACLE_WINDOW_NS);
    double *cost = mem_new(2 * n, sizeof *cost);
    uint16_t *from = mem_new(table->windows * n, sizeof *from);
    if (cost == NULL || from == NULL) {
        free(cost);
        free(from);
        return RC_NO_MEMORY;
    }
    double *next = cost + n;
    for (size_t w = 0; w < table->windows; w++) {
        if (w == 0)
            for (size_t i = 0; i < n; i++)
                next[i] = 0;
        else
            advance(cost, n, seconds_of(startup_ns), next, &from[w * n]);
        for (size_t i = 0; i < n; i++)
            cost[i] = next[i] + (double)(i + 1) * window_s + price * table->miss[w * n + i];
    }
    size_t at = 0;
    for (size_t i = 1; i < n; i++)
        at = cost[i] < cost[at] ? i : at;
    for (size_t w = table->windows; w-- > 0;) {
        ret[w] = (int64_t)at + 1;
        at = from[w * n + at];
    }
    free(cost);
    free(from);
    return RC_OK;
}

void oracle_order(int64_t *schedule, size_t windows, int64_t startup_ns)
{
    const size_t early = (size_t)((startup_ns + ORACLE_WINDOW_NS - 1) / ORACLE_WINDOW_NS);
    for (size_t w = 0; w < windows; w++)
        for (size_t i = w + 1; i < windows && i <= w + early; i++)
            schedule[w] = schedule[i] > schedule[w] ? schedule[i] : schedule[w];
}
