/* Programs as sources: what they print, and every way in which they fail. */
#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "rig.h"

static int begin(void **state)
{
    struct rig *rig = calloc(1, sizeof(*rig));
    rig_init(rig);
    *state = rig;
    return 0;
}

static int end(void **state)
{
    rig_done(*state);
    free(*state);
    return 0;
}

/* One round of the shell script. */
static enum source_fault run(struct rig *rig, const char *script)
{
    char text[2048];
    snprintf(text, sizeof(text),
             "pools:\n  chat:\n    target: {process: {command: x, port: 9, engine: other}}\n    "
             "sources:\n"
             "      - signal: queue-lag\n        every: %s\n"
             "        exec: {command: [sh, -c, \"%s\"], env: {WORD: seven}}\n",
             strstr(script, "sleep") != NULL ? "3s" : "1m", script);
    rig->sample_count = 0;
    rig_use(rig, text);
    rig_rounds(rig, 0, 1);
    return rig_row(rig, 0).status->fault;
}

static void a_number_that_is_printed_becomes_a_sample(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(run(rig, "echo ' 12.5 '"), SOURCE_FAULT_NONE);
    assert_int_equal(rig_last(rig)->state, SIGNAL_VALUE);
    assert_true(rig_last(rig)->value == 12.5);
}

static void what_a_program_gets_is_its_environment_and_nothing_else(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(setenv("SLUICE_TEST_SECRET", "x", 1), 0);
    assert_int_equal(run(rig, "test $WORD$SLUICE_POOL$SLUICE_SIGNAL = sevenchatqueue-lag -a -z "
                              "\\\"$SLUICE_TEST_SECRET\\\" && ! read x && echo 1"),
                     SOURCE_FAULT_NONE);
    assert_true(rig_last(rig)->value == 1);
}

static void programs_that_fail_tell_nothing(void **state)
{
    static const struct {
        const char *script;
        enum source_fault fault;
        enum signal_state state;
        const char *words;
    } rows[] = {
        {"true", SOURCE_FAULT_NONE, SIGNAL_ABSENT, ""},
        {"echo 5; echo no database >&2; exit 3", SOURCE_FAULT_EXIT, SIGNAL_FAILED,
         "exited with 3: no database"},
        {"kill -9 $$", SOURCE_FAULT_EXIT, SIGNAL_FAILED, "signal 9"},
        {"echo five", SOURCE_FAULT_NOT_PARSED, SIGNAL_FAILED, "no number: five"},
        {"echo 5 6", SOURCE_FAULT_NOT_PARSED, SIGNAL_FAILED, "5 6"},
        {"echo NaN", SOURCE_FAULT_NOT_A_NUMBER, SIGNAL_FAILED, "NaN"},
        {"echo -5", SOURCE_FAULT_NEGATIVE, SIGNAL_FAILED, "-5"},
        {"yes", SOURCE_FAULT_TOO_LARGE, SIGNAL_FAILED, "more than 4096"},
        {"yes >&2 & echo 5", SOURCE_FAULT_NONE, SIGNAL_VALUE, ""},
    };
    struct rig *rig = *state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        assert_int_equal(run(rig, rows[i].script), rows[i].fault);
        assert_int_equal(rig_last(rig)->state, rows[i].state);
        if (rows[i].fault != SOURCE_FAULT_NONE)
            assert_non_null(strstr(rig_row(rig, 0).status->text, rows[i].words));
    }
}

static void a_program_that_is_not_there_is_said_so(void **state)
{
    struct rig *rig = *state;
    rig_use(rig, "pools:\n  chat:\n    target: {process: {command: x, port: 9, engine: other}}\n   "
                 " sources:\n"
                 "      - {signal: queue-lag, exec: {command: [/nonexistent/backlog]}}\n");
    rig_rounds(rig, 0, 1);
    assert_int_equal(rig_row(rig, 0).status->fault, SOURCE_FAULT_LOCAL);
    assert_non_null(strstr(rig_row(rig, 0).status->text, "/nonexistent/backlog"));
}

static void fault_02_a_program_that_hangs_is_killed_with_its_children(void **state)
{
    struct rig *rig = *state;
    char path[] = "/tmp/sluice-test-exec-XXXXXX";
    char script[256];
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    snprintf(script, sizeof(script), "trap '' TERM; sleep 1000 & echo $! > %s; wait", path);
    assert_int_equal(run(rig, script), SOURCE_FAULT_TIMEOUT);
    assert_int_equal(rig_last(rig)->state, SIGNAL_FAILED);
    char text[32] = "";
    assert_true(read(fd, text, sizeof(text) - 1) > 0);
    const int child = atoi(text);
    assert_true(child > 1);
    struct timer guard = {0};
    assert_int_equal(timer_init(&guard, rig->loop, rig_guard, NULL), RC_OK);
    timer_after(&guard, RIG_GUARD_NS);
    while (kill(child, 0) == 0) { /* it is init's to reap, which takes a moment */
        char state_path[64];
        char line[256] = "";
        snprintf(state_path, sizeof(state_path), "/proc/%d/stat", child);
        FILE *file = fopen(state_path, "re");
        if (file == NULL)
            break;
        (void)!fgets(line, sizeof(line), file);
        fclose(file);
        if (strstr(line, ") Z") != NULL || line[0] == '\0')
            break;
        loop_turn(rig->loop, false);
    }
    timer_done(&guard);
    close(fd);
    unlink(path);
}

static bool can_run(void)
{
    const int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    if (fd >= 0)
        close(fd);
    else
        printf("1..0 # SKIP there is no pidfd here: %s\n", strerror(errno));
    return fd >= 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_number_that_is_printed_becomes_a_sample, begin, end),
        cmocka_unit_test_setup_teardown(what_a_program_gets_is_its_environment_and_nothing_else,
                                        begin, end),
        cmocka_unit_test_setup_teardown(programs_that_fail_tell_nothing, begin, end),
        cmocka_unit_test_setup_teardown(a_program_that_is_not_there_is_said_so, begin, end),
        cmocka_unit_test_setup_teardown(fault_02_a_program_that_hangs_is_killed_with_its_children,
                                        begin, end),
    };
    return can_run() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
