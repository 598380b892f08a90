/* http_server_internal.h - what the files of the HTTP server share. Not for others.
 *
 * http_server.c: listener, limits per address, server life. http_session.c: one connection, bytes
 * to requests. http_response.c: the answer. */
#ifndef SLUICE_IO_HTTP_SERVER_INTERNAL_H
#define SLUICE_IO_HTTP_SERVER_INTERNAL_H

#include "io/address.h"
#include "io/conn.h"
#include "io/http_server.h"

#define PEER_BUCKETS 256
#define REQUESTS_KEPT_MAX 64     /* recycled request objects */
#define PIPELINE_BYTES_MAX 65536 /* kept from a client that sends ahead; then it is not read */

struct peer {
    struct peer *next;
    int64_t connections;
    unsigned char key[16];
};

struct http_request {
    struct http_session *session;
    struct http_request *next_kept;
    const struct http_request_ops *ops;
    void *user;
    char *text; /* the head's bytes; spans of `head` point here */
    size_t text_cap;
    struct address peer;
    int64_t started_ns;
    struct http_chunked chunked_in;
    uint64_t body_left;     /* HTTP_BODY_LENGTH */
    uint64_t body_received; /* since the start */
    uint64_t body_checked;  /* body_received at the last deadline */
    uint64_t length_left;   /* of the answer, when it has a length */
    bool body_ended;
    bool paused;
    bool continued; /* 100 was sent or is not wanted */
    bool begun;     /* the answer's head was written */
    bool chunked_out;
    bool bodiless; /* HEAD, 204, 304 */
    bool until_close;
    bool close_after;
    struct buf collected; /* http_request_collect() */
    size_t collect_limit;
    http_body_fn *collect_fn;
    void *collect_user;
    struct http_head head;
};

struct http_session {
    struct task task; /* goes on with kept bytes, or frees when dead */
    struct http_server *server;
    struct conn *conn; /* NULL when dead */
    struct http_session *prev;
    struct http_session *next;
    struct peer *peer;
    struct http_request *request; /* the open one */
    struct buf in;                /* bytes not used yet */
    struct timer timer;
    struct address address;
    size_t scanned;
    bool consuming;
};

struct http_server {
    struct loop *loop;
    struct http_server_config config;
    struct address address;
    int fd;
    struct watch *watch;
    struct timer accept_timer; /* accepting again after descriptors ran out */
    http_request_fn *fn;
    void *user;
    struct http_session *first;
    struct peer *peer[PEER_BUCKETS];
    struct http_request *kept;
    size_t kept_count;
    struct http_server_stats stats;
    bool stopping;
};

struct http_session *session_new(struct http_server *server, int fd, const struct address *address,
                                 struct peer *peer);
enum session_end {
    SESSION_FINISH, /* what was written is still sent */
    SESSION_RESET,  /* RST now */
    SESSION_BREAK,  /* what was written is still sent, then RST */
};
/* Lets go of the connection; tells `gone`. */
void session_free(struct http_session *session, enum session_end how);
/* The answer of the open request is complete. */
void session_answered(struct http_session *session);
void session_continue(struct http_session *session); /* after resume */
/* The connection is let go; the server forgets it. */
void server_forget(struct http_session *session);

struct http_request *request_new(struct http_server *server);
void request_free(struct http_server *server, struct http_request *request);

#endif
