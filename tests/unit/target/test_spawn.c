/* test_spawn.c - real processes: environment, output, groups, exit codes, refused programs,
 * adoption by pid. */
#include "base/mem.h"
#include "target/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

static char output_path[] = "/tmp/sluice-test-spawn-XXXXXX";

static int make_output(void **state)
{
    const int fd = mkstemp(output_path);

    (void)state;
    return fd < 0 ? -1 : close(fd);
}

static int remove_output(void **state)
{
    (void)state;
    return unlink(output_path);
}

static const char *output(void)
{
    static char text[4096];
    FILE *file = fopen(output_path, "re");

    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

static const char *const plain_env[] = {"PATH=/usr/bin:/bin", "MARK=here", NULL};

/* Starts it and waits until it is its program, or is known not to become it. */
static enum rc launch(const struct spawn_spec *spec, struct child *child, struct diag *diag)
{
    enum rc rc = child_spawn(spec, child, diag);
    if (rc != RC_OK)
        return rc;
    struct pollfd watch = {.fd = child->report_fd, .events = POLLIN};
    assert_int_equal(poll(&watch, 1, 20000), 1);
    rc = child_launched(child, diag);
    assert_int_not_equal(rc, RC_AGAIN);
    if (rc != RC_OK) {
        watch.fd = child->pidfd;
        assert_int_equal(poll(&watch, 1, 20000), 1);
        assert_int_equal(child_poll(child).exit_code, 127);
        child_done(child);
    }
    return rc;
}

static enum rc run(const char *script, struct child *child, struct diag *diag)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    const struct spawn_spec spec = {.argv = argv, .envp = plain_env, .output_path = output_path};

    assert_int_equal(truncate(output_path, 0), 0);
    return launch(&spec, child, diag);
}

/* The pidfd tells when it has ended: no polling, no sleep. */
static struct child_end wait_for(struct child *child)
{
    struct pollfd watch = {.fd = child->pidfd, .events = POLLIN};

    assert_int_equal(poll(&watch, 1, 20000), 1);
    return child_poll(child);
}

static void a_child_gets_its_environment_and_nothing_else(void **state)
{
    struct child child;

    (void)state;
    assert_int_equal(setenv("SLUICE_TEST_SECRET", "secret", 1), 0);
    assert_int_equal(run("env; ls /proc/self/fd", &child, NULL), RC_OK);
    const struct child_end end = wait_for(&child);

    assert_true(end.ended && end.known);
    assert_int_equal(end.exit_code, 0);
    assert_non_null(strstr(output(), "MARK=here"));
    assert_null(strstr(output(), "SLUICE_TEST_SECRET"));
    assert_null(strstr(output(), "\n4\n")); /* 0 1 2 and the one that ls itself opens */
    child_done(&child);
}

static void exit_codes_and_signals_are_told_apart(void **state)
{
    struct child child;
    struct child_end end;

    (void)state;
    assert_int_equal(run("exit 7", &child, NULL), RC_OK);
    end = wait_for(&child);
    assert_int_equal(end.exit_code, 7);
    assert_int_equal(end.signal, 0);
    child_done(&child);
    assert_int_equal(run("kill -SEGV $$", &child, NULL), RC_OK);
    end = wait_for(&child);
    assert_int_equal(end.signal, SIGSEGV);
    child_done(&child);
}

static void fault_70_a_program_that_is_not_there_is_said_at_once(void **state)
{
    const char *argv[] = {"no-such-program-anywhere", NULL};
    const char *folder_argv[] = {"/tmp", NULL};
    struct spawn_spec spec = {.argv = argv, .envp = plain_env};
    struct child child;
    struct diag diag;

    (void)state;
    assert_int_equal(launch(&spec, &child, &diag), RC_NOT_FOUND);
    assert_non_null(strstr(diag.text, "no-such-program-anywhere"));
    spec.argv = folder_argv;
    assert_int_equal(launch(&spec, &child, &diag), RC_DENIED);
    spec.argv = (const char *[]){"sh", "-c", "true", NULL};
    spec.workdir = "/no/such/folder";
    assert_int_equal(launch(&spec, &child, &diag), RC_NOT_FOUND);
    assert_non_null(strstr(diag.text, "/no/such/folder"));
}

/* A pipe with a name, through which a script talks; its end is seen when the last one that holds it
 * has ended. */
static int open_fifo(char *path, size_t size)
{
    snprintf(path, size, "/tmp/sluice-test-fifo-%d", (int)getpid());
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    const int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
    return fd;
}

/* Whatever comes, up to `count` bytes or the end. */
static size_t read_some(int fd, char *ret_text, size_t count)
{
    size_t len = 0;
    struct pollfd watch = {.fd = fd, .events = POLLIN};
    while (len < count) {
        assert_int_equal(poll(&watch, 1, 20000), 1);
        const ssize_t n = read(fd, ret_text + len, count - len);
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    ret_text[len] = '\0';
    return len;
}

static void fault_71_what_a_leader_leaves_in_its_group_ends_with_it(void **state)
{
    struct child child;
    char fifo[64];
    char script[256];
    char text[96];

    (void)state;
    const int fd = open_fifo(fifo, sizeof fifo);
    snprintf(script, sizeof script,
             "(trap '' TERM; exec 9>%s; echo up >&9; while :; do sleep 60; done) & "
             "while [ ! -e %s.go ]; do sleep 0.01; done",
             fifo, fifo);
    assert_int_equal(run(script, &child, NULL), RC_OK);
    assert_int_equal(read_some(fd, text, 3), 3);
    snprintf(text, sizeof text, "%s.go", fifo);
    close(open(text, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    assert_int_equal(wait_for(&child).exit_code, 0); /* on its own, nobody signalled */
    unlink(text);
    assert_int_equal(read_some(fd, text, 1), 0);
    close(fd);
    unlink(fifo);
    child_done(&child);
}

static void fault_71_a_signal_reaches_each_process_of_the_group_once(void **state)
{
    struct child child;
    char fifo[64];
    char script[256];
    char text[64];

    (void)state;
    const int fd = open_fifo(fifo, sizeof fifo);
    snprintf(script, sizeof script,
             "exec 9>%s; trap 'printf L >&9' TERM; "
             "(trap 'printf C >&9' TERM; printf up >&9; while :; do sleep 0.01; done) & "
             "while :; do wait; done",
             fifo);
    assert_int_equal(run(script, &child, NULL), RC_OK);
    assert_int_equal(read_some(fd, text, 2), 2);
    child_signal(&child, SIGTERM);
    assert_int_equal(read_some(fd, text, 2), 2);
    assert_true(strcmp(text, "LC") == 0 || strcmp(text, "CL") == 0);
    child_signal(&child, SIGKILL);
    assert_int_equal(read_some(fd, text, 1), 0);
    assert_int_equal(wait_for(&child).signal, SIGKILL);
    close(fd);
    unlink(fifo);
    child_done(&child);
}

static void fault_72_a_running_process_is_attached_by_pid_and_start_time(void **state)
{
    struct child child;
    struct child again;

    (void)state;
    assert_int_equal(run("read x; exit 0", &child, NULL),
                     RC_OK); /* stdin is /dev/null: ends soon */
    (void)wait_for(&child);
    child_done(&child);
    assert_int_equal(run("exec sleep 60", &child, NULL), RC_OK);
    assert_int_not_equal(child.start_ticks, 0);
    assert_int_equal(child_attach(child.pid, child.start_ticks + 1, &again), RC_CONFLICT);
    assert_int_equal(child_attach(child.pid, child.start_ticks, &again), RC_OK);
    assert_false(child_poll(&again).ended);
    child_signal(&again, SIGKILL);
    assert_int_equal(wait_for(&child).signal, SIGKILL);
    assert_true(child_poll(&again).ended);
    child_done(&again);
    child_done(&child);
}

static void limits_are_set_in_a_group_where_the_host_allows_it(void **state)
{
    const struct cgroup_limits limits = {.cpus = 0.5, .memory_bytes = 64.0 * 1024 * 1024};
    const char *argv[] = {"sh", "-c", "cat /proc/self/cgroup; exec sleep 60", NULL};
    struct cgroup group;
    struct child child;
    struct diag diag;
    char name[64];

    (void)state;
    snprintf(name, sizeof name, "sluice-test-%d/one", (int)getpid());
    if (cgroup_open(NULL, name, &limits, &group, &diag) != RC_OK) {
        print_message("skipped: %s\n", diag.text);
        skip();
    }
    const struct spawn_spec spec = {
        .argv = argv, .envp = plain_env, .output_path = output_path, .group = &group};

    assert_int_equal(launch(&spec, &child, &diag), RC_OK);
    assert_false(cgroup_close(&group)); /* somebody lives in it */
    assert_true(cgroup_kill(&group) >= 1);
    assert_int_equal(wait_for(&child).signal, SIGKILL);
    assert_false(cgroup_oom_struck(&group));
    while (!cgroup_close(&group)) /* what the shell had started may still be dying */
        ;
    assert_false(cgroup_find(NULL, name, &group));
    child_done(&child);
}

static void a_group_without_limits_ends_all_that_was_born_in_it(void **state)
{
    const struct cgroup_limits none = {0};
    const char *argv[] = {"sh", "-c", "setsid sleep 60 & sleep 60", NULL};
    struct cgroup group;
    struct cgroup found;
    struct child child;
    struct diag diag;
    char name[64];

    (void)state;
    snprintf(name, sizeof name, "sluice-test-%d/two", (int)getpid());
    if (cgroup_open(NULL, name, &none, &group, &diag) != RC_OK) {
        print_message("# skipped: %s\n", diag.text);
        skip();
    }
    const struct spawn_spec spec = {
        .argv = argv, .envp = plain_env, .output_path = output_path, .group = &group};

    assert_int_equal(launch(&spec, &child, &diag), RC_OK);
    assert_true(cgroup_find(NULL, name, &found) && found.v2);
    assert_string_equal(found.folder[0], group.folder[0]);
    assert_false(cgroup_close(&found));
    assert_true(cgroup_kill(&found) >= 1);
    assert_int_equal(wait_for(&child).signal, SIGKILL);
    child_done(&child);
    while (!cgroup_close(&group))
        (void)cgroup_kill(&group); /* what the shell was starting just then */
    assert_false(cgroup_find(NULL, name, &found));
}

int main(void)
{
    const int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);

    if (pidfd < 0) {
        printf("1..0 # SKIP there is no pidfd here: %s\n", strerror(errno));
        return 0;
    }
    close(pidfd);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_gets_its_environment_and_nothing_else),
        cmocka_unit_test(exit_codes_and_signals_are_told_apart),
        cmocka_unit_test(fault_70_a_program_that_is_not_there_is_said_at_once),
        cmocka_unit_test(fault_71_what_a_leader_leaves_in_its_group_ends_with_it),
        cmocka_unit_test(fault_71_a_signal_reaches_each_process_of_the_group_once),
        cmocka_unit_test(fault_72_a_running_process_is_attached_by_pid_and_start_time),
        cmocka_unit_test(a_group_without_limits_ends_all_that_was_born_in_it),
        cmocka_unit_test(limits_are_set_in_a_group_where_the_host_allows_it),
    };

    return cmocka_run_group_tests(tests, make_output, remove_output);
}
