/* fuzz_http1.c - the HTTP/1.1 parser: the verdict does not depend on how the bytes arrive; spans
 * lie inside the input; what is accepted can be written again and reads the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/http1.h"

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct http_head whole;
static struct http_head split;
static struct http_head again;

static enum rc parse(struct span bytes, size_t *scanned, bool response, struct http_head *head)
{
    struct diag diag = {.code = RC_OK};
    const enum rc rc = response ? http_parse_response(bytes, scanned, span_from("GET"), head, &diag)
                                : http_parse_request(bytes, scanned, head, &diag);
    CHECK(rc == RC_OK || rc == RC_AGAIN || (diag.code == rc && diag.text[0] != '\0'));
    return rc;
}

static void check_inside(struct span outer, struct span inner)
{
    if (inner.ptr)
        CHECK(inner.ptr >= outer.ptr && inner.ptr + inner.len <= outer.ptr + outer.len);
    else
        CHECK(inner.len == 0);
}

static void check_spans(struct span bytes, const struct http_head *head)
{
    const struct span inside = span_slice(bytes, 0, head->head_bytes);
    CHECK(head->head_bytes <= bytes.len && head->head_bytes <= HTTP_HEAD_BYTES_MAX);
    check_inside(inside, head->method);
    check_inside(inside, head->target);
    check_inside(inside, head->path);
    check_inside(inside, head->query);
    check_inside(inside, head->reason);
    CHECK(head->header_count <= HTTP_HEADERS_MAX);
    for (size_t i = 0; i < head->header_count; i++) {
        check_inside(inside, head->header[i].name);
        check_inside(inside, head->header[i].value);
        CHECK(head->header[i].name.len > 0);
        CHECK(span_equal(span_trim(head->header[i].value), head->header[i].value));
        CHECK(span_find_byte(head->header[i].value, '\n', 0) == SIZE_MAX);
        CHECK(span_find_byte(head->header[i].value, '\0', 0) == SIZE_MAX);
    }
}

static void check_equal(const struct http_head *a, const struct http_head *b)
{
    CHECK(span_equal(a->method, b->method) && span_equal(a->target, b->target));
    CHECK(span_equal(a->path, b->path) && span_equal(a->query, b->query));
    CHECK(a->status == b->status && span_equal(a->reason, b->reason));
    CHECK(a->version_minor == b->version_minor && a->header_count == b->header_count);
    CHECK(a->body == b->body && a->content_length == b->content_length);
    CHECK(a->keep_alive == b->keep_alive && a->upgrade == b->upgrade);
    CHECK(a->expect_continue == b->expect_continue && a->unserved == b->unserved);
    for (size_t i = 0; i < a->header_count; i++) {
        CHECK(span_equal(a->header[i].name, b->header[i].name));
        CHECK(span_equal(a->header[i].value, b->header[i].value));
    }
}

static void write_head(struct buf *out, const struct http_head *head, bool response)
{
    if (response) {
        buf_printf(out, "HTTP/1.%d %d ", head->version_minor, head->status);
        buf_span(out, head->reason);
    } else {
        buf_span(out, head->method);
        buf_byte(out, ' ');
        buf_span(out, head->target);
        buf_printf(out, " HTTP/1.%d", head->version_minor);
    }
    buf_text(out, "\r\n");
    for (size_t i = 0; i < head->header_count; i++) {
        buf_span(out, head->header[i].name);
        buf_byte(out, ':');
        buf_span(out, head->header[i].value);
        buf_text(out, "\r\n");
    }
    buf_text(out, "\r\n");
}

static void check_written_again(const struct http_head *head, bool response)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    write_head(&out, head, response);
    CHECK(!out.failed);
    if (out.len < HTTP_HEAD_BYTES_MAX) {
        size_t scanned = 0;
        CHECK(parse(buf_view(&out), &scanned, response, &again) == RC_OK);
        check_equal(head, &again);
        CHECK(again.head_bytes == out.len);
    }
    buf_done(&out);
}

static void check_head(struct span bytes, size_t step, bool response)
{
    size_t scanned = 0;
    const enum rc rc = parse(bytes, &scanned, response, &whole);
    enum rc split_rc = RC_AGAIN;
    scanned = 0;
    for (size_t arrived = 0; split_rc == RC_AGAIN; arrived += step) {
        if (arrived > bytes.len)
            arrived = bytes.len;
        split_rc = parse(span_slice(bytes, 0, arrived), &scanned, response, &split);
        if (arrived == bytes.len)
            break;
    }
    CHECK(rc == split_rc);
    if (rc == RC_OK) {
        check_spans(bytes, &whole);
        check_equal(&whole, &split);
        CHECK(whole.head_bytes == split.head_bytes && whole.refusal == HTTP_FINE);
        check_written_again(&whole, response);
    } else if (rc != RC_AGAIN) {
        CHECK(whole.refusal != HTTP_FINE && whole.status >= 400 && whole.status <= 505);
        CHECK(whole.refusal == split.refusal);
    }
}

struct body {
    enum rc rc;
    size_t used;
    bool done;
    struct buf data;
};

static void read_chunked(struct span in, size_t step, struct body *ret)
{
    struct http_chunked c;
    http_chunked_init(&c);
    buf_init(&ret->data, in.len);
    ret->rc = RC_OK;
    ret->used = 0;
    while (ret->rc == RC_OK && ret->used < in.len && !c.done) {
        size_t used = SIZE_MAX;
        struct span data = {NULL, 0};
        const struct span piece = span_slice(in, ret->used, step);
        ret->rc = http_chunked_next(&c, piece, &used, &data);
        CHECK(used <= piece.len);
        CHECK(used > 0 || ret->rc != RC_OK);
        check_inside(piece, data);
        buf_span(&ret->data, data);
        ret->used += used;
    }
    ret->done = c.done;
    CHECK(!ret->data.failed);
}

static void check_chunked(struct span in, size_t step)
{
    struct body a;
    struct body b;
    read_chunked(in, SIZE_MAX, &a);
    read_chunked(in, step, &b);
    CHECK(a.rc == b.rc && a.used == b.used && a.done == b.done);
    CHECK(span_equal(buf_view(&a.data), buf_view(&b.data)));
    buf_done(&a.data);
    buf_done(&b.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    /* The first byte says how much arrives at a time. */
    const size_t step = (size_t)data[0] % 16 + 1;
    const struct span bytes = span_of(data + 1, size - 1);
    check_head(bytes, step, false);
    if (whole.refusal == HTTP_FINE && whole.head_bytes > 0 && whole.head_bytes <= bytes.len)
        check_chunked(span_slice(bytes, whole.head_bytes, bytes.len), step);
    check_head(bytes, step, true);
    check_chunked(bytes, step);
    char text[256];
    (void)http_percent_decode(span_slice(bytes, 0, 300), true, text, sizeof(text));
    check_inside(bytes, http_query_get(bytes, "model"));
    return 0;
}
