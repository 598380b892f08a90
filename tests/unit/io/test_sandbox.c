/* What a process that entered the sandbox can still do: tried in a child, which ends with the
 * number of the first thing that is not as it should be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#undef fail /* base/rc.h has a function of that name */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/sandbox.h"

static char inside[] = "/tmp/sluice-sandbox-XXXXXX";
static char outside[] = "/tmp/sluice-sandbox-XXXXXX";

static bool writes(const char *folder)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/file", folder);
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0)
        return false;
    const bool done = write(fd, "x", 1) == 1;
    (void)close(fd);
    return unlink(path) == 0 && done;
}

static bool reads(const char *path)
{
    const int fd = open(path, O_RDONLY);
    return fd >= 0 && close(fd) == 0;
}

static bool executes(void)
{
    char name[] = "true";
    char *const argv[] = {name, NULL};
    const pid_t child = fork();
    if (child == 0) {
        (void)execv("/bin/true", argv);
        _exit(errno == EPERM || errno == EACCES ? 1 : 2);
    }
    int status = 0;
    return waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 1;
}

static void *in_a_thread(void *unused)
{
    (void)unused;
    return executes() || writes(outside) ? inside : NULL;
}

static int try_all(void)
{
    const char *const folder[] = {inside, "/tmp/sluice-there-is-no-such-folder"};
    struct sandbox sandbox;
    struct diag diag = {0};
    pthread_t thread;
    void *result = NULL;
    if (!writes(inside) || !writes(outside) || !reads("/etc/passwd"))
        return 1;
    if (sandbox_enter(folder, 2, &sandbox, &diag) != RC_OK)
        return 2;
    if (!sandbox.calls)
        return 77;
    if (!reads("/etc/passwd") || !writes(inside))
        return 3;
    if (executes())
        return 4;
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != -1 || errno != EPERM)
        return 5;
    if (!sandbox.files)
        return 0;
    if (writes(outside) || mkdir("/tmp/sluice-sandbox-made", 0700) == 0)
        return 6;
    if (pthread_create(&thread, NULL, in_a_thread, NULL) != 0 || pthread_join(thread, &result) != 0)
        return 7;
    return result == NULL ? 0 : 8;
}

static void after_it_nothing_starts_and_only_named_folders_are_written(void **unused)
{
    (void)unused;
    assert_non_null(mkdtemp(inside));
    assert_non_null(mkdtemp(outside));
    const pid_t child = fork();
    if (child == 0)
        _exit(try_all());
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    (void)rmdir(inside);
    (void)rmdir(outside);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip(); /* this kernel has no seccomp */
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_it_nothing_starts_and_only_named_folders_are_written),
    };
    return cmocka_run_group_tests_name("sandbox", tests, NULL, NULL);
}
