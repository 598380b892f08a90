#include "traffic/family.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rc.h"
#include "base/tree.h"

#include <cmocka.h>

static void paths_find_their_family(void **state)
{
    (void)state;
    /* clang-format off */
    static const struct {
        const char *method, *path;
        enum endpoint_kind kind;
        enum family family;
        enum model_place model;
        const char *rest;
    } cases[] = {
        {"POST", "/v1/chat/completions", ENDPOINT_FORWARD, FAMILY_OPENAI, MODEL_BODY, ""},
        {"GET", "/v1/chat/completions", ENDPOINT_METHOD, FAMILY_OPENAI, MODEL_NOWHERE, ""},
        {"OPTIONS", "/v1/chat/completions", ENDPOINT_PREFLIGHT, FAMILY_OPENAI, MODEL_NOWHERE, ""},
        {"POST", "/v1/responses", ENDPOINT_FORWARD, FAMILY_RESPONSES, MODEL_BODY, ""},
        {"POST", "/v1/responses/input_tokens", ENDPOINT_CHEAP, FAMILY_RESPONSES, MODEL_BODY, ""},
        {"POST", "/v1/responses/r1/cancel", ENDPOINT_CHEAP, FAMILY_RESPONSES, MODEL_ID, "r1/cancel"},
        {"POST", "/v1/messages", ENDPOINT_FORWARD, FAMILY_ANTHROPIC, MODEL_BODY, ""},
        {"POST", "/v1/audio/transcriptions", ENDPOINT_FORWARD, FAMILY_OPENAI, MODEL_FORM, ""},
        {"GET", "/v1/models/org/name", ENDPOINT_MODELS, FAMILY_OPENAI, MODEL_NOWHERE, "org/name"},
        {"HEAD", "/v1/models", ENDPOINT_MODELS, FAMILY_OPENAI, MODEL_NOWHERE, ""},
        {"POST", "/api/chat", ENDPOINT_FORWARD, FAMILY_OLLAMA, MODEL_BODY, ""},
        {"POST", "/api/pull", ENDPOINT_UNSUPPORTED, FAMILY_OLLAMA, MODEL_NOWHERE, ""},
        {"GET", "/v1/realtime", ENDPOINT_WEBSOCKET, FAMILY_OPENAI, MODEL_QUERY, ""},
        {"PUT", "/upstream/p/x", ENDPOINT_UPSTREAM, FAMILY_GENERIC, MODEL_PATH, "p/x"},
        {"POST", "/v1/other", ENDPOINT_UNKNOWN, FAMILY_GENERIC, MODEL_ANYWHERE, ""},
        {"POST", "/api/other", ENDPOINT_UNKNOWN, FAMILY_OLLAMA, MODEL_ANYWHERE, ""},
        {"GET", "/v1/models/", ENDPOINT_UNKNOWN, FAMILY_GENERIC, MODEL_ANYWHERE, ""},
    };
    /* clang-format on */
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct endpoint e = family_find(span_from(cases[i].method), span_from(cases[i].path));
        if (e.kind != cases[i].kind || e.family != cases[i].family || e.model != cases[i].model ||
            !span_equal_text(e.rest, cases[i].rest))
            fail_msg("%s %s: kind %d family %d model %d", cases[i].method, cases[i].path,
                     (int)e.kind, (int)e.family, (int)e.model);
    }
}

static void errors_have_the_shape_of_their_family(void **state)
{
    (void)state;
    static const struct {
        enum family family;
        bool event;
        const char *text;
    } cases[] = {
        {FAMILY_OPENAI, false,
         "{\"error\":{\"message\":\"a \\\"b\\\"\",\"type\":\"server_error\",\"param\":null,"
         "\"code\":\"queue_full\"}}"},
        {FAMILY_ANTHROPIC, false,
         "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"a "
         "\\\"b\\\"\"},\"request_id\":\"r\"}"},
        {FAMILY_OLLAMA, false, "{\"error\":\"a \\\"b\\\"\"}"},
        {FAMILY_OLLAMA, true, "{\"error\":\"a \\\"b\\\"\"}\n"},
        {FAMILY_RESPONSES, true,
         "event: error\ndata: {\"type\":\"error\",\"code\":\"queue_full\",\"message\":\"a "
         "\\\"b\\\"\",\"param\":null}\n\n"},
        {FAMILY_GENERIC, true,
         "data: {\"error\":{\"message\":\"a \\\"b\\\"\",\"type\":\"server_error\",\"param\":null,"
         "\"code\":\"queue_full\"}}\n\n"},
    };
    struct buf out;
    buf_init(&out, 4096);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        buf_clear(&out);
        if (cases[i].event)
            family_error_event(&out, cases[i].family, TROUBLE_QUEUE_FULL, span_from("a \"b\""),
                               span_from("r"));
        else
            family_error_body(&out, cases[i].family, TROUBLE_QUEUE_FULL, span_from("a \"b\""), NULL,
                              span_from("r"));
        assert_string_equal(buf_cstr(&out), cases[i].text);
    }
    buf_done(&out);
    assert_int_equal(trouble_status(TROUBLE_QUEUE_FULL, FAMILY_OPENAI), 503);
    assert_int_equal(trouble_status(TROUBLE_QUEUE_FULL, FAMILY_ANTHROPIC), 529);
    assert_int_equal(trouble_status(trouble_of(REFUSAL_CONCURRENCY), FAMILY_OPENAI), 429);
    assert_int_equal(trouble_status(trouble_of(REFUSAL_QUEUE_TIMEOUT), FAMILY_OPENAI), 504);
    assert_false(trouble_again(trouble_of(REFUSAL_START_FAILED)));
    assert_string_equal(trouble_code(TROUBLE_MODEL_NOT_FOUND), "model_not_found");
}

static void fault_63_retry_after_is_at_most_a_minute(void **state)
{
    (void)state;
    assert_int_equal(family_retry_after_s(0), 0);
    assert_int_equal(family_retry_after_s(1), 1);
    assert_int_equal(family_retry_after_s(1500000000), 2);
    assert_int_equal(family_retry_after_s(INT64_MAX), 60);
}

static void keep_alives_are_comments_where_there_are_comments(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 4096);
    assert_true(family_keep_alive(&out, FAMILY_OPENAI, 3, 40500000000));
    assert_true(family_keep_alive(&out, FAMILY_ANTHROPIC, 1, -1));
    assert_false(family_keep_alive(&out, FAMILY_OLLAMA, 1, -1));
    assert_string_equal(buf_cstr(&out),
                        ": sluice queued position=3 eta=41s\n\n: sluice queued position=1\n\n");
    buf_done(&out);
}

static void queries_are_read_and_decoded(void **state)
{
    (void)state;
    const struct span query = span_from("a=1&xmodel=no&model=org%2Fm+1&model=2");
    char text[16];
    assert_true(family_decode(family_query(query, "model"), text, sizeof(text)));
    assert_string_equal(text, "org/m 1");
    assert_null(family_query(query, "mod").ptr);
    assert_false(family_decode(span_from("%0"), text, sizeof(text)));
    assert_false(family_decode(span_from("%00"), text, sizeof(text)));
    assert_false(family_decode(span_from("0123456789abcdefg"), text, sizeof(text)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_find_their_family),
        cmocka_unit_test(errors_have_the_shape_of_their_family),
        cmocka_unit_test(fault_63_retry_after_is_at_most_a_minute),
        cmocka_unit_test(keep_alives_are_comments_where_there_are_comments),
        cmocka_unit_test(queries_are_read_and_decoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
