/* last_replica.c - stage 10: the step from one replica to none. Needs an explicit fresh zero of
 * queue and requests in flight, a grace time at one replica without demand, and the retention time
 * after the last byte; until then the answer is 1 (R2). */
#include "base/duration.h"
#include "base/num.h"
#include "core/stage.h"

struct last_replica_state {
    int64_t quiet_since_ns; /* at one replica without demand since then; TIME_NONE = not so now */
};

static const struct field fields[] = {
    FIELD(I64, last_replica_state, quiet_since_ns),
};

static bool used(const struct pool_spec *pool)
{
    return pool->replicas_min == 0;
}

/* Where no gateway tells, engines and brokers must: their newest word, and it must be fresh. */
#define FRESH_NS MINUTE_NS
static const enum signal_id demand[] = {SIGNAL_QUEUE_DEPTH, SIGNAL_CONCURRENCY,
                                        SIGNAL_RUNNING_REQUESTS, SIGNAL_WAITING_REQUESTS,
                                        SIGNAL_QUEUE_LAG};

static size_t series(const struct pool_spec *pool, struct series_need *ret, size_t max)
{
    (void)pool;
    for (size_t i = 0; i < COUNT_OF(demand) && i < max; i++)
        ret[i] = (struct series_need){
            .signal = {.id = demand[i]}, .kind = SERIES_LAST, .max_age_ns = FRESH_NS};
    return COUNT_OF(demand);
}

static void state_init(const struct pool_spec *pool, void *state, int64_t now_ns, int64_t desired)
{
    (void)pool;
    (void)now_ns;
    (void)desired;
    *(struct last_replica_state *)state = (struct last_replica_state){.quiet_since_ns = TIME_NONE};
}

static void apply(struct stage_context *c)
{
    struct last_replica_state *s = c->state;
    const struct last_replica_spec *spec = &c->pool->last_replica;
    if (!c->demand_zero || c->desired != 1)
        s->quiet_since_ns = TIME_NONE;
    else if (s->quiet_since_ns == TIME_NONE)
        s->quiet_since_ns = c->now_ns;
    if (c->count > 0 || c->desired == 0)
        return;
    if (!c->demand_zero) {
        stage_say(c, STAGE_LAST_REPLICA, 1, REASON_LAST_DEMAND, NULL);
        return;
    }
    const int64_t quiet_ns =
        s->quiet_since_ns == TIME_NONE ? 0 : num_add_sat(c->now_ns, -s->quiet_since_ns);
    if (quiet_ns < spec->grace_ns) {
        stage_say(c, STAGE_LAST_REPLICA, 1, REASON_LAST_GRACE,
                  (double[4]){seconds_of(spec->grace_ns - quiet_ns)});
        return;
    }
    if (c->observation->waiting_state == SIGNAL_VALUE &&
        c->observation->idle_ns < spec->retention_ns)
        stage_say(c, STAGE_LAST_REPLICA, 1, REASON_LAST_RETENTION,
                  (double[4]){seconds_of(spec->retention_ns - c->observation->idle_ns)});
}

const struct stage_ops stage_last_replica = {
    .id = STAGE_LAST_REPLICA,
    .summary = "Gives up the last replica only on proven silence.",
    .native_only = true,
    .fields = fields,
    .field_count = COUNT_OF(fields),
    .state_size = sizeof(struct last_replica_state),
    .used = used,
    .series = series,
    .state_init = state_init,
    .apply = apply,
};
