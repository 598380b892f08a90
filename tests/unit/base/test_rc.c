/* test_rc.c - result codes and the words that go with a failure. */
#include "base/rc.h"

static enum rc refuse(struct diag *diag, int found)
{
    return fail(diag, RC_RANGE, "replicas are %d, at most 4 are allowed", found);
}

static enum rc refuse_long(struct diag *diag, const char *text)
{
    return fail(diag, RC_LIMIT, "%s", text);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void every_code_has_a_name_and_words(void **state)
{
    (void)state;
    for (int i = 0; i < RC_COUNT; i++) {
        assert_true(strlen(rc_name((enum rc)i)) > 1);
        assert_true(strlen(rc_words((enum rc)i)) > 3);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(rc_name((enum rc)i), rc_name((enum rc)j));
    }
    assert_string_equal(rc_name(RC_COUNT), "?");
    assert_string_equal(rc_name(RC_NO_MEMORY), "no-memory");
}

static void words_are_stored_once_and_places_are_put_in_front(void **state)
{
    (void)state;
    struct diag diag;
    assert_int_equal(refuse(&diag, 9), RC_RANGE);
    assert_int_equal(diag.code, RC_RANGE);
    assert_string_equal(diag.text, "replicas are 9, at most 4 are allowed");
    assert_string_equal(diag.where, "");
    diag_at(&diag, "maxReplicas");
    diag_at(&diag, "[%d]", 3);
    diag_at(&diag, "pools");
    assert_string_equal(diag.where, "pools[3].maxReplicas");
    diag_position(&diag, 7, 12);
    assert_int_equal(diag.line, 7);
    assert_int_equal(diag.column, 12);
    assert_string_equal(diag.text, "replicas are 9, at most 4 are allowed");
}

static void nobody_has_to_want_the_words(void **state)
{
    (void)state;
    assert_int_equal(refuse(NULL, 9), RC_RANGE);
    diag_at(NULL, "x");
    diag_position(NULL, 1, 1);
}

static void long_words_are_cut_between_characters(void **state)
{
    (void)state;
    struct diag diag;
    char text[1024];
    for (size_t shift = 0; shift < 4; shift++) {
        memset(text, 'a', shift);
        for (size_t i = shift; i + 4 < sizeof(text); i += 4)
            memcpy(text + i, "\xF0\x9F\x98\x80", 5);
        (void)refuse_long(&diag, text);
        const size_t len = strlen(diag.text);
        assert_true(len >= sizeof(diag.text) - 4 && len < sizeof(diag.text));
        assert_int_equal((len - shift) % 4, 0);
    }
    for (int i = 0; i < 100; i++)
        diag_at(&diag, "very-long-place-name");
    assert_int_equal(strlen(diag.where), sizeof(diag.where) - 1);
}

static void fault_89_what_a_terminal_would_take_for_an_order_is_tamed(void **state)
{
    (void)state;
    struct diag diag = {0};
    assert_int_equal((fail)(&diag, RC_INVALID, "found '%s'", "\033]0;x\a\n\x7f\xc2\x9b m\xc3\xbcr"),
                     RC_INVALID);
    assert_string_equal(diag.text, "found '?]0;x????? m\xc3\xbcr'");
    diag_at(&diag, "pools.%s", "a\033b");
    assert_string_equal(diag.where, "pools.a?b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_a_name_and_words),
        cmocka_unit_test(words_are_stored_once_and_places_are_put_in_front),
        cmocka_unit_test(nobody_has_to_want_the_words),
        cmocka_unit_test(long_words_are_cut_between_characters),
        cmocka_unit_test(fault_89_what_a_terminal_would_take_for_an_order_is_tamed),
    };
    return cmocka_run_group_tests_name("rc", tests, NULL, NULL);
}
