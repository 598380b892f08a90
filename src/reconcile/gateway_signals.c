/* gateway_signals.c - what gateways told, as a tick sees it: counts of the observation and samples.
 * A gateway that did not answer is unknown, never zero. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/num.h"
#include "reconcile/parts.h"

/* All gateways together; idle is the one that was busy last. */
static struct view sum_of(const struct reconcile *r, const struct pool *pool)
{
    struct view sum = {.idle_ns = INT64_MAX};
    for (unsigned g = 0; g < pool->view_count; g++) {
        const struct view *view = &pool->view[g];
        if ((r->gateways >> g & 1) == 0 || !view->answered)
            continue;
        sum.answered = true;
        sum.waiting_requests += view->waiting_requests;
        sum.waiting_tokens += view->waiting_tokens;
        sum.in_flight_requests += view->in_flight_requests;
        sum.in_flight_tokens += view->in_flight_tokens;
        sum.excess_requests += view->excess_requests;
        sum.excess_tokens += view->excess_tokens;
        sum.sessions += view->sessions;
        if (view->oldest_wait_ns > sum.oldest_wait_ns)
            sum.oldest_wait_ns = view->oldest_wait_ns;
        if (view->idle_ns < sum.idle_ns)
            sum.idle_ns = view->idle_ns;
        if (view->t_ns > sum.t_ns)
            sum.t_ns = view->t_ns;
    }
    return sum;
}

/* Those that answered are a lower bound: enough to wake on, never enough to lower on. */
void gateways_observe(const struct reconcile *r, const struct pool *pool,
                      struct pool_observation *ret)
{
    ret->waiting_state = SIGNAL_ABSENT;
    if (!pool->spec->routed || r->gateways == 0)
        return;
    const struct view sum = sum_of(r, pool);
    ret->waiting_state = SIGNAL_VALUE;
    if (gateways_silent(r, pool) && sum.waiting_requests == 0) {
        ret->waiting_state = SIGNAL_FAILED;
        return;
    }
    ret->waiting_requests = sum.waiting_requests;
    ret->waiting_tokens = sum.waiting_tokens;
    ret->in_flight_requests = sum.in_flight_requests;
    ret->idle_ns = sum.in_flight_requests > 0 || !sum.answered ? 0 : sum.idle_ns;
}

/* ---- samples ---- */

struct filer {
    struct group *group;
    struct sample common;
    bool full;
};

static void put(struct filer *f, enum signal_id signal, enum signal_state state, double value,
                double weight)
{
    struct sample *sample = samples_room(f->group, 1);
    if (sample == NULL) {
        f->full = true;
        return;
    }
    *sample = f->common;
    sample->signal = (uint16_t)signal;
    sample->state = (uint8_t)state;
    sample->value = state == SIGNAL_VALUE ? value : 0;
    sample->weight = state == SIGNAL_VALUE ? weight : 0;
    f->group->sample_count++;
}

static const enum signal_id level_signals[] = {
    SIGNAL_TOKENS_IN_QUEUE,  SIGNAL_QUEUE_DEPTH,         SIGNAL_CONCURRENCY,
    SIGNAL_TOKENS_IN_FLIGHT, SIGNAL_CONCURRENT_SESSIONS, SIGNAL_OLDEST_WAIT,
};
static const struct {
    enum signal_id signal;
    enum amount amount;
    enum amount excess; /* is no demand; AMOUNT_COUNT = none */
} rate_signals[] = {
    {SIGNAL_REQUESTS_PER_SECOND, AMOUNT_ARRIVED, AMOUNT_EXCESS_ARRIVED},
    {SIGNAL_TOKENS_PER_SECOND, AMOUNT_OUTPUT_TOKENS, AMOUNT_COUNT},
    {SIGNAL_PROMPT_TOKENS_PER_SECOND, AMOUNT_PROMPT_TOKENS, AMOUNT_EXCESS_PROMPT_TOKENS},
    {SIGNAL_TOOL_CALL_RATE, AMOUNT_TOOL_CALLS, AMOUNT_COUNT},
    {SIGNAL_BUSY_REPLICAS, AMOUNT_BUSY_S, AMOUNT_COUNT},
    {SIGNAL_ITERATIONS_PER_SECOND, AMOUNT_ITERATIONS, AMOUNT_COUNT},
    {SIGNAL_DECODED_TOKENS_PER_SECOND, AMOUNT_DECODED_TOKENS, AMOUNT_COUNT},
    {SIGNAL_CONTEXT_TOKENS_PER_SECOND, AMOUNT_CONTEXT_TOKENS, AMOUNT_COUNT},
    {SIGNAL_COMPUTED_TOKENS_PER_SECOND, AMOUNT_COMPUTED_TOKENS, AMOUNT_COUNT},
};
static const enum signal_id latency_signals[LATENCY_COUNT] = {
    [LATENCY_TTFT] = SIGNAL_TTFT,
    [LATENCY_ITL] = SIGNAL_ITL,
    [LATENCY_E2E] = SIGNAL_E2E,
    [LATENCY_QUEUE] = SIGNAL_QUEUE_TIME,
};
static const enum signal_id ratio_signals[] = {SIGNAL_ANSWER_LENGTH, SIGNAL_CONTEXT_LENGTH,
                                               SIGNAL_ERROR_RATIO, SIGNAL_SLO_ATTAINMENT};

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* What waits and runs, without what callers have above their cap: first of what waits. Some of what
 * is there always counts, so that nothing waits at zero. */
static struct view demand_of(const struct view *sum)
{
    struct view demand = *sum;
    const int64_t requests = least(sum->excess_requests, sum->waiting_requests);
    const int64_t tokens = least(sum->excess_tokens, sum->waiting_tokens);
    demand.waiting_requests -= requests;
    demand.waiting_tokens -= tokens;
    demand.in_flight_requests -= least(sum->excess_requests - requests, sum->in_flight_requests);
    demand.in_flight_tokens -= least(sum->excess_tokens - tokens, sum->in_flight_tokens);
    return demand;
}

static void put_levels(struct filer *f, const struct view *sum)
{
    const double value[] = {
        (double)sum->waiting_tokens,
        (double)sum->waiting_requests,
        (double)sum->waiting_requests + (double)sum->in_flight_requests,
        (double)sum->in_flight_tokens,
        (double)sum->sessions,
        seconds_of(sum->oldest_wait_ns),
    };
    static_assert(COUNT_OF(value) == COUNT_OF(level_signals), "one value a signal");
    for (size_t i = 0; i < COUNT_OF(value); i++)
        put(f, level_signals[i], SIGNAL_VALUE, value[i], 1);
}

static void put_rates(struct filer *f, const struct traffic *traffic)
{
    const double *amount = traffic->amount;
    for (size_t i = 0; i < COUNT_OF(rate_signals); i++) {
        const enum amount excess = rate_signals[i].excess;
        const double less = excess == AMOUNT_COUNT ? 0 : amount[excess];
        put(f, rate_signals[i].signal, SIGNAL_VALUE, fmax(amount[rate_signals[i].amount] - less, 0),
            1);
    }
}

static void put_histogram(struct filer *f, enum signal_id signal, const struct histogram *h)
{
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        if (!(h->bucket[i] > 0)) /* nearly all, in the time of a tick */
            continue;
        const double below = i == 0 ? 0 : histogram_bound(i - 1);
        const double bound = histogram_bound(i);
        put(f, signal, SIGNAL_VALUE, isfinite(bound) ? (below + bound) / 2 : below, h->bucket[i]);
    }
}

/* Of each event of the past what is known: amounts count also where one gateway is silent. */
static void put_events(struct filer *f, const struct traffic *traffic)
{
    const double *amount = traffic->amount;
    const double completed = amount[AMOUNT_COMPLETED];
    const double ended = completed + amount[AMOUNT_FAILED];
    for (size_t i = 0; i < LATENCY_COUNT && traffic->latency != NULL; i++)
        if (traffic->latency->of[i].count > 0)
            put_histogram(f, latency_signals[i], &traffic->latency->of[i]);
    if (completed > 0)
        put(f, SIGNAL_ANSWER_LENGTH, SIGNAL_VALUE,
            fmax(amount[AMOUNT_COMPLETED_TOKENS] - amount[AMOUNT_COMPLETED_PROMPT_TOKENS], 0) /
                completed,
            completed);
    if (completed > 0)
        put(f, SIGNAL_CONTEXT_LENGTH, SIGNAL_VALUE, amount[AMOUNT_COMPLETED_TOKENS] / completed,
            completed);
    if (ended > 0) {
        put(f, SIGNAL_ERROR_RATIO, SIGNAL_VALUE, amount[AMOUNT_FAILED] / ended, ended);
        put(f, SIGNAL_SLO_ATTAINMENT, SIGNAL_VALUE, fmin(amount[AMOUNT_GOOD] / ended, 1), ended);
    }
}

/* Each at the time at which its request came, as far back as that was. */
static void put_late(const struct reconcile *r, struct filer *f, const struct traffic *traffic,
                     int64_t now_ns)
{
    const int64_t newest_ns = f->common.t_ns;
    for (size_t i = 0; i < traffic->late_count; i++) {
        const int64_t ago_ns = num_clamp(num_add_sat(r->now_ns, -traffic->late[i].t_ns), 0, DAY_NS);
        f->common.t_ns = num_clamp(num_add_sat(now_ns, -ago_ns), INT64_MIN, newest_ns);
        put(f, SIGNAL_MISSES_PER_SECOND, SIGNAL_VALUE, traffic->late[i].requests, 1);
    }
    f->common.t_ns = newest_ns;
}

static void put_state(struct filer *f, enum signal_state state, bool levels)
{
    for (size_t i = 0; i < COUNT_OF(level_signals) && levels; i++)
        put(f, level_signals[i], state, 0, 0);
    for (size_t i = 0; i < COUNT_OF(rate_signals) && levels; i++)
        put(f, rate_signals[i].signal, state, 0, 0);
    for (size_t i = 0; i < LATENCY_COUNT; i++)
        put(f, latency_signals[i], state, 0, 0);
    for (size_t i = 0; i < COUNT_OF(ratio_signals); i++)
        put(f, ratio_signals[i], state, 0, 0);
}

/* The amounts are told once; they stay readable until the next tick. */
static void traffic_told(struct pool *pool)
{
    struct latencies *old = pool->told.latency;
    struct late *late = pool->told.late;
    pool->told = pool->traffic;
    pool->traffic = (struct traffic){.latency = old, .late = late};
    for (size_t i = 0; i < LATENCY_COUNT && old != NULL; i++)
        if (old->of[i].count > 0)
            histogram_clear(&old->of[i]);
}

/* At one time a value would hide a failure: what is known of a silent moment stands just before. */
void gateways_file(struct reconcile *r, struct group *group, size_t in_group, int64_t now_ns)
{
    struct pool *pool = group->pool[in_group];
    if (!pool->spec->routed || r->gateways == 0)
        return;
    const bool silent = gateways_silent(r, pool);
    struct filer f = {.group = group, .common = {.pool = (uint16_t)in_group}};
    const struct view sum = sum_of(r, pool);
    const struct view demand = demand_of(&sum);
    f.common.t_ns = now_ns - 1;
    if (!silent && pool->saw_silence)
        put_state(&f, SIGNAL_ABSENT, false);
    f.common.t_ns = silent ? now_ns - 1 : now_ns;
    if (!silent)
        put_levels(&f, &demand);
    put_rates(&f, &pool->traffic);
    put_events(&f, &pool->traffic);
    put_late(r, &f, &pool->traffic, now_ns);
    f.common.t_ns = now_ns;
    if (silent)
        put_state(&f, SIGNAL_FAILED, true);
    pool->saw_silence = silent;
    if (f.full)
        note(r, pool, NULL, "samples-dropped", "no room for what the gateways told");
    traffic_told(pool);
}

static void fill_told(const struct traffic *told, struct gateway_snapshot *ret)
{
    const double *amount = told->amount;
    ret->span_ns = told->span_ns;
    ret->arrived_requests = amount[AMOUNT_ARRIVED];
    ret->completed_requests = amount[AMOUNT_COMPLETED];
    ret->failed_requests = amount[AMOUNT_FAILED];
    ret->refused_requests = amount[AMOUNT_REFUSED];
    ret->good_requests = amount[AMOUNT_GOOD];
    ret->prompt_tokens = amount[AMOUNT_PROMPT_TOKENS];
    ret->excess_arrived = amount[AMOUNT_EXCESS_ARRIVED];
    ret->excess_prompt_tokens = amount[AMOUNT_EXCESS_PROMPT_TOKENS];
    ret->completed_prompt_tokens = amount[AMOUNT_COMPLETED_PROMPT_TOKENS];
    ret->output_tokens = amount[AMOUNT_OUTPUT_TOKENS];
    ret->completed_tokens = amount[AMOUNT_COMPLETED_TOKENS];
    ret->tool_calls = amount[AMOUNT_TOOL_CALLS];
    ret->busy_s = amount[AMOUNT_BUSY_S];
    ret->iterations = amount[AMOUNT_ITERATIONS];
    ret->decoded_tokens = amount[AMOUNT_DECODED_TOKENS];
    ret->context_tokens = amount[AMOUNT_CONTEXT_TOKENS];
    ret->computed_tokens = amount[AMOUNT_COMPUTED_TOKENS];
    ret->latency = told->latency;
}

void gateways_snapshot(const struct reconcile *r, const struct pool *pool,
                       struct gateway_snapshot *ret)
{
    const struct view sum = sum_of(r, pool);
    memset(ret, 0, offsetof(struct gateway_snapshot, replica));
    ret->pool = (uint16_t)pool->index;
    ret->generation = r->routes.generation;
    ret->t_ns = sum.t_ns;
    ret->waiting_requests = sum.waiting_requests;
    ret->waiting_tokens = sum.waiting_tokens;
    ret->in_flight_requests = sum.in_flight_requests;
    ret->in_flight_tokens = sum.in_flight_tokens;
    ret->excess_requests = sum.excess_requests;
    ret->excess_tokens = sum.excess_tokens;
    ret->oldest_wait_ns = sum.oldest_wait_ns;
    ret->idle_ns = sum.answered ? sum.idle_ns : 0;
    ret->sessions = sum.sessions;
    fill_told(&pool->told, ret);
    for (size_t i = 0; i < pool->replica_count && i < REPLICAS_PER_POOL_MAX; i++)
        ret->replica[ret->replica_count++] =
            (struct replica_load){.id = pool->replica[i]->row.id,
                                  .in_flight_requests = pool->replica[i]->row.in_flight_requests,
                                  .in_flight_tokens = pool->replica[i]->row.in_flight_tokens};
}
