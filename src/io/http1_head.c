/* http1_head.c - first line and header lines, in one pass. What headers mean is in http1_fields.c.
 */
#include <assert.h>
#include <endian.h>
#include <string.h>

#include "base/scan.h"
#include "io/http1.h"
#include "io/http1_chars.h"
#include "io/http1_fields.h"

/* Beside the refusals: the bytes end here. */
#define NEED_MORE ((enum http_refusal)(-1))

static const struct {
    int status;
    enum rc code;
    const char *words;
} refusals[] = {/* without the first, HTTP_FINE */
#define REFUSAL_ROW(name, status_, code_, words_) {status_, RC_##code_, words_},
                HTTP_REFUSAL_MAP(REFUSAL_ROW)
#undef REFUSAL_ROW
};

/* The registered methods and the few others in use; anything else is answered 501. */
static const char *const methods[] = {
    "GET",        "POST",        "PUT",        "HEAD",        "DELETE",   "PATCH",
    "OPTIONS",    "CONNECT",     "TRACE",      "QUERY",       "PROPFIND", "PROPPATCH",
    "MKCOL",      "COPY",        "MOVE",       "LOCK",        "UNLOCK",   "SEARCH",
    "REPORT",     "PURGE",       "LINK",       "UNLINK",      "BIND",     "REBIND",
    "UNBIND",     "ACL",         "CHECKOUT",   "CHECKIN",     "MERGE",    "MKACTIVITY",
    "UNCHECKOUT", "UPDATE",      "LABEL",      "MKWORKSPACE", "M-SEARCH", "NOTIFY",
    "SUBSCRIBE",  "UNSUBSCRIBE", "MKCALENDAR", "ORDERPATCH",  "SOURCE",   "VERSION-CONTROL"};

struct cursor {
    const char *p;
    const char *end;
};

/* High bit set in every byte that is neither a letter nor '-': what most names consist of. */
static uint64_t unusual_bytes(uint64_t word)
{
    const uint64_t low =
        (word | (SCAN_ONES * 0x20)) & ~SCAN_HIGHS; /* lower case; no carry leaves a byte */
    const uint64_t letter = (low + SCAN_ONES * (0x80 - 'a')) & ~(low + SCAN_ONES * (0x7F - 'z'));
    const uint64_t dash = ~(((word & ~SCAN_HIGHS) ^ (SCAN_ONES * '-')) + SCAN_ONES * 0x7F);
    return (~(letter | dash) | word) & SCAN_HIGHS;
}

/* First byte from p on that no token holds, or end. */
static const char *skip_token(const char *p, const char *end)
{
    while (end - p >= 8) {
        uint64_t word;
        memcpy(&word, p, sizeof(word));
        const uint64_t unusual = unusual_bytes(le64toh(word));
        if (unusual == 0) {
            p += 8;
            continue;
        }
        p += __builtin_ctzll(unusual) >> 3;
        if (!char_is(*p, CHAR_TOKEN))
            return p;
        p++; /* a digit or a rarer byte */
    }
    while (p < end && char_is(*p, CHAR_TOKEN))
        p++;
    return p;
}

static enum http_refusal take_line_end(struct cursor *c)
{
    if (c->p == c->end)
        return NEED_MORE;
    if (c->p[0] != '\r')
        return HTTP_REFUSED_LINE_END;
    if (c->end - c->p < 2)
        return NEED_MORE;
    if (c->p[1] != '\n')
        return HTTP_REFUSED_LINE_END;
    c->p += 2;
    return HTTP_FINE;
}

/* Text up to the end of the line, without its CR LF. */
static enum http_refusal take_text(struct cursor *c, struct span *ret)
{
    const char *start = c->p;
    const char *p = scan_control(start, c->end);
    while (p < c->end && *p == '\t')
        p = scan_control(p + 1, c->end);
    if (p == c->end)
        return NEED_MORE;
    c->p = p;
    if (*p != '\r' && *p != '\n')
        return HTTP_REFUSED_VALUE;
    *ret = (struct span){start, (size_t)(p - start)};
    return take_line_end(c);
}

static enum http_refusal take_field(struct cursor *c, struct http_header *ret)
{
    const char *start = c->p;
    const char *p = start;
    if (*p == ' ' || *p == '\t')
        return HTTP_REFUSED_FOLD;
    p = skip_token(p, c->end);
    if (p == c->end)
        return NEED_MORE;
    if (p == start || *p != ':')
        return HTTP_REFUSED_NAME;
    ret->name = (struct span){start, (size_t)(p - start)};
    p++;
    while (p < c->end && (*p == ' ' || *p == '\t'))
        p++;
    c->p = p;
    const enum http_refusal refusal = take_text(c, &ret->value);
    if (refusal != HTTP_FINE)
        return refusal;
    size_t len = ret->value.len;
    while (len > 0 && (ret->value.ptr[len - 1] == ' ' || ret->value.ptr[len - 1] == '\t'))
        len--;
    ret->value.len = len;
    return (size_t)(c->p - start) > HTTP_FIELD_BYTES_MAX ? HTTP_REFUSED_HEAD_LONG : HTTP_FINE;
}

/* "HTTP/1.1" or "HTTP/1.0". */
static enum http_refusal take_version(struct cursor *c, int *ret_minor)
{
    const char *p = c->p;
    if (c->end - p < 8) /* a line that ends before is wrong at once, not when more arrives */
        return memchr(p, '\n', (size_t)(c->end - p)) ? HTTP_REFUSED_LINE : NEED_MORE;
    if (memcmp(p, "HTTP/", 5) != 0 || p[5] < '0' || p[5] > '9' || p[6] != '.' || p[7] < '0' ||
        p[7] > '9')
        return HTTP_REFUSED_LINE;
    if (p[5] != '1' || p[7] > '1')
        return HTTP_REFUSED_VERSION;
    *ret_minor = p[7] - '0';
    c->p += 8;
    return HTTP_FINE;
}

static bool method_is_known(struct span method)
{
    for (size_t i = 0; i < COUNT_OF(methods); i++)
        if (methods[i][0] == method.ptr[0] && span_equal_text(method, methods[i]))
            return true;
    return false;
}

/* A run of bytes of one class and the space behind it. */
static enum http_refusal take_word(struct cursor *c, uint8_t class, enum http_refusal otherwise,
                                   struct span *ret)
{
    const char *start = c->p;
    const char *p = start;
    while (p < c->end && char_is(*p, class))
        p++;
    if (p == c->end)
        return NEED_MORE;
    if (p == start || *p != ' ')
        return otherwise;
    *ret = (struct span){start, (size_t)(p - start)};
    c->p = p + 1;
    return HTTP_FINE;
}

static enum http_refusal take_request_line(struct cursor *c, struct http_facts *facts,
                                           struct http_head *head)
{
    enum http_refusal refusal = take_word(c, CHAR_TOKEN, HTTP_REFUSED_LINE, &head->method);
    if (refusal == HTTP_FINE)
        refusal = take_word(c, CHAR_TARGET, HTTP_REFUSED_TARGET, &head->target);
    if (refusal == HTTP_FINE)
        refusal = take_version(c, &head->version_minor);
    if (refusal == HTTP_FINE)
        refusal = take_line_end(c);
    if (refusal != HTTP_FINE)
        return refusal;
    if (!method_is_known(head->method))
        return HTTP_REFUSED_METHOD;
    if (head->target.len > HTTP_TARGET_BYTES_MAX)
        return HTTP_REFUSED_TARGET_LONG;
    return http_target_split(head, facts);
}

/* "HTTP/1.1 200 OK"; the reason, and the space before it, may be missing. */
static enum http_refusal take_status_line(struct cursor *c, struct http_head *head)
{
    const enum http_refusal refusal = take_version(c, &head->version_minor);
    if (refusal != HTTP_FINE)
        return refusal;
    struct span rest;
    const enum http_refusal end = take_text(c, &rest);
    if (end != HTTP_FINE)
        return end;
    if (rest.len < 4 || rest.ptr[0] != ' ' || (rest.len > 4 && rest.ptr[4] != ' '))
        return HTTP_REFUSED_LINE;
    int status = 0;
    for (int i = 1; i < 4; i++) {
        if (rest.ptr[i] < '0' || rest.ptr[i] > '9')
            return HTTP_REFUSED_LINE;
        status = status * 10 + (rest.ptr[i] - '0');
    }
    head->status = status;
    head->reason = span_slice(rest, 5, rest.len);
    return status >= 100 ? HTTP_FINE : HTTP_REFUSED_LINE;
}

/* Header lines and the empty line. *line is set to the start of the line that is being read. */
static enum http_refusal take_fields(struct cursor *c, struct http_facts *facts,
                                     struct http_head *head, const char **line)
{
    for (;;) {
        *line = c->p;
        if (c->p == c->end)
            return NEED_MORE;
        if (*c->p == '\r' || *c->p == '\n')
            return take_line_end(c);
        if (head->header_count == HTTP_HEADERS_MAX)
            return HTTP_REFUSED_HEADERS_MANY;
        struct http_header *field = &head->header[head->header_count];
        enum http_refusal refusal = take_field(c, field);
        if (refusal == HTTP_FINE)
            refusal = http_field_note(field, facts, head);
        if (refusal != HTTP_FINE)
            return refusal;
        head->header_count++;
    }
}

static void clear(struct http_head *head)
{
    /* Not the headers: 3 kB that nobody reads beyond header_count. */
    head->method = head->target = head->path = head->query = head->reason = (struct span){NULL, 0};
    head->status = 0;
    head->version_minor = 0;
    head->header_count = 0;
    head->body = HTTP_BODY_NONE;
    head->content_length = 0;
    head->keep_alive = head->expect_continue = head->upgrade = false;
    head->head_bytes = 0;
    head->refusal = head->unserved = HTTP_FINE;
}

int http_refusal_status(enum http_refusal refusal)
{
    assert(refusal > HTTP_FINE && (size_t)refusal <= COUNT_OF(refusals));
    return refusals[refusal - 1].status;
}

const char *http_refusal_words(enum http_refusal refusal)
{
    assert(refusal > HTTP_FINE && (size_t)refusal <= COUNT_OF(refusals));
    return refusals[refusal - 1].words;
}

static enum rc refuse(struct http_head *head, enum http_refusal refusal, struct diag *diag)
{
    head->refusal = refusal;
    head->status = http_refusal_status(refusal);
    return fail(diag, refusals[refusal - 1].code, "%s", http_refusal_words(refusal));
}

/* What the end of the bytes, or a fault in the line that starts at `line`, comes to. Of too long a
 * line `too_long` is said. */
static enum rc conclude(struct span bytes, const char *line, enum http_refusal refusal,
                        enum http_refusal too_long, size_t *scanned, struct http_head *head,
                        struct diag *diag)
{
    const bool full = bytes.len >= HTTP_HEAD_BYTES_MAX;
    const size_t left = (size_t)(bytes.ptr + bytes.len - line);
    const bool complete = left > 0 && memchr(line, '\n', left);
    if (refusal != NEED_MORE && (complete || full))
        return refuse(head, refusal, diag);
    if (full)
        return refuse(head, too_long, diag);
    *scanned = bytes.len;
    return RC_AGAIN;
}

/* Some senders end a body with a line that is not part of it. */
static enum http_refusal skip_empty_line(struct cursor *c)
{
    return *c->p == '\r' || *c->p == '\n' ? take_line_end(c) : HTTP_FINE;
}

/* Nothing new happened when no line was completed since the last look. */
static bool nothing_new(struct span bytes, size_t scanned)
{
    return bytes.len == 0 ||
           (scanned > 0 && bytes.len < HTTP_HEAD_BYTES_MAX && scanned <= bytes.len &&
            (scanned == bytes.len || !memchr(bytes.ptr + scanned, '\n', bytes.len - scanned)));
}

enum rc http_parse_request(struct span bytes, size_t *scanned, struct http_head *ret,
                           struct diag *diag)
{
    if (nothing_new(bytes, *scanned)) {
        *scanned = bytes.len;
        return RC_AGAIN;
    }
    clear(ret);
    if (bytes.len > HTTP_HEAD_BYTES_MAX)
        bytes.len = HTTP_HEAD_BYTES_MAX;
    struct http_facts facts = {.has_host = false};
    struct cursor c = {bytes.ptr, bytes.ptr + bytes.len};
    enum http_refusal refusal = skip_empty_line(&c);
    const char *first = c.p;
    const char *line = first;
    if (refusal == HTTP_FINE)
        refusal = take_request_line(&c, &facts, ret);
    if (refusal == HTTP_FINE)
        refusal = take_fields(&c, &facts, ret, &line);
    if (refusal == HTTP_FINE)
        refusal = http_request_finish(&facts, ret);
    ret->head_bytes = (size_t)(c.p - bytes.ptr);
    if (refusal != HTTP_FINE)
        return conclude(bytes, line, refusal,
                        line == first ? HTTP_REFUSED_TARGET_LONG : HTTP_REFUSED_HEAD_LONG, scanned,
                        ret, diag);
    return RC_OK;
}

enum rc http_parse_response(struct span bytes, size_t *scanned, struct span request_method,
                            struct http_head *ret, struct diag *diag)
{
    if (nothing_new(bytes, *scanned)) {
        *scanned = bytes.len;
        return RC_AGAIN;
    }
    clear(ret);
    if (bytes.len > HTTP_HEAD_BYTES_MAX)
        bytes.len = HTTP_HEAD_BYTES_MAX;
    struct http_facts facts = {.has_host = false};
    struct cursor c = {bytes.ptr, bytes.ptr + bytes.len};
    enum http_refusal refusal = skip_empty_line(&c);
    const char *line = c.p;
    if (refusal == HTTP_FINE)
        refusal = take_status_line(&c, ret);
    if (refusal == HTTP_FINE)
        refusal = take_fields(&c, &facts, ret, &line);
    if (refusal == HTTP_FINE)
        refusal = http_response_finish(&facts, request_method, ret);
    ret->head_bytes = (size_t)(c.p - bytes.ptr);
    if (refusal != HTTP_FINE)
        return conclude(bytes, line, refusal, HTTP_REFUSED_HEAD_LONG, scanned, ret, diag);
    return RC_OK;
}
