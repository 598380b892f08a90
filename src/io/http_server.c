/* http_server.c - listener and life of the HTTP server; see http_server.h. */
#include "io/http_server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/http_server_internal.h"

#define ACCEPTS_PER_TURN 64
#define ACCEPT_RETRY_NS (100 * MILLISECOND_NS)
#define ACCEPT_STOP_RATIO 0.99 /* of the descriptor budget */

void http_server_defaults(struct http_server_config *config)
{
    *config = (struct http_server_config){
        .listen = "127.0.0.1:0",
        .backlog = 1024,
        .header_timeout_ns = 10 * SECOND_NS,
        .idle_timeout_ns = 90 * SECOND_NS,
        .body_timeout_ns = 10 * SECOND_NS,
        .body_bytes_min = 1024,
        .write_stall_ns = 60 * SECOND_NS,
        .connections_max = 65536,
        .connections_per_address_max = 16384,
        .body_bytes_max = HTTP_BODY_BYTES_MAX,
        .high_water_bytes = STREAM_BUFFER_BYTES_MAX / 4,
    };
}

static struct peer **peer_slot(struct http_server *server, const struct address *address,
                               unsigned char ret_key[16])
{
    memset(ret_key, 0, 16);
    if (address->u.any.sa_family == AF_INET)
        memcpy(ret_key, &address->u.v4.sin_addr, sizeof(address->u.v4.sin_addr));
    else
        memcpy(ret_key, &address->u.v6.sin6_addr, sizeof(address->u.v6.sin6_addr));
    unsigned hash = 2166136261U;
    for (size_t i = 0; i < 16; i++)
        hash = (hash ^ ret_key[i]) * 16777619U;
    struct peer **slot = &server->peer[hash % PEER_BUCKETS];
    while (*slot && memcmp((*slot)->key, ret_key, 16) != 0)
        slot = &(*slot)->next;
    return slot;
}

/* Counts one more connection of that address; NULL when it has its share or memory is out. */
static struct peer *peer_take(struct http_server *server, const struct address *address)
{
    unsigned char key[16];
    struct peer **slot = peer_slot(server, address, key);
    if (!*slot) {
        struct peer *peer = mem_new(1, sizeof(*peer));
        if (!peer)
            return NULL;
        memcpy(peer->key, key, sizeof(key));
        *slot = peer;
    }
    if ((*slot)->connections >= server->config.connections_per_address_max)
        return NULL;
    (*slot)->connections++;
    return *slot;
}

static void peer_release(struct http_server *server, const struct address *address)
{
    unsigned char key[16];
    struct peer **slot = peer_slot(server, address, key);
    struct peer *peer = *slot;
    if (!peer || --peer->connections > 0)
        return;
    *slot = peer->next;
    free(peer);
}

static void accept_pause(struct http_server *server)
{
    watch_set(server->watch, 0);
    timer_after(&server->accept_timer, ACCEPT_RETRY_NS);
}

void http_server_accept(struct http_server *server)
{
    if (server->watch)
        watch_set(server->watch, WATCH_READ);
}

static void accept_again(void *user)
{
    http_server_accept(user);
}

static void server_take(struct http_server *server, int fd, const struct address *address)
{
    struct peer *peer = NULL;
    if (server->stats.connections < server->config.connections_max)
        peer = peer_take(server, address);
    if (!peer) {
        server->stats.refused++;
        (void)close(fd); /* over a limit: the client sees the connection end */
        return;
    }
    struct http_session *session = session_new(server, fd, address, peer);
    if (!session) {
        server->stats.refused++;
        peer_release(server, address);
        return;
    }
    server->stats.accepted++;
    server->stats.connections++;
    session->next = server->first;
    if (server->first)
        server->first->prev = session;
    server->first = session;
}

static void on_listen(void *user, unsigned events)
{
    struct http_server *server = user;
    (void)events;
    for (int i = 0; i < ACCEPTS_PER_TURN && server->watch; i++) {
        if (fd_budget_ratio(loop_fd_budget(server->loop)) >= ACCEPT_STOP_RATIO) {
            accept_pause(server);
            return;
        }
        struct address address = {.size = sizeof(address.u)};
        const int fd =
            accept4(server->fd, &address.u.any, &address.size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            server_take(server, fd, &address);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            accept_pause(server);
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}

void server_forget(struct http_session *session)
{
    struct http_server *server = session->server;
    if (session->prev)
        session->prev->next = session->next;
    else
        server->first = session->next;
    if (session->next)
        session->next->prev = session->prev;
    server->stats.connections--;
    peer_release(server, &session->address);
}

static enum rc server_listen(struct http_server *server, struct diag *diag)
{
    const struct address *a = &server->address;
    const int one = 1;
    server->fd = socket(a->u.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (server->fd < 0)
        return fail(diag, RC_IO, "no socket for %s: %s", server->config.listen, strerror(errno));
    /* Both only widen what bind() accepts; bind() itself reports what is wrong. */
    (void)setsockopt(server->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (server->config.reuse_port)
        (void)setsockopt(server->fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
    if (bind(server->fd, &a->u.any, a->size) != 0 ||
        listen(server->fd, server->config.backlog > 0 ? server->config.backlog : 1024) != 0)
        return fail(diag, RC_IO,
                    "cannot listen on %s: %s; choose another address or stop what "
                    "listens there",
                    server->config.listen, strerror(errno));
    server->address.size = sizeof(server->address.u);
    if (getsockname(server->fd, &server->address.u.any, &server->address.size) != 0)
        return fail(diag, RC_IO, "%s has no name: %s", server->config.listen, strerror(errno));
    server->watch = watch_new(server->loop, server->fd, on_listen, server);
    if (!server->watch)
        return fail(diag, RC_NO_MEMORY, "no memory to listen on %s", server->config.listen);
    if (!server->config.accept_later)
        http_server_accept(server);
    return RC_OK;
}

enum rc http_server_new(struct loop *loop, const struct http_server_config *config,
                        http_request_fn *fn, void *user, struct http_server **ret,
                        struct diag *diag)
{
    struct http_server *server = mem_new(1, sizeof(*server));
    if (!server)
        return fail(diag, RC_NO_MEMORY, "no memory for an HTTP server");
    server->loop = loop;
    server->config = *config;
    server->fn = fn;
    server->user = user;
    server->fd = -1;
    enum rc rc = timer_init(&server->accept_timer, loop, accept_again, server);
    if (rc == RC_OK)
        rc = address_parse_listen(span_from(config->listen), &server->address, diag);
    if (rc == RC_OK)
        rc = server_listen(server, diag);
    if (rc != RC_OK) {
        http_server_free(server);
        return rc;
    }
    *ret = server;
    return RC_OK;
}

static void listener_close(struct http_server *server)
{
    watch_free(server->watch);
    server->watch = NULL;
    if (server->fd >= 0)
        (void)close(server->fd); /* a listening socket has nothing to lose */
    server->fd = -1;
}

void http_server_stop_accepting(struct http_server *server)
{
    listener_close(server);
    server->stopping = true;
    struct http_session *next = NULL;
    for (struct http_session *s = server->first; s; s = next) {
        next = s->next;
        if (!s->request)
            session_free(s, SESSION_FINISH);
        else if (!s->request->begun)
            s->request->close_after = true;
    }
}

void http_server_free(struct http_server *server)
{
    if (!server)
        return;
    listener_close(server);
    timer_done(&server->accept_timer);
    while (server->first)
        session_free(server->first, SESSION_FINISH);
    loop_settle(server->loop); /* frees the sessions, which still name the server */
    while (server->kept) {
        struct http_request *request = server->kept;
        server->kept = request->next_kept;
        free(request->text);
        free(request);
    }
    free(server);
}

uint16_t http_server_port(const struct http_server *server)
{
    return address_port(&server->address);
}

const struct http_server_stats *http_server_stats(const struct http_server *server)
{
    return &server->stats;
}

struct http_request *request_new(struct http_server *server)
{
    struct http_request *request = server->kept;
    if (!request)
        return mem_new(1, sizeof(*request));
    server->kept = request->next_kept;
    server->kept_count--;
    char *text = request->text;
    const size_t text_cap = request->text_cap;
    memset(request, 0, offsetof(struct http_request, head));
    request->text = text;
    request->text_cap = text_cap;
    return request;
}

void request_free(struct http_server *server, struct http_request *request)
{
    server->stats.requests--;
    buf_done(&request->collected);
    if (server->kept_count >= REQUESTS_KEPT_MAX) {
        free(request->text);
        free(request);
        return;
    }
    request->session = NULL;
    request->next_kept = server->kept;
    server->kept = request;
    server->kept_count++;
}
