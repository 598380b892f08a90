/* logs.c - what engines wrote: those that run, and the last few that ended on their own. Files are
 * read in a worker. */
#include <string.h>
#include <sys/stat.h>

#include "api/handlers.h"
#include "io/file.h"
#include "io/worker.h"
#include "target/target.h"

#define LINES_DEFAULT 100
#define LINES_MAX 10000
#define LOG_BYTES_MAX ((size_t)8 << 20)
#define LOG_PIECE_BYTES ((size_t)1 << 20) /* of one answer that begins at a byte */

/* ---- which there are ---- */

struct outputs_of {
    const struct targets *targets;
    const char *pool;
    uint64_t after; /* id that was printed last */
};

/* The smallest id behind the last one. */
static bool next_output(void *user, size_t index, void *ret)
{
    struct outputs_of *list = user;
    struct target_output output;
    struct target_output best = {.replica = UINT64_MAX};
    struct stat st = {.st_size = 0};
    (void)index; /* rows are asked for in turn */
    for (size_t i = 0; targets_output_at(list->targets, i, &output); i++)
        if (output.replica > list->after && output.replica < best.replica &&
            strcmp(output.pool, list->pool) == 0)
            best = output;
    if (best.replica == UINT64_MAX)
        return false;
    list->after = best.replica;
    (void)stat(best.path, &st); /* 0 bytes when somebody has removed it */
    *(struct output_view *)ret =
        (struct output_view){.replica = best.replica, .running = best.running, .bytes = st.st_size};
    return true;
}

void handle_pool_logs(struct api_call *call)
{
    size_t pool;
    struct pool_status status;
    if (!call_pool(call, 0, &pool))
        return;
    reconcile_pool_status(control_reconcile(call->api->control), pool, &status);
    struct outputs_of list = {.targets = control_targets(call->api->control), .pool = status.name};
    const struct outputs_view view = {.logs = {next_output, &list}};
    call_answer_shape(call, &view);
}

/* ---- what stands in one ---- */

struct reading_logs {
    struct api_call *call;
    char path[1024];
    size_t lines;
    int64_t from; /* -1 = the last lines */
    enum rc rc;
};

static void read_logs(void *user)
{
    struct reading_logs *reading = user;
    struct buf *out = &reading->call->out;
    reading->rc = reading->from < 0 ? file_tail(reading->path, reading->lines, LOG_BYTES_MAX, out)
                                    : file_read_from(reading->path, (uint64_t)reading->from,
                                                     LOG_PIECE_BYTES, out);
}

static void logs_read(void *user)
{
    struct reading_logs *reading = user;
    struct api_call *call = reading->call;
    if (!api_read_ended(call))
        return;
    if (reading->rc == RC_OK)
        call_answer_text(call, 200, "text/plain; charset=utf-8");
    else
        call_failure(call, reading->rc, "id", NULL, "its output cannot be read: %s",
                     rc_words(reading->rc));
}

void handle_logs(struct api_call *call)
{
    struct buf path;
    uint64_t id = 0;
    int64_t lines = LINES_DEFAULT;
    int64_t from = -1;
    const char *text = call_part(call, 0);
    if (!call_param_int(call, "lines", 1, LINES_MAX, &lines) ||
        !call_param_int(call, "from", 0, INT64_MAX, &from))
        return;
    struct reading_logs *reading = arena_alloc(&call->arena, sizeof(*reading));
    buf_init(&path, sizeof(reading->path));
    const bool known = call_part_id(call, 0, &id) &&
                       targets_log_path(control_targets(call->api->control), id, &path);
    if (!known || reading == NULL || path.len >= sizeof(reading->path)) {
        call_failure(call, RC_NOT_FOUND, "id", text,
                     "there is no output of a replica \"%.40s\": only engines that sluice starts "
                     "write to a file of ours, and those that were stopped left none",
                     text);
    } else {
        *reading = (struct reading_logs){.call = call, .lines = (size_t)lines, .from = from};
        (void)span_copy(buf_view(&path), reading->path, sizeof(reading->path));
        api_read_begin(call, read_logs, logs_read, reading);
    }
    buf_done(&path);
}
