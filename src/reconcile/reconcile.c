#include "reconcile/reconcile.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "reconcile/parts.h"

/* ---- time ---- */

/* The first word about the time starts the grace of R10. */
void time_seen(struct reconcile *r, int64_t now_ns, int64_t wall_ns)
{
    if (now_ns > r->now_ns)
        r->now_ns = now_ns;
    r->wall_ns = wall_ns;
    forgive_stall(r);
    if (r->born_ns != TIME_NONE)
        return;
    r->born_ns = r->now_ns;
    for (size_t i = 0; i < r->group_count; i++) {
        r->group[i].born_ns = r->now_ns;
        r->group[i].next_ns = r->now_ns;
    }
    r->routes_stale = true;
    schedule(r, r->now_ns);
}

/* ---- events ---- */

static enum rc find_pool(const struct reconcile *r, const struct event *event, struct pool **ret,
                         struct diag *diag)
{
    const int index = reconcile_pool_find(r, span_from(event->pool));
    if (index < 0)
        return fail(diag, RC_UNKNOWN, "no pool is named \"%s\"",
                    event->pool != NULL ? event->pool : "");
    *ret = r->pool[index];
    return RC_OK;
}

static enum rc take_scanned(struct reconcile *r, const struct event *event, struct diag *diag)
{
    struct pool *pool = NULL;
    schedule(r, r->now_ns);
    if (event->pool == NULL || event->pool[0] == '\0') {
        for (size_t i = 0; i < r->pool_count; i++)
            r->pool[i]->scanned = true;
        return RC_OK;
    }
    const enum rc rc = find_pool(r, event, &pool, diag);
    if (rc == RC_OK)
        pool->scanned = true;
    return rc;
}

static enum rc take_room(struct reconcile *r, struct pool *pool, const struct event *event,
                         struct diag *diag)
{
    (void)diag;
    const bool freed = event->gpus_free > r->gpus_free;
    const bool more =
        pool->room != NO_COUNT && (event->count == NO_COUNT || event->count > pool->room);
    pool->room = event->count < 0 ? NO_COUNT : event->count;
    r->gpus_free = event->gpus_free;
    for (size_t i = 0; (freed || more) && i < r->pool_count; i++)
        if (r->pool[i]->unmet > 0)
            tick_early(r, r->pool[i], TICK_REPLICA);
    return RC_OK;
}

static enum rc take_schedule(struct reconcile *r, struct pool *pool, const struct event *event,
                             struct diag *diag)
{
    (void)r;
    (void)diag;
    pool->schedule_now = event->count;
    pool->schedule_next = event->next_count;
    pool->schedule_next_ns = event->next_wall_ns;
    return RC_OK;
}

static enum rc take_fallback(struct reconcile *r, struct pool *pool, const struct event *event,
                             struct diag *diag)
{
    (void)diag;
    if (pool->source_fallback != event->count)
        tick_early(r, pool, TICK_CONFIG);
    pool->source_fallback = event->count;
    return RC_OK;
}

static enum rc take_money(struct reconcile *r, struct pool *pool, const struct event *event,
                          struct diag *diag)
{
    (void)r;
    (void)diag;
    pool->money_outside = event->up;
    pool->money_spent = event->up && event->money >= 0 ? event->money : NAN;
    return RC_OK;
}

static enum rc take_source(struct reconcile *r, const struct event *event, struct diag *diag)
{
    if (event->group >= r->group_count)
        return fail(diag, RC_UNKNOWN, "there is no group %zu", event->group);
    r->group[event->group].sourced = event->up;
    return RC_OK;
}

/* Whoever gets it anew adopts what the other one left (R10). */
static enum rc take_lease(struct reconcile *r, const struct event *event)
{
    const bool had = may_write(r);
    r->following = !event->up;
    r->lease_until_ns = event->up ? event->until_ns : TIME_NONE;
    if (had == may_write(r))
        return RC_OK;
    for (size_t i = 0; i < r->pool_count && !had; i++)
        r->pool[i]->ticked = false;
    note(r, NULL, NULL, had ? "lease-lost" : "lease-taken",
         had ? "another one leads: nothing is started or stopped by us" : "we lead");
    schedule(r, r->now_ns); /* drains that were over meanwhile */
    return RC_OK;
}

static enum rc take_shutdown(struct reconcile *r, const struct event *event)
{
    if (event->up) {
        close_down(r);
        schedule(r, r->now_ns);
    } else {
        r->left = true;
    }
    return RC_OK;
}

/* Events of one pool. */
typedef enum rc pool_event_fn(struct reconcile *r, struct pool *pool, const struct event *event,
                              struct diag *diag);
static pool_event_fn *const pool_events[] = {
    [EVENT_FALLBACK] = take_fallback, [EVENT_MONEY] = take_money,     [EVENT_ROOM] = take_room,
    [EVENT_SCHEDULE] = take_schedule, [EVENT_FOREIGN] = foreign_take, [EVENT_PIN] = pin_take,
    [EVENT_PAUSE] = pause_take,       [EVENT_SHUTDOWN] = NULL,
};

static enum rc take_event(struct reconcile *r, const struct event *event, struct diag *diag)
{
    struct pool *pool = NULL;
    switch (event->kind) {
    case EVENT_NEWS:
        return event->news != NULL ? news_take(r, event->news, diag)
                                   : fail(diag, RC_MISSING, "a news event without news");
    case EVENT_SCANNED:
        return take_scanned(r, event, diag);
    case EVENT_MESSAGE:
        return message_take(r, event, diag);
    case EVENT_GATEWAY:
        return gateway_take(r, event->gateway, event->up, diag);
    case EVENT_SAMPLES:
        return samples_take(r, event->group, event->samples, event->sample_count, diag);
    case EVENT_SOURCE:
        return take_source(r, event, diag);
    case EVENT_STOP_REPLICA:
        return stop_replica_take(r, event->replica, event->text, diag);
    case EVENT_NOTICE:
        return notice_take(r, event->replica, event->up, diag);
    case EVENT_LEASE:
        return take_lease(r, event);
    case EVENT_SHUTDOWN:
        return take_shutdown(r, event);
    case EVENT_ROOM:
    case EVENT_SCHEDULE:
    case EVENT_FALLBACK:
    case EVENT_MONEY:
    case EVENT_FOREIGN:
    case EVENT_PIN:
    case EVENT_PAUSE:
        break;
    }
    const enum rc rc = find_pool(r, event, &pool, diag);
    return rc == RC_OK ? pool_events[event->kind](r, pool, event, diag) : rc;
}

enum rc reconcile_event(struct reconcile *r, const struct event *event, int64_t now_ns,
                        int64_t wall_ns, struct diag *diag)
{
    time_seen(r, now_ns, wall_ns);
    return take_event(r, event, diag);
}

/* ---- actions ---- */

/* Gateways keep the routes they have until we know what exists. */
static bool may_publish(const struct reconcile *r)
{
    if (r->left || (r->routes_again_ns != TIME_NONE && r->now_ns < r->routes_again_ns))
        return false;
    if (r->routes.generation > 0 || r->now_ns - r->born_ns >= ADOPT_GRACE_NS)
        return true;
    for (size_t i = 0; i < r->pool_count; i++)
        if (!r->pool[i]->scanned)
            return false;
    return true;
}

static void tell(struct reconcile *r, struct action *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->kind = ACTION_TELL;
    ret->message = &r->message;
}

static bool next_told(struct reconcile *r, struct action *ret)
{
    if (!may_publish(r))
        return false;
    if (r->routes_stale) {
        if (!routes_build(r)) {
            r->routes_again_ns = num_add_sat(r->now_ns, TICK_EARLY_NS);
            schedule(r, r->routes_again_ns);
            return false;
        }
        r->message = (struct message){
            .kind = MESSAGE_ROUTES, .generation = r->routes.generation, .routes = &r->routes};
        tell(r, ret);
        return true;
    }
    if (!tell_queue_pop(&r->tell, &r->message))
        return false;
    tell(r, ret);
    return true;
}

static bool next_then(struct reconcile *r, struct action *ret)
{
    if (!action_queue_pop(&r->then, ret))
        return false;
    if (ret->kind == ACTION_RECORD) {
        struct group *group = &r->group[ret->record->group];
        group->record.before = before_open(r, group);
        r->taken = group;
    }
    return true;
}

/* What a record that was handed out had to itself. */
static void record_over(struct reconcile *r)
{
    if (r->taken == NULL)
        return;
    free(r->taken->filed);
    r->taken->filed = NULL;
    r->taken->filed_count = 0;
    r->taken = NULL;
}

bool reconcile_next(struct reconcile *r, int64_t now_ns, int64_t wall_ns, struct action *ret)
{
    time_seen(r, now_ns, wall_ns);
    record_over(r);
    do {
        if (action_queue_pop(&r->first, ret) || next_told(r, ret) || next_then(r, ret))
            return true;
        before_clear(r);
        actions_quiet(r);
    } while (tick_step(r));
    return false;
}

int64_t reconcile_deadline(const struct reconcile *r)
{
    if (r->first.count > 0 || r->then.count > 0 ||
        ((r->tell.count > 0 || r->routes_stale) && may_publish(r)))
        return r->now_ns;
    return r->left ? TIME_NONE : r->due_ns;
}

/* ---- states of an earlier run ---- */

enum rc reconcile_restore(struct reconcile *r, size_t group, const void *bytes, size_t size,
                          struct diag *diag)
{
    if (group >= r->group_count)
        return fail(diag, RC_UNKNOWN, "there is no group %zu", group);
    struct group *g = &r->group[group];
    if (g->begun)
        return fail(diag, RC_STATE, "group \"%s\" has ticked already", group_name(g->spec));
    const enum rc rc = group_state_check(g->spec, bytes, size, diag);
    if (rc != RC_OK)
        return rc;
    memcpy(g->state, bytes, size);
    g->restored = true;
    for (size_t i = 0; i < group_pool_count(g->spec); i++)
        g->pool[i]->desired = group_desired(g->spec, g->state, i);
    return RC_OK;
}

/* ---- reading ---- */

size_t reconcile_pool_count(const struct reconcile *r)
{
    return r->pool_count;
}

const char *reconcile_pool_name(const struct reconcile *r, size_t pool)
{
    return pool < r->pool_count ? r->pool[pool]->spec->name : NULL;
}

int reconcile_pool_find(const struct reconcile *r, struct span name)
{
    size_t low = 0;
    size_t high = r->pool_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = span_compare(span_from(r->by_name[middle].name), name);
        if (order == 0)
            return (int)r->by_name[middle].pool;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

static struct pool_totals totals_of(const struct traffic *total)
{
    const struct histogram *latency = total->latency != NULL ? total->latency->of : NULL;
    return (struct pool_totals){
        .arrived_requests = total->amount[AMOUNT_ARRIVED],
        .completed_requests = total->amount[AMOUNT_COMPLETED],
        .failed_requests = total->amount[AMOUNT_FAILED],
        .refused_requests = total->amount[AMOUNT_REFUSED],
        .good_requests = total->amount[AMOUNT_GOOD],
        .prompt_tokens = total->amount[AMOUNT_PROMPT_TOKENS],
        .output_tokens = total->amount[AMOUNT_OUTPUT_TOKENS],
        .tool_calls = total->amount[AMOUNT_TOOL_CALLS],
        .ttft_s = latency != NULL ? &latency[LATENCY_TTFT] : NULL,
        .itl_s = latency != NULL ? &latency[LATENCY_ITL] : NULL,
        .e2e_s = latency != NULL ? &latency[LATENCY_E2E] : NULL,
        .queue_s = latency != NULL ? &latency[LATENCY_QUEUE] : NULL,
    };
}

void reconcile_pool_status(const struct reconcile *r, size_t index, struct pool_status *ret)
{
    const struct pool *pool = r->pool[index];
    const struct group *group = &r->group[pool->group];
    *ret = (struct pool_status){
        .name = pool->spec->name,
        .group = pool->group,
        .pool_in_group = pool->in_group,
        .desired = group->decided ? group->decision[pool->in_group].desired : pool->desired,
        .granted = pool->desired,
        .pin_count = pool->pin_count,
        .pin_until_wall_ns = pool->pin_until_wall_ns,
        .pin_text = pool->pin_text,
        .paused = pool->paused,
        .pause_until_wall_ns = pool->pause_until_wall_ns,
        .pause_text = pool->pause_text,
        .contended = pool->contended_until_ns != TIME_NONE,
        .incomplete = !group->complete,
        .gateway_silent = pool->saw_silence,
        .start_failed = pool_start_failed(pool),
        .text = pool_text(pool),
        .start_p50_ns = startup_p50_ns(pool),
        .start_p90_ns = startup_p90_ns(pool),
        .tick_ns = group->last_ns,
        .tick_wall_ns = group->last_wall_ns,
        .replica_seconds = pool->replica_seconds +
                           (double)pool->held * seconds_of(r->now_ns - pool->held_since_ns),
        .decision = group->decided ? &group->decision[pool->in_group] : NULL,
        .observation = group->decided ? group->observation : NULL,
        .total = totals_of(&pool->total),
    };
    memcpy(ret->count, pool->count, sizeof(ret->count));
    for (size_t i = 0; i < pool->view_count && ret->snapshot == NULL; i++)
        if (pool->view[i].answered)
            ret->snapshot = r->snapshot;
    if (ret->snapshot != NULL)
        gateways_snapshot(r, pool, r->snapshot);
}

const struct group_state *reconcile_state_of(const struct reconcile *r, size_t group)
{
    return group < r->group_count && r->group[group].last_ns != TIME_NONE ? r->group[group].state
                                                                          : NULL;
}

const struct group_spec *reconcile_group_of(const struct reconcile *r, size_t group)
{
    return group < r->group_count ? r->group[group].spec : NULL;
}
