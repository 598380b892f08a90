/* dynamo_profile.c - a cubic spline with not-a-knot ends, and a table that is read at its cells. */
#include "core/policy/dynamo_profile.h"

#include <math.h>

#include "base/num.h"

#define LAST_CELL (DYNAMO_CELLS - 1)
#define NEAREST_EXACT 1e-12

bool dynamo_profile_usable(const struct dynamo_profile *profile)
{
    return profile->prefill_count > 0 && profile->max_kv_tokens > 0 &&
           ((profile->table != NULL && profile->context_max > 0) || profile->decode_count > 0);
}

/* ---- prefill: a spline through all points ---- */

/* Values along one axis; `step` doubles apart, as they stand in the points. */
struct curve {
    const struct dynamo_prefill_point *point;
    size_t count;
    bool throughput;
};

static double value_at(const struct curve *c, size_t i)
{
    return c->throughput ? c->point[i].throughput : c->point[i].ttft_ms;
}

static double width(const struct curve *c, size_t i)
{
    return c->point[i + 1].isl - c->point[i].isl;
}

static double rise(const struct curve *c, size_t i)
{
    return (value_at(c, i + 1) - value_at(c, i)) / width(c, i);
}

/* Slopes at the points: three bands solved by elimination. The end rows say that the first two and
 * the last two pieces are one cubic. */
static void slopes(const struct curve *c, double ret[DYNAMO_PREFILL_MAX])
{
    double upper[DYNAMO_PREFILL_MAX];
    const size_t n = c->count;
    const size_t last = n - 1;
    double d = c->point[2].isl - c->point[0].isl;
    upper[0] = d / width(c, 1);
    ret[0] = ((width(c, 0) + 2 * d) * width(c, 1) * rise(c, 0) +
              width(c, 0) * width(c, 0) * rise(c, 1)) /
             d / width(c, 1);
    for (size_t i = 1; i < last; i++) {
        const double low = width(c, i);
        const double high = width(c, i - 1);
        const double middle = 2 * (low + high) - low * upper[i - 1];
        const double right = 3 * (low * rise(c, i - 1) + high * rise(c, i));
        upper[i] = high / middle;
        ret[i] = (right - low * ret[i - 1]) / middle;
    }
    d = c->point[last].isl - c->point[last - 2].isl;
    const double right = (width(c, last - 1) * width(c, last - 1) * rise(c, last - 2) +
                          (2 * d + width(c, last - 1)) * width(c, last - 2) * rise(c, last - 1)) /
                         d;
    ret[last] = (right - d * ret[last - 1]) / (width(c, last - 2) - d * upper[last - 1]);
    for (size_t i = last; i > 0; i--)
        ret[i - 1] -= upper[i - 1] * ret[i];
}

static double along(const struct curve *c, double x)
{
    double slope[DYNAMO_PREFILL_MAX];
    size_t i = 0;
    while (i + 2 < c->count && x > c->point[i + 1].isl)
        i++;
    if (c->count == 1)
        return value_at(c, 0);
    const double t = (x - c->point[i].isl) / width(c, i);
    if (c->count < 4) /* too few for a cubic: straight */
        return value_at(c, i) + t * (value_at(c, i + 1) - value_at(c, i));
    slopes(c, slope);
    const double h = width(c, i);
    const double left = 1 - t;
    return left * left * ((1 + 2 * t) * value_at(c, i) + t * h * slope[i]) +
           t * t * ((3 - 2 * t) * value_at(c, i + 1) - left * h * slope[i + 1]);
}

struct dynamo_prefill dynamo_prefill_at(const struct dynamo_profile *profile, double isl)
{
    const size_t n = profile->prefill_count;
    const double x = fmin(fmax(isl, profile->prefill[0].isl), profile->prefill[n - 1].isl);
    struct curve c = {.point = profile->prefill, .count = n};
    struct dynamo_prefill p = {.ttft_ms = along(&c, x)};
    c.throughput = true;
    p.throughput = along(&c, x);
    return p;
}

/* ---- decode: a table, or the points themselves ---- */

static int64_t cell_of(double value, double step)
{
    return num_to_int(rint(value / step), 0, LAST_CELL);
}

/* Without a table: the measured points by the inverse square of their distance, both axes scaled
 * to their range. */
static void weigh(const struct dynamo_profile *profile, double kv_usage, double context_length,
                  struct dynamo_cell *ret)
{
    double range = 1;
    double sum = 0;
    double itl = 0;
    double throughput = 0;
    for (size_t i = 0; i < profile->decode_count; i++)
        range = fmax(range, profile->decode[i].context_length);
    for (size_t i = 0; i < profile->decode_count; i++) {
        const struct dynamo_decode_point *p = &profile->decode[i];
        const double dx = p->kv_usage - kv_usage;
        const double dy = (p->context_length - context_length) / range;
        const double weight = 1 / fmax(dx * dx + dy * dy, NEAREST_EXACT);
        sum += weight;
        itl += weight * p->itl_ms;
        throughput += weight * p->throughput;
    }
    ret->itl_ms = itl / sum;
    ret->throughput = throughput / sum;
}

static double context_max(const struct dynamo_profile *profile)
{
    double most = 1;
    if (profile->table != NULL)
        return profile->context_max;
    for (size_t i = 0; i < profile->decode_count; i++)
        most = fmax(most, profile->decode[i].context_length);
    return most;
}

static struct dynamo_cell cell_at(const struct dynamo_profile *profile, int64_t x, int64_t y)
{
    struct dynamo_cell cell = {.x = x, .y = y};
    if (profile->table == NULL) {
        weigh(profile, (double)x / LAST_CELL, (double)y * context_max(profile) / LAST_CELL, &cell);
        return cell;
    }
    cell.itl_ms = profile->table[y * DYNAMO_CELLS + x].itl_ms;
    cell.throughput = profile->table[y * DYNAMO_CELLS + x].throughput;
    return cell;
}

struct dynamo_cell dynamo_decode_at(const struct dynamo_profile *profile, double concurrency,
                                    double context_length)
{
    const double kv = concurrency * context_length / profile->max_kv_tokens;
    return cell_at(profile, cell_of(kv, 1.0 / LAST_CELL),
                   cell_of(context_length, context_max(profile) / LAST_CELL));
}

struct dynamo_cell dynamo_best_decode(const struct dynamo_profile *profile, double itl_ms,
                                      double context_length)
{
    const int64_t y = cell_of(context_length, context_max(profile) / LAST_CELL);
    for (int64_t x = LAST_CELL; x > 0; x--) {
        const struct dynamo_cell cell = cell_at(profile, x, y);
        if (cell.itl_ms <= itl_ms)
            return cell;
    }
    return cell_at(profile, 0, y);
}
