/* suite_http1.c - the HTTP/1.1 parser against raw requests and responses.
 *
 * accept: must be taken, with the recorded fields where there are some; a stricter refusal counts
 * only for a reason that stands in `allowed`, with the clause that allows it. Of a message that is
 * taken but not served (no Host, a coding beside chunked) it is said as well: the HTTP server
 * answers it with 400 or 501. reject: must be refused by the parser itself, or wait for bytes that
 * never come. depends: any verdict. Every case is fed whole and byte by byte, and both must end
 * alike. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "io/http1.h"

#include "suite.h"

#define MESSAGES_MAX 16

/* Refusals of messages that other parsers take, and the clause that allows them. */
static const struct {
    enum http_refusal refusal;
    const char *clause;
} allowed[] = {
    {HTTP_REFUSED_LENGTH_AND_CODING, "RFC 9112 section 6.1: a server may refuse both at once"},
    {HTTP_REFUSED_TARGET, "RFC 9112 section 3.2: 400 for a request line without a valid target"},
    {HTTP_REFUSED_VERSION, "RFC 9110 section 15.6.6: 505 for another major version"},
    {HTTP_REFUSED_LINE, "RFC 9112 section 3: 400 for another protocol or no version"},
};

/* What the server answers to messages that the parser takes; the parser's work is done then. */
static const struct {
    enum http_refusal refusal;
    const char *clause;
} served_not[] = {
    {HTTP_REFUSED_HOST_MISSING, "RFC 9112 section 3.2: 400 for HTTP/1.1 without Host"},
    {HTTP_REFUSED_TARGET, "RFC 9112 section 3.2: 400 for a target with a fragment"},
    {HTTP_REFUSED_CODING, "RFC 9112 section 6.1: 501 for a transfer coding that is not understood"},
};

struct message {
    struct http_head head;
    uint64_t body_bytes;
    bool complete;
};

struct outcome {
    struct message message[MESSAGES_MAX];
    size_t count;              /* heads that were parsed, also an incomplete last one */
    bool refused;              /* by head or body */
    bool dropped;              /* bytes behind a message that closes the connection */
    enum http_refusal refusal; /* HTTP_FINE when the body was refused */
    size_t used;
};

/* A whole connection; `step` bytes arrive at a time. */
struct feed {
    struct span text;
    size_t arrived;
    size_t step;
    bool response;
};

static bool arrive(struct feed *feed)
{
    if (feed->arrived == feed->text.len)
        return false;
    const size_t left = feed->text.len - feed->arrived;
    feed->arrived += left < feed->step ? left : feed->step;
    return true;
}

static enum rc parse_head(struct feed *feed, size_t at, struct http_head *head)
{
    size_t scanned = 0;
    const struct span method = span_from("GET");
    for (;;) {
        const struct span bytes = span_slice(feed->text, at, feed->arrived - at);
        const enum rc rc = feed->response ? http_parse_response(bytes, &scanned, method, head, NULL)
                                          : http_parse_request(bytes, &scanned, head, NULL);
        if (rc != RC_AGAIN || !arrive(feed))
            return rc;
    }
}

static enum rc take_chunked(struct feed *feed, size_t *at, struct message *m)
{
    struct http_chunked chunked;
    http_chunked_init(&chunked);
    while (!chunked.done) {
        struct span in = span_slice(feed->text, *at, feed->arrived - *at);
        size_t used = 0;
        struct span data;
        const enum rc rc = http_chunked_next(&chunked, in, &used, &data);
        *at += used;
        m->body_bytes += data.len;
        if (rc != RC_OK)
            return rc;
        if (*at == feed->arrived && !chunked.done && !arrive(feed))
            return RC_AGAIN;
    }
    return RC_OK;
}

static enum rc take_body(struct feed *feed, size_t *at, struct message *m)
{
    if (m->head.body == HTTP_BODY_CHUNKED)
        return take_chunked(feed, at, m);
    if (m->head.body == HTTP_BODY_NONE)
        return RC_OK;
    const bool until_close = m->head.body == HTTP_BODY_UNTIL_CLOSE;
    while (until_close || feed->arrived - *at < m->head.content_length)
        if (!arrive(feed))
            break;
    const size_t left = feed->arrived - *at;
    const bool all = !until_close && left >= m->head.content_length;
    m->body_bytes = all ? m->head.content_length : left;
    *at += (size_t)m->body_bytes;
    return all || until_close ? RC_OK : RC_AGAIN;
}

static void run_connection(struct span text, bool response, size_t step, struct outcome *out)
{
    struct feed feed = {.text = text, .step = step, .response = response};
    size_t at = 0;
    out->count = 0;
    out->refused = out->dropped = false;
    while ((at < feed.arrived || arrive(&feed)) && out->count < MESSAGES_MAX) {
        struct message *m = &out->message[out->count];
        m->body_bytes = 0;
        m->complete = false;
        enum rc rc = parse_head(&feed, at, &m->head);
        if (rc == RC_AGAIN)
            break;
        if (rc != RC_OK) {
            out->refused = true;
            out->refusal = m->head.refusal;
            break;
        }
        out->count++;
        at += m->head.head_bytes;
        rc = take_body(&feed, &at, m);
        if (rc == RC_SYNTAX || rc == RC_LIMIT) {
            out->refused = true;
            out->refusal = HTTP_FINE;
        }
        if (rc != RC_OK)
            break;
        m->complete = true;
        if (!m->head.keep_alive) {
            out->dropped = at < text.len;
            break;
        }
    }
    out->used = at;
}

static bool outcomes_equal(const struct outcome *a, const struct outcome *b)
{
    bool same = a->count == b->count && a->refused == b->refused && a->dropped == b->dropped &&
                a->used == b->used && (!a->refused || a->refusal == b->refusal);
    for (size_t i = 0; same && i < a->count; i++)
        same = a->message[i].body_bytes == b->message[i].body_bytes &&
               a->message[i].head.header_count == b->message[i].head.header_count &&
               a->message[i].complete == b->message[i].complete;
    return same;
}

static bool text_is(const struct tree *node, struct span text)
{
    struct span wanted;
    return tree_string(node, &wanted) && span_equal(wanted, text);
}

/* The record may hold each byte of a value as one character. */
static bool value_is(const struct tree *node, struct span value)
{
    if (text_is(node, value))
        return true;
    char wide[2048 + UTF8_MAX];
    if (value.len > 1024)
        return false;
    size_t len = 0;
    for (size_t i = 0; i < value.len; i++)
        len += utf8_put((unsigned char)value.ptr[i], wide + len);
    return text_is(node, (struct span){wide, len});
}

/* The record's names are in upper case, and of a chunked message its trailers may follow. */
static bool headers_match(const struct tree *wanted, const struct http_head *head)
{
    if (!wanted || wanted->count < head->header_count)
        return false;
    for (size_t i = 0; i < head->header_count; i++) {
        const struct tree *pair = tree_at(wanted, i);
        struct span name;
        if (!tree_string(tree_at(pair, 0), &name) ||
            !span_equal_nocase(name, head->header[i].name) ||
            !value_is(tree_at(pair, 1), head->header[i].value))
            return false;
    }
    return wanted->count == head->header_count || head->body == HTTP_BODY_CHUNKED;
}

static const char *mismatch(const struct tree *wanted, const struct message *m)
{
    int64_t body_bytes = 0;
    if (!text_is(tree_get(wanted, "method"), m->head.method))
        return "method differs";
    if (!text_is(tree_get(wanted, "target"), m->head.target))
        return "target differs";
    if (!text_is(tree_get(wanted, "version"), span_from(m->head.version_minor ? "1.1" : "1.0")))
        return "version differs";
    if (!headers_match(tree_get(wanted, "headers"), &m->head))
        return "headers differ";
    if (tree_int(tree_get(wanted, "body_len"), &body_bytes) &&
        (uint64_t)body_bytes != m->body_bytes)
        return "body length differs";
    return NULL;
}

static enum verdict judge_accept(const struct vector *v, const struct outcome *out, struct buf *why)
{
    const struct tree *requests = tree_get(v->tree, "requests");
    if (out->refused && !requests && out->count > 0 && out->message[out->count - 1].complete) {
        buf_text(why, "taken; the file runs on with text that is no message");
        return VERDICT_PASSED;
    }
    if (out->refused) {
        for (size_t i = 0; i < COUNT_OF(allowed); i++) {
            if (out->refusal == allowed[i].refusal) {
                buf_printf(why, "refused: %s", allowed[i].clause);
                return VERDICT_PASSED;
            }
        }
        buf_printf(why, "refused (%d)", (int)out->refusal);
        return VERDICT_FAILED;
    }
    if (requests && requests->count != out->count) {
        buf_printf(why, "%zu messages, not %zu", out->count, requests->count);
        return VERDICT_FAILED;
    }
    for (size_t i = 0; requests && i < out->count; i++) {
        const char *words = mismatch(tree_at(requests, i), &out->message[i]);
        if (words || !out->message[i].complete) {
            buf_printf(why, "message %zu: %s", i + 1, words ? words : "incomplete");
            return VERDICT_FAILED;
        }
    }
    for (size_t i = 0; out->count > 0 && i < COUNT_OF(served_not); i++)
        if (out->message[0].head.unserved == served_not[i].refusal)
            buf_printf(why, "taken; the server answers: %s", served_not[i].clause);
    return VERDICT_PASSED;
}

static enum verdict judge_reject(const struct vector *v, const struct outcome *out, struct buf *why)
{
    (void)v;
    const bool waits = out->count == 0 || !out->message[out->count - 1].complete;
    if (out->refused || out->dropped || waits)
        return VERDICT_PASSED;
    buf_printf(why, "taken as %zu messages", out->count);
    return VERDICT_FAILED;
}

static enum verdict judge(const struct vector *v, struct span file, struct span expect,
                          struct span text, struct buf *why)
{
    const bool response = span_ends_with(file, ".resp");
    struct outcome *outcomes = mem_new(2, sizeof(*outcomes));
    if (!outcomes)
        return VERDICT_FAILED;
    run_connection(text, response, SIZE_MAX, &outcomes[0]);
    run_connection(text, response, 1, &outcomes[1]);
    enum verdict verdict = VERDICT_PASSED;
    if (!outcomes_equal(&outcomes[0], &outcomes[1])) {
        buf_text(why, "the verdict depends on how the bytes arrive");
        verdict = VERDICT_FAILED;
    } else if (span_equal_text(expect, "accept")) {
        verdict = judge_accept(v, &outcomes[0], why);
    } else if (span_equal_text(expect, "reject")) {
        verdict = judge_reject(v, &outcomes[0], why);
    }
    free(outcomes);
    return verdict;
}

static enum verdict run(const struct vector *v, struct buf *why)
{
    struct span file;
    struct span expect;
    if (!tree_string(tree_get(v->tree, "file"), &file) ||
        !tree_string(tree_get(v->tree, "expect"), &expect))
        return VERDICT_SKIPPED;
    struct buf text;
    buf_init(&text, FILE_BYTES_MAX);
    enum verdict verdict = VERDICT_FAILED;
    if (read_file(v->folder, file, &text))
        verdict = judge(v, file, expect, buf_view(&text), why);
    else
        buf_text(why, "the file cannot be read");
    buf_done(&text);
    return verdict;
}

const struct suite suite_http1 = {.name = "http1", .run = run};
