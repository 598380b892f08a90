/* cgroup.h - cpu and memory limits of one replica, and a sure way to end all of its processes.
 *
 * Works on cgroup v2 and on the v1 controllers of older hosts. Where neither can be written,
 * cgroup_open() says so in words and the caller decides: a replica with limits does not start, one
 * without limits starts without a group. */
#ifndef SLUICE_TARGET_CGROUP_H
#define SLUICE_TARGET_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/rc.h"

#define CGROUP_FOLDERS_MAX 3 /* v2: one; v1: cpu and memory, where limits are set; found: any */
#define CGROUP_PATH_SIZE 256
#define CGROUP_PREFIX "sluice-" /* of the folder around all groups of one installation */

struct cgroup_limits {
    double cpus;         /* 1.5 = one and a half cores; 0 = no limit */
    double memory_bytes; /* 0 = no limit */
};

/* One group on disk. Plain data; nothing is open. */
struct cgroup {
    size_t folder_count; /* 0 = no group */
    bool v2;             /* a process can be born in it; else it must move, which is slow */
    char folder[CGROUP_FOLDERS_MAX][CGROUP_PATH_SIZE];
};

/* Makes the group `name` ("sluice-7f3a/chat-12") under `root` (NULL = /sys/fs/cgroup) and sets its
 * limits. Without limits a group is made only where that costs nothing, in version 2.
 * RC_UNSUPPORTED: no cgroup can be made or limited here. A group of that name is taken over. */
enum rc cgroup_open(const char *root, const char *name, const struct cgroup_limits *limits,
                    struct cgroup *ret, struct diag *diag) MUST_CHECK;
/* Opens the files through which a process joins by writing "0" (async-signal-safe, for the child
 * between fork and exec). Returns how many descriptors were stored; they are close-on-exec. */
size_t cgroup_join_fds(const struct cgroup *group, int ret_fds[CGROUP_FOLDERS_MAX]);
/* SIGKILL to every process in the group. Returns how many were seen. */
size_t cgroup_kill(const struct cgroup *group);
/* The kernel's memory killer has struck in this group. */
bool cgroup_oom_struck(const struct cgroup *group);
/* The group of that name, if it exists: nothing is made. False when there is none. */
bool cgroup_find(const char *root, const char *name, struct cgroup *ret);
/* Calls fn with the name of each group below `name` (a folder around groups). */
typedef void cgroup_name_fn(void *user, const char *name);
void cgroup_each(const char *root, const char *name, cgroup_name_fn *fn, void *user);
/* Removes the folders, and the one around them (if it is ours by its name) when it was the last
 * group in it; does nothing while processes are left (call again later). True when gone. */
bool cgroup_close(struct cgroup *group);

#endif
