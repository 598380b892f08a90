/* ar.c - autoregression, straight to the horizon: the value one horizon on as a weighted sum of the
 * last ones, with weights that are learned from what came of earlier ones. */
#include <math.h>

#include "base/duration.h"
#include "core/forecast/forecast.h"
#include "core/forecast/regression.h"

#define LAGS 4
#define COUNT (LAGS + 1)
#define KEEP 0.9999 /* a memory of a week */
#define SPREAD 10
#define NEAR_NS (5 * MINUTE_NS)
#define FOLLOW 0.001 /* of the usual level, which makes numbers of any unit alike */

enum { SCALE = REGRESSION_NUMBERS(COUNT) };

static bool look(const struct forecast_input *in, int64_t base_ns, double scale, double x[COUNT])
{
    static const int64_t before_ns[LAGS] = {0, 5 * MINUTE_NS, 15 * MINUTE_NS, 60 * MINUTE_NS};
    double known = NAN;
    x[LAGS] = 1;
    for (size_t i = 0; i < LAGS; i++) {
        const double mean =
            forecast_history_level(in->history, base_ns - before_ns[i] - NEAR_NS / 2, NEAR_NS);
        known = isnan(mean) ? known : mean / scale;
        if (isnan(known))
            return false;
        x[i] = known;
    }
    return true;
}

static void learn(double *memory, const struct forecast_input *in, bool first)
{
    double x[COUNT];
    if (first) {
        regression_init(memory, COUNT, SPREAD);
        memory[0] = 1; /* before anything is known: it stays as it is */
        memory[SCALE] = in->value > 0 ? in->value : 1;
    }
    memory[SCALE] += FOLLOW * (in->value - memory[SCALE]);
    const double scale = fmax(memory[SCALE], 1e-9);
    if (look(in, in->wall_ns - in->ahead_ns, scale, x))
        regression_learn(memory, COUNT, x, in->value / scale, KEEP);
}

static double predict(const double *memory, const struct forecast_input *in)
{
    double x[COUNT];
    const double scale = fmax(memory[SCALE], 1e-9);
    if (!look(in, in->wall_ns, scale, x))
        return NAN;
    return scale * regression_value(memory, COUNT, x);
}

const struct forecast_ops forecast_ar = {
    .name = "ar",
    .summary = "Autoregression over the last hour, straight to the horizon.",
    .memory_count = REGRESSION_NUMBERS(COUNT) + 1,
    .learn = learn,
    .predict = predict,
};
