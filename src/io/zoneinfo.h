/* zoneinfo.h - zone files of the system by name. Blocking: for start-up and reload. */
#ifndef SLUICE_IO_ZONEINFO_H
#define SLUICE_IO_ZONEINFO_H

#include "base/mem.h"
#include "base/rc.h"

/* Appends the file of an IANA zone ("Europe/Berlin"). `user` is not used: the function fits where a
 * reader of zones is wanted. RC_NOT_FOUND for unknown and impossible names, RC_LIMIT, RC_IO. */
enum rc zoneinfo_read(void *user, const char *name, struct buf *into, struct diag *diag) MUST_CHECK;

#endif
