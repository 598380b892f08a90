/* sandbox.h - gives up, for good, what this process is not going to need: whoever gets code to run
 * in it by a hole in a parser finds no way to start a program, to look into others or to write
 * outside of a few folders.
 *
 * Holds for the calling thread and the threads it makes later: call it before there are others.
 * Programs that are started inherit it, so only for processes that start none. Linux: Landlock
 * (files, from 5.13) and seccomp (calls). */
#ifndef SLUICE_IO_SANDBOX_H
#define SLUICE_IO_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/rc.h"

struct sandbox {
    bool files; /* writing only in the folders, executing nowhere; false: this kernel cannot */
    bool calls; /* no exec, ptrace, mount, ...; false: this kernel or processor cannot */
};

/* Folders that stay writable, with all that is in them; those that do not exist are passed over.
 * What this kernel cannot do is no error and shows in `ret`; RC_IO: what it can do failed. */
enum rc sandbox_enter(const char *const *folder, size_t count, struct sandbox *ret,
                      struct diag *diag) MUST_CHECK;

#endif
