/* web_fetch.h - one whole request over https and its whole answer: libcurl behind our loop.
 *
 * For what is asked seldom and may be far away (Prometheus behind TLS, a webhook). The data path
 * has its own client. Names, addresses, TLS and kept connections are libcurl's business;
 * redirects are not followed. */
#ifndef SLUICE_IO_WEB_FETCH_H
#define SLUICE_IO_WEB_FETCH_H

#include "io/http_fetch.h"

struct web_client;
struct web_fetch;

/* NULL: no memory, or libcurl is not installed. Loads it at its first call. */
struct web_client *web_client_new(struct loop *loop);
void web_client_free(struct web_client *client); /* fetches still open end without a callback */

/* As http_fetch(), for https://. ca_file "" = the certificates of the system. */
struct web_fetch *web_fetch(struct web_client *client, const struct http_fetch_options *options,
                            const char *ca_file, http_fetch_fn *fn, void *user);
void web_fetch_cancel(struct web_fetch *fetch); /* NULL is accepted */

#endif
