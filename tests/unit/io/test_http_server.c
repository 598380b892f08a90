#include "io/http_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "http_world.h"
#include "io/http_client.h"
#include "io/http_fetch.h"

#include <cmocka.h>

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
        cmocka_unit_test(bytes_may_arrive_one_by_one),
        cmocka_unit_test(
            answers_of_unknown_length_are_chunked_for_1_1_and_end_with_the_connection_for_1_0),
        cmocka_unit_test(a_client_that_leaves_is_told_at_once),
        cmocka_unit_test(an_aborted_answer_ends_with_a_reset),
        cmocka_unit_test(last_words_arrive_before_the_reset_of_a_broken_answer),
        cmocka_unit_test(a_paused_body_waits_and_goes_on),
        cmocka_unit_test(the_client_reuses_its_connection_and_replaces_a_dead_one),
        cmocka_unit_test(a_refused_connection_and_a_bad_url_are_told_by_callback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
