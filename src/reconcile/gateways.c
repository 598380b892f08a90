/* gateways.c - questions to gateways and their answers: the newest words of each side by side, and
 * amounts added up until a tick takes them. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "reconcile/parts.h"

/* ---- questions ---- */

static void ask_all(struct reconcile *r, uint16_t pool)
{
    const struct message message = {.kind = MESSAGE_ASK,
                                    .pool = pool,
                                    .generation = r->routes.generation + (r->routes_stale ? 1 : 0)};
    action_tell(r, &message);
}

static struct view *view_at(const struct pool *pool, unsigned gateway)
{
    return gateway < pool->view_count ? &pool->view[gateway] : NULL;
}

static bool views_room(struct pool *pool, unsigned gateway)
{
    if (gateway < pool->view_count)
        return true;
    /* Just as many: most installations have one, and thousands of pools. */
    struct view *view = realloc(pool->view, (gateway + 1) * sizeof(*view));
    if (view == NULL)
        return false;
    pool->view = view;
    while (pool->view_count <= gateway)
        memset(&pool->view[pool->view_count++], 0, sizeof(struct view));
    return true;
}

static void ask_pool(struct reconcile *r, struct pool *pool)
{
    for (uint64_t left = r->gateways; left != 0;) {
        const unsigned g = gateway_take_first(&left);
        if (!views_room(pool, g))
            continue; /* never answered: unknown */
        pool->view[g].asked = true;
        pool->view[g].round = r->round;
        r->outstanding++;
    }
}

void gateways_ask(struct reconcile *r)
{
    size_t routed = 0;
    size_t asked = 0;
    r->round++;
    r->outstanding = 0;
    if (r->gateways == 0)
        return;
    for (size_t i = 0; i < r->pool_count; i++) {
        routed += r->pool[i]->spec->routed ? 1 : 0;
        if (!r->pool[i]->spec->routed || !r->group[r->pool[i]->group].asked)
            continue;
        ask_pool(r, r->pool[i]);
        asked++;
    }
    if (asked == routed && asked > 1) {
        ask_all(r, MESSAGE_POOLS);
        return;
    }
    for (size_t i = 0; i < r->pool_count && asked > 0; i++)
        if (r->pool[i]->spec->routed && r->group[r->pool[i]->group].asked)
            ask_all(r, (uint16_t)i);
}

void gateways_give_up(struct reconcile *r)
{
    uint64_t silent = 0;
    for (size_t i = 0; i < r->pool_count && r->outstanding > 0; i++)
        for (size_t g = 0; g < r->pool[i]->view_count; g++) {
            struct view *view = &r->pool[i]->view[g];
            if (!view->asked || view->round != r->round || (r->gateways >> g & 1) == 0)
                continue;
            silent |= UINT64_C(1) << g;
            view->silent = true;
        }
    for (uint64_t left = silent & ~r->silent_gateways; left != 0;)
        note(r, NULL, NULL, "gateway-silent", "gateway %u did not answer in time",
             gateway_take_first(&left));
    r->silent_gateways |= silent;
    r->outstanding = 0;
}

/* ---- answers ---- */

static struct latencies *latencies_of(struct traffic *traffic)
{
    if (traffic->latency == NULL)
        traffic->latency = mem_new(1, sizeof(*traffic->latency));
    return traffic->latency;
}

static struct late *lates_of(struct traffic *traffic)
{
    if (traffic->late == NULL)
        traffic->late = mem_new(LATE_SPANS_MAX, sizeof(*traffic->late));
    return traffic->late;
}

/* What finds no place is added to the last one: a miss must not get lost. */
static void add_late(struct traffic *traffic, const struct gateway_snapshot *s, int64_t now_ns)
{
    for (size_t i = 0; i < LATE_SPANS_MAX && s->late_requests[i] > 0; i++) {
        if (!(s->late_age_s[i] >= 0) || lates_of(traffic) == NULL)
            continue;
        if (traffic->late_count == LATE_SPANS_MAX) {
            traffic->late[LATE_SPANS_MAX - 1].requests += s->late_requests[i];
            continue;
        }
        traffic->late[traffic->late_count].t_ns = now_ns - ns_of_seconds(s->late_age_s[i]);
        traffic->late[traffic->late_count++].requests = s->late_requests[i];
    }
}

static void add_latencies(struct traffic *traffic, const struct latencies *told)
{
    for (size_t i = 0; i < LATENCY_COUNT; i++)
        if (told->of[i].count > 0 && latencies_of(traffic) != NULL)
            histogram_merge(&traffic->latency->of[i], &told->of[i]);
}

static void add_amounts(struct traffic *traffic, const struct gateway_snapshot *s)
{
    const double amount[AMOUNT_COUNT] = {
        [AMOUNT_ARRIVED] = s->arrived_requests,
        [AMOUNT_COMPLETED] = s->completed_requests,
        [AMOUNT_FAILED] = s->failed_requests,
        [AMOUNT_REFUSED] = s->refused_requests,
        [AMOUNT_GOOD] = s->good_requests,
        [AMOUNT_PROMPT_TOKENS] = s->prompt_tokens,
        [AMOUNT_EXCESS_ARRIVED] = s->excess_arrived,
        [AMOUNT_EXCESS_PROMPT_TOKENS] = s->excess_prompt_tokens,
        [AMOUNT_COMPLETED_PROMPT_TOKENS] = s->completed_prompt_tokens,
        [AMOUNT_OUTPUT_TOKENS] = s->output_tokens,
        [AMOUNT_COMPLETED_TOKENS] = s->completed_tokens,
        [AMOUNT_TOOL_CALLS] = s->tool_calls,
        [AMOUNT_BUSY_S] = s->busy_s,
        [AMOUNT_ITERATIONS] = s->iterations,
        [AMOUNT_DECODED_TOKENS] = s->decoded_tokens,
        [AMOUNT_CONTEXT_TOKENS] = s->context_tokens,
        [AMOUNT_COMPUTED_TOKENS] = s->computed_tokens,
    };
    for (size_t i = 0; i < AMOUNT_COUNT; i++)
        if (amount[i] > 0)
            traffic->amount[i] += amount[i];
    if (s->span_ns > traffic->span_ns)
        traffic->span_ns = s->span_ns;
    if (s->latency != NULL)
        add_latencies(traffic, s->latency);
}

static void take_loads(struct view *view, const struct gateway_snapshot *s)
{
    void *load = view->load;
    const size_t n =
        s->replica_count < REPLICAS_PER_POOL_MAX ? s->replica_count : REPLICAS_PER_POOL_MAX;
    if (n > 0 &&
        mem_grow(&load, &view->load_cap, n, sizeof(view->load[0]), REPLICAS_PER_POOL_MAX) != RC_OK)
        return; /* the loads known before stand */
    view->load = load;
    view->load_count = n;
    if (n > 0)
        memcpy(view->load, s->replica, n * sizeof(view->load[0]));
}

/* Busy or idle, by the newest word of every gateway. */
static void spread_loads(struct reconcile *r, struct pool *pool)
{
    for (size_t i = 0; i < pool->replica_count; i++) {
        pool->replica[i]->row.in_flight_requests = 0;
        pool->replica[i]->row.in_flight_tokens = 0;
    }
    for (size_t g = 0; g < pool->view_count; g++)
        for (size_t i = 0; (r->gateways >> g & 1) != 0 && i < pool->view[g].load_count; i++) {
            const struct replica_load *load = &pool->view[g].load[i];
            struct replica *replica = replica_find(r, load->id);
            if (replica == NULL || replica->row.pool != pool->index)
                continue;
            struct replica_row *row = &replica->row;
            row->in_flight_requests = num_add_sat(
                row->in_flight_requests, num_clamp(load->in_flight_requests, 0, INT64_MAX));
            row->in_flight_tokens =
                num_add_sat(row->in_flight_tokens, num_clamp(load->in_flight_tokens, 0, INT64_MAX));
        }
    for (size_t i = 0; i < pool->replica_count; i++)
        pool->replica[i]->row.busy = pool->replica[i]->row.in_flight_requests > 0;
}

static void take_levels(const struct reconcile *r, struct view *view,
                        const struct gateway_snapshot *s)
{
    view->t_ns = r->now_ns;
    view->waiting_requests = num_clamp(s->waiting_requests, 0, INT64_MAX / GATEWAYS_MAX);
    view->waiting_tokens = num_clamp(s->waiting_tokens, 0, INT64_MAX / GATEWAYS_MAX);
    view->in_flight_requests = num_clamp(s->in_flight_requests, 0, INT64_MAX / GATEWAYS_MAX);
    view->in_flight_tokens = num_clamp(s->in_flight_tokens, 0, INT64_MAX / GATEWAYS_MAX);
    view->excess_requests = num_clamp(s->excess_requests, 0, INT64_MAX / GATEWAYS_MAX);
    view->excess_tokens = num_clamp(s->excess_tokens, 0, INT64_MAX / GATEWAYS_MAX);
    view->oldest_wait_ns = num_clamp(s->oldest_wait_ns, 0, INT64_MAX);
    view->idle_ns = num_clamp(s->idle_ns, 0, INT64_MAX);
    view->sessions = num_clamp(s->sessions, 0, INT64_MAX / GATEWAYS_MAX);
}

static enum rc take_snapshot(struct reconcile *r, uint16_t gateway, const struct message *message,
                             struct diag *diag)
{
    const struct gateway_snapshot *s = message->snapshot;
    if (s == NULL)
        return fail(diag, RC_MISSING, "a snapshot message without a snapshot");
    struct pool *pool = routes_pool(r, s->generation, s->pool);
    if (pool == NULL || !pool->spec->routed)
        return fail(diag, RC_UNKNOWN, "no pool %u is routed in generation %llu", (unsigned)s->pool,
                    (unsigned long long)s->generation);
    if (!views_room(pool, gateway))
        return fail(diag, RC_NO_MEMORY, "no memory for a snapshot");
    struct view *view = &pool->view[gateway];
    const bool answers = view->asked;
    const uint64_t bit = UINT64_C(1) << gateway;
    if ((r->silent_gateways & bit) != 0)
        note(r, NULL, NULL, "gateway-answers", "gateway %u answers again", (unsigned)gateway);
    r->silent_gateways &= ~bit;
    if (answers && view->round == r->round && r->asking && r->outstanding > 0)
        r->outstanding--;
    view->asked = false;
    view->silent = false;
    view->answered = true;
    take_levels(r, view, s);
    take_loads(view, s);
    add_amounts(&pool->traffic, s);
    add_late(&pool->traffic, s, r->now_ns);
    add_amounts(&pool->total, s);
    spread_loads(r, pool);
    if (message->kind == MESSAGE_WAKE)
        tick_wake(r, pool);
    else if (!answers)
        tick_early(r, pool, TICK_QUEUE);
    else if (r->asking && r->outstanding == 0)
        schedule(r, r->now_ns);
    return RC_OK;
}

static enum rc take_suspect(struct reconcile *r, const struct message *message, struct diag *diag)
{
    struct replica *replica = replica_find(r, message->replica);
    if (replica == NULL)
        return fail(diag, RC_UNKNOWN, "a suspect replica is not known");
    if (replica->suspect_ns == TIME_NONE || r->now_ns - replica->suspect_ns > SUSPECT_WINDOW_NS) {
        replica->suspect_ns = r->now_ns;
        replica->suspects = 0;
    }
    replica->suspects++;
    if (replica->suspects == 1 || replica->suspects == SUSPECTS_MAX)
        note(r, pool_of(r, replica), replica, "replica-suspect", "complaint %d: %s",
             (int)replica->suspects, message->text);
    if (replica->unready && replica->suspects >= SUSPECTS_MAX &&
        !pool_of(r, replica)->spec->fixed) {
        replica->due_ns = r->now_ns;
        tick_early(r, pool_of(r, replica), TICK_REPLICA);
    }
    return RC_OK;
}

enum rc message_take(struct reconcile *r, const struct event *event, struct diag *diag)
{
    const struct message *message = event->message;
    if (message == NULL)
        return fail(diag, RC_MISSING, "a message event without a message");
    if (event->gateway >= GATEWAYS_MAX || (r->gateways >> event->gateway & 1) == 0)
        return fail(diag, RC_UNKNOWN, "gateway %u is not known", (unsigned)event->gateway);
    switch (message->kind) {
    case MESSAGE_SNAPSHOT:
    case MESSAGE_WAKE:
        return take_snapshot(r, event->gateway, message, diag);
    case MESSAGE_DRAINED:
        return drain_confirm(r, event->gateway, message->replica, message->generation, diag);
    case MESSAGE_SUSPECT:
        return take_suspect(r, message, diag);
    case MESSAGE_ROUTES:
    case MESSAGE_DRAIN:
    case MESSAGE_UNDRAIN:
    case MESSAGE_LIMITS:
    case MESSAGE_ASK:
        break;
    }
    return fail(diag, RC_INVALID, "gateways do not send messages of kind %d", (int)message->kind);
}

enum rc gateway_take(struct reconcile *r, uint16_t gateway, bool up, struct diag *diag)
{
    if (gateway >= GATEWAYS_MAX)
        return fail(diag, RC_RANGE, "gateway %u: numbers end at %d", (unsigned)gateway,
                    GATEWAYS_MAX - 1);
    const uint64_t bit = UINT64_C(1) << gateway;
    r->silent_gateways &= ~bit;
    for (size_t i = 0; i < r->pool_count; i++) {
        struct view *view = view_at(r->pool[i], gateway);
        if (view == NULL)
            continue;
        if (view->asked && view->round == r->round && r->asking && r->outstanding > 0)
            r->outstanding--;
        free(view->load);
        memset(view, 0, sizeof(*view));
        spread_loads(r, r->pool[i]);
    }
    if (up) {
        r->gateways |= bit;
        r->routes_stale = true;
        for (size_t i = 0; i < r->pool_count; i++)
            routes_tell_limits(r, r->pool[i]);
        drain_tell_again(r, gateway);
    } else {
        r->gateways &= ~bit;
    }
    schedule(r, r->now_ns); /* a drain may be over, a round complete */
    return RC_OK;
}

/* ---- who answers ---- */

bool gateways_answered(const struct reconcile *r, const struct pool *pool)
{
    uint64_t left = pool->spec->routed ? r->gateways : 0;
    while (left != 0) {
        const unsigned g = gateway_take_first(&left);
        if (g >= pool->view_count || !pool->view[g].answered)
            return false;
    }
    return true;
}

bool gateways_silent(const struct reconcile *r, const struct pool *pool)
{
    uint64_t left = pool->spec->routed ? r->gateways : 0;
    while (left != 0) {
        const unsigned g = gateway_take_first(&left);
        if (g >= pool->view_count || !pool->view[g].answered || pool->view[g].silent)
            return true;
    }
    return false;
}

void pool_views_done(struct pool *pool)
{
    for (size_t i = 0; i < pool->view_count; i++)
        free(pool->view[i].load);
    free(pool->view);
    free(pool->traffic.latency);
    free(pool->told.latency);
    free(pool->traffic.late);
    free(pool->told.late);
    free(pool->total.latency);
}
