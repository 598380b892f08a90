/* itl_line.h - time between tokens as a line over the use of the KV cache, by least squares. Pure.
 */
#ifndef SLUICE_CORE_CAPACITY_ITL_LINE_H
#define SLUICE_CORE_CAPACITY_ITL_LINE_H

#include <stdbool.h>
#include <stddef.h>

struct itl_point {
    double kv_usage; /* ratio */
    double itl_s;
};
struct itl_line {
    double a; /* s per unit of use */
    double b; /* s */
};
#define ITL_LINE_SATURATED 0.85 /* use at which a saturated engine is judged */

/* False when the points give no line that rises and is positive when saturated. */
bool itl_line_fit(const struct itl_point *point, size_t count, struct itl_line *ret);

#endif
