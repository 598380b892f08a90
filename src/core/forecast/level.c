/* level.c - the mean of the last minutes: noise does not last. */
#include "core/forecast/forecast.h"

#define WEIGHT 0.2 /* of a new minute */

static void learn(double memory[FORECAST_MEMORY], double value, bool first)
{
    memory[0] = first ? value : memory[0] + WEIGHT * (value - memory[0]);
}

static double predict(const double memory[FORECAST_MEMORY], const struct forecast_input *in)
{
    (void)in;
    return memory[0];
}

const struct forecast_ops forecast_level = {
    .name = "level",
    .summary = "Exponentially weighted mean of the last minutes.",
    .learn = learn,
    .predict = predict,
};
