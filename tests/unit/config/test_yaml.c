/* What YAML texts become, where problems are told, and that hostile texts end at a limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "config/yaml.h"

#include <cmocka.h>

static struct arena arena;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, (size_t)256 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_done(&arena);
    return 0;
}

static enum rc read_one(const char *text, const struct tree **ret, struct diag *diag)
{
    struct yaml_documents documents = {NULL, 0};
    const enum rc rc = yaml_read(&arena, span_from(text), NULL, &documents, diag);
    *ret = rc == RC_OK && documents.count > 0 ? documents.item[0] : NULL;
    return rc;
}

static void plain_scalars_have_the_kinds_of_the_core_schema(void **state)
{
    (void)state;
    static const struct {
        const char *text, *json;
    } cases[] = {
        {"12", "12"},         {"+12", "12"},      {"-012", "-12"},
        {"0o17", "15"},       {"0x1F", "31"},     {"1.", "1"},
        {".5", "0.5"},        {"1e3", "1e3"},     {"-.5E-2", "-0.5e-2"},
        {"true", "true"},     {"FALSE", "false"}, {"~", "null"},
        {"", "null"},         {"yes", "\"yes\""}, {"no", "\"no\""},
        {".inf", "\".inf\""}, {"0b1", "\"0b1\""}, {"1_000", "\"1_000\""},
        {"1:30", "\"1:30\""}, {"'12'", "\"12\""}, {"\"~\"", "\"~\""},
        {"!!str 1", "\"1\""}, {"0x", "\"0x\""},   {"1e", "\"1e\""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[64];
        struct buf out;
        struct json_writer w;
        struct diag diag = {.code = RC_OK};
        const struct tree *tree;
        (void)snprintf(text, sizeof(text), "a: %s\n", cases[i].text);
        assert_int_equal(read_one(text, &tree, &diag), RC_OK);
        buf_init(&out, 4096);
        json_init(&w, &out);
        json_tree(&w, tree_get(tree, "a"));
        assert_string_equal(buf_cstr(&out), cases[i].json);
        buf_done(&out);
    }
}

static void places_are_told_in_bytes(void **state)
{
    (void)state;
    const struct tree *tree;
    struct diag diag = {.code = RC_OK};
    assert_int_equal(read_one("# \xC3\xA4\nk\xC3\xA4se: {b: x}\n", &tree, &diag), RC_OK);
    const struct tree *inner = tree->first;
    assert_int_equal(inner->key_line, 2);
    assert_int_equal(inner->key_column, 1);
    assert_int_equal(inner->column, 8);
    assert_int_equal(inner->first->column, 12);
}

static void a_long_member_name_in_braces_does_not_shift_columns(void **state)
{
    (void)state;
    const struct tree *tree;
    struct diag diag = {.code = RC_OK};
    assert_int_equal(read_one("{ x: 1, a\n b: 1, c: 2 }\n", &tree, &diag), RC_OK);
    assert_int_equal(tree_get(tree, "a b")->key_column, 9);
    assert_int_equal(tree_get(tree, "a b")->column, 5);
    assert_int_equal(tree_get(tree, "c")->column, 11);
}

static void refusals_tell_line_and_column(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum rc rc;
        uint32_t line, column;
        const char *words;
    } cases[] = {
        {"a: 1\nb: 2\na: 3\n", RC_DUPLICATE, 3, 1, "\"a\" is given twice"},
        {"a: {b: 1, b: 2}\n", RC_DUPLICATE, 1, 11, "first in line 1"},
        {"a: [1, 2\nb: 3\n", RC_SYNTAX, 2, 1, "deeper"},
        {"a:\n\t- b\n", RC_SYNTAX, 2, 1, "a tab stands"},
        {"a: *b\n", RC_NOT_FOUND, 1, 4, "no anchor &b"},
        {"a: &b [*b]\n", RC_UNSUPPORTED, 1, 8, "inside its own anchor"},
        {"a: 1\nb:\n  <<: {c: 1}\n", RC_UNSUPPORTED, 3, 3, "merge keys"},
        {"a: \"x\"# no\n", RC_SYNTAX, 1, 7, "a comment needs a space"},
        {"a: \"b\nc\"\n", RC_SYNTAX, 2, 1, "deeper than the block"},
        {"a: \"\x01\"\n", RC_SYNTAX, 1, 5, "control characters"},
        {"a: \xFF\n", RC_SYNTAX, 1, 4, "UTF-8"},
        {"a: !!int x\n", RC_INVALID, 1, 4, "not a value of the tag"},
        {"a: x\xE2\x80\xA8y\n", RC_UNSUPPORTED, 1, 5, "U+2028"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct diag diag = {.code = RC_OK};
        const struct tree *tree;
        const enum rc rc = read_one(cases[i].text, &tree, &diag);
        if (rc != cases[i].rc || diag.line != cases[i].line || diag.column != cases[i].column ||
            !strstr(diag.text, cases[i].words))
            fail_msg("%s: %s %u:%u %s", cases[i].text, rc_name(rc), diag.line, diag.column,
                     diag.text);
    }
}

static void billion_laughs_end_at_the_limit_of_values(void **state)
{
    (void)state;
    struct buf text;
    struct diag diag = {.code = RC_OK};
    const struct tree *tree;
    buf_init(&text, 1 << 20);
    buf_text(&text, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 30; i++) {
        buf_printf(&text, "a%d: &a%d [", i, i);
        for (int k = 0; k < 10; k++)
            buf_printf(&text, "%s*a%d", k > 0 ? ", " : "", i - 1);
        buf_text(&text, "]\n");
    }
    assert_int_equal(read_one(buf_cstr(&text), &tree, &diag), RC_LIMIT);
    assert_non_null(strstr(diag.text, "aliases counted"));
    assert_true(arena.used_bytes < ((size_t)16 << 20));
    buf_done(&text);
}

static void aliases_do_not_nest_deeper_than_text_may(void **state)
{
    (void)state;
    struct buf text;
    struct diag diag = {.code = RC_OK};
    const struct tree *tree;
    buf_init(&text, 1 << 20);
    buf_text(&text, "a0: &a0 [x]\n");
    for (int i = 1; i < 200; i++)
        buf_printf(&text, "a%d: &a%d [*a%d]\n", i, i, i - 1);
    assert_int_equal(read_one(buf_cstr(&text), &tree, &diag), RC_LIMIT);
    assert_non_null(strstr(diag.text, "nested deeper"));
    buf_done(&text);
}

static void depth_and_documents_are_limited(void **state)
{
    (void)state;
    struct buf text;
    struct diag diag = {.code = RC_OK};
    const struct tree *tree;
    static const char *const parts[] = {"[", "- ", "{a: ", "? "};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        buf_init(&text, 1 << 20);
        for (int k = 0; k < 20000; k++)
            buf_text(&text, parts[i]);
        assert_int_not_equal(read_one(buf_cstr(&text), &tree, &diag), RC_OK);
        buf_done(&text);
    }
    buf_init(&text, 1 << 20);
    for (int k = 0; k < YAML_DOCUMENTS_MAX + 1; k++)
        buf_text(&text, "--- a\n");
    assert_int_equal(read_one(buf_cstr(&text), &tree, &diag), RC_LIMIT);
    buf_done(&text);
}

static void aliases_and_documents_are_read(void **state)
{
    (void)state;
    struct yaml_documents d;
    struct diag diag = {.code = RC_OK};
    assert_int_equal(
        yaml_read(&arena, span_from("a: &x {b: [1, 2]}\nc: *x\n---\nd\n"), NULL, &d, &diag), RC_OK);
    assert_int_equal(d.count, 2);
    assert_true(tree_equal(tree_get(d.item[0], "a"), tree_get(d.item[0], "c")));
    assert_int_equal(yaml_read(&arena, span_from(""), NULL, &d, &diag), RC_OK);
    assert_int_equal(d.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(plain_scalars_have_the_kinds_of_the_core_schema, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(places_are_told_in_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_long_member_name_in_braces_does_not_shift_columns, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(refusals_tell_line_and_column, set_up, tear_down),
        cmocka_unit_test_setup_teardown(billion_laughs_end_at_the_limit_of_values, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(aliases_do_not_nest_deeper_than_text_may, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(depth_and_documents_are_limited, set_up, tear_down),
        cmocka_unit_test_setup_teardown(aliases_and_documents_are_read, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
