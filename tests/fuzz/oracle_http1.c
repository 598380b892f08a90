/* oracle_http1.c - our HTTP/1.1 parser against llhttp in its strict mode, an independent one: what
 * ours takes, llhttp takes too and reads the same (method, target, headers, body, end of message).
 * The other direction does not hold and is not meant to: ours is stricter. Built where Debian's
 * node-llhttp is installed. */
#include <llhttp.h>
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

/* What one parser saw, as text: "METHOD target version\nname:value\n...", and the body. */
struct seen {
    struct buf head;
    struct buf value; /* of the header that llhttp is reading */
    struct buf body;
    bool in_head;
    bool complete;
    size_t used;
};

static void seen_init(struct seen *seen)
{
    *seen = (struct seen){.in_head = true};
    buf_init(&seen->head, 1 << 20);
    buf_init(&seen->value, 1 << 20);
    buf_init(&seen->body, 1 << 20);
}

static void seen_done(struct seen *seen)
{
    buf_done(&seen->head);
    buf_done(&seen->value);
    buf_done(&seen->body);
}

static int on_method(llhttp_t *parser, const char *at, size_t len)
{
    buf_append(&((struct seen *)parser->data)->head, at, len);
    return 0;
}

static int on_method_complete(llhttp_t *parser)
{
    buf_byte(&((struct seen *)parser->data)->head, ' ');
    return 0;
}

static int on_version_complete(llhttp_t *parser)
{
    buf_printf(&((struct seen *)parser->data)->head, " %d\n", (int)parser->http_minor);
    return 0;
}

static int on_field(llhttp_t *parser, const char *at, size_t len)
{
    struct seen *seen = parser->data;
    if (seen->in_head)
        buf_append(&seen->head, at, len);
    return 0;
}

static int on_field_complete(llhttp_t *parser)
{
    struct seen *seen = parser->data;
    if (seen->in_head)
        buf_byte(&seen->head, ':');
    return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t len)
{
    buf_append(&((struct seen *)parser->data)->value, at, len);
    return 0;
}

static int on_value_complete(llhttp_t *parser)
{
    struct seen *seen = parser->data;
    if (seen->in_head) {
        buf_span(&seen->head, span_trim(buf_view(&seen->value)));
        buf_byte(&seen->head, '\n');
    }
    buf_clear(&seen->value);
    return 0;
}

static int on_headers_complete(llhttp_t *parser)
{
    ((struct seen *)parser->data)->in_head = false;
    return 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t len)
{
    buf_append(&((struct seen *)parser->data)->body, at, len);
    return 0;
}

static int on_message_complete(llhttp_t *parser)
{
    ((struct seen *)parser->data)->complete = true;
    return HPE_PAUSED;
}

static void read_by_oracle(struct span text, struct seen *seen)
{
    llhttp_settings_t settings;
    llhttp_t parser;
    llhttp_settings_init(&settings);
    settings.on_method = on_method;
    settings.on_method_complete = on_method_complete;
    settings.on_url = on_field;
    settings.on_version_complete = on_version_complete;
    settings.on_header_field = on_field;
    settings.on_header_field_complete = on_field_complete;
    settings.on_header_value = on_value;
    settings.on_header_value_complete = on_value_complete;
    settings.on_headers_complete = on_headers_complete;
    settings.on_body = on_body;
    settings.on_message_complete = on_message_complete;
    llhttp_init(&parser, HTTP_REQUEST, &settings);
    parser.data = seen;
    const llhttp_errno_t error = llhttp_execute(&parser, text.ptr, text.len);
    const char *end = llhttp_get_error_pos(&parser);
    seen->complete = seen->complete && error == HPE_PAUSED;
    seen->used = end ? (size_t)(end - text.ptr) : text.len;
}

static bool read_body(struct span text, const struct http_head *head, struct seen *seen)
{
    struct span rest = span_slice(text, head->head_bytes, text.len);
    if (head->body == HTTP_BODY_LENGTH) {
        if (rest.len < head->content_length)
            return false;
        buf_span(&seen->body, span_slice(rest, 0, (size_t)head->content_length));
        seen->used += (size_t)head->content_length;
        return true;
    }
    struct http_chunked chunked;
    http_chunked_init(&chunked);
    chunked.done = head->body == HTTP_BODY_NONE;
    while (!chunked.done && rest.len > 0) {
        size_t used = 0;
        struct span data;
        if (http_chunked_next(&chunked, rest, &used, &data) != RC_OK)
            return false;
        /* llhttp 8.1 refuses a second extension behind "name=value" and blanks behind ';'. */
        if (span_find_byte(span_slice(rest, 0, used - data.len), ';', 0) != SIZE_MAX)
            return false;
        buf_span(&seen->body, data);
        rest = span_slice(rest, used, rest.len);
        seen->used += used;
    }
    return chunked.done;
}

/* False when ours refuses the message, or it is not complete. */
static bool read_by_ours(struct span text, struct seen *seen)
{
    static struct http_head head;
    size_t scanned = 0;
    if (http_parse_request(text, &scanned, &head, NULL) != RC_OK)
        return false;
    /* llhttp stops reading HTTP there; the gateway answers these itself. */
    if (head.upgrade || span_equal_text(head.method, "CONNECT"))
        return false;
    buf_span(&seen->head, head.method);
    buf_byte(&seen->head, ' ');
    buf_span(&seen->head, head.target);
    buf_printf(&seen->head, " %d\n", head.version_minor);
    for (size_t i = 0; i < head.header_count; i++) {
        const struct http_header *field = &head.header[i];
        /* llhttp 8.1 refuses tabs behind a Content-Length or a Transfer-Encoding. */
        if ((field->name.len == 14 || field->name.len == 17) &&
            field->value.ptr[field->value.len] != '\r')
            return false;
        buf_span(&seen->head, field->name);
        buf_byte(&seen->head, ':');
        buf_span(&seen->head, field->value);
        buf_byte(&seen->head, '\n');
    }
    seen->used = head.head_bytes;
    return read_body(text, &head, seen);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const struct span text = span_of(data + 1, size - 1); /* the corpus of fuzz_http1 serves both */
    struct seen ours;
    struct seen theirs;
    seen_init(&ours);
    seen_init(&theirs);
    if (read_by_ours(text, &ours)) {
        read_by_oracle(text, &theirs);
        CHECK(theirs.complete);
        CHECK(span_equal(buf_view(&ours.head), buf_view(&theirs.head)));
        CHECK(span_equal(buf_view(&ours.body), buf_view(&theirs.body)));
        CHECK(ours.used == theirs.used);
    }
    seen_done(&ours);
    seen_done(&theirs);
    return 0;
}
