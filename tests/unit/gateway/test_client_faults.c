/* Faults of clients and of the machine: FAULTS 56 to 62, 67 and 68. */
#include "house.h"

static const struct house_pool one[] = {{.name = "chat", .engines = "0"}};
static const struct house_pool none[] = {{.name = "chat", .engines = ""}};

static struct gateway_stats stats_of(const struct house *h)
{
    struct gateway_stats stats;
    gateway_read_stats(h->gateway, &stats);
    return stats;
}

static void start(struct house *h, const char *yaml)
{
    house_open(h, yaml);
    house_routes(h, one, 1);
}

static void fault_56_who_leaves_the_queue_is_forgotten_at_once(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    house_open(&h, POOL_CHAT);
    house_routes(&h, none, 1);
    client_ask(&h, &c, CHAT, "", PLAIN);
    assert_true(WIRE_UNTIL(h.loop, h.heard.count[MESSAGE_WAKE] == 1));
    wire_close(&c);
    assert_true(WIRE_UNTIL(h.loop, gateway_idle(h.gateway)));
    house_ask(&h);
    assert_int_equal(h.heard.snapshot.waiting_requests, 0);
    house_routes(&h, one, 1);
    for (int i = 0; i < 20; i++)
        loop_turn(h.loop, false);
    assert_int_equal(h.engine[0].requests, 0);
    house_close(&h);
}

static void fault_56_who_leaves_a_stream_frees_the_engine_at_once(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    start(&h, POOL_CHAT);
    h.engine[0].answer = engine_hold;
    client_ask(&h, &c, CHAT, "", STREAM);
    assert_true(WIRE_UNTIL(h.loop, h.engine[0].open != NULL));
    engine_begin_stream(h.engine[0].open);
    engine_say(h.engine[0].open, EVENT("one"));
    assert_true(wire_expect(&c, EVENT("one")));
    wire_close(&c);
    const int64_t left_ns = clock_monotonic_ns();
    assert_true(WIRE_UNTIL(h.loop, h.engine[0].gone == 1));
    assert_true(clock_monotonic_ns() - left_ns < 10 * SECOND_NS); /* far from any timeout */
    assert_true(gateway_idle(h.gateway));
    assert_int_equal(stats_of(&h).gone, 1);
    house_ask(&h);
    assert_int_equal(h.heard.snapshot.in_flight_requests, 0);
    house_close(&h);
}

static void fault_57_a_body_that_drips_is_cut_off_before_a_replica_sees_it(void **state)
{
    (void)state;
    struct house h = {0};
    struct wire c;
    gateway_defaults(&h.settings);
    h.settings.server.body_timeout_ns = 30 * MILLISECOND_NS;
    house_open_with(&h, POOL_CHAT);
    house_routes(&h, one, 1);
    client_open(&h, &c);
    wire_send(&c, "POST " CHAT " HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n{\"model\"");
    assert_true(wire_expect_close(&c));
    assert_true(wire_has(&c, "HTTP/1.1 408 "));
    assert_int_equal(h.engine[0].requests, 0);
    assert_true(gateway_idle(h.gateway));
    wire_close(&c);
    house_close(&h);
}

static void fault_58_a_slow_reader_stops_the_engine_and_loses_nothing(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    start(&h, POOL_CHAT);
    h.engine[0].answer = engine_hold;
    client_ask(&h, &c, CHAT, "", STREAM);
    assert_true(WIRE_UNTIL(h.loop, h.engine[0].open != NULL));
    struct http_request *open = h.engine[0].open;
    engine_begin_stream(open);
    assert_true(wire_expect(&c, "200 OK"));
    conn_pause(c.conn);
    size_t said = 0;
    const size_t most = 64U << 20;
    while (!http_response_over_high_water(open) && said < most) {
        for (int i = 0; i < 200; i++, said++)
            engine_say(open, EVENT("one"));
        for (int i = 0; i < 50; i++)
            loop_turn(h.loop, false);
    }
    assert_true(said < most / 64); /* the engine was stopped: the rest waits with it */
    engine_say(open, "data: [DONE]\n\n");
    http_response_end(open);
    conn_resume(c.conn);
    assert_true(wire_expect(&c, "[DONE]"));
    assert_true(wire_expect(&c, "\r\n0\r\n\r\n"));
    assert_int_equal(wire_count(&c, EVENT("one")), said);
    wire_close(&c);
    house_close(&h);
}

static void fault_58_a_reader_that_stops_for_good_is_cut(void **state)
{
    (void)state;
    struct house h = {0};
    struct wire c;
    gateway_defaults(&h.settings);
    h.settings.server.write_stall_ns = 50 * MILLISECOND_NS;
    house_open_with(&h, POOL_CHAT);
    house_routes(&h, one, 1);
    h.engine[0].answer = engine_hold;
    client_ask(&h, &c, CHAT, "", STREAM);
    assert_true(WIRE_UNTIL(h.loop, h.engine[0].open != NULL));
    engine_begin_stream(h.engine[0].open);
    assert_true(wire_expect(&c, "200 OK"));
    conn_pause(c.conn);
    while (h.engine[0].open && !http_response_over_high_water(h.engine[0].open)) {
        for (int i = 0; i < 200; i++)
            engine_say(h.engine[0].open, EVENT("one"));
        loop_turn(h.loop, false);
    }
    assert_true(WIRE_UNTIL(h.loop, h.engine[0].gone == 1));
    assert_true(gateway_idle(h.gateway));
    wire_close(&c);
    house_close(&h);
}

static void refused_with(struct house *h, const char *text, const char *status)
{
    struct wire c;
    client_open(h, &c);
    wire_send(&c, text);
    if (!wire_expect_close(&c) || !wire_has(&c, status))
        print_message("for %.60s: %.200s\n", text, buf_cstr(&c.got));
    assert_true(wire_has(&c, status));
    assert_int_equal(h->engine[0].requests, 0);
    wire_close(&c);
}

static void fault_59_heads_beyond_the_limits_are_refused(void **state)
{
    (void)state;
    struct house h;
    static char text[HTTP_HEAD_BYTES_MAX + 4096];
    start(&h, POOL_CHAT);
    (void)snprintf(text, sizeof(text), "GET /%0*d HTTP/1.1\r\nHost: x\r\n\r\n",
                   (int)HTTP_TARGET_BYTES_MAX, 0);
    refused_with(&h, text, "HTTP/1.1 414 ");
    (void)snprintf(text, sizeof(text),
                   "GET / HTTP/1.1\r\nHost: x\r\na: %0*d\r\nb: %0*d\r\nc: %0*d\r\n\r\n", 6000, 0,
                   6000, 0, 6000, 0);
    refused_with(&h, text, "HTTP/1.1 431 ");
    size_t n = (size_t)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: x\r\n");
    for (int i = 0; i < HTTP_HEADERS_MAX; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "h%d: 1\r\n", i);
    (void)snprintf(text + n, sizeof(text) - n, "\r\n");
    refused_with(&h, text, "HTTP/1.1 431 ");
    house_close(&h);
}

static void fault_60_a_claim_of_a_huge_body_is_refused_before_it_is_read(void **state)
{
    (void)state;
    struct house h;
    start(&h, POOL_CHAT);
    refused_with(&h, "POST " CHAT " HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999\r\n\r\n",
                 "HTTP/1.1 413 ");
    assert_int_equal(stats_of(&h).held_bytes, 0);
    house_close(&h);
}

static void fault_60_each_pool_has_its_own_limit_of_a_body(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    static char body[4096];
    start(&h, POOL_CHAT "    gateway: {maxBodyBytes: 2000}\n");
    (void)snprintf(body, sizeof(body), "{\"model\":\"chat\",\"prompt\":\"%02000d\"}", 0);
    client_ask(&h, &c, "/v1/completions", "", body);
    assert_true(wire_expect(&c, "\"request_too_large\""));
    assert_true(wire_has(&c, "HTTP/1.1 413 "));
    assert_int_equal(h.engine[0].requests, 0);
    wire_close(&c);
    house_close(&h);
}

static void fault_61_what_two_parsers_could_read_differently_never_passes(void **state)
{
    (void)state;
    struct house h;
    static const char *const texts[] = {
        "POST " CHAT
        " HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST " CHAT " HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "POST " CHAT " HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\n",
        "POST " CHAT " HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 5\r\n\r\n",
        "POST " CHAT " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \vchunked\r\n\r\n",
        "POST " CHAT " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1_0\r\n",
        "POST " CHAT " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n",
        "POST " CHAT " HTTP/1.1\r\nHost : x\r\n\r\n",
        "POST " CHAT " HTTP/1.1\r\nHost: x\r\na: b\r\n c\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n",
        "POST " CHAT " HTTP/1.1\r\nContent-Length: 16\r\n\r\n{\"model\":\"chat\"}", /* no Host */
        "POST " CHAT " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n",
        "POST " CHAT "#x HTTP/1.1\r\nHost: x\r\nContent-Length: 16\r\n\r\n{\"model\":\"chat\"}",
    };
    start(&h, POOL_CHAT);
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        refused_with(&h, texts[i], "HTTP/1.1 400 ");
    refused_with(&h,
                 "POST " CHAT " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
                 "HTTP/1.1 501 ");
    house_close(&h);
}

static void fault_61_a_header_value_cannot_split_the_request_to_the_replica(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    start(&h, POOL_CHAT);
    /* Escaped line ends in the model's name stand in headers of ours: they must not end a line. */
    client_ask(&h, &c, CHAT, "", "{\"model\":\"chat\\r\\nx-evil: 1\"}");
    assert_true(wire_expect(&c, "\"model_not_found\""));
    assert_false(wire_has(&c, "\r\nx-evil"));
    wire_close(&c);
    client_ask(&h, &c, CHAT, "x-request-id: a b\r\n", PLAIN);
    assert_true(wire_expect(&c, "\"hello\""));
    assert_false(engine_saw(&h.engine[0], "a b")); /* no id: one of ours stands for it */
    wire_close(&c);
    house_close(&h);
}

static void fault_62_pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    start(&h, POOL_CHAT);
    client_open(&h, &c);
    client_post(&c, CHAT, "", PLAIN);
    client_post(&c, CHAT, "", "{\"model\":\"nobody\"}");
    wire_send(&c, "GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(wire_expect(&c, "\"object\":\"list\""));
    const char *text = buf_cstr(&c.got);
    assert_true(strstr(text, "\"hello\"") < strstr(text, "model_not_found"));
    assert_true(strstr(text, "model_not_found") < strstr(text, "\"object\":\"list\""));
    wire_close(&c);
    house_close(&h);
}

static void fault_62_continue_is_said_only_when_the_body_is_wanted(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    start(&h, POOL_CHAT);
    client_open(&h, &c);
    wire_send(&c, "POST " CHAT " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                  "Content-Length: 16\r\nExpect: 100-continue\r\n\r\n");
    assert_true(wire_expect(&c, "HTTP/1.1 100 Continue\r\n\r\n"));
    wire_send(&c, "{\"model\":\"chat\"}");
    assert_true(wire_expect(&c, "\"hello\""));
    assert_false(engine_saw(&h.engine[0], "xpect"));
    wire_close(&c);
    client_open(&h, &c);
    wire_send(&c, "POST /api/pull HTTP/1.1\r\nHost: x\r\nContent-Length: 16\r\n"
                  "Expect: 100-continue\r\n\r\n");
    assert_true(wire_expect_close(&c));
    assert_true(wire_has(&c, "HTTP/1.1 501 "));
    assert_false(wire_has(&c, "100 Continue"));
    wire_close(&c);
    house_close(&h);
}

static void fault_62_connect_other_versions_and_websockets_are_refused(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    start(&h, POOL_CHAT);
    refused_with(&h, "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", "HTTP/1.1 501 ");
    refused_with(&h, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/1.1 505 ");
    client_open(&h, &c);
    wire_send(&c, "GET /v1/realtime?model=chat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
                  "Upgrade: websocket\r\n\r\n");
    assert_true(wire_expect(&c, "\"not_supported\""));
    assert_true(wire_has(&c, "HTTP/1.1 501 "));
    assert_int_equal(h.engine[0].requests, 0);
    wire_close(&c);
    house_close(&h);
}

static void fault_67_damaged_bodies_are_bounded_and_never_guessed_at(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    static char deep[200000];
    start(&h, POOL_CHAT);
    memset(deep, '[', sizeof(deep) - 1);
    memcpy(deep, "{\"a\":", 5);
    const struct {
        const char *body;
        const char *answer;
    } cases[] = {
        {deep, "nested too deeply"},
        {"{\"model\":\"chat\",\"model\":\"other\"}", "\"model_ambiguous\""},
        {"{\"model\":\"chat\",\"Model\":\"chat\"}", "\"model_ambiguous\""},
        {"{\"model\":7}", "must be a text"},
        {"{\"model\":}", "no valid JSON"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        client_ask(&h, &c, CHAT, "", cases[i].body);
        if (!wire_expect(&c, cases[i].answer))
            print_message("case %zu: %s\n", i, buf_cstr(&c.got));
        assert_true(wire_has(&c, cases[i].answer));
        assert_true(wire_has(&c, "HTTP/1.1 400 "));
        wire_close(&c);
    }
    assert_int_equal(h.engine[0].requests, 0);
    /* What is only strange passes as it is: the engine judges. */
    const char *strange[] = {"{\"model\":\"chat\",\"max_tokens\":1e999}",
                             "{\"model\":\"chat\",\"messages\":\"\xff\xfe\"}"};
    for (size_t i = 0; i < COUNT_OF(strange); i++) {
        client_ask(&h, &c, CHAT, "", strange[i]);
        assert_true(wire_expect(&c, "\"hello\""));
        assert_string_equal(buf_cstr(&h.engine[0].body), strange[i]);
        wire_close(&c);
    }
    house_close(&h);
}

static void fault_68_with_few_descriptors_left_new_requests_are_shed(void **state)
{
    (void)state;
    struct house h;
    struct wire c, late;
    struct fd_budget budget = {.limit = 100};
    start(&h, POOL_CHAT);
    loop_set_fd_budget(h.loop, &budget);
    h.engine[0].answer = engine_hold;
    client_ask(&h, &c, CHAT, "", PLAIN);
    assert_true(WIRE_UNTIL(h.loop, h.engine[0].open != NULL));
    const int64_t in_use = atomic_load(&budget.used);
    atomic_store(&budget.used, 95);
    client_ask(&h, &late, CHAT, "", PLAIN);
    assert_true(wire_expect(&late, "\"gateway_overloaded\""));
    assert_true(wire_has(&late, "HTTP/1.1 503 "));
    assert_true(wire_has(&late, "retry-after: 1\r\n"));
    assert_true(stats_of(&h).shedding && stats_of(&h).shed == 1);
    engine_json(&h.engine[0], h.engine[0].open); /* what is open goes on */
    assert_true(wire_expect(&c, "\"hello\""));
    wire_close(&late);
    wire_close(&c);
    atomic_store(&budget.used, 100); /* nothing is even accepted now */
    client_ask(&h, &late, "/health", "", "");
    for (int i = 0; i < 50; i++)
        loop_turn(h.loop, false);
    assert_int_equal(late.got.len, 0);
    atomic_store(&budget.used, in_use);
    assert_true(wire_expect(&late, "HTTP/1.1 405 "));
    wire_close(&late);
    h.engine[0].answer = engine_json;
    client_ask(&h, &c, CHAT, "", PLAIN);
    assert_true(wire_expect(&c, "\"hello\""));
    assert_false(stats_of(&h).shedding);
    wire_close(&c);
    loop_settle(h.loop);
    gateway_free(h.gateway);
    h.gateway = NULL;
    loop_set_fd_budget(h.loop, NULL);
    house_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fault_56_who_leaves_the_queue_is_forgotten_at_once),
        cmocka_unit_test(fault_56_who_leaves_a_stream_frees_the_engine_at_once),
        cmocka_unit_test(fault_57_a_body_that_drips_is_cut_off_before_a_replica_sees_it),
        cmocka_unit_test(fault_58_a_slow_reader_stops_the_engine_and_loses_nothing),
        cmocka_unit_test(fault_58_a_reader_that_stops_for_good_is_cut),
        cmocka_unit_test(fault_59_heads_beyond_the_limits_are_refused),
        cmocka_unit_test(fault_60_a_claim_of_a_huge_body_is_refused_before_it_is_read),
        cmocka_unit_test(fault_60_each_pool_has_its_own_limit_of_a_body),
        cmocka_unit_test(fault_61_what_two_parsers_could_read_differently_never_passes),
        cmocka_unit_test(fault_61_a_header_value_cannot_split_the_request_to_the_replica),
        cmocka_unit_test(fault_62_pipelined_requests_are_answered_in_order),
        cmocka_unit_test(fault_62_continue_is_said_only_when_the_body_is_wanted),
        cmocka_unit_test(fault_62_connect_other_versions_and_websockets_are_refused),
        cmocka_unit_test(fault_67_damaged_bodies_are_bounded_and_never_guessed_at),
        cmocka_unit_test(fault_68_with_few_descriptors_left_new_requests_are_shed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
