/* ports.h - a port for an engine that nobody listens on now. */
#ifndef SLUICE_TARGET_PORTS_H
#define SLUICE_TARGET_PORTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rc.h"

#define PORTS_TRIED_MAX 1024 /* from the first one on, before a start is refused */

/* RC_OK: nobody listens on it, on any address of this machine; RC_CONFLICT: somebody does;
 * RC_LIMIT: no descriptor to find out. */
enum rc port_check(uint16_t port, struct diag *diag) MUST_CHECK;

/* Nobody else who asks here gets this port, in whatever process, until the descriptor is closed:
 * for the time until its engine listens. RC_CONFLICT: it is reserved; RC_LIMIT: no descriptor. */
enum rc port_reserve(uint16_t port, int *ret_fd, struct diag *diag) MUST_CHECK;

struct port_wish {
    uint16_t fixed; /* 0 = any from `first` on */
    uint16_t first;
    /* True for ports that are given to replicas which do not listen yet. */
    bool (*taken)(const void *user, uint16_t port);
    const void *user;
};
/* The port is reserved. RC_CONFLICT: the fixed one is taken; RC_LIMIT: none of PORTS_TRIED_MAX is
 * free, or no descriptor is left. */
enum rc port_choose(const struct port_wish *wish, uint16_t *ret, int *ret_fd,
                    struct diag *diag) MUST_CHECK;

#endif
