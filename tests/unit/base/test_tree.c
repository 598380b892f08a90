/* test_tree.c - JSON in and out, reading trees. */
#include "base/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

static void accepted_texts_keep_values_order_and_positions(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    const char *text =
        "{\"a\": [1, 2.5e1, -0],\n"
        "  \"b\\n\": {\"deep\": {\"er\": \"x\\u00e9\\ud83d\\ude00\"}},\n"
        "  \"t\": true, \"f\": false, \"n\": null, \"plain\": \"gr\xC3\xBC\xC3\x9F\"}";
    const struct tree *root = NULL;
    struct diag diag = {.code = RC_OK};
    assert_int_equal(json_read(&arena, span_from(text), NULL, &root, &diag), RC_OK);
    assert_int_equal(root->kind, TREE_OBJECT);
    assert_int_equal(root->count, 6);
    assert_true(span_equal_text(root->first->key, "a"));
    const struct tree *a = tree_get(root, "a");
    double number = 0;
    assert_true(tree_number(tree_at(a, 1), &number) && number == 25);
    int64_t whole = 0;
    assert_true(tree_int(tree_at(a, 1), &whole) && whole == 25);
    assert_null(tree_at(a, 3));
    const struct tree *er = tree_path(root, "b\n.deep.er");
    struct span s;
    assert_true(tree_string(er, &s));
    assert_true(span_equal_text(s, "x\xC3\xA9\xF0\x9F\x98\x80"));
    assert_int_equal(er->line, 2);
    assert_int_equal(er->column, 26);
    assert_int_equal(er->key_column, 20);
    const struct tree *plain = tree_get(root, "plain");
    assert_true(plain->text.ptr > text && plain->text.ptr < text + strlen(text));
    assert_int_equal(plain->line, 3);
    bool truth = false;
    assert_true(tree_bool(tree_get(root, "t"), &truth) && truth);
    assert_false(tree_bool(tree_get(root, "n"), &truth));
    assert_null(tree_path(root, "a.b.c"));
    assert_null(tree_get(NULL, "x"));
    arena_done(&arena);
}

static void refused_texts_tell_place_and_reason(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum rc rc;
        uint32_t line;
        uint32_t column;
        const char *words;
    } cases[] = {
        {"", RC_SYNTAX, 1, 1, "a value is expected, but the text ends here"},
        {"[1,\n 2,]", RC_SYNTAX, 2, 4, "a value is expected, found ']'"},
        {"{\"a\":1,}", RC_SYNTAX, 1, 8, "a member name in double quotes is expected, found '}'"},
        {"{\"a\" 1}", RC_SYNTAX, 1, 6, "a ':' is expected behind a member name, found '1'"},
        {"[1 2]", RC_SYNTAX, 1, 4, "a ',' or ']' is expected, found '2'"},
        {"nul", RC_SYNTAX, 1, 1, "a value is expected, found 'n'"},
        {"1 x", RC_SYNTAX, 1, 3, "nothing may follow the value, found 'x'"},
        {"\"a\tb\"", RC_SYNTAX, 1, 3,
         "a string needs UTF-8 without control bytes and a closing quote, found byte 0x09"},
        {"\"\\x\"", RC_SYNTAX, 1, 2,
         "this escape is not known or not a whole character, found '\\'"},
        {"\"\\ud800\"", RC_SYNTAX, 1, 2,
         "this escape is not known or not a whole character, found '\\'"},
        {"01", RC_SYNTAX, 1, 1, "a number has no leading zeros, found '0'"},
        {"-", RC_SYNTAX, 1, 2, "a number needs a digit, but the text ends here"},
        {"{\"k\":1,\n\"k\":2}", RC_DUPLICATE, 2, 1, "the member \"k\" is given twice"},
        {"[[[[[]]]]]", RC_LIMIT, 1, 5, "nested deeper than 4 levels"},
        {"\xEF\xBB\xBF{}", RC_SYNTAX, 1, 1, "a value is expected, found byte 0xEF"},
    };
    const struct json_limits limits = {.depth_max = 4};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena arena;
        arena_init(&arena, 1 << 16);
        const struct tree *root = NULL;
        struct diag diag = {.code = RC_OK};
        assert_int_equal(json_read(&arena, span_from(cases[i].text), &limits, &root, &diag),
                         cases[i].rc);
        assert_null(root);
        assert_string_equal(diag.text, cases[i].words);
        assert_int_equal(diag.line, cases[i].line);
        assert_int_equal(diag.column, cases[i].column);
        arena_done(&arena);
    }
}

static void doubled_members_are_found_among_thousands(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 1 << 20);
    buf_byte(&text, '{');
    for (int i = 0; i < 5000; i++)
        buf_printf(&text, "\"k%d\":%d,", i * 7919 % 5000, i);
    const size_t unique = text.len;
    buf_text(&text, "\"last\":0}");
    struct arena arena;
    arena_init(&arena, 4 << 20);
    const struct tree *root = NULL;
    assert_int_equal(json_read(&arena, buf_view(&text), NULL, &root, NULL), RC_OK);
    assert_int_equal(root->count, 5001);
    arena_clear(&arena);
    text.len = unique;
    buf_text(&text, "\"k4321\":0}");
    struct diag diag;
    assert_int_equal(json_read(&arena, buf_view(&text), NULL, &root, &diag), RC_DUPLICATE);
    assert_string_equal(diag.text, "the member \"k4321\" is given twice");
    assert_int_equal(diag.column, unique + 1);
    arena_clear(&arena);
    const struct json_limits limits = {.duplicates_allowed = true};
    assert_int_equal(json_read(&arena, buf_view(&text), &limits, &root, NULL), RC_OK);
    double last = 5;
    assert_true(tree_number(tree_get(root, "k4321"), &last) && last == 0);
    arena_done(&arena);
    buf_done(&text);
}

static void a_small_arena_is_a_limit_not_a_crash(void **state)
{
    (void)state;
    struct arena arena;
    for (size_t limit = 0; limit < 600; limit += 50) {
        arena_init(&arena, limit);
        const struct tree *root = NULL;
        struct diag diag;
        const enum rc rc =
            json_read(&arena, span_from("[1,2,3,4,\"\\n\",{\"a\":[]}]"), NULL, &root, &diag);
        assert_int_equal(rc, RC_LIMIT);
        arena_done(&arena);
    }
}

static void lone_surrogates_are_taken_only_on_request(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 16);
    const struct json_limits limits = {.lone_surrogates = true};
    const struct tree *root = NULL;
    assert_int_equal(
        json_read(&arena, span_from("\"\\ud800\\ud800\\udc00\\udc00\""), &limits, &root, NULL),
        RC_OK);
    assert_true(span_equal_text(root->text, "\xEF\xBF\xBD\xF0\x90\x80\x80\xEF\xBF\xBD"));
    arena_done(&arena);
}

static void whole_numbers_are_integers_however_they_are_written(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        int64_t value;
    } cases[] = {
        {"3", true, 3},      {"3.0", true, 3},
        {"3e2", true, 300},  {"-9223372036854775808", true, INT64_MIN},
        {"3.5", false, 0},   {"9223372036854775808", false, 0},
        {"1e400", false, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct tree node = {.kind = TREE_NUMBER, .text = span_from(cases[i].text)};
        int64_t value = 0;
        assert_int_equal(tree_int(&node, &value), cases[i].ok);
        assert_true(value == cases[i].value);
    }
}

static void the_writer_sets_commas_and_escapes(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 4096);
    struct json_writer w;
    json_init(&w, &buf);
    json_object(&w);
    json_member_text(&w, "text", "a\"b\\\n\x01 gr\xC3\xBC\xFF.");
    json_member_int(&w, "int", INT64_MIN);
    json_member_number(&w, "number", 0.1);
    json_member_number(&w, "nan", NAN);
    json_member_bool(&w, "bool", true);
    json_key(&w, "list");
    json_array(&w);
    json_uint(&w, UINT64_MAX);
    json_uint(&w, 7);
    json_null(&w);
    json_object(&w);
    json_object_end(&w);
    json_array(&w);
    json_array_end(&w);
    json_array_end(&w);
    json_object_end(&w);
    assert_string_equal(
        buf_cstr(&buf),
        "{\"text\":\"a\\\"b\\\\\\n\\u0001 gr\xC3\xBC\xEF\xBF\xBD.\",\"int\":-9223372036854775808,"
        "\"number\":0.1,\"nan\":null,\"bool\":true,\"list\":[18446744073709551615,7,null,{},[]]}");
    buf_done(&buf);
}

/* A random tree as text; the generator decides everything. */
static void random_value(struct rng *rng, struct json_writer *w, int depth)
{
    char text[24];
    const int64_t kind = rng_range(rng, 0, depth > 5 ? 4 : 6);
    const int64_t n = rng_range(rng, 0, 20);
    for (int64_t i = 0; i < n; i++)
        text[i] = (char)rng_range(rng, 0, 255);
    switch (kind) {
    case 0:
        json_null(w);
        break;
    case 1:
        json_bool(w, n > 10);
        break;
    case 2:
        json_number(w, rng_normal(rng) * 1e6);
        break;
    case 3:
        json_int(w, (int64_t)rng_next(rng));
        break;
    case 4:
        json_string(w, (struct span){text, (size_t)n});
        break;
    case 5:
        json_array(w);
        for (int64_t i = 0; i < n; i++)
            random_value(rng, w, depth + 1);
        json_array_end(w);
        break;
    default:
        json_object(w);
        for (int64_t i = 0; i < n; i++) {
            char key[24];
            (void)snprintf(key, sizeof(key), "%c%d", text[i] > 32 && text[i] < 127 ? text[i] : '"',
                           (int)i);
            json_key(w, key);
            random_value(rng, w, depth + 1);
        }
        json_object_end(w);
        break;
    }
}

static void what_is_written_reads_back_equal(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 4711);
    for (int round = 0; round < 300; round++) {
        struct buf first;
        struct buf second;
        buf_init(&first, 1 << 22);
        buf_init(&second, 1 << 22);
        struct json_writer w;
        json_init(&w, &first);
        random_value(&rng, &w, round % 5);
        struct arena arena;
        arena_init(&arena, 64 << 20);
        const struct tree *tree = NULL;
        assert_false(first.failed);
        assert_int_equal(json_read(&arena, buf_view(&first), NULL, &tree, NULL), RC_OK);
        json_init(&w, &second);
        json_tree(&w, tree);
        assert_string_equal(buf_cstr(&first), buf_cstr(&second));
        const struct tree *again = NULL;
        assert_int_equal(json_read(&arena, buf_view(&second), NULL, &again, NULL), RC_OK);
        assert_true(tree_equal(tree, again));
        arena_done(&arena);
        buf_done(&first);
        buf_done(&second);
    }
}

static void deep_outside_trees_make_the_writer_fail_not_abort(void **state)
{
    (void)state;
    char text[600];
    memset(text, '[', 300);
    memset(text + 300, ']', 300);
    struct arena arena;
    arena_init(&arena, 1 << 20);
    const struct json_limits limits = {.depth_max = 300};
    const struct tree *tree = NULL;
    assert_int_equal(json_read(&arena, (struct span){text, 600}, &limits, &tree, NULL), RC_OK);
    struct buf buf;
    buf_init(&buf, 4096);
    struct json_writer w;
    json_init(&w, &buf);
    json_tree(&w, tree);
    assert_true(buf.failed);
    buf_done(&buf);
    arena_done(&arena);
}

static void equality_ignores_the_order_of_members_and_the_way_numbers_are_written(void **state)
{
    (void)state;
    static const struct {
        const char *a;
        const char *b;
        bool equal;
    } cases[] = {
        {"{\"a\":1,\"b\":[true]}", "{\"b\":[true],\"a\":1.0}", true},
        {"[1,2]", "[2,1]", false},
        {"{\"a\":1}", "{\"a\":1,\"b\":2}", false},
        {"\"1\"", "1", false},
        {"null", "null", true},
        {"false", "true", false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena arena;
        arena_init(&arena, 1 << 16);
        const struct tree *a = NULL;
        const struct tree *b = NULL;
        assert_int_equal(json_read(&arena, span_from(cases[i].a), NULL, &a, NULL), RC_OK);
        assert_int_equal(json_read(&arena, span_from(cases[i].b), NULL, &b, NULL), RC_OK);
        assert_int_equal(tree_equal(a, b), cases[i].equal);
        arena_done(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted_texts_keep_values_order_and_positions),
        cmocka_unit_test(refused_texts_tell_place_and_reason),
        cmocka_unit_test(doubled_members_are_found_among_thousands),
        cmocka_unit_test(a_small_arena_is_a_limit_not_a_crash),
        cmocka_unit_test(lone_surrogates_are_taken_only_on_request),
        cmocka_unit_test(whole_numbers_are_integers_however_they_are_written),
        cmocka_unit_test(the_writer_sets_commas_and_escapes),
        cmocka_unit_test(what_is_written_reads_back_equal),
        cmocka_unit_test(deep_outside_trees_make_the_writer_fail_not_abort),
        cmocka_unit_test(equality_ignores_the_order_of_members_and_the_way_numbers_are_written),
    };
    return cmocka_run_group_tests_name("tree", tests, NULL, NULL);
}
