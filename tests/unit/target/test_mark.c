/* test_mark.c - marks and documents of replicas, read back from whatever stands there. */
#include "base/rng.h"
#include "target/mark.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* '|' stands for the NUL between two variables. */
static enum rc read_text(const char *text, struct mark *ret)
{
    char environ[2048];
    const size_t len = strlen(text);
    assert_true(len < sizeof environ);
    for (size_t i = 0; i < len; i++)
        environ[i] = text[i] == '|' ? '\0' : text[i];
    return mark_read(span_of(environ, len), "house", ret);
}

#define WHOLE                                                                                      \
    "PATH=/bin|SLUICE_INSTALLATION=house|SLUICE_REPLICA=18446744073709551615|SLUICE_POOL=chat|"    \
    "SLUICE_CLASS=3|SLUICE_TARGET_HASH=00ff00ff00ff00ff|SLUICE_PORT=65535|SLUICE_GPUS=0,GPU-a|"    \
    "SLUICE_GPU_SHARE=0.5|SLUICE_GROUP=sluice-house/chat-1|SLUICE_PID=0000001234|"

static void a_whole_mark_is_read_and_anything_less_is_not(void **state)
{
    static const struct {
        const char *text;
        enum rc rc;
    } cases[] = {
        {WHOLE, RC_OK},
        {WHOLE "SLUICE_OTHER=1|X=SLUICE_PORT=9|", RC_OK},
        {"", RC_NOT_FOUND},
        {"PATH=/bin|SLUICE_POOL=chat|", RC_NOT_FOUND},
        {WHOLE "SLUICE_INSTALLATION=another|", RC_NOT_FOUND},
        {"SLUICE_INSTALLATION=house|", RC_CORRUPT},
        {WHOLE "SLUICE_REPLICA=18446744073709551616|", RC_CORRUPT},
        {WHOLE "SLUICE_REPLICA=-1|", RC_CORRUPT},
        {WHOLE "SLUICE_REPLICA=|", RC_CORRUPT},
        {WHOLE "SLUICE_PORT=65536|", RC_CORRUPT},
        {WHOLE "SLUICE_PID=2147483648|", RC_CORRUPT},
        {WHOLE "SLUICE_PID=12 34|", RC_CORRUPT},
        {WHOLE "SLUICE_POOL=|", RC_CORRUPT},
        {WHOLE "SLUICE_TARGET_HASH=xyz|", RC_CORRUPT},
        {WHOLE "SLUICE_GPU_SHARE=2|", RC_CORRUPT},
        {WHOLE "SLUICE_GPU_SHARE=nan|", RC_CORRUPT},
        {WHOLE "SLUICE_POOL=a-name-that-is-longer-than-any-pool-of-ours-can-ever-be-1234567890|",
         RC_CORRUPT},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct mark mark;
        const enum rc rc = read_text(cases[i].text, &mark);
        if (rc != cases[i].rc)
            fail_msg("%s: %s, wanted %s", cases[i].text, rc_name(rc), rc_name(cases[i].rc));
    }
}

static void every_part_of_a_mark_comes_back(void **state)
{
    struct mark mark;
    (void)state;
    assert_int_equal(read_text(WHOLE, &mark), RC_OK);
    assert_true(mark.replica == UINT64_MAX);
    assert_string_equal(mark.pool, "chat");
    assert_int_equal(mark.class_, 3);
    assert_true(mark.hash == UINT64_C(0x00ff00ff00ff00ff));
    assert_int_equal(mark.port, 65535);
    assert_string_equal(mark.gpus, "0,GPU-a");
    assert_true(mark.gpu_share == 0.5);
    assert_string_equal(mark.group, "sluice-house/chat-1");
    assert_int_equal(mark.pid, 1234);
}

static void damaged_marks_and_documents_are_never_read_wrongly(void **state)
{
    static const char document[] =
        "{\"replica\":7,\"pool\":\"chat\",\"class\":0,\"hash\":\"00000000000000aa\",\"port\":1,"
        "\"boot\":\"b\",\"pid\":5,\"startTicks\":9,\"gpus\":\"\",\"gpuShare\":0,\"group\":\"\","
        "\"log\":\"/x\"}";
    struct mark mark;
    struct rng rng;
    (void)state;
    assert_int_equal(mark_read_document(span_from(document), &mark), RC_OK);
    assert_int_equal(mark.start_ticks, 9);
    assert_string_equal(mark.log, "/x");
    rng_init(&rng, 20);
    for (int i = 0; i < 20000; i++) {
        char text[sizeof WHOLE];
        const bool json = i % 2 == 0;
        size_t len = json ? sizeof document - 1 : sizeof WHOLE - 1;
        memcpy(text, json ? document : WHOLE, len);
        for (size_t k = 0; k < len && !json; k++)
            if (text[k] == '|')
                text[k] = '\0';
        for (int64_t flips = rng_range(&rng, 1, 4); flips > 0; flips--)
            text[rng_range(&rng, 0, (int64_t)len - 1)] = (char)rng_range(&rng, 0, 255);
        len -= (size_t)rng_range(&rng, 0, 3);
        const enum rc rc = json ? mark_read_document(span_of(text, len), &mark)
                                : mark_read(span_of(text, len), "house", &mark);
        assert_true(rc == RC_OK || rc == RC_CORRUPT || (!json && rc == RC_NOT_FOUND));
        if (rc != RC_OK)
            continue;
        assert_true(memchr(mark.pool, '\0', sizeof mark.pool) != NULL);
        assert_true(mark.gpu_share >= 0 && mark.pid >= 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_mark_is_read_and_anything_less_is_not),
        cmocka_unit_test(every_part_of_a_mark_comes_back),
        cmocka_unit_test(damaged_marks_and_documents_are_never_read_wrongly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
