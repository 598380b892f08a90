/* forecast.c - stage 2: raises to what the load is expected to need one horizon ahead, while the
 * forecast has been right enough; never lowers (FAULTS 26).
 *
 * What is learned is the need as the policy states it, before any hold and stage. */
#include <math.h>

#include "base/duration.h"
#include "base/num.h"
#include "core/forecast/forecast.h"
#include "core/stage.h"

static bool used(const struct pool_spec *pool)
{
    return pool->forecast.enabled;
}

static void state_init(const struct pool_spec *pool, void *state, int64_t now_ns, int64_t desired)
{
    (void)pool;
    (void)now_ns;
    (void)desired;
    forecaster_init(state);
}

static void apply(struct stage_context *c)
{
    struct forecaster *f = c->state;
    const struct forecast_spec *spec = &c->pool->forecast;
    const struct proposal *p = &c->decision->proposal;
    const struct forecast_times times = {.now_ns = c->now_ns,
                                         .wall_ns = c->wall_ns,
                                         .lookback_ns = spec->lookback_ns,
                                         .horizon_ns = spec->horizon_ns};
    if (!p->abstain && c->decision->evaluated)
        forecaster_add(f, &times, isfinite(p->exact) ? p->exact : (double)p->replicas);
    const struct forecast forecast = forecaster_ask(f, &times);
    /* To the nearest: half a replica that is not there is what the upper end is for already. */
    const int64_t floor = forecast.known ? num_to_int(rint(forecast.upper), 0, REPLICAS_MAX) : 0;
    if (floor <= c->count)
        return;
    if (forecast.confidence < spec->min_confidence)
        stage_say(c, STAGE_FORECAST, c->count, REASON_FORECAST_DOUBT,
                  (double[4]){forecast.upper, forecast.confidence, spec->min_confidence});
    else
        stage_say(c, STAGE_FORECAST, floor, REASON_FORECAST,
                  (double[4]){forecast.upper, seconds_of(spec->horizon_ns), forecast.confidence,
                              (double)forecast.model});
}

const struct stage_ops stage_forecast = {
    .id = STAGE_FORECAST,
    .summary = "Raises to what a forecast needs that has been right enough.",
    .native_only = true,
    .fields = forecaster_fields,
    .field_count = FORECASTER_FIELD_COUNT,
    .state_size = sizeof(struct forecaster),
    .used = used,
    .state_init = state_init,
    .apply = apply,
};
