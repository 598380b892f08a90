#include "io/run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OUT, ERR, PIPES };

struct run {
    struct orphan orphan; /* from its start on: whoever cancels does not wait for its end */
    struct loop *loop;
    run_fn *fn; /* NULL: cancelled */
    void *user;
    pid_t pid;
    int pidfd;
    struct watch *end;
    int fd[PIPES];
    struct watch *watch[PIPES];
    struct buf text[PIPES];
    bool too_much;
};

static struct run *run_of(struct orphan *orphan)
{
    return (struct run *)orphan; /* the first member */
}

static void close_pipe(struct run *run, size_t i)
{
    watch_free(run->watch[i]);
    run->watch[i] = NULL;
    if (run->fd[i] >= 0)
        (void)close(run->fd[i]); /* nothing was written to it */
    run->fd[i] = -1;
}

static void run_free(struct run *run)
{
    watch_free(run->end);
    if (run->pidfd >= 0)
        (void)close(run->pidfd); /* as above */
    for (size_t i = 0; i < PIPES; i++) {
        close_pipe(run, i);
        buf_done(&run->text[i]);
    }
    free(run);
}

static void kill_group(const struct run *run)
{
    (void)kill(-run->pid, SIGKILL); /* it may be empty already */
}

/* ---- what it prints ---- */

/* True: there is more to come. */
static bool read_some(struct run *run, size_t i)
{
    char bytes[4096];
    const ssize_t n = read(run->fd[i], bytes, sizeof(bytes));
    if (n <= 0)
        return n < 0 && errno == EINTR;
    buf_append(&run->text[i], bytes, (size_t)n); /* stderr beyond its bound is dropped */
    if (i == OUT && run->text[OUT].failed && !run->too_much) {
        run->too_much = true;
        kill_group(run);
    }
    return !run->too_much;
}

static void on_out(void *user, unsigned events)
{
    struct run *run = user;
    (void)events;
    if (!read_some(run, OUT))
        close_pipe(run, OUT);
}

static void on_err(void *user, unsigned events)
{
    struct run *run = user;
    (void)events;
    if (!read_some(run, ERR))
        close_pipe(run, ERR);
}

/* ---- its end ---- */

/* Grandchildren may hold the pipes open: what is there now is all that counts. */
static void read_rest(struct run *run)
{
    for (size_t i = 0; i < PIPES; i++)
        while (run->fd[i] >= 0 && read_some(run, i))
            continue;
}

static void on_end(void *user, unsigned events)
{
    struct run *run = user;
    siginfo_t info = {0};
    (void)events;
    read_rest(run);
    kill_group(run); /* before it is reaped: its number cannot be another's yet */
    if (waitid(P_PIDFD, (id_t)run->pidfd, &info, WEXITED) != 0)
        info.si_code = CLD_KILLED;
    const bool exited = info.si_code == CLD_EXITED;
    const struct run_result result = {
        .rc = run->too_much ? RC_LIMIT : RC_OK,
        .exit_code = exited ? info.si_status : 0,
        .signal = exited ? 0 : info.si_status,
        .out = span_slice(buf_view(&run->text[OUT]), 0, run->too_much ? 0 : run->text[OUT].len),
        .err = span_of(run->text[ERR].ptr, run->text[ERR].len),
    };
    loop_orphan_done(run->loop, &run->orphan);
    if (run->fn != NULL)
        run->fn(run->user, &result);
    run_free(run);
}

/* The loop ends first: the kernel gives the zombie to init. */
static void bury(struct orphan *orphan)
{
    struct run *run = run_of(orphan);
    kill_group(run);
    (void)waitpid(run->pid, NULL, WNOHANG); /* reaped when it is gone already */
    loop_orphan_done(run->loop, orphan);
    run_free(run);
}

void run_cancel(struct run *run)
{
    if (run == NULL)
        return;
    run->fn = NULL;
    kill_group(run);
}

/* ---- its start ---- */

static int set_actions(posix_spawn_file_actions_t *actions, const struct run_spec *spec,
                       const int writer[PIPES])
{
    int rc = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (rc == 0)
        rc = posix_spawn_file_actions_adddup2(actions, writer[OUT], STDOUT_FILENO);
    if (rc == 0)
        rc = posix_spawn_file_actions_adddup2(actions, writer[ERR], STDERR_FILENO);
    if (rc == 0 && spec->workdir[0] != '\0')
        rc = posix_spawn_file_actions_addchdir_np(actions, spec->workdir);
    return rc;
}

static int set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none;
    sigset_t all;
    (void)sigemptyset(&none); /* neither can fail */
    (void)sigfillset(&all);
    int rc = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                                      POSIX_SPAWN_SETSIGDEF);
    if (rc == 0)
        rc = posix_spawnattr_setpgroup(attributes, 0);
    if (rc == 0)
        rc = posix_spawnattr_setsigmask(attributes, &none);
    return rc == 0 ? posix_spawnattr_setsigdefault(attributes, &all) : rc;
}

/* Arrays of the interface that are not written to. */
static char *const *as_argv(const char *const *texts)
{
    char *const *argv;
    memcpy(&argv, &texts, sizeof(argv));
    return argv;
}

static int spawn(struct run *run, const struct run_spec *spec, const int writer[PIPES])
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int rc = posix_spawn_file_actions_init(&actions);
    if (rc != 0)
        return rc;
    rc = posix_spawnattr_init(&attributes);
    if (rc == 0) {
        rc = set_actions(&actions, spec, writer);
        if (rc == 0)
            rc = set_attributes(&attributes);
        if (rc == 0)
            rc = posix_spawnp(&run->pid, spec->argv[0], &actions, &attributes, as_argv(spec->argv),
                              as_argv(spec->envp));
        (void)posix_spawnattr_destroy(&attributes); /* neither can fail */
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    return rc;
}

static bool watch_all(struct run *run)
{
    run->pidfd = (int)syscall(SYS_pidfd_open, run->pid, 0);
    if (run->pidfd < 0)
        return false;
    (void)fcntl(run->pidfd, F_SETFD, FD_CLOEXEC); /* set by the call already on new kernels */
    run->end = watch_new(run->loop, run->pidfd, on_end, run);
    run->watch[OUT] = watch_new(run->loop, run->fd[OUT], on_out, run);
    run->watch[ERR] = watch_new(run->loop, run->fd[ERR], on_err, run);
    if (run->end == NULL || run->watch[OUT] == NULL || run->watch[ERR] == NULL)
        return false;
    watch_set(run->end, WATCH_READ);
    watch_set(run->watch[OUT], WATCH_READ);
    watch_set(run->watch[ERR], WATCH_READ);
    return true;
}

static bool open_pipes(struct run *run, int writer[PIPES])
{
    for (size_t i = 0; i < PIPES; i++) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) != 0)
            return false;
        run->fd[i] = ends[0];
        writer[i] = ends[1];
        if (fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0)
            return false;
    }
    return true;
}

static enum rc begin(struct run *run, const struct run_spec *spec, struct diag *diag)
{
    int writer[PIPES] = {-1, -1};
    int rc = open_pipes(run, writer) ? spawn(run, spec, writer) : errno;
    for (size_t i = 0; i < PIPES; i++)
        if (writer[i] >= 0)
            (void)close(writer[i]); /* nothing was written to it */
    if (rc != 0)
        return fail(diag, rc == ENOENT ? RC_NOT_FOUND : RC_IO, "cannot run %s: %s", spec->argv[0],
                    strerror(rc));
    if (watch_all(run))
        return RC_OK;
    kill_group(run);
    (void)waitpid(run->pid, NULL, 0); /* it was killed */
    return fail(diag, RC_IO, "cannot watch %s: no descriptor, or no pidfd here", spec->argv[0]);
}

struct run *run_start(struct loop *loop, const struct run_spec *spec, run_fn *fn, void *user,
                      struct diag *diag)
{
    struct run *run = mem_new(1, sizeof(*run));
    if (run == NULL) {
        (void)fail(diag, RC_NO_MEMORY, "no memory to run %s", spec->argv[0]);
        return NULL;
    }
    *run = (struct run){
        .loop = loop, .fn = fn, .user = user, .pidfd = -1, .fd = {-1, -1}, .orphan.bury = bury};
    for (size_t i = 0; i < PIPES; i++)
        buf_init(&run->text[i], spec->output_bytes_max);
    if (begin(run, spec, diag) != RC_OK) {
        run_free(run);
        return NULL;
    }
    loop_orphan(loop, &run->orphan);
    return run;
}
