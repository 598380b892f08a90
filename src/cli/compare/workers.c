#include "cli/compare/workers.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static size_t cores(void)
{
    const long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (size_t)n : 1;
}

/* True when a child was made. */
static bool begin(const struct workers *workers, size_t index)
{
    (void)fflush(NULL); /* or the child would print it again */
    const pid_t child = fork();
    if (child > 0)
        return true;
    if (child == 0) /* what is broken off leaves nobody behind */
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    workers->task(workers->user, index);
    if (child == 0)
        _exit(0);
    return false;
}

void workers_run(const struct workers *workers, size_t count, size_t processes)
{
    const size_t most = processes > 0 ? processes : cores();
    size_t next = 0;
    size_t running = 0;
    size_t ended = 0;
    while (ended < count) {
        while (next < count && running < most) {
            if (begin(workers, next++))
                running++;
            else
                ended++;
        }
        if (running > 0 && wait(NULL) > 0) {
            running--;
            ended++;
        } else {
            ended += running; /* nobody is left to wait for */
            running = 0;
        }
        if (workers->ended != NULL)
            workers->ended(workers->user, ended, count);
    }
}
