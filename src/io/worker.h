/* worker.h - work that may block, done in the thread pool: compression, large JSON, disk. */
#ifndef SLUICE_IO_WORKER_H
#define SLUICE_IO_WORKER_H

#include "io/loop.h"

#define WORKER_JOBS_MAX 1024 /* waiting or running, per loop */

typedef void work_fn(void *user);      /* in a pool thread */
typedef void work_done_fn(void *user); /* on the loop, after work; always called once */
/* RC_NO_MEMORY or RC_LIMIT: neither function will be called. The loop must run until done. */
enum rc worker_run(struct loop *loop, work_fn *work, work_done_fn *done, void *user) MUST_CHECK;

#endif
