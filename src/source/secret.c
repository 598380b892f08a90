#include "source/secret.h"

#include "io/file.h"

#define ROOM_BYTES ((size_t)1 << 20) /* a file is read in large steps */

enum rc secret_read(const char *path, struct buf *ret, struct diag *diag)
{
    buf_init(ret, ROOM_BYTES);
    const enum rc rc = file_read(path, SECRET_BYTES_MAX, ret, diag);
    while (ret->len > 0 && (ret->ptr[ret->len - 1] == '\n' || ret->ptr[ret->len - 1] == '\r'))
        ret->len--;
    return rc;
}

void secret_done(struct buf *secret)
{
    if (secret->ptr != NULL)
        mem_wipe(secret->ptr, secret->cap);
    buf_done(secret);
}
