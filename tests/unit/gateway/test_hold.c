/* Waiting: what clients hear, how it ends, who is released when. FAULTS 63 to 65. */
#include "house.h"

static const struct house_pool one[] = {{.name = "chat", .engines = "0"}};
static const struct house_pool none[] = {{.name = "chat", .engines = ""}};
static const struct house_pool coming[] = {
    {.name = "chat", .engines = "", .starting = 1, .eta_ns = 49 * SECOND_NS}};

static void start(struct house *h, const char *yaml)
{
    memset(h, 0, sizeof(*h));
    gateway_defaults(&h->settings);
    h->settings.hold_after_ns = 20 * MILLISECOND_NS;
    h->settings.hold_every_ns = 20 * MILLISECOND_NS;
    h->settings.interim_every_ns = 20 * MILLISECOND_NS;
    house_open_with(h, yaml);
}

static void a_held_stream_gets_comments_with_position_and_estimate_and_then_its_answer(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    start(&h, POOL_CHAT);
    house_routes(&h, coming, 1);
    client_ask(&h, &c, CHAT, "", STREAM);
    assert_true(wire_expect(&c, ": sluice queued position=1 eta=4"));
    assert_true(wire_has(&c, "HTTP/1.1 200 OK\r\n"));
    assert_true(wire_has(&c, "content-type: text/event-stream\r\n"));
    assert_true(wire_has(&c, "x-sluice-cold-start: true\r\n"));
    assert_true(WIRE_UNTIL(h.loop, wire_count(&c, ": sluice queued") >= 3));
    h.engine[0].answer = engine_stream;
    house_routes(&h, one, 1);
    assert_true(wire_expect(&c, "[DONE]"));
    assert_true(wire_expect(&c, "\r\n0\r\n\r\n"));
    assert_int_equal(wire_count(&c, "HTTP/1.1 200"), 1);
    wire_close(&c);
    house_close(&h);
}

static void a_pool_can_tell_the_wait_as_reasoning(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    start(&h, POOL_CHAT "    gateway: {hold: reasoning}\n");
    house_routes(&h, coming, 1);
    client_ask(&h, &c, CHAT, "", STREAM);
    assert_true(wire_expect(&c, "\"reasoning_content\":\"Waiting for a replica: place 1, about 4"));
    assert_false(wire_has(&c, "\"choices\":[]"));
    wire_close(&c);
    house_close(&h);
}

static void a_pool_can_be_silent(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    start(&h, POOL_CHAT "    gateway: {hold: silent}\n    queue: {timeout: 100ms}\n");
    house_routes(&h, none, 1);
    client_ask(&h, &c, CHAT, "User-Agent: curl/8\r\n", STREAM);
    assert_true(wire_expect(&c, "\"queue_timeout\""));
    assert_true(span_starts_with(buf_view(&c.got), "HTTP/1.1 504 "));
    wire_close(&c);
    house_close(&h);
}

static void plain_requests_hear_102_only_where_it_is_understood(void **state)
{
    (void)state;
    struct house h;
    struct wire known, unknown, old;
    start(&h, POOL_CHAT);
    house_routes(&h, coming, 1);
    client_ask(&h, &known, CHAT, "User-Agent: OpenAI/JS 6.49\r\n", PLAIN);
    client_ask(&h, &unknown, CHAT, "User-Agent: python-requests/2.31\r\n", PLAIN);
    client_open(&h, &old);
    wire_send(&old, "POST " CHAT " HTTP/1.0\r\nUser-Agent: curl/8\r\nContent-Length: 16\r\n\r\n"
                    "{\"model\":\"chat\"}");
    assert_true(WIRE_UNTIL(h.loop, wire_count(&known, "HTTP/1.1 102 Processing\r\n") >= 3));
    assert_true(wire_has(&known, "x-sluice-eta: 4"));
    assert_int_equal(unknown.got.len, 0);
    assert_int_equal(old.got.len, 0);
    house_routes(&h, one, 1);
    assert_true(wire_expect(&known, "\"hello\""));
    assert_true(wire_expect(&unknown, "\"hello\""));
    assert_true(wire_expect(&old, "\"hello\""));
    wire_close(&known);
    wire_close(&unknown);
    wire_close(&old);
    house_close(&h);
}

static void a_held_stream_that_ends_in_vain_is_told_as_an_event_and_broken(void **state)
{
    (void)state;
    const struct {
        const char *path;
        const char *event;
    } cases[] = {
        {CHAT, "\r\ndata: {\"error\":{\"message\":\"no replica can be started: no GPU is free\""},
        {"/v1/messages", "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":"
                         "\"overloaded_error\""},
        {"/v1/responses", "event: error\ndata: {\"type\":\"error\",\"code\":\"start_failed\""},
    };
    const struct house_pool failed[] = {
        {.name = "chat", .engines = "", .start_failed = true, .reason = "no GPU is free"}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct house h;
        struct wire c;
        start(&h, POOL_CHAT);
        house_routes(&h, coming, 1);
        client_ask(&h, &c, cases[i].path, "", STREAM);
        assert_true(wire_expect(&c, ": sluice queued"));
        house_routes(&h, failed, 1);
        assert_true(wire_expect_close(&c));
        assert_int_equal(c.why, RC_IO);
        assert_true(wire_has(&c, cases[i].event));
        assert_false(wire_has(&c, "\r\n0\r\n"));
        wire_close(&c);
        house_close(&h);
    }
}

static void engine_refuses(struct engine *e, struct http_request *request)
{
    (void)e;
    http_respond(request, 400, "application/json",
                 span_from("{\"error\":{\"message\":\"context is too long\"}}"));
}

static void an_engines_refusal_after_the_wait_is_told_inside_the_stream(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    start(&h, POOL_CHAT);
    house_routes(&h, coming, 1);
    client_ask(&h, &c, CHAT, "", STREAM);
    assert_true(wire_expect(&c, ": sluice queued"));
    h.engine[0].answer = engine_refuses;
    house_routes(&h, one, 1);
    assert_true(wire_expect_close(&c));
    assert_true(wire_has(&c, "the engine answered with status 400: context is too long"));
    assert_int_equal(c.why, RC_IO);
    house_ask(&h);
    assert_true(h.heard.completed == 1); /* the engine did its work */
    wire_close(&c);
    house_close(&h);
}

static void a_held_ollama_stream_keeps_its_real_status(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    start(&h, POOL_CHAT "    queue: {timeout: 100ms}\n");
    house_routes(&h, none, 1);
    client_ask(&h, &c, "/api/chat", "", "{\"model\":\"chat:latest\"}");
    assert_true(wire_expect(&c, "{\"error\":\"no replica became free"));
    assert_true(wire_has(&c, "HTTP/1.1 504 "));
    wire_close(&c);
    house_close(&h);
}

static void fault_63_a_full_queue_refuses_with_reason_and_time(void **state)
{
    (void)state;
    struct house h;
    struct wire c[3];
    start(&h, POOL_CHAT "    queue: {maxRequests: 2, timeout: 30s}\n");
    house_routes(&h, coming, 1);
    for (size_t i = 0; i < 3; i++)
        client_ask(&h, &c[i], CHAT, "", PLAIN);
    assert_true(WIRE_UNTIL(h.loop, c[0].got.len + c[1].got.len + c[2].got.len > 0));
    struct wire *refused = &c[2];
    assert_true(wire_expect(refused, "\"queue_full\""));
    assert_true(wire_has(refused, "HTTP/1.1 503 "));
    assert_true(wire_has(refused, "x-sluice-reason: queue_full\r\n"));
    assert_true(wire_has(refused, "x-should-retry: true\r\n"));
    assert_true(wire_has(refused, "retry-after: 4")); /* from the start-up estimate */
    for (size_t i = 0; i < 3; i++)
        wire_close(&c[i]);
    house_close(&h);
}

static void fault_63_too_many_tokens_and_too_old_are_refused_too(void **state)
{
    (void)state;
    struct house h;
    struct wire c[2];
    static char body[4096];
    start(&h, POOL_CHAT "    queue: {maxTokens: 500, timeout: 60ms}\n");
    house_routes(&h, none, 1);
    (void)snprintf(body, sizeof(body), "{\"model\":\"chat\",\"prompt\":\"%03000d\"}", 0);
    client_ask(&h, &c[0], "/v1/completions", "", body);
    assert_true(wire_expect(&c[0], "\"queue_full\""));
    client_ask(&h, &c[1], CHAT, "", PLAIN);
    assert_true(wire_expect(&c[1], "\"queue_timeout\""));
    assert_true(wire_has(&c[1], "HTTP/1.1 504 "));
    wire_close(&c[0]);
    wire_close(&c[1]);
    house_close(&h);
}

static void
fault_64_when_nothing_can_start_those_who_wait_are_told_why_and_not_to_retry(void **state)
{
    (void)state;
    struct house h;
    struct wire c[3];
    start(&h, POOL_CHAT);
    house_routes(&h, none, 1);
    for (size_t i = 0; i < 3; i++)
        client_ask(&h, &c[i], CHAT, "", PLAIN);
    assert_true(WIRE_UNTIL(h.loop, h.heard.count[MESSAGE_WAKE] > 0 &&
                                       h.heard.snapshot.waiting_requests > 0));
    for (int i = 0; i < 20; i++)
        loop_turn(h.loop, false);
    assert_int_equal(h.heard.count[MESSAGE_WAKE], 1); /* one attempt, however many wait */
    const struct house_pool failed[] = {
        {.name = "chat", .engines = "", .start_failed = true, .reason = "exit code 1 in 3 starts"}};
    house_routes(&h, failed, 1);
    for (size_t i = 0; i < 3; i++) {
        assert_true(wire_expect(&c[i], "exit code 1 in 3 starts"));
        assert_true(wire_has(&c[i], "HTTP/1.1 503 "));
        assert_true(wire_has(&c[i], "x-should-retry: false\r\n"));
        assert_false(wire_has(&c[i], "retry-after:"));
        wire_close(&c[i]);
    }
    house_close(&h);
}

static void fault_65_the_herd_is_let_in_by_free_places(void **state)
{
    (void)state;
    enum { HERD = 40, PLACES = 3 };
    struct house h;
    struct wire c[HERD];
    start(&h, POOL_CHAT "    concurrency: {limit: 3}\n");
    house_routes(&h, none, 1);
    for (size_t i = 0; i < HERD; i++)
        client_ask(&h, &c[i], CHAT, "", PLAIN);
    assert_true(WIRE_UNTIL(h.loop, (house_ask(&h), h.heard.snapshot.waiting_requests) == HERD));
    h.engine[0].answer = engine_hold;
    house_routes(&h, one, 1);
    assert_true(WIRE_UNTIL(h.loop, h.engine[0].requests == PLACES));
    for (int i = 0; i < 50; i++)
        loop_turn(h.loop, false);
    assert_int_equal(h.engine[0].requests, PLACES);
    house_ask(&h);
    assert_int_equal(h.heard.snapshot.waiting_requests, HERD - PLACES);
    h.engine[0].answer = engine_json;
    engine_json(&h.engine[0], h.engine[0].open); /* one place is free: one after the other */
    size_t answered = 0;
    assert_true(WIRE_UNTIL(h.loop, h.engine[0].requests == HERD));
    for (size_t i = 0; i < HERD; i++) {
        answered += wire_has(&c[i], "\"hello\"");
        wire_close(&c[i]);
    }
    assert_true(answered >= HERD - PLACES - 1);
    house_close(&h);
}

static void fault_65_without_a_limit_of_its_own_a_replica_is_not_overrun_either(void **state)
{
    (void)state;
    enum { HERD = 100, AT_ONCE = 64 };
    struct house h;
    static struct wire c[HERD];
    start(&h, POOL_CHAT "    concurrency: {limit: 0}\n");
    house_routes(&h, none, 1);
    for (size_t i = 0; i < HERD; i++)
        client_ask(&h, &c[i], CHAT, "", PLAIN);
    assert_true(WIRE_UNTIL(h.loop, (house_ask(&h), h.heard.snapshot.waiting_requests) == HERD));
    h.engine[0].answer = engine_hold;
    house_routes(&h, one, 1);
    assert_true(WIRE_UNTIL(h.loop, h.engine[0].requests == AT_ONCE));
    for (int i = 0; i < 100; i++)
        loop_turn(h.loop, false);
    assert_int_equal(h.engine[0].requests, AT_ONCE);
    for (size_t i = 0; i < HERD; i++)
        wire_close(&c[i]);
    house_close(&h);
}

static void a_body_larger_than_the_peek_waits_at_the_client_while_it_is_held(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    start(&h, POOL_CHAT);
    house_routes(&h, none, 1);
    const size_t size = 6U << 20;
    struct buf body;
    buf_init(&body, size + 100);
    buf_text(&body, "{\"model\":\"chat\",\"prompt\":\"");
    while (body.len < size)
        buf_text(&body, "all work and no play ");
    buf_text(&body, "\"}");
    client_ask(&h, &c, "/v1/completions", "", buf_cstr(&body));
    assert_true(WIRE_UNTIL(h.loop, h.heard.count[MESSAGE_WAKE] == 1));
    for (int i = 0; i < 50; i++)
        loop_turn(h.loop, false);
    struct gateway_stats stats;
    gateway_read_stats(h.gateway, &stats);
    assert_true(stats.held_bytes < 2 * BODY_PEEK_BYTES_MAX);
    house_routes(&h, one, 1);
    assert_true(wire_expect(&c, "\"hello\""));
    assert_int_equal(h.engine[0].body.len, body.len);
    assert_memory_equal(h.engine[0].body.ptr, body.ptr, body.len);
    buf_done(&body);
    wire_close(&c);
    house_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            a_held_stream_gets_comments_with_position_and_estimate_and_then_its_answer),
        cmocka_unit_test(a_pool_can_tell_the_wait_as_reasoning),
        cmocka_unit_test(a_pool_can_be_silent),
        cmocka_unit_test(plain_requests_hear_102_only_where_it_is_understood),
        cmocka_unit_test(a_held_stream_that_ends_in_vain_is_told_as_an_event_and_broken),
        cmocka_unit_test(an_engines_refusal_after_the_wait_is_told_inside_the_stream),
        cmocka_unit_test(a_held_ollama_stream_keeps_its_real_status),
        cmocka_unit_test(fault_63_a_full_queue_refuses_with_reason_and_time),
        cmocka_unit_test(fault_63_too_many_tokens_and_too_old_are_refused_too),
        cmocka_unit_test(
            fault_64_when_nothing_can_start_those_who_wait_are_told_why_and_not_to_retry),
        cmocka_unit_test(fault_65_the_herd_is_let_in_by_free_places),
        cmocka_unit_test(fault_65_without_a_limit_of_its_own_a_replica_is_not_overrun_either),
        cmocka_unit_test(a_body_larger_than_the_peek_waits_at_the_client_while_it_is_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
