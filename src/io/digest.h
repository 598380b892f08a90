/* digest.h - SHA-256, its keyed form, base64 and comparison in constant time. Thread-safe. */
#ifndef SLUICE_IO_DIGEST_H
#define SLUICE_IO_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

#define DIGEST_SHA256_SIZE 32

void digest_sha256(struct span bytes, unsigned char ret[DIGEST_SHA256_SIZE]);
void digest_hmac_sha256(struct span key, struct span bytes, unsigned char ret[DIGEST_SHA256_SIZE]);
/* The standard alphabet with padding. False (and an empty text) when it does not fit. */
bool digest_base64(struct span bytes, char *ret_text, size_t size);
/* Takes the same time whether and wherever they differ. */
bool digest_equal(const void *a, const void *b, size_t size);

#endif
