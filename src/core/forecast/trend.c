/* trend.c - Holt's linear method with a damped trend: what rises goes on rising for a while. */
#include "core/forecast/forecast.h"

#define LEVEL_WEIGHT 0.3
#define TREND_WEIGHT 0.05
#define DAMPING 0.9 /* of the trend, per minute: it adds nine minutes of itself at most */

static void learn(double *memory, const struct forecast_input *in, bool first)
{
    const double level = memory[0];
    const double trend = DAMPING * memory[1];
    if (first) {
        memory[0] = in->value;
        return;
    }
    memory[0] = LEVEL_WEIGHT * in->value + (1 - LEVEL_WEIGHT) * (level + trend);
    memory[1] = TREND_WEIGHT * (memory[0] - level) + (1 - TREND_WEIGHT) * trend;
}

static double predict(const double *memory, const struct forecast_input *in)
{
    double value = memory[0];
    double trend = memory[1];
    for (int64_t t = 0; t < in->ahead_ns && t < 60 * FORECAST_STEP_NS; t += FORECAST_STEP_NS) {
        trend *= DAMPING;
        value += trend;
    }
    return value;
}

const struct forecast_ops forecast_trend = {
    .name = "trend",
    .summary = "Holt's linear method with a damped trend.",
    .memory_count = 2,
    .learn = learn,
    .predict = predict,
};
