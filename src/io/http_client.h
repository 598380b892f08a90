/* http_client.h - HTTP/1.1 client on one loop: kept connections per address, streaming both ways,
 * deadlines per phase.
 *
 * A call is one request and its answer. The caller writes the request bytes (head built with
 * http_call_head(), or its own) and gets head, data and end by callback, or one `failed`. Nothing
 * is retried here but by http_fetch(): whoever streams must decide what may be sent twice. */
#ifndef SLUICE_IO_HTTP_CLIENT_H
#define SLUICE_IO_HTTP_CLIENT_H

#include "base/mem.h"
#include "io/http1.h"
#include "io/loop.h"

struct tls_context;
struct http_client;
struct http_origin;
struct http_call;

struct http_client_config {
    int64_t connect_timeout_ns;
    int64_t first_byte_timeout_ns; /* from the last request byte written to the answer's head */
    int64_t gap_timeout_ns;        /* between bytes of the answer; 0 = none */
    int64_t write_stall_ns;
    int64_t keep_ns;         /* an idle connection is closed after this */
    int64_t keep_max;        /* idle connections per origin */
    size_t high_water_bytes; /* of unsent request bytes */
    struct tls_context *tls; /* for all connections; NULL: plain HTTP */
};
/* 5 s connect, 10 min first byte, no gap limit, 30 s write stall, 60 s keep, 256 kept, 256 KiB. */
void http_client_defaults(struct http_client_config *config);

struct http_client *http_client_new(struct loop *loop, const struct http_client_config *config);
/* For calls and connections made from now on. */
void http_client_configure(struct http_client *client, const struct http_client_config *config);
void http_client_free(struct http_client *client); /* calls still open end without a callback */
struct loop *http_client_loop(const struct http_client *client);
bool http_client_speaks_tls(const struct http_client *client);
int64_t http_client_connections(const struct http_client *client); /* open, idle ones too */

/* Where a call goes; counted references, one per address and client. Numeric host, or a name that
 * is looked up when a connection is made. NULL: no memory. */
struct http_origin *http_origin_get(struct http_client *client, struct span host, uint16_t port);
void http_origin_unref(struct http_origin *origin);
/* Closes idle connections: the replica behind it is going away. */
void http_origin_forget_idle(struct http_origin *origin);

enum http_failure {
    HTTP_FAILED_CONNECT, /* refused, unreachable, no descriptor */
    HTTP_FAILED_CONNECT_TIMEOUT,
    HTTP_FAILED_STALE, /* a kept connection ended before any byte of the answer: not the
                          server's fault, a new try on the same server is fair */
    HTTP_FAILED_RESET, /* ended before the answer was whole */
    HTTP_FAILED_FIRST_BYTE,
    HTTP_FAILED_GAP,
    HTTP_FAILED_WRITE,     /* the server takes no bytes */
    HTTP_FAILED_MALFORMED, /* the answer is not HTTP/1.1 as we read it */
};
const char *http_failure_name(enum http_failure why);

/* The handle is invalid once end or failed was called. */
struct http_call_ops {
    void (*interim)(void *user, const struct http_head *head); /* 1xx; optional */
    void (*head)(void *user, const struct http_head *head);    /* spans valid during the call */
    void (*data)(void *user, struct span data);                /* valid during the call */
    void (*end)(void *user);
    void (*failed)(void *user, enum http_failure why);
    void (*drained)(void *user); /* unsent request bytes fell to the low-water mark; optional */
};

/* Takes a kept connection or makes one. `head_method` is true for HEAD (no body follows). NULL:
 * no memory or descriptor. Callbacks never come before this returned. */
struct http_call *http_call_new(struct http_origin *origin, bool head_method,
                                const struct http_call_ops *ops, void *user);
/* Overrides the client's limits for this call; 0 = none. Before the last request byte. */
void http_call_limits(struct http_call *call, int64_t first_byte_timeout_ns,
                      int64_t gap_timeout_ns);
/* Writes request line, lines, host and framing. length HTTP_LENGTH_STREAM = chunked. */
void http_call_head(struct http_call *call, struct span method, struct span target,
                    struct span host, struct span lines, uint64_t content_length, bool has_body);
struct buf *http_call_out(struct http_call *call); /* raw request bytes; then http_call_wrote() */
void http_call_wrote(struct http_call *call);
void http_call_data(struct http_call *call, struct span data); /* framed when chunked */
/* The request is complete: the first-byte limit runs from here. */
void http_call_end(struct http_call *call);
bool http_call_over_high_water(const struct http_call *call);
void http_call_pause(struct http_call *call); /* no data until resumed; gap limit stands still */
void http_call_resume(struct http_call *call);
/* Ends the connection at once: the server sees that nobody waits. No callback follows. */
void http_call_cancel(struct http_call *call);

#endif
