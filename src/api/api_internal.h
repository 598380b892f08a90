/* api_internal.h - what the files of the API share. Not for others. */
#ifndef SLUICE_API_API_INTERNAL_H
#define SLUICE_API_API_INTERNAL_H

#include "api/api.h"
#include "api/call.h"
#include "api/rate.h"
#include "api/stream.h"
#include "api/tally.h"
#include "api/trend.h"
#include "io/worker.h"

struct api {
    struct loop *loop;
    struct control *control;
    const struct log *log;
    struct env_table env;
    char listen[TEXT_SIZE];
    bool tls;
    struct http_server *server;
    struct stream *stream;
    struct tally *tally;
    struct trend *trend;
    struct rate *rate;
    struct api_call *waiting; /* for an answer of the gateway */
    int64_t reads;            /* in workers, that run */
};

/* access.c: true when the caller may go on; else the call was answered. */
bool access_check(struct api_call *call);
/* Counts a failed signature against its address; false: too many, the call was answered. */
bool access_rate(struct api_call *call);
void access_who(struct api_call *call);

/* ---- answers that come later ---- */

/* The call waits for a callback of the gateway; a client that leaves is remembered. */
void api_wait_begin(struct api_call *call);
/* In the callback: false = nobody is there any more, the call is gone. */
bool api_wait_ended(struct api_call *call);
/* Runs `work` in a worker, then `done` on the loop, or answers that there are too many. `work` must
 * touch nothing but what belongs to the call. */
void api_read_begin(struct api_call *call, work_fn *work, work_done_fn *done, void *user);
/* In `done`: as api_wait_ended(). */
bool api_read_ended(struct api_call *call);
void api_unlist(struct api_call *call);
/* A line and a record for what control does not write down itself. */
void api_audit(struct api_call *call, const char *what, const char *pool, const char *text);

#endif
