#include "core/shadow/miss_curve.h"

#include <math.h>

#include "base/num.h"

#define PRIOR_REQUESTS 30.0
#define PRIOR_WIDTH 0.06

static double prior(size_t bin)
{
    const unsigned middle = (unsigned)bin * CURVE_BIN_CODES + CURVE_BIN_CODES / 2;
    return 1 / (1 + num_exp(-(stress_of_code(middle) - 1) / PRIOR_WIDTH));
}

/* Pool adjacent violators: the closest curve that never falls. */
static void make_monotone(double value[CURVE_BINS], double weight[CURVE_BINS])
{
    size_t first[CURVE_BINS]; /* of each block */
    size_t blocks = 0;
    for (size_t i = 0; i < CURVE_BINS; i++) {
        first[blocks] = i;
        value[blocks] = value[i];
        weight[blocks] = weight[i];
        blocks++;
        while (blocks > 1 && value[blocks - 2] > value[blocks - 1]) {
            const double both = weight[blocks - 2] + weight[blocks - 1];
            value[blocks - 2] =
                (value[blocks - 2] * weight[blocks - 2] + value[blocks - 1] * weight[blocks - 1]) /
                both;
            weight[blocks - 2] = both;
            blocks--;
        }
    }
    for (size_t i = CURVE_BINS; i-- > 0;) {
        while (first[blocks - 1] > i)
            blocks--;
        value[i] = value[blocks - 1];
    }
}

static void spread(struct miss_curve *curve, const double value[CURVE_BINS])
{
    for (size_t code = 0; code < STRESS_CODES; code++) {
        const double at = ((double)code + 0.5) / CURVE_BIN_CODES - 0.5;
        const size_t low = at < 0 ? 0 : (size_t)at < CURVE_BINS - 1 ? (size_t)at : CURVE_BINS - 1;
        const size_t high = low + 1 < CURVE_BINS ? low + 1 : low;
        const double part = fmin(fmax(at - (double)low, 0), 1);
        curve->share[code] = value[low] + (value[high] - value[low]) * part;
    }
}

void miss_curve_make(struct miss_curve *curve, double keep)
{
    double value[CURVE_BINS];
    double weight[CURVE_BINS];
    for (size_t i = 0; i < CURVE_BINS; i++) {
        curve->requests[i] *= keep;
        curve->missed[i] *= keep;
        weight[i] = curve->requests[i] + PRIOR_REQUESTS;
        value[i] = (curve->missed[i] + PRIOR_REQUESTS * prior(i)) / weight[i];
    }
    make_monotone(value, weight);
    spread(curve, value);
}

void miss_curve_init(struct miss_curve *curve)
{
    *curve = (struct miss_curve){.share = {0}};
    miss_curve_make(curve, 1);
}

void miss_curve_add(struct miss_curve *curve, unsigned code, double requests, double missed)
{
    const size_t bin =
        code / CURVE_BIN_CODES < CURVE_BINS ? code / CURVE_BIN_CODES : CURVE_BINS - 1;
    curve->requests[bin] += requests;
    curve->missed[bin] += fmin(missed, requests);
}
