/* http_fetch.h - one whole request and its whole answer, for probes, scrapers and commands.
 *
 * http://, and https:// where the client has a TLS context. A kept connection that turns out to be
 * dead is replaced once; nothing else is retried. */
#ifndef SLUICE_IO_HTTP_FETCH_H
#define SLUICE_IO_HTTP_FETCH_H

#include "io/http_client.h"

struct http_fetch;

struct http_fetch_options {
    const char *method;      /* NULL = GET, or POST when there is a body */
    struct span url;         /* "http://host:port/path?query", or https:// */
    struct span lines;       /* further "Name: value\r\n" lines */
    struct span body;        /* ptr NULL = none */
    int64_t timeout_ns;      /* for all of it; 0 = 30 s */
    size_t body_bytes_max;   /* of the answer; 0 = 16 MiB; more is RC_LIMIT */
    struct tls_context *tls; /* of http_fetch_wait(): for https:// */
};

struct http_result {
    enum rc rc; /* RC_OK: there is an answer, of any status. RC_INVALID, RC_REFUSED, RC_TIMEOUT,
                   RC_CLOSED, RC_SYNTAX, RC_LIMIT, RC_NO_MEMORY otherwise */
    int status;
    struct span content_type;
    struct span body;
    bool whole; /* a length or chunks prove that nothing is missing; false: it ended with the
                   connection */
    int64_t retry_after_ns; /* -1 = not said */
    const struct diag *diag;
};
typedef void http_fetch_fn(void *user, const struct http_result *result); /* valid in the call */

/* fn is called exactly once, later, unless cancelled. NULL: no memory. Copies what it needs. */
struct http_fetch *http_fetch(struct http_client *client, const struct http_fetch_options *options,
                              http_fetch_fn *fn, void *user);
void http_fetch_cancel(struct http_fetch *fetch);

/* For commands: runs a loop of its own until the answer is there. The body goes to *ret_body, which
 * the caller initialised. */
enum rc http_fetch_wait(const struct http_fetch_options *options, int *ret_status,
                        struct buf *ret_body, struct diag *diag) MUST_CHECK;

/* Parts of a URL. RC_INVALID with words when it is neither http:// nor https:// or has no host. */
struct http_url {
    struct span host;
    struct span authority; /* host with port, as for the Host header */
    uint16_t port;
    bool tls;
    struct span target; /* "/" when empty */
};
enum rc http_url_parse(struct span url, struct http_url *ret, struct diag *diag) MUST_CHECK;

#endif
