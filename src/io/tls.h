/* tls.h - TLS over bytes in memory: certificates of listeners, trust of callers, and one session
 * per connection. OpenSSL stands behind it and nowhere else.
 *
 * A context may be shared by the loops of several threads and is loaded again while they use it:
 * sessions that run keep what they began with. A session belongs to one loop. conn.h carries it. */
#ifndef SLUICE_IO_TLS_H
#define SLUICE_IO_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"
#include "base/rc.h"
#include "base/span.h"

struct tls_context;
struct tls;

enum tls_version { TLS_VERSION_1_2, TLS_VERSION_1_3 };

struct tls_files {
    const char *certificate; /* PEM: the certificate, then those of its issuers */
    const char *key;         /* PEM, without a passphrase */
    int version_min;         /* enum tls_version */
};

/* For listeners. RC_INVALID with words that name the file when one cannot be read or they do not
 * fit together. Outlives the listeners that use it. */
enum rc tls_server_new(const struct tls_files *files, struct tls_context **ret,
                       struct diag *diag) MUST_CHECK;
/* For handshakes from now on; the old files stay in use on failure. */
enum rc tls_server_load(struct tls_context *context, const struct tls_files *files,
                        struct diag *diag) MUST_CHECK;
/* When the certificate of a listener stops to be valid. */
int64_t tls_expires_wall_ns(const struct tls_context *context);

/* For callers. With a trust file exactly its certificates are trusted, whatever name they carry
 * (the caller knows the server's own certificate); with NULL those of the system, and the name must
 * fit. */
enum rc tls_client_new(const char *trust_file, struct tls_context **ret,
                       struct diag *diag) MUST_CHECK;
void tls_context_free(struct tls_context *context);

/* `host` of a client: the name or address to ask for; NULL of a server. NULL: no memory. */
struct tls *tls_new(struct tls_context *context, const char *host);
void tls_free(struct tls *tls);

bool tls_ready(const struct tls *tls); /* the handshake is done */
/* Received bytes; they are copied. */
enum rc tls_take(struct tls *tls, struct span received) MUST_CHECK;
/* Next decrypted bytes; drives the handshake. RC_OK: *ret_len > 0. RC_AGAIN: more must be received.
 * RC_CLOSED: the peer ended its side. RC_SYNTAX: this is not TLS, or it was broken, or the peer is
 * not trusted. What must be sent is appended to *wire in all cases. */
enum rc tls_read(struct tls *tls, char *bytes, size_t size, size_t *ret_len,
                 struct buf *wire) MUST_CHECK;
bool tls_has_more(const struct tls *tls); /* tls_read() would not return RC_AGAIN at once */
void tls_start(struct tls *tls, struct buf *wire); /* of a client: begins the handshake */
/* Encrypts all of it. RC_AGAIN: not before the handshake is done. RC_IO: the session is over. */
enum rc tls_write(struct tls *tls, struct span plain, struct buf *wire) MUST_CHECK;
/* Says that nothing more will be written. */
void tls_end(struct tls *tls, struct buf *wire);

#endif
