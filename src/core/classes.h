/* classes.h - how many replicas the classes of a pool can hold, and how a count is split over them.
 *
 * Order: reserved (paid anyway), then spot within its share and price, then on-demand; inside a
 * kind the cheaper class per unit of capacity first, then the order of the specification. A spot
 * class under notice keeps what stays of it and gets nothing new. */
#ifndef SLUICE_CORE_CLASSES_H
#define SLUICE_CORE_CLASSES_H

#include <stdint.h>

#include "core/decision.h"
#include "core/spec.h"

/* The largest count that the classes hold together; REPLICAS_MAX without classes. */
int64_t classes_room(const struct pool_spec *pool, const struct pool_observation *observation);
/* Writes all CLASSES_PER_POOL_MAX elements; their sum is `count` when count <= classes_room(). */
void classes_split(const struct pool_spec *pool, const struct pool_observation *observation,
                   int64_t count, int64_t *ret_desired);

#endif
