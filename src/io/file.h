/* file.h - whole files in and out, size-capped files, and noticing that a file changed. Blocking:
 * for start-up, reload and worker threads; not for the data path. */
#ifndef SLUICE_IO_FILE_H
#define SLUICE_IO_FILE_H

#include <sys/types.h>

#include "base/mem.h"
#include "io/loop.h"

/* Appends the file to *into. RC_NOT_FOUND, RC_LIMIT (larger than limit_bytes), RC_IO. */
enum rc file_read(const char *path, size_t limit_bytes, struct buf *into,
                  struct diag *diag) MUST_CHECK;
/* The file holds the old or the new bytes, never a mixture, also after a power loss. */
enum rc file_replace(const char *path, struct span bytes, mode_t mode,
                     struct diag *diag) MUST_CHECK;
/* For a file that others append to (engine output): when it is longer than cap_bytes only about its
 * last half cap stays. Where the file system can take blocks off the begin (ext4, xfs) the first
 * line may be a part and nothing is lost that is appended meanwhile; elsewhere it is cut at a line,
 * 64 MiB stay at most, and lines of that moment may be lost. Writers must have opened it with
 * O_APPEND. *ret_dropped counts the bytes taken off. */
enum rc file_keep_tail(const char *path, size_t cap_bytes, uint64_t *ret_dropped) MUST_CHECK;
/* The last lines of a file, at most limit_bytes of them. */
enum rc file_tail(const char *path, size_t lines, size_t limit_bytes, struct buf *into) MUST_CHECK;

/* What stands behind the first `from` bytes of a file, at most limit_bytes of it. */
enum rc file_read_from(const char *path, uint64_t from, size_t limit_bytes,
                       struct buf *into) MUST_CHECK;

/* Calls fn when the file was written, replaced, removed or came back; looks every interval. Follows
 * symbolic links, as mounted configuration needs. */
struct file_watch;
typedef void file_watch_fn(void *user);
struct file_watch *file_watch_new(struct loop *loop, const char *path, int64_t interval_ns,
                                  file_watch_fn *fn, void *user); /* NULL: no memory */
void file_watch_free(struct file_watch *watch);

#endif
