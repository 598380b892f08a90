/* forecast.c - stage 2: raises to what the load is expected to need one horizon ahead, while the
 * forecast has been right enough; never lowers (FAULTS 26).
 *
 * What is learned is the need as the policy states it, before any hold and stage. */
#include <math.h>

#include "base/duration.h"
#include "base/num.h"
#include "core/forecast/forecast.h"
#include "core/stage.h"

#define GIVEN_AGE_NS (5 * MINUTE_NS) /* an older forecast is of another time */

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

static size_t series(const struct pool_spec *pool, struct series_need *ret, size_t max)
{
    struct series_need need = {.kind = SERIES_LAST, .max_age_ns = GIVEN_AGE_NS};
    if (pool->forecast.signal[0] == '\0' ||
        signal_parse(span_from(pool->forecast.signal), &need.signal, NULL) != RC_OK)
        return 0;
    if (max > 0)
        ret[0] = need;
    return 1;
}

static enum forecast_day day_of(const struct forecast_spec *spec, int64_t wall_ns)
{
    for (size_t i = 0; i < spec->event_count; i++)
        if (wall_ns >= spec->event[i].from_ns && wall_ns < spec->event[i].until_ns)
            return spec->event[i].kind == FORECAST_KIND_HOLIDAY ? FORECAST_HOLIDAY : FORECAST_EVENT;
    return FORECAST_USUAL;
}

static double given(const struct stage_context *c)
{
    if (c->pool->forecast.signal[0] == '\0')
        return NAN;
    const struct reading reading = series_read(c->input, 0);
    return reading.state == SIGNAL_VALUE ? reading.value : (double)NAN;
}

static void apply(struct stage_context *c)
{
    struct forecaster *f = c->state;
    const struct forecast_spec *spec = &c->pool->forecast;
    const struct proposal *p = &c->decision->proposal;
    const int64_t then_ns = num_add_sat(c->wall_ns, spec->horizon_ns);
    const struct forecast_times times = {.now_ns = c->now_ns,
                                         .wall_ns = c->wall_ns,
                                         .lookback_ns = spec->lookback_ns,
                                         .horizon_ns = spec->horizon_ns,
                                         .day = day_of(spec, c->wall_ns),
                                         .day_ahead = day_of(spec, then_ns),
                                         .given = given(c)};
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
    .series = series,
    .state_init = state_init,
    .apply = apply,
};
