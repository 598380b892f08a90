#include "io/loop.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include "io/clock.h"
#include "io/file.h"
#include "io/log.h"
#include "io/random.h"
#include "io/route.h"
#include "io/worker.h"
#include "wire.h"

#include <cmocka.h>

struct seen {
    struct loop *loop;
    struct timer timer;
    int count;
    int64_t at_ns;
    char order[8];
};

static struct loop *open_loop(void)
{
    struct loop *loop = NULL;
    assert_int_equal(loop_new(&loop, NULL), RC_OK);
    return loop;
}

static void on_timer(void *user)
{
    struct seen *seen = user;
    seen->count++;
    seen->at_ns = clock_monotonic_ns();
}

static void a_timer_never_fires_early_and_may_be_moved_either_way(void **state)
{
    (void)state;
    struct seen s = {.loop = open_loop()};
    assert_int_equal(timer_init(&s.timer, s.loop, on_timer, &s), RC_OK);
    const int64_t start_ns = clock_monotonic_ns();
    timer_at(&s.timer, start_ns + HOUR_NS);
    timer_at(&s.timer, start_ns + 5 * MILLISECOND_NS);
    timer_at(&s.timer, start_ns + 10 * MILLISECOND_NS);
    assert_true(WIRE_UNTIL(s.loop, s.count == 1));
    assert_true(s.at_ns - start_ns >= 10 * MILLISECOND_NS);
    timer_after(&s.timer, 0);
    timer_stop(&s.timer);
    for (int i = 0; i < 5; i++)
        loop_turn(s.loop, false);
    assert_int_equal(s.count, 1);
    timer_done(&s.timer);
    timer_done(&s.timer);
    loop_free(s.loop);
}

static int timers_fired;
static int64_t timer_last_index;

static void on_ordered(void *user)
{
    const int64_t index = *(int64_t *)user;
    assert_true(index > timer_last_index);
    timer_last_index = index;
    timers_fired++;
}

static void many_timers_fire_in_the_order_of_their_deadlines(void **state)
{
    (void)state;
    enum { COUNT = 500 };
    struct loop *loop = open_loop();
    static struct timer timer[COUNT];
    static int64_t index[COUNT];
    timers_fired = 0;
    timer_last_index = -1;
    const int64_t base_ns = clock_monotonic_ns() + MILLISECOND_NS;
    for (int i = 0; i < COUNT; i++) {
        const int k = (i * 7) % COUNT; /* 7 and 500 share no factor: each once */
        index[k] = k;
        assert_int_equal(timer_init(&timer[k], loop, on_ordered, &index[k]), RC_OK);
        timer_at(&timer[k], base_ns + k * 1000);
    }
    for (int k = 0; k < COUNT; k += 3)
        timer_done(&timer[k]);
    assert_true(WIRE_UNTIL(loop, timers_fired == COUNT - (COUNT + 2) / 3));
    for (int k = 0; k < COUNT; k++)
        timer_done(&timer[k]);
    loop_free(loop);
}

static void on_post(void *user)
{
    struct seen *seen = user;
    seen->count++;
}

static void work_post(void *user)
{
    struct seen *seen = user;
    for (int i = 0; i < 1000; i++)
        if (loop_post(seen->loop, on_post, seen) != RC_OK)
            abort();
}

static void work_ended(void *user)
{
    struct seen *seen = user;
    seen->order[0] = 'd';
}

static void posts_from_another_thread_all_arrive(void **state)
{
    (void)state;
    struct seen s = {.loop = open_loop()};
    assert_int_equal(worker_run(s.loop, work_post, work_ended, &s), RC_OK);
    assert_true(WIRE_UNTIL(s.loop, s.count == 1000 && s.order[0] == 'd'));
    loop_free(s.loop);
}

static void posts_are_bounded(void **state)
{
    (void)state;
    struct seen s = {.loop = open_loop()};
    for (int i = 0; i < LOOP_POSTS_MAX; i++)
        assert_int_equal(loop_post(s.loop, on_post, &s), RC_OK);
    assert_int_equal(loop_post(s.loop, on_post, &s), RC_LIMIT);
    assert_true(WIRE_UNTIL(s.loop, s.count == LOOP_POSTS_MAX));
    loop_free(s.loop);
}

static void fault_89_a_log_value_cannot_end_a_line_or_forge_a_pair(void **state)
{
    (void)state;
    static char line[LOG_LINE_BYTES_MAX];
    const struct log_field fields[] = {LOG_TEXT("model", "a\nb \"x\" level=error\x1b"),
                                       LOG_TEXT("plain", "llama-3"),
                                       LOG_TEXT("empty", ""),
                                       LOG_INT("n", INT64_MIN),
                                       LOG_TIME("took", 1500 * MILLISECOND_NS),
                                       {.key = NULL}};
    const size_t len = log_format(LOG_LISTENING, fields, line);
    assert_int_equal(len, strlen(line));
    assert_string_equal(line, "info listening model=\"a\\x0ab \\\"x\\\" level=error\\x1b\" "
                              "plain=llama-3 empty=\"\" n=-9223372036854775808 took=1.5s");
    static char huge[LOG_LINE_BYTES_MAX * 2];
    memset(huge, '\n', sizeof(huge) - 1);
    const struct log_field many[] = {LOG_TEXT("a", huge), LOG_TEXT("b", huge), {.key = NULL}};
    assert_true(log_format(LOG_LISTENING, many, line) < LOG_LINE_BYTES_MAX);
    assert_null(strchr(line, '\n'));
}

static void on_changed(void *user)
{
    (*(int *)user)++;
}

static void a_file_is_replaced_whole_read_back_and_watched(void **state)
{
    (void)state;
    char folder[] = "/tmp/sluice-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char path[64];
    (void)snprintf(path, sizeof(path), "%s/f", folder);
    struct buf got;
    buf_init(&got, 1U << 20);
    struct loop *loop = open_loop();
    int changes = 0;
    struct file_watch *watch = file_watch_new(loop, path, MILLISECOND_NS, on_changed, &changes);
    assert_int_equal(file_read(path, 100, &got, NULL), RC_NOT_FOUND);
    assert_int_equal(file_replace(path, span_from("hello"), 0600, NULL), RC_OK);
    assert_true(WIRE_UNTIL(loop, changes == 1));
    assert_int_equal(file_read(path, 4, &got, NULL), RC_LIMIT);
    assert_int_equal(got.len, 0);
    assert_int_equal(file_read(path, 5, &got, NULL), RC_OK);
    assert_string_equal(buf_cstr(&got), "hello");
    file_watch_free(watch);
    loop_free(loop);
    buf_done(&got);
    (void)unlink(path);
    (void)rmdir(folder);
}

static void no_handler(void *user, struct http_request *request, const struct route_match *match)
{
    (void)user;
    (void)request;
    (void)match;
}

static void routes_are_found_by_method_and_pattern(void **state)
{
    (void)state;
    const struct route rows[] = {
        {"GET", "/api/pools", no_handler, ""},
        {"GET", "/api/pools/{name}", no_handler, ""},
        {"POST", "/api/pools/{name}/scale", no_handler, ""},
        {"GET", "/v1/models/{id...}", no_handler, ""},
    };
    const struct {
        const char *method;
        const char *path;
        int row;
        int status;
        const char *part;
    } cases[] = {
        {"GET", "/api/pools", 0, 200, NULL},
        {"HEAD", "/api/pools/a", 1, 200, "a"},
        {"POST", "/api/pools/a/scale", 2, 200, "a"},
        {"GET", "/api/pools/a/scale", -1, 405, NULL},
        {"GET", "/v1/models/org/name", 3, 200, "org/name"},
        {"GET", "/v1/models/", -1, 404, NULL},
        {"GET", "/api/pools/", -1, 404, NULL},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct route_match match = {0};
        int status = 0;
        const struct route *row = route_find(rows, COUNT_OF(rows), span_from(cases[i].method),
                                             span_from(cases[i].path), &match, &status);
        assert_int_equal(status, cases[i].status);
        assert_ptr_equal(row, cases[i].row < 0 ? NULL : &rows[cases[i].row]);
        if (cases[i].part)
            assert_true(span_equal_text(match.part[0], cases[i].part));
    }
}

static void addresses_are_read_and_printed(void **state)
{
    (void)state;
    const struct {
        const char *in;
        const char *out;
    } cases[] = {
        {"127.0.0.1:80", "127.0.0.1:80"},
        {"[::1]:8080", "[::1]:8080"},
        {":9", "0.0.0.0:9"},
        {"localhost:1", "127.0.0.1:1"},
        {"1.2.3.4:99999", NULL},
        {"name:1", NULL},
        {"[::1:1", NULL},
        {"1.2.3.4:x", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct address address;
        char text[ADDRESS_TEXT_MAX];
        const enum rc rc = address_parse_listen(span_from(cases[i].in), &address, NULL);
        assert_int_equal(rc == RC_OK, cases[i].out != NULL);
        if (rc != RC_OK)
            continue;
        address_print(&address, text);
        assert_string_equal(text, cases[i].out);
    }
    char hex[33];
    random_hex(16, hex);
    assert_int_equal(strlen(hex), 32);
}

static void on_signal(void *user, int signal_number)
{
    *(int *)user = signal_number;
}

static void a_signal_that_was_watched_ends_nobody_when_the_loop_is_gone(void **state)
{
    (void)state;
    int seen = 0;
    struct loop *loop = open_loop();
    assert_int_equal(loop_on_signal(loop, SIGUSR1, on_signal, &seen), RC_OK);
    assert_int_equal(raise(SIGUSR1), 0);
    assert_true(WIRE_UNTIL(loop, seen == SIGUSR1));
    assert_int_equal(raise(SIGUSR1), 0); /* and one that nobody has taken yet */
    loop_free(loop);
    assert_int_equal(raise(SIGUSR1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_timer_never_fires_early_and_may_be_moved_either_way),
        cmocka_unit_test(many_timers_fire_in_the_order_of_their_deadlines),
        cmocka_unit_test(posts_from_another_thread_all_arrive),
        cmocka_unit_test(posts_are_bounded),
        cmocka_unit_test(fault_89_a_log_value_cannot_end_a_line_or_forge_a_pair),
        cmocka_unit_test(a_file_is_replaced_whole_read_back_and_watched),
        cmocka_unit_test(routes_are_found_by_method_and_pattern),
        cmocka_unit_test(addresses_are_read_and_printed),
        cmocka_unit_test(a_signal_that_was_watched_ends_nobody_when_the_loop_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
