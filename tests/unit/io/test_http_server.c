#include "io/http_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "io/http_client.h"
#include "io/http_fetch.h"
#include "wire.h"

#include <cmocka.h>

struct world {
    struct loop *loop;
    struct http_server *server;
    struct http_request *open; /* held by the handler */
    struct buf body;
    int gone;
    int done;
    int drained;
    int ended;
};

static void on_gone(void *user)
{
    struct world *w = user;
    w->gone++;
    w->open = NULL;
}

static void on_done(void *user)
{
    struct world *w = user;
    w->done++;
}

static void on_drained(void *user)
{
    struct world *w = user;
    w->drained++;
}

static void on_body(void *user, struct span data)
{
    struct world *w = user;
    buf_span(&w->body, data);
}

static void on_body_end(void *user)
{
    struct world *w = user;
    w->ended++;
}

static const struct http_request_ops ops = {.body = on_body,
                                            .body_end = on_body_end,
                                            .gone = on_gone,
                                            .done = on_done,
                                            .drained = on_drained};

static void echo(void *user, struct http_request *request, struct span body)
{
    (void)user;
    http_respond(request, 200, "text/plain", body);
}

static void handler(void *user, struct http_request *request)
{
    struct world *w = user;
    const struct http_head *head = http_request_head(request);
    if (span_equal_text(head->path, "/echo")) {
        http_request_collect(request, 1000, echo, w);
    } else if (span_starts_with(head->path, "/hold")) {
        w->open = request;
        http_request_set(request, &ops, w);
    } else if (span_equal_text(head->path, "/chunks")) {
        http_response_begin(request, 200, span_from("content-type: text/plain\r\n"),
                            HTTP_LENGTH_STREAM);
        http_response_data(request, span_from("one"));
        http_response_data(request, span_from("two"));
        http_response_end(request);
    } else {
        http_respond(request, 200, "text/plain", head->path);
    }
}

static void world_open(struct world *w, struct http_server_config *config)
{
    struct http_server_config defaults;
    http_server_defaults(&defaults);
    *w = (struct world){0};
    buf_init(&w->body, 1U << 24);
    assert_int_equal(loop_new(&w->loop, NULL), RC_OK);
    assert_int_equal(
        http_server_new(w->loop, config ? config : &defaults, handler, w, &w->server, NULL), RC_OK);
}

static void world_close(struct world *w)
{
    http_server_free(w->server);
    loop_free(w->loop);
    buf_done(&w->body);
}

static void dial(struct world *w, struct wire *wire)
{
    wire_open(wire, w->loop, http_server_port(w->server));
}

static void a_request_is_answered_and_the_connection_kept(void **state)
{
    (void)state;
    struct world w;
    struct wire c;
    world_open(&w, NULL);
    dial(&w, &c);
    wire_send(&c, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(wire_expect(&c, "content-length: 2\r\n\r\n/a"));
    wire_send(&c, "GET /bc HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(wire_expect(&c, "content-length: 3\r\n\r\n/bc"));
    assert_false(c.closed);
    wire_close(&c);
    world_close(&w);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    struct world w;
    struct wire c;
    world_open(&w, NULL);
    dial(&w, &c);
    wire_send(&c, "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nPOST /echo HTTP/1.1\r\nHost: x\r\n"
                  "Content-Length: 2\r\n\r\n22GET /hold HTTP/1.1\r\nHost: x\r\n\r\n"
                  "GET /4 HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(wire_expect(&c, "\r\n\r\n22"));
    assert_true(WIRE_UNTIL(w.loop, w.open != NULL));
    assert_false(wire_has(&c, "/4"));
    http_respond(w.open, 200, "text/plain", span_from("33"));
    assert_true(wire_expect(&c, "\r\n\r\n/4"));
    const char *text = buf_cstr(&c.got);
    assert_true(strstr(text, "/1") < strstr(text, "22"));
    assert_true(strstr(text, "22") < strstr(text, "33"));
    assert_true(strstr(text, "33") < strstr(text, "/4"));
    wire_close(&c);
    world_close(&w);
}

static void bytes_may_arrive_one_by_one(void **state)
{
    (void)state;
    struct world w;
    struct wire c;
    world_open(&w, NULL);
    dial(&w, &c);
    const char *text = "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                       "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    for (size_t i = 0; text[i]; i++) {
        const char byte[2] = {text[i], '\0'};
        wire_send(&c, byte);
        for (int k = 0; k < 3; k++)
            loop_turn(w.loop, false);
    }
    assert_true(wire_expect(&c, "\r\n\r\nabcde"));
    wire_close(&c);
    world_close(&w);
}

static void
answers_of_unknown_length_are_chunked_for_1_1_and_end_with_the_connection_for_1_0(void **state)
{
    (void)state;
    struct world w;
    struct wire c;
    world_open(&w, NULL);
    dial(&w, &c);
    wire_send(&c, "GET /chunks HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(wire_expect(&c, "\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"));
    wire_close(&c);
    dial(&w, &c);
    wire_send(&c, "GET /chunks HTTP/1.0\r\n\r\n");
    assert_true(wire_expect_close(&c));
    assert_true(wire_has(&c, "\r\n\r\nonetwo"));
    assert_int_equal(c.why, RC_CLOSED);
    wire_close(&c);
    world_close(&w);
}

static void a_client_that_leaves_is_told_at_once(void **state)
{
    (void)state;
    struct world w;
    struct wire c;
    world_open(&w, NULL);
    dial(&w, &c);
    wire_send(&c, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(WIRE_UNTIL(w.loop, w.open != NULL));
    wire_close(&c);
    assert_true(WIRE_UNTIL(w.loop, w.gone == 1));
    assert_true(WIRE_UNTIL(w.loop, http_server_stats(w.server)->connections == 0));
    world_close(&w);
}

static void continue_is_sent_only_when_the_body_is_wanted(void **state)
{
    (void)state;
    struct world w;
    struct wire c;
    world_open(&w, NULL);
    dial(&w, &c);
    wire_send(&c, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: "
                  "100-continue\r\n\r\n");
    assert_true(wire_expect(&c, "HTTP/1.1 100 Continue\r\n\r\n"));
    wire_send(&c, "hi");
    assert_true(wire_expect(&c, "\r\n\r\nhi"));
    wire_close(&c);
    dial(&w, &c);
    wire_send(&c, "POST /other HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: "
                  "100-continue\r\n\r\n");
    assert_true(wire_expect_close(&c)); /* answered early: its body would be in the way */
    assert_false(wire_has(&c, "100 Continue"));
    assert_true(wire_has(&c, "connection: close"));
    wire_close(&c);
    world_close(&w);
}

static void fault_57_slow_heads_and_bodies_are_cut_off(void **state)
{
    (void)state;
    struct world w;
    struct wire c;
    struct http_server_config config;
    http_server_defaults(&config);
    config.header_timeout_ns = 30 * MILLISECOND_NS;
    config.body_timeout_ns = 30 * MILLISECOND_NS;
    world_open(&w, &config);
    dial(&w, &c);
    wire_send(&c, "GET /a HTTP/1.1\r\nHo");
    assert_true(wire_expect_close(&c));
    assert_true(wire_has(&c, "HTTP/1.1 408 "));
    wire_close(&c);
    dial(&w, &c);
    wire_send(&c, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\nabc");
    assert_true(wire_expect_close(&c));
    assert_true(wire_has(&c, "HTTP/1.1 408 "));
    wire_close(&c);
    assert_int_equal(http_server_stats(w.server)->timeouts, 2);
    world_close(&w);
}

static void fault_57_one_address_gets_its_share_of_connections(void **state)
{
    (void)state;
    struct world w;
    struct wire c[3];
    struct http_server_config config;
    http_server_defaults(&config);
    config.connections_per_address_max = 2;
    world_open(&w, &config);
    for (size_t i = 0; i < 3; i++)
        dial(&w, &c[i]);
    assert_true(wire_expect_close(&c[2]));
    assert_int_equal(http_server_stats(w.server)->refused, 1);
    wire_close(&c[0]);
    assert_true(WIRE_UNTIL(w.loop, http_server_stats(w.server)->connections == 1));
    wire_close(&c[2]);
    dial(&w, &c[2]);
    wire_send(&c[2], "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(wire_expect(&c[2], "200 OK"));
    wire_close(&c[1]);
    wire_close(&c[2]);
    world_close(&w);
}

static void fault_59_60_62_each_limit_has_its_status(void **state)
{
    (void)state;
    static char long_target[HTTP_TARGET_BYTES_MAX + 100];
    static char long_head[HTTP_HEAD_BYTES_MAX + 100];
    memset(long_target, 'a', sizeof(long_target) - 1);
    memcpy(long_target, "GET /", 5);
    memcpy(long_target + sizeof(long_target) - 29, " HTTP/1.1\r\nHost: x123456\r\n\r\n", 29);
    memset(long_head, 'a', sizeof(long_head) - 1);
    memcpy(long_head, "GET / HTTP/1.1\r\nHost: x\r\nx: ", 28);
    const struct {
        const char *text;
        const char *status;
    } cases[] = {
        {long_target, " 414 "},
        {long_head, " 431 "},
        {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n", " 413 "},
        {"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", " 501 "},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", " 505 "},
        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
         " 400 "},
        {"GET / HTTP/1.1\r\nHost : x\r\n\r\n", " 400 "},
        {"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n_1\r\n", " 400 "},
    };
    struct world w;
    world_open(&w, NULL);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct wire c;
        dial(&w, &c);
        wire_send(&c, cases[i].text);
        if (!wire_expect_close(&c) || !wire_has(&c, cases[i].status))
            print_message("case %zu: %s\n", i, buf_cstr(&c.got));
        assert_true(wire_has(&c, cases[i].status));
        wire_close(&c);
    }
    world_close(&w);
}

static void a_slow_reader_is_bounded_and_then_told(void **state)
{
    (void)state;
    struct world w;
    struct wire c;
    world_open(&w, NULL);
    dial(&w, &c);
    wire_send(&c, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(WIRE_UNTIL(w.loop, w.open != NULL));
    conn_pause(c.conn);
    static char block[65536];
    http_response_begin(w.open, 200, span_from(""), HTTP_LENGTH_STREAM);
    size_t sent = 0;
    while (!http_response_over_high_water(w.open)) {
        http_response_data(w.open, span_of(block, sizeof(block)));
        sent += sizeof(block);
        loop_turn(w.loop, false);
    }
    assert_int_equal(w.drained, 0);
    conn_resume(c.conn);
    assert_true(WIRE_UNTIL(w.loop, w.drained == 1));
    http_response_end(w.open);
    assert_true(WIRE_UNTIL(w.loop, c.got.len > sent && wire_has(&c, "\r\n")));
    assert_int_equal(w.done, 1);
    wire_close(&c);
    world_close(&w);
}

static void an_aborted_answer_ends_with_a_reset(void **state)
{
    (void)state;
    struct world w;
    struct wire c;
    world_open(&w, NULL);
    dial(&w, &c);
    wire_send(&c, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(WIRE_UNTIL(w.loop, w.open != NULL));
    http_response_begin(w.open, 200, span_from(""), HTTP_LENGTH_STREAM);
    http_response_data(w.open, span_from("part"));
    assert_true(wire_expect(&c, "part"));
    http_response_abort(w.open);
    assert_true(wire_expect_close(&c));
    assert_int_equal(c.why, RC_IO);
    assert_int_equal(w.gone, 0);
    wire_close(&c);
    world_close(&w);
}

static void last_words_arrive_before_the_reset_of_a_broken_answer(void **state)
{
    (void)state;
    struct world w;
    struct wire c;
    static char block[300000]; /* more than one read, more than the kernel takes at once */
    memset(block, 'b', sizeof(block));
    world_open(&w, NULL);
    dial(&w, &c);
    wire_send(&c, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(WIRE_UNTIL(w.loop, w.open != NULL));
    http_response_begin(w.open, 200, span_from(""), HTTP_LENGTH_STREAM);
    http_response_data(w.open, span_of(block, sizeof(block)));
    http_response_data(w.open, span_from("last words"));
    http_response_break(w.open);
    assert_true(wire_expect_close(&c));
    assert_true(wire_has(&c, "last words"));
    assert_int_equal(c.why, RC_IO);
    assert_true(WIRE_UNTIL(w.loop, http_server_stats(w.server)->connections == 0));
    wire_close(&c);
    world_close(&w);
}

static void a_paused_body_waits_and_goes_on(void **state)
{
    (void)state;
    struct world w;
    struct wire c;
    world_open(&w, NULL);
    dial(&w, &c);
    wire_send(&c, "POST /hold HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\n");
    assert_true(WIRE_UNTIL(w.loop, w.open != NULL));
    http_request_pause(w.open);
    wire_send(&c, "abcdef");
    for (int i = 0; i < 20; i++)
        loop_turn(w.loop, false);
    assert_int_equal(w.body.len, 0);
    http_request_resume(w.open);
    assert_true(WIRE_UNTIL(w.loop, w.ended == 1));
    assert_string_equal(buf_cstr(&w.body), "abcdef");
    http_respond(w.open, 204, NULL, span_from(""));
    assert_true(wire_expect(&c, "HTTP/1.1 204 No Content\r\n\r\n"));
    wire_close(&c);
    world_close(&w);
}

static void on_fetched(void *user, const struct http_result *result)
{
    int *status = user;
    *status = result->rc == RC_OK ? result->status : -(int)result->rc;
    if (result->rc == RC_OK)
        assert_true(span_equal_text(result->body, "/fetched"));
}

static void the_client_reuses_its_connection_and_replaces_a_dead_one(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    struct http_client_config config;
    http_client_defaults(&config);
    struct http_client *client = http_client_new(w.loop, &config);
    char url[64];
    (void)snprintf(url, sizeof(url), "http://localhost:%u/fetched",
                   (unsigned)http_server_port(w.server));
    const struct http_fetch_options options = {.url = span_from(url)};
    for (int i = 0; i < 3; i++) {
        int status = 0;
        assert_non_null(http_fetch(client, &options, on_fetched, &status));
        assert_true(WIRE_UNTIL(w.loop, status != 0));
        assert_int_equal(status, 200);
    }
    assert_int_equal(http_server_stats(w.server)->accepted, 1);
    /* The server restarts on the same port: the kept connection is dead. */
    struct http_server_config again;
    http_server_defaults(&again);
    char listen[32];
    (void)snprintf(listen, sizeof(listen), "127.0.0.1:%u", (unsigned)http_server_port(w.server));
    again.listen = listen;
    http_server_free(w.server);
    assert_int_equal(http_server_new(w.loop, &again, handler, &w, &w.server, NULL), RC_OK);
    int status = 0;
    assert_non_null(http_fetch(client, &options, on_fetched, &status));
    assert_true(WIRE_UNTIL(w.loop, status != 0));
    assert_int_equal(status, 200);
    http_client_free(client);
    world_close(&w);
}

static void a_refused_connection_and_a_bad_url_are_told_by_callback(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, NULL);
    struct http_client_config config;
    http_client_defaults(&config);
    struct http_client *client = http_client_new(w.loop, &config);
    const char *urls[] = {"http://127.0.0.1:1/x", "ftp://x/"};
    const enum rc wanted[] = {RC_REFUSED, RC_INVALID};
    for (size_t i = 0; i < 2; i++) {
        int status = 0;
        const struct http_fetch_options options = {.url = span_from(urls[i])};
        assert_non_null(http_fetch(client, &options, on_fetched, &status));
        assert_int_equal(status, 0);
        assert_true(WIRE_UNTIL(w.loop, status != 0));
        assert_int_equal(status, -(int)wanted[i]);
    }
    http_client_free(client);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_answered_and_the_connection_kept),
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(bytes_may_arrive_one_by_one),
        cmocka_unit_test(
            answers_of_unknown_length_are_chunked_for_1_1_and_end_with_the_connection_for_1_0),
        cmocka_unit_test(a_client_that_leaves_is_told_at_once),
        cmocka_unit_test(continue_is_sent_only_when_the_body_is_wanted),
        cmocka_unit_test(fault_57_slow_heads_and_bodies_are_cut_off),
        cmocka_unit_test(fault_57_one_address_gets_its_share_of_connections),
        cmocka_unit_test(fault_59_60_62_each_limit_has_its_status),
        cmocka_unit_test(a_slow_reader_is_bounded_and_then_told),
        cmocka_unit_test(an_aborted_answer_ends_with_a_reset),
        cmocka_unit_test(last_words_arrive_before_the_reset_of_a_broken_answer),
        cmocka_unit_test(a_paused_body_waits_and_goes_on),
        cmocka_unit_test(the_client_reuses_its_connection_and_replaces_a_dead_one),
        cmocka_unit_test(a_refused_connection_and_a_bad_url_are_told_by_callback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
