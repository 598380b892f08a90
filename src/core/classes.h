/* classes.h - how many replicas the classes of a pool can hold, how a count is split over them, and
 * what that costs.
 *
 * Order: reserved (paid anyway), then spot within its share and price, then on-demand - or spot
 * last, where it is not preferred; inside a kind the cheaper class per unit of capacity first, then
 * the order of the specification, or spot classes evenly. A spot class under notice or at rest
 * keeps what stays of it and gets nothing new. A class whose starts lead to nothing keeps what
 * there is of it too, but gets the rest where no other class has room: then it is tried again. */
#ifndef SLUICE_CORE_CLASSES_H
#define SLUICE_CORE_CLASSES_H

#include <stdint.h>

#include "core/decision.h"
#include "core/spec.h"

/* What is in force beside the specification. */
struct class_terms {
    double spot_max_percent;
    uint32_t resting; /* bit i: class i gets nothing new */
};
struct class_terms classes_terms(const struct pool_spec *pool);

/* The largest count that the classes hold together; REPLICAS_MAX without classes. */
int64_t classes_room(const struct pool_spec *pool, const struct pool_observation *observation,
                     const struct class_terms *terms);
/* Writes all CLASSES_PER_POOL_MAX elements; their sum is `count` when count <= classes_room(). */
void classes_split(const struct pool_spec *pool, const struct pool_observation *observation,
                   const struct class_terms *terms, int64_t count, int64_t *ret_desired);
/* Per hour; NAN when a class with replicas has no price. */
double classes_cost(const struct pool_spec *pool, const int64_t *counts);
/* The largest count that costs no more per hour; REPLICAS_MAX when some price is unknown. */
int64_t classes_afford(const struct pool_spec *pool, const struct pool_observation *observation,
                       const struct class_terms *terms, double per_hour);

#endif
