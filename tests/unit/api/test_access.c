/* Who may call the API, and how often. */
#include "office.h"

#define TOKEN "listen: {gateway: \"127.0.0.1:0\", adminToken: open-sesame}\n"
#define SCALE "/api/v1/pools/chat/scale"

static void only_names_of_this_machine_are_served(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        int status;
    } cases[] = {{"localhost", 200},       {"LOCALHOST:8081", 200},
                 {"127.0.0.1:8081", 200},  {"127.9.9.9", 200},
                 {"[::1]:8081", 200},      {"evil.example", 403},
                 {"evil.example:80", 403}, {"127.0.0.1.evil.example", 403},
                 {"192.168.1.1", 403},     {"localhost.", 403}};
    struct office o;
    office_open(&o);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char line[128];
        (void)snprintf(line, sizeof(line), "Host: %s\r\n", cases[i].host);
        assert_int_equal(office_ask(&o, "GET", "/api/v1/pools", line, NULL), cases[i].status);
    }
    assert_true(office_said(&o, "\"place\":\"Host\""));
    assert_int_equal(office_ask(&o, "GET", "/healthz", "Host: evil.example\r\n", NULL), 200);
    office_close(&o);
}

static void a_page_of_another_origin_changes_nothing(void **state)
{
    (void)state;
    struct office o;
    office_open(&o);
    const char *body = "{\"replicas\":2}";
    assert_int_equal(office_ask(&o, "POST", SCALE, "Origin: http://evil.example\r\n", body), 403);
    assert_true(office_said(&o, "\"place\":\"Origin\""));
    assert_int_equal(office_ask(&o, "POST", SCALE, "Origin: null\r\n", body), 403);
    assert_int_equal(office_get(&o, "/api/v1/pools/chat"), 200);
    assert_true(office_said(&o, "\"pin\":null"));
    assert_int_equal(office_ask(&o, "POST", SCALE, "Origin: http://localhost\r\n", body), 200);
    office_close(&o);
}

static void a_token_is_asked_for_where_there_is_one(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        int status;
    } cases[] = {{"", 401},
                 {"Authorization: Bearer open-sesam\r\n", 401},
                 {"Authorization: Bearer open-sesame2\r\n", 401},
                 {"Authorization: Basic open-sesame\r\n", 401},
                 {"Authorization: open-sesame\r\n", 401},
                 {"Authorization: Basic bWU6b3Blbi1zZXNhbQ==\r\n", 401},
                 {"Authorization: Basic b3Blbi1zZXNhbWU=\r\n", 401},
                 {"Authorization: Basic bWU6b3Blbi1zZXNhbWU=\r\n", 200}, /* a browser */
                 {"Authorization: Bearer open-sesame\r\n", 200},
                 {"Authorization: bearer  open-sesame\r\n", 200}};
    struct office o;
    office_open_with(&o, TOKEN);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(office_ask(&o, "GET", "/metrics", cases[i].line, NULL), cases[i].status);
        if (cases[i].status == 401)
            assert_true(office_said(&o, "www-authenticate: Bearer"));
    }
    assert_int_equal(office_get(&o, "/"), 401); /* a browser asks its reader */
    assert_true(office_said(&o, "www-authenticate: Basic"));
    assert_int_equal(office_get(&o, "/healthz"), 200);
    office_close(&o);
}

static void each_role_may_do_what_it_is_for_and_no_more(void **state)
{
    (void)state;
    static const struct {
        const char *token;
        int look, pin, reload;
    } cases[] = {{"look-only", 200, 403, 403},
                 {"may-work", 200, 200, 403},
                 {"open-sesame", 200, 200, 200},
                 {"look-onl", 401, 401, 401}};
    struct office o;
    office_open_with(&o, "listen: {gateway: \"127.0.0.1:0\", adminToken: open-sesame, "
                         "operateToken: may-work, readToken: look-only}\n");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char line[128];
        (void)snprintf(line, sizeof(line), "Authorization: Bearer %s\r\n", cases[i].token);
        assert_int_equal(office_ask(&o, "GET", "/metrics", line, NULL), cases[i].look);
        assert_int_equal(office_ask(&o, "POST", SCALE, line, "{\"replicas\":2}"), cases[i].pin);
        assert_int_equal(office_ask(&o, "POST", "/api/v1/reload", line, "{}"), cases[i].reload);
        if (cases[i].reload == 403)
            assert_true(office_said(&o, "this token may not do that"));
    }
    office_close(&o);
}

static void lesser_tokens_need_one_that_may_do_everything(void **state)
{
    (void)state;
    struct problem_list problems;
    problem_list_init(&problems);
    assert_null(config_read("x.yaml",
                            span_from("listen: {readToken: look}\npools:\n  chat:\n    target: "
                                      "{process: {command: [x]}}\n"),
                            &(struct env_table){0}, &problems));
    assert_non_null(strstr(problems.item[0].text, "adminToken is missing"));
    problem_list_done(&problems);
}

static void hosts_may_be_listed_and_then_no_other_is_served(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        int status;
    } cases[] = {{"proxy.example", 200}, {"PROXY.example:443", 200}, {"second.example", 200},
                 {"localhost", 200},     {"evil.example", 403},      {"xproxy.example", 403}};
    static const char *const tokens[] = {"", ", adminToken: open-sesame"};
    for (size_t k = 0; k < COUNT_OF(tokens); k++) {
        struct office o;
        char more[160];
        (void)snprintf(more, sizeof(more),
                       "listen: {gateway: \"127.0.0.1:0\", adminHosts: \"proxy.example, "
                       "second.example\"%s}\n",
                       tokens[k]);
        office_open_with(&o, more);
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
            char line[160];
            (void)snprintf(line, sizeof(line), "Host: %s\r\nAuthorization: Bearer open-sesame\r\n",
                           cases[i].host);
            assert_int_equal(office_ask(&o, "GET", "/api/v1/pools", line, NULL), cases[i].status);
        }
        office_close(&o);
    }
}

static void a_token_speaks_for_any_host_name(void **state)
{
    (void)state;
    struct office o;
    office_open_with(&o, TOKEN);
    assert_int_equal(office_ask(&o, "GET", "/api/v1/pools",
                                "Host: proxy.example\r\nAuthorization: Bearer open-sesame\r\n",
                                NULL),
                     200);
    office_close(&o);
}

static void fault_84_a_flood_of_changes_is_told_to_come_later(void **state)
{
    (void)state;
    struct office o;
    int refused = 0;
    office_open(&o);
    for (int i = 0; i < 80 && refused == 0; i++)
        if (office_post(&o, SCALE, "{\"replicas\":1}") == 429)
            refused++;
    assert_int_equal(refused, 1);
    assert_true(office_said(&o, "retry-after: 1\r\n"));
    assert_int_equal(office_get(&o, "/api/v1/pools"), 200); /* reading goes on */
    office_close(&o);
}

static void fault_84_tokens_cannot_be_guessed_fast(void **state)
{
    (void)state;
    struct office o;
    int refused = 0;
    office_open_with(&o, TOKEN);
    for (int i = 0; i < 80 && refused == 0; i++)
        if (office_ask(&o, "GET", "/metrics", "Authorization: Bearer guess\r\n", NULL) == 429)
            refused++;
    assert_int_equal(refused, 1);
    /* Who has the right one is served all the same. */
    assert_int_equal(
        office_ask(&o, "GET", "/metrics", "Authorization: Bearer open-sesame\r\n", NULL), 200);
    office_close(&o);
}

static void fault_84_a_body_beyond_the_limit_is_refused_before_it_is_read(void **state)
{
    (void)state;
    struct office o;
    office_open(&o);
    char *body = calloc(1, API_BODY_BYTES_MAX + 2);
    assert_non_null(body);
    memset(body, ' ', API_BODY_BYTES_MAX + 1);
    assert_int_equal(office_post(&o, SCALE, body), 413);
    free(body);
    office_close(&o);
}

static void an_address_beyond_this_machine_is_refused(void **state)
{
    (void)state;
    struct office o;
    struct api *api = NULL;
    struct diag diag = {0};
    office_open_with(&o, TOKEN);
    const struct api_config config = {.listen = "0.0.0.0:0"};
    assert_int_equal(api_new(o.loop, o.control, &config, &api, &diag), RC_DENIED);
    assert_non_null(strstr(diag.text, "listen.admin is \"0.0.0.0:0\", beyond this machine"));
    office_close(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_names_of_this_machine_are_served),
        cmocka_unit_test(a_page_of_another_origin_changes_nothing),
        cmocka_unit_test(a_token_is_asked_for_where_there_is_one),
        cmocka_unit_test(a_token_speaks_for_any_host_name),
        cmocka_unit_test(each_role_may_do_what_it_is_for_and_no_more),
        cmocka_unit_test(lesser_tokens_need_one_that_may_do_everything),
        cmocka_unit_test(hosts_may_be_listed_and_then_no_other_is_served),
        cmocka_unit_test(fault_84_a_flood_of_changes_is_told_to_come_later),
        cmocka_unit_test(fault_84_tokens_cannot_be_guessed_fast),
        cmocka_unit_test(fault_84_a_body_beyond_the_limit_is_refused_before_it_is_read),
        cmocka_unit_test(an_address_beyond_this_machine_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
