/* given.c - what a model of the user's own says, through a source: a program, an HTTP service, or
 * pushed. Scored like the others, and followed only while it is the best. */
#include "core/forecast/forecast.h"

static double predict(const double *memory, const struct forecast_input *in)
{
    (void)memory;
    return in->given;
}

const struct forecast_ops forecast_given = {
    .name = "given",
    .summary = "The forecast that predictive.signal brings, in replicas.",
    .predict = predict,
};
