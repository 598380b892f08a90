/* page_parts.h - parts of the dashboard as HTML. Whatever comes from outside goes through
 * page_put(): texts are escaped there and nowhere else. */
#ifndef SLUICE_API_PAGE_PARTS_H
#define SLUICE_API_PAGE_PARTS_H

#include "api/pool_view.h"
#include "api/trend.h"
#include "gateway/gateway.h"

#define PAGE_POOLS_MAX 200
#define PAGE_ROWS_MAX 100  /* of one table */
#define PAGE_POINTS_MAX 20 /* of the last minutes as a table */

void page_put(struct buf *out, const char *text);     /* escaped; NULL = nothing */
void page_put_count(struct buf *out, int64_t count);  /* "–" when unknown */
void page_put_number(struct buf *out, double number); /* up to three digits, "–" when unknown */
void page_put_seconds(struct buf *out, double seconds);
void page_put_time(struct buf *out, int64_t wall_ns); /* <time> of a day's time, UTC */

/* What one page shows. */
struct page {
    struct buf *out;
    const struct control *control;
    const struct trend *trend;
    const struct gateway_request *request;
    size_t request_count;
    bool has_requests; /* false: there is no gateway, or it does not answer */
};
void page_conditions(const struct page *page);
void page_pool(const struct page *page, size_t pool);
void page_changes(const struct page *page);
void page_gpus(const struct page *page, const struct tree *inventory);
void page_requests(const struct page *page);

#endif
