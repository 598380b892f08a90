#include "core/forecast/forecast.h"

#include <assert.h>
#include <math.h>

#include "base/duration.h"
#include "base/num.h"
#include "base/rc.h"

#define BUCKETS_OF_LOOKBACK 2016
#define SCORED_MIN 30      /* predictions before anything is believed */
#define FOLLOW 0.005       /* weight of a new loss or error: a memory of some hours */
#define SCALE_FOLLOW 0.01  /* of a new error in its usual size */
#define QUANTILE_STEP 0.02 /* of the usual error; larger at the begin */
#define BETTER 0.99        /* times the loss of the one in use: no change for nothing */

static const double quantiles[] = {0.15, 0.85, 0.9};
enum { LOW, HIGH, UPPER };

/* NOLINTBEGIN(bugprone-macro-parentheses): designators cannot stand in parentheses. */
#define MODEL_FIELDS(i)                                                                            \
    FIELD(F64, forecaster, model[i].scale), FIELD_ARRAY(F64, forecaster, model[i].quantile, 3),    \
        FIELD(F64, forecaster, model[i].loss), FIELD(F64, forecaster, model[i].error),             \
        FIELD(F64, forecaster, model[i].scored),                                                   \
        FIELD_ARRAY(I64, forecaster, model[i].due_step, FORECAST_OPEN_MAX),                        \
        FIELD_ARRAY(F64, forecaster, model[i].point, FORECAST_OPEN_MAX),                           \
        FIELD_ARRAY(F64, forecaster, model[i].upper, FORECAST_OPEN_MAX)
/* NOLINTEND(bugprone-macro-parentheses) */
const struct field forecaster_fields[FORECASTER_FIELD_COUNT] = {
    FIELD(I64, forecaster, step),
    FIELD(F64, forecaster, sum),
    FIELD(F64, forecaster, weight),
    FIELD(F64, forecaster, value),
    FIELD(F64, forecaster, level),
    FIELD(I64, forecaster, chosen),
    FIELD_ARRAY(F64, forecaster, memory, FORECAST_MEMORY),
    FIELD(I64, forecaster, history.granularity_ns),
    FIELD(I64, forecaster, history.newest),
    FIELD(F64, forecaster, history.sum),
    FIELD(F64, forecaster, history.weight),
    FIELD_ARRAY(U32, forecaster, history.bucket, FORECAST_BUCKETS),
    MODEL_FIELDS(0),
    MODEL_FIELDS(1),
    MODEL_FIELDS(2),
    MODEL_FIELDS(3),
    MODEL_FIELDS(4),
    MODEL_FIELDS(5),
    MODEL_FIELDS(6),
    MODEL_FIELDS(7),
    MODEL_FIELDS(8),
};
static_assert(FORECAST_MODELS_MAX == 9, "one MODEL_FIELDS line each");

/* ---- scores ---- */

static double pinball(double value, double forecast, double quantile)
{
    return value > forecast ? quantile * (value - forecast) : (1 - quantile) * (forecast - value);
}

static void follow(double *mean, double value, double weight, double scored)
{
    const double w = fmax(weight, 1 / (scored + 1)); /* a plain mean at the begin */
    *mean += w * (value - *mean);
}

/* Quantiles of the error move by small steps, so that in the long run they hold what they promise,
 * whatever the errors look like. */
static void score(struct forecast_model *m, double value, double point, double upper)
{
    const double error = value - point;
    follow(&m->loss, pinball(value, upper, quantiles[UPPER]), FOLLOW, m->scored);
    follow(&m->error, fabs(error), FOLLOW, m->scored);
    if (m->scale > 0) {
        const double step = fmax(QUANTILE_STEP, 1 / (m->scored + 2));
        for (size_t i = 0; i < COUNT_OF(quantiles); i++)
            m->quantile[i] +=
                step * (quantiles[i] - (error <= m->quantile[i] * m->scale ? 1.0 : 0.0));
    }
    follow(&m->scale, fabs(error), SCALE_FOLLOW, m->scored);
    m->scored += 1;
}

static void score_due(struct forecast_model *m, int64_t step, double value)
{
    for (size_t i = 0; i < FORECAST_OPEN_MAX; i++) {
        if (m->due_step[i] > step || m->due_step[i] == INT64_MIN)
            continue;
        if (m->due_step[i] == step) /* else its minute was not measured */
            score(m, value, m->point[i], m->upper[i]);
        m->due_step[i] = INT64_MIN;
    }
}

static double upper_of(const struct forecast_model *m, double point)
{
    return fmax(point + m->scale * m->quantile[UPPER], 0);
}

/* ---- one minute ---- */

static int64_t steps_of(int64_t horizon_ns)
{
    const int64_t steps = (horizon_ns + FORECAST_STEP_NS / 2) / FORECAST_STEP_NS;
    return steps > 0 ? steps : 1;
}

/* Makes a prediction that is scored later; of a far horizon not every minute. */
static void open_one(struct forecast_model *m, int64_t step, int64_t ahead, double point)
{
    if (isnan(point) || step % ((ahead + FORECAST_OPEN_MAX - 1) / FORECAST_OPEN_MAX) != 0)
        return;
    for (size_t i = 0; i < FORECAST_OPEN_MAX; i++)
        if (m->due_step[i] == INT64_MIN) {
            m->due_step[i] = step + ahead;
            m->point[i] = point;
            m->upper[i] = upper_of(m, point);
            return;
        }
}

static void choose(struct forecaster *f)
{
    for (size_t i = 0; forecast_at(i) != NULL; i++) {
        const struct forecast_model *best = &f->model[f->chosen];
        const struct forecast_model *m = &f->model[i];
        if (m->scored >= SCORED_MIN && (best->scored < SCORED_MIN || m->loss < BETTER * best->loss))
            f->chosen = (int64_t)i;
    }
}

static struct forecast_input input_of(const struct forecaster *f,
                                      const struct forecast_times *times, double value)
{
    return (struct forecast_input){.value = value,
                                   .wall_ns = times->wall_ns,
                                   .ahead_ns = times->horizon_ns,
                                   .day = times->day,
                                   .day_ahead = times->day_ahead,
                                   .given = times->given,
                                   .history = &f->history};
}

static const double *memory_of(const struct forecaster *f, size_t model)
{
    const double *memory = f->memory;
    for (size_t i = 0; i < model; i++)
        memory += forecast_at(i)->memory_count;
    return memory;
}

/* A level is neither negative nor without end. */
static double usable(double point)
{
    return isfinite(point) ? fmin(fmax(point, 0), FORECAST_VALUE_MAX) : (double)NAN;
}

static void end_minute(struct forecaster *f, const struct forecast_times *times)
{
    const double value = f->sum / f->weight;
    const bool first = isnan(f->value);
    const struct forecast_input input = input_of(f, times, value);
    f->value = value;
    follow(&f->level, value, FOLLOW, first ? 0 : f->model[0].scored);
    double *memory = f->memory;
    for (size_t i = 0; forecast_at(i) != NULL; i++) {
        const struct forecast_ops *ops = forecast_at(i);
        struct forecast_model *m = &f->model[i];
        score_due(m, f->step, value);
        if (ops->learn != NULL)
            ops->learn(memory, &input, first);
        open_one(m, f->step, steps_of(times->horizon_ns), usable(ops->predict(memory, &input)));
        memory += ops->memory_count;
    }
    assert(memory <= f->memory + FORECAST_MEMORY);
    choose(f);
}

/* ---- entries ---- */

void forecaster_init(struct forecaster *f)
{
    *f = (struct forecaster){.step = INT64_MIN, .value = NAN};
    forecast_history_clear(&f->history, 0);
    for (size_t i = 0; i < FORECAST_MODELS_MAX; i++)
        for (size_t k = 0; k < FORECAST_OPEN_MAX; k++)
            f->model[i].due_step[k] = INT64_MIN;
}

static int64_t granularity_of(int64_t lookback_ns)
{
    const int64_t granularity_ns = lookback_ns / BUCKETS_OF_LOOKBACK;
    return granularity_ns > FORECAST_STEP_NS ? granularity_ns : FORECAST_STEP_NS;
}

void forecaster_add(struct forecaster *f, const struct forecast_times *times, double level)
{
    const int64_t step = times->now_ns / FORECAST_STEP_NS;
    if (!(level >= 0) || !isfinite(level))
        return;
    level = fmin(level, FORECAST_VALUE_MAX);
    if (step != f->step && f->weight > 0)
        end_minute(f, times);
    if (step != f->step) {
        f->step = step;
        f->sum = 0;
        f->weight = 0;
    }
    f->sum += level;
    f->weight += 1;
    forecast_history_add(&f->history, granularity_of(times->lookback_ns), times, level);
}

/* What the model says; NAN while it has not been scored often enough, or says nothing. */
static double said_by(const struct forecaster *f, const struct forecast_times *times, size_t model)
{
    if (forecast_at(model) == NULL || isnan(f->value) || f->model[model].scored < SCORED_MIN)
        return NAN;
    const struct forecast_input input = input_of(f, times, f->value);
    return usable(forecast_at(model)->predict(memory_of(f, model), &input));
}

struct forecast forecaster_ask(const struct forecaster *f, const struct forecast_times *times)
{
    struct forecast forecast = {.model = (size_t)num_clamp(f->chosen, 0, FORECAST_MODELS_MAX - 1)};
    forecast.point = said_by(f, times, forecast.model);
    if (isnan(forecast.point)) {
        forecast.model = 0; /* the last value always says something */
        forecast.point = said_by(f, times, 0);
    }
    if (isnan(forecast.point))
        return (struct forecast){0};
    const struct forecast_model *m = &f->model[forecast.model];
    forecast.known = true;
    forecast.low = fmax(forecast.point + m->scale * m->quantile[LOW], 0);
    forecast.high = fmax(forecast.point + m->scale * m->quantile[HIGH], 0);
    forecast.upper = upper_of(m, forecast.point);
    forecast.confidence = f->level > 0 ? fmax(1 - m->error / f->level, 0) : 0;
    return forecast;
}
