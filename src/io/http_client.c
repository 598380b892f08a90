/* http_client.c - origins and kept connections; see http_client.h. */
#include "io/http_client.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include "io/clock.h"
#include "io/http_client_internal.h"
#include "io/tls.h"

#define EARLY_BYTES_MAX (HTTP_BODY_BYTES_MAX + HTTP_HEAD_BYTES_MAX)

/* A running name lookup; outlives the call when that is cancelled. */
struct lookup {
    uv_getaddrinfo_t request;
    struct loop *loop;
    struct http_call *call; /* NULL: nobody waits any more */
};

void http_client_defaults(struct http_client_config *config)
{
    *config = (struct http_client_config){
        .connect_timeout_ns = 5 * SECOND_NS,
        .first_byte_timeout_ns = 10 * MINUTE_NS,
        .gap_timeout_ns = 0,
        .write_stall_ns = 30 * SECOND_NS,
        .keep_ns = 60 * SECOND_NS,
        .keep_max = 256,
        .high_water_bytes = STREAM_BUFFER_BYTES_MAX / 4,
    };
}

struct http_client *http_client_new(struct loop *loop, const struct http_client_config *config)
{
    struct http_client *client = mem_new(1, sizeof(*client));
    if (!client)
        return NULL;
    client->loop = loop;
    client->config = *config;
    return client;
}

void http_client_configure(struct http_client *client, const struct http_client_config *config)
{
    client->config = *config;
}

struct loop *http_client_loop(const struct http_client *client)
{
    return client->loop;
}

bool http_client_speaks_tls(const struct http_client *client)
{
    return client->config.tls != NULL;
}

int64_t http_client_connections(const struct http_client *client)
{
    return client->connections;
}

void call_list_add(struct http_call **list, struct http_call *call)
{
    call->prev = NULL;
    call->next = *list;
    if (*list)
        (*list)->prev = call;
    *list = call;
}

void call_list_remove(struct http_call **list, struct http_call *call)
{
    if (call->prev)
        call->prev->next = call->next;
    else
        *list = call->next;
    if (call->next)
        call->next->prev = call->prev;
}

/* Lets go of the connection; the object is freed at the end of the callback. */
void call_bury(struct http_call *call, bool reset)
{
    if (call->dead)
        return;
    struct http_origin *origin = call->origin;
    call->dead = true;
    call->ops = NULL;
    if (call->idle)
        origin->idle_count--;
    call_list_remove(call->idle ? &origin->idle : &origin->busy, call);
    if (call->lookup)
        call->lookup->call = NULL;
    if (call->conn && reset)
        conn_reset(call->conn);
    else if (call->conn)
        conn_close(call->conn);
    call->conn = NULL;
    timer_done(&call->timer);
    origin->client->connections--;
    loop_defer(origin->client->loop, &call->task);
    http_origin_unref(origin);
}

struct http_call *call_take_idle(struct http_origin *origin)
{
    struct http_call *call = origin->idle;
    if (!call)
        return NULL;
    call_list_remove(&origin->idle, call);
    origin->idle_count--;
    call->idle = false;
    call->reused = true;
    call_list_add(&origin->busy, call);
    return call;
}

void call_to_idle(struct http_call *call)
{
    struct http_origin *origin = call->origin;
    const struct http_client_config *config = &origin->client->config;
    if (origin->idle_count >= config->keep_max || conn_ended(call->conn)) {
        call_bury(call, false);
        return;
    }
    if (conn_paused(call->conn))
        conn_resume(call->conn);
    call_list_remove(&origin->busy, call);
    call->ops = NULL;
    call->idle = true;
    origin->idle_count++;
    call_list_add(&origin->idle, call);
    timer_after(&call->timer, config->keep_ns);
}

static bool call_open(struct http_call *call, const struct address *address)
{
    const struct http_client_config *config = &call->origin->client->config;
    const struct conn_limits limits = {.high_water_bytes = config->high_water_bytes,
                                       .low_water_bytes = config->high_water_bytes / 4,
                                       .write_stall_ns = config->write_stall_ns};
    call->conn = conn_connect(call->origin->client->loop, address, &limits, &call_conn_ops, call);
    if (!call->conn)
        return false;
    struct tls *tls = config->tls ? tls_new(config->tls, call->origin->host) : NULL;
    if (tls) {
        conn_secure(call->conn, tls);
    } else if (config->tls) {
        conn_close(call->conn);
        call->conn = NULL;
        return false;
    }
    if (call->early.len > 0)
        conn_write(call->conn, buf_view(&call->early));
    buf_done(&call->early);
    return true;
}

static void on_lookup(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    struct lookup *lookup = request->data;
    struct http_call *call = lookup->call;
    if (call) {
        call->lookup = NULL;
        struct address address = {.size = 0};
        if (status == 0 && found && found->ai_addrlen <= sizeof(address.u)) {
            memcpy(&address.u, found->ai_addr, found->ai_addrlen);
            address.size = found->ai_addrlen;
        }
        if (address.size == 0 || !call_open(call, &address))
            call_fail(call, HTTP_FAILED_CONNECT);
    }
    uv_freeaddrinfo(found);
    struct loop *loop = lookup->loop;
    free(lookup);
    loop_settle(loop);
}

static bool lookup_start(struct http_call *call)
{
    struct http_origin *origin = call->origin;
    struct lookup *lookup = mem_new(1, sizeof(*lookup));
    if (!lookup)
        return false;
    char port[8];
    (void)snprintf(port, sizeof(port), "%u", (unsigned)origin->port); /* always fits */
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    lookup->loop = origin->client->loop;
    lookup->call = call;
    lookup->request.data = lookup;
    if (uv_getaddrinfo(loop_uv(lookup->loop), &lookup->request, on_lookup, origin->host, port,
                       &hints) != 0) {
        free(lookup);
        return false;
    }
    call->lookup = lookup;
    buf_init(&call->early, EARLY_BYTES_MAX);
    return true;
}

bool call_connect(struct http_call *call)
{
    return call->origin->numeric ? call_open(call, &call->origin->address) : lookup_start(call);
}

struct http_origin *http_origin_get(struct http_client *client, struct span host, uint16_t port)
{
    for (struct http_origin *o = client->origin; o; o = o->next)
        if (o->port == port && span_equal_text(host, o->host)) {
            o->references++;
            return o;
        }
    struct http_origin *origin = mem_new(1, sizeof(*origin));
    if (!origin || !span_copy(host, origin->host, sizeof(origin->host))) {
        free(origin);
        return NULL;
    }
    origin->client = client;
    origin->port = port;
    origin->numeric = address_parse(host, port, &origin->address) == RC_OK;
    origin->references = 1;
    origin->next = client->origin;
    client->origin = origin;
    return origin;
}

/* Idle connections hold a reference each: an origin that nobody else holds gives them up. */
void http_origin_unref(struct http_origin *origin)
{
    if (!origin || --origin->references > 0)
        return;
    struct http_origin **at = &origin->client->origin;
    while (*at != origin)
        at = &(*at)->next;
    *at = origin->next;
    free(origin);
}

void http_origin_forget_idle(struct http_origin *origin)
{
    origin->references++;
    while (origin->idle)
        call_bury(origin->idle, false);
    http_origin_unref(origin);
}

void http_client_free(struct http_client *client)
{
    if (!client)
        return;
    struct http_origin *origin = client->origin;
    while (origin) {
        origin->references++;
        while (origin->idle)
            call_bury(origin->idle, false);
        while (origin->busy)
            call_bury(origin->busy, true);
        struct http_origin *next = origin->next;
        origin->references = 1;
        http_origin_unref(origin);
        origin = next;
    }
    loop_settle(client->loop);
    free(client);
}
