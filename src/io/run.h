/* run.h - runs a short program and hands over what it printed: bounded in bytes, killed with all
 * that it started when it is given up.
 *
 * The program leads its own process group, reads nothing, inherits no descriptor and gets exactly
 * the environment given. It is watched by pidfd, so a reused pid is never signalled. For programs
 * of seconds; engines are the targets' business. */
#ifndef SLUICE_IO_RUN_H
#define SLUICE_IO_RUN_H

#include "base/mem.h"
#include "io/loop.h"

struct run;

struct run_spec {
    const char *const *argv; /* NULL-terminated; argv[0] is looked up in our PATH */
    const char *const *envp; /* NULL-terminated "NAME=value" */
    const char *workdir;     /* "" = ours */
    size_t
        output_bytes_max; /* of stdout; of stderr at most as many are kept, the rest is dropped */
};

struct run_result {
    enum rc rc;    /* RC_OK: it ended on its own; RC_LIMIT: it printed too much and was killed */
    int exit_code; /* when signal is 0 */
    int signal;
    struct span out;
    struct span err;
};
typedef void run_fn(void *user, const struct run_result *result); /* valid in the call */

/* fn is called exactly once, later, unless cancelled. NULL with words in diag: no such program, no
 * process, no descriptor, no memory. */
struct run *run_start(struct loop *loop, const struct run_spec *spec, run_fn *fn, void *user,
                      struct diag *diag);
/* Kills it and its children; it is reaped when it is gone. NULL is accepted. */
void run_cancel(struct run *run);

#endif
