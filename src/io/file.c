/* file.c - see file.h. */
#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_STEP_BYTES 65536
#define TAIL_BYTES_MAX (64U << 20) /* passes through memory */

enum rc file_read(const char *path, size_t limit_bytes, struct buf *into, struct diag *diag)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail(diag, errno == ENOENT ? RC_NOT_FOUND : RC_IO, "cannot read %s: %s", path,
                    strerror(errno));
    enum rc rc = RC_OK;
    const size_t before = into->len;
    while (rc == RC_OK) {
        if (!buf_reserve(into, READ_STEP_BYTES)) {
            rc = fail(diag, RC_LIMIT, "%s is larger than the buffer for it", path);
            break;
        }
        const ssize_t n = read(fd, into->ptr + into->len, READ_STEP_BYTES);
        if (n == 0)
            break;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            rc = fail(diag, RC_IO, "cannot read %s: %s", path, strerror(errno));
        } else {
            into->len += (size_t)n;
            if (into->len - before > limit_bytes)
                rc = fail(diag, RC_LIMIT, "%s is larger than %zu bytes", path, limit_bytes);
        }
    }
    (void)close(fd); /* only read from */
    if (rc != RC_OK)
        into->len = before;
    return rc;
}

static bool write_all(int fd, struct span bytes)
{
    while (bytes.len > 0) {
        const ssize_t n = write(fd, bytes.ptr, bytes.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes = span_slice(bytes, (size_t)n, bytes.len);
    }
    return true;
}

/* The directory entry must be durable too. */
static void sync_folder(const char *path)
{
    char folder[4096];
    const char *slash = strrchr(path, '/');
    const size_t len = slash ? (size_t)(slash - path) : 0;
    if (len >= sizeof(folder))
        return;
    memcpy(folder, path, len);
    folder[len] = '\0';
    const int fd = open(len > 0 ? folder : slash ? "/" : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)fsync(fd); /* some file systems refuse it for folders; the data itself is safe */
    (void)close(fd); /* only read from */
}

enum rc file_replace(const char *path, struct span bytes, mode_t mode, struct diag *diag)
{
    char temporary[4096];
    const int len = snprintf(temporary, sizeof(temporary), "%s.new-%ld", path, (long)getpid());
    if (len < 0 || (size_t)len >= sizeof(temporary))
        return fail(diag, RC_LIMIT, "the path %s is too long", path);
    const int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0)
        return fail(diag, RC_IO, "cannot create %s: %s", temporary, strerror(errno));
    const bool written = write_all(fd, bytes) && fsync(fd) == 0;
    const int error = errno;
    if (close(fd) != 0 || !written || rename(temporary, path) != 0) {
        const int shown = written ? errno : error;
        (void)unlink(temporary); /* best effort: it has a name of its own */
        return fail(diag, RC_IO, "cannot write %s: %s", path, strerror(shown));
    }
    sync_folder(path);
    return RC_OK;
}

/* Takes whole blocks off the begin in one step: nothing is lost of what is appended meanwhile. Some
 * file systems cannot (tmpfs, btrfs), and a file of a few blocks has none to take. */
static bool collapse(int fd, const struct stat *st, size_t cap_bytes, uint64_t *ret_dropped)
{
    const off_t block = st->st_blksize > 0 ? (off_t)st->st_blksize : 4096;
    const off_t drop = (st->st_size - (off_t)(cap_bytes / 2)) / block * block;
    if (drop <= 0 || (uint64_t)(st->st_size - drop) > cap_bytes ||
        fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, drop) != 0)
        return false;
    *ret_dropped = (uint64_t)drop;
    return true;
}

/* Through memory; what is appended between reading and cutting is lost. */
static enum rc rewrite_tail(int fd, const struct stat *st, size_t cap_bytes, uint64_t *ret_dropped)
{
    const size_t keep = cap_bytes / 2 < TAIL_BYTES_MAX ? cap_bytes / 2 : TAIL_BYTES_MAX;
    char *tail = malloc(keep + 1);
    if (!tail)
        return RC_NO_MEMORY;
    enum rc rc = RC_IO;
    const ssize_t n = pread(fd, tail, keep, st->st_size - (off_t)keep);
    if (n >= 0 && ftruncate(fd, 0) == 0) {
        const char *line = memchr(tail, '\n', (size_t)n);
        const size_t skip = line ? (size_t)(line - tail) + 1 : 0;
        *ret_dropped = (uint64_t)st->st_size - (uint64_t)n + skip;
        rc = write_all(fd, span_of(tail + skip, (size_t)n - skip)) ? RC_OK : RC_IO;
    }
    free(tail);
    return rc;
}

enum rc file_keep_tail(const char *path, size_t cap_bytes, uint64_t *ret_dropped)
{
    *ret_dropped = 0;
    struct stat st;
    const int fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? RC_NOT_FOUND : RC_IO;
    enum rc rc = fstat(fd, &st) == 0 ? RC_OK : RC_IO;
    if (rc == RC_OK && (uint64_t)st.st_size > cap_bytes &&
        !collapse(fd, &st, cap_bytes, ret_dropped))
        rc = rewrite_tail(fd, &st, cap_bytes, ret_dropped);
    (void)close(fd); /* output of others: nothing to report */
    return rc;
}

enum rc file_tail(const char *path, size_t lines, size_t limit_bytes, struct buf *into)
{
    struct stat st;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? RC_NOT_FOUND : RC_IO;
    enum rc rc = fstat(fd, &st) == 0 ? RC_OK : RC_IO;
    if (rc == RC_OK) {
        const size_t n = (uint64_t)st.st_size < limit_bytes ? (size_t)st.st_size : limit_bytes;
        char *bytes = malloc(n + 1);
        const ssize_t got = bytes ? pread(fd, bytes, n, st.st_size - (off_t)n) : -1;
        if (got < 0) {
            rc = bytes ? RC_IO : RC_NO_MEMORY;
        } else {
            size_t from = (size_t)got;
            size_t seen = 0;
            while (from > 0 && (bytes[from - 1] != '\n' || from == (size_t)got || ++seen < lines))
                from--;
            buf_append(into, bytes + from, (size_t)got - from);
            rc = into->failed ? RC_LIMIT : RC_OK;
        }
        free(bytes);
    }
    (void)close(fd); /* only read from */
    return rc;
}

enum rc file_read_from(const char *path, uint64_t from, size_t limit_bytes, struct buf *into)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? RC_NOT_FOUND : RC_IO;
    enum rc rc = from > INT64_MAX || !buf_reserve(into, limit_bytes) ? RC_LIMIT : RC_OK;
    if (rc == RC_OK) {
        const ssize_t n = pread(fd, into->ptr + into->len, limit_bytes, (off_t)from);
        if (n >= 0)
            into->len += (size_t)n;
        else
            rc = RC_IO;
    }
    (void)close(fd); /* only read from */
    return rc;
}

struct file_watch {
    struct timer timer;
    file_watch_fn *fn;
    void *user;
    int64_t interval_ns;
    struct stat seen;
    char path[];
};

static void look(const struct file_watch *watch, struct stat *ret)
{
    if (stat(watch->path, ret) != 0)
        *ret = (struct stat){0};
}

static void on_look(void *user)
{
    struct file_watch *watch = user;
    struct stat now;
    look(watch, &now);
    timer_after(&watch->timer, watch->interval_ns);
    const struct stat *was = &watch->seen;
    if (now.st_ino == was->st_ino && now.st_dev == was->st_dev && now.st_size == was->st_size &&
        now.st_mtim.tv_sec == was->st_mtim.tv_sec && now.st_mtim.tv_nsec == was->st_mtim.tv_nsec)
        return;
    watch->seen = now;
    watch->fn(watch->user);
}

struct file_watch *file_watch_new(struct loop *loop, const char *path, int64_t interval_ns,
                                  file_watch_fn *fn, void *user)
{
    const size_t len = strlen(path);
    struct file_watch *watch = mem_new(1, sizeof(*watch) + len + 1);
    if (!watch)
        return NULL;
    memcpy(watch->path, path, len + 1);
    watch->fn = fn;
    watch->user = user;
    watch->interval_ns = interval_ns;
    if (timer_init(&watch->timer, loop, on_look, watch) != RC_OK) {
        free(watch);
        return NULL;
    }
    look(watch, &watch->seen);
    timer_after(&watch->timer, interval_ns);
    return watch;
}

void file_watch_free(struct file_watch *watch)
{
    if (!watch)
        return;
    timer_done(&watch->timer);
    free(watch);
}
