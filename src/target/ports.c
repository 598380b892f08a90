/* ports.c - see ports.h. */
#include "target/ports.h"

#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/address.h"

/* Binding with SO_REUSEADDR passes over what is left of old connections and fails for listeners. */
static enum rc try_bind(const char *host, uint16_t port, struct diag *diag)
{
    struct address address;
    const int one = 1;
    enum rc rc = address_parse(span_from(host), port, &address);
    if (rc != RC_OK)
        return rc;
    const int fd = socket(address.u.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 && errno == EAFNOSUPPORT)
        return RC_OK; /* no such addresses here: nobody can listen on them */
    if (fd < 0)
        return fail(diag, RC_LIMIT, "no socket to look for a free port: %s", strerror(errno));
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one); /* binding tells */
    if (address.u.any.sa_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    if (bind(fd, &address.u.any, address.size) != 0 && errno != EADDRNOTAVAIL)
        rc = fail(diag, RC_CONFLICT, "port %u is taken by another process", (unsigned)port);
    (void)close(fd); /* never used */
    return rc;
}

enum rc port_check(uint16_t port, struct diag *diag)
{
    const enum rc rc = try_bind("0.0.0.0", port, diag);
    return rc == RC_OK ? try_bind("::", port, diag) : rc;
}

/* A name without a file: gone with the descriptor, and of one network as the ports are. */
enum rc port_reserve(uint16_t port, int *ret_fd, struct diag *diag)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    enum rc rc = RC_OK;
    const int len = snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "sluice-port-%u",
                             (unsigned)port);
    const socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len);
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fail(diag, RC_LIMIT, "no socket to reserve a port: %s", strerror(errno));
    if (bind(fd, (const struct sockaddr *)&address, size) != 0)
        rc = fail(diag, RC_CONFLICT, "port %u is reserved for another engine", (unsigned)port);
    if (rc == RC_OK)
        *ret_fd = fd;
    else
        (void)close(fd); /* never used */
    return rc;
}

static enum rc take_port(uint16_t port, int *ret_fd, struct diag *diag)
{
    int fd = -1;
    enum rc rc = port_reserve(port, &fd, diag);
    if (rc == RC_OK)
        rc = port_check(port, diag);
    if (rc == RC_OK)
        *ret_fd = fd;
    else if (fd >= 0)
        (void)close(fd); /* for somebody else */
    return rc;
}

enum rc port_choose(const struct port_wish *wish, uint16_t *ret, int *ret_fd, struct diag *diag)
{
    const uint32_t first = wish->fixed != 0 ? wish->fixed : wish->first;
    const uint32_t last = wish->fixed != 0 ? wish->fixed : wish->first + PORTS_TRIED_MAX - 1U;
    for (uint32_t port = first; port <= last && port <= UINT16_MAX; port++) {
        enum rc rc = RC_CONFLICT;
        if (!wish->taken(wish->user, (uint16_t)port))
            rc = take_port((uint16_t)port, ret_fd, diag);
        if (rc == RC_OK)
            *ret = (uint16_t)port;
        if (rc != RC_CONFLICT)
            return rc;
    }
    if (wish->fixed != 0)
        return fail(diag, RC_CONFLICT, "port %u is taken", (unsigned)first);
    return fail(diag, RC_LIMIT, "none of the ports %u to %u is free", (unsigned)first,
                (unsigned)(last < UINT16_MAX ? last : UINT16_MAX));
}
