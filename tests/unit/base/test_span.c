/* test_span.c - borrowed strings. */
#include "base/span.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void slices_are_clipped_to_the_span(void **state)
{
    (void)state;
    const struct span s = span_from("hello");
    assert_true(span_equal_text(span_slice(s, 1, 3), "ell"));
    assert_true(span_equal_text(span_slice(s, 3, SIZE_MAX), "lo"));
    assert_int_equal(span_slice(s, 9, 1).len, 0);
    assert_int_equal(span_slice(span_from(NULL), 1, 1).len, 0);
    assert_null(span_from(NULL).ptr);
}

static void comparison_is_by_bytes_then_by_length(void **state)
{
    (void)state;
    assert_int_equal(span_compare(span_from("a"), span_from("b")), -1);
    assert_int_equal(span_compare(span_from("b"), span_from("a")), 1);
    assert_int_equal(span_compare(span_from("a"), span_from("ab")), -1);
    assert_int_equal(span_compare(span_from("ab"), span_from("a")), 1);
    assert_int_equal(span_compare(span_from("\xFF"), span_from("a")), 1);
    assert_int_equal(span_compare(span_from(""), span_from(NULL)), 0);
    assert_true(span_equal(span_from(""), span_from(NULL)));
    assert_true(span_equal_nocase(span_from("Content-LENGTH"), span_from("content-length")));
    assert_false(span_equal_nocase(span_from("[]"), span_from("{}")));
    assert_false(span_equal_text_nocase(span_from("abc"), "ab"));
}

static void prefixes_suffixes_and_trimming(void **state)
{
    (void)state;
    assert_true(span_starts_with(span_from("abc"), "ab"));
    assert_true(span_starts_with(span_from("abc"), ""));
    assert_false(span_starts_with(span_from("a"), "ab"));
    assert_true(span_ends_with(span_from("abc"), "bc"));
    assert_false(span_ends_with(span_from("c"), "bc"));
    assert_true(span_equal_text(span_trim(span_from(" \t a b\t ")), "a b"));
    assert_int_equal(span_trim(span_from(" \t ")).len, 0);
}

static void searching_starts_where_it_is_told(void **state)
{
    (void)state;
    const struct span s = span_from("a,b,,c");
    assert_int_equal(span_find_byte(s, ',', 0), 1);
    assert_int_equal(span_find_byte(s, ',', 2), 3);
    assert_true(span_find_byte(s, ',', 6) == SIZE_MAX);
    assert_true(span_find_byte(s, 'x', 0) == SIZE_MAX);
    assert_int_equal(span_find(s, span_from(",c"), 0), 4);
    assert_true(span_find(s, span_from(",c"), 5) == SIZE_MAX);
    assert_int_equal(span_find(s, span_from(""), 6), 6);
    assert_true(span_find(s, span_from(""), 7) == SIZE_MAX);
}

static void splitting_gives_every_part_also_empty_ones(void **state)
{
    (void)state;
    static const char *const wanted[] = {"a", "b", "", "c", ""};
    struct span rest = span_from("a,b,,c,");
    struct span part;
    size_t n = 0;
    while (span_split(&rest, ',', &part))
        assert_true(n < 5 && span_equal_text(part, wanted[n++]));
    assert_int_equal(n, 5);
    rest = span_from("");
    assert_true(span_split(&rest, ',', &part));
    assert_int_equal(part.len, 0);
    assert_false(span_split(&rest, ',', &part));
}

static void copies_end_in_nul_and_tell_what_did_not_fit(void **state)
{
    (void)state;
    char text[4];
    assert_true(span_copy(span_from("abc"), text, sizeof(text)));
    assert_string_equal(text, "abc");
    assert_false(span_copy(span_from("abcd"), text, sizeof(text)));
    assert_string_equal(text, "abc");
    assert_false(span_copy(span_of("a\0b", 3), text, sizeof(text)));
    assert_true(span_copy(span_from(NULL), text, sizeof(text)));
    assert_string_equal(text, "");
    assert_false(span_copy(span_from("a"), text, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_are_clipped_to_the_span),
        cmocka_unit_test(comparison_is_by_bytes_then_by_length),
        cmocka_unit_test(prefixes_suffixes_and_trimming),
        cmocka_unit_test(searching_starts_where_it_is_told),
        cmocka_unit_test(splitting_gives_every_part_also_empty_ones),
        cmocka_unit_test(copies_end_in_nul_and_tell_what_did_not_fit),
    };
    return cmocka_run_group_tests_name("span", tests, NULL, NULL);
}
