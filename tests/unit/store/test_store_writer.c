/* test_store_writer.c - records are copied, written in order by the thread, and failures are said
 * and survived. */
#include "store/store_writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include <cmocka.h>

static char path[] = "/tmp/sluice-test-writer-XXXXXX";

static int make_file(void **state)
{
    const int fd = mkstemp(path);

    (void)state;
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static struct store_writer *open_writer(void)
{
    struct store_opening opening;
    struct store *store;
    struct store_writer *writer;

    assert_int_equal(store_open(path, &store, &opening, NULL), RC_OK);
    assert_int_equal(store_writer_new(store, &writer, NULL), RC_OK);
    return writer;
}

static bool count_tick(void *context, const struct store_tick *tick)
{
    int64_t *last = context;

    assert_true(tick->now_ns > last[1]); /* in order */
    last[1] = tick->now_ns;
    last[0]++;
    return true;
}

static void everything_queued_is_in_the_file_after_a_flush(void **state)
{
    struct store_writer *writer = open_writer();
    struct store_writer_status status;
    struct store_opening opening;
    struct store *reader;
    int64_t seen[2] = {0, 0};

    (void)state;
    for (int i = 1; i <= 1000; i++) {
        char text[32];

        snprintf(text, sizeof text, "{\"i\": %d}", i); /* reused: the writer must have copied it */
        const struct store_tick tick = {.group = "chat",
                                        .wall_ns = i,
                                        .now_ns = i,
                                        .changed = true,
                                        .state = span_from(text),
                                        .samples = span_from("[]"),
                                        .observation = span_from(text),
                                        .decision = span_from("[]")};

        assert_int_equal(store_writer_tick(writer, &tick), RC_OK);
    }
    assert_int_equal(store_writer_state(writer, "chat", 1, 2, span_from("state")), RC_OK);
    assert_int_equal(store_writer_document(writer, "replica", "1", span_from("{}")), RC_OK);
    assert_int_equal(store_writer_document(writer, "replica", "1", span_from("")), RC_OK);
    store_writer_flush(writer);
    store_writer_status(writer, &status);
    assert_true(status.durable);
    assert_int_equal(status.written, 1003);
    assert_int_equal(store_open(path, &reader, &opening, NULL), RC_OK);
    const struct store_query all = {.to_ns = INT64_MAX};

    assert_int_equal(store_ticks(reader, &all, count_tick, seen, NULL), RC_OK);
    assert_int_equal(seen[0], 1000);
    store_close(reader);
    store_writer_free(writer);
}

static void fault_76_a_write_that_fails_is_said_and_the_next_one_may_succeed(void **state)
{
    struct store_writer *writer = open_writer();
    struct store_writer_status status;
    sqlite3 *other;

    (void)state;
    /* Somebody holds the write lock for longer than we wait. */
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(store_writer_document(writer, "a", "b", span_from("{}")), RC_OK);
    store_writer_flush(writer);
    store_writer_status(writer, &status);
    assert_false(status.durable);
    assert_int_equal(status.failed, 1);
    assert_true(status.error[0] != '\0');
    assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    assert_int_equal(store_writer_document(writer, "a", "c", span_from("{}")), RC_OK);
    store_writer_flush(writer);
    store_writer_status(writer, &status);
    assert_true(status.durable);
    assert_string_equal(status.error, "");
    store_writer_free(writer);
}

static void a_full_queue_drops_and_counts(void **state)
{
    struct store_writer *writer = open_writer();
    struct store_writer_status status;
    char *big = calloc(1, STORE_QUEUE_BYTES_MAX + 1);

    (void)state;
    assert_non_null(big);
    assert_int_equal(store_writer_state(writer, "x", 1, 1, span_of(big, STORE_QUEUE_BYTES_MAX + 1)),
                     RC_LIMIT);
    store_writer_status(writer, &status);
    assert_int_equal(status.dropped, 1);
    free(big);
    store_writer_free(writer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_queued_is_in_the_file_after_a_flush),
        cmocka_unit_test(fault_76_a_write_that_fails_is_said_and_the_next_one_may_succeed),
        cmocka_unit_test(a_full_queue_drops_and_counts),
    };

    return cmocka_run_group_tests(tests, make_file, remove_file);
}
