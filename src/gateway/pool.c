/* pool.c - one pool: its dispatcher, its replicas' addresses, and what is told up about it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/gateway_internal.h"
#include "io/clock.h"
#include "sim/installation.h"

#define POOL_SEED UINT64_C(0x9001)

static const char *const cause_words[] = {
    [OUTCOME_OK] = "well",
    [OUTCOME_REFUSED] = "connections are refused",
    [OUTCOME_RESET] = "connections are lost before the answer is whole",
    [OUTCOME_TIMEOUT] = "answers do not come in time",
    [OUTCOME_ENGINE_ERROR] = "the engine answers with errors",
    [OUTCOME_ENGINE_BUSY] = "the engine is full",
};

static void up_suspect(struct gateway_pool *pool, const struct dispatch_event *event)
{
    struct gateway *g = pool->gateway;
    struct message message = {.kind = MESSAGE_SUSPECT,
                              .pool = pool->index,
                              .replica = event->replica,
                              .generation = g->generation};
    (void)span_copy(span_from(cause_words[event->cause]), message.text, sizeof(message.text));
    log_event(g->config.log, LOG_REPLICA_SUSPECT, LOG_TEXT("pool", pool->name),
              LOG_INT("replica", event->replica), LOG_TEXT("cause", message.text));
    g->up(g->user, &message);
}

void pool_tell_drained(struct gateway_pool *pool, uint64_t replica)
{
    struct gateway *g = pool->gateway;
    struct message message = {.kind = MESSAGE_DRAINED,
                              .pool = pool->index,
                              .replica = replica,
                              .generation = g->generation};
    for (size_t i = 0; i < pool->drain_count; i++)
        if (pool->drain[i].replica == replica) {
            message.generation = pool->drain[i].generation;
            pool->drain[i] = pool->drain[--pool->drain_count];
            break;
        }
    g->up(g->user, &message);
}

void pool_tell_snapshot(struct gateway_pool *pool, enum message_kind kind)
{
    struct gateway *g = pool->gateway;
    if (pool->index == POOL_UNROUTED)
        return;
    dispatch_snapshot(pool->dispatch, clock_monotonic_ns(), &g->snapshot);
    const struct message message = {
        .kind = kind, .pool = pool->index, .generation = g->generation, .snapshot = &g->snapshot};
    g->up(g->user, &message);
}

static void on_event(struct gateway_pool *pool, const struct dispatch_event *event, int64_t now_ns)
{
    /* NOLINTNEXTLINE(performance-no-int-to-ptr): the dispatcher knows its requests by number. */
    struct exchange *x = (struct exchange *)(uintptr_t)event->cookie;
    switch (event->kind) {
    case DISPATCH_ASSIGNED:
        exchange_assigned(x, event->replica, now_ns);
        break;
    case DISPATCH_REFUSED:
        exchange_refused(x, event->refusal, event->retry_after_ns, now_ns);
        break;
    case DISPATCH_WAKE:
        pool_tell_snapshot(pool, MESSAGE_WAKE);
        break;
    case DISPATCH_JUMP:
        pool_tell_snapshot(pool, MESSAGE_SNAPSHOT);
        break;
    case DISPATCH_SUSPECT:
        up_suspect(pool, event);
        break;
    case DISPATCH_DRAINED:
        pool_tell_drained(pool, event->replica);
        break;
    }
}

static void pool_run(struct task *task)
{
    struct gateway_pool *pool = (struct gateway_pool *)task; /* the first member */
    const int64_t now_ns = clock_monotonic_ns();
    struct dispatch_event event;
    while (dispatch_next(pool->dispatch, now_ns, &event))
        on_event(pool, &event, now_ns);
    const int64_t at_ns = dispatch_deadline(pool->dispatch);
    if (at_ns == TIME_NONE)
        timer_stop(&pool->deadline);
    else
        timer_at(&pool->deadline, at_ns);
}

void pool_changed(struct gateway_pool *pool)
{
    loop_defer(pool->gateway->loop, &pool->task);
}

static void on_deadline(void *user)
{
    struct gateway_pool *pool = user;
    pool_run(&pool->task);
}

static void configure_client(struct gateway_pool *pool)
{
    struct http_client_config config;
    http_client_defaults(&config);
    config.connect_timeout_ns = pool->timeouts.connect_ns;
    config.first_byte_timeout_ns = pool->timeouts.first_token_ns;
    config.gap_timeout_ns = pool->timeouts.between_tokens_ns;
    http_client_configure(pool->client, &config);
}

/* Without a configuration (a pool that only routes name): what the option tables say by default. */
static void set_defaults(struct gateway_pool *pool)
{
    pool->timeouts = (struct timeout_spec){.connect_ns = 2 * SECOND_NS,
                                           .first_token_ns = 10 * MINUTE_NS,
                                           .between_tokens_ns = 2 * MINUTE_NS};
    pool->spec = (struct gateway_spec){
        .hold = HOLD_COMMENT, .body_bytes_max = HTTP_BODY_BYTES_MAX, .list = true};
    pool->restricted = false;
    dispatch_config_default(&pool->dispatch_config);
    pool->dispatch_config.gateway = pool->gateway->config.index;
    pool->dispatch_config.pool = pool->index;
    pool->dispatch_config.seed = pool->gateway->config.seed;
}

static void read_allowed(struct gateway_pool *pool, const struct pool_config *config,
                         const struct key_table *keys)
{
    memset(pool->allowed, 0, sizeof(pool->allowed));
    pool->restricted = keys && config->keys.count > 0;
    for (size_t i = 0; pool->restricted && i < config->keys.count; i++) {
        const struct key *key = keys_named(keys, span_from(config->keys.item[i]));
        if (key)
            pool->allowed[key->index / 64] |= UINT64_C(1) << (key->index % 64);
    }
}

void pool_configure(struct gateway_pool *pool, const struct pool_config *config,
                    const struct key_table *keys)
{
    set_defaults(pool);
    pool->configured = config != NULL;
    if (config) {
        pool->timeouts = config->timeouts;
        pool->spec = config->gateway;
        installation_dispatch(config, &pool->dispatch_config);
        read_allowed(pool, config, keys);
    }
    dispatch_configure(pool->dispatch, &pool->dispatch_config);
    configure_client(pool);
    pool_changed(pool);
}

void pool_set_limits(struct gateway_pool *pool, const struct pool_limits *limits)
{
    struct dispatch_config *config = &pool->dispatch_config;
    config->replica_concurrency = limits->concurrency;
    config->queue_requests_max = limits->queue_requests;
    config->queue_tokens_max = limits->queue_tokens;
    if (limits->queue_timeout_ns > 0)
        config->queue_timeout_ns = limits->queue_timeout_ns;
    dispatch_configure(pool->dispatch, config);
    pool_changed(pool);
}

struct gateway_pool *pool_find(const struct gateway *g, struct span name)
{
    for (struct gateway_pool *pool = g->first_pool; pool; pool = pool->next)
        if (span_equal_text(name, pool->name))
            return pool;
    return NULL;
}

struct gateway_pool *pool_get(struct gateway *g, const char *name)
{
    struct gateway_pool *pool = pool_find(g, span_from(name));
    if (pool)
        return pool;
    pool = mem_new(1, sizeof(*pool));
    if (!pool)
        return NULL;
    pool->gateway = g;
    pool->index = POOL_UNROUTED;
    pool->task.run = pool_run;
    (void)span_copy(span_from(name), pool->name, sizeof(pool->name)); /* names have that size */
    set_defaults(pool);
    struct http_client_config config;
    http_client_defaults(&config);
    pool->client = http_client_new(g->loop, &config);
    pool->dispatch_config.begun_ns = clock_monotonic_ns();
    pool->dispatch = dispatch_new(&pool->dispatch_config);
    if (!pool->client || !pool->dispatch ||
        timer_init(&pool->deadline, g->loop, on_deadline, pool) != RC_OK) {
        pool_free(pool);
        return NULL;
    }
    dispatch_share_limits(pool->dispatch, &g->limits);
    configure_client(pool);
    pool->next = g->first_pool;
    g->first_pool = pool;
    return pool;
}

static void free_replicas(struct gateway_replica *replicas, size_t count)
{
    for (size_t i = 0; replicas && i < count; i++)
        http_origin_unref(replicas[i].origin);
    free(replicas);
}

void pool_free(struct gateway_pool *pool)
{
    loop_settle(pool->gateway->loop); /* its task may wait there */
    free_replicas(pool->replica, pool->route.replica_count);
    free(pool->route.replica);
    free(pool->drain);
    dispatch_free(pool->dispatch);
    http_client_free(pool->client);
    timer_done(&pool->deadline);
    free(pool);
}

const struct gateway_replica *pool_replica(const struct gateway_pool *pool, uint64_t id)
{
    for (size_t i = 0; i < pool->route.replica_count; i++)
        if (pool->replica[i].id == id)
            return &pool->replica[i];
    return NULL;
}

static bool make_replica(struct gateway_pool *pool, const struct route_replica *from,
                         struct gateway_replica *to)
{
    to->id = from->id;
    to->origin = http_origin_get(pool->client, span_from(from->host), from->port);
    const bool v6 = strchr(from->host, ':') != NULL;
    (void)snprintf(to->authority, sizeof(to->authority), v6 ? "[%s]:%u" : "%s:%u", from->host,
                   (unsigned)from->port); /* the size fits the longest */
    return to->origin != NULL;
}

/* Asks to drain that the routes in force do not confirm any more are void. */
static void prune_drains(struct gateway_pool *pool)
{
    size_t n = 0;
    for (size_t i = 0; i < pool->drain_count; i++) {
        bool serves = false;
        for (size_t k = 0; k < pool->route.replica_count; k++)
            serves |= pool->route.replica[k].id == pool->drain[i].replica &&
                      !pool->route.replica[k].draining;
        if (!serves)
            pool->drain[n++] = pool->drain[i];
    }
    pool->drain_count = n;
}

enum rc pool_set_routes(struct gateway_pool *pool, const struct route_pool *route, uint16_t index)
{
    const size_t count = route->replica_count;
    struct route_replica *copy = mem_new(count > 0 ? count : 1, sizeof(*copy));
    struct gateway_replica *replicas = mem_new(count > 0 ? count : 1, sizeof(*replicas));
    bool fine = copy && replicas;
    for (size_t i = 0; fine && i < count; i++) {
        copy[i] = route->replica[i];
        fine = make_replica(pool, &route->replica[i], &replicas[i]);
    }
    pool->dispatch_config.pool = pool->index = index;
    dispatch_configure(pool->dispatch, &pool->dispatch_config);
    if (!fine || dispatch_routes(pool->dispatch, route, pool->gateway->generation,
                                 clock_monotonic_ns()) != RC_OK) {
        free_replicas(replicas, count);
        free(copy);
        return RC_NO_MEMORY;
    }
    free_replicas(pool->replica, pool->route.replica_count);
    free(pool->route.replica);
    pool->route = *route;
    pool->route.replica = copy;
    pool->replica = replicas;
    prune_drains(pool);
    pool_changed(pool);
    return RC_OK;
}

void pool_unroute(struct gateway_pool *pool)
{
    if (pool->index == POOL_UNROUTED)
        return;
    const struct route_pool nothing = {
        .eta_ns = -1, .start_failed = true, .reason = "the pool was taken out of service"};
    if (pool_set_routes(pool, &nothing, POOL_UNROUTED) != RC_OK)
        pool->index = POOL_UNROUTED; /* its replicas get nothing new: no name leads here */
}

/* For lack of memory the answer will only name the routes in force. */
static void note_drain(struct gateway_pool *pool, uint64_t id, uint64_t generation)
{
    size_t at = 0;
    while (at < pool->drain_count && pool->drain[at].replica != id)
        at++;
    if (at == pool->drain_count) {
        if (mem_grow((void **)&pool->drain, &pool->drain_cap, at + 1, sizeof(*pool->drain),
                     (size_t)2 * REPLICAS_PER_POOL_MAX) != RC_OK)
            return;
        pool->drain_count++;
    }
    pool->drain[at] = (struct drain_ask){.replica = id, .generation = generation};
}

bool pool_drain(struct gateway_pool *pool, uint64_t id, bool draining, uint64_t generation)
{
    size_t at = 0;
    while (at < pool->route.replica_count && pool->route.replica[at].id != id)
        at++;
    const bool routed = at < pool->route.replica_count;
    if (!routed && dispatch_drained(pool->dispatch, id))
        return false;
    if (draining)
        note_drain(pool, id, generation);
    const bool told_before = dispatch_drained(pool->dispatch, id);
    if (routed && pool->route.replica[at].draining != draining) {
        pool->route.replica[at].draining = draining;
        /* Fails only for lack of memory, and it needs none: the replicas are the same. */
        if (dispatch_routes(pool->dispatch, &pool->route, pool->gateway->generation,
                            clock_monotonic_ns()) == RC_OK)
            prune_drains(pool);
        if (draining)
            http_origin_forget_idle(pool->replica[at].origin);
    }
    if (draining && told_before)
        pool_tell_drained(pool, id);
    pool_changed(pool);
    return true;
}
