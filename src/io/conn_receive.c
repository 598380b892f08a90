/* conn_receive.c - what the loop tells of a connection: that it stands, bytes, its end. See conn.h.
 */
#include <errno.h>
#include <sys/socket.h>

#include "io/conn_internal.h"
#include "io/tls.h"

#define DISCARD_BYTES_MAX (1U << 20) /* read and dropped from a peer that was told no more */

/* Until the owner pauses or lets go. */
void conn_decrypt(struct conn *conn)
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

void conn_event(void *user, unsigned events)
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
