/* test_origin.c - what is remembered of ids, and what is forgotten. */
#include "traffic/origin.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/mem.h"

#include <cmocka.h>

static uint64_t numbered(unsigned n)
{
    char text[32];
    (void)snprintf(text, sizeof(text), "resp_%08x", n);
    return origin_id(span_from(text));
}

static void what_was_put_is_found_and_the_newest_word_counts(void **state)
{
    (void)state;
    struct origins o = {NULL};
    assert_null(origins_get(&o, numbered(1)));
    assert_int_equal(origins_put(&o, &(struct origin){.id = numbered(1), .pool = 7}), RC_OK);
    assert_int_equal(origins_put(&o, &(struct origin){.id = numbered(2), .pool = 8, .session = 9}),
                     RC_OK);
    assert_true(origins_get(&o, numbered(1))->pool == 7);
    assert_true(origins_get(&o, numbered(2))->session == 9);
    assert_int_equal(origins_put(&o, &(struct origin){.id = numbered(1), .pool = 10}), RC_OK);
    assert_true(origins_get(&o, numbered(1))->pool == 10);
    assert_null(origins_get(&o, numbered(3)));
    assert_null(origins_get(&o, 0));
    origins_done(&o);
}

static void the_memory_is_bounded_and_what_is_used_stays(void **state)
{
    (void)state;
    struct origins o = {NULL};
    const unsigned many = 4 * ORIGINS_MAX;
    for (unsigned i = 0; i < many; i++) {
        assert_int_equal(origins_put(&o, &(struct origin){.id = numbered(i), .pool = i}), RC_OK);
        assert_non_null(origins_get(&o, numbered(0))); /* asked for again and again */
    }
    size_t known = 0;
    for (unsigned i = 0; i < many; i++)
        known += origins_get(&o, numbered(i)) != NULL;
    assert_true(known <= ORIGINS_MAX && known > ORIGINS_MAX / 2);
    for (unsigned i = many - 1000; i < many; i++)
        assert_non_null(origins_get(&o, numbered(i)));
    origins_done(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_is_found_and_the_newest_word_counts),
        cmocka_unit_test(the_memory_is_bounded_and_what_is_used_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
