/* metric_guide.c - the metrics under the names of the AgentPool guide, so that its queries and
 * dashboards work as they stand. */
#include <math.h>
#include <string.h>

#include "api/scrape.h"

static double ready(const struct scrape *s, size_t pool)
{
    return (double)s->status[pool].count[REPLICA_READY];
}

static double desired(const struct scrape *s, size_t pool)
{
    return (double)s->status[pool].desired;
}

static double warm(const struct scrape *s, size_t pool)
{
    return (double)s->status[pool].count[REPLICA_WARM];
}

static double queue_tokens(const struct scrape *s, size_t pool)
{
    return s->level[pool].value[LEVEL_QUEUE_TOKENS];
}

static double sessions(const struct scrape *s, size_t pool)
{
    return s->level[pool].value[LEVEL_SESSIONS];
}

/* Of the sets of a pool whose second label is `word`; NULL = all of them. */
static double sum_of(const struct counts *counts, const char *pool, const char *word)
{
    const char *labels[COUNTS_LABELS_MAX] = {NULL};
    double value;
    double sum = 0;
    for (size_t i = 0; counts_at(counts, i, labels, &value); i++)
        if (strcmp(labels[0], pool) == 0 && (word == NULL || strcmp(labels[1], word) == 0))
            sum += value;
    return sum;
}

static double operations(const struct scrape *s, size_t pool)
{
    return sum_of(s->api->tally->decisions, s->status[pool].name, NULL);
}

static double ups(const struct scrape *s, size_t pool)
{
    return sum_of(s->api->tally->decisions, s->status[pool].name, "up");
}

static double downs(const struct scrape *s, size_t pool)
{
    return sum_of(s->api->tally->decisions, s->status[pool].name, "down");
}

static double woken(const struct scrape *s, size_t pool)
{
    return sum_of(s->api->tally->writes, s->status[pool].name, "wake");
}

static double ttft_p95_ms(const struct scrape *s, size_t pool)
{
    const struct histogram *ttft = s->status[pool].total.ttft_s;
    return ttft == NULL || ttft->count <= 0 ? (double)NAN : 1000 * histogram_quantile(ttft, 0.95);
}

void scrape_guide(struct scrape *s)
{
    scrape_per_pool(s, METRIC_ID_GUIDE_REPLICAS, ready);
    scrape_per_pool(s, METRIC_ID_GUIDE_DESIRED, desired);
    scrape_per_pool(s, METRIC_ID_GUIDE_OPERATIONS, operations);
    scrape_per_pool(s, METRIC_ID_GUIDE_UP, ups);
    scrape_per_pool(s, METRIC_ID_GUIDE_DOWN, downs);
    scrape_per_pool(s, METRIC_ID_GUIDE_QUEUE, queue_tokens);
    scrape_per_pool(s, METRIC_ID_GUIDE_SESSIONS, sessions);
    metric_begin(&s->page, METRIC_ID_GUIDE_TTFT);
    for (size_t i = 0; i < s->pools; i++)
        metric_histogram(&s->page, (const char *[]){s->status[i].name}, s->status[i].total.ttft_s);
    scrape_per_pool(s, METRIC_ID_GUIDE_TTFT_P95, ttft_p95_ms);
    scrape_per_pool(s, METRIC_ID_GUIDE_WARM, warm);
    scrape_per_pool(s, METRIC_ID_GUIDE_WOKEN, woken);
}
