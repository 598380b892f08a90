/* digest.h - SHA-256, its keyed form and comparison in constant time. Thread-safe. */
#ifndef SLUICE_IO_DIGEST_H
#define SLUICE_IO_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

#define DIGEST_SHA256_SIZE 32

void digest_sha256(struct span bytes, unsigned char ret[DIGEST_SHA256_SIZE]);
void digest_hmac_sha256(struct span key, struct span bytes, unsigned char ret[DIGEST_SHA256_SIZE]);
/* Takes the same time whether and wherever they differ. */
bool digest_equal(const void *a, const void *b, size_t size);

#endif
