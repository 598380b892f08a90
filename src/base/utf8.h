/* utf8.h - one well-formed UTF-8 sequence at a time (Unicode 15, table 3-7: no overlong forms, no
 * surrogates, nothing above U+10FFFF). */
#ifndef SLUICE_BASE_UTF8_H
#define SLUICE_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

#define UTF8_MAX 4 /* bytes of one character */

/* Length (1 to 4) of the well-formed sequence at p with `left` bytes to the end; 0 when there is
 * none. */
size_t utf8_length(const char *p, size_t left);
/* Writes a code point (not a surrogate, at most 0x10FFFF); returns its length. */
size_t utf8_put(uint32_t code, char ret[UTF8_MAX]);

#endif
