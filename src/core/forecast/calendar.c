/* calendar.c - ridge regression on the calendar: the hour of the day, the weekend, holidays that
 * the user named, and the level now, a day ago and a week ago. */
#include <math.h>

#include "base/date.h"
#include "base/duration.h"
#include "core/forecast/forecast.h"
#include "core/forecast/regression.h"

#define HATS 6 /* of four hours each: the day as a line through six points */
#define COUNT (HATS + 5)
#define KEEP 0.9999 /* a memory of a week */
#define SPREAD 1
#define FOLLOW 0.001 /* of the usual level */
#define NEAR_NS (10 * MINUTE_NS)

enum { WEEKEND = HATS, HOLIDAY, NOW, DAY, WEEK };
enum { SCALE = REGRESSION_NUMBERS(COUNT) };

static void look_at_clock(double x[COUNT], int64_t at_ns, enum forecast_day day)
{
    const int64_t days = at_ns / DAY_NS - (at_ns % DAY_NS < 0);
    const double place = (double)(at_ns - days * DAY_NS) / (double)DAY_NS * HATS;
    const size_t first = (size_t)place % HATS;
    const int weekday = date_weekday(days);
    for (size_t i = 0; i < HATS; i++)
        x[i] = 0;
    x[first] = 1 - (place - (double)first);
    x[(first + 1) % HATS] += place - (double)first;
    x[WEEKEND] = weekday == 0 || weekday == 6;
    x[HOLIDAY] = day == FORECAST_HOLIDAY;
}

/* What stands there of the time `at_ns`, seen from `base_ns`. False: too little is known. */
static bool look(const struct forecast_input *in, int64_t base_ns, enum forecast_day day,
                 double scale, double x[COUNT])
{
    const int64_t at_ns = base_ns + in->ahead_ns;
    const double now = forecast_history_level(in->history, base_ns - NEAR_NS / 2, NEAR_NS);
    const double day_ago = forecast_history_mean(in->history, at_ns - DAY_NS, NEAR_NS);
    const double week_ago = forecast_history_mean(in->history, at_ns - 7 * DAY_NS, NEAR_NS);
    if (isnan(now))
        return false;
    look_at_clock(x, at_ns, day);
    x[NOW] = now / scale;
    x[DAY] = isnan(day_ago) ? x[NOW] : day_ago / scale;
    x[WEEK] = isnan(week_ago) ? x[DAY] : week_ago / scale;
    return true;
}

static void learn(double *memory, const struct forecast_input *in, bool first)
{
    double x[COUNT];
    if (first) {
        regression_init(memory, COUNT, SPREAD);
        memory[NOW] = 1;
        memory[SCALE] = in->value > 0 ? in->value : 1;
    }
    memory[SCALE] += FOLLOW * (in->value - memory[SCALE]);
    const double scale = fmax(memory[SCALE], 1e-9);
    if (in->day != FORECAST_EVENT && look(in, in->wall_ns - in->ahead_ns, in->day, scale, x))
        regression_learn(memory, COUNT, x, in->value / scale, KEEP);
}

static double predict(const double *memory, const struct forecast_input *in)
{
    double x[COUNT];
    const double scale = fmax(memory[SCALE], 1e-9);
    if (!look(in, in->wall_ns, in->day_ahead, scale, x))
        return NAN;
    return scale * regression_value(memory, COUNT, x);
}

const struct forecast_ops forecast_calendar = {
    .name = "calendar",
    .summary = "Ridge regression on hour, weekend, holidays, and the level now, a day and a week "
               "ago.",
    .memory_count = REGRESSION_NUMBERS(COUNT) + 1,
    .learn = learn,
    .predict = predict,
};
