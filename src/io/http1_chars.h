/* http1_chars.h - byte classes of HTTP/1.1. Private to the parser. */
#ifndef SLUICE_IO_HTTP1_CHARS_H
#define SLUICE_IO_HTTP1_CHARS_H

#include <stdbool.h>
#include <stdint.h>

#define CHAR_TOKEN 1U  /* tchar of RFC 9110, 5.6.2 */
#define CHAR_TARGET 2U /* visible ASCII */
#define CHAR_VALUE 4U  /* tab, space, visible, 0x80 and up */
#define CHAR_HOST 8U   /* unreserved, sub-delims, '%', ':': RFC 3986, 3.2 */

extern const uint8_t http_char_class[256];

static inline bool char_is(char c, uint8_t class)
{
    return (http_char_class[(unsigned char)c] & class) != 0;
}

#endif
