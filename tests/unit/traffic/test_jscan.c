#include "traffic/jscan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rc.h"
#include "base/rng.h"
#include "base/tree.h"

#include <cmocka.h>

enum { N_NONE, N_ROOT, N_A, N_LIST, N_ITEM, N_TEXT, N_COUNT };
static const struct jscan_edge root_edges[] = {JSCAN_EDGE("a", N_A), JSCAN_EDGE("list", N_LIST),
                                               JSCAN_EDGE("text", N_TEXT)};
static const struct jscan_edge item_edges[] = {JSCAN_EDGE("a", N_A)};
static const struct jscan_node schema[N_COUNT] = {
    [N_ROOT] = {.edges = root_edges, .edge_count = 3, .report = true},
    [N_A] = {.report = true, .capture = 20},
    [N_LIST] = {.report = true, .element = N_ITEM},
    [N_ITEM] = {.edges = item_edges, .edge_count = 1},
    [N_TEXT] = {.report = true, .capture = 3},
};

static void print_value(void *context, const struct jscan_value *v)
{
    struct buf *out = context;
    buf_printf(out, "%d:%d:%.*s%s@%d-%d ", (int)v->node, (int)v->kind, SPAN_ARG(v->text),
               v->cut ? "~" : "", (int)v->start, (int)v->end);
}

static enum jscan_state scan_split(struct span text, size_t step, struct buf *out)
{
    struct jscan scan;
    jscan_init(&scan, schema);
    buf_clear(out);
    for (size_t at = 0; at < text.len; at += step) {
        char *copy = malloc(step); /* exact size: an over-read is seen by the sanitizer */
        const size_t n = text.len - at < step ? text.len - at : step;
        char *exact = n > 0 ? realloc(copy, n) : copy;
        memcpy(exact, text.ptr + at, n);
        (void)jscan_feed(&scan, exact, n, print_value, out);
        free(exact);
    }
    return jscan_end(&scan, print_value, out);
}

static void values_are_the_same_however_the_bytes_are_split(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *values;
        enum jscan_state end;
        /* clang-format off */
    } cases[] = {
        {"{\"a\":1}", "2:1:1@5-6 1:5:@0-7 ", JSCAN_DONE },
        {" {\"a\" : \"x\\u0041\\n\"} ", "2:0:xA\n@8-19 1:5:@1-20 ", JSCAN_DONE },
        {"{\"\\u0061\":true}", "2:2:@10-14 1:5:@0-15 ", JSCAN_DONE },
        {"{\"b\":{\"a\":1},\"a\":null}", "2:4:@17-21 1:5:@0-22 ", JSCAN_DONE },
        {"{\"list\":[{\"a\":-1.5e3},[],{\"a\":\"\\ud83d\\ude00\"}]}",
         "2:1:-1.5e3@14-20 2:0:\xf0\x9f\x98\x80@30-44 3:6:@8-46 1:5:@0-47 ", JSCAN_DONE },
        {"{\"a\":\"\\u00e9\\u07ff\\u20ac\"}",
         "2:0:\xc3\xa9\xdf\xbf\xe2\x82\xac@5-25 1:5:@0-26 ", JSCAN_DONE },
        {"{\"list\":[]}", "3:6:@8-10 1:5:@0-11 ", JSCAN_DONE },
        {"{\"text\":\"long text\"}", "5:0:lon~@8-19 1:5:@0-20 ", JSCAN_DONE },
        {"{\"a\":1,}", "2:1:1@5-6 ", JSCAN_BROKEN},
        {"{\"a\" 1}", "", JSCAN_BROKEN},
        {"[1,2", "", JSCAN_BROKEN},
        {"[1}", "", JSCAN_BROKEN},
        {"]", "", JSCAN_BROKEN},
        {"tru ", "", JSCAN_BROKEN},
        {"\"\\x\"", "", JSCAN_BROKEN},
        {"1 1", "1:1:~@0-1 ", JSCAN_BROKEN},
        {"12", "1:1:~@0-2 ", JSCAN_DONE },
        {"", "", JSCAN_BROKEN},
    };
    /* clang-format on */
    struct buf out;
    buf_init(&out, 4096);
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        for (size_t step = 1; step < 50; step++) {
            assert_int_equal(scan_split(span_from(cases[i].text), step, &out), cases[i].end);
            assert_string_equal(buf_cstr(&out), cases[i].values);
        }
    buf_done(&out);
}

static void fault_67_depth_is_bounded(void **state)
{
    (void)state;
    struct buf out;
    char text[4096];
    buf_init(&out, 65536);
    memset(text, '[', sizeof(text));
    assert_int_equal(scan_split(span_of(text, sizeof(text)), 100, &out), JSCAN_DEEP);
    memset(text, '[', JSCAN_DEPTH_MAX);
    memset(text + JSCAN_DEPTH_MAX, ']', JSCAN_DEPTH_MAX);
    assert_int_equal(scan_split(span_of(text, 2 * (size_t)JSCAN_DEPTH_MAX), 7, &out), JSCAN_DONE);
    buf_done(&out);
}

/* Against the strict reader of base: what it takes, the scanner takes as well. */
static void whatever_the_tree_reader_takes_is_taken(void **state)
{
    (void)state;
    static const char alphabet[] = "{}[]:,\"a1 tnrue\\";
    struct rng rng;
    rng_init(&rng, 7);
    struct buf out;
    buf_init(&out, 65536);
    int taken = 0;
    for (int round = 0; round < 60000; round++) {
        char text[12];
        const size_t len = (size_t)rng_range(&rng, 1, sizeof(text));
        for (size_t i = 0; i < len; i++)
            text[i] = alphabet[rng_range(&rng, 0, (int64_t)sizeof(alphabet) - 2)];
        struct arena arena;
        arena_init(&arena, 1 << 16);
        const struct tree *tree;
        const struct json_limits limits = {.duplicates_allowed = true};
        const enum rc rc = json_read(&arena, span_of(text, len), &limits, &tree, NULL);
        if (rc == RC_OK) {
            taken++;
            assert_int_equal(scan_split(span_of(text, len), 3, &out), JSCAN_DONE);
        }
        arena_done(&arena);
    }
    assert_true(taken > 50);
    buf_done(&out);
}

static void whole_numbers_are_clamped(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } cases[] = {{"12", 12},         {"1e3", 1000}, {"12.7", 12},
                 {"1e999", 1000000}, {"-3", -1},    {"x", -1},
                 {"", -1},           {"5e-1", 0},   {"99999999999999999999", 1000000},
                 {"1.5e1", 15},      {"1e", 1},     {"1x", -1}};
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_int_equal(jscan_int(span_from(cases[i].text), 1000000), cases[i].value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_the_same_however_the_bytes_are_split),
        cmocka_unit_test(fault_67_depth_is_bounded),
        cmocka_unit_test(whatever_the_tree_reader_takes_is_taken),
        cmocka_unit_test(whole_numbers_are_clamped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
