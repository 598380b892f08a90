/* worker.c - see worker.h. */
#include "io/worker.h"

#include <stdlib.h>

#include <uv.h>

#include "base/mem.h"
#include "io/loop_internal.h"

struct job {
    uv_work_t request;
    struct loop *loop;
    work_fn *work;
    work_done_fn *done;
    void *user;
};

static void job_work(uv_work_t *request)
{
    const struct job *job = request->data;
    job->work(job->user);
}

static void job_done(uv_work_t *request, int status)
{
    (void)status; /* jobs are never cancelled */
    struct job *job = request->data;
    struct loop *loop = job->loop;
    loop->jobs--;
    job->done(job->user);
    free(job);
    loop_settle(loop);
}

enum rc worker_run(struct loop *loop, work_fn *work, work_done_fn *done, void *user)
{
    if (loop->jobs >= WORKER_JOBS_MAX)
        return RC_LIMIT;
    struct job *job = mem_new(1, sizeof(*job));
    if (!job)
        return RC_NO_MEMORY;
    *job = (struct job){.loop = loop, .work = work, .done = done, .user = user};
    job->request.data = job;
    if (uv_queue_work(loop_uv(loop), &job->request, job_work, job_done) != 0) {
        free(job);
        return RC_NO_MEMORY;
    }
    loop->jobs++;
    return RC_OK;
}
