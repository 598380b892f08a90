/* Faults of replicas: FAULTS 53 to 55 and 66. */
#include "house.h"

#include <sys/socket.h>
#include <unistd.h>

static const struct house_pool one[] = {{.name = "chat", .engines = "0"}};
static const struct house_pool two[] = {{.name = "chat", .engines = "01"}};

static void stop_engine(struct house *h, size_t i)
{
    http_server_stop_accepting(h->engine[i].server);
}

static void engine_reset(struct engine *e, struct http_request *request)
{
    (void)e;
    http_response_abort(request);
}

static void engine_busy(struct engine *e, struct http_request *request)
{
    (void)e;
    http_respond_lines(request, 503,
                       span_from("content-type: application/json\r\nretry-after: 7\r\n"),
                       span_from("{\"error\":\"engine is full\"}"));
}

/* An interim answer with a line that splits the head. */
static void engine_interim_garbage(struct engine *e, struct http_request *request)
{
    (void)e;
    http_response_interim(request, 103, span_from("bad header\r\n"));
    http_respond(request, 200, NULL, span_from(""));
}

/* "Transfer-Encoding: gzip" and, by the server, "transfer-encoding: chunked" behind it. */
static void engine_coded(struct engine *e, struct http_request *request)
{
    (void)e;
    http_response_begin(request, 200, span_from("transfer-encoding: gzip\r\n"), HTTP_LENGTH_STREAM);
    engine_say(request, "coded");
    http_response_end(request);
}

static struct gateway_stats stats_of(const struct house *h)
{
    struct gateway_stats stats;
    gateway_read_stats(h->gateway, &stats);
    return stats;
}

static void fault_53_a_refused_connection_is_tried_on_another_replica(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    house_open(&h, POOL_CHAT);
    house_routes(&h, two, 1);
    stop_engine(&h, 0);
    client_ask(&h, &c, CHAT, "", PLAIN);
    assert_true(wire_expect(&c, "\"hello\""));
    assert_true(wire_has(&c, "x-sluice-replica: 2\r\n"));
    assert_int_equal(stats_of(&h).retries, 1);
    assert_true(WIRE_UNTIL(h.loop, h.heard.count[MESSAGE_SUSPECT] == 1));
    assert_int_equal(h.heard.last[MESSAGE_SUSPECT].replica, 1);
    wire_close(&c);
    house_close(&h);
}

static void
fault_53_a_reset_before_a_byte_is_tried_on_another_replica_with_the_same_body(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    house_open(&h, POOL_CHAT);
    house_routes(&h, two, 1);
    h.engine[0].answer = engine_reset;
    client_ask(&h, &c, CHAT, "", PLAIN);
    assert_true(wire_expect(&c, "\"hello\""));
    assert_int_equal(h.engine[0].requests, 1);
    assert_string_equal(buf_cstr(&h.engine[1].body), PLAIN);
    house_ask(&h);
    assert_true(h.heard.arrived == 1 && h.heard.completed == 1 && h.heard.failed == 0);
    wire_close(&c);
    house_close(&h);
}

static void fault_53_without_another_try_the_client_is_told(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    house_open(&h, POOL_CHAT);
    house_routes(&h, one, 1);
    h.engine[0].answer = engine_reset;
    client_ask(&h, &c, CHAT, "", PLAIN);
    assert_true(wire_expect(&c, "\"code\":\"replica_failed\""));
    assert_true(wire_has(&c, "HTTP/1.1 502 "));
    assert_int_equal(h.engine[0].requests, 3); /* two more tries, no other replica */
    wire_close(&c);
    house_close(&h);
}

static void fault_53_an_engine_that_is_full_is_left_for_one_that_is_not(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    house_open(&h, POOL_CHAT);
    house_routes(&h, two, 1);
    h.engine[0].answer = engine_busy;
    client_ask(&h, &c, CHAT, "", PLAIN);
    assert_true(wire_expect(&c, "\"hello\""));
    wire_close(&c);
    /* Alone it speaks for itself: its own words and status pass. */
    house_routes(&h, one, 1);
    client_ask(&h, &c, CHAT, "", PLAIN);
    assert_true(wire_expect(&c, "engine is full"));
    assert_true(wire_has(&c, "HTTP/1.1 503 "));
    assert_true(wire_has(&c, "retry-after: 7\r\n"));
    wire_close(&c);
    house_close(&h);
}

static void fault_53_a_kept_connection_that_is_dead_costs_no_try(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    house_open(&h, POOL_CHAT);
    house_routes(&h, one, 1);
    client_ask(&h, &c, CHAT, "", PLAIN);
    assert_true(wire_expect(&c, "\"hello\""));
    /* The engine starts again on its port; the gateway has not looked at the old connection yet. */
    struct http_server_config server;
    char listen[32];
    http_server_defaults(&server);
    (void)snprintf(listen, sizeof(listen), "127.0.0.1:%u",
                   (unsigned)http_server_port(h.engine[0].server));
    server.listen = listen;
    client_post(&c, CHAT, "", PLAIN);
    http_server_free(h.engine[0].server);
    assert_int_equal(
        http_server_new(h.loop, &server, engine_request, &h.engine[0], &h.engine[0].server, NULL),
        RC_OK);
    assert_true(WIRE_UNTIL(h.loop, h.engine[0].requests == 2));
    assert_true(WIRE_UNTIL(h.loop, stats_of(&h).forwarded == 2));
    assert_int_equal(stats_of(&h).retries, 0);
    wire_close(&c);
    house_close(&h);
}

static void fault_53_a_body_that_passed_through_is_not_sent_a_second_time(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    struct buf body;
    house_open(&h, POOL_CHAT);
    house_routes(&h, two, 1);
    h.engine[0].answer = engine_reset;
    buf_init(&body, 4 * BODY_PEEK_BYTES_MAX);
    buf_text(&body, "{\"model\":\"chat\",\"prompt\":\"");
    while (body.len < 2 * BODY_PEEK_BYTES_MAX)
        buf_text(&body, "all work and no play ");
    buf_text(&body, "\"}");
    client_ask(&h, &c, "/v1/completions", "", buf_cstr(&body));
    assert_true(wire_expect(&c, "\"replica_failed\""));
    assert_int_equal(h.engine[0].requests, 1);
    assert_int_equal(h.engine[1].requests, 0);
    buf_done(&body);
    wire_close(&c);
    house_close(&h);
}

static void fault_61_an_answer_in_a_coding_that_nobody_decodes_never_passes(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    house_open(&h, POOL_CHAT);
    house_routes(&h, one, 1);
    h.engine[0].answer = engine_coded;
    client_ask(&h, &c, CHAT, "", PLAIN);
    assert_true(wire_expect(&c, "\"replica_failed\""));
    assert_false(wire_has(&c, "coded"));
    wire_close(&c);
    house_close(&h);
}

static void fault_54_a_replica_that_dies_in_a_stream_ends_it_with_an_error_and_a_reset(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    house_open(&h, POOL_CHAT);
    house_routes(&h, two, 1);
    h.engine[0].answer = h.engine[1].answer = engine_hold;
    client_ask(&h, &c, CHAT, "", STREAM);
    assert_true(WIRE_UNTIL(h.loop, h.engine[0].open != NULL));
    engine_begin_stream(h.engine[0].open);
    engine_say(h.engine[0].open, EVENT("one"));
    engine_say(h.engine[0].open, "data: {\"choices\":[{\"de"); /* the beginning of another */
    assert_true(wire_expect(&c, EVENT("one")));
    http_response_abort(h.engine[0].open);
    assert_true(wire_expect_close(&c));
    assert_int_equal(c.why, RC_IO); /* reset: nobody can take it for the end */
    assert_true(wire_has(&c, EVENT("one")));
    assert_true(wire_has(&c, "\r\ndata: {\"error\":{"));
    assert_true(wire_has(&c, "\"code\":\"replica_failed\""));
    assert_false(wire_has(&c, "\r\n0\r\n"));
    assert_false(wire_has(&c, "[{\"de\r\n")); /* half an event would spoil the error's */
    assert_int_equal(h.engine[1].requests, 0);
    house_ask(&h);
    assert_true(h.heard.output_tokens == 1 && h.heard.failed == 1 && h.heard.completed == 0);
    wire_close(&c);
    house_close(&h);
}

static void fault_54_a_stream_that_ends_without_its_mark_is_a_broken_one(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    house_open(&h, POOL_CHAT);
    house_routes(&h, one, 1);
    h.engine[0].answer = engine_hold;
    client_ask(&h, &c, CHAT, "", STREAM);
    assert_true(WIRE_UNTIL(h.loop, h.engine[0].open != NULL));
    engine_begin_stream(h.engine[0].open);
    engine_say(h.engine[0].open, EVENT("one"));
    http_response_end(h.engine[0].open);
    assert_true(wire_expect_close(&c));
    assert_int_equal(c.why, RC_IO);
    assert_true(wire_has(&c, "\"code\":\"replica_failed\""));
    wire_close(&c);
    house_close(&h);
}

static void fault_54_a_plain_answer_cut_in_its_middle_is_cut_for_the_client_too(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    house_open(&h, POOL_CHAT);
    house_routes(&h, one, 1);
    h.engine[0].answer = engine_hold;
    client_ask(&h, &c, CHAT, "", PLAIN);
    assert_true(WIRE_UNTIL(h.loop, h.engine[0].open != NULL));
    http_response_begin(h.engine[0].open, 200, span_from("content-type: application/json\r\n"),
                        100);
    engine_say(h.engine[0].open, "{\"half\":");
    assert_true(wire_expect(&c, "{\"half\":"));
    http_response_cut(h.engine[0].open);
    assert_true(wire_expect_close(&c));
    assert_int_equal(c.why, RC_IO);
    assert_int_equal(stats_of(&h).broken, 1);
    wire_close(&c);
    house_close(&h);
}

/* Only what is to pass is short: a busy machine may take long for everything else. */
#define TIMEOUTS(connect, first, between)                                                          \
    "    timeouts: {connect: " connect ", firstToken: " first ", betweenTokens: " between "}\n"

static void fault_55_a_replica_that_takes_no_connection_is_given_up_in_time(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    house_open(&h, POOL_CHAT TIMEOUTS("50ms", "1m", "1m"));
    /* A listener whose backlog is full: further connections hang without an answer. */
    struct address address;
    assert_int_equal(address_parse(span_from("127.0.0.1"), 0, &address), RC_OK);
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, &address.u.any, address.size), 0);
    assert_int_equal(listen(fd, 0), 0);
    address.size = sizeof(address.u);
    assert_int_equal(getsockname(fd, &address.u.any, &address.size), 0);
    struct wire fill[4];
    for (size_t i = 0; i < COUNT_OF(fill); i++)
        wire_open(&fill[i], h.loop, address_port(&address));
    struct route_replica replica = {
        .id = 9, .host = "127.0.0.1", .port = address_port(&address), .weight = 1};
    struct route_pool pool = {.name = "chat", .replica = &replica, .replica_count = 1};
    struct route_model model = {.name = "chat", .weight_percent = 100};
    const struct routes routes = {
        .generation = 1, .pool = &pool, .pool_count = 1, .model = &model, .model_count = 1};
    house_send(&h, &(struct message){.kind = MESSAGE_ROUTES, .routes = &routes});
    client_ask(&h, &c, CHAT, "", PLAIN);
    assert_true(wire_expect(&c, "took no connection in time"));
    assert_true(wire_has(&c, "HTTP/1.1 504 "));
    wire_close(&c);
    for (size_t i = 0; i < COUNT_OF(fill); i++)
        wire_close(&fill[i]);
    (void)close(fd);
    house_close(&h);
}

static void fault_55_a_replica_that_says_nothing_is_given_up_and_not_asked_twice(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    house_open(&h, POOL_CHAT TIMEOUTS("1m", "300ms", "1m"));
    house_routes(&h, two, 1);
    h.engine[0].answer = h.engine[1].answer = engine_hold;
    client_ask(&h, &c, CHAT, "", PLAIN);
    assert_true(wire_expect(&c, "did not begin its answer in time"));
    assert_true(wire_has(&c, "HTTP/1.1 504 "));
    assert_true(WIRE_UNTIL(h.loop, h.engine[0].gone == 1)); /* it sees that nobody waits */
    assert_int_equal(h.engine[1].requests, 0);
    wire_close(&c);
    house_close(&h);
}

static void fault_55_silence_before_the_first_and_between_tokens_has_its_limit(void **state)
{
    (void)state;
    static const char *const said[] = {": ping\n\n", EVENT("one")};
    static const char *const pool[] = {POOL_CHAT TIMEOUTS("1m", "300ms", "1m"),
                                       POOL_CHAT TIMEOUTS("1m", "1m", "80ms")};
    for (size_t i = 0; i < COUNT_OF(said); i++) {
        struct house h;
        struct wire c;
        house_open(&h, pool[i]);
        house_routes(&h, one, 1);
        h.engine[0].answer = engine_hold;
        client_ask(&h, &c, CHAT, "", STREAM);
        assert_true(WIRE_UNTIL(h.loop, h.engine[0].open != NULL));
        engine_begin_stream(h.engine[0].open);
        engine_say(h.engine[0].open, said[i]);
        assert_true(wire_expect(&c, said[i]));
        assert_true(wire_expect_close(&c));
        assert_true(wire_has(&c, "fell silent"));
        assert_int_equal(c.why, RC_IO);
        assert_true(WIRE_UNTIL(h.loop, h.engine[0].gone == 1));
        wire_close(&c);
        house_close(&h);
    }
}

static void fault_55_the_whole_answer_has_a_limit_too(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    house_open(&h, POOL_CHAT "    timeouts: {request: 300ms}\n");
    house_routes(&h, one, 1);
    h.engine[0].answer = engine_hold;
    client_ask(&h, &c, CHAT, "", PLAIN);
    assert_true(wire_expect(&c, "within the time limit of its pool"));
    assert_true(WIRE_UNTIL(h.loop, h.engine[0].gone == 1));
    wire_close(&c);
    house_close(&h);
}

static void fault_66_a_pool_whose_replicas_all_fail_is_still_tried(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    house_open(&h, POOL_CHAT "    queue: {timeout: 200ms}\n"); /* shorter than a suspicion */
    house_routes(&h, two, 1);
    h.engine[0].answer = h.engine[1].answer = engine_reset;
    client_ask(&h, &c, CHAT, "", PLAIN);
    assert_true(wire_expect(&c, "\"replica_failed\""));
    wire_close(&c);
    h.engine[0].answer = h.engine[1].answer = engine_json;
    client_ask(&h, &c, CHAT, "", PLAIN); /* both are suspect, and there is nobody else */
    assert_true(wire_expect(&c, "\"hello\""));
    wire_close(&c);
    house_close(&h);
}

static void an_answer_that_is_no_http_is_a_failed_try(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    house_open(&h, POOL_CHAT);
    house_routes(&h, one, 1);
    h.engine[0].answer = engine_interim_garbage;
    client_ask(&h, &c, CHAT, "", PLAIN);
    assert_true(wire_expect(&c, "\"replica_failed\""));
    wire_close(&c);
    house_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fault_53_a_refused_connection_is_tried_on_another_replica),
        cmocka_unit_test(
            fault_53_a_reset_before_a_byte_is_tried_on_another_replica_with_the_same_body),
        cmocka_unit_test(fault_53_without_another_try_the_client_is_told),
        cmocka_unit_test(fault_53_an_engine_that_is_full_is_left_for_one_that_is_not),
        cmocka_unit_test(fault_53_a_kept_connection_that_is_dead_costs_no_try),
        cmocka_unit_test(fault_53_a_body_that_passed_through_is_not_sent_a_second_time),
        cmocka_unit_test(fault_61_an_answer_in_a_coding_that_nobody_decodes_never_passes),
        cmocka_unit_test(
            fault_54_a_replica_that_dies_in_a_stream_ends_it_with_an_error_and_a_reset),
        cmocka_unit_test(fault_54_a_stream_that_ends_without_its_mark_is_a_broken_one),
        cmocka_unit_test(fault_54_a_plain_answer_cut_in_its_middle_is_cut_for_the_client_too),
        cmocka_unit_test(fault_55_a_replica_that_takes_no_connection_is_given_up_in_time),
        cmocka_unit_test(fault_55_a_replica_that_says_nothing_is_given_up_and_not_asked_twice),
        cmocka_unit_test(fault_55_silence_before_the_first_and_between_tokens_has_its_limit),
        cmocka_unit_test(fault_55_the_whole_answer_has_a_limit_too),
        cmocka_unit_test(fault_66_a_pool_whose_replicas_all_fail_is_still_tried),
        cmocka_unit_test(an_answer_that_is_no_http_is_a_failed_try),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
