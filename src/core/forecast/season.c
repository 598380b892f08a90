/* season.c - the present level changes as it did one day, or one week, ago. */
#include <math.h>

#include "base/duration.h"
#include "core/forecast/forecast.h"

#define WEIGHT 0.2 /* of a new minute in the present level */
#define NEAR_NS (10 * MINUTE_NS)
#define AROUND_NS (2 * HOUR_NS)
#define GUARD 0.05 /* of the mean around: keeps the ratio calm where there was next to nothing */
#define RATIO_MIN 0.4
#define RATIO_MAX 3.0

static void learn(double *memory, const struct forecast_input *in, bool first)
{
    memory[0] = first ? in->value : memory[0] + WEIGHT * (in->value - memory[0]);
}

static double predict_lag(const double *memory, const struct forecast_input *in, int64_t lag_ns)
{
    const int64_t then_ns = in->wall_ns - lag_ns;
    const double before = forecast_history_mean(in->history, then_ns, NEAR_NS);
    const double after = forecast_history_mean(in->history, then_ns + in->ahead_ns, NEAR_NS);
    const double around = forecast_history_mean(in->history, then_ns, AROUND_NS);
    const double guard = GUARD * around;
    if (!(before + guard > 0) || isnan(after))
        return isnan(before) || isnan(after) ? (double)NAN : memory[0];
    return memory[0] * fmin(fmax((after + guard) / (before + guard), RATIO_MIN), RATIO_MAX);
}

static double predict_day(const double *memory, const struct forecast_input *in)
{
    return predict_lag(memory, in, DAY_NS);
}

static double predict_week(const double *memory, const struct forecast_input *in)
{
    return predict_lag(memory, in, 7 * DAY_NS);
}

const struct forecast_ops forecast_day = {
    .name = "day",
    .summary = "The present level, changing as it did a day ago.",
    .memory_count = 1,
    .learn = learn,
    .predict = predict_day,
};
const struct forecast_ops forecast_week = {
    .name = "week",
    .summary = "The present level, changing as it did a week ago.",
    .memory_count = 1,
    .learn = learn,
    .predict = predict_week,
};
