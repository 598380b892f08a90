/* conn_send.c - what a connection has to send: encrypted, given to the kernel, ended in order or by
 * a reset. See conn.h. */
#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "io/clock.h"
#include "io/conn_internal.h"
#include "io/tls.h"

#define OUT_KEEP_BYTES 4096                /* a drained buffer larger than this is given back */
#define BREAK_LOOK_NS (5 * MILLISECOND_NS) /* whether the peer has all, before a reset */

void conn_break_when_taken(struct conn *conn)
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

void conn_flush(struct conn *conn)
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
