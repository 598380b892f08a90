/* http_server.h - HTTP/1.1 server on one loop: listeners, keep-alive, pipelining in order, streamed
 * requests and answers, limits and deadlines.
 *
 * The server parses strictly (http1.h) and refuses what it must on its own: 400, 408, 413, 414,
 * 431, 501, 505, then closes. Every other request is handed to `request` as a handle on which the
 * handler answers, now or later. One request per connection at a time; what a client pipelines
 * waits. Client gone (also: its sending side ended before the answer) is told at once. */
#ifndef SLUICE_IO_HTTP_SERVER_H
#define SLUICE_IO_HTTP_SERVER_H

#include "base/mem.h"
#include "io/http1.h"
#include "io/loop.h"

struct address;
struct tls_context;
struct http_server;
struct http_request;

struct http_server_config {
    const char *listen;        /* "127.0.0.1:0" */
    struct tls_context *tls;   /* NULL: plain HTTP */
    bool reuse_port;           /* several loops on one port */
    bool accept_later;         /* connections wait in the backlog until http_server_accept() */
    int backlog;               /* 0 = 1024 */
    int64_t header_timeout_ns; /* from the first byte of a head to its end */
    int64_t idle_timeout_ns;   /* between requests; clients expect at least 75 s */
    int64_t body_timeout_ns;   /* a body must bring body_bytes_min in each such span */
    int64_t body_bytes_min;
    int64_t write_stall_ns; /* without one byte taken by the client */
    int64_t connections_max;
    int64_t connections_per_address_max;
    uint64_t body_bytes_max; /* larger claims are refused with 413 before reading */
    size_t high_water_bytes; /* of unsent answer bytes */
};
/* 10 s headers, 90 s idle, 1 KiB body per 10 s, 60 s write stall, 65536 connections, 16384 per
 * address, HTTP_BODY_BYTES_MAX, high water 256 KiB. */
void http_server_defaults(struct http_server_config *config);

/* Called when a head is complete. The handler sets callbacks with http_request_set() if it wants
 * body or news, and answers now or later. */
typedef void http_request_fn(void *user, struct http_request *request);
enum rc http_server_new(struct loop *loop, const struct http_server_config *config,
                        http_request_fn *fn, void *user, struct http_server **ret,
                        struct diag *diag) MUST_CHECK;
/* Closes listener and connections; `gone` is told for open requests. */
void http_server_free(struct http_server *server);
/* Begins to take connections (accept_later). */
void http_server_accept(struct http_server *server);
/* Takes no new connection and closes each one when its request is answered. */
void http_server_stop_accepting(struct http_server *server);
uint16_t http_server_port(const struct http_server *server);

struct http_server_stats {
    int64_t connections; /* open now */
    int64_t requests;    /* being answered now */
    int64_t accepted;    /* since the start, as below */
    int64_t refused;     /* connections refused by a limit */
    int64_t handled;     /* requests given to the handler */
    int64_t malformed;   /* refused by the parser */
    int64_t timeouts;    /* head, body or write deadlines that passed */
};
const struct http_server_stats *http_server_stats(const struct http_server *server);

/* ---- one request ---- */
struct http_request_ops {
    void (*body)(void *user, struct span data); /* valid during the call */
    void (*body_end)(void *user);
    /* The client is gone or broke the protocol in its body: the handle is invalid from now on, no
     * other callback follows. */
    void (*gone)(void *user);
    void (*drained)(void *user); /* unsent bytes fell to the low-water mark */
    /* The answer was handed over completely and the handle is invalid now. Optional. */
    void (*done)(void *user);
};
/* Without a body callback the body is read and dropped. */
void http_request_set(struct http_request *request, const struct http_request_ops *ops, void *user);
/* Spans of the head are valid as long as the handle. */
const struct http_head *http_request_head(const struct http_request *request);
const struct address *http_request_peer(const struct http_request *request);
int64_t http_request_started_ns(const struct http_request *request); /* head complete */
bool http_request_body_ended(const struct http_request *request);
/* Stops body callbacks; what is in flight is kept (at most one read). */
void http_request_pause(struct http_request *request);
void http_request_resume(struct http_request *request);

/* ---- its answer ---- */
#define HTTP_LENGTH_STREAM UINT64_MAX /* length unknown: chunked, or until close to HTTP/1.0 */

/* `lines`: complete "Name: value\r\n" lines without those of framing, which are written here. */
void http_response_begin(struct http_request *request, int status, struct span lines,
                         uint64_t content_length);
bool http_response_begun(const struct http_request *request);
void http_response_data(struct http_request *request, struct span data);
bool http_response_over_high_water(const struct http_request *request);
void http_response_end(struct http_request *request);
/* Cuts the connection with RST: the client must see that the answer is not whole. */
void http_response_abort(struct http_request *request);
/* The same, but what was written arrives first: for last words about why it ends. */
void http_response_break(struct http_request *request);
/* Sends what was written and closes without the end of the answer: what a dying server looks like
 * that resets nothing. */
void http_response_cut(struct http_request *request);
/* 1xx before the answer; nothing to HTTP/1.0. */
void http_response_interim(struct http_request *request, int status, struct span lines);
/* Closes the connection after this answer. Before http_response_begin(). */
void http_response_close_after(struct http_request *request);
/* A whole answer. content_type may be NULL when the body is empty. */
void http_respond(struct http_request *request, int status, const char *content_type,
                  struct span body);
void http_respond_lines(struct http_request *request, int status, struct span lines,
                        struct span body);

const char *http_reason(int status);
/* Appends "name: value\r\n"; false (nothing appended) when the value holds CR, LF or NUL. */
bool http_line(struct buf *lines, const char *name, struct span value);
bool http_line_text(struct buf *lines, const char *name, const char *value);

/* Collects the body (at most limit bytes, else 413) and then calls fn once; answers are up to it.
 * After `gone` fn is not called. */
typedef void http_body_fn(void *user, struct http_request *request, struct span body);
void http_request_collect(struct http_request *request, size_t limit, http_body_fn *fn, void *user);

#endif
