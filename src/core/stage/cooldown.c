/* cooldown.c - stage 9: after an applied change lowering waits; with `applies: both` raising too
 * (the guide's meaning). Starts as if a change had just been applied, for lowering only (R6, R10).
 */
#include "base/duration.h"
#include "base/num.h"
#include "core/stage.h"
#include "core/stage/pace.h"

struct cooldown_state {
    int64_t changed_ns;  /* last applied change */
    int64_t previous_ns; /* the one before, for a change that did not come true */
    uint8_t started;     /* 0 = changed_ns is the start: raising is free */
    uint8_t started_previous;
    uint8_t reserved[6];
};

static const struct field fields[] = {
    FIELD(I64, cooldown_state, changed_ns),       FIELD(I64, cooldown_state, previous_ns),
    FIELD(U8, cooldown_state, started),           FIELD(U8, cooldown_state, started_previous),
    FIELD_ARRAY(U8, cooldown_state, reserved, 6),
};

static bool used(const struct pool_spec *pool)
{
    return pool->behavior.cooldown_ns > 0;
}

static void state_init(const struct pool_spec *pool, void *state, int64_t now_ns, int64_t desired)
{
    (void)pool;
    (void)desired;
    *(struct cooldown_state *)state =
        (struct cooldown_state){.changed_ns = now_ns, .previous_ns = now_ns};
}

static void apply(struct stage_context *c)
{
    const struct cooldown_state *s = c->state;
    const int64_t span_ns = c->pool->behavior.cooldown_ns;
    const int64_t left_ns = num_add_sat(num_add_sat(s->changed_ns, span_ns), -c->now_ns);
    if (left_ns <= 0 || c->count == c->desired)
        return;
    const bool up = c->count > c->desired;
    if (up && (c->pool->behavior.cooldown_applies != COOLDOWN_BOTH || s->started == 0))
        return;
    pace_hold(c, STAGE_COOLDOWN, c->desired, up ? REASON_COOLDOWN_UP : REASON_COOLDOWN_DOWN,
              (double[4]){seconds_of(left_ns), seconds_of(span_ns)});
}

static void changed(struct cooldown_state *s, int64_t now_ns)
{
    s->previous_ns = s->changed_ns;
    s->started_previous = s->started;
    s->changed_ns = now_ns;
    s->started = 1;
}

static void record(const struct stage_context *c, int64_t before, int64_t decided)
{
    if (before != decided)
        changed(c->state, c->now_ns);
}

static void correct(void *state, int64_t now_ns, int64_t before, int64_t decided, int64_t applied)
{
    struct cooldown_state *s = state;
    if (decided != before && applied == before) {
        s->changed_ns = s->previous_ns;
        s->started = s->started_previous;
    } else if (decided == before && applied != before) {
        changed(s, now_ns);
    }
}

const struct stage_ops stage_cooldown = {
    .id = STAGE_COOLDOWN,
    .summary = "Waits after an applied change before it lowers.",
    .native_only = true,
    .fields = fields,
    .field_count = COUNT_OF(fields),
    .state_size = sizeof(struct cooldown_state),
    .used = used,
    .state_init = state_init,
    .apply = apply,
    .record = record,
    .correct = correct,
};
