/* http1.h - strict HTTP/1.1 message parser: spans into the caller's bytes, one pass, no allocation,
 * no I/O.
 *
 * It refuses whatever two parsers could read differently (conflicting lengths, space before colon,
 * bare CR or LF, obs-fold, unknown transfer codings, bad chunk sizes, two or no Host, control
 * bytes) and never repairs a message. Pure functions of their arguments; it lives here because only
 * the shell speaks HTTP. */
#ifndef SLUICE_IO_HTTP1_H
#define SLUICE_IO_HTTP1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/rc.h"
#include "base/span.h"

enum http_body { HTTP_BODY_NONE, HTTP_BODY_LENGTH, HTTP_BODY_CHUNKED, HTTP_BODY_UNTIL_CLOSE };

struct http_header {
    struct span name;
    struct span value; /* trimmed */
};

/* A parsed head. All spans point into the parsed bytes. */
struct http_head {
    struct span method; /* request */
    struct span target; /* request, as sent */
    struct span path;   /* request: target without query (of origin or absolute form) */
    struct span query;  /* after '?', may be empty */
    int status; /* response; on a refused request the status to answer: 400, 414, 431, 501, 505 */
    struct span reason; /* response */
    int version_minor;  /* 0 or 1 */
    struct http_header header[HTTP_HEADERS_MAX];
    size_t header_count;
    enum http_body body;
    uint64_t content_length; /* HTTP_BODY_LENGTH */
    bool keep_alive;
    bool expect_continue;
    bool upgrade;
    size_t head_bytes; /* length of the head, empty line included */
};

/* RC_OK: *ret is complete. RC_AGAIN: more bytes are needed. RC_SYNTAX, RC_LIMIT, RC_UNSUPPORTED:
 * refuse with ret->status and close; diag says why. `scanned` (in/out, start at 0) remembers how
 * far the end of the head was looked for, so that byte-by-byte arrival stays linear. */
enum rc http_parse_request(struct span bytes, size_t *scanned, struct http_head *ret,
                           struct diag *diag) MUST_CHECK;
/* `request_method` decides whether a body follows (HEAD, CONNECT). 1xx responses are returned like
 * others, without body. */
enum rc http_parse_response(struct span bytes, size_t *scanned, struct span request_method,
                            struct http_head *ret, struct diag *diag) MUST_CHECK;
/* First header of that name, or an empty span with ptr NULL. */
struct span http_header_get(const struct http_head *head, const char *name);

/* Chunked body, fed in pieces. */
struct http_chunked {
    uint64_t left; /* of the current chunk */
    uint32_t line_bytes;
    uint8_t state;
    bool done; /* the last chunk and its trailers were read */
};
void http_chunked_init(struct http_chunked *c);
/* Consumes up to all of `in`: *ret_used bytes were taken and *ret_data (maybe empty) is the next
 * run of body bytes inside them. Call again while bytes are left and !done. RC_SYNTAX or RC_LIMIT:
 * refuse and close. */
enum rc http_chunked_next(struct http_chunked *c, struct span in, size_t *ret_used,
                          struct span *ret_data) MUST_CHECK;

/* Percent-decodes into the buffer (at most size bytes); false on bad escapes, NUL or no room. */
bool http_percent_decode(struct span in, bool plus_is_space, char *ret_text, size_t size);
/* Value of a name in a query or x-www-form-urlencoded text, undecoded; ptr NULL when absent. */
struct span http_query_get(struct span query, const char *name);

#endif
