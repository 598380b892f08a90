/* utf8.c - checking and writing UTF-8. */
#include "base/utf8.h"

#include <stdbool.h>

static bool follows(unsigned char byte)
{
    return (byte & 0xC0U) == 0x80U;
}

size_t utf8_length(const char *p, size_t left)
{
    if (left == 0)
        return 0;
    const unsigned char *u = (const unsigned char *)p;
    const unsigned char lead = u[0];
    if (lead < 0x80)
        return 1;
    if (lead < 0xC2 || lead > 0xF4)
        return 0;
    if (lead < 0xE0)
        return left >= 2 && follows(u[1]) ? 2 : 0;
    if (lead < 0xF0) {
        if (left < 3 || !follows(u[1]) || !follows(u[2]))
            return 0;
        const bool overlong = lead == 0xE0 && u[1] < 0xA0;
        const bool surrogate = lead == 0xED && u[1] > 0x9F;
        return overlong || surrogate ? 0 : 3;
    }
    if (left < 4 || !follows(u[1]) || !follows(u[2]) || !follows(u[3]))
        return 0;
    const bool overlong = lead == 0xF0 && u[1] < 0x90;
    const bool too_large = lead == 0xF4 && u[1] > 0x8F;
    return overlong || too_large ? 0 : 4;
}

size_t utf8_put(uint32_t code, char ret[UTF8_MAX])
{
    if (code < 0x80) {
        ret[0] = (char)code;
        return 1;
    }
    size_t len = 2;
    if (code >= 0x10000)
        len = 4;
    else if (code >= 0x800)
        len = 3;
    static const unsigned char lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = len - 1; i > 0; i--) {
        ret[i] = (char)(0x80U | (code & 0x3FU));
        code >>= 6;
    }
    ret[0] = (char)(lead[len] | code);
    return len;
}
