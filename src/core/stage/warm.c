/* warm.c - stage 12: how many replicas are kept warm beside the serving ones; never changes the
 * serving count. After some were used the rest is started in batches, after a delay. */
#include <math.h>

#include "base/duration.h"
#include "base/num.h"
#include "core/stage.h"

struct warm_state {
    int64_t short_since_ns; /* begin of the current wait; TIME_NONE = enough are warm */
    int64_t granted;        /* ordered so far, while short */
};

static const struct field fields[] = {
    FIELD(I64, warm_state, short_since_ns),
    FIELD(I64, warm_state, granted),
};

static bool used(const struct pool_spec *pool)
{
    return pool->warm.percent > 0;
}

/* The first fill waits for nothing. */
static void state_init(const struct pool_spec *pool, void *state, int64_t now_ns, int64_t desired)
{
    (void)pool;
    (void)now_ns;
    (void)desired;
    *(struct warm_state *)state =
        (struct warm_state){.short_since_ns = TIME_NONE, .granted = REPLICAS_MAX};
}

/* Warm ones that this very tick makes serve are gone: to keep as many would start others in their
 * place, past the delay. */
static int64_t left_of(const struct stage_context *c)
{
    const struct pool_observation *o = c->observation;
    const int64_t there =
        num_add_sat(num_clamp(o->ready, 0, REPLICAS_MAX), num_clamp(o->pending, 0, REPLICAS_MAX));
    const int64_t woken = c->pool->warm.use ? num_clamp(c->count - there, 0, REPLICAS_MAX) : 0;
    return num_clamp(o->warm, 0, REPLICAS_MAX) - woken;
}

static void apply(struct stage_context *c)
{
    struct warm_state *s = c->state;
    const struct warm_spec *spec = &c->pool->warm;
    const int64_t max = c->pool->replicas_max;
    const int64_t target =
        num_clamp(num_to_int(ceil((double)max * spec->percent / 100), 0, REPLICAS_MAX), 0,
                  num_clamp(max - c->count, 0, REPLICAS_MAX));
    const int64_t have = num_clamp(left_of(c), 0, target);
    if (have >= target || s->granted >= REPLICAS_MAX) {
        s->short_since_ns = TIME_NONE;
        s->granted = have >= target ? target : REPLICAS_MAX;
        c->decision->warm = target;
        return;
    }
    if (s->short_since_ns == TIME_NONE) {
        s->short_since_ns = c->now_ns;
        s->granted = have;
    }
    if (num_add_sat(c->now_ns, -s->short_since_ns) >= spec->replenish_delay_ns) {
        s->granted = num_add_sat(have, spec->batch > 0 ? spec->batch : target);
        s->short_since_ns = c->now_ns;
    }
    s->granted = num_clamp(s->granted, have, target);
    c->decision->warm = s->granted;
    if (s->granted < target)
        stage_say(
            c, STAGE_WARM, c->count, REASON_WARM_REPLENISH,
            (double[4]){(double)s->granted, (double)target,
                        seconds_of(s->short_since_ns + spec->replenish_delay_ns - c->now_ns)});
}

const struct stage_ops stage_warm = {
    .id = STAGE_WARM,
    .summary = "Keeps a share of the maximum warm.",
    .fields = fields,
    .field_count = COUNT_OF(fields),
    .state_size = sizeof(struct warm_state),
    .used = used,
    .state_init = state_init,
    .apply = apply,
};
