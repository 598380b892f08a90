#include "io/digest.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

void digest_sha256(struct span bytes, unsigned char ret[DIGEST_SHA256_SIZE])
{
    (void)SHA256((const unsigned char *)bytes.ptr, bytes.len, ret); /* returns ret */
}

bool digest_equal(const void *a, const void *b, size_t size)
{
    return CRYPTO_memcmp(a, b, size) == 0;
}
