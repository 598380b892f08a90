/* conn_internal.h - what the files of a connection share: conn.c (its life and what its owner asks
 * for), conn_receive.c (what the loop tells), conn_send.c (what leaves). Not for others. */
#ifndef SLUICE_IO_CONN_INTERNAL_H
#define SLUICE_IO_CONN_INTERNAL_H

#include "base/mem.h"
#include "io/conn.h"

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

/* conn.c */
void conn_watch(struct conn *conn); /* asks the loop for what the state waits for */
void conn_bury(struct conn *conn);  /* nothing more happens; freed when the callback is over */
void conn_tell_closed(struct conn *conn, enum rc why);
void conn_shake_hands(struct conn *conn); /* TLS begins */

/* conn_receive.c */
void conn_event(void *user, unsigned events); /* a watch_fn */
void conn_decrypt(struct conn *conn);         /* hands out what was received */

/* conn_send.c */
void conn_flush(struct conn *conn);
/* Nothing is left to send here; with a reset now the kernel would drop what the peer lacks. */
void conn_break_when_taken(struct conn *conn);

#endif
