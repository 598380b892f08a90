/* knative.c - Knative's autoscaler: averages over a stable and a panic window, and the whole loop
 * around them: rates, delay, bounds, and the gate before the last replica goes. Exact semantics:
 * conformance/kpa. */
#include "core/policy/knative.h"

#include <math.h>

#include "base/duration.h"
#include "base/num.h"
#include "core/policy.h"
#include "core/policy/kpa_zero.h"

#define PERIOD_NS (2 * SECOND_NS) /* also a slot of the delay window */
#define DELAY_SLOTS_MAX (HOUR_NS / PERIOD_NS)
#define SILENCE_MIN_NS (5 * SECOND_NS)
#define TOTAL_CONCURRENCY 100
#define TOTAL_RPS 200
#define UTILIZATION 0.7
#define TARGET_MIN 0.01

static const struct field fields[] = {
    FIELD(I64, knative_state, panic_since_ns),    FIELD(I64, knative_state, panic_most),
    FIELD(I64, knative_state, activity_since_ns), FIELD(U8, knative_state, activity),
    FIELD(U8, knative_state, initialized),        FIELD(U8, knative_state, delayed),
    FIELD_ARRAY(U8, knative_state, reserved, 5),
};

/* ---- the decision function ---- */

/* ceil() and floor() of what is a count, without a call. */
static inline double whole_up(double x)
{
    if (!(fabs(x) < 1e15))
        return x;
    const double whole = (double)(int64_t)x;
    return whole < x ? whole + 1 : whole;
}

static inline double whole_down(double x)
{
    if (!(fabs(x) < 1e15))
        return x;
    const double whole = (double)(int64_t)x;
    return whole > x ? whole - 1 : whole;
}

static inline int64_t between(double wanted, double low, double high)
{
    const double count = wanted > low ? wanted : low;
    const double limited = count < high ? count : high;
    return limited < INT32_MAX ? (int64_t)limited : INT32_MAX;
}

/* The limits of rate hold below the activation scale, not above it. */
static inline int64_t activated(const struct knative_config *config, double wanted, int64_t count)
{
    return config->activation_scale > 1 && wanted > 0 && config->activation_scale > count
               ? config->activation_scale
               : count;
}

static inline void note_panic(const struct knative_config *config, struct knative_state *state,
                              int64_t now_ns, bool over)
{
    if (over) {
        state->panic_since_ns = now_ns;
    } else if (state->panic_since_ns != TIME_NONE &&
               num_add_sat(state->panic_since_ns, config->stable_window_ns) < now_ns) {
        state->panic_since_ns = TIME_NONE;
        state->panic_most = 0;
    }
}

static inline double excess_of(const struct knative_config *config, const struct knative_load *load)
{
    if (config->burst > 0)
        return whole_down((double)load->ready * load->total - config->burst - load->panic);
    return config->burst < 0 ? -1 : 0;
}

struct knative_answer knative_scale(const struct knative_config *config,
                                    struct knative_state *state, struct slide_max *delay,
                                    int64_t now_ns, const struct knative_load *load)
{
    const double ready = load->ready > 1 ? (double)load->ready : 1;
    const double most = whole_up(config->up_rate * ready);
    const double least = config->reachable ? whole_down(ready / config->down_rate) : 0;
    const double calm = whole_up(load->stable / load->target);
    const double late = whole_up(load->panic / load->target);
    const int64_t calm_limited = between(calm, least, most);
    int64_t desired = activated(config, calm, calm_limited);
    struct knative_answer answer = {.raised = desired != calm_limited};
    note_panic(config, state, now_ns, late / ready >= config->panic_threshold);
    if (state->panic_since_ns != TIME_NONE) {
        const int64_t hasty = activated(config, late, between(late, least, most));
        desired = hasty > desired ? hasty : desired;
        if (desired > state->panic_most)
            state->panic_most = desired;
        desired = state->panic_most; /* panic never lowers */
    }
    if (delay != NULL && config->reachable) {
        const int64_t largest = slide_max_record(delay, now_ns / PERIOD_NS, desired);
        answer.delayed = largest > desired;
        desired = largest;
    }
    answer.desired = desired;
    answer.excess = excess_of(config, load);
    return answer;
}

/* ---- the loop around it ---- */

static struct slide_max *delay_of(struct knative_state *state)
{
    return (struct slide_max *)(state + 1);
}

/* What the windows say; false when there is no answer in them. The stable window tells whether
 * anything is known; a panic window in which nothing lies is a zero. */
static bool read_averages(const struct policy_input *in, struct knative_load *load)
{
    const struct knative_config *config = in->config;
    const struct reading stable = series_read(in, 0);
    const struct reading panic = series_read(in, 1);
    if (stable.state == SIGNAL_FAILED || panic.state == SIGNAL_FAILED ||
        (stable.state == SIGNAL_ABSENT && config->scraped))
        return false;
    load->stable = stable.state == SIGNAL_VALUE ? stable.value : 0;
    load->panic = panic.state == SIGNAL_VALUE ? panic.value : 0;
    return true;
}

static double total_of(const struct knative_config *config)
{
    if (!isnan(config->total))
        return config->total;
    return config->metric == KNATIVE_RPS ? TOTAL_RPS : TOTAL_CONCURRENCY;
}

static double target_of(const struct knative_config *config, double total)
{
    if (!isnan(config->target))
        return config->target;
    return total * UTILIZATION > TARGET_MIN ? total * UTILIZATION : TARGET_MIN;
}

/* Minimum and maximum, and the initial scale as a minimum until it was reached. */
static int64_t bounded(const struct policy_input *in, int64_t desired)
{
    const struct knative_config *config = in->config;
    const struct knative_state *state = in->state;
    int64_t least = config->reachable ? policy_min(in) : 0;
    if (!state->initialized && config->reachable && config->initial_scale > least)
        least = config->initial_scale;
    if (desired < least)
        desired = least;
    return desired > policy_max(in) ? policy_max(in) : desired;
}

/* Our gateway is always in the route, so a last replica without demand is one whose requests are
 * buffered from the moment on at which it became inactive. */
static struct kpa_gate_answer gate(const struct policy_input *in, int64_t desired)
{
    const struct knative_config *config = in->config;
    const struct knative_state *state = in->state;
    if (desired != 0) /* only the last replica has a gate */
        return (struct kpa_gate_answer){.desired = desired, .apply = true};
    const int64_t in_state_ns = num_add_sat(in->now_ns, -state->activity_since_ns);
    return kpa_gate(&(struct kpa_gate){
        .desired = desired,
        .activity = (enum kpa_activity)state->activity,
        .in_state_ns = in_state_ns,
        .in_route = true,
        .proxied_ns = in_state_ns,
        .probe = in->observation->waiting_state == SIGNAL_FAILED ? KPA_PROBE_NO : KPA_PROBE_OK,
        .to_zero = config->to_zero,
        .grace_ns = config->grace_ns,
        .retention_ns = config->retention_ns,
        .stable_window_ns = config->stable_window_ns,
        .progress_deadline_ns = config->progress_deadline_ns,
        .burst_unlimited = config->burst < 0,
        .reachable = config->reachable,
    });
}

static void note_activity(const struct policy_input *in, int64_t want)
{
    const struct knative_config *config = in->config;
    struct knative_state *state = in->state;
    const struct kpa_active_answer now = kpa_active(&(struct kpa_active){
        .initialized = state->initialized,
        .min = policy_min(in),
        .initial = config->initial_scale,
        .prior = (enum kpa_activity)state->activity,
        .want = want,
        .ready = in->observation->ready,
    });
    state->initialized = now.initialized;
    if (now.activity == (enum kpa_activity)state->activity)
        return;
    state->activity = (uint8_t)now.activity;
    state->activity_since_ns = in->now_ns;
}

static enum reason reason_of(const struct knative_state *state, const struct knative_answer *answer,
                             int64_t bound)
{
    if (bound == 0)
        return REASON_KPA_ZERO;
    if (bound != answer->desired || answer->raised)
        return REASON_KPA_BOUND;
    if (answer->delayed)
        return REASON_KPA_DELAY;
    return state->panic_since_ns != TIME_NONE ? REASON_KPA_PANIC : REASON_KPA_STABLE;
}

static struct proposal propose(const struct policy_input *in)
{
    const struct knative_config *config = in->config;
    struct knative_state *state = in->state;
    struct knative_load load = {.ready = in->observation->ready};
    if (in->observation->counts_state != SIGNAL_VALUE)
        return (struct proposal){.abstain = true, .exact = NAN, .reason = REASON_UNCOUNTED};
    if (!read_averages(in, &load))
        return (struct proposal){.abstain = true, .exact = NAN, .reason = REASON_NO_SIGNAL};
    load.total = total_of(config);
    load.target = target_of(config, load.total);
    const struct knative_answer answer =
        knative_scale(config, state, state->delayed ? delay_of(state) : NULL, in->now_ns, &load);
    const int64_t bound = bounded(in, answer.desired);
    const struct kpa_gate_answer gated = gate(in, bound);
    note_activity(in, gated.desired);
    return (struct proposal){
        .replicas = gated.apply ? gated.desired : in->desired,
        .exact = (double)answer.desired,
        .reason = (uint16_t)reason_of(state, &answer, bound),
        .number = {load.stable, load.panic, load.target, answer.excess},
    };
}

/* ---- what it needs ---- */

/* A window without new samples reads as nothing at its very end: it is unknown well before. */
static int64_t silence_max_ns(const struct knative_config *config)
{
    const int64_t half_ns = config->stable_window_ns / 2;
    return half_ns > SILENCE_MIN_NS ? half_ns : SILENCE_MIN_NS;
}

/* An exact one follows its peer: samples of one second add up, and none is a zero. Ours is told
 * the level of the whole pool, at its own pace. */
static size_t series(const struct pool_spec *pool, const void *config_, struct series_need *ret,
                     size_t max)
{
    static const char *const external[] = {"stable-average", "panic-average"};
    const struct knative_config *config = config_;
    const int64_t spans[] = {config->stable_window_ns, config->panic_window_ns};
    for (size_t i = 0; i < COUNT_OF(spans) && i < max; i++) {
        ret[i] = (struct series_need){
            .signal = {.id = config->metric == KNATIVE_RPS ? SIGNAL_REQUESTS_PER_SECOND
                                                           : SIGNAL_CONCURRENCY},
            .kind = config->averaging == KNATIVE_WEIGHTED ? SERIES_KPA_WEIGHTED : SERIES_KPA_LINEAR,
            .span_ns = spans[i],
            .max_age_ns = pool->exact ? 0 : silence_max_ns(config),
            .required = !pool->exact,
            .level = !pool->exact && config->metric == KNATIVE_CONCURRENCY,
        };
        if (config->metric != KNATIVE_AVERAGES)
            continue;
        ret[i].kind = SERIES_LAST;
        ret[i].span_ns = 0;
        ret[i].level = false;
        ret[i].signal.id = SIGNAL_EXTERNAL;
        (void)span_copy(span_from(external[i]), ret[i].signal.external, NAME_SIZE);
    }
    return COUNT_OF(spans);
}

static int64_t period_ns(const struct pool_spec *pool, const void *config)
{
    (void)pool;
    (void)config;
    return PERIOD_NS;
}

/* ---- state ---- */

static uint32_t delay_slots(const struct knative_config *config)
{
    return (uint32_t)((config->delay_ns + PERIOD_NS - 1) / PERIOD_NS);
}

/* The peer keeps the delay window that its object was made with, so an exact one needs room for
 * any. */
static uint32_t delay_room(const struct pool_spec *pool, const struct knative_config *config)
{
    const uint32_t slots = delay_slots(config);
    return pool->exact && slots < DELAY_SLOTS_MAX ? (uint32_t)DELAY_SLOTS_MAX : slots;
}

static size_t state_size(const struct pool_spec *pool, const void *config)
{
    const uint32_t room = delay_room(pool, config);
    return sizeof(struct knative_state) + (room > 0 ? slide_max_size(room) : 0);
}

static void state_init(const struct pool_spec *pool, const void *config_, void *state_,
                       int64_t now_ns, int64_t ready)
{
    const struct knative_config *config = config_;
    const int64_t first =
        pool->replicas_min > config->initial_scale ? pool->replicas_min : config->initial_scale;
    struct knative_state *state = state_;
    *state = (struct knative_state){
        .panic_since_ns = ready > 1 ? now_ns : TIME_NONE,
        .panic_most = ready,
        .activity_since_ns = now_ns,
        .activity = ready > 0 ? KPA_ACTIVE : KPA_INACTIVE,
        .initialized = ready >= first,
        .delayed = config->delay_ns > 0,
    };
    const uint32_t room = delay_room(pool, config);
    if (room == 0)
        return;
    slide_max_init(delay_of(state), state->delayed ? delay_slots(config) : 1, room);
    if (state->delayed && !pool->exact) /* the peer begins without a past; we hold what is there */
        (void)slide_max_record(delay_of(state), now_ns / PERIOD_NS, ready);
}

static bool state_valid(const struct pool_spec *pool, const void *config, const void *state_)
{
    const struct knative_state *state = state_;
    const uint32_t room = delay_room(pool, config);
    if (state->activity > KPA_ACTIVE || (state->delayed && room == 0))
        return false;
    return room == 0 || slide_max_valid((const struct slide_max *)(state + 1), room);
}

/* The peer makes its delay window once and never changes it; ours follows the new length. */
static void reshape(const struct policy_change *c)
{
    const struct knative_state *old = c->old_state;
    struct knative_state *state = c->state;
    const struct slide_max *from = (const struct slide_max *)(old + 1);
    const bool kept = c->pool->exact && c->old_pool->exact;
    const bool delayed = kept ? old->delayed : state->delayed;
    *state = *old;
    state->delayed = delayed;
    if (!delayed || !old->delayed)
        return;
    slide_max_init(delay_of(state), kept ? from->slots : delay_slots(c->config),
                   delay_room(c->pool, c->config));
    slide_max_carry(from, delay_of(state));
}

const struct policy_ops policy_knative = {
    .name = "knative",
    .summary = "Averages requests over a stable and a panic window, as Knative's autoscaler does.",
    .formula = "desired = ceil(average / target), at most maxScaleUpRate * ready, at least "
               "ready / maxScaleDownRate; in panic the larger of both windows, never falling",
    .source = "Knative Serving release-1.21, pkg/autoscaler/scaling; recorded vectors",
    .blind = "replicas that start (it asks for them again), tokens, latencies, and what else than "
             "requests fills a replica",
    .options = knative_options,
    .option_count = KNATIVE_OPTION_COUNT,
    .config_size = sizeof(struct knative_config),
    .fields = fields,
    .field_count = COUNT_OF(fields),
    .imitation = true,
    .pokes = true,
    .wakes_itself = true,
    .holds_itself = true,
    .check = knative_options_check,
    .period_ns = period_ns,
    .series = series,
    .state_room = state_size,
    .state_init = state_init,
    .state_valid = state_valid,
    .reshape = reshape,
    .propose = propose,
};
