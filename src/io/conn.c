/* conn.c - see conn.h. */
#include "io/conn.h"

#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/clock.h"
#include "io/conn_internal.h"
#include "io/tls.h"

void conn_watch(struct conn *conn)
{
    unsigned events = 0;
    if (conn->state == CONN_CONNECTING)
        events = WATCH_WRITE;
    else if (!conn->ended)
        events = !conn->paused ? WATCH_READ : conn->half_heard ? 0 : WATCH_HANGUP;
    if (conn->blocked)
        events |= WATCH_WRITE;
    watch_set(conn->watch, events);
}

void conn_bury(struct conn *conn)
{
    if (conn->state == CONN_DEAD)
        return;
    if (conn->state == CONN_LINGER)
        loop_orphan_done(conn->loop, &conn->orphan);
    conn->state = CONN_DEAD;
    conn->ops = NULL;
    watch_free(conn->watch);
    (void)close(conn->fd); /* nothing can be done about a failing close of a socket */
    timer_done(&conn->stall);
    struct fd_budget *budget = loop_fd_budget(conn->loop);
    if (budget)
        atomic_fetch_sub_explicit(&budget->used, 1, memory_order_relaxed);
    loop_defer(conn->loop, &conn->task);
}

void conn_tell_closed(struct conn *conn, enum rc why)
{
    if (conn->ended && why == RC_CLOSED)
        return;
    if (conn->state == CONN_LINGER) {
        conn_bury(conn);
        return;
    }
    conn->ended = true;
    conn_watch(conn);
    if (conn->ops)
        conn->ops->closed(conn->user, why);
}

size_t conn_unsent(const struct conn *conn)
{
    return conn->out.len - conn->out_sent + conn->plain.len;
}

bool conn_over_high_water(const struct conn *conn)
{
    return conn_unsent(conn) > conn->limits.high_water_bytes;
}

void conn_shake_hands(struct conn *conn)
{
    tls_start(conn->tls, &conn->out);
    timer_after(&conn->stall, CONN_HANDSHAKE_NS);
}

static void conn_task(struct task *task)
{
    struct conn *conn = (struct conn *)task; /* the first member */
    if (conn->state == CONN_DEAD) {
        buf_done(&conn->out);
        buf_done(&conn->plain);
        tls_free(conn->tls);
        free(conn);
        return;
    }
    if (conn->unread && !conn->paused)
        conn_decrypt(conn);
    if (conn->state != CONN_DEAD)
        conn_flush(conn);
}

static void conn_stalled(void *user)
{
    struct conn *conn = user;
    if (conn->state == CONN_LINGER && conn->break_ns > 0 && conn_unsent(conn) == 0)
        conn_break_when_taken(conn);
    else if (conn->state == CONN_LINGER)
        conn_bury(conn);
    else
        conn_tell_closed(conn, RC_TIMEOUT);
}

static struct conn *conn_new(struct loop *loop, int fd, const struct conn_limits *limits,
                             const struct conn_ops *ops, void *user)
{
    struct conn *conn = mem_new(1, sizeof(*conn));
    if (!conn)
        return NULL;
    conn->loop = loop;
    conn->fd = fd;
    conn->ops = ops;
    conn->user = user;
    conn->limits = *limits;
    conn->task.run = conn_task;
    conn->watch = watch_new(loop, fd, conn_event, conn);
    if (!conn->watch || timer_init(&conn->stall, loop, conn_stalled, conn) != RC_OK) {
        watch_free(conn->watch);
        free(conn);
        return NULL;
    }
    buf_init(&conn->out, CONN_OUT_BYTES_MAX);
    buf_init(&conn->plain, CONN_OUT_BYTES_MAX);
    const int one = 1;
    /* Without it small events would wait for the peer's acknowledgement; a socket that does not
     * know the option still works. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    struct fd_budget *budget = loop_fd_budget(loop);
    if (budget)
        atomic_fetch_add_explicit(&budget->used, 1, memory_order_relaxed);
    return conn;
}

struct conn *conn_accept(struct loop *loop, int fd, const struct conn_limits *limits,
                         const struct conn_ops *ops, void *user)
{
    struct conn *conn = conn_new(loop, fd, limits, ops, user);
    if (!conn) {
        (void)close(fd); /* refused for lack of memory */
        return NULL;
    }
    conn->state = CONN_OPEN;
    conn_watch(conn);
    return conn;
}

struct conn *conn_connect(struct loop *loop, const struct address *address,
                          const struct conn_limits *limits, const struct conn_ops *ops, void *user)
{
    const int fd =
        socket(address->u.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    if (fd < 0)
        return NULL;
    const int rc = connect(fd, &address->u.any, address->size);
    /* On loopback the refusal comes at once; it is told like a late one, by callback. So are errors
     * before any packet (no route, no ports left). */
    const bool refused = rc != 0 && errno != EINPROGRESS;
    struct conn *conn = conn_new(loop, fd, limits, ops, user);
    if (!conn) {
        (void)close(fd); /* no memory for it */
        return NULL;
    }
    conn->state = CONN_CONNECTING;
    conn->refused = refused;
    if (refused)
        loop_defer(loop, &conn->task);
    else
        conn_watch(conn);
    return conn;
}

void conn_secure(struct conn *conn, struct tls *tls)
{
    assert(!conn->tls && conn_unsent(conn) == 0);
    conn->tls = tls;
    if (conn->state == CONN_OPEN)
        conn_shake_hands(conn);
}

void conn_set_owner(struct conn *conn, const struct conn_ops *ops, void *user)
{
    conn->ops = ops;
    conn->user = user;
}

struct buf *conn_out(struct conn *conn)
{
    return conn->tls ? &conn->plain : &conn->out;
}

void conn_wrote(struct conn *conn)
{
    conn->above = conn->above || conn_over_high_water(conn);
    loop_defer(conn->loop, &conn->task);
}

void conn_write(struct conn *conn, struct span bytes)
{
    buf_span(conn_out(conn), bytes);
    conn_wrote(conn);
}

void conn_pause(struct conn *conn)
{
    conn->paused = true;
    conn_watch(conn);
}

void conn_resume(struct conn *conn)
{
    conn->paused = false;
    conn_watch(conn);
    if (conn->unread)
        loop_defer(conn->loop, &conn->task);
}

bool conn_paused(const struct conn *conn)
{
    return conn->paused;
}

bool conn_ended(const struct conn *conn)
{
    return conn->ended;
}

static void conn_bury_orphan(struct orphan *orphan)
{
    conn_bury((struct conn *)(void *)((char *)orphan - offsetof(struct conn, orphan)));
}

void conn_finish(struct conn *conn)
{
    assert(conn->state != CONN_DEAD);
    if (conn->state != CONN_OPEN || (conn->ended && conn_unsent(conn) == 0)) {
        conn_bury(conn);
        return;
    }
    conn->state = CONN_LINGER;
    conn->orphan.bury = conn_bury_orphan;
    loop_orphan(conn->loop, &conn->orphan);
    conn->ops = NULL;
    conn->paused = false;
    conn_watch(conn);
    if (conn->stall.deadline_ns == TIME_NONE)
        timer_after(&conn->stall,
                    conn->limits.write_stall_ns > 0 ? conn->limits.write_stall_ns : CONN_LINGER_NS);
    loop_defer(conn->loop, &conn->task);
}

void conn_break(struct conn *conn)
{
    if (conn->state != CONN_OPEN || conn->ended) {
        conn_reset(conn);
        return;
    }
    conn->break_ns = clock_monotonic_ns() + CONN_LINGER_NS;
    conn_finish(conn);
}

void conn_close(struct conn *conn)
{
    conn_bury(conn);
}

void conn_reset(struct conn *conn)
{
    const struct linger hard = {.l_onoff = 1, .l_linger = 0};
    /* Without it the close is an orderly one: the best that is left then. */
    (void)setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    conn_bury(conn);
}
