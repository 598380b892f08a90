#include "core/capacity/itl_line.h"

#include <math.h>

#define LEAST 1e-12

bool itl_line_fit(const struct itl_point *point, size_t count, struct itl_line *ret)
{
    const double n = (double)count;
    double k = 0;
    double y = 0;
    double kk = 0;
    double ky = 0;
    if (count < 2)
        return false;
    for (size_t i = 0; i < count; i++) {
        k += point[i].kv_usage;
        y += point[i].itl_s;
        kk += point[i].kv_usage * point[i].kv_usage;
        ky += point[i].kv_usage * point[i].itl_s;
    }
    const double spread = n * kk - k * k;
    if (!(fabs(spread) >= LEAST))
        return false;
    const double a = (n * ky - k * y) / spread;
    const double b = (y - a * k) / n;
    if (!(a > LEAST) || !isfinite(a) || !isfinite(b) || !(a * ITL_LINE_SATURATED + b > 0))
        return false;
    *ret = (struct itl_line){.a = a, .b = b};
    return true;
}
