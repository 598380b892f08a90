/* scrape.h - what the parts of /metrics share: metrics.c and metric_traffic.c. Not for others. */
#ifndef SLUICE_API_SCRAPE_H
#define SLUICE_API_SCRAPE_H

#include "api/handlers.h"
#include "api/metric_page.h"

enum level {
    LEVEL_INFLIGHT,
    LEVEL_INFLIGHT_TOKENS,
    LEVEL_QUEUE,
    LEVEL_QUEUE_TOKENS,
    LEVEL_OLDEST,
    LEVEL_SESSIONS,
    LEVEL_COUNT
};
struct levels {
    double value[LEVEL_COUNT];
};

/* What all metrics of a scrape read. */
struct scrape {
    const struct api *api;
    struct control *control;
    const struct reconcile *reconcile;
    struct metric_page page;
    size_t pools;
    struct pool_status *status; /* of every pool */
    struct levels *level;       /* likewise: snapshots are put together for one pool at a time */
};

/* One value a pool, by a function. */
typedef double scrape_value_fn(const struct scrape *s, size_t pool);
void scrape_per_pool(struct scrape *s, enum metric_id id, scrape_value_fn *value);

/* metric_traffic.c */
void scrape_levels(const struct gateway_snapshot *now, struct levels *ret);
void scrape_traffic(struct scrape *s);
void scrape_gateway(struct scrape *s);
/* metric_guide.c */
void scrape_guide(struct scrape *s);

#endif
