/* conn.h - one TCP connection: bytes in by callback, bytes out through a buffer that is sent at the
 * end of the callback that filled it.
 *
 * Never corked, TCP_NODELAY set: what one callback writes leaves as one system call right after it;
 * nothing waits for a later turn. What the kernel does not take stays in the buffer; the owner
 * watches conn_unsent() against its high-water mark and stops its source; `drained` tells when to
 * go on. Reads go through the buffer of the loop: an idle connection holds no memory for reading.
 * One thread: that of the loop. */
#ifndef SLUICE_IO_CONN_H
#define SLUICE_IO_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "io/address.h"
#include "io/loop.h"

#define CONN_OUT_BYTES_MAX (72U << 20) /* more unsent bytes break the connection */
#define CONN_LINGER_NS                                                                             \
    (2 * SECOND_NS) /* a finished connection waits so long for the peer's end                      \
                     */

#define CONN_HANDSHAKE_NS (10 * SECOND_NS)

struct conn;
struct tls;

/* All callbacks are optional but data and closed. Inside any of them the connection may be freed.
 */
struct conn_ops {
    void (*connected)(void *user);
    void (*data)(void *user, struct span bytes); /* valid during the call */
    /* RC_CLOSED: the peer ended its side (nothing more comes; writing may still work). RC_REFUSED:
     * could not connect. RC_TIMEOUT: the peer took no byte for the write limit. RC_IO: reset.
     * RC_LIMIT, RC_NO_MEMORY: the out buffer failed. Called at most once. */
    void (*closed)(void *user, enum rc why);
    void (*drained)(void *user); /* unsent fell to the low-water mark after it was above the high */
};

struct conn_limits {
    size_t high_water_bytes;
    size_t low_water_bytes;
    int64_t write_stall_ns; /* without a byte taken by the peer; 0 = no limit */
};

/* Takes the descriptor (closed on failure too). Reading is on. NULL: no memory or descriptor budget
 * used up. */
struct conn *conn_accept(struct loop *loop, int fd, const struct conn_limits *limits,
                         const struct conn_ops *ops, void *user);
/* Starts to connect; `connected` or `closed` follows. Writes before that are kept. */
struct conn *conn_connect(struct loop *loop, const struct address *address,
                          const struct conn_limits *limits, const struct conn_ops *ops, void *user);
/* Speaks TLS from now on; takes the session. Before the first byte. What the owner reads and writes
 * stays plain; `closed` with RC_CLOSED when the peer is not trusted or speaks something else. */
void conn_secure(struct conn *conn, struct tls *tls);
void conn_set_owner(struct conn *conn, const struct conn_ops *ops, void *user);

void conn_write(struct conn *conn, struct span bytes); /* failures come as `closed` */
struct buf *conn_out(struct conn *conn);               /* to write in place; then conn_wrote() */
void conn_wrote(struct conn *conn);
size_t conn_unsent(const struct conn *conn);
bool conn_over_high_water(const struct conn *conn);
/* While paused no data comes; the peer's close is still seen. */
void conn_pause(struct conn *conn);
void conn_resume(struct conn *conn);
bool conn_paused(const struct conn *conn);
bool conn_ended(const struct conn *conn); /* `closed` was or would have been called */

/* The four ways to let go; the pointer is invalid afterwards, no callback follows. */
void conn_finish(struct conn *conn); /* send what is left, end our side, wait briefly for theirs */
void conn_close(struct conn *conn);  /* now; unsent bytes are lost */
void conn_reset(struct conn *conn);  /* now, with RST: the peer must notice that it was cut */
/* RST as soon as the peer's machine has all that was written, at the latest after CONN_LINGER_NS:
 * last words arrive, and still nobody can take the end for a clean one. */
void conn_break(struct conn *conn);

#endif
