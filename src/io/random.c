/* random.c - see random.h. */
#include "io/random.h"

#include <assert.h>
#include <errno.h>
#include <sys/random.h>
#include <sys/types.h>

void random_bytes(void *ret, size_t size)
{
    char *at = ret;
    while (size > 0) {
        const ssize_t n = getrandom(at, size, 0);
        assert(n > 0 || errno == EINTR);
        if (n > 0) {
            at += n;
            size -= (size_t)n;
        }
    }
}

uint64_t random_u64(void)
{
    uint64_t value;
    random_bytes(&value, sizeof(value));
    return value;
}

void random_hex(size_t bytes, char *ret_text)
{
    static const char digit[] = "0123456789abcdef";
    for (size_t i = 0; i < bytes; i++) {
        unsigned char byte;
        random_bytes(&byte, 1);
        ret_text[2 * i] = digit[byte >> 4];
        ret_text[2 * i + 1] = digit[byte & 15];
    }
    ret_text[2 * bytes] = '\0';
}
