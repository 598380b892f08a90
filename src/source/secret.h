/* secret.h - a secret out of a file, read each time it is needed: it may be renewed at any time. */
#ifndef SLUICE_SOURCE_SECRET_H
#define SLUICE_SOURCE_SECRET_H

#include "base/mem.h"
#include "base/rc.h"

#define SECRET_BYTES_MAX 16384

/* Without the line feeds at its end. `ret` is initialised here; secret_done() wipes it, also after
 * a failure. Errors of file_read(). */
enum rc secret_read(const char *path, struct buf *ret, struct diag *diag) MUST_CHECK;
void secret_done(struct buf *secret);

#endif
