/* trend.h - the last minutes of every pool in memory: demand, replicas, speed, and the changes of
 * its count. For the dashboard and `sluice top`; what is older stands in the store.
 *
 * Bounded: TREND_POINTS_MAX points for all pools together, so that a thousand pools see a shorter
 * time each. After a restart it begins with the minutes that the store holds (trend_restore). One
 * thread: that of the loop. */
#ifndef SLUICE_API_TREND_H
#define SLUICE_API_TREND_H

#include "api/views.h"
#include "control/control.h"

#define TREND_EVERY_NS SECOND_NS /* not closer, unless the count changes */
#define TREND_POINTS_PER_POOL 900
#define TREND_POINTS_LEAST 32
#define TREND_POINTS_MAX 14400
#define TREND_RECENT_NS (15 * SECOND_NS) /* latencies are of the last 15 to 30 s */
#define TREND_CHANGES_MAX 128

struct trend;

enum rc trend_new(struct trend **ret) MUST_CHECK;
void trend_free(struct trend *trend);

/* The last half hour of every pool, from the minutes of earlier runs in the state file; what cannot
 * be read is left out. Before the first take. Reads a file: at the start only. */
#define TREND_RESTORE_NS (30 * MINUTE_NS)
void trend_restore(struct trend *trend, const struct control *control, int64_t wall_ns);
/* After a tick of the group of `pool`. */
void trend_take(struct trend *trend, const struct control *control, size_t pool);
/* A count changed; the words are copied. The same step of a pool again is not kept a second time.
 */
void trend_change(struct trend *trend, const struct change_view *change);

/* Point `index` of the pool, oldest first; NULL past the end. Valid until the next take. */
const struct point_view *trend_point(const struct trend *trend, const char *pool, size_t index);
const struct point_view *trend_last(const struct trend *trend, const char *pool); /* or NULL */
/* Newest first; NULL past the end. */
const struct change_view *trend_change_at(const struct trend *trend, size_t index);

#endif
