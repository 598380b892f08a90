/* supply.c - stage 6: starting replicas are supply that comes; blocked ones are none, and more of
 * what does not start helps nobody (R13).
 *
 * Counts are absolute, so pending replicas are part of `desired` and never ordered twice. While
 * some are blocked, at most maxUnready may be unready together, and tries are spaced by a doubling
 * back-off; at maxUnready blocked ones nothing is added at all. */
#include "base/duration.h"
#include "base/num.h"
#include "core/stage.h"

#define BACKOFF_FIRST_NS (10 * SECOND_NS)
#define BACKOFF_LAST_NS (5 * MINUTE_NS)

struct supply_state {
    int64_t next_ns;    /* no try before this time; TIME_NONE = nothing is blocked */
    int64_t backoff_ns; /* after the next try */
};

static const struct field fields[] = {
    FIELD(I64, supply_state, next_ns),
    FIELD(I64, supply_state, backoff_ns),
};

static bool used(const struct pool_spec *pool)
{
    (void)pool;
    return true;
}

static void state_init(const struct pool_spec *pool, void *state, int64_t now_ns, int64_t desired)
{
    (void)pool;
    (void)now_ns;
    (void)desired;
    *(struct supply_state *)state =
        (struct supply_state){.next_ns = TIME_NONE, .backoff_ns = BACKOFF_FIRST_NS};
}

static void apply(struct stage_context *c)
{
    struct supply_state *state = c->state;
    const int64_t blocked = c->observation->blocked;
    if (blocked <= 0) {
        state_init(c->pool, state, c->now_ns, c->desired);
        return;
    }
    if (state->next_ns == TIME_NONE)
        state->next_ns = num_add_sat(c->now_ns, BACKOFF_FIRST_NS);
    if (c->count <= c->desired)
        return;
    const int64_t limit = c->pool->max_unready;
    if (blocked >= limit) {
        stage_say(c, STAGE_SUPPLY, c->desired, REASON_SUPPLY_BLOCKED,
                  (double[4]){(double)blocked, (double)limit});
        return;
    }
    if (c->now_ns < state->next_ns) {
        stage_say(c, STAGE_SUPPLY, c->desired, REASON_SUPPLY_BACKOFF,
                  (double[4]){(double)blocked, seconds_of(state->next_ns - c->now_ns)});
        return;
    }
    const int64_t pending = num_clamp(c->observation->pending, 0, REPLICAS_MAX);
    const int64_t room = num_clamp(limit - blocked - pending, 0, REPLICAS_MAX);
    if (c->count > c->desired + room)
        stage_say(c, STAGE_SUPPLY, c->desired + room, REASON_SUPPLY_ROOM,
                  (double[4]){(double)blocked, (double)limit});
}

static void record(const struct stage_context *c, int64_t before, int64_t decided)
{
    struct supply_state *state = c->state;
    if (state->next_ns == TIME_NONE || decided <= before)
        return;
    state->next_ns = num_add_sat(c->now_ns, state->backoff_ns);
    state->backoff_ns = num_clamp(2 * state->backoff_ns, BACKOFF_FIRST_NS, BACKOFF_LAST_NS);
}

const struct stage_ops stage_supply = {
    .id = STAGE_SUPPLY,
    .summary = "Adds nothing while too many replicas do not become ready.",
    .fields = fields,
    .field_count = COUNT_OF(fields),
    .state_size = sizeof(struct supply_state),
    .used = used,
    .state_init = state_init,
    .apply = apply,
    .record = record,
};
