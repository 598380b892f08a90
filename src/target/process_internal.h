/* process_internal.h - one replica that is a process of this machine. Private to the process
 * target: process.c starts and stops, process_scan.c adopts. */
#ifndef SLUICE_TARGET_PROCESS_INTERNAL_H
#define SLUICE_TARGET_PROCESS_INTERNAL_H

#include "target/spawn.h"
#include "target/target_internal.h"

#define PROCESS_HOST "127.0.0.1" /* engines listen on this machine */

struct process_replica {
    struct replica base;
    struct child child;         /* pid 0 = none, or ended */
    pid_t leader;               /* as its mark says; stays after the end */
    bool attached;              /* child holds a pidfd of ours */
    struct watch *watch;        /* of the pidfd */
    struct watch *launch_watch; /* of the report whether it became its program */
    struct diag launch;         /* code not RC_OK: it could not, and why */
    struct timer timer;         /* end of the grace, then of the wait for what is left */
    bool port_reserved;         /* by port_fd, until the engine listens */
    int port_fd;
    struct cgroup group;
    char group_name[CGROUP_PATH_SIZE]; /* "" = none */
    struct gpu_grant grant;
    char gpus[GPU_IDS_SIZE]; /* "" = none assigned */
    double gpu_share;
    struct ready_spec ready;
    int stop_signal; /* of the system */
    int64_t stop_grace_ns;
    double memory_bytes; /* limit; 0 = none */
    bool asked;          /* to end */
    bool killed;         /* SIGKILL was sent by us */
    bool leaving;        /* its leader has ended; the rest of its processes is being ended */
    bool oom;            /* the kernel's memory killer struck in its group */
    int leaving_tries;
    struct child_end end;
};

static inline struct process_replica *process_of(struct replica *r)
{
    return (struct process_replica *)r; /* base is the first member */
}
static inline const struct process_replica *process_of_const(const struct replica *r)
{
    return (const struct process_replica *)r;
}

/* Copies what a running replica follows of its configuration. */
void process_follow(struct process_replica *p, const struct process_target *target);
/* Watches the end of the child, and whether it becomes its program where that is not known yet;
 * then it is probed. RC_NO_MEMORY. */
enum rc process_watch(struct process_replica *p, struct diag *diag) MUST_CHECK;
void process_free_port(struct process_replica *p);
/* Lets go of everything and tells the end. */
void process_finish(struct process_replica *p);
/* The outcome of the launch is there, or may be. */
void process_on_report(void *replica, unsigned events);
void process_on_timer(void *replica);
/* Its output goes to path. RC_NO_MEMORY. */
enum rc process_open_log(struct process_replica *p, const char *path, double bytes_max,
                         struct diag *diag) MUST_CHECK;
/* The child has ended, or may have. */
void process_on_exit(void *replica, unsigned events);
/* The replica's leader is gone; ends what is left of it, then tells its end. Again each time that
 * the timer asks for it. */
void process_leave(struct process_replica *p);
/* "sluice-INSTALLATION/POOL-REPLICA" */
void process_group_name(const struct replica *r, char ret_name[CGROUP_PATH_SIZE]);

void process_scan(struct targets *t, const struct span *recorded, size_t count);
/* SIGKILL to all processes that its leader started, by their mark, whatever group they went into.
 * Returns how many there were. */
size_t process_end_leftovers(const struct process_replica *p);

#endif
