/* api.h - the HTTP API of a running sluice: what it does and why, and the few words an operator may
 * say. Also /metrics, /healthz, /readyz, and a plain page at /.
 *
 * It reads and forwards; it decides nothing and is in nobody's way: long reads of the store run in
 * a worker, slow clients are dropped. Loopback only, unless there is TLS in front of it and a
 * token. One thread: that of the loop and of control. Routes, parameters, members of answers, and
 * the API document that tells of them are tables: routes.def, views.c. */
#ifndef SLUICE_API_API_H
#define SLUICE_API_API_H

#include <stdint.h>

#include "base/rc.h"
#include "config/config.h"
#include "control/control.h"
#include "io/log.h"
#include "io/loop.h"

#define API_BODY_BYTES_MAX ((size_t)64 << 10) /* of a request */
#define API_ANSWER_BYTES_MAX ((size_t)64 << 20)
#define API_CONNECTIONS_MAX 512
#define API_CONNECTIONS_PER_ADDRESS_MAX 256
#define API_STREAMS_MAX 64 /* event streams at once (FAULTS 86) */
#define API_READS_MAX 4    /* reads of the store at once; more are told to come again */
#define API_ROWS_DEFAULT 100
#define API_ROWS_MAX 10000 /* of one answer */

struct api;

struct api_config {
    const char *listen; /* "127.0.0.1:8081"; port 0 = a free one */
    const struct log *log;
    const struct env_table *env; /* to read stored configurations again; may be NULL */
};

/* Listens when it returns. The object must be freed before control. RC_DENIED: the address is
 * beyond this machine, and that is not safe; RC_IO and others of http_server_new(). */
enum rc api_new(struct loop *loop, struct control *control, const struct api_config *config,
                struct api **ret, struct diag *diag) MUST_CHECK;
/* Open requests are cut; reads of the store that still run end without an answer. */
void api_free(struct api *api);
uint16_t api_port(const struct api *api);
bool api_speaks_tls(const struct api *api);

/* The API document (OpenAPI 3.1), and the reference pages made from the same tables. */
void api_print_document(struct buf *out);
void api_print_reference(struct buf *out);
void api_print_metric_reference(struct buf *out);

#endif
