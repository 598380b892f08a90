/* trace_file.h - a trace on disk, read in pieces. */
#ifndef SLUICE_CLI_TRACE_FILE_H
#define SLUICE_CLI_TRACE_FILE_H

#include "sim/feed.h"

struct trace_file;

/* RC_IO, RC_NOT_FOUND with words. */
enum rc trace_file_open(const char *path, struct trace_file **ret, struct diag *diag) MUST_CHECK;
void trace_file_close(struct trace_file *file);
struct feed_file trace_file_feed(struct trace_file *file); /* valid while it is open */
/* Pairs of lengths of a file of requests or lengths; free the array. */
enum rc trace_file_lengths(const char *path, struct trace_row **ret, size_t *ret_count,
                           struct diag *diag) MUST_CHECK;

#endif
