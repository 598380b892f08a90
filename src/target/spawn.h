/* spawn.h - starting one engine process the safe way, and finding it again.
 *
 * The child leads its own session and process group, inherits nothing but stdin from /dev/null and
 * its output file, gets exactly the environment given, default signal handlers, and an oom score
 * that lets the kernel take it before us. Nothing waits for it: a folder on a dead network disk
 * holds up that child alone. A failed exec is reported as such, not as an early exit. Processes are
 * watched and signalled by pidfd: never a reused pid. */
#ifndef SLUICE_TARGET_SPAWN_H
#define SLUICE_TARGET_SPAWN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/rc.h"
#include "target/cgroup.h"

struct spawn_spec {
    const char *const *argv;    /* NULL-terminated; argv[0] is looked up in PATH of envp */
    const char *const *envp;    /* NULL-terminated "NAME=value" */
    const char *workdir;        /* NULL = ours */
    const char *output_path;    /* stdout and stderr, appended; NULL = /dev/null */
    const struct cgroup *group; /* NULL = none */
    /* Decimal digits inside an entry of envp, all '0', which the child overwrites with its own pid
     * before exec: what it starts inherits the number, so it names the leader. NULL = none. */
    char *pid_slot;
    size_t pid_digits;
};

/* A process we started or adopted. `pidfd` becomes readable when it ends, `report_fd` when it is
 * known whether it became its program. */
struct child {
    pid_t pid;            /* 0 = ended and reaped */
    int pidfd;            /* -1 = none; owned */
    int report_fd;        /* -1 = known already; owned */
    uint64_t start_ticks; /* since boot: with the pid, names the process for good */
    bool ours;            /* we are its parent and can read its exit status */
};

/* Returns at once; child_launched() tells the outcome. RC_LIMIT: no process or descriptor can be
 * had now; RC_UNSUPPORTED: it cannot be put into its group; RC_NO_MEMORY; RC_IO. On failure no
 * process is left. */
enum rc child_spawn(const struct spawn_spec *spec, struct child *ret, struct diag *diag) MUST_CHECK;
/* Non-blocking. RC_OK: it is its program now (or ended before); RC_AGAIN: not known yet. Else it
 * could not, says why, and ends by itself: RC_NOT_FOUND: no such program; RC_DENIED; RC_LIMIT: may
 * work later; RC_UNSUPPORTED: it could not join its group; RC_IO with the system's words. */
enum rc child_launched(struct child *child, struct diag *diag) MUST_CHECK;
/* Takes a process that runs already. RC_NOT_FOUND when it is gone; RC_CONFLICT when start_ticks
 * (not 0) differ. */
enum rc child_attach(pid_t pid, uint64_t start_ticks, struct child *ret) MUST_CHECK;
/* Start time of a process in ticks since boot; 0 when it is gone. */
uint64_t child_start_ticks(pid_t pid);

struct child_end {
    bool ended;
    bool known;    /* code or signal could be read (our own child) */
    int exit_code; /* valid when signal is 0 */
    int signal;
};
/* Non-blocking: has it ended, and how. Our own child is reaped, after what is left of its process
 * group was killed; then pid is 0. */
struct child_end child_poll(struct child *child);
/* Signals the whole process group, each process once. */
void child_signal(const struct child *child, int signal_number);
/* SIGKILL to this one process only. False when it has ended. */
bool child_kill_one(const struct child *child);
/* Closes the descriptors; signals nothing. */
void child_done(struct child *child);

#endif
