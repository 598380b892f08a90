/* http1_chunked.c - the chunked coding as a state machine; data runs are handed out as they are. */
#include <string.h>

#include "io/http1.h"
#include "io/http1_chars.h"

enum state {
    SIZE,      /* digits of a chunk size */
    EXT_START, /* behind ';': blanks, then a name */
    EXT_NAME,
    EXT_VALUE_START,
    EXT_VALUE,
    EXT_QUOTED,
    EXT_ESCAPED,
    EXT_AFTER, /* behind a closing quote */
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER_START,
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    END_LF,
    FAILED,
};

/* Trailers that would change how the message is framed, routed, understood or allowed. */
static const char *const forbidden[] = {
    "transfer-encoding",   "content-length", "host",          "connection", "trailer",
    "content-encoding",    "authorization",  "content-range", "te",         "upgrade",
    "proxy-authorization", "set-cookie",     "cookie",        "expect"};

void http_chunked_init(struct http_chunked *c)
{
    *c = (struct http_chunked){.state = SIZE};
}

static int hex_digit(char c)
{
    const char folded = (char)(c | 0x20);
    if (c >= '0' && c <= '9')
        return c - '0';
    return folded >= 'a' && folded <= 'f' ? folded - 'a' + 10 : -1;
}

/* What may follow a size, an extension name, a value or a closing quote. */
static uint8_t line_or_extension(const struct http_chunked *c, char byte)
{
    if (c->digits == 0)
        return FAILED;
    if (byte == ';')
        return EXT_START;
    return byte == '\r' ? SIZE_LF : FAILED;
}

static uint8_t step_size(struct http_chunked *c, char byte)
{
    const int digit = hex_digit(byte);
    if (digit < 0)
        return line_or_extension(c, byte);
    if (c->digits == 15) /* 60 bits are room for any body */
        return FAILED;
    c->digits++;
    c->left = c->left << 4 | (uint64_t)digit;
    return SIZE;
}

static uint8_t step_extension(struct http_chunked *c, char byte)
{
    const bool token = char_is(byte, CHAR_TOKEN);
    const bool blank = byte == ' ' || byte == '\t';
    switch ((enum state)c->state) {
    case EXT_START:
        if (blank)
            return EXT_START;
        return token ? EXT_NAME : FAILED;
    case EXT_NAME:
        if (token)
            return EXT_NAME;
        return byte == '=' ? EXT_VALUE_START : line_or_extension(c, byte);
    case EXT_VALUE_START:
        if (byte == '"')
            return EXT_QUOTED;
        return token ? EXT_VALUE : FAILED;
    case EXT_VALUE:
        return token ? EXT_VALUE : line_or_extension(c, byte);
    case EXT_QUOTED:
        if (byte == '"')
            return EXT_AFTER;
        if (byte == '\\')
            return EXT_ESCAPED;
        return char_is(byte, CHAR_VALUE) ? EXT_QUOTED : FAILED;
    case EXT_ESCAPED:
        return char_is(byte, CHAR_VALUE) ? EXT_QUOTED : FAILED;
    case EXT_AFTER:
        return line_or_extension(c, byte);
    case SIZE:
    case SIZE_LF:
    case DATA:
    case DATA_CR:
    case DATA_LF:
    case TRAILER_START:
    case TRAILER_NAME:
    case TRAILER_VALUE:
    case TRAILER_LF:
    case END_LF:
    case FAILED:
        break;
    }
    return FAILED;
}

static bool trailer_is_forbidden(const struct http_chunked *c)
{
    const struct span name = {c->trailer, c->name_len};
    for (size_t i = 0; i < COUNT_OF(forbidden); i++)
        if (span_equal_text_nocase(name, forbidden[i]))
            return true;
    return false;
}

static uint8_t step_trailer(struct http_chunked *c, char byte)
{
    if (c->state == TRAILER_START) {
        c->name_len = 0;
        if (byte == '\r')
            return END_LF;
    }
    if (c->state == TRAILER_VALUE) {
        if (byte == '\r')
            return TRAILER_LF;
        return char_is(byte, CHAR_VALUE) ? TRAILER_VALUE : FAILED;
    }
    if (byte == ':')
        return c->name_len == 0 || trailer_is_forbidden(c) ? FAILED : TRAILER_VALUE;
    if (!char_is(byte, CHAR_TOKEN))
        return FAILED;
    if (c->name_len < sizeof(c->trailer))
        c->trailer[c->name_len++] = byte;
    return TRAILER_NAME;
}

/* The LF that must follow a CR, and what comes behind the line. */
static uint8_t step_line_feed(struct http_chunked *c, char byte)
{
    if (byte != '\n')
        return FAILED;
    const uint8_t ended = c->state;
    if (ended == SIZE_LF) {
        c->digits = 0;
        c->line_bytes = 0;
        return c->left > 0 ? DATA : TRAILER_START;
    }
    if (ended == END_LF)
        c->done = true;
    return ended == DATA_LF ? SIZE : TRAILER_START;
}

/* One byte outside of data. */
static uint8_t step(struct http_chunked *c, char byte)
{
    switch ((enum state)c->state) {
    case SIZE:
        return step_size(c, byte);
    case EXT_START:
    case EXT_NAME:
    case EXT_VALUE_START:
    case EXT_VALUE:
    case EXT_QUOTED:
    case EXT_ESCAPED:
    case EXT_AFTER:
        return step_extension(c, byte);
    case DATA_CR:
        return byte == '\r' ? DATA_LF : FAILED;
    case SIZE_LF:
    case DATA_LF:
    case TRAILER_LF:
    case END_LF:
        return step_line_feed(c, byte);
    case TRAILER_START:
    case TRAILER_NAME:
    case TRAILER_VALUE:
        return step_trailer(c, byte);
    case DATA:
    case FAILED:
        break;
    }
    return FAILED;
}

static bool line_is_too_long(const struct http_chunked *c)
{
    const bool trailer = c->state >= TRAILER_START;
    return c->line_bytes > (trailer ? HTTP_TRAILER_BYTES_MAX : HTTP_CHUNK_LINE_BYTES_MAX);
}

enum rc http_chunked_next(struct http_chunked *c, struct span in, size_t *ret_used,
                          struct span *ret_data)
{
    size_t i = 0;
    *ret_data = span_slice(in, 0, 0);
    for (; i < in.len && !c->done; i++) {
        if (c->state == DATA) {
            const size_t room = in.len - i;
            const size_t run = c->left < room ? (size_t)c->left : room;
            c->left -= run;
            if (c->left == 0)
                c->state = DATA_CR;
            *ret_data = span_slice(in, i, run);
            *ret_used = i + run;
            return RC_OK;
        }
        c->state = step(c, in.ptr[i]);
        c->line_bytes++;
        if (c->state == FAILED || line_is_too_long(c)) {
            const enum rc rc = c->state == FAILED ? RC_SYNTAX : RC_LIMIT;
            c->state = FAILED;
            *ret_used = i;
            return rc;
        }
    }
    *ret_used = i;
    return RC_OK;
}
