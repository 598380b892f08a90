/* conn.c - see conn.h. */
#include "io/conn.h"

#include <assert.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "io/clock.h"
#include "io/tls.h"

#define OUT_KEEP_BYTES 4096                /* a drained buffer larger than this is given back */
#define BREAK_LOOK_NS (5 * MILLISECOND_NS) /* whether the peer has all, before a reset */
#define DISCARD_BYTES_MAX (1U << 20)       /* read and dropped from a peer that was told no more */

enum conn_state { CONN_CONNECTING, CONN_OPEN, CONN_LINGER, CONN_DEAD };

struct conn {
    struct task task;     /* flush, or free when dead */
    struct orphan orphan; /* while lingering */
    struct loop *loop;
    struct watch *watch;
    const struct conn_ops *ops;
    void *user;
    struct conn_limits limits;
    struct timer stall; /* write stall; also the linger limit */
    struct tls *tls;    /* NULL: none is spoken */
    struct buf plain;   /* with TLS: what the owner wrote and is not encrypted yet */
    struct buf out;
    size_t out_sent; /* bytes at the front of out that the kernel took */
    size_t discarded;
    int64_t break_ns; /* lingers only to reset: at the latest then; 0 = ends in order */
    int fd;
    enum conn_state state;
    bool paused;
    bool ended;      /* closed was called, or the peer ended its side */
    bool above;      /* unsent passed the high-water mark */
    bool blocked;    /* the kernel takes no more; waits for WATCH_WRITE */
    bool shut_down;  /* our side was ended */
    bool refused;    /* connect() itself said so: told at the end of the callback */
    bool unread;     /* paused with TLS: decrypted or received bytes wait */
    bool half_heard; /* paused, and the peer ended behind bytes we have not read yet */
};

static void conn_watch(struct conn *conn)
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

static void conn_bury(struct conn *conn)
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

static void conn_tell_closed(struct conn *conn, enum rc why)
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

/* Nothing is left to send here; with a reset now the kernel would drop what the peer lacks. */
static void conn_break_when_taken(struct conn *conn)
{
    int lacking = 0;
    if (ioctl(conn->fd, SIOCOUTQ, &lacking) == 0 && lacking > 0 &&
        clock_monotonic_ns() < conn->break_ns)
        timer_after(&conn->stall, BREAK_LOOK_NS);
    else
        conn_reset(conn);
}

static void empty(struct buf *buf)
{
    if (buf->cap > OUT_KEEP_BYTES)
        buf_done(buf);
    else
        buf_clear(buf);
}

/* What the owner wrote, and the end of it, in the words of TLS. */
static enum rc conn_encrypt(struct conn *conn)
{
    enum rc rc = conn->plain.failed ? RC_LIMIT : RC_OK;
    if (rc == RC_OK && conn->plain.len > 0)
        rc = tls_write(conn->tls, buf_view(&conn->plain), &conn->out);
    if (rc == RC_AGAIN)
        return RC_OK; /* the handshake comes first */
    empty(&conn->plain);
    if (rc == RC_OK && conn->state == CONN_LINGER && conn->break_ns == 0)
        tls_end(conn->tls, &conn->out);
    return rc;
}

/* Everything was sent: keep a small buffer, end our side when lingering. */
static void conn_emptied(struct conn *conn)
{
    conn->out_sent = 0;
    empty(&conn->out);
    if (conn->state == CONN_LINGER && conn->break_ns > 0) {
        conn_break_when_taken(conn);
    } else if (conn->state == CONN_LINGER && !conn->shut_down) {
        conn->shut_down = true;
        (void)shutdown(conn->fd, SHUT_WR); /* a peer that is gone already needs no end */
        if (conn->ended)
            conn_bury(conn);
        else
            timer_after(&conn->stall, CONN_LINGER_NS);
    } else if (conn->state != CONN_LINGER && (!conn->tls || tls_ready(conn->tls))) {
        timer_stop(&conn->stall);
    }
}

/* One system call for all that is there; false: the connection is broken. */
static bool conn_send(struct conn *conn)
{
    const size_t left = conn->out.len - conn->out_sent;
    if (left == 0)
        return true;
    const ssize_t n =
        send(conn->fd, conn->out.ptr + conn->out_sent, left, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        return false;
    conn->out_sent += n > 0 ? (size_t)n : 0;
    if (n > 0 && conn->limits.write_stall_ns > 0 && conn->out.len > conn->out_sent)
        timer_after(&conn->stall, conn->limits.write_stall_ns);
    return true;
}

static void conn_flush(struct conn *conn)
{
    if (conn->refused) {
        conn->refused = false;
        conn_tell_closed(conn, RC_REFUSED);
        return;
    }
    if (conn->state == CONN_CONNECTING || conn->blocked)
        return;
    const enum rc rc = conn->tls ? conn_encrypt(conn) : RC_OK;
    if (rc != RC_OK || conn->out.failed) {
        conn_tell_closed(conn, rc == RC_IO ? RC_IO : RC_LIMIT);
        return;
    }
    if (!conn_send(conn)) {
        conn_tell_closed(conn, RC_IO);
        return;
    }
    if (conn->out.len == conn->out_sent) {
        conn_emptied(conn);
    } else {
        conn->blocked = true;
        if (conn->limits.write_stall_ns > 0 && conn->stall.deadline_ns == TIME_NONE)
            timer_after(&conn->stall, conn->limits.write_stall_ns);
        conn_watch(conn);
        conn->above = conn->above || conn_over_high_water(conn);
    }
    if (conn->state == CONN_OPEN && conn->above &&
        conn_unsent(conn) <= conn->limits.low_water_bytes) {
        conn->above = false;
        if (conn->ops->drained)
            conn->ops->drained(conn->user);
    }
}

/* Hands out what was received until the owner pauses or lets go. */
static void conn_decrypt(struct conn *conn)
{
    char *bytes = loop_read_buffer(conn->loop);
    const bool ready = tls_ready(conn->tls);
    enum rc rc = RC_OK;
    conn->unread = false;
    while (rc == RC_OK && conn->state == CONN_OPEN && !conn->ended) {
        size_t len = 0;
        if (conn->paused && tls_ready(conn->tls)) {
            conn->unread = tls_has_more(conn->tls);
            break;
        }
        rc = tls_read(conn->tls, bytes, LOOP_READ_BYTES, &len, &conn->out);
        if (rc == RC_OK)
            conn->ops->data(conn->user, span_of(bytes, len));
    }
    if (conn->state == CONN_DEAD)
        return;
    if (!ready && tls_ready(conn->tls))
        timer_stop(&conn->stall);
    loop_defer(conn->loop, &conn->task);
    if (rc == RC_CLOSED || rc == RC_SYNTAX)
        conn_tell_closed(conn, RC_CLOSED);
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

static void conn_read(struct conn *conn)
{
    char *bytes = loop_read_buffer(conn->loop);
    const ssize_t n = recv(conn->fd, bytes, LOOP_READ_BYTES, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        conn_tell_closed(conn, n == 0 ? RC_CLOSED : RC_IO);
        return;
    }
    if (conn->state == CONN_LINGER) {
        conn->discarded += (size_t)n;
        if (conn->discarded > DISCARD_BYTES_MAX)
            conn_bury(conn);
        return;
    }
    if (!conn->tls)
        conn->ops->data(conn->user, span_of(bytes, (size_t)n));
    else if (tls_take(conn->tls, span_of(bytes, (size_t)n)) == RC_OK)
        conn_decrypt(conn);
    else
        conn_tell_closed(conn, RC_NO_MEMORY);
}

static void conn_shake_hands(struct conn *conn)
{
    tls_start(conn->tls, &conn->out);
    timer_after(&conn->stall, CONN_HANDSHAKE_NS);
}

static void conn_connected(struct conn *conn)
{
    int error = 0;
    socklen_t size = sizeof(error);
    if (getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
        conn_tell_closed(conn, RC_REFUSED);
        return;
    }
    conn->state = CONN_OPEN;
    conn_watch(conn);
    if (conn->tls)
        conn_shake_hands(conn);
    loop_defer(conn->loop, &conn->task);
    if (conn->ops->connected)
        conn->ops->connected(conn->user);
}

/* A paused connection only learns that the peer ended or reset: find out which, without reading. */
static void conn_hangup(struct conn *conn)
{
    char byte;
    const ssize_t n = recv(conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0 || conn->unread) {
        conn->half_heard = true; /* its end is told after those bytes, when reading goes on */
        conn_watch(conn);
        return;
    }
    conn_tell_closed(conn, n < 0 ? RC_IO : RC_CLOSED);
}

static void on_conn(void *user, unsigned events)
{
    struct conn *conn = user;
    if (conn->state == CONN_CONNECTING) {
        conn_connected(conn);
        return;
    }
    if (events & WATCH_WRITE && conn->blocked) {
        conn->blocked = false;
        conn_watch(conn);
        conn_flush(conn);
        if (conn->state == CONN_DEAD)
            return;
    }
    if (conn->ended)
        return;
    if (!conn->paused && events & WATCH_READ)
        conn_read(conn);
    else if (events & WATCH_HANGUP)
        conn_hangup(conn);
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
    conn->watch = watch_new(loop, fd, on_conn, conn);
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
