/* forecast.h - what a level will be some minutes ahead, by several simple predictors in one rolling
 * back-test.
 *
 * A level (replicas that the load asks for) comes in at any times and is averaged per minute. Every
 * predictor says what it will be one horizon later; when that time has come it is scored. The one
 * with the smallest pinball loss at 0.9 is followed; how far it is usually wrong gives an interval
 * and an upper end that nine of ten values stay below. Flat, without pointers: lives in a state
 * block; one owner. Intervals run on the axis of the group, seasons on the wall clock. */
#ifndef SLUICE_CORE_FORECAST_FORECAST_H
#define SLUICE_CORE_FORECAST_FORECAST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/opt.h"

#define FORECAST_STEP_NS (INT64_C(60) * 1000000000)
#define FORECAST_MODELS_MAX 9
#define FORECAST_MEMORY 112  /* numbers that all predictors keep together */
#define FORECAST_OPEN_MAX 16 /* predictions whose time has not come yet */
#define FORECAST_BUCKETS                                                                           \
    2040 /* of 7 days and 2 hours 5 minutes each: a week ago, and around it                        \
          */
#define FORECAST_VALUE_MAX 1e6
#define FORECAST_UNKNOWN UINT32_MAX
#define FORECAST_UNUSUAL (UINT32_C(1) << 31)

/* Days that are not like others. A holiday comes again and may be learned; an event does not. */
enum forecast_day { FORECAST_USUAL, FORECAST_HOLIDAY, FORECAST_EVENT };

/* Means of the past in buckets of the wall clock, in thousandths; FORECAST_UNKNOWN = nothing. Those
 * of unusual days carry FORECAST_UNUSUAL: they were so, and say nothing about other days. */
struct forecast_history {
    int64_t granularity_ns;
    int64_t newest; /* number of the newest bucket; INT64_MIN = none */
    double sum;     /* of the newest one */
    double weight;
    uint32_t bucket[FORECAST_BUCKETS];
};

struct forecast_model {
    double scale;       /* usual size of an error; 0 = nothing scored yet */
    double quantile[3]; /* of error / scale: 0.15, 0.85, 0.9 */
    double loss;        /* pinball loss of the upper end, followed slowly */
    double error;       /* absolute error, followed slowly */
    double scored;
    int64_t due_step[FORECAST_OPEN_MAX]; /* INT64_MIN = free */
    double point[FORECAST_OPEN_MAX];
    double upper[FORECAST_OPEN_MAX];
};

struct forecaster {
    int64_t step; /* minute at hand; INT64_MIN = none yet */
    double sum;   /* of the minute at hand */
    double weight;
    double value; /* of the last whole minute; NAN = none */
    double level; /* mean value, followed slowly: errors are relative to it */
    int64_t chosen;
    double memory[FORECAST_MEMORY]; /* of the predictors, one behind the other */
    struct forecast_history history;
    struct forecast_model model[FORECAST_MODELS_MAX];
};
#define FORECASTER_FIELD_COUNT (12 + 8 * FORECAST_MODELS_MAX)
extern const struct field forecaster_fields[FORECASTER_FIELD_COUNT];

struct forecast_times {
    int64_t now_ns;
    int64_t wall_ns;
    int64_t lookback_ns;         /* length of the history */
    int64_t horizon_ns;          /* how far ahead */
    enum forecast_day day;       /* now */
    enum forecast_day day_ahead; /* one horizon ahead */
    double given;                /* forecast of the user's own model; NAN = none */
};
void forecaster_init(struct forecaster *f);
/* Files a level; negative and non-finite ones are ignored, larger ones than FORECAST_VALUE_MAX are
 * cut. */
void forecaster_add(struct forecaster *f, const struct forecast_times *times, double level);

struct forecast {
    bool known; /* enough was scored */
    double point;
    double low; /* 70 % of values lie between low and high */
    double high;
    double upper;      /* 90 % of values lie below */
    double confidence; /* 1 - usual error / usual level, at least 0 */
    size_t model;      /* index in the registry */
};
struct forecast forecaster_ask(const struct forecaster *f, const struct forecast_times *times);

/* ---- predictors: one file each, one line in registry.def ---- */

struct forecast_input {
    double value; /* of the last minute */
    int64_t wall_ns;
    int64_t ahead_ns;
    enum forecast_day day;
    enum forecast_day day_ahead;
    double given; /* NAN = none */
    const struct forecast_history *history;
};
struct forecast_ops {
    const char *name;
    const char *summary;
    size_t memory_count; /* numbers that it keeps */
    /* A minute is over. The first value finds the memory zeroed, `first` true. May be NULL. */
    void (*learn)(double *memory, const struct forecast_input *in, bool first);
    double (*predict)(const double *memory, const struct forecast_input *in); /* NAN = nothing */
};
const struct forecast_ops *forecast_at(size_t index); /* registry in order, NULL past the end */

void forecast_history_clear(struct forecast_history *history, int64_t granularity_ns);
void forecast_history_add(struct forecast_history *history, int64_t granularity_ns,
                          const struct forecast_times *times, double value);
/* Mean of the history over [at - width / 2, at + width / 2]; NAN when less than half is known. The
 * first passes over unusual days, the second takes them as they were. */
double forecast_history_mean(const struct forecast_history *history, int64_t at_wall_ns,
                             int64_t width_ns);
double forecast_history_level(const struct forecast_history *history, int64_t at_wall_ns,
                              int64_t width_ns);

#endif
