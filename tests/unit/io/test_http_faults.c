/* test_http_faults.c - what clients may do to a server, by the numbers of the fault catalogue. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <malloc.h>

#include "http_world.h"

#include <cmocka.h>

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

static void fault_58_a_slow_reader_is_bounded_and_then_told(void **state)
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

static void fault_62_pipelined_requests_are_answered_in_order(void **state)
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

static void fault_62_continue_is_sent_only_when_the_body_is_wanted(void **state)
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

/* Sends a byte a millisecond until the connection ends. */
struct drip {
    struct wire *wire;
    struct timer timer;
};

static void drip_next(void *user)
{
    struct drip *d = user;
    if (d->wire->closed)
        return;
    wire_send(d->wire, "a");
    timer_after(&d->timer, MILLISECOND_NS);
}

static void drip_until_the_end(struct world *w, const char *begin)
{
    struct wire c;
    struct drip d = {.wire = &c};
    dial(w, &c);
    wire_send(&c, begin);
    assert_int_equal(timer_init(&d.timer, w->loop, drip_next, &d), RC_OK);
    timer_after(&d.timer, MILLISECOND_NS);
    assert_true(wire_expect_close(&c));
    assert_true(wire_has(&c, "HTTP/1.1 408 "));
    timer_done(&d.timer);
    wire_close(&c);
}

static void fault_57_bytes_that_drip_do_not_move_the_deadline(void **state)
{
    (void)state;
    struct world w;
    struct http_server_config config;
    http_server_defaults(&config);
    config.header_timeout_ns = 50 * MILLISECOND_NS;
    config.body_timeout_ns = 50 * MILLISECOND_NS;
    world_open(&w, &config);
    drip_until_the_end(&w, "GET /a HTTP/1.1\r\nHost: x\r\nx-slow: ");
    drip_until_the_end(&w, "POST /hold HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n");
    assert_int_equal(http_server_stats(w.server)->timeouts, 2);
    world_close(&w);
}

static void fault_58_a_reader_that_stopped_is_dropped(void **state)
{
    (void)state;
    static char block[65536];
    struct world w;
    struct wire c;
    struct http_server_config config;
    http_server_defaults(&config);
    config.write_stall_ns = 50 * MILLISECOND_NS;
    world_open(&w, &config);
    dial(&w, &c);
    wire_send(&c, "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(WIRE_UNTIL(w.loop, w.open != NULL));
    conn_pause(c.conn);
    http_response_begin(w.open, 200, span_from(""), HTTP_LENGTH_STREAM);
    while (!http_response_over_high_water(w.open)) {
        http_response_data(w.open, span_of(block, sizeof(block)));
        loop_turn(w.loop, false);
    }
    assert_true(WIRE_UNTIL(w.loop, w.gone == 1));
    assert_int_equal(http_server_stats(w.server)->timeouts, 1);
    assert_int_equal(http_server_stats(w.server)->connections, 0);
    wire_close(&c);
    world_close(&w);
}

struct refused {
    const char *text;
    const char *status;
};

/* Each is answered with its status, and the connection ends. */
static void refuses(const struct refused *cases, size_t count)
{
    struct world w;
    world_open(&w, NULL);
    for (size_t i = 0; i < count; i++) {
        struct wire c;
        dial(&w, &c);
        wire_send(&c, cases[i].text);
        if (!wire_expect_close(&c) || !wire_has(&c, cases[i].status))
            fail_msg("case %zu, wanted%s: %s", i, cases[i].status, buf_cstr(&c.got));
        wire_close(&c);
    }
    assert_int_equal(http_server_stats(w.server)->handled, 0);
    world_close(&w);
}

static void fault_59_long_heads_and_targets_have_their_status(void **state)
{
    (void)state;
    static char target[HTTP_TARGET_BYTES_MAX + 100];
    static char field[HTTP_HEAD_BYTES_MAX + 100];
    static char many[HTTP_HEAD_BYTES_MAX];
    memset(target, 'a', sizeof(target) - 1);
    memcpy(target, "GET /", 5);
    memcpy(target + sizeof(target) - 29, " HTTP/1.1\r\nHost: x123456\r\n\r\n", 29);
    memset(field, 'a', sizeof(field) - 1);
    memcpy(field, "GET / HTTP/1.1\r\nHost: x\r\nx: ", 28);
    int n = snprintf(many, sizeof(many), "GET / HTTP/1.1\r\nHost: x\r\n");
    for (int i = 0; i < HTTP_HEADERS_MAX; i++)
        n += snprintf(many + n, sizeof(many) - (size_t)n, "a%d: b\r\n", i);
    (void)snprintf(many + n, sizeof(many) - (size_t)n, "\r\n");
    const struct refused cases[] = {{target, " 414 "}, {field, " 431 "}, {many, " 431 "}};
    refuses(cases, COUNT_OF(cases));
}

static void fault_60_too_large_a_body_is_refused_before_it_is_read(void **state)
{
    (void)state;
    const struct refused cases[] = {
        {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n", " 413 "},
        {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n"
         "Expect: 100-continue\r\n\r\n",
         " 413 "},
        {"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 18446744073709551616\r\n\r\n", " 400 "},
    };
    refuses(cases, COUNT_OF(cases));
}

static void fault_60_a_body_without_a_length_ends_at_the_limit(void **state)
{
    (void)state;
    static char chunk[65536];
    struct world w;
    struct wire c;
    struct http_server_config config;
    http_server_defaults(&config);
    config.body_bytes_max = 200000;
    world_open(&w, &config);
    dial(&w, &c);
    wire_send(&c, "POST /hold HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 4; i++) {
        wire_send(&c, "10000\r\n");
        conn_write(c.conn, span_of(chunk, sizeof(chunk)));
        wire_send(&c, "\r\n");
    }
    assert_true(wire_expect_close(&c));
    assert_true(wire_has(&c, " 413 "));
    assert_int_equal(w.gone, 1);
    wire_close(&c);
    world_close(&w);
}

static void fault_60_nothing_is_allocated_for_what_a_length_claims(void **state)
{
    (void)state;
    struct world w;
    struct wire c;
    struct http_server_config config;
    http_server_defaults(&config);
    config.body_bytes_max = UINT64_C(1) << 40;
    world_open(&w, &config);
    dial(&w, &c);
    const struct mallinfo2 before = mallinfo2();
    wire_send(&c, "POST /hold HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000000\r\n\r\nabc");
    assert_true(WIRE_UNTIL(w.loop, w.body.len == 3));
    const struct mallinfo2 after = mallinfo2();
    assert_true(after.uordblks + after.hblkhd < before.uordblks + before.hblkhd + (1U << 20));
    wire_close(&c);
    assert_true(WIRE_UNTIL(w.loop, w.gone == 1));
    world_close(&w);
}

static void fault_61_what_two_parsers_could_read_differently_closes_the_connection(void **state)
{
    (void)state;
#define POST "POST /echo HTTP/1.1\r\nHost: x\r\n"
#define HIDDEN "GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"
    const struct refused cases[] = {
        {POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" HIDDEN, " 400 "},
        {POST "Content-Length: 0\r\nContent-Length: 33\r\n\r\n" HIDDEN, " 400 "},
        {POST "Content-Length: +0\r\n\r\n" HIDDEN, " 400 "},
        {POST "Content-Length: 0, 0\r\n\r\n" HIDDEN, " 400 "},
        {POST "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" HIDDEN, " 400 "},
        {POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" HIDDEN, " 501 "},
        {"POST /echo HTTP/1.1\r\n\r\n" HIDDEN, " 400 "}, /* no Host */
        {POST "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n" HIDDEN, " 400 "},
        {POST "x: a\n\r\n" HIDDEN, " 400 "},
        {POST "x: a\r\n b\r\n\r\n" HIDDEN, " 400 "},
        {"GET / HTTP/1.1\r\nHost : x\r\n\r\n" HIDDEN, " 400 "},
        {"GET http://y/ HTTP/1.1\r\nHost: x\r\n\r\n" HIDDEN, " 400 "},
    };
#undef HIDDEN
#undef POST
    refuses(cases, COUNT_OF(cases));
}

static void fault_61_bad_chunks_end_request_and_connection(void **state)
{
    (void)state;
    static const char *const bodies[] = {"_1\r\na\r\n0\r\n\r\n",  "+1\r\na\r\n0\r\n\r\n",
                                         "0x1\r\na\r\n0\r\n\r\n", "1\na\r\n0\r\n\r\n",
                                         "1\r\naa\r\n0\r\n\r\n",  "FFFFFFFFFFFFFFFFF\r\na",
                                         "1;\n\r\na\r\n0\r\n\r\n"};
    struct world w;
    world_open(&w, NULL);
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        struct wire c;
        dial(&w, &c);
        wire_send(&c, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
        wire_send(&c, bodies[i]);
        if (!wire_expect_close(&c) || !wire_has(&c, "HTTP/1.1 400 "))
            fail_msg("case %zu: %s", i, buf_cstr(&c.got));
        wire_close(&c);
    }
    world_close(&w);
}

static void fault_61_an_endless_chunk_extension_hits_a_limit(void **state)
{
    (void)state;
    static char extension[HTTP_CHUNK_LINE_BYTES_MAX + 2];
    struct world w;
    struct wire c;
    memset(extension, 'e', sizeof(extension) - 1);
    world_open(&w, NULL);
    dial(&w, &c);
    wire_send(&c, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;");
    wire_send(&c, extension);
    assert_true(wire_expect_close(&c));
    assert_true(wire_has(&c, "HTTP/1.1 400 "));
    wire_close(&c);
    world_close(&w);
}

static void fault_62_connect_and_http_2_are_refused(void **state)
{
    (void)state;
    const struct refused cases[] = {
        {"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", " 501 "},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", " 505 "},
    };
    refuses(cases, COUNT_OF(cases));
}

static void fault_62_an_upgrade_is_not_taken(void **state)
{
    (void)state;
    struct world w;
    struct wire c;
    world_open(&w, NULL);
    dial(&w, &c);
    wire_send(&c, "GET /a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\n"
                  "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n");
    assert_true(wire_expect(&c, "HTTP/1.1 200 OK\r\n"));
    assert_false(wire_has(&c, " 101 "));
    wire_close(&c);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fault_57_slow_heads_and_bodies_are_cut_off),
        cmocka_unit_test(fault_57_bytes_that_drip_do_not_move_the_deadline),
        cmocka_unit_test(fault_57_one_address_gets_its_share_of_connections),
        cmocka_unit_test(fault_58_a_slow_reader_is_bounded_and_then_told),
        cmocka_unit_test(fault_58_a_reader_that_stopped_is_dropped),
        cmocka_unit_test(fault_59_long_heads_and_targets_have_their_status),
        cmocka_unit_test(fault_60_too_large_a_body_is_refused_before_it_is_read),
        cmocka_unit_test(fault_60_a_body_without_a_length_ends_at_the_limit),
        cmocka_unit_test(fault_60_nothing_is_allocated_for_what_a_length_claims),
        cmocka_unit_test(fault_61_what_two_parsers_could_read_differently_closes_the_connection),
        cmocka_unit_test(fault_61_bad_chunks_end_request_and_connection),
        cmocka_unit_test(fault_61_an_endless_chunk_extension_hits_a_limit),
        cmocka_unit_test(fault_62_pipelined_requests_are_answered_in_order),
        cmocka_unit_test(fault_62_continue_is_sent_only_when_the_body_is_wanted),
        cmocka_unit_test(fault_62_connect_and_http_2_are_refused),
        cmocka_unit_test(fault_62_an_upgrade_is_not_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
