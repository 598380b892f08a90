/* workers.h - many independent tasks on all cores: a process each, so that a task that dies takes
 * nothing with it. What a task finds out it leaves in files. */
#ifndef SLUICE_CLI_COMPARE_WORKERS_H
#define SLUICE_CLI_COMPARE_WORKERS_H

#include <stddef.h>

typedef void workers_task_fn(void *user, size_t index);
/* Told in the caller's process after each task that ended; may be NULL. */
typedef void workers_ended_fn(void *user, size_t ended, size_t count);

struct workers {
    workers_task_fn *task;
    workers_ended_fn *ended;
    void *user;
};

/* Runs task 0 to count - 1, at most `processes` at a time (0: as many as there are cores). Where no
 * process can be made the task runs here. */
void workers_run(const struct workers *workers, size_t count, size_t processes);

#endif
