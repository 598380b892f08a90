/* proc.h - what /proc says about processes of our own user. A process may end at any moment: then
 * the answer is "no". */
#ifndef SLUICE_TARGET_PROC_H
#define SLUICE_TARGET_PROC_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/mem.h"

#define PROC_ENVIRON_BYTES_MAX ((size_t)8 << 20)

/* Calls fn for every process of our effective user, but for this one. */
typedef void proc_each_fn(void *user, pid_t pid);
void proc_each(proc_each_fn *fn, void *user);
/* "NAME=value" texts, each ended by a NUL, as the process was started with them. */
bool proc_environ(pid_t pid, struct buf *into);
bool proc_leads_session(pid_t pid);
/* It is in the cgroup of that name (the end of its path), of any controller. */
bool proc_in_group(pid_t pid, const char *name);
/* File that its standard output goes to; false when that is no file. */
bool proc_output(pid_t pid, char *ret_path, size_t size);

#endif
