/* Which pool a request goes to, and what changes on its way: models in every place, other names,
 * fallbacks, usage. */
#include "house.h"

static const struct house_pool one[] = {{.name = "chat", .engines = "0"}};
static const struct house_pool both[] = {{.name = "chat", .engines = "0"},
                                         {.name = "other", .engines = "1"}};

#define POOL_OTHER "  other:\n    minReplicas: 0\n    target:\n      process: {command: [engine]}\n"

static void start(struct house *h)
{
    house_open(h, POOL_CHAT POOL_OTHER);
    house_routes(h, both, 2);
}

/* Sends raw bytes, expects them answered by that engine (1, 2, ...), 0 = by none. */
static void goes_to(struct house *h, const char *text, int engine)
{
    struct wire c;
    const int before[2] = {h->engine[0].requests, h->engine[1].requests};
    client_open(h, &c);
    wire_send(&c, text);
    assert_true(wire_expect(&c, "\r\n\r\n"));
    for (int i = 0; i < 2; i++) {
        if (h->engine[i].requests - before[i] != (engine == i + 1))
            print_message("%s\n%s\n", text, buf_cstr(&c.got));
        assert_int_equal(h->engine[i].requests - before[i], engine == i + 1);
    }
    wire_close(&c);
}

#define JSON(length) "Content-Type: application/json\r\nContent-Length: " #length "\r\n\r\n"

static void the_model_is_found_where_its_endpoint_has_it(void **state)
{
    (void)state;
    struct house h;
    start(&h);
    const struct {
        const char *text;
        int engine;
    } cases[] = {
        {"POST " CHAT " HTTP/1.1\r\nHost: x\r\n" JSON(17) "{\"model\":\"other\"}", 2},
        {"POST /v1/embeddings HTTP/1.1\r\nHost: x\r\n" JSON(17) "{\"model\":\"other\"}", 2},
        {"POST /api/generate HTTP/1.1\r\nHost: x\r\n" JSON(24) "{\"model\":\"other:latest\"}", 2},
        {"GET /props?model=other HTTP/1.1\r\nHost: x\r\n\r\n", 2},
        {"GET /props?model=o%74her HTTP/1.1\r\nHost: x\r\n\r\n", 2},
        {"POST /generate HTTP/1.1\r\nHost: x\r\nX-Model: other\r\n" JSON(14) "{\"inputs\":\"a\"}",
         2},
        {"POST /generate HTTP/1.1\r\nHost: x\r\n" JSON(14) "{\"inputs\":\"a\"}", 0},
        {"POST /any/path?model=chat HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 1},
        {"GET /any/path HTTP/1.1\r\nHost: x\r\n\r\n", 0},
        {"GET /upstream/other/slots?a=1 HTTP/1.1\r\nHost: x\r\n\r\n", 2},
        {"GET /upstream/nobody/slots HTTP/1.1\r\nHost: x\r\n\r\n", 0},
        {"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; "
         "boundary=b\r\nContent-Length: 136\r\n\r\n--b\r\nContent-Disposition: form-data; "
         "name=\"file\"; filename=\"a\"\r\n\r\n\x01\r\n--b\r\nContent-Disposition: form-data; "
         "name=\"model\"\r\n\r\nother\r\n--b--\r\n",
         2},
        {"POST " CHAT " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
         "9\r\n{\"model\":\r\n8\r\n\"other\"}\r\n0\r\n\r\n",
         2},
        {"GET /v1/responses/resp_1 HTTP/1.1\r\nHost: x\r\n\r\n", 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        goes_to(&h, cases[i].text, cases[i].engine);
    assert_true(engine_saw(&h.engine[1], "POST " CHAT "\n"));
    house_close(&h);
}

static void engine_made_one(struct engine *e, struct http_request *request)
{
    (void)e;
    http_respond(request, 200, "application/json",
                 span_from("{\"id\":\"resp_1\",\"output\":[{\"id\":\"msg_1\"}],"
                           "\"output_file_id\":\"file-out\"}"));
}

static void engine_made_a_stream(struct engine *e, struct http_request *request)
{
    (void)e;
    engine_begin_stream(request);
    engine_say(request, "event: response.created\ndata: {\"type\":\"response.created\","
                        "\"response\":{\"id\":\"resp_stream\",\"output\":[]}}\n\n");
    engine_say(request, "event: response.completed\ndata: {\"type\":\"response.completed\","
                        "\"response\":{\"id\":\"resp_stream\"}}\n\n");
    http_response_end(request);
}

static void engine_made_nothing(struct engine *e, struct http_request *request)
{
    (void)e;
    http_respond(request, 404, "application/json", span_from("{\"id\":\"resp_none\"}"));
}

#define ASK(method, path) method " " path " HTTP/1.1\r\nHost: x\r\n\r\n"

static void what_was_made_is_asked_for_where_it_was_made(void **state)
{
    (void)state;
    struct house h;
    start(&h);
    goes_to(&h, ASK("GET", "/v1/responses/resp_1"), 0);
    h.engine[1].answer = engine_made_one;
    goes_to(&h, "POST /v1/responses HTTP/1.1\r\nHost: x\r\n" JSON(17) "{\"model\":\"other\"}", 2);
    h.engine[1].answer = engine_json;
    goes_to(&h, ASK("GET", "/v1/responses/resp_1"), 2);
    goes_to(&h, ASK("GET", "/v1/responses/resp_1/input_items"), 2);
    goes_to(&h, ASK("DELETE", "/v1/responses/resp_1"), 2);
    goes_to(&h, ASK("GET", "/v1/files/file-out/content"), 2);
    goes_to(&h, ASK("GET", "/v1/responses/msg_1"), 0);
    goes_to(&h, ASK("GET", "/v1/responses/resp_10"), 0);
    goes_to(&h,
            "POST /v1/responses HTTP/1.1\r\nHost: x\r\n" JSON(
                33) "{\"previous_response_id\":\"resp_1\"}",
            2);
    goes_to(&h,
            "POST /v1/batches HTTP/1.1\r\nHost: x\r\n" JSON(28) "{\"input_file_id\":\"file-out\"}",
            2);
    h.engine[1].answer = engine_made_a_stream;
    goes_to(&h,
            "POST /v1/responses HTTP/1.1\r\nHost: x\r\n" JSON(
                31) "{\"model\":\"other\",\"stream\":true}",
            2);
    goes_to(&h, ASK("GET", "/v1/responses/resp_stream"), 2);
    h.engine[1].answer = engine_made_nothing;
    goes_to(&h, "POST /v1/responses HTTP/1.1\r\nHost: x\r\n" JSON(17) "{\"model\":\"other\"}", 2);
    goes_to(&h, ASK("GET", "/v1/responses/resp_none"), 0);
    house_close(&h);
}

static void a_response_goes_on_in_the_pool_that_made_the_one_before(void **state)
{
    (void)state;
    struct house h;
    start(&h);
    const struct house_pool pools[] = {{.name = "chat", .engines = "0", .model = "m"},
                                       {.name = "other", .engines = "1", .model = "m", .order = 1}};
    house_routes(&h, pools, 2);
    h.engine[0].answer = engine_made_one;
    goes_to(&h, "POST /v1/responses HTTP/1.1\r\nHost: x\r\n" JSON(13) "{\"model\":\"m\"}", 1);
    const struct house_pool turned[] = {{.name = "chat", .engines = "0", .model = "m", .order = 1},
                                        {.name = "other", .engines = "1", .model = "m"}};
    house_routes(&h, turned, 2);
    goes_to(&h, "POST /v1/responses HTTP/1.1\r\nHost: x\r\n" JSON(13) "{\"model\":\"m\"}", 2);
    goes_to(&h,
            "POST /v1/responses HTTP/1.1\r\nHost: x\r\n" JSON(
                45) "{\"model\":\"m\",\"previous_response_id\":\"resp_1\"}",
            1);
    house_close(&h);
}

static void below_upstream_the_rest_of_the_path_passes_as_it_is(void **state)
{
    (void)state;
    struct house h;
    start(&h);
    goes_to(&h, "GET /upstream/other/a/b%20c?x=%41&y HTTP/1.1\r\nHost: x\r\n\r\n", 2);
    assert_true(engine_saw(&h.engine[1], "GET /a/b%20c?x=%41&y\n"));
    goes_to(&h, "GET /upstream/other HTTP/1.1\r\nHost: x\r\n\r\n", 2);
    assert_true(engine_saw(&h.engine[1], "GET /\n"));
    goes_to(&h, "GET http://x/upstream/other/z HTTP/1.1\r\nHost: x\r\n\r\n", 2);
    assert_true(engine_saw(&h.engine[1], "GET /z\n"));
    house_close(&h);
}

static void a_known_endpoint_without_a_model_means_the_only_pool(void **state)
{
    (void)state;
    struct house h;
    house_open(&h, POOL_CHAT);
    house_routes(&h, one, 1);
    goes_to(&h, "POST /completion HTTP/1.1\r\nHost: x\r\n" JSON(14) "{\"prompt\":\"a\"}", 1);
    goes_to(&h, "GET /favicon.ico HTTP/1.1\r\nHost: x\r\n\r\n", 0);
    house_close(&h);
}

static void the_engine_is_asked_for_its_own_name_and_nothing_else_changes(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    house_open(&h, POOL_CHAT);
    const struct house_pool pools[] = {
        {.name = "chat", .engines = "0", .model = "gpt-4o", .upstream = "meta/\"llama\""}};
    house_routes(&h, pools, 1);
    client_ask(&h, &c, CHAT, "", "{ \"a\" : 1.50, \"model\" : \"gpt-4o\" ,\"zz\":[ ] }");
    assert_true(wire_expect(&c, "\"hello\""));
    assert_string_equal(buf_cstr(&h.engine[0].body),
                        "{ \"a\" : 1.50, \"model\" : \"meta/\\\"llama\\\"\" ,\"zz\":[ ] }");
    assert_true(wire_has(&c, "x-sluice-model: gpt-4o\r\n"));
    wire_close(&c);
    /* A name that stands twice cannot be replaced by one cut. */
    client_ask(&h, &c, CHAT, "", "{\"model\":\"gpt-4o\",\"model\":\"gpt-4o\"}");
    assert_true(wire_expect(&c, "\"model_ambiguous\""));
    wire_close(&c);
    house_close(&h);
}

#define PART(name) "--b\r\nContent-Disposition: form-data; name=" name "\r\n\r\n"

static void the_name_in_a_part_of_a_form_is_replaced_too(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    house_open(&h, POOL_CHAT);
    const struct house_pool pools[] = {
        {.name = "chat", .engines = "0", .model = "whisper", .upstream = "org/whisper-large"}};
    house_routes(&h, pools, 1);
    client_open(&h, &c);
    client_post_as(
        &c, "/v1/audio/transcriptions", "", "multipart/form-data; boundary=b",
        PART("\"file\"; filename=\"model\"") "whisper\r\n" PART("model") "whisper\r\n--b--\r\n");
    assert_true(wire_expect(&c, "\"hello\""));
    assert_string_equal(buf_cstr(&h.engine[0].body),
                        PART("\"file\"; filename=\"model\"") "whisper\r\n" PART(
                            "model") "org/whisper-large\r\n--b--\r\n");
    wire_close(&c);
    client_open(&h, &c);
    client_post_as(&c, "/v1/audio/transcriptions", "", "application/x-www-form-urlencoded",
                   "a=b&model=whisper");
    assert_true(wire_expect(&c, "\"model_ambiguous\""));
    wire_close(&c);
    house_close(&h);
}

static void usage_is_asked_for_and_taken_out_again_where_the_client_did_not(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    house_open(&h, POOL_CHAT);
    house_routes(&h, one, 1);
    h.engine[0].answer = engine_hold;
#define USAGE "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":4}}\n\n"
    for (int asked = 0; asked < 2; asked++) {
        client_ask(&h, &c, CHAT, "",
                   asked
                       ? "{\"model\":\"chat\",\"stream\":true,\"stream_options\":{\"include_usage\""
                         ":true}}"
                       : STREAM);
        assert_true(WIRE_UNTIL(h.loop, h.engine[0].open != NULL));
        assert_non_null(strstr(buf_cstr(&h.engine[0].body), "\"include_usage\":true"));
        struct http_request *open = h.engine[0].open;
        engine_begin_stream(open);
        /* In pieces that fit no event. */
        const char *text = EVENT("one") USAGE "data: [DONE]\n\n";
        for (size_t at = 0; at < strlen(text); at += 7) {
            http_response_data(open, span_slice(span_from(text), at, 7));
            loop_turn(h.loop, false);
        }
        http_response_end(open);
        h.engine[0].open = NULL;
        assert_true(wire_expect(&c, "\r\n0\r\n\r\n"));
        assert_true(wire_has(&c, "content"));
        assert_true(wire_has(&c, "[DONE]"));
        assert_true(wire_has(&c, "completion_tokens") == (asked == 1));
        house_ask(&h);
        assert_true(h.heard.output_tokens == 4 * (asked + 1));
        assert_true(h.heard.prompt_tokens == 9 * (asked + 1));
        wire_close(&c);
    }
    house_close(&h);
}

static void a_stream_in_pieces_arrives_as_it_was(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    house_open(&h, POOL_CHAT);
    house_routes(&h, one, 1);
    static const char text[] =
        ": hi\n\nevent: message_start\ndata: {\"type\":\"message_start\"}\r\n\r\n"
        "data: x\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
        "id: 7\n\nhalf an event";
    for (size_t step = 1; step < 40; step += 3) {
        h.engine[0].answer = engine_hold;
        client_open(&h, &c);
        wire_send(&c, "POST /v1/messages HTTP/1.0\r\nContent-Length: 30\r\n\r\n"
                      "{\"model\":\"chat\",\"stream\":true}\n");
        assert_true(WIRE_UNTIL(h.loop, h.engine[0].open != NULL));
        engine_begin_stream(h.engine[0].open);
        for (size_t at = 0; at < sizeof(text) - 1; at += step) {
            http_response_data(h.engine[0].open, span_slice(span_from(text), at, step));
            loop_turn(h.loop, false);
        }
        http_response_end(h.engine[0].open);
        h.engine[0].open = NULL;
        assert_true(wire_expect_close(&c));
        assert_int_equal(c.why, RC_CLOSED);
        assert_string_equal(strstr(buf_cstr(&c.got), "\r\n\r\n") + 4, text);
        wire_close(&c);
    }
    house_close(&h);
}

static void a_fallback_serves_what_the_first_pool_refuses(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    house_open(&h, POOL_CHAT POOL_OTHER);
    struct house_pool pools[] = {
        {.name = "chat", .engines = "", .model = "m", .start_failed = true, .reason = "broken"},
        {.name = "other", .engines = "1", .model = "m", .order = 1, .upstream = "small"}};
    house_routes(&h, pools, 2);
    client_ask(&h, &c, CHAT, "", "{\"model\":\"m\"}");
    assert_true(wire_expect(&c, "\"hello\""));
    assert_true(wire_has(&c, "x-sluice-pool: other\r\n"));
    assert_string_equal(buf_cstr(&h.engine[1].body), "{\"model\":\"small\"}");
    wire_close(&c);
    /* Also when it was held for a while and then refused. */
    pools[0].start_failed = false;
    house_routes(&h, pools, 2);
    client_ask(&h, &c, CHAT, "", "{\"model\":\"m\"}");
    assert_true(WIRE_UNTIL(h.loop, h.heard.snapshot.waiting_requests == 1));
    pools[0].start_failed = true;
    house_routes(&h, pools, 2);
    assert_true(wire_expect(&c, "x-sluice-pool: other\r\n"));
    wire_close(&c);
    house_close(&h);
}

static void a_canary_gets_its_share_and_a_session_stays_with_its_pool(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    house_open(&h, POOL_CHAT POOL_OTHER);
    const struct house_pool pools[] = {
        {.name = "chat", .engines = "0", .model = "m", .percent = 75},
        {.name = "other", .engines = "1", .model = "m", .percent = 25}};
    house_routes(&h, pools, 2);
    enum { N = 200 };
    for (int i = 0; i < N; i++) {
        client_ask(&h, &c, CHAT, "", "{\"model\":\"m\"}");
        assert_true(wire_expect(&c, "\"hello\""));
        wire_close(&c);
    }
    assert_in_range(h.engine[1].requests, N / 8, N / 2);
    const int before[2] = {h.engine[0].requests, h.engine[1].requests};
    for (int i = 0; i < 20; i++) {
        client_ask(&h, &c, CHAT, "x-session-id: s1\r\n", "{\"model\":\"m\"}");
        assert_true(wire_expect(&c, "\"hello\""));
        wire_close(&c);
    }
    assert_true(h.engine[0].requests - before[0] == 20 || h.engine[1].requests - before[1] == 20);
    house_close(&h);
}

static void requests_of_one_session_go_to_one_replica(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    house_open(&h, POOL_CHAT);
    const struct house_pool pools[] = {{.name = "chat", .engines = "0123"}};
    house_routes(&h, pools, 1);
    const char *const lines[] = {"x-session-id: a\r\n", "x-litellm-session-id: b\r\n", ""};
    const char *const bodies[] = {PLAIN, PLAIN, "{\"model\":\"chat\",\"prompt_cache_key\":\"c\"}"};
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        int before[ENGINES_MAX], most = 0;
        for (int e = 0; e < ENGINES_MAX; e++)
            before[e] = h.engine[e].requests;
        for (int n = 0; n < 8; n++) {
            client_ask(&h, &c, CHAT, lines[i], bodies[i]);
            assert_true(wire_expect(&c, "\"hello\""));
            wire_close(&c);
        }
        for (int e = 0; e < ENGINES_MAX; e++)
            most =
                h.engine[e].requests - before[e] > most ? h.engine[e].requests - before[e] : most;
        assert_int_equal(most, 8);
    }
    house_ask(&h);
    assert_int_equal(h.heard.snapshot.sessions, 3);
    house_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_model_is_found_where_its_endpoint_has_it),
        cmocka_unit_test(what_was_made_is_asked_for_where_it_was_made),
        cmocka_unit_test(a_response_goes_on_in_the_pool_that_made_the_one_before),
        cmocka_unit_test(below_upstream_the_rest_of_the_path_passes_as_it_is),
        cmocka_unit_test(a_known_endpoint_without_a_model_means_the_only_pool),
        cmocka_unit_test(the_engine_is_asked_for_its_own_name_and_nothing_else_changes),
        cmocka_unit_test(the_name_in_a_part_of_a_form_is_replaced_too),
        cmocka_unit_test(usage_is_asked_for_and_taken_out_again_where_the_client_did_not),
        cmocka_unit_test(a_stream_in_pieces_arrives_as_it_was),
        cmocka_unit_test(a_fallback_serves_what_the_first_pool_refuses),
        cmocka_unit_test(a_canary_gets_its_share_and_a_session_stays_with_its_pool),
        cmocka_unit_test(requests_of_one_session_go_to_one_replica),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
