/* test_mem.c - heap helpers, arenas, growable buffers: sums that overflow, limits, failures. */
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void sizes_that_overflow_give_no_memory(void **state)
{
    (void)state;
    assert_null(mem_new(SIZE_MAX / 2, 3));
    assert_null(mem_new(SIZE_MAX, 1));
    char *zeros = mem_new(3, 5);
    assert_non_null(zeros);
    for (int i = 0; i < 15; i++)
        assert_int_equal(zeros[i], 0);
    free(zeros);
}

static void arrays_grow_up_to_their_cap_and_stay_whole_on_failure(void **state)
{
    (void)state;
    void *array = NULL;
    size_t cap = 0;
    assert_int_equal(mem_grow(&array, &cap, 3, sizeof(int), 20), RC_OK);
    assert_int_equal(cap, 8);
    ((int *)array)[7] = 77;
    assert_int_equal(mem_grow(&array, &cap, 9, sizeof(int), 20), RC_OK);
    assert_int_equal(cap, 12);
    assert_int_equal(mem_grow(&array, &cap, 19, sizeof(int), 20), RC_OK);
    assert_true(cap >= 19 && cap <= 20);
    void *before = array;
    assert_int_equal(mem_grow(&array, &cap, 21, sizeof(int), 20), RC_LIMIT);
    assert_int_equal(mem_grow(&array, &cap, SIZE_MAX / 2, sizeof(int), SIZE_MAX), RC_NO_MEMORY);
    assert_ptr_equal(array, before);
    assert_int_equal(((int *)array)[7], 77);
    free(array);
}

static void a_taken_pointer_is_gone_from_its_place(void **state)
{
    (void)state;
    char *text = mem_new(1, 4);
    char *taken = take(&text);
    assert_non_null(taken);
    assert_null(text);
    memcpy(taken, "key", 4);
    mem_wipe(taken, 4);
    assert_memory_equal(taken, "\0\0\0\0", 4);
    mem_wipe(NULL, 0);
    free(taken);
}

static void arenas_align_zero_count_and_stop_at_their_limit(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 100000);
    for (int round = 0; round < 3; round++) {
        size_t n = 0;
        for (char *p = arena_alloc(&arena, 33); p; p = arena_alloc(&arena, 33)) {
            assert_int_equal((uintptr_t)p % 16, 0);
            for (int i = 0; i < 33; i++)
                assert_int_equal(p[i], 0);
            memset(p, 0xAA, 33);
            n++;
        }
        assert_int_equal(n, 100000 / 48);
        assert_int_equal(arena.used_bytes, n * 48);
        arena_clear(&arena);
        assert_int_equal(arena.used_bytes, 0);
    }
    assert_null(arena_array(&arena, SIZE_MAX / 2, 4));
    assert_null(arena_alloc(&arena, SIZE_MAX));
    assert_null(arena_alloc(&arena, 100001));
    const struct span copy = arena_copy(&arena, span_from("abc"));
    assert_string_equal(copy.ptr, "abc");
    assert_int_equal(copy.len, 3);
    assert_non_null(arena_copy(&arena, span_from(NULL)).ptr);
    arena_done(&arena);
    arena_done(NULL);
}

static void zeros_at_the_end_are_not_used(void **state)
{
    (void)state;
    enum { SIZE = 3 * 4096 + 100 };
    static unsigned char bytes[SIZE];
    static const size_t places[] = {0, 1, 4095, 4096, 2 * 4096 + 7, SIZE - 1};
    assert_int_equal(mem_used(bytes, 0), 0);
    assert_int_equal(mem_used(bytes, SIZE), 0);
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        bytes[places[i]] = 7; /* those before it stay, too */
        assert_int_equal(mem_used(bytes, SIZE), places[i] + 1);
    }
}

static void buffers_append_whatever_fits(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 64);
    assert_string_equal(buf_cstr(&buf), "");
    buf_text(&buf, "a=");
    buf_int(&buf, INT64_MIN);
    buf_byte(&buf, ',');
    buf_number(&buf, 1.5);
    buf_printf(&buf, " %s-%d", "x", 7);
    buf_span(&buf, span_from("."));
    assert_string_equal(buf_cstr(&buf), "a=-9223372036854775808,1.5 x-7.");
    buf_consume(&buf, 2);
    assert_true(span_equal_text(buf_view(&buf), "-9223372036854775808,1.5 x-7."));
    buf_consume(&buf, buf.len);
    assert_int_equal(buf.len, 0);
    buf_done(&buf);
    buf_done(NULL);
}

static void the_first_failure_of_a_buffer_stays(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 8);
    buf_text(&buf, "12345678");
    assert_false(buf.failed);
    assert_string_equal(buf_cstr(&buf), "12345678");
    buf_byte(&buf, '9');
    assert_true(buf.failed);
    assert_int_equal(buf.len, 8);
    buf_clear(&buf);
    buf_text(&buf, "1234");
    buf_printf(&buf, "%s", "56789");
    buf_text(&buf, "x");
    assert_true(buf.failed);
    assert_int_equal(buf.len, 4);
    assert_string_equal(buf_cstr(&buf), "");
    buf_clear(&buf);
    buf_printf(&buf, "%08d", 42);
    assert_string_equal(buf_cstr(&buf), "00000042");
    assert_false(buf_reserve(&buf, SIZE_MAX));
    buf_done(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_that_overflow_give_no_memory),
        cmocka_unit_test(arrays_grow_up_to_their_cap_and_stay_whole_on_failure),
        cmocka_unit_test(a_taken_pointer_is_gone_from_its_place),
        cmocka_unit_test(arenas_align_zero_count_and_stop_at_their_limit),
        cmocka_unit_test(zeros_at_the_end_are_not_used),
        cmocka_unit_test(buffers_append_whatever_fits),
        cmocka_unit_test(the_first_failure_of_a_buffer_stays),
    };
    return cmocka_run_group_tests_name("mem", tests, NULL, NULL);
}
