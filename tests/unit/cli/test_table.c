/* Aligned tables for a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <math.h>

#include "cli/table.h"

#include <cmocka.h>

static const struct table_column columns[] = {{"NAME", false}, {"N", true}, {"WHY", false}};

static void print(struct table *table, const char *expected)
{
    struct buf out;
    buf_init(&out, 65536);
    table_print(table, &out);
    assert_string_equal(buf_cstr(&out), expected);
    buf_done(&out);
    table_done(table);
}

static void columns_are_as_wide_as_their_widest_cell(void **state)
{
    (void)state;
    struct table table;
    table_init(&table, columns, 3);
    table_text(&table, "chat");
    table_int(&table, 12);
    table_text(&table, "demand");
    table_text(&table, "a-longer-one");
    table_int(&table, 3);
    table_text(&table, "");
    print(&table, "NAME           N  WHY\n"
                  "chat          12  demand\n"
                  "a-longer-one   3  \n");
}

static void an_empty_table_is_its_titles(void **state)
{
    (void)state;
    struct table table;
    table_init(&table, columns, 3);
    print(&table, "NAME  N  WHY\n");
}

static void widths_count_characters_not_bytes(void **state)
{
    (void)state;
    struct table table;
    table_init(&table, columns, 3);
    table_text(&table, "caf\xc3\xa9s");
    table_int(&table, 1);
    table_text(&table, "x");
    print(&table, "NAME   N  WHY\n"
                  "caf\xc3\xa9s  1  x\n");
}

static void bytes_that_a_terminal_obeys_are_not_printed(void **state)
{
    (void)state;
    struct table table;
    table_init(&table, columns, 3);
    table_text(&table, "a\033[2Jb\n\xc2\x9b\xff");
    table_int(&table, 1);
    table_text(&table, "");
    print(&table, "NAME       N  WHY\n"
                  "a?[2Jb???  1  \n");
}

static void seconds_have_three_digits(void **state)
{
    (void)state;
    static const struct {
        double seconds;
        const char *text;
    } cases[] = {{0.42, "420ms"},   {0.0421234, "42.1ms"}, {1.5049, "1.5s"},
                 {12.345, "12.3s"}, {150, "2m30s"},        {0, "0s"},
                 {NAN, "-"},        {0.000012, "10us"},    {3661.7, "1h1m2s"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf out;
        buf_init(&out, 256);
        table_put_seconds(&out, cases[i].seconds);
        assert_string_equal(buf_cstr(&out), cases[i].text);
        buf_done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_as_wide_as_their_widest_cell),
        cmocka_unit_test(an_empty_table_is_its_titles),
        cmocka_unit_test(widths_count_characters_not_bytes),
        cmocka_unit_test(bytes_that_a_terminal_obeys_are_not_printed),
        cmocka_unit_test(seconds_have_three_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
