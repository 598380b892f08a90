/* level.c - the mean of the last minutes: noise does not last. */
#include "core/forecast/forecast.h"

#define WEIGHT 0.2 /* of a new minute */

static void learn(double *memory, const struct forecast_input *in, bool first)
{
    memory[0] = first ? in->value : memory[0] + WEIGHT * (in->value - memory[0]);
}

static double predict(const double *memory, const struct forecast_input *in)
{
    (void)in;
    return memory[0];
}

const struct forecast_ops forecast_level = {
    .name = "level",
    .summary = "Exponentially weighted mean of the last minutes.",
    .memory_count = 1,
    .learn = learn,
    .predict = predict,
};
