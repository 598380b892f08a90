/* rate.c - stage 8: how much may be added or removed per period, in percent or absolute, the more
 * restrictive of both. The period slides; what counts is what was applied. */
#include <math.h>

#include "base/duration.h"
#include "base/num.h"
#include "core/stage.h"
#include "core/stage/pace.h"
#include "core/stage/pace_log.h"

#define TICK_NS                                                                                    \
    (2 * SECOND_NS) /* period 0 means the native tick: early ticks do not count twice              \
                     */

struct rate_state {
    struct pace_log added;
    struct pace_log removed;
};

static const struct field fields[] = {
    PACE_LOG_FIELDS(rate_state, added),
    PACE_LOG_FIELDS(rate_state, removed),
};

static bool limits(const struct pace_spec *pace)
{
    return !isnan(pace->change_percent) || pace->change_absolute >= 0;
}

static bool used(const struct pool_spec *pool)
{
    return limits(&pool->behavior.up) || limits(&pool->behavior.down);
}

static void state_init(const struct pool_spec *pool, void *state, int64_t now_ns, int64_t desired)
{
    (void)pool;
    (void)now_ns;
    (void)desired;
    *(struct rate_state *)state = (struct rate_state){0};
}

static int64_t period_of(const struct pace_spec *pace)
{
    return pace->period_ns > 0 ? pace->period_ns : TICK_NS;
}

/* Replicas that one period may change from `base`. A percentage above 0 always allows one, or a
 * small pool would never move; lowering rounds down, raising up. */
static int64_t change_of(const struct pace_spec *pace, int64_t base, bool up)
{
    int64_t most = REPLICAS_MAX;
    if (pace->change_absolute >= 0 && pace->change_absolute < most)
        most = pace->change_absolute;
    if (!isnan(pace->change_percent)) {
        const double part = (double)base * pace->change_percent / 100;
        int64_t by_percent = num_to_int(up ? ceil(part) : floor(part), 0, REPLICAS_MAX);
        if (by_percent == 0 && pace->change_percent > 0)
            by_percent = 1;
        most = by_percent < most ? by_percent : most;
    }
    return most;
}

/* The count at the begin of the sliding period, without the changes of this direction: what the
 * other direction did in it must not add to the bound. */
static int64_t base_of(const struct rate_state *s, const struct stage_context *c, bool up,
                       int64_t period_ns)
{
    const int64_t changed = up ? -pace_log_sum(&s->added, c->now_ns, period_ns)
                               : pace_log_sum(&s->removed, c->now_ns, period_ns);
    return num_clamp(c->desired + changed, 0, REPLICAS_MAX);
}

static void apply(struct stage_context *c)
{
    struct rate_state *s = c->state;
    const bool up = c->count > c->desired;
    const struct pace_spec *pace = up ? &c->pool->behavior.up : &c->pool->behavior.down;
    if (c->count == c->desired || !limits(pace))
        return;
    const int64_t period_ns = period_of(pace);
    const int64_t base = base_of(s, c, up, period_ns);
    const int64_t most = change_of(pace, base, up);
    const double number[4] = {(double)most, seconds_of(period_ns)};
    if (up) {
        /* Never below desired: what was applied is not taken back by pace. */
        const int64_t top = base + most > c->desired ? base + most : c->desired;
        pace_hold(c, STAGE_RATE, c->count < top ? c->count : top, REASON_RATE_UP, number);
        return;
    }
    const int64_t bottom = base - most < c->desired ? base - most : c->desired;
    pace_hold(c, STAGE_RATE, c->count > bottom ? c->count : bottom, REASON_RATE_DOWN, number);
}

static void add(struct rate_state *s, int64_t now_ns, int64_t before, int64_t after)
{
    if (after > before)
        pace_log_add(&s->added, now_ns, after - before);
    else
        pace_log_add(&s->removed, now_ns, before - after);
}

static void record(const struct stage_context *c, int64_t before, int64_t decided)
{
    struct rate_state *s = c->state;
    pace_log_forget(&s->added, c->now_ns, HOUR_NS);
    pace_log_forget(&s->removed, c->now_ns, HOUR_NS);
    add(s, c->now_ns, before, decided);
}

static void correct(void *state, int64_t now_ns, int64_t before, int64_t decided, int64_t applied)
{
    struct rate_state *s = state;
    if (decided > before)
        pace_log_add(&s->added, now_ns, before - decided);
    else
        pace_log_add(&s->removed, now_ns, decided - before);
    add(s, now_ns, before, applied);
}

const struct stage_ops stage_rate = {
    .id = STAGE_RATE,
    .summary = "Bounds how much one period adds or removes.",
    .native_only = true,
    .fields = fields,
    .field_count = COUNT_OF(fields),
    .state_size = sizeof(struct rate_state),
    .used = used,
    .state_init = state_init,
    .apply = apply,
    .record = record,
    .correct = correct,
};
