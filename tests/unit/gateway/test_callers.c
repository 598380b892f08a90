/* Keys, tiers, and what is answered without a replica. */
#include "house.h"

static const struct house_pool one[] = {{.name = "chat", .engines = "0"}};
static const struct house_pool both[] = {{.name = "chat", .engines = "0"},
                                         {.name = "other", .engines = "1"}};

/* Hashes of "alpha", "beta", "gamma" and "delta". */
#define KEYS                                                                                       \
    "tiers:\n"                                                                                     \
    "  - {name: plain}\n"                                                                          \
    "  - {name: gold, priority: 5, weight: 3}\n"                                                   \
    "  - {name: small, maxConcurrency: 1}\n"                                                       \
    "  - {name: counted, requestsPerMinute: 2}\n"                                                  \
    "keys:\n"                                                                                      \
    "  - {name: a, tier: gold, sha256: "                                                           \
    "8ed3f6ad685b959ead7022518e1af76cd816f8e8ec7ccdda1ed4018e8f2223f8}\n"                          \
    "  - {name: b, tier: small, sha256: "                                                          \
    "f44e64e75f3948e9f73f8dfa94721c4ce8cbb4f265c4790c702b2d41cfbf2753}\n"                          \
    "  - {name: c, tier: counted, sha256: "                                                        \
    "be9d587defa1f0c09ef49eb17e206983a5f8f8289e4281860bd0ee5a19592c67}\n"                          \
    "  - {name: d, sha256: "                                                                       \
    "4f4a9410ffcdf895c4adb880659e9b5c0dd1f23a30790684340b3eaacb045398}\n"
#define POOL_OTHER                                                                                 \
    "  other:\n    minReplicas: 0\n    keys: [a]\n    target:\n      process: {command: "          \
    "[engine]}\n"

#define POOL_OTHER_FREE "  other:\n    target:\n      process: {command: [engine]}\n"

static void start(struct house *h)
{
    house_open(h, KEYS POOL_CHAT POOL_OTHER);
    house_routes(h, both, 2);
}

static void expect(struct house *h, const char *path, const char *lines, const char *body,
                   const char *status, const char *text)
{
    struct wire c;
    client_ask(h, &c, path, lines, body);
    (void)wire_expect(&c, text);
    if (!wire_has(&c, status) || !wire_has(&c, text))
        print_message("wanted %s %s, got %s\n", status, text, buf_cstr(&c.got));
    assert_true(wire_has(&c, status));
    assert_true(wire_has(&c, text));
    wire_close(&c);
}

static void without_a_known_key_nobody_is_served_and_told_so_in_the_familys_words(void **state)
{
    (void)state;
    struct house h;
    start(&h);
    const char *no = "HTTP/1.1 401 ";
    expect(&h, CHAT, "", PLAIN, no, "\"invalid_api_key\"");
    expect(&h, CHAT, "Authorization: Bearer wrong\r\n", PLAIN, no, "is not known here");
    expect(&h, CHAT, "Authorization: Basic alpha\r\n", PLAIN, no, "\"invalid_api_key\"");
    expect(&h, "/v1/messages", "x-api-key: wrong\r\n", PLAIN, no, "\"authentication_error\"");
    expect(&h, "/api/chat", "", PLAIN, no, "{\"error\":\"an API key is needed");
    assert_int_equal(h.engine[0].requests, 0);
    expect(&h, CHAT, "Authorization: Bearer alpha\r\n", PLAIN, " 200 ", "\"hello\"");
    expect(&h, "/v1/messages", "x-api-key: alpha\r\n", PLAIN, " 200 ", "\"hello\"");
    assert_int_equal(h.engine[0].requests, 2);
    house_close(&h);
}

static void a_key_of_ours_never_reaches_an_engine_and_another_one_passes(void **state)
{
    (void)state;
    struct house h;
    start(&h);
    expect(&h, CHAT, "Authorization: Bearer alpha\r\nx-api-key: alpha\r\n", PLAIN, " 200 ",
           "\"hello\"");
    assert_false(engine_saw(&h.engine[0], "alpha"));
    house_close(&h);
    house_open(&h, POOL_CHAT);
    house_routes(&h, one, 1);
    expect(&h, CHAT, "Authorization: Bearer engine-key\r\n", PLAIN, " 200 ", "\"hello\"");
    assert_true(engine_saw(&h.engine[0], "Authorization: Bearer engine-key\n"));
    house_close(&h);
}

static void a_pool_with_keys_is_for_these_only_and_not_shown_to_others(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    start(&h);
    const char *other = "{\"model\":\"other\"}";
    expect(&h, CHAT, "Authorization: Bearer beta\r\n", other, " 403 ", "\"forbidden\"");
    expect(&h, "/upstream/other/x", "Authorization: Bearer beta\r\n", other, " 403 ",
           "\"forbidden\"");
    assert_int_equal(h.engine[1].requests, 0);
    expect(&h, CHAT, "Authorization: Bearer alpha\r\n", other, " 200 ", "\"hello\"");
    for (int i = 0; i < 2; i++) {
        client_open(&h, &c);
        wire_send(&c, i == 0 ? "GET /v1/models HTTP/1.1\r\nHost: x\r\nx-api-key: alpha\r\n\r\n"
                             : "GET /v1/models HTTP/1.1\r\nHost: x\r\nx-api-key: beta\r\n\r\n");
        assert_true(wire_expect(&c, "\"last_id\""));
        assert_true(wire_has(&c, "\"id\":\"chat\""));
        assert_true(wire_has(&c, "\"id\":\"other\"") == (i == 0));
        wire_close(&c);
    }
    house_close(&h);
}

static void a_tier_bounds_the_requests_of_its_keys(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    start(&h);
    h.engine[0].answer = engine_hold;
    client_ask(&h, &c, CHAT, "Authorization: Bearer beta\r\n", PLAIN);
    assert_true(WIRE_UNTIL(h.loop, h.engine[0].open != NULL));
    h.engine[0].answer = engine_json;
    expect(&h, CHAT, "Authorization: Bearer beta\r\n", PLAIN, " 429 ", "\"concurrency_limit\"");
    expect(&h, CHAT, "Authorization: Bearer alpha\r\n", PLAIN, " 200 ", "\"hello\"");
    wire_close(&c);
    assert_true(WIRE_UNTIL(h.loop, gateway_idle(h.gateway)));
    expect(&h, CHAT, "Authorization: Bearer beta\r\n", PLAIN, " 200 ", "\"hello\"");
    house_close(&h);
}

static void a_tier_counts_the_requests_of_a_minute_over_all_pools(void **state)
{
    (void)state;
    struct house h;
    house_open(&h, KEYS POOL_CHAT POOL_OTHER_FREE);
    house_routes(&h, both, 2);
    const char *gamma = "Authorization: Bearer gamma\r\n";
    expect(&h, CHAT, gamma, PLAIN, "x-ratelimit-limit-requests: 2\r\n", "\"hello\"");
    expect(&h, CHAT, gamma, "{\"model\":\"other\"}", "x-ratelimit-remaining-requests: 0\r\n",
           "\"hello\"");
    expect(&h, CHAT, gamma, PLAIN, " 429 ", "\"request_rate_limit\"");
    expect(&h, CHAT, gamma, PLAIN, "retry-after: ", "x-should-retry: true\r\n");
    assert_int_equal(h.engine[0].requests, 1);
    house_close(&h);
}

static void keys_change_without_a_pause(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    start(&h);
    h.engine[0].answer = engine_hold;
    client_ask(&h, &c, CHAT, "Authorization: Bearer alpha\r\n", PLAIN);
    assert_true(WIRE_UNTIL(h.loop, h.engine[0].open != NULL));
    house_configure(&h, POOL_CHAT POOL_OTHER_FREE);
    engine_json(&h.engine[0], h.engine[0].open);
    assert_true(wire_expect(&c, "\"hello\"")); /* with the key of before */
    wire_close(&c);
    h.engine[0].answer = engine_json;
    expect(&h, CHAT, "", PLAIN, " 200 ", "\"hello\""); /* none is needed any more */
    house_close(&h);
}

static void the_more_important_tier_is_served_first(void **state)
{
    (void)state;
    struct house h;
    struct wire c[4];
    house_open(&h, KEYS POOL_CHAT "    concurrency: {limit: 1}\n");
    const struct house_pool none[] = {{.name = "chat", .engines = ""}};
    house_routes(&h, none, 1);
    const char *const lines[] = {
        "x-api-key: delta\r\nx-request-id: low1\r\n", "x-api-key: delta\r\nx-request-id: low2\r\n",
        "x-api-key: alpha\r\nx-request-id: high1\r\n",
        "x-api-key: alpha\r\nx-sluice-priority: 0\r\nx-request-id: low3\r\n"};
    for (int64_t i = 0; i < 4; i++) {
        client_ask(&h, &c[i], CHAT, lines[i], PLAIN);
        assert_true(
            WIRE_UNTIL(h.loop, (house_ask(&h), h.heard.snapshot.waiting_requests) == i + 1));
    }
    h.engine[0].answer = engine_hold;
    house_routes(&h, one, 1);
    const char *const order[] = {"high1", "low1", "low2", "low3"};
    for (int i = 0; i < 4; i++) {
        assert_true(WIRE_UNTIL(h.loop, h.engine[0].open != NULL));
        assert_true(engine_saw(&h.engine[0], order[i]));
        struct http_request *open = h.engine[0].open;
        h.engine[0].open = NULL;
        engine_json(&h.engine[0], open);
    }
    for (size_t i = 0; i < 4; i++)
        wire_close(&c[i]);
    house_close(&h);
}

static void get(struct house *h, const char *path, const char *lines, const char *status,
                const char *text)
{
    struct wire c;
    client_open(h, &c);
    struct buf request;
    buf_init(&request, 4096);
    buf_printf(&request, "GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n", path, lines);
    conn_write(c.conn, buf_view(&request));
    buf_done(&request);
    (void)wire_expect(&c, text);
    if (!wire_has(&c, status) || !wire_has(&c, text))
        print_message("%s: wanted %s %s, got %s\n", path, status, text, buf_cstr(&c.got));
    assert_true(wire_has(&c, status));
    assert_true(wire_has(&c, text));
    wire_close(&c);
}

static void lists_hold_every_pool_also_at_zero(void **state)
{
    (void)state;
    struct house h;
    house_open(&h, POOL_CHAT);
    const struct house_pool pools[] = {{.name = "chat", .engines = "", .model = "org/model-1"},
                                       {.name = "other", .engines = "1"},
                                       {.name = "wild", .engines = "", .model = "any-*"}};
    house_routes(&h, pools, 3);
    get(&h, "/v1/models", "", " 200 ", "\"id\":\"org/model-1\",\"object\":\"model\"");
    get(&h, "/v1/models", "", " 200 ", "\"first_id\":\"org/model-1\",\"last_id\":\"other\"");
    get(&h, "/v1/models/org/model-1", "", " 200 ", "\"id\":\"org/model-1\"");
    get(&h, "/v1/models/org%2Fmodel-1", "", " 200 ", "\"id\":\"org/model-1\"");
    get(&h, "/v1/models/org/model-2", "", " 404 ", "did you mean \\\"org/model-1\\\"?");
    get(&h, "/api/tags", "", " 200 ", "{\"name\":\"org/model-1\"");
    get(&h, "/api/ps", "", " 200 ", "{\"models\":[{\"name\":\"other\"");
    get(&h, "/api/version", "", " 200 ", "{\"version\":\"");
    get(&h, "/health", "", " 200 ", "\"status\":\"ok\"");
    get(&h, "/v1/chat/completions", "", " 405 ", "\"method_not_allowed\"");
    assert_int_equal(h.heard.count[MESSAGE_WAKE], 0); /* nothing of it wakes a model */
    house_close(&h);
}

static void a_pool_can_keep_its_models_out_of_the_lists(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    house_open(&h, POOL_CHAT "    gateway: {list: false}\n");
    house_routes(&h, one, 1);
    client_open(&h, &c);
    wire_send(&c, "GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(wire_expect(&c, "\"data\":[]"));
    wire_close(&c);
    expect(&h, CHAT, "", PLAIN, " 200 ", "\"hello\"");
    house_close(&h);
}

static void browsers_of_this_machine_may_call_and_others_may_not(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    house_open(&h, POOL_CHAT);
    house_routes(&h, one, 1);
    expect(&h, CHAT, "Origin: http://localhost:3000\r\n", PLAIN, " 200 ",
           "access-control-allow-origin: http://localhost:3000\r\n");
    client_ask(&h, &c, CHAT, "Origin: http://localhost.evil.example\r\n", PLAIN);
    assert_true(wire_expect(&c, "\"hello\""));
    assert_false(wire_has(&c, "access-control"));
    wire_close(&c);
    client_open(&h, &c);
    wire_send(&c, "OPTIONS " CHAT " HTTP/1.1\r\nHost: x\r\nOrigin: http://127.0.0.1:5173\r\n"
                  "Access-Control-Request-Headers: authorization\r\n\r\n");
    assert_true(wire_expect(&c, "access-control-allow-headers: authorization\r\n"));
    assert_true(wire_has(&c, "HTTP/1.1 204 "));
    wire_close(&c);
    house_close(&h);
}

static void pages_of_listed_origins_may_call_too(void **state)
{
    (void)state;
    static const struct {
        const char *list;
        const char *origin;
        bool may;
    } cases[] = {
        {"https://chat.example, https://b.example:8443", "https://chat.example", true},
        {"https://chat.example, https://b.example:8443", "https://b.example:8443", true},
        {"https://chat.example, https://b.example:8443", "https://b.example", false},
        {"https://chat.example", "http://chat.example", false},
        {"https://chat.example", "https://chat.example.evil.example", false},
        {"\"*\"", "https://anywhere.example", true},
        {"\",\"", "null", false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct house h;
        struct wire c;
        char pools[512];
        char line[128];
        /* listen stands behind the pools: the helper writes their key first. */
        (void)snprintf(pools, sizeof(pools), POOL_CHAT "listen:\n  corsOrigins: %s\n",
                       cases[i].list);
        (void)snprintf(line, sizeof(line), "Origin: %s\r\n", cases[i].origin);
        house_open(&h, pools);
        house_routes(&h, one, 1);
        client_ask(&h, &c, CHAT, line, PLAIN);
        assert_true(wire_expect(&c, "\"hello\""));
        if (wire_has(&c, "access-control-allow-origin: ") != cases[i].may)
            fail_msg("%s and %s: %s", cases[i].list, cases[i].origin, buf_cstr(&c.got));
        wire_close(&c);
        house_close(&h);
    }
}

static void ids_and_traces_are_kept_or_made(void **state)
{
    (void)state;
    struct house h;
    house_open(&h, POOL_CHAT);
    house_routes(&h, one, 1);
    expect(&h, CHAT, "X-Request-Id: my-id\r\nTraceparent: 00-aa-bb-01\r\n", PLAIN, " 200 ",
           "x-request-id: my-id\r\n");
    assert_true(engine_saw(&h.engine[0], "x-request-id: my-id\n"));
    assert_true(engine_saw(&h.engine[0], "Traceparent: 00-aa-bb-01\n"));
    assert_false(engine_saw(&h.engine[0], "traceparent: "));
    expect(&h, "/v1/messages", "", PLAIN, " 200 ", "\r\nrequest-id: ");
    house_close(&h);
}

static void lines_of_one_connection_do_not_pass(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    house_open(&h, POOL_CHAT);
    house_routes(&h, one, 1);
    h.engine[0].answer = engine_hold;
    client_ask(
        &h, &c, CHAT,
        "Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nTE: trailers\r\n"
        "Proxy-Authorization: p\r\nUpgrade: h2c\r\nX-End: 2\r\n",
        PLAIN);
    assert_true(WIRE_UNTIL(h.loop, h.engine[0].open != NULL));
    const char *const gone[] = {"X-Hop", "Keep-Alive", "TE:", "Proxy-Auth", "Upgrade", "sluice"};
    for (size_t i = 0; i < COUNT_OF(gone); i++)
        assert_false(engine_saw(&h.engine[0], gone[i]));
    assert_true(engine_saw(&h.engine[0], "X-End: 2\n"));
    http_respond_lines(
        h.engine[0].open, 201,
        span_from("connection: x-hop\r\nx-hop: 1\r\nserver: e\r\nx-sluice-pool: no\r\n"
                  "content-encoding: br\r\nset-cookie: a\r\nset-cookie: b\r\n"),
        span_from("\x01\x02"));
    assert_true(wire_expect(&c, "content-length: 2\r\n\r\n\x01\x02"));
    assert_true(wire_has(&c, "HTTP/1.1 201 "));
    assert_false(wire_has(&c, "x-hop"));
    assert_false(wire_has(&c, "x-sluice-pool: no"));
    assert_true(wire_has(&c, "server: e\r\n"));
    assert_true(wire_has(&c, "content-encoding: br\r\nset-cookie: a\r\nset-cookie: b\r\n"));
    wire_close(&c);
    house_close(&h);
}

static void an_answer_to_head_has_its_length_and_no_body(void **state)
{
    (void)state;
    struct house h;
    struct wire c;
    house_open(&h, POOL_CHAT);
    house_routes(&h, one, 1);
    client_open(&h, &c);
    wire_send(&c, "HEAD /props?model=chat HTTP/1.1\r\nHost: x\r\n\r\n"
                  "GET /health HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(wire_expect(&c, "\"status\":\"ok\""));
    assert_true(wire_has(&c, "content-length: 95\r\n\r\nHTTP/1.1 200 OK\r\n"));
    wire_close(&c);
    house_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_known_key_nobody_is_served_and_told_so_in_the_familys_words),
        cmocka_unit_test(a_key_of_ours_never_reaches_an_engine_and_another_one_passes),
        cmocka_unit_test(a_pool_with_keys_is_for_these_only_and_not_shown_to_others),
        cmocka_unit_test(a_tier_bounds_the_requests_of_its_keys),
        cmocka_unit_test(a_tier_counts_the_requests_of_a_minute_over_all_pools),
        cmocka_unit_test(keys_change_without_a_pause),
        cmocka_unit_test(the_more_important_tier_is_served_first),
        cmocka_unit_test(lists_hold_every_pool_also_at_zero),
        cmocka_unit_test(a_pool_can_keep_its_models_out_of_the_lists),
        cmocka_unit_test(browsers_of_this_machine_may_call_and_others_may_not),
        cmocka_unit_test(pages_of_listed_origins_may_call_too),
        cmocka_unit_test(ids_and_traces_are_kept_or_made),
        cmocka_unit_test(lines_of_one_connection_do_not_pass),
        cmocka_unit_test(an_answer_to_head_has_its_length_and_no_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
