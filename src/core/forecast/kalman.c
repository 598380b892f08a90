/* kalman.c - a Kalman filter over level and trend (the local linear trend model; Durbin and
 * Koopman, Time Series Analysis by State Space Methods, 3.2): at the begin it learns fast, later it
 * is calm.
 *
 * Variances are relative to that of the measurement, so that no unit enters. */
#include "core/forecast/forecast.h"

#define Q_LEVEL 0.1   /* of the level, per minute */
#define Q_TREND 0.001 /* of the trend, per minute */
#define AHEAD_MAX 30  /* minutes over which a trend is believed to go on */

enum { LEVEL, TREND, P00, P01, P11 };

static void learn(double *memory, const struct forecast_input *in, bool first)
{
    if (first) {
        memory[LEVEL] = in->value;
        memory[P00] = 1;
        memory[P11] = 1;
        return;
    }
    const double level = memory[LEVEL] + memory[TREND];
    const double p00 = memory[P00] + 2 * memory[P01] + memory[P11] + Q_LEVEL;
    const double p01 = memory[P01] + memory[P11];
    const double p11 = memory[P11] + Q_TREND;
    const double gain_level = p00 / (p00 + 1);
    const double gain_trend = p01 / (p00 + 1);
    const double error = in->value - level;
    memory[LEVEL] = level + gain_level * error;
    memory[TREND] += gain_trend * error;
    memory[P00] = (1 - gain_level) * p00;
    memory[P01] = (1 - gain_level) * p01;
    memory[P11] = p11 - gain_trend * p01;
}

static double predict(const double *memory, const struct forecast_input *in)
{
    const double minutes = (double)in->ahead_ns / (double)FORECAST_STEP_NS;
    return memory[LEVEL] + memory[TREND] * (minutes < AHEAD_MAX ? minutes : AHEAD_MAX);
}

const struct forecast_ops forecast_kalman = {
    .name = "kalman",
    .summary = "Kalman filter over level and trend.",
    .memory_count = 5,
    .learn = learn,
    .predict = predict,
};
