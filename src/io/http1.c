/* http1.c - small helpers around parsed heads: headers by name, query values, percent decoding. */
#include "io/http1.h"

#include <string.h>

struct span http_header_get(const struct http_head *head, const char *name)
{
    const struct span wanted = span_from(name);
    for (size_t i = 0; i < head->header_count; i++)
        if (span_equal_nocase(head->header[i].name, wanted))
            return head->header[i].value;
    return (struct span){NULL, 0};
}

static int hex_digit(char c)
{
    const char folded = (char)(c | 0x20);
    if (c >= '0' && c <= '9')
        return c - '0';
    return folded >= 'a' && folded <= 'f' ? folded - 'a' + 10 : -1;
}

void http_percent_encode(struct span in, struct buf *out)
{
    for (size_t i = 0; i < in.len; i++) {
        const char c = in.ptr[i];
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
        if (plain)
            buf_byte(out, c);
        else
            buf_printf(out, "%%%02X", (unsigned)(unsigned char)c);
    }
}

bool http_percent_decode(struct span in, bool plus_is_space, char *ret_text, size_t size)
{
    size_t len = 0;
    for (size_t i = 0; i < in.len; i++) {
        char byte = in.ptr[i];
        if (byte == '%') {
            const int high = i + 2 < in.len ? hex_digit(in.ptr[i + 1]) : -1;
            const int low = high >= 0 ? hex_digit(in.ptr[i + 2]) : -1;
            if (low < 0)
                return false;
            byte = (char)(high << 4 | low);
            i += 2;
        } else if (byte == '+' && plus_is_space) {
            byte = ' ';
        }
        if (byte == '\0' || len + 1 >= size)
            return false;
        ret_text[len++] = byte;
    }
    if (len >= size)
        return false;
    ret_text[len] = '\0';
    return true;
}

struct span http_query_get(struct span query, const char *name)
{
    struct span pair;
    while (span_split(&query, '&', &pair)) {
        const size_t equal = span_find_byte(pair, '=', 0);
        if (span_equal_text(span_slice(pair, 0, equal), name))
            return equal == SIZE_MAX ? span_slice(pair, pair.len, 0)
                                     : span_slice(pair, equal + 1, pair.len);
    }
    return (struct span){NULL, 0};
}
