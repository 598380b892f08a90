/* test_store.c - what goes in comes out; damaged, newer, read-only and full files are survived. */
#include "store/store.h"

#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <sqlite3.h>

#include "store/store_internal.h"

#include <cmocka.h>

static char folder[] = "/tmp/sluice-test-store-XXXXXX";
static char path[128];

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
    char command[200];

    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static const char *fresh_path(const char *name)
{
    snprintf(path, sizeof path, "%s/%s.db", folder, name);
    return path;
}

static struct store *open_store(const char *file, struct store_opening *opening)
{
    struct store_opening unused;
    struct store *store = NULL;
    struct diag diag;

    if (store_open(file, &store, opening != NULL ? opening : &unused, &diag) != RC_OK)
        fail_msg("%s", diag.text);
    return store;
}

static void put_ticks(struct store *store, int count)
{
    assert_int_equal(store_begin(store, NULL), RC_OK);
    for (int i = 0; i < count; i++) {
        const struct store_tick tick = {
            .wall_ns = 1000 + i,
            .now_ns = 5000 + i,
            .group = i % 2 == 0 ? "chat" : "code",
            .config_hash = UINT64_MAX - 1,
            .cause = 2,
            .changed = i % 5 == 0,
            .state = span_of("\0\1state", 7),
            .samples = span_from("[]"),
            .observation = span_from("{\"now\": 1}"),
            .decision = span_from("[{\"desired\": 3}]"),
        };

        assert_int_equal(store_tick(store, &tick, NULL), RC_OK);
    }
    assert_int_equal(store_commit(store, NULL), RC_OK);
}

struct seen {
    int count;
    int64_t first_seq;
    struct store_tick last;
    bool bytes_fine;
};

static bool see_tick(void *context, const struct store_tick *tick)
{
    struct seen *seen = context;

    if (seen->count++ == 0)
        seen->first_seq = tick->seq;
    seen->last = *tick;
    seen->bytes_fine = span_equal(tick->state, span_of("\0\1state", 7)) &&
                       span_equal_text(tick->samples, "[]") &&
                       span_equal_text(tick->decision, "[{\"desired\": 3}]") &&
                       tick->config_hash == UINT64_MAX - 1 && tick->cause == 2;
    return true;
}

static int count_ticks(struct store *store, struct store_query query)
{
    struct seen seen = {.count = 0};
    struct diag diag;

    if (query.to_ns == 0)
        query.to_ns = INT64_MAX;
    if (store_ticks(store, &query, see_tick, &seen, &diag) != RC_OK)
        fail_msg("%s", diag.text);
    assert_true(seen.count == 0 || seen.bytes_fine);
    return seen.count;
}

static void ticks_come_back_byte_for_byte_and_by_query(void **state)
{
    struct store *store = open_store(fresh_path("ticks"), NULL);

    (void)state;
    put_ticks(store, 20);
    assert_int_equal(count_ticks(store, (struct store_query){0}), 20);
    assert_int_equal(count_ticks(store, (struct store_query){.group = "chat"}), 10);
    assert_int_equal(count_ticks(store, (struct store_query){.changed_only = true}), 4);
    assert_int_equal(count_ticks(store, (struct store_query){.from_ns = 1005, .to_ns = 1009}), 5);
    assert_int_equal(count_ticks(store, (struct store_query){.limit = 3, .newest_first = true}), 3);
    assert_int_equal(store_last_now(store), 5019);
    store_close(store);
}

static void states_configurations_and_documents_survive_a_restart(void **state)
{
    struct store *store = open_store(fresh_path("restart"), NULL);
    struct buf bytes;
    struct buf name;
    uint64_t hash = 0;
    int64_t now = 0;
    char installation[64];

    (void)state;
    buf_init(&bytes, 1000);
    buf_init(&name, 1000);
    snprintf(installation, sizeof installation, "%s", store_installation(store));
    assert_int_equal(strlen(installation), 16);
    assert_int_equal(store_config(store, 77, "a.yaml", span_from("pools: {}"), NULL), RC_OK);
    assert_int_equal(store_state_put(store, "chat", 77, 123, span_from("abc"), NULL), RC_OK);
    assert_int_equal(store_state_put(store, "chat", 77, 456, span_from("abcd"), NULL), RC_OK);
    assert_int_equal(store_put(store, "replica", "9", span_from("{}"), NULL), RC_OK);
    store_close(store);
    store = open_store(path, NULL);
    assert_string_equal(store_installation(store), installation);
    assert_int_equal(store_state_get(store, "chat", &hash, &now, &bytes, NULL), RC_OK);
    assert_int_equal(now, 456);
    assert_true(span_equal_text(buf_view(&bytes), "abcd"));
    assert_int_equal(store_config_get(store, hash, &bytes, &name, NULL), RC_OK);
    assert_true(span_equal_text(buf_view(&bytes), "pools: {}"));
    assert_true(span_equal_text(buf_view(&name), "a.yaml"));
    assert_int_equal(store_state_get(store, "nobody", &hash, &now, &bytes, NULL), RC_NOT_FOUND);
    assert_int_equal(store_config_get(store, 78, &bytes, NULL, NULL), RC_NOT_FOUND);
    assert_int_equal(store_delete(store, "replica", "9", NULL), RC_OK);
    store_close(store);
    buf_done(&bytes);
    buf_done(&name);
}

static void pruning_keeps_changes_longer_than_plain_ticks(void **state)
{
    struct store *store = open_store(fresh_path("prune"), NULL);

    (void)state;
    put_ticks(store, 20);
    assert_int_equal(store_prune(store, 2000 + STORE_TICKS_KEEP_NS, NULL), RC_OK);
    assert_int_equal(count_ticks(store, (struct store_query){0}), 4);
    assert_int_equal(store_prune(store, 2000 + STORE_CHANGES_KEEP_NS, NULL), RC_OK);
    assert_int_equal(count_ticks(store, (struct store_query){0}), 0);
    store_close(store);
}

static void overwrite(const char *file, long offset, const char *bytes, size_t len)
{
    FILE *f = fopen(file, "r+e");

    assert_non_null(f);
    assert_int_equal(fseek(f, offset, SEEK_SET), 0);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    fclose(f);
}

static void fault_77_a_damaged_file_is_renamed_aside_and_a_new_one_begun(void **state)
{
    struct store_opening opening;
    struct store *store = open_store(fresh_path("damaged"), NULL);
    char junk[4096];

    (void)state;
    put_ticks(store, 200);
    store_close(store);
    memset(junk, 0x5a, sizeof junk);
    overwrite(path, 4096, junk, sizeof junk); /* flipped bytes in the middle */
    store = open_store(path, &opening);
    assert_true(opening.renamed_aside);
    assert_int_equal(access(opening.aside_path, F_OK), 0);
    assert_int_equal(count_ticks(store, (struct store_query){0}), 0);
    put_ticks(store, 2);
    store_close(store);
    overwrite(path, 0, junk, sizeof junk); /* not a database at all */
    store = open_store(path, &opening);
    assert_true(opening.renamed_aside);
    assert_non_null(strstr(opening.aside_path, ".damaged-2"));
    store_close(store);
}

static void fault_78_a_newer_format_is_read_and_never_written(void **state)
{
    struct store_opening opening;
    struct store *store = open_store(fresh_path("newer"), NULL);
    struct diag diag;
    sqlite3 *db;

    (void)state;
    put_ticks(store, 3);
    store_close(store);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db, "UPDATE meta SET value = '2' WHERE key = 'format'", NULL, NULL, NULL), 0);
    sqlite3_close(db);
    store = open_store(path, &opening);
    assert_true(opening.read_only && store_read_only(store));
    assert_false(opening.renamed_aside);
    assert_int_equal(count_ticks(store, (struct store_query){0}), 3);
    assert_int_equal(store_put(store, "a", "b", span_from("{}"), &diag), RC_DENIED);
    store_close(store);
}

/* A limit on the size of files gives what a full disk gives: writes that fail, for this process
 * only. */
static void limit_file_size(rlim_t bytes)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void fault_76_a_full_disk_is_an_error_with_words_and_can_be_tried_again(void **state)
{
    struct store *store = open_store(fresh_path("full"), NULL);
    static char big[400000];
    struct store_tick tick = {.group = "chat",
                              .state = span_of(big, sizeof big),
                              .samples = span_from("[]"),
                              .observation = span_from("{}"),
                              .decision = span_from("[]")};
    struct diag diag;

    (void)state;
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (char)((i * 2654435761U) >> 13); /* hardly compresses */
    put_ticks(store, 3);
    assert_ptr_not_equal(signal(SIGXFSZ, SIG_IGN), SIG_ERR);
    limit_file_size(100000);
    assert_int_equal(store_tick(store, &tick, &diag), RC_IO);
    assert_true(strlen(diag.text) > 10);
    assert_int_equal(count_ticks(store, (struct store_query){0}), 3);
    limit_file_size(RLIM_INFINITY);
    tick.state = span_of("\0\1state", 7);
    assert_int_equal(store_tick(store, &tick, &diag), RC_OK);
    store_close(store);
    assert_int_equal(
        store_open("/proc/no-such-folder/x.db", &store, &(struct store_opening){0}, &diag), RC_IO);
    assert_non_null(strstr(diag.text, "/proc/no-such-folder/x.db"));
}

static bool count_event(void *context, const struct store_event *event)
{
    (void)event;
    ++*(int *)context;
    return true;
}

static void events_are_listed_newest_first_and_by_pool(void **state)
{
    struct store *store = open_store(":memory:", NULL);
    int count = 0;

    (void)state;
    for (int i = 0; i < 10; i++) {
        const struct store_event event = {.wall_ns = i,
                                          .pool = i % 2 == 0 ? "a" : "b",
                                          .code = "replica-ready",
                                          .json = span_from("{}")};

        assert_int_equal(store_event(store, &event, NULL), RC_OK);
    }
    assert_int_equal(
        store_events(store, &(struct store_event_query){.pool = "a"}, count_event, &count, NULL),
        RC_OK);
    assert_int_equal(count, 5);
    count = 0;
    assert_int_equal(store_events(store, &(struct store_event_query){.from_ns = 7, .limit = 2},
                                  count_event, &count, NULL),
                     RC_OK);
    assert_int_equal(count, 2);
    store_close(store);
}

/* Long rows stay unread: what is asked stands in an index, whatever the question is. */
static void reads_of_ticks_and_events_walk_an_index(void **state)
{
    static const struct {
        enum store_sql sql;
        const char *index;
    } cases[] = {
        {STORE_SQL_TICK_LIST, "COVERING INDEX tick_"},
        {STORE_SQL_TICK_LIST_NEWEST, "COVERING INDEX tick_"},
        {STORE_SQL_TICK_LIST_GROUP, "COVERING INDEX tick_find (grp=?)"},
        {STORE_SQL_TICK_LIST_GROUP_NEWEST, "COVERING INDEX tick_find (grp=?)"},
        {STORE_SQL_PRUNE_OLD, "COVERING INDEX tick_"},
        {STORE_SQL_EVENT_LIST_POOL, "INDEX event_pool (pool=?)"},
        {STORE_SQL_EVENT_LIST_CODE, "INDEX event_code (code=?)"},
    };
    struct store *store = open_store(":memory:", NULL);

    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char *sql = sqlite3_mprintf("EXPLAIN QUERY PLAN %s",
                                    sqlite3_sql(store_statement(store, cases[i].sql, NULL)));
        sqlite3_stmt *plan = NULL;
        bool found = false;

        assert_int_equal(sqlite3_prepare_v2(store->db, sql, -1, &plan, NULL), SQLITE_OK);
        while (sqlite3_step(plan) == SQLITE_ROW)
            found = found || strstr((const char *)sqlite3_column_text(plan, 3), cases[i].index);
        if (!found)
            print_message("no %s: %s\n", cases[i].index, sql);
        assert_true(found);
        (void)sqlite3_finalize(plan);
        sqlite3_free(sql);
    }
    store_close(store);
}

static bool see_sizes(void *context, const struct store_tick *tick)
{
    size_t *sizes = context;

    sizes[0] = tick->state.len;
    sizes[1] = tick->decision.len;
    return false;
}

static void a_read_asks_only_for_decisions_when_told_to(void **state)
{
    struct store *store = open_store(":memory:", NULL);
    size_t sizes[2] = {0};

    (void)state;
    put_ticks(store, 2);
    assert_int_equal(
        store_ticks(store,
                    &(struct store_query){.to_ns = INT64_MAX, .limit = 1, .decisions_only = true},
                    see_sizes, sizes, NULL),
        RC_OK);
    assert_int_equal(sizes[0], 0);
    assert_true(sizes[1] > 0);
    store_close(store);
}

/* The daemon's memory must not follow the size of its file for hours. */
static void memory_does_not_grow_with_the_file(void **state)
{
    struct store *store = open_store(fresh_path("grows"), NULL);
    int64_t before;

    (void)state;
    put_ticks(store, 6000);
    before = sqlite3_memory_used();
    for (int i = 0; i < 4; i++)
        put_ticks(store, 6000);
    assert_in_range(sqlite3_memory_used(), 1, before + (64 << 10));
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ticks_come_back_byte_for_byte_and_by_query),
        cmocka_unit_test(states_configurations_and_documents_survive_a_restart),
        cmocka_unit_test(pruning_keeps_changes_longer_than_plain_ticks),
        cmocka_unit_test(fault_77_a_damaged_file_is_renamed_aside_and_a_new_one_begun),
        cmocka_unit_test(fault_78_a_newer_format_is_read_and_never_written),
        cmocka_unit_test(fault_76_a_full_disk_is_an_error_with_words_and_can_be_tried_again),
        cmocka_unit_test(events_are_listed_newest_first_and_by_pool),
        cmocka_unit_test(reads_of_ticks_and_events_walk_an_index),
        cmocka_unit_test(a_read_asks_only_for_decisions_when_told_to),
        cmocka_unit_test(memory_does_not_grow_with_the_file),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
