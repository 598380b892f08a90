#include "io/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

void digest_sha256(struct span bytes, unsigned char ret[DIGEST_SHA256_SIZE])
{
    (void)SHA256((const unsigned char *)bytes.ptr, bytes.len, ret); /* returns ret */
}

void digest_hmac_sha256(struct span key, struct span bytes, unsigned char ret[DIGEST_SHA256_SIZE])
{
    unsigned size = 0;
    (void)HMAC(EVP_sha256(), key.ptr, (int)key.len, (const unsigned char *)bytes.ptr, bytes.len,
               ret, &size); /* returns ret */
}

bool digest_base64(struct span bytes, char *ret_text, size_t size)
{
    ret_text[0] = '\0';
    if (bytes.len > INT32_MAX / 2 || (bytes.len + 2) / 3 * 4 + 1 > size)
        return false;
    (void)EVP_EncodeBlock((unsigned char *)ret_text, (const unsigned char *)bytes.ptr,
                          (int)bytes.len); /* the length is known */
    return true;
}

bool digest_equal(const void *a, const void *b, size_t size)
{
    return CRYPTO_memcmp(a, b, size) == 0;
}
