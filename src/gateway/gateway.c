/* gateway.c - life of a gateway, and what control tells it. */
#include "gateway/gateway.h"

#include <assert.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/gateway_internal.h"
#include "io/clock.h"

#define RUSH_REQUESTS 512
#define QUIET_NS SECOND_NS

#define WORDS_BYTES_MAX 4096U     /* scratch: one error for people */
#define TEXT_BYTES_MAX (8U << 20) /* scratch: lists of all models, edited heads */

static const char *const phase_names[] = {
    [PHASE_RECEIVING] = "receiving",
    [PHASE_HELD] = "held",
    [PHASE_WAITING] = "waiting",
    [PHASE_ANSWERING] = "answering",
};

const char *request_phase_name(enum request_phase phase)
{
    return phase_names[phase];
}

void gateway_defaults(struct gateway_config *config)
{
    *config = (struct gateway_config){
        .hold_after_ns = SECOND_NS,
        .hold_every_ns = 5 * SECOND_NS,
        .interim_every_ns = 15 * SECOND_NS,
    };
    http_server_defaults(&config->server);
}

static void on_request(void *user, struct http_request *request)
{
    exchange_begin(user, request);
}

static void tell_idle(struct gateway *g)
{
    gateway_idle_told_fn *idle = g->idle;
    g->idle = NULL;
    if (idle)
        idle(g->idle_user);
}

static void idle_run(struct task *task)
{
    struct gateway *g =
        (struct gateway *)(void *)((char *)task - offsetof(struct gateway, idle_task));
    if (!g->oldest)
        tell_idle(g);
}

void gateway_left(struct gateway *g)
{
    if (g->idle && !g->oldest)
        loop_defer(g->loop, &g->idle_task);
}

/* What thousands of streams needed would stay with the heap for good. */
static void on_quiet(void *user)
{
    struct gateway *g = user;
    g->most_open = g->stats.open_requests;
    (void)malloc_trim(0); /* there may be nothing to give */
}

void gateway_rush_over(struct gateway *g)
{
    if (g->most_open >= RUSH_REQUESTS && g->stats.open_requests <= g->most_open / 8 &&
        g->quiet.deadline_ns == TIME_NONE)
        timer_after(&g->quiet, QUIET_NS);
}

void gateway_stop_accepting(struct gateway *g, gateway_idle_told_fn *idle, void *user)
{
    tell_idle(g); /* of an earlier call */
    g->idle = idle;
    g->idle_user = user;
    http_server_stop_accepting(g->server);
    gateway_left(g);
}

enum rc gateway_new(struct loop *loop, const struct gateway_config *config, gateway_up_fn *up,
                    void *user, struct gateway **ret, struct diag *diag)
{
    struct gateway *g = mem_new(1, sizeof(*g));
    if (!g)
        return fail(diag, RC_NO_MEMORY, "no memory for a gateway");
    g->loop = loop;
    g->config = *config;
    g->up = up;
    g->user = user;
    g->idle_task.run = idle_run;
    g->started_wall_s = clock_wall_ns() / SECOND_NS;
    rng_init(&g->rng, config->seed);
    limits_init(&g->limits);
    buf_init(&g->lines, 4 * HTTP_HEAD_BYTES_MAX);
    buf_init(&g->text, TEXT_BYTES_MAX);
    buf_init(&g->words, WORDS_BYTES_MAX);
    const struct routes nothing = {0};
    g->router = router_new(&nothing);
    enum rc rc = g->router ? RC_OK : fail(diag, RC_NO_MEMORY, "no memory for a gateway");
    struct http_server_config server = config->server;
    server.accept_later = true; /* before the first routes every model would be unknown */
    if (rc == RC_OK)
        rc = timer_init(&g->quiet, loop, on_quiet, g);
    if (rc == RC_OK)
        rc = http_server_new(loop, &server, on_request, g, &g->server, diag);
    if (rc != RC_OK) {
        gateway_free(g);
        return rc;
    }
    *ret = g;
    return RC_OK;
}

void gateway_free(struct gateway *g)
{
    if (!g)
        return;
    http_server_free(g->server); /* tells every open request that its client is gone */
    while (g->first_pool) {
        struct gateway_pool *pool = g->first_pool;
        g->first_pool = pool->next;
        pool_free(pool);
    }
    assert(!g->oldest);
    timer_done(&g->quiet);
    loop_settle(g->loop); /* its task may wait there */
    tell_idle(g);
    while (g->kept) {
        struct exchange *x = g->kept;
        g->kept = x->next;
        buf_done(&x->body);
        free(x);
    }
    free(g->pool);
    free(g->early);
    router_free(g->router);
    keys_unref(g->keys);
    limits_done(&g->limits);
    origins_done(&g->origins);
    buf_done(&g->lines);
    buf_done(&g->text);
    buf_done(&g->words);
    free(g);
}

enum rc gateway_configure(struct gateway *g, const struct config *config)
{
    struct key_table *keys = NULL;
    enum rc rc = keys_new(config, &keys);
    for (size_t i = 0; rc == RC_OK && i < config->pool_count; i++)
        if (!pool_get(g, config->pool[i]->core.name))
            rc = RC_NO_MEMORY;
    if (rc != RC_OK) {
        keys_unref(keys);
        return rc;
    }
    keys_unref(g->keys);
    g->keys = keys;
    memcpy(g->cors_origins, config->listen.cors_origins, sizeof(g->cors_origins));
    for (struct gateway_pool *pool = g->first_pool; pool; pool = pool->next)
        pool_configure(pool, config_pool(config, span_from(pool->name)), keys);
    return RC_OK;
}

/* Pools that neither routes nor requests nor the configuration name any more. */
static void drop_pools(struct gateway *g)
{
    struct gateway_pool **at = &g->first_pool;
    while (*at) {
        struct gateway_pool *pool = *at;
        if (pool->index != POOL_UNROUTED || pool->exchanges > 0 || pool->configured) {
            at = &pool->next;
            continue;
        }
        *at = pool->next;
        pool_free(pool);
    }
}

/* Limits may come before the routes they count by: they wait for them. */
static enum rc take_limits(struct gateway *g, const struct message *message)
{
    if (message->generation < g->generation)
        return RC_OK;
    if (message->generation == g->generation) {
        if (message->pool < g->pool_count)
            pool_set_limits(g->pool[message->pool], &message->limits);
        return RC_OK;
    }
    if (mem_grow((void **)&g->early, &g->early_cap, g->early_count + 1, sizeof(*g->early),
                 (size_t)2 * ROUTED_POOLS_MAX) != RC_OK)
        return RC_NO_MEMORY;
    g->early[g->early_count++] = *message;
    return RC_OK;
}

static void take_early_limits(struct gateway *g)
{
    size_t n = 0;
    for (size_t i = 0; i < g->early_count; i++) {
        const struct message *message = &g->early[i];
        if (message->generation > g->generation)
            g->early[n++] = *message;
        else if (message->generation == g->generation && message->pool < g->pool_count)
            pool_set_limits(g->pool[message->pool], &message->limits);
    }
    g->early_count = n;
}

static enum rc take_routes(struct gateway *g, const struct routes *routes)
{
    if (routes->generation <= g->generation)
        return RC_OK;
    struct router *router = router_new(routes);
    const size_t room = routes->pool_count > 0 ? routes->pool_count : 1;
    struct gateway_pool **pools = mem_new(room, sizeof(struct gateway_pool *));
    enum rc rc = router && pools ? RC_OK : RC_NO_MEMORY;
    for (size_t i = 0; rc == RC_OK && i < routes->pool_count; i++) {
        pools[i] = pool_get(g, routes->pool[i].name);
        rc = pools[i] ? RC_OK : RC_NO_MEMORY;
    }
    if (rc != RC_OK) {
        router_free(router);
        free(pools);
        return rc;
    }
    router_free(g->router);
    free(g->pool);
    g->router = router;
    g->pool = pools;
    g->pool_count = routes->pool_count;
    if (g->generation == 0)
        http_server_accept(g->server);
    g->generation = routes->generation;
    for (struct gateway_pool *pool = g->first_pool; pool; pool = pool->next)
        pool->mark = false;
    for (size_t i = 0; i < g->pool_count; i++) {
        const enum rc one = pool_set_routes(pools[i], &routes->pool[i], (uint16_t)i);
        rc = one != RC_OK ? one : rc;
        pools[i]->mark = true;
    }
    for (struct gateway_pool *pool = g->first_pool; pool; pool = pool->next)
        if (!pool->mark)
            pool_unroute(pool);
    drop_pools(g);
    take_early_limits(g);
    if (rc != RC_OK)
        g->generation--; /* told again it is taken again */
    return rc;
}

static void take_drain(struct gateway *g, const struct message *message)
{
    const bool draining = message->kind == MESSAGE_DRAIN;
    for (struct gateway_pool *pool = g->first_pool; pool; pool = pool->next)
        if (pool_drain(pool, message->replica, draining, message->generation))
            return;
    if (!draining)
        return;
    const struct message drained = {
        .kind = MESSAGE_DRAINED, .replica = message->replica, .generation = message->generation};
    g->up(g->user, &drained); /* nobody here knows it: nothing of it is in flight */
}

static void take_ask(struct gateway *g, uint16_t index)
{
    for (size_t i = 0; i < g->pool_count; i++)
        if (index == MESSAGE_POOLS || index == i)
            pool_tell_snapshot(g->pool[i], MESSAGE_SNAPSHOT);
}

enum rc gateway_tell(struct gateway *g, const struct message *message)
{
    switch (message->kind) {
    case MESSAGE_ROUTES:
        return message->routes ? take_routes(g, message->routes) : RC_INVALID;
    case MESSAGE_DRAIN:
    case MESSAGE_UNDRAIN:
        take_drain(g, message);
        return RC_OK;
    case MESSAGE_LIMITS:
        return take_limits(g, message);
    case MESSAGE_ASK:
        take_ask(g, message->pool);
        return RC_OK;
    case MESSAGE_SNAPSHOT:
    case MESSAGE_WAKE:
    case MESSAGE_DRAINED:
    case MESSAGE_SUSPECT:
        break;
    }
    return RC_INVALID;
}

bool gateway_idle(const struct gateway *g)
{
    return g->oldest == NULL;
}

uint16_t gateway_port(const struct gateway *g)
{
    return http_server_port(g->server);
}

void gateway_read_stats(const struct gateway *g, struct gateway_stats *ret)
{
    *ret = g->stats;
    ret->server = *http_server_stats(g->server);
    ret->generation = g->generation;
    ret->descriptors_ratio = fd_budget_ratio(loop_fd_budget(g->loop));
    ret->upstream_connections = 0;
    for (const struct gateway_pool *pool = g->first_pool; pool; pool = pool->next)
        ret->upstream_connections += http_client_connections(pool->client);
}

size_t gateway_requests(const struct gateway *g, struct gateway_request *ret, size_t max)
{
    size_t n = 0;
    const int64_t now_ns = clock_monotonic_ns();
    for (const struct exchange *x = g->oldest; x && n < max; x = x->next) {
        struct gateway_request *row = &ret[n++];
        *row = (struct gateway_request){.id = x->id,
                                        .replica = x->replica,
                                        .phase = x->phase,
                                        .age_ns = now_ns - x->started_ns};
        memcpy(row->model, x->model, sizeof(row->model));
        if (x->pool)
            memcpy(row->pool, x->pool->name, sizeof(row->pool));
        if (x->key)
            memcpy(row->key, x->key->name, sizeof(row->key));
        if (x->phase == PHASE_HELD && x->pool)
            row->position = dispatch_place(x->pool->dispatch, x->handle, now_ns).position;
        if (x->phase == PHASE_ANSWERING)
            row->output_tokens = x->sse.output_tokens;
    }
    return n;
}

bool gateway_cancel(struct gateway *g, uint64_t id)
{
    for (struct exchange *x = g->oldest; x; x = x->next)
        if (x->id == id) {
            exchange_release(x, clock_monotonic_ns());
            exchange_fail_text(x, TROUBLE_REPLICA_TIMEOUT, "the request was ended by an operator");
            return true;
        }
    return false;
}
