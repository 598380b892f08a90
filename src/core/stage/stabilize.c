/* stabilize.c - stage 7: a direction is followed only when the whole window agreed on it. Records
 * the value that enters, on held ticks too; a count that somebody else set is held for one full
 * window in both directions (R16). Urgent raises and wakes pass. */
#include "base/duration.h"
#include "base/num.h"
#include "core/stage.h"
#include "core/stage/pace.h"
#include "core/stage/pace_log.h"

struct stabilize_state {
    struct pace_log largest;  /* of the down window */
    struct pace_log smallest; /* of the up window, negated */
    int64_t foreign_until_ns; /* TIME_NONE = nobody else wrote */
};

static const struct field fields[] = {
    PACE_LOG_FIELDS(stabilize_state, largest),
    PACE_LOG_FIELDS(stabilize_state, smallest),
    FIELD(I64, stabilize_state, foreign_until_ns),
};

static bool used(const struct pool_spec *pool)
{
    return pace_window_foreign_ns(pool) > 0;
}

/* Raising is allowed at once after a start (R10); lowering waits for one full window (R6). */
static void state_init(const struct pool_spec *pool, void *state, int64_t now_ns, int64_t desired)
{
    struct stabilize_state *s = state;
    *s = (struct stabilize_state){.foreign_until_ns = TIME_NONE};
    if (pace_window_down_ns(pool) > 0)
        pace_log_push_max(&s->largest, now_ns, desired);
}

static void adopted(const struct pool_spec *pool, void *state, int64_t now_ns, int64_t count)
{
    struct stabilize_state *s = state;
    pace_log_push_max(&s->largest, now_ns, count);
    pace_log_push_max(&s->smallest, now_ns, -count);
    s->foreign_until_ns = num_add_sat(now_ns, pace_window_foreign_ns(pool));
}

static int64_t steady(struct stabilize_state *s, const struct stage_context *c, int64_t up_ns,
                      int64_t down_ns)
{
    if (c->count > c->desired && up_ns > 0) {
        const int64_t low = -pace_log_max(&s->smallest, c->now_ns, up_ns);
        return low > c->desired ? low : c->desired;
    }
    if (c->count < c->desired && down_ns > 0) {
        const int64_t high = pace_log_max(&s->largest, c->now_ns, down_ns);
        return high < c->desired ? high : c->desired;
    }
    return c->count;
}

static void apply(struct stage_context *c)
{
    struct stabilize_state *s = c->state;
    const int64_t up_ns = pace_window_up_ns(c->pool);
    const int64_t down_ns = pace_window_down_ns(c->pool);
    pace_log_forget(&s->largest, c->now_ns, down_ns);
    pace_log_forget(&s->smallest, c->now_ns, up_ns);
    if (down_ns > 0)
        pace_log_push_max(&s->largest, c->now_ns, c->count);
    if (up_ns > 0)
        pace_log_push_max(&s->smallest, c->now_ns, -c->count);
    if (s->foreign_until_ns != TIME_NONE && c->now_ns >= s->foreign_until_ns)
        s->foreign_until_ns = TIME_NONE;

    if (s->foreign_until_ns != TIME_NONE && c->count != c->desired) {
        const double left_s = seconds_of(s->foreign_until_ns - c->now_ns);
        pace_hold(c, STAGE_STABILIZE, c->desired, REASON_FOREIGN_HOLD, (double[4]){left_s});
        return;
    }
    const bool up = c->count > c->desired;
    pace_hold(c, STAGE_STABILIZE, steady(s, c, up_ns, down_ns),
              up ? REASON_STABILIZE_UP : REASON_STABILIZE_DOWN,
              (double[4]){seconds_of(up ? up_ns : down_ns)});
}

const struct stage_ops stage_stabilize = {
    .id = STAGE_STABILIZE,
    .summary = "Follows a direction only after a whole window agreed on it.",
    .native_only = true,
    .fields = fields,
    .field_count = COUNT_OF(fields),
    .state_size = sizeof(struct stabilize_state),
    .used = used,
    .state_init = state_init,
    .apply = apply,
    .adopted = adopted,
};
