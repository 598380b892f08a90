/* launch.h - command and environment of one replica, ready for exec; and the mark in them by which
 * it is found again. */
#ifndef SLUICE_TARGET_LAUNCH_H
#define SLUICE_TARGET_LAUNCH_H

#include "base/mem.h"
#include "config/config.h"
#include "target/mark.h"

#define LAUNCH_BYTES_MAX (4U << 20)

struct launch_values {
    const char *installation;
    uint64_t replica;
    uint16_t class_;
    uint16_t port;
    uint64_t hash;
    const char *gpus; /* "" = none assigned */
    double gpu_share;
    const char *group; /* name of its cgroup; "" = none */
};

struct launch {
    struct arena arena;
    const char **argv; /* NULL-terminated */
    const char **envp;
    size_t env_count;
    char *pid_slot;         /* MARK_PID_DIGITS characters inside an entry of envp */
    const char *workdir;    /* NULL = ours */
    const char *log_folder; /* "" = the usual one */
};

/* RC_NO_MEMORY, RC_LIMIT. launch_done() also after a failure. */
enum rc launch_init(struct launch *launch, const struct pool_config *pool,
                    const struct launch_values *values, struct diag *diag) MUST_CHECK;
void launch_done(struct launch *launch);

#endif
