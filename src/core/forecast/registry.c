/* registry.c - the table of predictors. */
#include <assert.h>

#include "base/rc.h"
#include "core/forecast/forecast.h"

#define FORECAST(name) extern const struct forecast_ops forecast_##name;
#include "core/forecast/registry.def"
#undef FORECAST

static const struct forecast_ops *const predictors[] = {
#define FORECAST(name) &forecast_##name,
#include "core/forecast/registry.def"
#undef FORECAST
};
static_assert(COUNT_OF(predictors) <= FORECAST_MODELS_MAX, "every predictor has its place");

const struct forecast_ops *forecast_at(size_t index)
{
    return index < COUNT_OF(predictors) ? predictors[index] : NULL;
}
