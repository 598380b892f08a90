/* certificate.h - for tests: a fresh certificate for localhost with its key, in files of a new
 * folder. */
#ifndef SLUICE_TESTS_CERTIFICATE_H
#define SLUICE_TESTS_CERTIFICATE_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

struct certificate {
    char folder[64];
    char file[96];
    char key[96];
};

static inline void must(bool holds)
{
    if (!holds)
        abort();
}

/* `passphrase` of the key may be NULL. Valid from `from_s` to `to_s`, seconds from now. */
static inline void certificate_write(const struct certificate *c, long from_s, long to_s,
                                     const char *passphrase)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    must(key && x);
    X509_NAME *name = X509_get_subject_name(x);
    must(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost",
                                    -1, -1, 0) == 1);
    must(X509_set_issuer_name(x, name) == 1 && X509_set_pubkey(x, key) == 1);
    must(X509_gmtime_adj(X509_getm_notBefore(x), from_s) &&
         X509_gmtime_adj(X509_getm_notAfter(x), to_s));
    must(X509_sign(x, key, EVP_sha256()) > 0);
    FILE *file = fopen(c->file, "w");
    must(file && PEM_write_X509(file, x) == 1 && fclose(file) == 0);
    file = fopen(c->key, "w");
    must(file &&
         PEM_write_PrivateKey(file, key, passphrase ? EVP_aes_128_cbc() : NULL,
                              (const unsigned char *)passphrase,
                              passphrase ? (int)strlen(passphrase) : 0, NULL, NULL) == 1 &&
         fclose(file) == 0);
    X509_free(x);
    EVP_PKEY_free(key);
}

static inline void certificate_open(struct certificate *c)
{
    (void)snprintf(c->folder, sizeof(c->folder), "/tmp/sluice-tls-XXXXXX");
    must(mkdtemp(c->folder) != NULL);
    (void)snprintf(c->file, sizeof(c->file), "%s/cert.pem", c->folder);
    (void)snprintf(c->key, sizeof(c->key), "%s/key.pem", c->folder);
    certificate_write(c, -3600, 86400, NULL);
}

static inline void certificate_close(const struct certificate *c)
{
    (void)unlink(c->file); /* what is left is only litter in /tmp */
    (void)unlink(c->key);
    (void)rmdir(c->folder);
}

#endif
