/* spawn.c - fork, a short list of async-signal-safe steps, exec; errors come back through a
 * close-on-exec pipe. */
#include "target/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/span.h"

/* Engines go before the daemon when memory is short (FAULTS 75). */
#define OOM_SCORE_ADJ "300"
#define REPORT_FD (STDERR_FILENO + 1) /* of a child that has not become its program yet */
#define PIDFD_SIGNAL_GROUP (1U << 2)  /* PIDFD_SIGNAL_PROCESS_GROUP of Linux 6.9 */

struct exec_failure {
    int step; /* index into step_words */
    int error;
};

static const char *const step_words[] = {"working folder", "output file", "program", "cgroup"};
enum { STEP_WORKDIR, STEP_OUTPUT, STEP_EXEC, STEP_GROUP };

static int pidfd_of(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

static const char *env_get(const char *const *envp, const char *name)
{
    const size_t len = strlen(name);

    for (; *envp != NULL; envp++) {
        if (strncmp(*envp, name, len) == 0 && (*envp)[len] == '=')
            return *envp + len + 1;
    }
    return NULL;
}

/* The program's file by the child's own PATH, found before the fork: execvpe is not
 * async-signal-safe. */
static enum rc find_program(const struct spawn_spec *spec, char ret_path[PATH_MAX],
                            struct diag *diag)
{
    const char *path = env_get(spec->envp, "PATH");
    struct span rest = span_from(path != NULL ? path : "/usr/local/bin:/usr/bin:/bin");
    struct span folder;

    if (strchr(spec->argv[0], '/') != NULL) {
        if (!span_copy(span_from(spec->argv[0]), ret_path, PATH_MAX))
            return fail(diag, RC_RANGE, "program name is longer than %d bytes", PATH_MAX);
        return RC_OK;
    }
    while (span_split(&rest, ':', &folder)) {
        if (folder.len == 0)
            continue;
        const int len = snprintf(ret_path, PATH_MAX, "%.*s/%s", SPAN_ARG(folder), spec->argv[0]);

        if (len > 0 && len < PATH_MAX && access(ret_path, X_OK) == 0)
            return RC_OK;
    }
    return fail(diag, RC_NOT_FOUND, "program \"%s\" is not in PATH (%s)", spec->argv[0],
                path != NULL ? path : "default");
}

static _Noreturn void child_fail(int report_fd, int step)
{
    const struct exec_failure failure = {.step = step, .error = errno};

    (void)!write(report_fd, &failure,
                 sizeof failure); /* the parent sees at least the end of the pipe */
    _exit(127);
}

static void child_reset_signals(void)
{
    sigset_t none;

    for (int i = 1; i < NSIG; i++)
        (void)signal(i, SIG_DFL); /* refused for SIGKILL, SIGSTOP and those of the C library */
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static void child_sign(const struct spawn_spec *spec)
{
    pid_t pid = getpid();

    if (spec->pid_slot == NULL)
        return;
    for (size_t i = spec->pid_digits; i-- > 0; pid /= 10)
        spec->pid_slot[i] = (char)('0' + pid % 10);
}

/* Runs in the child: only async-signal-safe calls. */
static _Noreturn void child_run(const struct spawn_spec *spec, const char *program, int report_fd,
                                const int *join_fds, size_t join_count)
{
    int fd;

    (void)setsid(); /* cannot fail: a fresh child leads no group */
    child_sign(spec);
    for (size_t i = 0; i < join_count; i++)
        if (write(join_fds[i], "0", 1) != 1)
            child_fail(report_fd, STEP_GROUP);
    child_reset_signals();
    /* Nothing of ours stays open, and there is a number free for what is opened here. */
    if (report_fd != REPORT_FD)
        report_fd = dup3(report_fd, REPORT_FD, O_CLOEXEC);
    (void)syscall(SYS_close_range, REPORT_FD + 1U, ~0U, 0);
    if (spec->workdir != NULL && chdir(spec->workdir) != 0)
        child_fail(report_fd, STEP_WORKDIR);
    fd = open("/dev/null", O_RDWR);
    if (fd < 0 || dup2(fd, STDIN_FILENO) < 0)
        child_fail(report_fd, STEP_OUTPUT);
    if (spec->output_path != NULL)
        fd = open(spec->output_path, O_WRONLY | O_CREAT | O_APPEND, 0640);
    if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
        child_fail(report_fd, STEP_OUTPUT);
    fd = open("/proc/self/oom_score_adj", O_WRONLY);
    if (fd >= 0)
        (void)!write(fd, OOM_SCORE_ADJ, sizeof OOM_SCORE_ADJ - 1); /* a preference, not a promise */
    (void)syscall(SYS_close_range, REPORT_FD + 1U, ~0U, 0);
    /* execve() changes nothing, its prototype is older than const.
     * NOLINTBEGIN(performance-no-int-to-ptr) */
    (void)execve(program, (char *const *)(uintptr_t)spec->argv,
                 (char *const *)(uintptr_t)spec->envp);
    /* NOLINTEND(performance-no-int-to-ptr) */
    child_fail(report_fd, STEP_EXEC);
}

/* What may pass again is told apart from what stays wrong. */
static enum rc code_of(const struct exec_failure *failure)
{
    if (failure->step == STEP_GROUP)
        return RC_UNSUPPORTED;
    switch (failure->error) {
    case ENOENT:
        return RC_NOT_FOUND;
    case EACCES:
        return RC_DENIED;
    case EMFILE:
    case ENFILE:
    case EAGAIN:
    case ENOMEM:
    case ENOSPC:
    case ETXTBSY:
        return RC_LIMIT;
    default:
        return RC_IO;
    }
}

static enum rc read_failure(int report_fd, const char *program, const struct spawn_spec *spec,
                            struct diag *diag)
{
    struct exec_failure failure;
    ssize_t got;

    do {
        got = read(report_fd, &failure, sizeof failure);
    } while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof failure)
        return RC_OK; /* the pipe closed at exec */
    const char *const what[] = {spec->workdir, spec->output_path, program,
                                spec->group != NULL ? spec->group->folder[0] : NULL};

    return fail(diag, code_of(&failure), "%s \"%s\": %s", step_words[failure.step],
                what[failure.step] != NULL ? what[failure.step] : "", strerror(failure.error));
}

enum rc child_spawn(const struct spawn_spec *spec, struct child *ret, struct diag *diag)
{
    char program[PATH_MAX];
    int join_fds[CGROUP_FOLDERS_MAX];
    int report[2];
    size_t join_count = 0;
    enum rc rc = find_program(spec, program, diag);

    if (rc != RC_OK)
        return rc;
    if (pipe2(report, O_CLOEXEC) != 0)
        return fail(diag, RC_LIMIT, "pipe: %s", strerror(errno));
    if (spec->group != NULL)
        join_count = cgroup_join_fds(spec->group, join_fds);
    if (spec->group != NULL && join_count < spec->group->folder_count)
        rc = fail(diag, errno == EMFILE || errno == ENFILE ? RC_LIMIT : RC_UNSUPPORTED,
                  "cgroup %s cannot be joined: %s", spec->group->folder[0], strerror(errno));
    const pid_t pid = rc == RC_OK ? fork() : -1;

    if (pid == 0)
        child_run(spec, program, report[1], join_fds, join_count);
    (void)close(report[1]);
    for (size_t i = 0; i < join_count; i++)
        (void)close(join_fds[i]);
    if (pid < 0 && rc == RC_OK)
        rc = fail(diag, RC_LIMIT, "fork: %s", strerror(errno));
    else if (pid > 0)
        rc = read_failure(report[0], program, spec, diag);
    (void)close(report[0]);
    if (rc != RC_OK) {
        if (pid > 0)
            (void)waitpid(pid, NULL, 0);
        return rc;
    }
    const int pidfd = pidfd_of(pid);

    if (pidfd < 0) { /* it could neither be watched nor ended safely */
        rc = fail(diag, RC_LIMIT, "pidfd: %s", strerror(errno));
        (void)kill(-pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
        return rc;
    }
    *ret = (struct child){
        .pid = pid, .pidfd = pidfd, .start_ticks = child_start_ticks(pid), .ours = true};
    return RC_OK;
}

uint64_t child_start_ticks(pid_t pid)
{
    char path[64];
    char text[1024];
    const char *p;
    ssize_t got;
    int fd;

    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    got = read(fd, text, sizeof text - 1);
    (void)close(fd);
    if (got <= 0)
        return 0;
    text[got] = '\0';
    p = strrchr(text, ')'); /* the command name may hold anything */
    if (p == NULL || p[1] == '\0' || p[2] == 'Z' || p[2] == 'X')
        return 0;
    /* Field 22 of proc(5); the state after ')' is field 3. */
    for (int field = 2; field < 22; field++) {
        p = strchr(p + 1, ' ');
        if (p == NULL)
            return 0;
    }
    return strtoull(p + 1, NULL, 10);
}

enum rc child_attach(pid_t pid, uint64_t start_ticks, struct child *ret)
{
    const int pidfd = pidfd_of(pid);
    const uint64_t ticks =
        child_start_ticks(pid); /* after the pidfd: it cannot be another process any more */

    if (pidfd < 0 || ticks == 0) {
        if (pidfd >= 0)
            (void)close(pidfd);
        return RC_NOT_FOUND;
    }
    if (start_ticks != 0 && ticks != start_ticks) {
        (void)close(pidfd);
        return RC_CONFLICT;
    }
    *ret = (struct child){.pid = pid, .pidfd = pidfd, .start_ticks = ticks, .ours = false};
    return RC_OK;
}

struct child_end child_poll(struct child *child)
{
    struct child_end end = {.ended = false};
    siginfo_t info = {.si_pid = 0};

    if (!child->ours) {
        end.ended = child_start_ticks(child->pid) != child->start_ticks;
        return end;
    }
    /* Looked at first, reaped last: until then the number is ours, so what is left of its group can
     * be ended safely. */
    if (waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0) {
        end.ended = errno == ECHILD;
        return end;
    }
    if (info.si_pid == 0)
        return end;
    (void)kill(-child->pid, SIGKILL); /* grandchildren (FAULTS 71) */
    (void)waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG);
    child->pid = 0;
    end.ended = end.known = true;
    if (info.si_code == CLD_EXITED)
        end.exit_code = info.si_status;
    else
        end.signal = info.si_status;
    return end;
}

void child_signal(const struct child *child, int signal_number)
{
    if (child->pid <= 1)
        return;
    /* The number of our own child, not yet reaped, cannot be another's. */
    if (child->ours)
        (void)kill(-child->pid, signal_number);
    else if (syscall(SYS_pidfd_send_signal, child->pidfd, signal_number, NULL,
                     PIDFD_SIGNAL_GROUP) != 0 &&
             errno == EINVAL) /* older kernels reach the leader only */
        (void)syscall(SYS_pidfd_send_signal, child->pidfd, signal_number, NULL, 0);
}

bool child_kill_one(const struct child *child)
{
    return syscall(SYS_pidfd_send_signal, child->pidfd, SIGKILL, NULL, 0) == 0;
}

void child_done(struct child *child)
{
    if (child->pidfd >= 0)
        (void)close(child->pidfd);
    child->pidfd = -1;
}
