/* http1.h - strict HTTP/1.1 message parser: spans into the caller's bytes, one pass, no allocation,
 * no I/O.
 *
 * It refuses whatever two parsers could read differently (conflicting lengths, space before colon,
 * bare CR or LF, obs-fold, codings behind chunked, bad chunk sizes, two Hosts, control bytes) and
 * never repairs a message. A sound message that must not be served all the same (no Host, a coding
 * that nobody here decodes) says so in `unserved`. Pure functions of their arguments; it lives here
 * because only the shell speaks HTTP. */
#ifndef SLUICE_IO_HTTP1_H
#define SLUICE_IO_HTTP1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/rc.h"
#include "base/span.h"

/* Why a message is refused: name, status to answer a request with, result code, words. */
#define HTTP_REFUSAL_MAP(X)                                                                        \
    X(LINE, 400, SYNTAX, "first line does not follow the grammar")                                 \
    X(LINE_END, 400, SYNTAX, "a line must end in CR LF; a lone CR or LF is refused")               \
    X(METHOD, 501, UNSUPPORTED, "method is not known")                                             \
    X(TARGET, 400, SYNTAX,                                                                         \
      "request target does not fit the method or holds a byte that no URI has")                    \
    X(TARGET_LONG, 414, LIMIT, "request target is too long")                                       \
    X(VERSION, 505, UNSUPPORTED, "only HTTP/1.0 and HTTP/1.1 are spoken here")                     \
    X(NAME, 400, SYNTAX, "header name is no token followed by a colon")                            \
    X(FOLD, 400, SYNTAX, "header lines may not be folded")                                         \
    X(VALUE, 400, SYNTAX, "header value holds a control byte")                                     \
    X(HEAD_LONG, 431, LIMIT, "head is too large")                                                  \
    X(HEADERS_MANY, 431, LIMIT, "there are too many headers")                                      \
    X(LENGTH, 400, SYNTAX, "Content-Length is not one decimal number")                             \
    X(LENGTH_TWICE, 400, SYNTAX, "Content-Length is given twice")                                  \
    X(CODING, 501, UNSUPPORTED, "only the transfer coding chunked is spoken here")                 \
    X(CODING_LIST, 400, SYNTAX, "Transfer-Encoding is no list of codings, chunked once and last")  \
    X(CODING_OLD, 400, SYNTAX, "HTTP/1.0 has no Transfer-Encoding")                                \
    X(LENGTH_AND_CODING, 400, SYNTAX, "both Content-Length and Transfer-Encoding are given")       \
    X(BODY, 400, SYNTAX, "this status allows no body")                                             \
    X(HOST, 400, SYNTAX, "Host is no host, or not the one of the target")                          \
    X(HOST_TWICE, 400, SYNTAX, "Host is given twice")                                              \
    X(HOST_MISSING, 400, SYNTAX, "HTTP/1.1 needs a Host")

enum http_refusal {
    HTTP_FINE,
#define HTTP_REFUSAL_ENUM(name, status, code, words) HTTP_REFUSED_##name,
    HTTP_REFUSAL_MAP(HTTP_REFUSAL_ENUM)
#undef HTTP_REFUSAL_ENUM
};

enum http_body { HTTP_BODY_NONE, HTTP_BODY_LENGTH, HTTP_BODY_CHUNKED, HTTP_BODY_UNTIL_CLOSE };

struct http_header {
    struct span name;
    struct span value; /* trimmed */
};

/* A parsed head. All spans point into the parsed bytes. */
struct http_head {
    struct span method; /* request */
    struct span target; /* request, as sent */
    struct span path;   /* request: target without query; of the absolute form it may be empty,
                           which means "/" */
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
    size_t head_bytes;         /* length of the head, empty line included */
    enum http_refusal refusal; /* HTTP_FINE, or why the message was refused */
    /* Of a message that was taken: HTTP_FINE, or why nobody may serve, forward or decode it.
     * HTTP_REFUSED_HOST_MISSING: a server answers 400 (RFC 9112, 3.2). HTTP_REFUSED_CODING: there
     * is a coding beside chunked (RFC 9112, 6.1: 501; of a response the body cannot be read).
     * HTTP_REFUSED_TARGET: the target has a fragment, which some read as part of the path. */
    enum http_refusal unserved;
};

/* The status to answer a request with, and words for people; not for HTTP_FINE. */
int http_refusal_status(enum http_refusal refusal);
const char *http_refusal_words(enum http_refusal refusal);

/* RC_OK: *ret is complete. RC_AGAIN: more bytes are needed. RC_SYNTAX, RC_LIMIT, RC_UNSUPPORTED:
 * refuse with ret->status and close; diag says why. `scanned` (in/out, start at 0) remembers how
 * far complete lines were looked for: bytes of an incomplete line are not parsed again and again.
 *
 * A fault is reported as soon as its line is complete, never earlier, so that the verdict does not
 * depend on how the bytes arrive. One empty line in front of a message is skipped (RFC 9112, 2.2);
 * a byte that is not ASCII in the target is refused. */
enum rc http_parse_request(struct span bytes, size_t *scanned, struct http_head *ret,
                           struct diag *diag) MUST_CHECK;
/* `request_method` decides whether a body follows (HEAD, CONNECT). 1xx responses are returned like
 * others, without body. Interim or 204 responses that announce a body are refused. A list of
 * codings that does not end in chunked is read until the end (RFC 9112, 6.3). */
enum rc http_parse_response(struct span bytes, size_t *scanned, struct span request_method,
                            struct http_head *ret, struct diag *diag) MUST_CHECK;
/* First header of that name, or an empty span with ptr NULL. */
struct span http_header_get(const struct http_head *head, const char *name);

/* Chunked body, fed in pieces. Extensions are checked and dropped, trailers too; a trailer that
 * could change the meaning of the message (framing, routing, rights) is refused. */
struct http_chunked {
    uint64_t left; /* of the current chunk */
    uint32_t line_bytes;
    uint8_t state;
    uint8_t digits;   /* of the current chunk size */
    uint8_t name_len; /* of the current trailer; longer names are cut */
    char trailer[24];
    bool done; /* the last chunk and its trailers were read */
};
void http_chunked_init(struct http_chunked *c);
/* Consumes up to all of `in`: *ret_used bytes were taken and *ret_data (maybe empty) is the next
 * run of body bytes inside them. Call again while bytes are left and !done. RC_SYNTAX or RC_LIMIT:
 * refuse and close. */
enum rc http_chunked_next(struct http_chunked *c, struct span in, size_t *ret_used,
                          struct span *ret_data) MUST_CHECK;

/* Percent-decodes into the buffer (at most size bytes, a closing NUL included); false on bad
 * escapes, an encoded NUL or no room. */
bool http_percent_decode(struct span in, bool plus_is_space, char *ret_text, size_t size);
/* Appends everything but letters, digits and -._~ as %XX. */
void http_percent_encode(struct span in, struct buf *out);
/* Value of a name in a query or x-www-form-urlencoded text, undecoded; ptr NULL when absent. */
struct span http_query_get(struct span query, const char *name);

#endif
