/* metric_traffic.c - the metrics of the gateway: by pool, as its snapshots add up, and as a whole.
 */
#include <math.h>

#include "api/scrape.h"
#include "gateway/gateway_thread.h"

/* ---- the gateway, by pool ---- */

static void put_requests(struct scrape *s)
{
    metric_begin(&s->page, METRIC_ID_REQUESTS);
    for (size_t i = 0; i < s->pools; i++) {
        const struct pool_status *status = &s->status[i];
        const struct pool_totals *total = &status->total;
        metric_value(&s->page, (const char *[]){status->name, "completed"},
                     total->completed_requests);
        metric_value(&s->page, (const char *[]){status->name, "failed"}, total->failed_requests);
        metric_value(&s->page, (const char *[]){status->name, "refused"}, total->refused_requests);
    }
}

static void put_tokens(struct scrape *s)
{
    metric_begin(&s->page, METRIC_ID_TOKENS);
    for (size_t i = 0; i < s->pools; i++) {
        const struct pool_status *status = &s->status[i];
        metric_value(&s->page, (const char *[]){status->name, "prompt"},
                     status->total.prompt_tokens);
        metric_value(&s->page, (const char *[]){status->name, "completion"},
                     status->total.output_tokens);
    }
}

static double arrived(const struct scrape *s, size_t pool)
{
    return s->status[pool].total.arrived_requests;
}

static double tool_calls(const struct scrape *s, size_t pool)
{
    return s->status[pool].total.tool_calls;
}

static double slo_good(const struct scrape *s, size_t pool)
{
    return s->status[pool].total.good_requests;
}

static double slo_all(const struct scrape *s, size_t pool)
{
    return s->status[pool].total.completed_requests + s->status[pool].total.failed_requests;
}

static const enum metric_id level_ids[LEVEL_COUNT] = {
    METRIC_ID_INFLIGHT,     METRIC_ID_INFLIGHT_TOKENS, METRIC_ID_QUEUE,
    METRIC_ID_QUEUE_TOKENS, METRIC_ID_QUEUE_OLDEST,    METRIC_ID_SESSIONS};

static void put_levels(struct scrape *s)
{
    for (size_t k = 0; k < LEVEL_COUNT; k++) {
        metric_begin(&s->page, level_ids[k]);
        for (size_t i = 0; i < s->pools; i++)
            metric_value(&s->page, (const char *[]){s->status[i].name}, s->level[i].value[k]);
    }
}

void scrape_levels(const struct gateway_snapshot *now, struct levels *ret)
{
    for (size_t k = 0; k < LEVEL_COUNT; k++)
        ret->value[k] = NAN;
    if (now == NULL)
        return;
    ret->value[LEVEL_INFLIGHT] = (double)now->in_flight_requests;
    ret->value[LEVEL_INFLIGHT_TOKENS] = (double)now->in_flight_tokens;
    ret->value[LEVEL_QUEUE] = (double)now->waiting_requests;
    ret->value[LEVEL_QUEUE_TOKENS] = (double)now->waiting_tokens;
    ret->value[LEVEL_OLDEST] = seconds_of(now->oldest_wait_ns);
    ret->value[LEVEL_SESSIONS] = (double)now->sessions;
}

static void put_latencies(struct scrape *s)
{
    for (size_t k = 0; k < 4; k++) {
        static const enum metric_id ids[] = {METRIC_ID_QUEUE_TIME, METRIC_ID_TTFT, METRIC_ID_ITL,
                                             METRIC_ID_E2E};
        metric_begin(&s->page, ids[k]);
        for (size_t i = 0; i < s->pools; i++) {
            const struct pool_totals *total = &s->status[i].total;
            const struct histogram *const histogram[] = {total->queue_s, total->ttft_s,
                                                         total->itl_s, total->e2e_s};
            metric_histogram(&s->page, (const char *[]){s->status[i].name}, histogram[k]);
        }
    }
}

void scrape_traffic(struct scrape *s)
{
    put_requests(s);
    scrape_per_pool(s, METRIC_ID_ARRIVED, arrived);
    put_tokens(s);
    scrape_per_pool(s, METRIC_ID_TOOL_CALLS, tool_calls);
    put_levels(s);
    put_latencies(s);
    scrape_per_pool(s, METRIC_ID_SLO_GOOD, slo_good);
    scrape_per_pool(s, METRIC_ID_SLO_ALL, slo_all);
}

/* ---- the gateway as a whole ---- */

static void put_troubles(struct scrape *s, const struct gateway_stats *stats)
{
    metric_begin(&s->page, METRIC_ID_TROUBLES);
    for (size_t i = 0; i < TROUBLE_COUNT; i++)
        metric_value(&s->page, (const char *[]){trouble_code((enum trouble)i)},
                     (double)stats->troubles[i]);
}

void scrape_gateway(struct scrape *s)
{
    struct gateway_stats stats;
    const struct gateway_thread *gateway = control_gateway(s->control);
    if (gateway == NULL)
        return;
    gateway_thread_read_stats(gateway, &stats);
    metric_plain(&s->page, METRIC_ID_CONNECTIONS, (double)stats.server.connections);
    metric_plain(&s->page, METRIC_ID_UPSTREAMS, (double)stats.upstream_connections);
    metric_plain(&s->page, METRIC_ID_OPEN, (double)stats.open_requests);
    metric_plain(&s->page, METRIC_ID_HELD_BYTES, (double)stats.held_bytes);
    metric_plain(&s->page, METRIC_ID_DESCRIPTORS, stats.descriptors_ratio);
    metric_plain(&s->page, METRIC_ID_RETRIES, (double)stats.retries);
    metric_plain(&s->page, METRIC_ID_CANCELLED, (double)stats.gone);
    metric_plain(&s->page, METRIC_ID_BROKEN, (double)stats.broken);
    metric_plain(&s->page, METRIC_ID_SHED, (double)stats.shed);
    put_troubles(s, &stats);
    metric_plain(&s->page, METRIC_ID_PARSE_ERRORS, (double)stats.server.malformed);
    metric_plain(&s->page, METRIC_ID_SERVER_TIMEOUTS, (double)stats.server.timeouts);
    metric_plain(&s->page, METRIC_ID_REFUSED_CONNECTIONS, (double)stats.server.refused);
    metric_plain(&s->page, METRIC_ID_LOST_MESSAGES, (double)gateway_thread_lost(gateway));
}
