/* test_http1.c - heads and chunked bodies: what is taken, what is refused and with which status. */
#include "io/http1.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct http_head head;

static enum rc parse(struct span bytes)
{
    size_t scanned = 0;
    return http_parse_request(bytes, &scanned, &head, NULL);
}

static void a_complete_request_is_taken_apart(void **state)
{
    (void)state;
    const char *text = "POST /v1/chat/completions?a=1&b=%20x HTTP/1.1\r\n"
                       "Host: localhost:8080\r\n"
                       "Content-Type:application/json\r\n"
                       "Content-Length: \t17 \t\r\n"
                       "X-Empty:\r\n"
                       "Expect: 100-Continue\r\n"
                       "Connection: keep-alive, Upgrade\r\n"
                       "Upgrade: websocket\r\n"
                       "\r\n{";
    assert_int_equal(parse(span_from(text)), RC_OK);
    assert_true(span_equal_text(head.method, "POST"));
    assert_true(span_equal_text(head.target, "/v1/chat/completions?a=1&b=%20x"));
    assert_true(span_equal_text(head.path, "/v1/chat/completions"));
    assert_true(span_equal_text(head.query, "a=1&b=%20x"));
    assert_int_equal(head.version_minor, 1);
    assert_int_equal(head.header_count, 7);
    assert_int_equal(head.body, HTTP_BODY_LENGTH);
    assert_true(head.content_length == 17);
    assert_true(head.keep_alive && head.expect_continue && head.upgrade);
    assert_int_equal(head.head_bytes, strlen(text) - 1);
    assert_true(span_equal_text(http_header_get(&head, "content-TYPE"), "application/json"));
    assert_int_equal(http_header_get(&head, "x-empty").len, 0);
    assert_non_null(http_header_get(&head, "x-empty").ptr);
    assert_null(http_header_get(&head, "x-other").ptr);
}

static void fault_61_what_two_parsers_could_read_differently_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum http_refusal refusal;
        int status;
    } cases[] = {
#define GET "GET / HTTP/1.1\r\nHost: a\r\n"
        {GET "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
         HTTP_REFUSED_LENGTH_AND_CODING, 400},
        {GET "X : 1\r\n\r\n", HTTP_REFUSED_NAME, 400},
        {GET "Transfer-Encoding: xchunked\r\n\r\n", HTTP_REFUSED_CODING_LIST, 400},
        {GET "Transfer-Encoding: chunked, identity\r\n\r\n", HTTP_REFUSED_CODING_LIST, 400},
        {GET "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\n",
         HTTP_REFUSED_CODING_LIST, 400},
        {GET "Transfer-Encoding: gzip, chunked, gzip, chunked\r\n\r\n", HTTP_REFUSED_CODING_LIST,
         400},
        {GET "Transfer-Encoding: , chunked\r\n\r\n", HTTP_REFUSED_CODING_LIST, 400},
        {GET "Transfer-Encoding: chunked,\r\n\r\n", HTTP_REFUSED_CODING_LIST, 400},
        {GET "Transfer-Encoding: gzip chunked\r\n\r\n", HTTP_REFUSED_CODING_LIST, 400},
        {GET "Transfer-Encoding: gzip;q=1, chunked\r\n\r\n", HTTP_REFUSED_CODING_LIST, 400},
        {GET "Transfer-Encoding:\r\n\r\n", HTTP_REFUSED_CODING_LIST, 400},
        {GET "Transfer-Encoding: identity\r\nContent-Length: 5\r\n\r\n",
         HTTP_REFUSED_LENGTH_AND_CODING, 400},
        {GET "Transfer-Encoding: \x0b"
             "chunked\r\n\r\n",
         HTTP_REFUSED_VALUE, 400},
        {GET "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
         HTTP_REFUSED_CODING_LIST, 400},
        {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_REFUSED_CODING_OLD, 400},
        {GET "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", HTTP_REFUSED_LENGTH_TWICE, 400},
        {GET "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", HTTP_REFUSED_LENGTH_TWICE, 400},
        {GET "Content-Length: +3\r\n\r\n", HTTP_REFUSED_LENGTH, 400},
        {GET "Content-Length: 5, 5\r\n\r\n", HTTP_REFUSED_LENGTH, 400},
        {GET "Content-Length: 0x5\r\n\r\n", HTTP_REFUSED_LENGTH, 400},
        {GET "Content-Length: 99999999999999999999\r\n\r\n", HTTP_REFUSED_LENGTH, 400},
        {GET "Content-Length:\r\n\r\n", HTTP_REFUSED_LENGTH, 400},
        {"GET / HTTP/1.1\nHost: a\n\n", HTTP_REFUSED_LINE_END, 400},
        {GET "X: a\rb\r\n\r\n", HTTP_REFUSED_LINE_END, 400},
        {GET "X: a\n\r\n", HTTP_REFUSED_LINE_END, 400},
        {GET "X: a\r\n folded\r\n\r\n", HTTP_REFUSED_FOLD, 400},
        {"GET / HTTP/1.1\r\n Host: a\r\n\r\n", HTTP_REFUSED_FOLD, 400},
        {GET "X: a\x01\r\n\r\n", HTTP_REFUSED_VALUE, 400},
        {GET "X: a\x7F\r\n\r\n", HTTP_REFUSED_VALUE, 400},
        {GET ": a\r\n\r\n", HTTP_REFUSED_NAME, 400},
        {GET "X\r\n\r\n", HTTP_REFUSED_NAME, 400},
        {GET "Host: a\r\n\r\n", HTTP_REFUSED_HOST_TWICE, 400},
        {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", HTTP_REFUSED_HOST, 400},
        {"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", HTTP_REFUSED_HOST, 400},
        {"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_REFUSED_HOST, 400},
        {"GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", HTTP_REFUSED_HOST, 400},
        {"GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n", HTTP_REFUSED_HOST, 400},
        {"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", HTTP_REFUSED_HOST, 400},
        {"GET / HTTP/1.1\r\nHost: [::1]a\r\n\r\n", HTTP_REFUSED_HOST, 400},
        {"GET / HTTP/1.1\r\nHost: a[1]\r\n\r\n", HTTP_REFUSED_HOST, 400},
        {"GET / HTTP/1.1\r\nHost: a]:1\r\n\r\n", HTTP_REFUSED_HOST, 400},
        {"GET http://b@c@a/ HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_REFUSED_TARGET, 400},
        {"GET http://a:x/ HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_REFUSED_TARGET, 400},
        {"GET http:/// HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_REFUSED_TARGET, 400},
        {"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_REFUSED_TARGET, 400},
        {"GET * HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_REFUSED_TARGET, 400},
        {"GET a HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_REFUSED_TARGET, 400},
        {"GET /\xC3\xBC HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_REFUSED_TARGET, 400},
        {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_REFUSED_TARGET, 400},
        {"GET /  HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_REFUSED_LINE, 400},
        {"GET /\r\n\r\n", HTTP_REFUSED_TARGET, 400},
        {"CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_REFUSED_TARGET, 400},
        {"GET / HTTP/1.2\r\nHost: a\r\n\r\n", HTTP_REFUSED_VERSION, 505},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", HTTP_REFUSED_VERSION, 505},
        {"GET / HTTP/111\r\nHost: a\r\n\r\n", HTTP_REFUSED_LINE, 400},
        {"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", HTTP_REFUSED_LINE_END, 400},
        {"get / HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_REFUSED_METHOD, 501},
        {"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_REFUSED_LINE, 400},
#undef GET
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const enum rc rc = parse(span_from(cases[i].text));
        if (rc == RC_OK || rc == RC_AGAIN || head.refusal != cases[i].refusal ||
            head.status != cases[i].status)
            fail_msg("case %zu gives %s, refusal %d, status %d:\n%s", i, rc_name(rc),
                     (int)head.refusal, head.status, cases[i].text);
    }
}

static void unusual_but_clear_requests_are_taken(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum http_body body;
        bool keep_alive;
        const char *path;
    } cases[] = {
        {"GET / HTTP/1.0\r\n\r\n", HTTP_BODY_NONE, false, "/"},
        {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", HTTP_BODY_NONE, true, "/"},
        {"GET / HTTP/1.1\r\nHost:\r\nConnection: foo , CLOSE\r\n\r\n", HTTP_BODY_NONE, false, "/"},
        {"\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_BODY_NONE, true, "/x"},
        {"POST / HTTP/1.1\r\nhOST: a\r\ntransfer-ENCODING: Chunked\r\n\r\n", HTTP_BODY_CHUNKED,
         true, "/"},
        {"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 003\r\n\r\n", HTTP_BODY_LENGTH, true, "/"},
        {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_BODY_NONE, true, "*"},
        {"GET http://u:p@A:80/b?c HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_BODY_NONE, true, "/b"},
        {"GET https://a?c HTTP/1.1\r\nHost: a:443\r\n\r\n", HTTP_BODY_NONE, true, ""},
        {"CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n\r\n", HTTP_BODY_NONE, true, ""},
        {"GET /\"<{|}>\" HTTP/1.1\r\nHost: a\r\nX: a\tb \xFF\r\n\r\n", HTTP_BODY_NONE, true,
         "/\"<{|}>\""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const enum rc rc = parse(span_from(cases[i].text));
        if (rc != RC_OK || head.body != cases[i].body || head.keep_alive != cases[i].keep_alive ||
            !span_equal_text(head.path, cases[i].path))
            fail_msg("case %zu gives %s, refusal %d", i, rc_name(rc), (int)head.refusal);
    }
}

static void what_a_server_must_not_serve_is_taken_apart_and_marked(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum http_refusal unserved;
        int status;
    } cases[] = {
        {"GET / HTTP/1.1\r\n\r\n", HTTP_REFUSED_HOST_MISSING, 400},
        {"GET http://a/ HTTP/1.1\r\n\r\n", HTTP_REFUSED_HOST_MISSING, 400},
        {"GET /a?b#c HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_REFUSED_TARGET, 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip ,Chunked\r\n\r\n",
         HTTP_REFUSED_CODING, 501},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n"
         "Transfer-Encoding: chunked\r\n\r\n",
         HTTP_REFUSED_CODING, 501},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const size_t len = strlen(cases[i].text);
        if (parse(span_from(cases[i].text)) != RC_OK || head.unserved != cases[i].unserved ||
            http_refusal_status(head.unserved) != cases[i].status || head.head_bytes != len)
            fail_msg("case %zu: unserved %d", i, (int)head.unserved);
    }
    assert_int_equal(parse(span_from("GET / HTTP/1.0\r\n\r\n")), RC_OK);
    assert_int_equal(head.unserved, HTTP_FINE);
}

static void fault_59_limits_are_refused_with_their_own_status(void **state)
{
    (void)state;
    static char text[40000];
    int n = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\n");
    for (int i = 0; i < HTTP_HEADERS_MAX - 1; i++)
        n += snprintf(text + n, sizeof(text) - (size_t)n, "a%d: b\r\n", i);
    const size_t full = (size_t)n;
    n += snprintf(text + n, sizeof(text) - (size_t)n, "\r\n");
    assert_int_equal(parse(span_of(text, (size_t)n)), RC_OK);
    assert_int_equal(head.header_count, HTTP_HEADERS_MAX);
    n = (int)full + snprintf(text + full, sizeof(text) - full, "x: y\r\n\r\n");
    assert_int_equal(parse(span_of(text, (size_t)n)), RC_LIMIT);
    assert_int_equal(head.status, 431);

    memset(text, 'a', sizeof(text));
    memcpy(text, "GET /", 5);
    assert_int_equal(parse(span_of(text, HTTP_HEAD_BYTES_MAX - 1)), RC_AGAIN);
    assert_int_equal(parse(span_of(text, HTTP_HEAD_BYTES_MAX)), RC_LIMIT);
    assert_int_equal(head.status, 414);
    memcpy(text + HTTP_TARGET_BYTES_MAX + 4, " HTTP/1.0\r\n\r\n", 13);
    assert_int_equal(parse(span_of(text, HTTP_TARGET_BYTES_MAX + 17)), RC_OK);
    memcpy(text + HTTP_TARGET_BYTES_MAX + 5, " HTTP/1.0\r\n\r\n", 13);
    text[HTTP_TARGET_BYTES_MAX + 4] = 'a';
    assert_int_equal(parse(span_of(text, HTTP_TARGET_BYTES_MAX + 18)), RC_LIMIT);
    assert_int_equal(head.status, 414);

    memset(text, 'a', sizeof(text));
    memcpy(text, "GET / HTTP/1.0\r\nx:", 18);
    assert_int_equal(parse(span_of(text, sizeof(text))), RC_LIMIT);
    assert_int_equal(head.status, 431);
    memcpy(text + 9000, "\r\n\r\n", 4);
    assert_int_equal(parse(span_of(text, 9004)), RC_LIMIT);
    assert_int_equal(head.status, 431);
}

static void every_prefix_asks_for_more_and_bytes_arrive_in_any_portion(void **state)
{
    (void)state;
    const char *text = "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n";
    const size_t len = strlen(text);
    size_t scanned = 0;
    for (size_t i = 0; i < len; i++) {
        assert_int_equal(parse(span_of(text, i)), RC_AGAIN);
        assert_int_equal(http_parse_request(span_of(text, i), &scanned, &head, NULL), RC_AGAIN);
    }
    assert_int_equal(http_parse_request(span_of(text, len), &scanned, &head, NULL), RC_OK);
    assert_true(head.content_length == 3);
}

static enum rc parse_response(const char *text, const char *method)
{
    size_t scanned = 0;
    return http_parse_response(span_from(text), &scanned, span_from(method), &head, NULL);
}

static void responses_know_whether_a_body_follows(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *method;
        enum rc rc;
        enum http_body body;
        bool keep_alive;
        int status;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "GET", RC_OK, HTTP_BODY_LENGTH, true, 200},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HEAD", RC_OK, HTTP_BODY_NONE, true, 200},
        {"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n", "GET", RC_OK, HTTP_BODY_CHUNKED,
         true, 200},
        {"HTTP/1.1 200 \r\n\r\n", "GET", RC_OK, HTTP_BODY_UNTIL_CLOSE, false, 200},
        {"HTTP/1.1 200 OK\r\n\r\n", "CONNECT", RC_OK, HTTP_BODY_NONE, true, 200},
        {"HTTP/1.1 100 Continue\r\n\r\n", "POST", RC_OK, HTTP_BODY_NONE, true, 100},
        {"HTTP/1.1 204 No Content\r\n\r\n", "GET", RC_OK, HTTP_BODY_NONE, true, 204},
        {"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", "GET", RC_OK, HTTP_BODY_NONE,
         true, 304},
        {"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", "GET", RC_OK, HTTP_BODY_LENGTH, false,
         200},
        {"HTTP/1.1 204 No\r\nContent-Length: 7\r\n\r\n", "GET", RC_SYNTAX, 0, false, 400},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "GET",
         RC_SYNTAX, 0, false, 400},
        {"HTTP/1.1 20 OK\r\n\r\n", "GET", RC_SYNTAX, 0, false, 400},
        {"HTTP/1.1 2000\r\n\r\n", "GET", RC_SYNTAX, 0, false, 400},
        {"HTTP/1.1  200 OK\r\n\r\n", "GET", RC_SYNTAX, 0, false, 400},
        {"HTTP/2.0 200 OK\r\n\r\n", "GET", RC_UNSUPPORTED, 0, false, 505},
        {"\r\nHTTP/1.1 200 OK\r\n\r\n", "GET", RC_OK, HTTP_BODY_UNTIL_CLOSE, false, 200},
        {"\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "GET", RC_SYNTAX, 0, false, 400},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", "GET", RC_SYNTAX, 0,
         false, 400},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", "GET", RC_OK,
         HTTP_BODY_UNTIL_CLOSE, false, 200},
        {"HTTP/1.1 200 OK\nX: y\n\n", "GET", RC_SYNTAX, 0, false, 400},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const enum rc rc = parse_response(cases[i].text, cases[i].method);
        if (rc != cases[i].rc || head.status != cases[i].status ||
            (rc == RC_OK && (head.body != cases[i].body || head.keep_alive != cases[i].keep_alive)))
            fail_msg("case %zu gives %s, status %d, body %d", i, rc_name(rc), head.status,
                     (int)head.body);
    }
    assert_int_equal(parse_response("HTTP/1.1 503 Service Unavailable\r\n\r\n", "GET"), RC_OK);
    assert_true(span_equal_text(head.reason, "Service Unavailable"));
}

/* Feeds `step` bytes at a time; the data goes to `out`. */
static enum rc unchunk(struct span in, size_t step, char *out, size_t *ret_used)
{
    struct http_chunked c;
    http_chunked_init(&c);
    size_t at = 0;
    size_t len = 0;
    while (at < in.len && !c.done) {
        size_t used = 0;
        struct span data;
        const enum rc rc = http_chunked_next(&c, span_slice(in, at, step), &used, &data);
        if (rc != RC_OK)
            return rc;
        assert_true(used > 0);
        if (data.len > 0)
            memcpy(out + len, data.ptr, data.len);
        len += data.len;
        at += used;
    }
    out[len] = '\0';
    *ret_used = at;
    return c.done ? RC_OK : RC_AGAIN;
}

static void chunked_bodies_are_joined_or_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum rc rc;
        const char *data;
    } cases[] = {
        {"5\r\nhello\r\n0\r\n\r\n", RC_OK, "hello"},
        {"1\r\na\r\n002\r\nbc\r\n000\r\n\r\nGET", RC_OK, "abc"},
        {"A\r\n0123456789\r\n0\r\nX-Sum: 5\r\nY:\r\n\r\n", RC_OK, "0123456789"},
        {"1;a\r\nx\r\n1; b=c;d=\"e \\\" f\";g\r\ny\r\n0;z\r\n\r\n", RC_OK, "xy"},
        {"0\r\n\r\n", RC_OK, ""},
        {"5\r\nhello\r\n", RC_AGAIN, "hello"},
        {"\r\n", RC_SYNTAX, ""},
        {" 5\r\nhello", RC_SYNTAX, ""},
        {"5 \r\nhello", RC_SYNTAX, ""},
        {"+5\r\nhello", RC_SYNTAX, ""},
        {"-5\r\nhello", RC_SYNTAX, ""},
        {"0x5\r\nhello", RC_SYNTAX, ""},
        {"5_0\r\nhello", RC_SYNTAX, ""},
        {"5\nhello", RC_SYNTAX, ""},
        {"5\r\nhello\n0\r\n\r\n", RC_SYNTAX, ""},
        {"5\r\nhelloX\r\n0\r\n\r\n", RC_SYNTAX, ""},
        {"5;\r\nhello", RC_SYNTAX, ""},
        {"5;a\nhello", RC_SYNTAX, ""},
        {"5;a=\r\nhello", RC_SYNTAX, ""},
        {"5;a=\"b\r\nhello", RC_SYNTAX, ""},
        {"5;a=\"b\"c\r\nhello", RC_SYNTAX, ""},
        {"5 a\r\nhello", RC_SYNTAX, ""},
        {"1000000000000000\r\n", RC_SYNTAX, ""},
        {"ffffffffffffffffff\r\n", RC_SYNTAX, ""},
        {"0\r\nContent-Length: 5\r\n\r\n", RC_SYNTAX, ""},
        {"0\r\ntransfer-encoding: chunked\r\n\r\n", RC_SYNTAX, ""},
        {"0\r\nHOST: x\r\n\r\n", RC_SYNTAX, ""},
        {"0\r\nX : x\r\n\r\n", RC_SYNTAX, ""},
        {"0\r\n x\r\n\r\n", RC_SYNTAX, ""},
        {"0\r\nX: a\nb\r\n\r\n", RC_SYNTAX, ""},
        {"0\r\n: a\r\n\r\n", RC_SYNTAX, ""},
        {"0\r\n\rX", RC_SYNTAX, ""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (size_t step = 1; step < 40; step += 38) {
            char data[64];
            size_t used = 0;
            const enum rc rc = unchunk(span_from(cases[i].text), step, data, &used);
            if (rc != cases[i].rc)
                fail_msg("\"%s\" gives %s", cases[i].text, rc_name(rc));
            if (rc == RC_OK)
                assert_string_equal(data, cases[i].data);
        }
    }
}

static void bytes_behind_the_last_chunk_are_not_taken(void **state)
{
    (void)state;
    char data[64];
    size_t used = 0;
    assert_int_equal(unchunk(span_from("1\r\na\r\n0\r\n\r\nGET / HTTP/1.1"), 100, data, &used),
                     RC_OK);
    assert_int_equal(used, 11);
}

static void fault_61_endless_extensions_and_trailers_hit_a_limit(void **state)
{
    (void)state;
    static char text[20000];
    char data[64];
    size_t used = 0;
    memset(text, 'a', sizeof(text));
    memcpy(text, "5;", 2);
    assert_int_equal(unchunk(span_of(text, sizeof(text)), 7, data, &used), RC_LIMIT);
    memcpy(text, "0\r\nx:", 5);
    assert_int_equal(unchunk(span_of(text, sizeof(text)), 7, data, &used), RC_LIMIT);
}

static void percent_decoding_refuses_what_it_cannot_keep(void **state)
{
    (void)state;
    char text[8];
    assert_true(http_percent_decode(span_from("a%2Fb+c"), false, text, sizeof(text)));
    assert_string_equal(text, "a/b+c");
    assert_true(http_percent_decode(span_from("a+%41"), true, text, sizeof(text)));
    assert_string_equal(text, "a A");
    assert_true(http_percent_decode(span_from("1234567"), true, text, sizeof(text)));
    assert_false(http_percent_decode(span_from("12345678"), true, text, sizeof(text)));
    assert_false(http_percent_decode(span_from("%"), true, text, sizeof(text)));
    assert_false(http_percent_decode(span_from("%4"), true, text, sizeof(text)));
    assert_false(http_percent_decode(span_from("%4g"), true, text, sizeof(text)));
    assert_false(http_percent_decode(span_from("%00"), true, text, sizeof(text)));
    assert_false(http_percent_decode(span_from(""), true, text, 0));
}

static void query_values_are_found_by_name(void **state)
{
    (void)state;
    const struct span query = span_from("a=1&model=x%2Fy&&flag&b=c=d");
    assert_true(span_equal_text(http_query_get(query, "model"), "x%2Fy"));
    assert_true(span_equal_text(http_query_get(query, "b"), "c=d"));
    assert_non_null(http_query_get(query, "flag").ptr);
    assert_int_equal(http_query_get(query, "flag").len, 0);
    assert_null(http_query_get(query, "mode").ptr);
    assert_null(http_query_get(span_from(NULL), "a").ptr);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_complete_request_is_taken_apart),
        cmocka_unit_test(fault_61_what_two_parsers_could_read_differently_is_refused),
        cmocka_unit_test(unusual_but_clear_requests_are_taken),
        cmocka_unit_test(what_a_server_must_not_serve_is_taken_apart_and_marked),
        cmocka_unit_test(fault_59_limits_are_refused_with_their_own_status),
        cmocka_unit_test(every_prefix_asks_for_more_and_bytes_arrive_in_any_portion),
        cmocka_unit_test(responses_know_whether_a_body_follows),
        cmocka_unit_test(chunked_bodies_are_joined_or_refused),
        cmocka_unit_test(bytes_behind_the_last_chunk_are_not_taken),
        cmocka_unit_test(fault_61_endless_extensions_and_trailers_hit_a_limit),
        cmocka_unit_test(percent_decoding_refuses_what_it_cannot_keep),
        cmocka_unit_test(query_values_are_found_by_name),
    };
    return cmocka_run_group_tests_name("http1", tests, NULL, NULL);
}
