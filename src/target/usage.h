/* usage.h - processor time and memory that the processes of one replica use. Private to targets.
 *
 * From its cgroup where it has one, else summed over the processes of its session. */
#ifndef SLUICE_TARGET_USAGE_H
#define SLUICE_TARGET_USAGE_H

#include "target/cgroup.h"
#include "target/target.h"

/* Fills cpu_s and memory_bytes; false when neither can be told. */
bool usage_read(const struct cgroup *group, pid_t leader, struct target_usage *ret);
/* What a replica without limits may use: the whole machine. */
double usage_host_cpus(void);
double usage_host_memory_bytes(void); /* 0 = unknown */

#endif
