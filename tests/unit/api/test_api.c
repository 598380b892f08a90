/* What the API answers, in front of a real control without engines. Answers with replicas, requests
 * and history are tested on the whole, in tests/e2e/test_api. */
#include "office.h"

#include "api/handlers.h"
#include "api/metric_page.h"
#include "io/file.h"

/* ---- errors ---- */

static void every_error_has_one_shape_and_says_what_can_be_done(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path, *body;
        int status;
        const char *said[4];
    } cases[] = {
        {"GET", "/nothing", NULL, 404, {"\"code\":\"not-found\"", "\"value\":\"/nothing\""}},
        {"GET", "/api/v1/pols", NULL, 404, {"\"nearest\":\"/api/v1/pools\""}},
        {"PUT", "/api/v1/pools", NULL, 405, {"allow: GET\r\n", "\"allowed\":\"GET\""}},
        {"GET", "/api/v1/pools/chta", NULL, 404, {"\"place\":\"pool\"", "\"nearest\":\"chat\""}},
        {"GET", "/api/v1/pools/chat/why?at=soon", NULL, 400, {"\"place\":\"at\"", "10m"}},
        {"GET", "/api/v1/decisions?limit=0", NULL, 422, {"from 1 to 10000"}},
        {"GET", "/api/v1/decisions?limit=x", NULL, 400, {"\"value\":\"x\""}},
        {"GET", "/api/v1/decisions?changed=maybe", NULL, 400, {"true or false"}},
        {"GET", "/api/v1/replicas/17", NULL, 404, {"there is no replica"}},
        {"GET", "/api/v1/replicas/abc", NULL, 404, {"\"value\":\"abc\""}},
        {"GET", "/api/v1/replicas/1/logs?lines=0", NULL, 422, {"from 1 to 10000"}},
        {"GET", "/api/v1/replicas/1/logs?from=0", NULL, 404, {"there is no output of a replica"}},
        {"GET", "/api/v1/pools/chta/logs", NULL, 404, {"\"nearest\":\"chat\""}},
        {"DELETE", "/api/v1/requests/0", NULL, 400, {"is no id"}},
        {"POST", "/api/v1/pools/chat/scale", "{", 400, {"\"code\":\"syntax\"", "line 1, column"}},
        {"POST", "/api/v1/pools/chat/scale", "{}", 400, {"\\\"replicas\\\" is missing"}},
        {"POST", "/api/v1/pools/chat/scale", "", 400, {"\\\"replicas\\\" is missing"}},
        {"POST", "/api/v1/pools/chat/scale", "[]", 400, {"an object"}},
        {"POST",
         "/api/v1/pools/chat/scale",
         "{\"replicas\":5}",
         422,
         {"from 0 (minReplicas) to 4 (maxReplicas)"}},
        {"POST",
         "/api/v1/pools/chat/scale",
         "{\"replicas\":1,\"expires\":\"-5m\"}",
         400,
         {"\"place\":\"expires\"", "a duration as 10m"}},
        {"POST",
         "/api/v1/pools/chat/scale",
         "{\"replicas\":1,\"expires\":\"2001-01-01T00:00:00Z\"}",
         400,
         {"\"place\":\"expires\""}},
        {"POST", "/v1/scale", "{\"pool\":\"cod\",\"replicas\":1}", 404, {"\"nearest\":\"code\""}},
        {"POST",
         "/api/v1/pools/chat/pause",
         "{\"for\":1}",
         400,
         {"\"allowed\":\"reason, expires\""}},
    };
    struct office o;
    office_open(&o);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const int status = office_ask(&o, cases[i].method, cases[i].path, "", cases[i].body);
        if (status != cases[i].status)
            print_message("%s %s: %s\n", cases[i].method, cases[i].path, buf_cstr(&o.answer.got));
        assert_int_equal(status, cases[i].status);
        assert_true(office_said(&o, "{\"error\":{\"code\":\""));
        for (size_t k = 0; k < 4 && cases[i].said[k] != NULL; k++)
            assert_true(office_said(&o, cases[i].said[k]));
    }
    office_close(&o);
}

/* ---- orders ---- */

static void a_pin_is_shown_with_its_end_and_reason_and_taken_away_again(void **state)
{
    (void)state;
    struct office o;
    office_open(&o);
    assert_int_equal(office_post(&o, "/api/v1/pools/chat/scale",
                                 "{\"replicas\":3,\"reason\":\"launch\",\"expires\":\"10m\"}"),
                     200);
    assert_true(office_said(&o, "chat is pinned at 3 until 2"));
    assert_int_equal(office_get(&o, "/api/v1/pools/chat"), 200);
    assert_true(office_said(&o, "\"pin\":{\"replicas\":3,\"until\":\"2"));
    assert_true(office_said(&o, "\"reason\":\"launch\"}"));
    assert_true(office_said(&o, "pinned at 3 until 2"));
    assert_int_equal(office_ask(&o, "DELETE", "/api/v1/pools/chat/pin", "", NULL), 200);
    assert_int_equal(office_get(&o, "/api/v1/pools/chat"), 200);
    assert_true(office_said(&o, "\"pin\":null"));
    office_close(&o);
}

static void the_webhook_of_the_guide_pins_the_pool_that_its_body_names(void **state)
{
    (void)state;
    struct office o;
    office_open(&o);
    assert_int_equal(
        office_post(&o, "/v1/scale",
                    "{\"pool\":\"code\",\"replicas\":7,\"reason\":\"traffic-spike-detected\"}"),
        200);
    assert_int_equal(office_get(&o, "/api/v1/pools/code"), 200);
    assert_true(office_said(&o, "\"pin\":{\"replicas\":7,\"until\":null"));
    office_close(&o);
}

static void a_pause_is_shown_and_ended(void **state)
{
    (void)state;
    struct office o;
    office_open(&o);
    assert_int_equal(office_post(&o, "/api/v1/pools/chat/pause", "{\"reason\":\"looking\"}"), 200);
    assert_int_equal(office_get(&o, "/api/v1/pools/chat"), 200);
    assert_true(office_said(&o, "\"pause\":{\"until\":null,\"reason\":\"looking\"}"));
    assert_int_equal(office_ask(&o, "POST", "/api/v1/pools/chat/resume", "", NULL), 200);
    assert_int_equal(office_get(&o, "/api/v1/pools/chat"), 200);
    assert_true(office_said(&o, "\"pause\":null"));
    office_close(&o);
}

/* ---- reading ---- */

static void a_decision_is_told_with_its_steps_inputs_and_what_would_change_it(void **state)
{
    (void)state;
    struct office o;
    office_open(&o);
    assert_int_equal(office_post(&o, "/api/v1/pools/chat/scale", "{\"replicas\":2}"), 200);
    do /* the tick is on its way */
        (void)office_get(&o, "/api/v1/pools/chat/why");
    while (!wire_has(&o.answer, "\"reason\":\"pinned\""));
    assert_true(office_said(&o, "\"sentence\":\"chat: 2 replicas ("));
    assert_true(office_said(&o, "\"stage\":\"pin\",\"before\":0,\"after\":2,\"reason\":\"pinned\","
                                "\"words\":\"a person set 2\",\"limit\":true"));
    assert_true(office_said(&o, "\"inputs\":[{\"signal\":\""));
    assert_true(office_said(&o, "\"hints\":[{\"reason\":\"pinned\",\"words\":\"the pin to end"));
    office_close(&o);
}

static void health_is_open_and_readiness_waits_for_the_first_decisions(void **state)
{
    (void)state;
    struct office o;
    office_open(&o);
    assert_int_equal(office_get(&o, "/healthz"), 200);
    while (office_get(&o, "/readyz") != 200)
        assert_true(office_said(&o, "\"status\":\"starting\""));
    assert_true(office_said(&o, "\"status\":\"ok\""));
    office_close(&o);
}

static void secrets_of_the_configuration_are_never_shown(void **state)
{
    (void)state;
    struct office o;
    office_open_with(&o, "listen: {gateway: \"127.0.0.1:0\", adminToken: open-sesame}\n");
    const char *token = "Authorization: Bearer open-sesame\r\n";
    assert_int_equal(office_ask(&o, "GET", "/api/v1/config", token, NULL), 200);
    assert_true(office_said(&o, "{\"path\":\"listen.adminToken\",\"value\":\"***\""));
    assert_true(office_said(&o, "{\"path\":\"pools.chat.maxReplicas\",\"value\":\"4\","
                                "\"from\":\"office.yaml:"));
    assert_false(wire_has(&o.answer, "sesame"));
    office_close(&o);
}

static void head_is_answered_like_get_without_a_body(void **state)
{
    (void)state;
    struct office o;
    office_open(&o);
    assert_int_equal(office_ask(&o, "HEAD", "/api/v1/pools", "", NULL), 200);
    assert_false(wire_has(&o.answer, "{"));
    office_close(&o);
}

static void a_client_that_leaves_while_it_waits_harms_nobody(void **state)
{
    (void)state;
    struct office o;
    office_open(&o);
    for (int i = 0; i < 20; i++) {
        struct wire wire;
        wire_open(&wire, o.loop, api_port(o.api));
        wire_send(&wire, i % 2 == 0 ? "GET /api/v1/decisions HTTP/1.1\r\nHost: localhost\r\n\r\n"
                                    : "GET /api/v1/requests HTTP/1.1\r\nHost: localhost\r\n\r\n");
        loop_turn(o.loop, true);
        wire_close(&wire);
    }
    assert_int_equal(office_get(&o, "/api/v1/requests"), 200);
    assert_true(WIRE_UNTIL(o.loop, o.api->reads == 0));
    assert_null(o.api->waiting);
    office_close(&o);
}

static void calls_that_still_wait_end_with_the_api(void **state)
{
    (void)state;
    struct office o;
    struct wire wire;
    office_open(&o);
    wire_open(&wire, o.loop, api_port(o.api));
    wire_send(&wire, "GET /api/v1/decisions HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_true(WIRE_UNTIL(o.loop, o.api->waiting != NULL || wire.got.len > 0));
    api_free(o.api);
    o.api = NULL;
    wire_close(&wire);
    office_close(&o);
}

/* ---- the document ---- */

static const struct tree *read_document(struct arena *arena, struct buf *text)
{
    const struct tree *json = NULL;
    buf_init(text, 1U << 22);
    arena_init(arena, 1U << 26);
    api_print_document(text);
    assert_int_equal(json_read(arena, buf_view(text), NULL, &json, NULL), RC_OK);
    return json;
}

static void the_document_lists_every_route_with_its_parameters(void **state)
{
    (void)state;
    struct arena arena;
    struct buf text;
    const struct tree *json = read_document(&arena, &text);
    size_t operations = 0;
    for (size_t i = 0; i < api_route_count; i++) {
        char method[8] = "";
        for (size_t k = 0; api_routes[i].method[k] != '\0'; k++)
            method[k] = (char)(api_routes[i].method[k] | 0x20);
        const struct tree *route =
            tree_get(tree_get(tree_get(json, "paths"), api_routes[i].pattern), method);
        assert_non_null(route);
        size_t wanted = 0;
        for (const char *p = api_routes[i].pattern; *p != '\0'; p++)
            wanted += *p == '{';
        for (const struct api_param *p = api_routes[i].params; p != NULL && p->name != NULL; p++)
            wanted++;
        assert_int_equal(tree_get(route, "parameters")->count, wanted);
        assert_int_equal(tree_get(route, "requestBody") != NULL, api_routes[i].body != NULL);
    }
    for (const struct tree *path = tree_get(json, "paths")->first; path != NULL; path = path->next)
        operations += path->count;
    assert_int_equal(operations, api_route_count);
    arena_done(&arena);
    buf_done(&text);
}

static void every_example_of_the_document_can_be_sent(void **state)
{
    (void)state;
    for (size_t i = 0; i < api_route_count; i++) {
        const struct shape *body = api_routes[i].body;
        struct arena arena;
        struct buf text;
        struct json_writer w;
        const struct tree *json = NULL;
        struct shape_problem problem;
        _Alignas(16) char ret[SHAPE_ROW_BYTES_MAX] = {0};
        if (body == NULL)
            continue;
        arena_init(&arena, 65536);
        buf_init(&text, 65536);
        json_init(&w, &text);
        shape_example(body, &w);
        assert_int_equal(json_read(&arena, buf_view(&text), NULL, &json, NULL), RC_OK);
        assert_int_equal(json->count, body->row_count); /* each member has an example */
        assert_int_equal(shape_read(body, json, &arena, ret, &problem), RC_OK);
        arena_done(&arena);
        buf_done(&text);
    }
}

static void the_committed_references_are_what_the_tables_say(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        void (*print)(struct buf *out);
    } documents[] = {{"docs/routes.md", api_print_reference},
                     {"docs/metrics.md", api_print_metric_reference}};
    for (size_t i = 0; i < COUNT_OF(documents); i++) {
        char path[512];
        struct buf committed, made;
        const char *root = getenv("SLUICE_ROOT");
        buf_init(&committed, 1U << 22);
        buf_init(&made, 1U << 22);
        (void)snprintf(path, sizeof(path), "%s/%s", root != NULL ? root : ".", documents[i].file);
        assert_int_equal(file_read(path, 1U << 22, &committed, NULL), RC_OK);
        documents[i].print(&made);
        if (!span_equal(buf_view(&committed), buf_view(&made)))
            fail_msg("%s is not what the tables say: run tools/generate", documents[i].file);
        buf_done(&committed);
        buf_done(&made);
    }
}

/* ---- metrics ---- */

static void the_page_of_metrics_has_every_metric_once(void **state)
{
    (void)state;
    struct office o;
    office_open(&o);
    assert_int_equal(office_get(&o, "/metrics"), 200);
    for (size_t i = 0; i < METRIC_GUIDE_FIRST; i++) {
        char line[128];
        (void)snprintf(line, sizeof(line), "\n# TYPE sluice_%s ", metric_rows[i].name);
        const char *at = strstr(buf_cstr(&o.answer.got), line);
        if (at == NULL && strcmp(metric_rows[i].name, "build_info") != 0)
            print_message("missing: %s\n", metric_rows[i].name);
        assert_true(at != NULL);
        assert_null(strstr(at + 1, line));
    }
    assert_true(office_said(&o, "\nsluice_replicas_max{pool=\"code\"} 8\n"));
    assert_true(office_said(&o, "\nsluice_config_last_reload_successful 1\n"));
    office_close(&o);
}

static void promtool_has_nothing_to_say_about_the_page(void **state)
{
    (void)state;
    struct office o;
    if (system("command -v promtool >/dev/null 2>&1") != 0) {
        print_message("promtool is not there: apt-get install prometheus\n");
        skip();
    }
    office_open(&o);
    assert_int_equal(office_post(&o, "/api/v1/pools/chat/scale", "{\"replicas\":2}"), 200);
    assert_int_equal(office_get(&o, "/metrics"), 200);
    const char *page = strstr(buf_cstr(&o.answer.got), "\r\n\r\n");
    assert_non_null(page);
    FILE *tool = popen("promtool check metrics", "w");
    assert_non_null(tool);
    assert_int_equal(fwrite(page + 4, 1, strlen(page + 4), tool), strlen(page + 4));
    assert_int_equal(pclose(tool), 0);
    office_close(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_has_one_shape_and_says_what_can_be_done),
        cmocka_unit_test(a_pin_is_shown_with_its_end_and_reason_and_taken_away_again),
        cmocka_unit_test(the_webhook_of_the_guide_pins_the_pool_that_its_body_names),
        cmocka_unit_test(a_pause_is_shown_and_ended),
        cmocka_unit_test(a_decision_is_told_with_its_steps_inputs_and_what_would_change_it),
        cmocka_unit_test(health_is_open_and_readiness_waits_for_the_first_decisions),
        cmocka_unit_test(secrets_of_the_configuration_are_never_shown),
        cmocka_unit_test(head_is_answered_like_get_without_a_body),
        cmocka_unit_test(a_client_that_leaves_while_it_waits_harms_nobody),
        cmocka_unit_test(calls_that_still_wait_end_with_the_api),
        cmocka_unit_test(the_document_lists_every_route_with_its_parameters),
        cmocka_unit_test(every_example_of_the_document_can_be_sent),
        cmocka_unit_test(the_committed_references_are_what_the_tables_say),
        cmocka_unit_test(the_page_of_metrics_has_every_metric_once),
        cmocka_unit_test(promtool_has_nothing_to_say_about_the_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
