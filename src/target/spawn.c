/* spawn.c - fork, a short list of async-signal-safe steps, exec; failures come back through a
 * close-on-exec pipe. */
#include "target/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/span.h"

/* Engines go before the daemon when memory is short (FAULTS 75). */
#define OOM_SCORE_ADJ "300"
#define REPORT_FD (STDERR_FILENO + 1) /* of a child that has not become its program yet */
#define PIDFD_SIGNAL_GROUP (1U << 2)  /* PIDFD_SIGNAL_PROCESS_GROUP of Linux 6.9 */
#define PROGRAM_PATHS_BYTES_MAX (1U << 20)

enum step { STEP_GROUP, STEP_WORKDIR, STEP_OUTPUT, STEP_EXEC };
static const char *const step_words[] = {
    [STEP_GROUP] = "cgroup",
    [STEP_WORKDIR] = "working folder",
    [STEP_OUTPUT] = "output file",
    [STEP_EXEC] = "program",
};

/* Written by the child in one piece: shorter than PIPE_BUF. */
struct exec_failure {
    int step; /* enum step */
    int error;
    char what[200];
};

/* Everything that the child needs, made before the fork: it must not allocate. */
struct plan {
    const struct spawn_spec *spec;
    struct arena arena;
    const char **program; /* files to try in turn, NULL-terminated */
    int report_fd;
    int join_fd[CGROUP_FOLDERS_MAX];
    size_t join_count;
};

/* ---- before the fork ---- */

static const char *env_get(const char *const *envp, const char *name)
{
    const size_t len = strlen(name);
    for (; *envp; envp++)
        if (strncmp(*envp, name, len) == 0 && (*envp)[len] == '=')
            return *envp + len + 1;
    return NULL;
}

/* The files that execvp() would try, by the child's own PATH; none of them is touched here. */
static bool list_programs(struct plan *plan)
{
    const char *name = plan->spec->argv[0];
    const char *path = env_get(plan->spec->envp, "PATH");
    struct span rest = span_from(path ? path : "/usr/local/bin:/usr/bin:/bin");
    struct span folder;
    size_t count = 0;
    plan->program = arena_array(&plan->arena, rest.len / 2 + 3, sizeof(char *));
    if (!plan->program)
        return false;
    if (strchr(name, '/')) {
        plan->program[0] = name;
        return true;
    }
    while (span_split(&rest, ':', &folder)) {
        if (folder.len == 0)
            continue;
        const size_t size = folder.len + strlen(name) + 2;
        char *file = arena_alloc(&plan->arena, size);
        if (!file)
            return false;
        (void)snprintf(file, size, "%.*s/%s", SPAN_ARG(folder), name);
        plan->program[count++] = file;
    }
    return true;
}

/* ---- in the child: only async-signal-safe calls ---- */

static _Noreturn void child_fail(int report_fd, enum step step, const char *what)
{
    struct exec_failure failure = {.step = (int)step, .error = errno};
    const size_t len = what ? strlen(what) : 0;
    const size_t kept = len < sizeof failure.what ? len : sizeof failure.what - 1;
    if (kept > 0)
        memcpy(failure.what, what, kept);
    (void)!write(report_fd, &failure, sizeof failure); /* nobody else to tell */
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
    for (size_t i = spec->pid_slot ? spec->pid_digits : 0; i-- > 0; pid /= 10)
        spec->pid_slot[i] = (char)('0' + pid % 10);
}

static void child_open_output(const struct spawn_spec *spec)
{
    int fd = open("/dev/null", O_RDWR);
    if (fd < 0 || dup2(fd, STDIN_FILENO) < 0)
        child_fail(REPORT_FD, STEP_OUTPUT, "/dev/null");
    if (spec->output_path)
        fd = open(spec->output_path, O_WRONLY | O_CREAT | O_APPEND, 0640);
    if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
        child_fail(REPORT_FD, STEP_OUTPUT, spec->output_path);
}

/* As execvp(): goes on where a file is not there, and remembers that one was forbidden. */
static _Noreturn void child_exec(const struct plan *plan)
{
    const char *const *file = plan->program;
    int error = ENOENT;
    for (; *file; file++) {
        /* execve() changes nothing, its prototype is older than const.
         * NOLINTBEGIN(performance-no-int-to-ptr) */
        (void)execve(*file, (char *const *)(uintptr_t)plan->spec->argv,
                     (char *const *)(uintptr_t)plan->spec->envp);
        /* NOLINTEND(performance-no-int-to-ptr) */
        if (errno != ENOENT && errno != ENOTDIR)
            error = errno;
        if (error != ENOENT && error != EACCES)
            break;
    }
    errno = error;
    child_fail(REPORT_FD, STEP_EXEC, plan->spec->argv[0]);
}

static _Noreturn void child_run(const struct plan *plan)
{
    const struct spawn_spec *spec = plan->spec;
    (void)setsid(); /* cannot fail: a fresh child leads no group */
    child_sign(spec);
    child_reset_signals();
    for (size_t i = 0; i < plan->join_count; i++)
        if (write(plan->join_fd[i], "0", 1) != 1)
            child_fail(plan->report_fd, STEP_GROUP, spec->group->folder[0]);
    /* Nothing of ours stays open, and there are numbers free for what is opened here. */
    if (plan->report_fd != REPORT_FD)
        (void)dup3(plan->report_fd, REPORT_FD, O_CLOEXEC);
    (void)syscall(SYS_close_range, REPORT_FD + 1U, ~0U, 0);
    if (spec->workdir && chdir(spec->workdir) != 0)
        child_fail(REPORT_FD, STEP_WORKDIR, spec->workdir);
    child_open_output(spec);
    const int fd = open("/proc/self/oom_score_adj", O_WRONLY);
    if (fd >= 0)
        (void)!write(fd, OOM_SCORE_ADJ, sizeof OOM_SCORE_ADJ - 1); /* a preference, not a promise */
    (void)syscall(SYS_close_range, REPORT_FD + 1U, ~0U, 0);
    child_exec(plan);
}

/* ---- the fork ---- */

static bool lacks_room(int error)
{
    return error == EMFILE || error == ENFILE || error == EAGAIN || error == ENOMEM;
}

/* A process with its pidfd in one step, in its group from the first moment on where the group is of
 * version 2: moving it later would take tens of milliseconds. */
static pid_t clone_process(const struct plan *plan, int folder_fd, int *ret_pidfd)
{
    struct clone_args args = {
        .flags = CLONE_PIDFD, .pidfd = (uintptr_t)ret_pidfd, .exit_signal = SIGCHLD};
    if (folder_fd >= 0) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (unsigned)folder_fd;
    }
    const pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0)
        child_run(plan);
    return pid;
}

/* The same where containers do not allow clone3(). */
static pid_t fork_process(const struct plan *plan, int *ret_pidfd)
{
    const pid_t pid = fork();
    if (pid == 0)
        child_run(plan);
    if (pid < 0)
        return -1;
    *ret_pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (*ret_pidfd >= 0)
        return pid;
    const int error = errno; /* it could neither be watched nor ended safely */
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    errno = error;
    return -1;
}

/* Opens what is needed to put the child into its group. False: errno says why. */
static bool open_group(struct plan *plan, bool by_clone, int *ret_folder_fd)
{
    const struct cgroup *group = plan->spec->group;
    *ret_folder_fd = -1;
    if (!group)
        return true;
    if (group->v2 && by_clone) {
        *ret_folder_fd = open(group->folder[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return *ret_folder_fd >= 0;
    }
    plan->join_count = cgroup_join_fds(group, plan->join_fd);
    return plan->join_count == group->folder_count;
}

/* Our handlers must not run in the child: signals wait until it has put them back. */
static pid_t start(struct plan *plan, int *ret_pidfd)
{
    sigset_t all;
    sigset_t before;
    int folder_fd = -1;
    pid_t pid = -1;
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &before);
    if (open_group(plan, true, &folder_fd))
        pid = clone_process(plan, folder_fd, ret_pidfd);
    if (pid < 0 && errno == ENOSYS && open_group(plan, false, &folder_fd))
        pid = fork_process(plan, ret_pidfd);
    const int error = errno;
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    if (folder_fd >= 0)
        (void)close(folder_fd); /* only named the group */
    errno = error;
    return pid;
}

static enum rc spawn(struct plan *plan, struct child *ret, struct diag *diag)
{
    const struct cgroup *group = plan->spec->group;
    int pidfd = -1;
    int report[2];
    if (pipe2(report, O_CLOEXEC | O_NONBLOCK) != 0)
        return fail(diag, RC_LIMIT, "pipe: %s", strerror(errno));
    plan->report_fd = report[1];
    const pid_t pid = start(plan, &pidfd);
    const int error = errno;
    (void)close(report[1]);
    if (pid < 0) {
        (void)close(report[0]);
        return fail(diag,
                    lacks_room(error) ? RC_LIMIT
                    : group           ? RC_UNSUPPORTED
                                      : RC_IO,
                    "no process%s%s: %s", group ? " in " : "", group ? group->folder[0] : "",
                    strerror(error));
    }
    *ret = (struct child){.pid = pid,
                          .pidfd = pidfd,
                          .report_fd = report[0],
                          .start_ticks = child_start_ticks(pid),
                          .ours = true};
    return RC_OK;
}

enum rc child_spawn(const struct spawn_spec *spec, struct child *ret, struct diag *diag)
{
    struct plan plan = {.spec = spec};
    arena_init(&plan.arena, PROGRAM_PATHS_BYTES_MAX);
    const enum rc rc = list_programs(&plan)
                           ? spawn(&plan, ret, diag)
                           : fail(diag, RC_NO_MEMORY, "no memory for the paths of a program");
    for (size_t i = 0; i < plan.join_count; i++)
        (void)close(plan.join_fd[i]); /* the child has its own */
    arena_done(&plan.arena);
    return rc;
}

/* What may pass again is told apart from what stays wrong. */
static enum rc code_of(const struct exec_failure *failure)
{
    if (lacks_room(failure->error) || failure->error == ENOSPC || failure->error == ETXTBSY)
        return RC_LIMIT;
    if (failure->step == STEP_GROUP)
        return RC_UNSUPPORTED;
    if (failure->error == ENOENT)
        return RC_NOT_FOUND;
    return failure->error == EACCES ? RC_DENIED : RC_IO;
}

enum rc child_launched(struct child *child, struct diag *diag)
{
    struct exec_failure failure;
    ssize_t got;
    if (child->report_fd < 0)
        return RC_OK;
    do {
        got = read(child->report_fd, &failure, sizeof failure);
    } while (got < 0 && errno == EINTR);
    if (got < 0 && errno == EAGAIN)
        return RC_AGAIN;
    (void)close(child->report_fd); /* only read from */
    child->report_fd = -1;
    if (got != (ssize_t)sizeof failure)
        return RC_OK; /* the pipe closed at exec */
    failure.what[sizeof failure.what - 1] = '\0';
    if (failure.step == STEP_EXEC && failure.error == ENOENT && !strchr(failure.what, '/'))
        return fail(diag, RC_NOT_FOUND, "program \"%s\" is not in PATH", failure.what);
    return fail(diag, code_of(&failure), "%s \"%s\": %s", step_words[failure.step], failure.what,
                strerror(failure.error));
}

/* ---- a process that runs ---- */

uint64_t child_start_ticks(pid_t pid)
{
    char path[64];
    char text[1024];
    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    const ssize_t got = read(fd, text, sizeof text - 1);
    (void)close(fd); /* only read from */
    if (got <= 0)
        return 0;
    text[got] = '\0';
    const char *p = strrchr(text, ')'); /* the command name may hold anything */
    if (!p || p[1] == '\0' || p[2] == 'Z' || p[2] == 'X')
        return 0;
    /* Field 22 of proc(5); the state after ')' is field 3. */
    for (int field = 2; field < 22; field++) {
        p = strchr(p + 1, ' ');
        if (!p)
            return 0;
    }
    return strtoull(p + 1, NULL, 10);
}

enum rc child_attach(pid_t pid, uint64_t start_ticks, struct child *ret)
{
    const int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    /* After the pidfd: it cannot be another process any more. */
    const uint64_t ticks = child_start_ticks(pid);
    enum rc rc = pidfd < 0 || ticks == 0 ? RC_NOT_FOUND : RC_OK;
    if (rc == RC_OK && start_ticks != 0 && ticks != start_ticks)
        rc = RC_CONFLICT;
    if (rc == RC_OK)
        *ret = (struct child){.pid = pid, .pidfd = pidfd, .report_fd = -1, .start_ticks = ticks};
    else if (pidfd >= 0)
        (void)close(pidfd);
    return rc;
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

static long signal_by_pidfd(const struct child *child, int signal_number, unsigned flags)
{
    return syscall(SYS_pidfd_send_signal, child->pidfd, signal_number, NULL, flags);
}

void child_signal(const struct child *child, int signal_number)
{
    if (child->pid <= 1)
        return;
    /* The number of our own child, not yet reaped, cannot be another's. In its first moments it
     * leads no group yet. */
    if (child->ours) {
        if (kill(-child->pid, signal_number) != 0)
            (void)signal_by_pidfd(child, signal_number, 0);
    } else if (signal_by_pidfd(child, signal_number, PIDFD_SIGNAL_GROUP) != 0 && errno == EINVAL) {
        (void)signal_by_pidfd(child, signal_number, 0); /* older kernels reach the leader only */
    }
}

bool child_kill_one(const struct child *child)
{
    return signal_by_pidfd(child, SIGKILL, 0) == 0;
}

void child_done(struct child *child)
{
    if (child->pidfd >= 0)
        (void)close(child->pidfd);
    if (child->report_fd >= 0)
        (void)close(child->report_fd);
    child->pidfd = child->report_fd = -1;
}
