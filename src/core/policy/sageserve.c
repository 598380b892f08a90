/* sageserve.c - the rules of SageServe: one replica more or less by the use of the engines' memory,
 * one at a time, and once an hour a count for the prompts that are foreseen.
 *
 * The forecast is the mean of those members of the peer's ensemble that need no library: a line
 * through the last six hours, exponential smoothing, the mean of the last ten minutes, and the
 * largest minute of the same part of the hour a day ago in place of its ARIMA file. */
#include <math.h>

#include "base/duration.h"
#include "base/num.h"
#include "core/opt_rows.h"
#include "core/policy.h"

#define FORECAST_EVERY_NS HOUR_NS
#define AHEAD_FIRST 20 /* minutes ahead of which the peer looks for the largest ... */
#define AHEAD_LAST 60  /* ... to this */
#define LINE_MINUTES 360
#define MEAN_MINUTES 10
#define DAY_MINUTES 1440
#define SMOOTHING 0.3
#define CORRECTED_UP 0.9 /* use above which a forecast is overruled */

struct sage_config {
    int64_t interval_ns;
    int64_t max_age_ns;
    double up;
    double down;
    bool forecast;
    double rate; /* prompt tokens per second of one replica that are planned for */
};

struct sage_state {
    int64_t minute; /* at hand; INT64_MIN = none yet */
    int64_t known;  /* minutes that were filed, at most a day */
    int64_t planned_ns;
    int64_t plan; /* replicas by the last forecast; 0 = none yet */
    double sum;   /* of the minute at hand */
    double samples;
    double foreseen;          /* prompt tokens per second */
    double past[DAY_MINUTES]; /* by minute modulo a day */
};

static const struct opt options[] = {
    DURATION_OPT("interval", sage_config, interval_ns, 1, DAY_S, 15,
                 "Time between two evaluations."),
    DURATION_OPT("maxAge", sage_config, max_age_ns, 1, DAY_S, 60, "Older metrics are unknown."),
    NUMBER_OPT("scaleUp", sage_config, up, 0, 1, 0.5, "ratio",
               "Use of the KV cache above which one is added."),
    NUMBER_OPT("scaleDown", sage_config, down, 0, 1, 0.25, "ratio",
               "Use below which one is removed."),
    BOOL_OPT("forecast", sage_config, forecast, 0,
             "Once an hour the count for the next one; between, one more above 0.9 and no fewer "
             "than it says."),
    NUMBER_OPT("tokensPerSecond", sage_config, rate, 0.001, 1e9, 4000, "tokens/s",
               "Prompt tokens of one replica that a forecast plans with: half of what it can."),
};

static const struct field fields[] = {
    FIELD(I64, sage_state, minute),     FIELD(I64, sage_state, known),
    FIELD(I64, sage_state, planned_ns), FIELD(I64, sage_state, plan),
    FIELD(F64, sage_state, sum),        FIELD(F64, sage_state, samples),
    FIELD(F64, sage_state, foreseen),   FIELD_ARRAY(F64, sage_state, past, DAY_MINUTES),
};

enum { SERIES_KV, SERIES_PROMPTS, SERIES_COUNT };

/* ---- history ---- */

static double *minute_at(struct sage_state *s, int64_t minute)
{
    const int64_t place = minute % DAY_MINUTES;
    return &s->past[place < 0 ? place + DAY_MINUTES : place];
}

static void file(struct sage_state *s, int64_t now_ns, double rate)
{
    const int64_t minute = now_ns / MINUTE_NS;
    if (s->minute == INT64_MIN)
        s->minute = minute;
    if (minute > s->minute && s->samples > 0) {
        const double mean = s->sum / s->samples;
        const int64_t gap = num_clamp(num_add_sat(minute, -s->minute), 1, DAY_MINUTES);
        for (int64_t i = 0; i < gap; i++) /* a gap holds what was before it */
            *minute_at(s, s->minute + i) = mean;
        s->known = num_clamp(num_add_sat(s->known, gap), 0, DAY_MINUTES);
        s->sum = s->samples = 0;
    }
    s->minute = minute;
    s->sum += rate;
    s->samples += 1;
}

/* ---- the members of the forecast ---- */

static double line(struct sage_state *s, int64_t n)
{
    double sx = 0;
    double sy = 0;
    double sxx = 0;
    double sxy = 0;
    for (int64_t i = 1; i <= n; i++) {
        const double x = -(double)i;
        const double y = *minute_at(s, s->minute - i);
        sx += x;
        sy += y;
        sxx += x * x;
        sxy += x * y;
    }
    const double count = (double)n;
    const double spread = count * sxx - sx * sx;
    const double slope = spread > 0 ? (count * sxy - sx * sy) / spread : 0;
    return (sy - slope * sx) / count + slope * AHEAD_LAST;
}

static double smoothed(struct sage_state *s, int64_t n)
{
    double level = *minute_at(s, s->minute - n);
    for (int64_t i = n - 1; i >= 1; i--)
        level += SMOOTHING * (*minute_at(s, s->minute - i) - level);
    return level;
}

static double mean(struct sage_state *s, int64_t n)
{
    double sum = 0;
    for (int64_t i = 1; i <= n; i++)
        sum += *minute_at(s, s->minute - i);
    return sum / (double)n;
}

static double yesterday(struct sage_state *s)
{
    double most = 0;
    for (int64_t i = AHEAD_FIRST; i <= AHEAD_LAST; i++)
        most = fmax(most, *minute_at(s, s->minute + i - DAY_MINUTES));
    return most;
}

static double foresee(struct sage_state *s)
{
    const int64_t hours = s->known < LINE_MINUTES ? s->known : LINE_MINUTES;
    const int64_t late = s->known < MEAN_MINUTES ? s->known : MEAN_MINUTES;
    double sum = fmax(line(s, hours), 0) + smoothed(s, hours) + mean(s, late);
    double count = 3;
    if (s->known == DAY_MINUTES) {
        sum += yesterday(s);
        count++;
    }
    return sum / count;
}

/* ---- one evaluation ---- */

/* True when the hour is over and a new count stands in s->plan. */
static bool plan(const struct policy_input *in, struct sage_state *s)
{
    const struct sage_config *config = in->config;
    const struct reading rate = series_read(in, SERIES_PROMPTS);
    if (rate.state == SIGNAL_VALUE)
        file(s, in->now_ns, rate.value);
    if (!config->forecast || s->known < MEAN_MINUTES ||
        (s->plan > 0 && num_add_sat(in->now_ns, -s->planned_ns) < FORECAST_EVERY_NS))
        return false;
    s->foreseen = foresee(s);
    s->plan = num_clamp(replicas_for(s->foreseen / config->rate), 1, REPLICAS_MAX);
    s->planned_ns = in->now_ns;
    return true;
}

static struct proposal planned(const struct policy_input *in, const struct sage_state *s)
{
    return (struct proposal){
        .replicas = num_clamp(s->plan, policy_min(in), policy_max(in)),
        .exact = NAN,
        .reason = REASON_SAGE_PLAN,
        .number = {s->foreseen, ((const struct sage_config *)in->config)->rate}};
}

static struct proposal propose(const struct policy_input *in)
{
    const struct sage_config *config = in->config;
    struct sage_state *s = in->state;
    const struct pool_observation *o = in->observation;
    if (o->counts_state != SIGNAL_VALUE)
        return (struct proposal){.abstain = true, .exact = NAN, .reason = REASON_UNCOUNTED};
    if (plan(in, s))
        return planned(in, s);
    const struct reading kv = series_read(in, SERIES_KV);
    if (kv.state != SIGNAL_VALUE)
        return (struct proposal){.abstain = true, .exact = NAN, .reason = REASON_NO_SIGNAL};
    const double up = config->forecast ? fmax(config->up, CORRECTED_UP) : config->up;
    const int64_t least = config->forecast ? s->plan : 0;
    const bool moving = o->pending > 0 || o->draining > 0 || o->ready != in->desired;
    int64_t count = in->desired;
    if (!moving && kv.value > up)
        count++;
    else if (!moving && kv.value < config->down && count > least)
        count--;
    return (struct proposal){
        .replicas = num_clamp(count, policy_min(in), policy_max(in)),
        .exact = NAN,
        .reason = moving ? REASON_SAGE_MOVING : REASON_SAGE_STEP,
        .number = {kv.value, config->down, up},
    };
}

/* ---- what it needs ---- */

static size_t series(const struct pool_spec *pool, const void *config_, struct series_need *ret,
                     size_t max)
{
    const struct sage_config *config = config_;
    static const struct series_need needs[SERIES_COUNT] = {
        [SERIES_KV] = {.signal = {.id = SIGNAL_KV_CACHE_USAGE}, .kind = SERIES_LAST},
        [SERIES_PROMPTS] = {.signal = {.id = SIGNAL_PROMPT_TOKENS_PER_SECOND},
                            .kind = SERIES_RATE,
                            .span_ns = MINUTE_NS},
    };
    for (size_t i = 0; i < SERIES_COUNT && i < max; i++) {
        ret[i] = needs[i];
        ret[i].max_age_ns = pool->exact ? 0 : config->max_age_ns;
        ret[i].required = !pool->exact && (i == SERIES_KV || config->forecast);
    }
    return SERIES_COUNT;
}

static enum rc check(const struct pool_spec *pool, const void *config_, struct diag *diag)
{
    const struct sage_config *config = config_;
    (void)pool;
    if (config->down > config->up)
        return fail(diag, RC_RANGE,
                    "scaleDown is above scaleUp: what was added would be removed "
                    "at once");
    return RC_OK;
}

static int64_t period_ns(const struct pool_spec *pool, const void *config)
{
    (void)pool;
    return ((const struct sage_config *)config)->interval_ns;
}

static void state_init(const struct pool_spec *pool, const void *config, void *state,
                       int64_t now_ns, int64_t ready)
{
    (void)pool;
    (void)config;
    (void)now_ns;
    (void)ready;
    *(struct sage_state *)state = (struct sage_state){.minute = INT64_MIN};
}

static bool state_valid(const struct pool_spec *pool, const void *config, const void *state)
{
    const struct sage_state *s = state;
    (void)pool;
    (void)config;
    return s->known >= 0 && s->known <= DAY_MINUTES &&
           (s->minute == INT64_MIN ||
            (s->minute >= INT64_MIN / MINUTE_NS && s->minute <= INT64_MAX / MINUTE_NS));
}

const struct policy_ops policy_sageserve = {
    .name = "sageserve",
    .summary =
        "One replica more or less by the use of the engines' memory, and an hourly forecast, "
        "as SageServe does.",
    .formula = "+ 1 when KV use > scaleUp, - 1 when KV use < scaleDown, nothing while a replica "
               "comes or goes; with a forecast every hour ceil(foreseen prompt tokens / "
               "tokensPerSecond)",
    .source = "SageServe (arXiv 2502.14617) and its repository: reactive rule and hourly plan",
    .blind = "how far beyond a threshold it is, queues, latencies; the plan counts prompts only",
    .options = options,
    .option_count = COUNT_OF(options),
    .config_size = sizeof(struct sage_config),
    .fields = fields,
    .field_count = COUNT_OF(fields),
    .imitation = true,
    .holds_itself = true,
    .check = check,
    .period_ns = period_ns,
    .series = series,
    .state_size = sizeof(struct sage_state),
    .state_init = state_init,
    .state_valid = state_valid,
    .propose = propose,
};
