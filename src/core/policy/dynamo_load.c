/* dynamo_load.c - Dynamo's load planner: one replica more or less when queues or KV use pass a
 * threshold (conformance/dynamo, V02). Also what both planners share. */
#include <assert.h>
#include <math.h>

#include "base/duration.h"
#include "base/num.h"
#include "core/opt_rows.h"
#include "core/policy/dynamo.h"

#define GRACE 3             /* evaluations after a new decode replica */
#define LOOK_AHEAD 3        /* intervals by which the queue is drawn on */
#define WAITING_WEIGHT 0.02 /* of KV use, for each waiting request */

#define QUEUE_SIGNAL "prefill-queue"
#define LOAD_SIGNAL "decode-load"

static const struct opt_choice input_choices[] = {
    {"engines", DYNAMO_ENGINES,
     "external:prefill-queue, and external:decode-load once for each engine"},
    {"catalogue", DYNAMO_CATALOGUE,
     "kv-cache-usage and waiting-requests; for one pool of both roles"},
    {NULL, 0, NULL},
};
static const struct opt options[] = {
    ENUM_OPT("input", dynamo_load_config, input, input_choices, DYNAMO_ENGINES,
             "What the load is read from."),
    DURATION_OPT("interval", dynamo_load_config, interval_ns, 1, DAY_S, 180,
                 "Time between two evaluations; samples of all of it count."),
    INT_OPT("gpuBudget", dynamo_load_config, gpu_budget, 1, REPLICAS_MAX, 8, "GPUs",
            "Most GPUs of both pools."),
    INT_OPT("minEndpoint", dynamo_load_config, min_replicas, 0, REPLICAS_MAX, 1, "replicas",
            "Least replicas of each pool."),
    INT_OPT("prefillGpus", dynamo_load_config, prefill_gpus, 1, 1024, 1, "GPUs",
            "Of one prefill replica."),
    INT_OPT("decodeGpus", dynamo_load_config, decode_gpus, 1, 1024, 1, "GPUs",
            "Of one decode replica."),
    NUMBER_OPT("decodeKvScaleUpThreshold", dynamo_load_config, kv_up, 0, 100, 0.9, "ratio",
               "Mean load of a decode engine above which one is added."),
    NUMBER_OPT("decodeKvScaleDownThreshold", dynamo_load_config, kv_down, 0, 100, 0.5, "ratio",
               "Mean load of a decode engine below which one is removed."),
    NUMBER_OPT("prefillQueueScaleUpThreshold", dynamo_load_config, queue_up, 0, 1e9, 5, "prompts",
               "Waiting prompts per prefill replica above which one is added."),
    NUMBER_OPT("prefillQueueScaleDownThreshold", dynamo_load_config, queue_down, 0, 1e9, 0.2,
               "prompts", "Waiting prompts per prefill replica below which one is removed."),
};

static const struct field fields[] = {
    FIELD(F64, dynamo_load_state, queue_sum),        FIELD(F64, dynamo_load_state, queue_first),
    FIELD(F64, dynamo_load_state, queue_last),       FIELD(F64, dynamo_load_state, kv_sum),
    FIELD(I64, dynamo_load_state, queue_count),      FIELD(I64, dynamo_load_state, kv_count),
    FIELD(I64, dynamo_load_state, decode_expected),  FIELD(I64, dynamo_load_state, grace),
    FIELD(U8, dynamo_load_state, prefill_change),    FIELD(U8, dynamo_load_state, decode_change),
    FIELD_ARRAY(U8, dynamo_load_state, reserved, 6),
};

/* ---- both planners ---- */

struct dynamo_pools dynamo_pools_of(const struct policy_input *in)
{
    struct dynamo_pools pools = {.prefill = NULL};
    for (size_t i = 0; i < in->peer_count; i++) {
        const int role = in->peer[i].pool->role;
        if (role == ROLE_PREFILL && pools.prefill == NULL)
            pools.prefill = &in->peer[i];
        else if (role != ROLE_FRONTEND && role != ROLE_PREFILL && pools.decode == NULL)
            pools.decode = &in->peer[i];
    }
    return pools;
}

int64_t dynamo_half(const struct policy_input *in, struct dynamo_pair pair)
{
    if (dynamo_pools_of(in).prefill == NULL) /* one pool has bounds of its own */
        return num_clamp(pair.decode, policy_min(in), policy_max(in));
    return in->pool->role == ROLE_PREFILL ? pair.prefill : pair.decode;
}

/* ---- samples ---- */

double dynamo_kv_load(double kv_usage, double waiting, double active)
{
    return active > 0 && waiting > 0 ? kv_usage + WAITING_WEIGHT * waiting : kv_usage;
}

/* Means over the engines: their waiting requests add to the same sum, in any order. */
static void sample_catalogue(struct dynamo_load_state *state, const struct sample *s)
{
    if (s->signal == SIGNAL_KV_CACHE_USAGE) {
        state->kv_sum += s->value;
        state->kv_count++;
    } else if (s->signal == SIGNAL_WAITING_REQUESTS) {
        state->kv_sum += WAITING_WEIGHT * s->value / fmax(s->covered, 1);
    }
}

static void sample(const struct pool_spec *pool, const void *config, void *state_,
                   const struct sample *s, const char *external)
{
    struct dynamo_load_state *state = state_;
    (void)pool;
    if (s->state != SIGNAL_VALUE)
        return;
    if (((const struct dynamo_load_config *)config)->input == DYNAMO_CATALOGUE) {
        sample_catalogue(state, s);
        return;
    }
    if (span_equal_text(span_from(external), QUEUE_SIGNAL)) {
        state->queue_first = state->queue_count == 0 ? s->value : state->queue_first;
        state->queue_last = s->value;
        state->queue_sum += s->value;
        state->queue_count++;
    } else if (span_equal_text(span_from(external), LOAD_SIGNAL)) {
        state->kv_sum += s->value;
        state->kv_count++;
    }
}

static void forget(struct dynamo_load_state *state)
{
    state->queue_sum = state->queue_first = state->queue_last = state->kv_sum = 0;
    state->queue_count = state->kv_count = 0;
}

/* ---- one interval ---- */

struct tick {
    const struct dynamo_load_config *config;
    struct dynamo_load_state *state;
    struct dynamo_pair workers;
    int64_t gpus;
};

static void lower(struct tick *t, double queue, double kv)
{
    if (queue < t->config->queue_down && t->workers.prefill > t->config->min_replicas) {
        t->state->prefill_change = DYNAMO_LESS;
        t->workers.prefill--;
        t->gpus -= t->config->prefill_gpus;
    }
    if (kv < t->config->kv_down && t->workers.decode > t->config->min_replicas &&
        t->state->grace == 0) {
        t->state->decode_change = DYNAMO_LESS;
        t->workers.decode--;
        t->gpus -= t->config->decode_gpus;
    }
}

static void raise(struct tick *t, double queue, double kv)
{
    const struct dynamo_load_state *s = t->state;
    const double ahead = s->queue_last + LOOK_AHEAD * (s->queue_last - s->queue_first);
    if (queue > t->config->queue_up && t->gpus + t->config->prefill_gpus <= t->config->gpu_budget &&
        ahead > t->config->queue_up) {
        t->state->prefill_change = DYNAMO_MORE;
        t->workers.prefill++;
        t->gpus += t->config->prefill_gpus;
    }
    if (kv > t->config->kv_up && t->gpus + t->config->decode_gpus <= t->config->gpu_budget) {
        t->state->decode_change = DYNAMO_MORE;
        t->workers.decode++;
        t->state->grace = GRACE;
    }
}

static int64_t ready_of(const struct policy_peer *peer)
{
    return peer == NULL ? 0 : num_clamp(peer->observation->ready, 0, REPLICAS_MAX);
}

static struct dynamo_pair evaluate(const struct policy_input *in)
{
    const struct dynamo_load_config *config = in->config;
    struct dynamo_load_state *state = in->state;
    const struct dynamo_pools pools = dynamo_pools_of(in);
    struct tick t = {
        .config = config,
        .state = state,
        .workers = {ready_of(pools.prefill), ready_of(pools.decode)},
    };
    t.gpus = num_add_sat(num_mul_sat(t.workers.prefill, config->prefill_gpus),
                         num_mul_sat(t.workers.decode, config->decode_gpus));
    const double queue = state->queue_sum / (double)state->queue_count / (double)t.workers.prefill;
    const double kv = state->kv_sum / (double)state->kv_count;
    state->prefill_change = state->decode_change = DYNAMO_SAME;
    /* While replicas come and go by themselves the averages say nothing. */
    if (state->decode_expected < 0 || state->decode_expected == t.workers.decode) {
        lower(&t, queue, kv);
        raise(&t, queue, kv);
        if (state->grace > 0)
            state->grace--;
    }
    state->decode_expected = t.workers.decode;
    return t.workers;
}

static struct proposal propose(const struct policy_input *in)
{
    struct dynamo_load_state *state = in->state;
    if (in->observation->counts_state != SIGNAL_VALUE)
        return (struct proposal){.abstain = true, .exact = NAN, .reason = REASON_UNCOUNTED};
    if (state->queue_count == 0 && state->kv_count == 0) { /* the first interval begins */
        state->decode_expected = ready_of(dynamo_pools_of(in).decode);
        return (struct proposal){.abstain = true, .exact = NAN, .reason = REASON_NO_SIGNAL};
    }
    const double queue = state->queue_count > 0 ? state->queue_sum / (double)state->queue_count : 0;
    const double kv = state->kv_sum / (double)state->kv_count;
    const struct dynamo_pair pair = evaluate(in);
    forget(state);
    return (struct proposal){
        .replicas = dynamo_half(in, pair),
        .exact = NAN,
        .reason = REASON_DYNAMO_LOAD,
        .number = {queue, kv, (double)pair.prefill, (double)pair.decode},
    };
}

/* ---- what it needs ---- */

static size_t series(const struct pool_spec *pool, const void *config_, struct series_need *ret,
                     size_t max)
{
    static const char *const externals[] = {QUEUE_SIGNAL, LOAD_SIGNAL};
    static const enum signal_id signals[] = {SIGNAL_KV_CACHE_USAGE, SIGNAL_WAITING_REQUESTS};
    static_assert(COUNT_OF(externals) == COUNT_OF(signals), "two either way");
    const struct dynamo_load_config *config = config_;
    for (size_t i = 0; i < COUNT_OF(externals) && i < max; i++) {
        ret[i] = (struct series_need){
            .signal = {.id = SIGNAL_EXTERNAL},
            .kind = SERIES_LAST,
            .max_age_ns = pool->exact ? 0 : config->interval_ns,
            .required = !pool->exact,
        };
        if (config->input == DYNAMO_CATALOGUE)
            ret[i].signal.id = signals[i];
        else
            (void)span_copy(span_from(externals[i]), ret[i].signal.external, NAME_SIZE); /* short */
    }
    return COUNT_OF(externals);
}

static enum rc check(const struct pool_spec *pool, const void *config_, struct diag *diag)
{
    const struct dynamo_load_config *config = config_;
    (void)pool;
    if (config->kv_down > config->kv_up || config->queue_down > config->queue_up)
        return fail(diag, RC_RANGE, "a threshold for lowering is above that for raising");
    if (config->interval_ns < SECOND_NS)
        return fail(diag, RC_RANGE, "the interval is at least 1 s");
    return RC_OK;
}

static int64_t period_ns(const struct pool_spec *pool, const void *config)
{
    (void)pool;
    return ((const struct dynamo_load_config *)config)->interval_ns;
}

static void state_init(const struct pool_spec *pool, const void *config, void *state,
                       int64_t now_ns, int64_t ready)
{
    (void)pool;
    (void)config;
    (void)now_ns;
    (void)ready;
    *(struct dynamo_load_state *)state = (struct dynamo_load_state){.decode_expected = -1};
}

const struct policy_ops policy_dynamo_load = {
    .name = "dynamo-load",
    .summary = "One replica more or less when a queue or KV use passes a threshold, as Dynamo's "
               "load planner does.",
    .formula = "prefill: mean(queue) / ready against two thresholds; decode: mean(KV use + 0.02 * "
               "waiting) against two thresholds",
    .source = "Dynamo planner 0.2 (2025-06-13); recorded vectors. Reads external:prefill-queue and "
              "external:decode-load, one sample per engine. A pool without a role is decode",
    .blind = "latencies, how far beyond a threshold it is, and replicas that start",
    .options = options,
    .option_count = COUNT_OF(options),
    .config_size = sizeof(struct dynamo_load_config),
    .fields = fields,
    .field_count = COUNT_OF(fields),
    .imitation = true,
    .holds_itself = true,
    .check = check,
    .period_ns = period_ns,
    .series = series,
    .state_size = sizeof(struct dynamo_load_state),
    .state_init = state_init,
    .sample = sample,
    .propose = propose,
};
