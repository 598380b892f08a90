/* test_scan.c - scanners of many bytes at a time against the obvious loop, and names in any case.
 */
#include "base/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"

#include <cmocka.h>

static bool is_string_end(char c)
{
    return c == '"' || c == '\\';
}

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7F;
}

static size_t by_loop(const char *bytes, size_t from, size_t len, bool (*hit)(char))
{
    while (from < len && !hit(bytes[from]))
        from++;
    return from;
}

/* On the heap and full, so that a sanitizer sees a read behind its end. */
static void every_byte_at_every_place_is_found_as_by_a_loop(void **state)
{
    (void)state;
    for (size_t len = 0; len <= 70; len++) {
        char *bytes = malloc(len + (len == 0));
        assert_non_null(bytes);
        for (size_t at = 0; at < len; at++) {
            for (int c = 0; c < 256; c++) {
                memset(bytes, 'x', len);
                bytes[at] = (char)c;
                bytes[len - 1] = at + 1 < len ? '\x80' : bytes[len - 1];
                assert_int_equal(scan_string(bytes, bytes + len) - bytes,
                                 by_loop(bytes, 0, len, is_string_end));
                assert_int_equal(scan_control(bytes, bytes + len) - bytes,
                                 by_loop(bytes, 0, len, is_control));
            }
        }
        assert_ptr_equal(scan_string(bytes, bytes), bytes);
        assert_ptr_equal(scan_control(bytes, bytes), bytes);
        free(bytes);
    }
}

static void random_bytes_are_crossed_as_by_a_loop(void **state)
{
    (void)state;
    struct rng rng;
    char bytes[300];
    rng_init(&rng, 7);
    for (int round = 0; round < 2000; round++) {
        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = (char)(rng_next(&rng) >> (round % 2 ? 8 : 57));
        for (size_t at = 0; at < sizeof(bytes); at += 13) {
            const char *end = bytes + sizeof(bytes);
            assert_int_equal(scan_string(bytes + at, end) - bytes,
                             by_loop(bytes, at, sizeof(bytes), is_string_end));
            assert_int_equal(scan_control(bytes + at, end) - bytes,
                             by_loop(bytes, at, sizeof(bytes), is_control));
        }
    }
}

static bool same_by_loop(const char *a, const char *b, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        const char x = a[i] >= 'A' && a[i] <= 'Z' ? (char)(a[i] + 32) : a[i];
        const char y = b[i] >= 'A' && b[i] <= 'Z' ? (char)(b[i] + 32) : b[i];
        if (x != y)
            return false;
    }
    return true;
}

static void names_are_the_same_in_any_case_and_only_letters_have_one(void **state)
{
    (void)state;
    for (size_t len = 1; len <= 40; len++) {
        char *a = malloc(len);
        char *b = malloc(len);
        assert_true(a && b);
        for (size_t at = 0; at<len; at += len> 9 ? 3 : 1) {
            for (int c = 0; c < 256; c++) {
                for (int d = 0; d < 256; d += d % 32 == c % 32 ? 1 : 7) {
                    memset(a, 'q', len);
                    memset(b, 'Q', len);
                    a[at] = (char)c;
                    b[at] = (char)d;
                    if (span_same_letters(a, b, len) != same_by_loop(a, b, len))
                        fail_msg("len %zu at %zu: %d and %d", len, at, c, d);
                }
            }
        }
        free(a);
        free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_at_every_place_is_found_as_by_a_loop),
        cmocka_unit_test(random_bytes_are_crossed_as_by_a_loop),
        cmocka_unit_test(names_are_the_same_in_any_case_and_only_letters_have_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
