#include "cli/trace_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define PIECE_BYTES (256U << 10)

struct trace_file {
    FILE *stream;
    const char *path;
    char piece[PIECE_BYTES];
};

static enum rc failed(const struct trace_file *file, struct diag *diag)
{
    return fail(diag, RC_IO, "%s: %s", file->path, strerror(errno));
}

static enum rc read_piece(void *user, struct span *ret, struct diag *diag)
{
    struct trace_file *file = user;
    const size_t n = fread(file->piece, 1, sizeof file->piece, file->stream);
    if (n == 0 && ferror(file->stream))
        return failed(file, diag);
    *ret = span_of(file->piece, n);
    return RC_OK;
}

static enum rc rewind_file(void *user, struct diag *diag)
{
    struct trace_file *file = user;
    if (fseek(file->stream, 0, SEEK_SET) != 0)
        return failed(file, diag);
    return RC_OK;
}

enum rc trace_file_open(const char *path, struct trace_file **ret, struct diag *diag)
{
    struct trace_file *file = mem_new(1, sizeof *file);
    if (file == NULL)
        return fail(diag, RC_NO_MEMORY, "out of memory");
    file->path = path;
    file->stream = fopen(path, "rbe");
    if (file->stream == NULL) {
        const enum rc rc = failed(file, diag);
        free(file);
        return rc;
    }
    *ret = file;
    return RC_OK;
}

void trace_file_close(struct trace_file *file)
{
    if (file == NULL)
        return;
    (void)fclose(file->stream); /* it was only read */
    free(file);
}

struct feed_file trace_file_feed(struct trace_file *file)
{
    return (struct feed_file){.read = read_piece, .rewind = rewind_file, .user = file};
}

enum rc trace_file_lengths(const char *path, struct trace_row **ret, size_t *ret_count,
                           struct diag *diag)
{
    struct trace_file *file = NULL;
    enum rc rc = trace_file_open(path, &file, diag);
    if (rc != RC_OK)
        return rc;
    const struct feed_file feed = trace_file_feed(file);
    rc = feed_read_lengths(&feed, ret, ret_count, diag);
    if (rc != RC_OK)
        diag_at(diag, "%s", path);
    trace_file_close(file);
    return rc;
}
