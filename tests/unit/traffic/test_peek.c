#include "traffic/peek.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rc.h"

#include <cmocka.h>

static void peek_split(struct peek *peek, const char *type, struct span body, size_t step)
{
    const struct span content_type = span_from(type);
    peek_init(peek, peek_format_of(content_type), content_type);
    for (size_t at = 0; at < body.len; at += step) {
        const size_t n = body.len - at < step ? body.len - at : step;
        char *exact = malloc(n);
        memcpy(exact, body.ptr + at, n);
        (void)peek_feed(peek, exact, n);
        free(exact);
    }
    (void)peek_end(peek);
}

struct model_case {
    const char *type;
    const char *body;
    const char *model;
    enum peek_state state;
    bool ambiguous;
    bool stream;
};

#define JSON "application/json"
#define FORM "multipart/form-data; boundary=\"XX\""
#define PAIRS "application/x-www-form-urlencoded"
#define PART(name, value)                                                                          \
    "--XX\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n" value "\r\n"

/* clang-format off */
#define X64 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X640 X64 X64 X64 X64 X64 X64 X64 X64 X64 X64
static const struct model_case models[] = {
    {FORM, PART("model", X640) PART("stream", "true") "--XX--\r\n", "", PEEK_DONE, false, true},
    {FORM, PART("file", X640 "\r\n" X640) PART("model", "w") "--XX--\r\n", "w", PEEK_DONE, false, false},
    {PAIRS, "a=" X640 "&model=w", "w", PEEK_DONE, false, false},
    {PAIRS, "model=" X640 "&stream=true", "", PEEK_DONE, false, true},
    {JSON, "{\"model\":\"m\",\"stream\":true}", "m", PEEK_DONE, false, true},
    {JSON, "{\"a\":{\"model\":\"no\"},\"model\":\"m\"}", "m", PEEK_DONE, false, false},
    {JSON, "{\"messages\":[{\"content\":\"\\\"model\\\":\\\"x\\\"\"}],\"model\":\"m\"}", "m",
     PEEK_DONE, false, false},
    {JSON, "{\"m\\u006fdel\":\"a\\/b:c\"}", "a/b:c", PEEK_DONE, false, false},
    {JSON, "{\"model\":\"m\",\"model\":\"m\"}", "m", PEEK_DONE, false, false},
    {JSON, "{\"model\":\"m\",\"model\":\"n\"}", "m", PEEK_DONE, true, false},
    {JSON, "{\"model\":\"m\",\"m\\u006fdel\":\"n\"}", "m", PEEK_DONE, true, false},
    {JSON, "{\"model\":\"m\",\"MoDel\":\"n\"}", "m", PEEK_DONE, true, false},
    {JSON, "{\"model\":\"m\",\"model\":null}", "m", PEEK_DONE, true, false},
    {JSON, "{\"model\":5}", "", PEEK_DONE, false, false},
    {JSON, "{\"model\":\"\"}", "", PEEK_DONE, false, false},
    {JSON, "{\"stream\":true,\"stream\":false}", "", PEEK_DONE, false, false},
    {JSON, "[{\"model\":\"m\"}]", "", PEEK_DONE, false, false},
    {JSON, "{\"model\":\"m\"", "m", PEEK_BROKEN, false, false},
    {JSON, "{\"model\":\"m\"} x", "m", PEEK_BROKEN, false, false},
    {JSON, "", "", PEEK_BROKEN, false, false},
    {"text/plain", "{\"model\":\"m\"}", "m", PEEK_DONE, false, false},
    {"application/octet-stream", "{\"model\":\"m\"}", "", PEEK_BROKEN, false, false},
    {FORM, PART("file\"; filename=\"model", "model") PART("model", "w") "--XX--\r\n", "w",
     PEEK_DONE, false, false},
    {FORM, PART("model", "w") PART("stream", "true") "--XX--", "w", PEEK_DONE, false, true},
    {FORM, PART("model", "w") PART("model", "v") "--XX--\r\n", "w", PEEK_DONE, true, false},
    {FORM, PART("model", "two\r\nlines") "--XX--\r\n","",PEEK_DONE, false, false},
    {FORM,
     PART("file","a\n--XX\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nevil")
         PART("model", "w") "--XX--\r\n",
     "w", PEEK_DONE, false, false},
    {FORM, PART("model", "w"), "", PEEK_BROKEN, false, false},
    {"multipart/form-data", PART("model", "w"), "", PEEK_BROKEN, false, false},
    {PAIRS, "a=b&m%6fdel=a+b%2Fc&stream=1", "a b/c", PEEK_DONE, false, true},
    {PAIRS, "model=%41%2d%39%4f%20z", "A-9O z", PEEK_DONE, false, false},
    {PAIRS, "model=a%3", "", PEEK_DONE, false, false},
    {PAIRS, "model=%zz", "", PEEK_DONE, false, false},
    {PAIRS, "model=a&model=b", "a",PEEK_DONE, true, false},
};
/* clang-format on */

static void the_model_is_found_and_nobody_is_fooled(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(models); i++) {
        const struct model_case *c = &models[i];
        for (size_t step = 1; step < 100; step++) {
            struct peek peek;
            peek_split(&peek, c->type, span_from(c->body), step);
            if (!span_equal_text(span_of(peek.model, peek.model_len), c->model) ||
                peek.state != c->state || peek.ambiguous != c->ambiguous ||
                peek.stream != c->stream)
                fail_msg("case %zu step %zu: model %.*s state %d ambiguous %d stream %d", i, step,
                         (int)peek.model_len, peek.model, (int)peek.state, peek.ambiguous,
                         peek.stream);
        }
    }
}

static void the_place_of_the_model_allows_renaming(void **state)
{
    (void)state;
    static const char body[] = " {\"n\": 1, \"model\" : \"a\\u0062\" }";
    struct peek peek;
    peek_split(&peek, JSON, span_from(body), 3);
    assert_memory_equal(body + peek.model_start, "\"a\\u0062\"", 9);
    assert_int_equal(peek.model_end - peek.model_start, 9);
    assert_int_equal(peek.object_start, 2);
    peek_split(&peek, JSON, span_from("{\"model\":\"m\",\"model\":\"m\"}"), 3);
    assert_int_equal(peek.model_end, 0);
    assert_false(peek.ambiguous);
}

static void the_place_of_a_part_allows_renaming_a_pair_does_not(void **state)
{
    (void)state;
    static const char body[] =
        PART("file\"; filename=\"model", "model") PART("model", "whisper") "--XX--\r\n";
    const uint64_t at = (uint64_t)(strstr(body, "whisper") - body);
    struct peek peek;
    for (size_t step = 1; step < sizeof(body); step++) {
        peek_split(&peek, FORM, span_from(body), step);
        assert_int_equal(peek.model_start, at);
        assert_int_equal(peek.model_end, at + strlen("whisper"));
    }
    peek_split(&peek, FORM, span_from(PART("model", "w") PART("model", "w") "--XX--\r\n"), 7);
    assert_int_equal(peek.model_end, 0);
    assert_false(peek.ambiguous);
    peek_split(&peek, PAIRS, span_from("a=b&model=m"), 3);
    assert_int_equal(peek.model_len, 1);
    assert_int_equal(peek.model_end, 0);
}

static void limits_and_identity_are_read(void **state)
{
    (void)state;
    struct peek peek;
    peek_split(&peek, JSON,
               span_from("{\"user\":\"u\",\"max_completion_tokens\":7,\"n\":3,\"priority\":-2,"
                         "\"keep_alive\":\"5m\",\"stream_options\":{\"include_usage\":true}}"),
               5);
    assert_int_equal(peek.output_tokens_max, 7);
    assert_int_equal(peek.choices, 3);
    assert_int_equal(peek.priority, -2);
    assert_string_equal(peek.keep_alive, "5m");
    assert_true(peek.include_usage);
    const uint64_t of_user = peek.session;
    assert_true(of_user != 0);
    peek_split(&peek, JSON,
               span_from("{\"prompt_cache_key\":\"u\",\"user\":\"u\",\"keep_alive\":-1,"
                         "\"options\":{\"num_predict\":9}}"),
               5);
    assert_true(peek.session != 0 && peek.session != of_user);
    assert_string_equal(peek.keep_alive, "-1");
    assert_int_equal(peek.output_tokens_max, 9);
}

static void the_prompt_is_text_and_not_media(void **state)
{
    (void)state;
    struct peek peek;
    const char *body =
        "{\"system\":\"1234\",\"messages\":[{\"role\":\"user\",\"content\":["
        "{\"text\":\"12345678\"},{\"url\":\"data:image/png;base64,AAAAAAAAAAAAAAAA\"}"
        "]}],\"metadata\":\"long long long long\"}";
    for (size_t step = 1; step < 90; step++) {
        peek_split(&peek, JSON, span_from(body), step);
        assert_int_equal(peek_prompt_bytes(&peek, 1000), 4 + 4 + 8);
        assert_int_equal(peek.media, 1);
    }
}

static void fault_67_a_deep_or_damaged_body_still_routes_when_its_model_is_known(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        bool deep;
    } cases[] = {
        {"{\"model\":\"m\",\"x\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
         "[",
         true},
        {"{\"model\":\"m\",\"x\":nul}", false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct peek peek;
        peek_split(&peek, JSON, span_from(cases[i].body), 9);
        assert_int_equal(peek.state, PEEK_BROKEN);
        assert_int_equal(peek.too_deep, cases[i].deep);
        assert_memory_equal(peek.model, "m", 1);
        assert_int_equal(peek_prompt_bytes(&peek, 400), 400);
    }
    struct peek peek;
    peek_split(&peek, JSON,
               span_from("{\"model\":\"m\",\"max_tokens\":1e999,\"prompt\":\"\xff\xfe\"}"), 9);
    assert_int_equal(peek.state, PEEK_DONE);
    assert_int_equal(peek.output_tokens_max, INT64_C(1) << 32);
    assert_int_equal(peek_prompt_bytes(&peek, 100), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_model_is_found_and_nobody_is_fooled),
        cmocka_unit_test(the_place_of_the_model_allows_renaming),
        cmocka_unit_test(the_place_of_a_part_allows_renaming_a_pair_does_not),
        cmocka_unit_test(limits_and_identity_are_read),
        cmocka_unit_test(the_prompt_is_text_and_not_media),
        cmocka_unit_test(fault_67_a_deep_or_damaged_body_still_routes_when_its_model_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
