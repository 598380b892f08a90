/* tls.c - see tls.h. */
#include "io/tls.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/duration.h"
#include "io/address.h"

#define HOST_SIZE 256

struct tls_context {
    pthread_mutex_t lock; /* of ssl: taken for one reference when a session begins */
    SSL_CTX *ssl;
    int64_t expires_wall_ns;
    bool server;
    bool pinned; /* a client that looks at the certificate, not at its name */
};

struct tls {
    SSL *ssl;
    BIO *in; /* both are the session's */
    BIO *out;
    bool server;
    bool ended; /* our side */
    bool failed;
};

static const char plain_http_words[] =
    "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\nconnection: close\r\n"
    "content-length: 42\r\n\r\nthis port speaks TLS: use an https:// URL\n";

/* ---- certificates ---- */

/* The innermost reason of OpenSSL's queue. */
static const char *reason(void)
{
    const char *words = ERR_reason_error_string(ERR_peek_error());
    ERR_clear_error();
    return words ? words : "no reason was given";
}

/* A key with a passphrase is refused: there is nobody to ask. */
static int no_passphrase(char *text, int size, int writing, void *user)
{
    (void)text;
    (void)size;
    (void)writing;
    (void)user;
    return -1;
}

/* HTTP/1.1 is what we speak, also to clients that would like HTTP/2. */
static int choose_protocol(SSL *ssl, const unsigned char **ret, unsigned char *ret_len,
                           const unsigned char *offered, unsigned offered_len, void *user)
{
    static const unsigned char ours[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
    unsigned char *chosen = NULL;
    (void)ssl;
    (void)user;
    if (SSL_select_next_proto(&chosen, ret_len, ours, sizeof(ours), offered, offered_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *ret = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *new_ssl_context(const SSL_METHOD *method)
{
    SSL_CTX *ssl = SSL_CTX_new(method);
    if (!ssl)
        return NULL;
    /* Idle connections give their buffers back; a renegotiation is work that a client can order. */
    (void)SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                    SSL_MODE_AUTO_RETRY);
    (void)SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    (void)SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_default_passwd_cb(ssl, no_passphrase);
    return ssl;
}

static int64_t expiry_of(const SSL_CTX *ssl)
{
    struct tm tm = {0};
    const X509 *certificate = SSL_CTX_get0_certificate(ssl);
    if (!certificate || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm) != 1)
        return INT64_MAX;
    const int64_t seconds = (int64_t)timegm(&tm);
    return seconds > INT64_MAX / SECOND_NS ? INT64_MAX : seconds * SECOND_NS;
}

static enum rc read_files(SSL_CTX *ssl, const struct tls_files *files, struct diag *diag)
{
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(ssl, files->certificate) != 1)
        return fail(diag, RC_INVALID, "%s holds no certificate in PEM form: %s", files->certificate,
                    reason());
    if (SSL_CTX_use_PrivateKey_file(ssl, files->key, SSL_FILETYPE_PEM) != 1)
        return fail(diag, RC_INVALID,
                    "%s holds no private key, without a passphrase and fitting to %s: %s",
                    files->key, files->certificate, reason());
    if (SSL_CTX_check_private_key(ssl) != 1)
        return fail(diag, RC_INVALID, "%s is not the key of %s: %s", files->key, files->certificate,
                    reason());
    return RC_OK;
}

enum rc tls_server_load(struct tls_context *context, const struct tls_files *files,
                        struct diag *diag)
{
    SSL_CTX *ssl = new_ssl_context(TLS_server_method());
    if (!ssl)
        return fail(diag, RC_NO_MEMORY, "no memory for TLS");
    const int version = files->version_min == TLS_VERSION_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION;
    const enum rc rc = SSL_CTX_set_min_proto_version(ssl, version) == 1
                           ? read_files(ssl, files, diag)
                           : fail(diag, RC_UNSUPPORTED, "TLS of that version is not built in");
    if (rc != RC_OK) {
        SSL_CTX_free(ssl);
        return rc;
    }
    SSL_CTX_set_alpn_select_cb(ssl, choose_protocol, NULL);
    (void)pthread_mutex_lock(&context->lock); /* a plain mutex: cannot fail */
    SSL_CTX *before = context->ssl;
    context->ssl = ssl;
    (void)pthread_mutex_unlock(&context->lock);
    context->expires_wall_ns = expiry_of(ssl);
    SSL_CTX_free(before); /* sessions that run hold it */
    return RC_OK;
}

static struct tls_context *context_new(bool server)
{
    struct tls_context *context = mem_new(1, sizeof(*context));
    if (context && pthread_mutex_init(&context->lock, NULL) != 0) {
        free(context);
        return NULL;
    }
    if (context)
        context->server = server;
    return context;
}

enum rc tls_server_new(const struct tls_files *files, struct tls_context **ret, struct diag *diag)
{
    struct tls_context *context = context_new(true);
    if (!context)
        return fail(diag, RC_NO_MEMORY, "no memory for TLS");
    const enum rc rc = tls_server_load(context, files, diag);
    if (rc == RC_OK)
        *ret = context;
    else
        tls_context_free(context);
    return rc;
}

enum rc tls_client_new(const char *trust_file, struct tls_context **ret, struct diag *diag)
{
    struct tls_context *context = context_new(false);
    if (context)
        context->ssl = new_ssl_context(TLS_client_method());
    if (!context || !context->ssl) {
        tls_context_free(context);
        return fail(diag, RC_NO_MEMORY, "no memory for TLS");
    }
    context->pinned = trust_file != NULL;
    SSL_CTX_set_verify(context->ssl, SSL_VERIFY_PEER, NULL);
    /* The file may hold the server's own certificate, which nobody else signed. */
    (void)X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context->ssl), X509_V_FLAG_PARTIAL_CHAIN);
    ERR_clear_error();
    const bool read = trust_file ? SSL_CTX_load_verify_file(context->ssl, trust_file) == 1
                                 : SSL_CTX_set_default_verify_paths(context->ssl) == 1;
    if (!read || SSL_CTX_set_min_proto_version(context->ssl, TLS1_2_VERSION) != 1) {
        tls_context_free(context);
        return fail(diag, RC_INVALID, "%s holds no certificates to trust: %s",
                    trust_file ? trust_file : "the system", reason());
    }
    *ret = context;
    return RC_OK;
}

void tls_context_free(struct tls_context *context)
{
    if (!context)
        return;
    SSL_CTX_free(context->ssl);
    (void)pthread_mutex_destroy(&context->lock); /* nobody holds it */
    free(context);
}

int64_t tls_expires_wall_ns(const struct tls_context *context)
{
    return context->expires_wall_ns;
}

/* ---- sessions ---- */

static bool set_peer(SSL *ssl, const char *host, bool pinned)
{
    struct address address;
    char name[HOST_SIZE]; /* OpenSSL's macro takes no const */
    const bool numeric = address_parse(span_from(host), 0, &address) == RC_OK;
    if (!span_copy(span_from(host), name, sizeof(name)) ||
        (!numeric && SSL_set_tlsext_host_name(ssl, name) != 1))
        return false;
    if (pinned)
        return true;
    return numeric ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1
                   : SSL_set1_host(ssl, host) == 1;
}

struct tls *tls_new(struct tls_context *context, const char *host)
{
    struct tls *tls = mem_new(1, sizeof(*tls));
    if (!tls)
        return NULL;
    (void)pthread_mutex_lock(&context->lock); /* a plain mutex: cannot fail */
    tls->ssl = SSL_new(context->ssl);
    (void)pthread_mutex_unlock(&context->lock);
    tls->in = BIO_new(BIO_s_mem());
    tls->out = BIO_new(BIO_s_mem());
    tls->server = context->server;
    if (!tls->ssl || !tls->in || !tls->out) {
        BIO_free(tls->in);
        BIO_free(tls->out);
        SSL_free(tls->ssl);
        free(tls);
        return NULL;
    }
    SSL_set_bio(tls->ssl, tls->in, tls->out);
    if (tls->server)
        SSL_set_accept_state(tls->ssl);
    else
        SSL_set_connect_state(tls->ssl);
    if (!tls->server && !set_peer(tls->ssl, host, context->pinned)) {
        tls_free(tls);
        return NULL;
    }
    return tls;
}

void tls_free(struct tls *tls)
{
    if (!tls)
        return;
    SSL_free(tls->ssl);
    free(tls);
}

bool tls_ready(const struct tls *tls)
{
    return SSL_is_init_finished(tls->ssl) == 1;
}

bool tls_has_more(const struct tls *tls)
{
    return SSL_has_pending(tls->ssl) == 1 || BIO_ctrl_pending(tls->in) > 0;
}

/* Moves what the session wants sent. */
static void drain(struct tls *tls, struct buf *wire)
{
    char *bytes = NULL;
    const long len = BIO_get_mem_data(tls->out, &bytes);
    if (len <= 0)
        return;
    buf_append(wire, bytes, (size_t)len);
    (void)BIO_reset(tls->out); /* emptying memory cannot fail */
}

enum rc tls_take(struct tls *tls, struct span received)
{
    size_t written = 0;
    return BIO_write_ex(tls->in, received.ptr, received.len, &written) == 1 &&
                   written == received.len
               ? RC_OK
               : RC_NO_MEMORY;
}

enum rc tls_read(struct tls *tls, char *bytes, size_t size, size_t *ret_len, struct buf *wire)
{
    if (tls->failed)
        return RC_SYNTAX;
    ERR_clear_error();
    const int got = SSL_read_ex(tls->ssl, bytes, size, ret_len);
    const int error = got == 1 ? SSL_ERROR_NONE : SSL_get_error(tls->ssl, got);
    drain(tls, wire);
    switch (error) {
    case SSL_ERROR_NONE:
        return RC_OK;
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return RC_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return RC_CLOSED;
    default: /* OpenSSL's own list, of which nothing else is good news */
        tls->failed = true;
        if (tls->server && ERR_GET_REASON(ERR_peek_error()) == SSL_R_HTTP_REQUEST)
            buf_text(wire, plain_http_words);
        ERR_clear_error();
        return RC_SYNTAX;
    }
}

void tls_start(struct tls *tls, struct buf *wire)
{
    ERR_clear_error();
    (void)SSL_do_handshake(tls->ssl); /* that it failed is told by tls_read() */
    drain(tls, wire);
}

enum rc tls_write(struct tls *tls, struct span plain, struct buf *wire)
{
    size_t written = 0;
    if (tls->failed || tls->ended)
        return RC_IO;
    if (!tls_ready(tls))
        return RC_AGAIN;
    ERR_clear_error();
    const bool sent = SSL_write_ex(tls->ssl, plain.ptr, plain.len, &written) == 1;
    drain(tls, wire);
    return sent && written == plain.len ? RC_OK : RC_IO; /* memory never asks to try again */
}

void tls_end(struct tls *tls, struct buf *wire)
{
    if (tls->ended || tls->failed || !tls_ready(tls))
        return;
    tls->ended = true;
    ERR_clear_error();
    (void)SSL_shutdown(tls->ssl); /* 0: the peer has not ended yet, which is its affair */
    drain(tls, wire);
}
