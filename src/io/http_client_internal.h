/* http_client_internal.h - shared by http_client.c (origins, connections) and http_call.c (one
 * request and its answer). Not for others.
 *
 * A call and the connection that carries it are one object: between calls it waits in the idle list
 * of its origin. */
#ifndef SLUICE_IO_HTTP_CLIENT_INTERNAL_H
#define SLUICE_IO_HTTP_CLIENT_INTERNAL_H

#include "io/address.h"
#include "io/conn.h"
#include "io/http_client.h"

#define ORIGIN_HOST_SIZE 256

struct lookup;

struct http_call {
    struct task task; /* goes on with kept bytes, or frees when dead */
    struct http_origin *origin;
    struct conn *conn;     /* NULL when dead, or while a name is looked up */
    struct lookup *lookup; /* of the name, while it runs */
    struct http_call *prev;
    struct http_call *next;
    const struct http_call_ops *ops; /* NULL when idle */
    void *user;
    struct timer timer;
    struct buf in;    /* bytes of the answer not used yet */
    struct buf early; /* request bytes written while the name is looked up */
    size_t scanned;
    int64_t first_byte_timeout_ns;
    int64_t gap_timeout_ns;
    uint64_t body_left;
    struct http_chunked chunked_in;
    enum http_body body;
    bool head_method;
    bool connected;
    bool reused;
    bool answered; /* a byte of the answer came */
    bool in_body;  /* the final head was told */
    bool sent_all;
    bool chunked_out;
    bool keep_alive;
    bool paused;
    bool idle;
    bool ended; /* the connection ended while paused: handled on resume */
    enum rc ended_why;
    bool dead;
};

struct http_origin {
    struct http_origin *next;
    struct http_client *client;
    struct http_call *idle; /* most recently used first */
    struct http_call *busy;
    int64_t idle_count;
    int64_t references;
    uint16_t port;
    bool numeric;
    struct address address;
    char host[ORIGIN_HOST_SIZE];
};

struct http_client {
    struct loop *loop;
    struct http_client_config config;
    struct http_origin *origin;
    int64_t connections;
};

/* http_client.c */
struct http_call *call_take_idle(struct http_origin *origin);
bool call_connect(struct http_call *call); /* or starts the name's lookup */
void call_to_idle(struct http_call *call); /* or lets go of it */
void call_bury(struct http_call *call, bool reset);
void call_list_add(struct http_call **list, struct http_call *call);
void call_list_remove(struct http_call **list, struct http_call *call);
/* http_call.c */
extern const struct conn_ops call_conn_ops;
void call_fail(struct http_call *call, enum http_failure why);
void call_on_timer(void *user);
void call_task(struct task *task);

#endif
