/* A request through the gateway: who answers it, what the replica sees, what comes back. */
#include "house.h"

static const struct house_pool one[] = {{.name = "chat", .engines = "0"}};

static void a_request_goes_to_the_replica_of_its_model_and_comes_back(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    house_open(&h, POOL_CHAT);
    house_routes(&h, one, 1);
    client_ask(&h, &c, CHAT "?x=1", "X-Other: kept  as is\r\n", PLAIN);
    assert_true(wire_expect(&c, "\"completion_tokens\":7}}"));
    assert_true(wire_has(&c, "HTTP/1.1 200 OK\r\n"));
    assert_true(wire_has(&c, "x-sluice-pool: chat\r\n"));
    assert_true(wire_has(&c, "x-sluice-replica: 1\r\n"));
    assert_true(engine_saw(&h.engine[0], "POST " CHAT "?x=1\n"));
    assert_true(engine_saw(&h.engine[0], "X-Other: kept  as is\n"));
    assert_true(engine_saw(&h.engine[0], "traceparent: 00-"));
    assert_string_equal(buf_cstr(&h.engine[0].body), PLAIN);
    house_ask(&h);
    assert_int_equal(h.heard.count[MESSAGE_SNAPSHOT], 1);
    assert_true(h.heard.arrived == 1 && h.heard.completed == 1);
    assert_true(h.heard.output_tokens == 7 && h.heard.prompt_tokens == 5);
    assert_int_equal(h.heard.snapshot.generation, 1);
    wire_close(&c);
    house_close(&h);
}

static void a_stream_passes_event_by_event_and_is_metered(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    house_open(&h, POOL_CHAT);
    house_routes(&h, one, 1);
    h.engine[0].answer = engine_hold;
    client_ask(&h, &c, CHAT, "", STREAM);
    assert_true(WIRE_UNTIL(h.loop, h.engine[0].open != NULL));
    struct http_request *open = h.engine[0].open;
    engine_begin_stream(open);
    engine_say(open, EVENT("one"));
    assert_true(wire_expect(&c, EVENT("one")));
    house_ask(&h);
    assert_int_equal(h.heard.snapshot.in_flight_requests, 1);
    engine_say(open, EVENT("two"));
    assert_true(wire_expect(&c, EVENT("two")));
    engine_say(open, "data: [DONE]\n\n");
    http_response_end(open);
    assert_true(wire_expect(&c, "0\r\n\r\n"));
    house_ask(&h);
    assert_int_equal(h.heard.snapshot.in_flight_requests, 0);
    assert_true(h.heard.output_tokens == 2 && h.heard.completed == 1);
    wire_close(&c);
    house_close(&h);
}

static void an_unknown_model_is_refused_with_near_names(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    house_open(&h, POOL_CHAT);
    house_routes(&h, one, 1);
    client_ask(&h, &c, CHAT, "", "{\"model\":\"chta\"}");
    assert_true(wire_expect(&c, "\"code\":\"model_not_found\""));
    assert_true(wire_has(&c, "HTTP/1.1 404 "));
    assert_true(wire_has(&c, "did you mean \\\"chat\\\"?"));
    assert_true(wire_has(&c, "x-should-retry: false\r\n"));
    assert_int_equal(h.engine[0].requests, 0);
    wire_close(&c);
    house_close(&h);
}

static void a_request_at_zero_wakes_waits_and_is_served(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    house_open(&h, POOL_CHAT);
    const struct house_pool none[] = {{.name = "chat", .engines = ""}};
    house_routes(&h, none, 1);
    client_ask(&h, &c, CHAT, "", PLAIN);
    assert_true(WIRE_UNTIL(h.loop, h.heard.count[MESSAGE_WAKE] == 1));
    assert_int_equal(h.heard.snapshot.waiting_requests, 1);
    house_routes(&h, one, 1);
    assert_true(wire_expect(&c, "\"hello\""));
    assert_true(wire_has(&c, "x-sluice-cold-start: true\r\n"));
    wire_close(&c);
    house_close(&h);
}

static void who_comes_before_the_first_routes_waits_for_them(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    house_open(&h, POOL_CHAT);
    client_ask(&h, &c, CHAT, "", PLAIN);
    loop_turn(h.loop, false);
    house_routes(&h, one, 1);
    assert_true(wire_expect(&c, "\"hello\""));
    wire_close(&c);
    house_close(&h);
}

static void a_json_body_that_curl_calls_a_form_is_read_as_json(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    house_open(&h, POOL_CHAT);
    house_routes(&h, one, 1);
    client_ask(&h, &c, CHAT, "content-type: application/x-www-form-urlencoded\r\n",
               "{\"model\":\"chta\"}");
    assert_true(wire_expect(&c, "model_not_found"));
    wire_close(&c);
    house_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_goes_to_the_replica_of_its_model_and_comes_back),
        cmocka_unit_test(a_stream_passes_event_by_event_and_is_metered),
        cmocka_unit_test(an_unknown_model_is_refused_with_near_names),
        cmocka_unit_test(a_request_at_zero_wakes_waits_and_is_served),
        cmocka_unit_test(who_comes_before_the_first_routes_waits_for_them),
        cmocka_unit_test(a_json_body_that_curl_calls_a_form_is_read_as_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
