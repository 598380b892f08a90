/* Objects of the API: printing, reading and schemas by one table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <math.h>
#include <string.h>

#include "api/shape.h"
#include "config/target_spec.h"

#include <cmocka.h>

struct part {
    int64_t a;
};
static const struct shape_row part_rows[] = {SHAPE_MEMBER(INT, part, a, "a", 0, "", "A.")};
static SHAPE_OF(shape_part, "Part", part, part_rows, "A part.");

struct thing {
    const char *text;
    struct text_list texts;
    bool flag;
    int64_t whole;
    uint64_t id;
    double number;
    int64_t at_ns;
    int64_t span_ns;
    const char *word;
    const void *object;
    struct shape_rows list;
    struct span json;
};
static const char *const words[] = {"up", "down", NULL};
static const struct shape_row thing_rows[] = {
    SHAPE_MEMBER(TEXT, thing, text, "text", SHAPE_NULL, "", "T."),
    SHAPE_MEMBER(TEXTS, thing, texts, "texts", 0, "", "Ts."),
    SHAPE_MEMBER(BOOL, thing, flag, "flag", 0, "", "F."),
    SHAPE_MEMBER(INT, thing, whole, "whole", SHAPE_NULL, "tokens", "W."),
    SHAPE_MEMBER(ID, thing, id, "id", SHAPE_NULL, "", "I."),
    SHAPE_MEMBER(NUMBER, thing, number, "number", SHAPE_NULL, "", "N."),
    SHAPE_MEMBER(TIME, thing, at_ns, "at", SHAPE_NULL, "", "At."),
    SHAPE_MEMBER(SECONDS, thing, span_ns, "span", SHAPE_NULL, "", "S."),
    SHAPE_CHOICE(thing, word, "word", SHAPE_NULL, words, "Wd."),
    SHAPE_PART(OBJECT, thing, object, "object", SHAPE_NULL, &shape_part, "O."),
    SHAPE_PART(LIST, thing, list, "list", 0, &shape_part, "L."),
    SHAPE_MEMBER(JSON, thing, json, "json", SHAPE_NULL, "", "J."),
};
static SHAPE_OF(shape_thing, "Thing", thing, thing_rows, "A thing.");

static bool two_parts(void *user, size_t index, void *ret)
{
    (void)user;
    ((struct part *)ret)->a = (int64_t)index + 1;
    return index < 2;
}

static void print(const struct thing *thing, const char *expected)
{
    struct buf out;
    struct json_writer w;
    buf_init(&out, 65536);
    json_init(&w, &out);
    shape_print(&shape_thing, thing, &w);
    assert_string_equal(buf_cstr(&out), expected);
    buf_done(&out);
}

static void every_kind_is_printed_by_its_row(void **state)
{
    (void)state;
    static const char *const two[] = {"x", "y"};
    const struct part part = {.a = 7};
    const struct thing thing = {.text = "a \"b\"",
                                .texts = {two, 2},
                                .flag = true,
                                .whole = -3,
                                .id = UINT64_MAX,
                                .number = 0.5,
                                .at_ns = 1500000000,
                                .span_ns = 1500000000,
                                .word = "up",
                                .object = &part,
                                .list = {two_parts, NULL},
                                .json = span_from("{\"k\": [1]}")};
    print(&thing, "{\"text\":\"a \\\"b\\\"\",\"texts\":[\"x\",\"y\"],\"flag\":true,\"whole\":-3,"
                  "\"id\":\"18446744073709551615\",\"number\":0.5,"
                  "\"at\":\"1970-01-01T00:00:01.500Z\",\"span\":1.5,\"word\":\"up\","
                  "\"object\":{\"a\":7},\"list\":[{\"a\":1},{\"a\":2}],\"json\":{\"k\":[1]}}");
}

static void what_is_not_known_is_null_and_never_zero(void **state)
{
    (void)state;
    const struct thing thing = {
        .whole = SHAPE_NO_INT, .number = NAN, .at_ns = TIME_NONE, .span_ns = TIME_NONE};
    print(&thing, "{\"text\":null,\"texts\":[],\"flag\":false,\"whole\":null,\"id\":null,"
                  "\"number\":null,\"at\":null,\"span\":null,\"word\":null,\"object\":null,"
                  "\"list\":[],\"json\":null}");
}

/* ---- bodies ---- */

struct body {
    const char *pool;
    int64_t count;
    double share;
    bool now;
};
static const struct shape_row body_rows[] = {
    SHAPE_INPUT(TEXT, body, pool, "pool", 0, 0, 0, "", "\"chat\"", "P."),
    SHAPE_INPUT(INT, body, count, "replicas", SHAPE_REQUIRED, 0, 100, "", "4", "C."),
    SHAPE_INPUT(NUMBER, body, share, "share", 0, 0, 1, "", "0.5", "S."),
    SHAPE_INPUT(BOOL, body, now, "now", 0, 0, 0, "", "true", "N."),
};
static SHAPE_OF(shape_body, "Body", body, body_rows, "A body.");

static enum rc read(const char *text, struct body *ret, struct shape_problem *problem)
{
    struct arena arena;
    const struct tree *json = NULL;
    arena_init(&arena, 65536);
    assert_int_equal(json_read(&arena, span_from(text), NULL, &json, NULL), RC_OK);
    const enum rc rc = shape_read(&shape_body, json, &arena, ret, problem);
    if (rc == RC_OK && ret->pool != NULL)
        ret->pool = strcmp(ret->pool, "chat") == 0 ? "chat" : "other"; /* outlives the arena */
    arena_done(&arena);
    return rc;
}

static void a_body_is_read_and_what_is_missing_keeps_its_default(void **state)
{
    (void)state;
    struct body body = {.share = 0.25};
    struct shape_problem problem;
    assert_int_equal(
        read("{\"replicas\":4,\"pool\":\"chat\",\"now\":true,\"share\":null}", &body, &problem),
        RC_OK);
    assert_string_equal(body.pool, "chat");
    assert_int_equal(body.count, 4);
    assert_true(body.now && body.share == 0.25);
}

static void an_error_names_place_value_what_is_allowed_and_the_nearest_name(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum rc rc;
        const char *place, *value, *allowed, *nearest;
    } cases[] = {
        {"{\"replicas\":101}", RC_RANGE, "replicas", "101", "a whole number from 0 to 100", ""},
        {"{\"replicas\":-1}", RC_RANGE, "replicas", "-1", "a whole number from 0 to 100", ""},
        {"{\"replicas\":1.5}", RC_INVALID, "replicas", "1.5", "a whole number from 0 to 100", ""},
        {"{\"replicas\":null}", RC_INVALID, "replicas", "null", "a whole number from 0 to 100", ""},
        {"{\"replicas\":1e300}", RC_INVALID, "replicas", "1e300", "a whole number from 0 to 100",
         ""},
        {"{\"pool\":3,\"replicas\":1}", RC_INVALID, "pool", "3", "a text", ""},
        {"{\"now\":\"yes\",\"replicas\":1}", RC_INVALID, "now", "\"yes\"", "true or false", ""},
        {"{\"pool\":\"chat\"}", RC_MISSING, "replicas", "", "a whole number from 0 to 100", ""},
        {"{\"replica\":1}", RC_UNKNOWN, "replica", "", "pool, replicas, share, now", "replicas"},
        {"[1]", RC_INVALID, "", "", "an object", ""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct body body = {0};
        struct shape_problem problem;
        assert_int_equal(read(cases[i].text, &body, &problem), cases[i].rc);
        assert_int_equal(problem.code, cases[i].rc);
        assert_string_equal(problem.place, cases[i].place);
        assert_string_equal(problem.value, cases[i].value);
        assert_string_equal(problem.allowed, cases[i].allowed);
        assert_string_equal(problem.nearest, cases[i].nearest);
        assert_true(problem.text[0] != '\0');
    }
}

static void the_example_of_a_body_can_be_read(void **state)
{
    (void)state;
    struct buf out;
    struct json_writer w;
    struct body body = {0};
    struct shape_problem problem;
    buf_init(&out, 4096);
    json_init(&w, &out);
    shape_example(&shape_body, &w);
    assert_int_equal(read(buf_cstr(&out), &body, &problem), RC_OK);
    assert_int_equal(body.count, 4);
    buf_done(&out);
}

static void a_schema_says_what_may_be_unknown_and_what_is_required(void **state)
{
    (void)state;
    struct buf out;
    struct json_writer w;
    buf_init(&out, 65536);
    json_init(&w, &out);
    shape_schema(&shape_body, true, &w);
    assert_non_null(strstr(buf_cstr(&out), "\"required\":[\"replicas\"]"));
    assert_non_null(strstr(buf_cstr(&out), "\"replicas\":{\"type\":\"integer\",\"minimum\":0,"
                                           "\"maximum\":100"));
    assert_non_null(strstr(buf_cstr(&out), "\"pool\":{\"type\":[\"string\",\"null\"]"));
    buf_clear(&out);
    json_init(&w, &out);
    shape_schema(&shape_thing, false, &w);
    assert_non_null(strstr(buf_cstr(&out), "\"whole\":{\"type\":[\"integer\",\"null\"],"
                                           "\"description\":\"W. (tokens)\"}"));
    assert_non_null(strstr(buf_cstr(&out), "\"enum\":[\"up\",\"down\",null]"));
    assert_non_null(strstr(buf_cstr(&out), "{\"$ref\":\"#/components/schemas/Part\"}"));
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_is_printed_by_its_row),
        cmocka_unit_test(what_is_not_known_is_null_and_never_zero),
        cmocka_unit_test(a_body_is_read_and_what_is_missing_keeps_its_default),
        cmocka_unit_test(an_error_names_place_value_what_is_allowed_and_the_nearest_name),
        cmocka_unit_test(the_example_of_a_body_can_be_read),
        cmocka_unit_test(a_schema_says_what_may_be_unknown_and_what_is_required),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
