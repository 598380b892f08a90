/* Files that others write to at the same time. */
#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define CUTS 50
#define CAP_BYTES 32768

static void fault_74_a_capped_file_keeps_its_last_lines(void **state)
{
    (void)state;
    char folder[] = "/tmp/sluice-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char path[64];
    (void)snprintf(path, sizeof(path), "%s/log", folder);
    struct buf text;
    buf_init(&text, 1U << 20);
    for (int i = 0; i < 1000; i++)
        buf_printf(&text, "line %d\n", i);
    assert_int_equal(file_replace(path, buf_view(&text), 0600, NULL), RC_OK);
    uint64_t dropped = 0;
    assert_int_equal(file_keep_tail(path, 1U << 20, &dropped), RC_OK);
    assert_int_equal(dropped, 0);
    assert_int_equal(file_keep_tail(path, 1000, &dropped), RC_OK);
    const size_t before = text.len;
    buf_clear(&text);
    assert_int_equal(file_read(path, 1000, &text, NULL), RC_OK);
    assert_true(text.len <= 1000);
    assert_int_equal(before - text.len, dropped);
    assert_true(span_ends_with(buf_view(&text), "\nline 998\nline 999\n"));
    buf_clear(&text);
    assert_int_equal(file_tail(path, 2, 1000, &text), RC_OK);
    assert_string_equal(buf_cstr(&text), "line 998\nline 999\n");
    buf_done(&text);
    (void)unlink(path);
    (void)rmdir(folder);
}

struct writer {
    int fd;
    atomic_bool stop;
    atomic_int written; /* lines */
};

static void *write_lines(void *user)
{
    struct writer *w = user;
    for (int i = 0; !atomic_load(&w->stop); i++) {
        char line[32];
        const int n = snprintf(line, sizeof(line), "line %d\n", i);
        if (write(w->fd, line, (size_t)n) != n)
            break;
        atomic_store(&w->written, i + 1);
    }
    return NULL;
}

/* Every whole line is the one after the line before it; returns the last, -1 without any. */
static int last_in_file(const char *path)
{
    struct buf text;
    buf_init(&text, 1U << 24);
    assert_int_equal(file_read(path, 1U << 24, &text, NULL), RC_OK);
    int last = -1;
    const char *line = strchr(buf_cstr(&text), '\n'); /* the first may be a part */
    for (const char *end; line && (end = strchr(line + 1, '\n')); line = end) {
        const int seen = (int)strtol(line + 1 + strlen("line "), NULL, 10);
        assert_true(last < 0 || seen == last + 1);
        last = seen;
    }
    buf_done(&text);
    return last;
}

static void fault_74_no_line_is_lost_that_is_written_while_the_file_is_cut(void **state)
{
    (void)state;
    char folder[] = "/tmp/sluice-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char path[64];
    (void)snprintf(path, sizeof(path), "%s/log", folder);
    struct writer w = {.fd = open(path, O_CREAT | O_WRONLY | O_APPEND, 0600)};
    assert_true(w.fd >= 0);
    const bool cuts = fallocate(w.fd, FALLOC_FL_COLLAPSE_RANGE, 0, 4096) == 0 || errno == EINVAL;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, write_lines, &w), 0);
    int done = 0;
    while (cuts && done < CUTS) {
        uint64_t dropped = 0;
        assert_int_equal(file_keep_tail(path, CAP_BYTES, &dropped), RC_OK);
        done += dropped > 0;
        if (dropped > 0)
            last_in_file(path);
    }
    atomic_store(&w.stop, true);
    (void)pthread_join(thread, NULL);
    const int last = last_in_file(path);
    (void)close(w.fd);
    (void)unlink(path);
    (void)rmdir(folder);
    if (!cuts)
        skip(); /* this file system has no cutting in one step */
    assert_int_equal(last + 1, atomic_load(&w.written));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fault_74_a_capped_file_keeps_its_last_lines),
        cmocka_unit_test(fault_74_no_line_is_lost_that_is_written_while_the_file_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
