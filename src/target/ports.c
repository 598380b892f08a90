/* ports.c - see ports.h. */
#include "target/ports.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/address.h"

/* Binding with SO_REUSEADDR passes over what is left of old connections and fails for listeners. */
static bool can_bind(const char *host, uint16_t port)
{
    struct address address;
    const int one = 1;
    if (address_parse(span_from(host), port, &address) != RC_OK)
        return false;
    const int fd = socket(address.u.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno == EAFNOSUPPORT; /* no such addresses here: nobody can listen on them */
    bool fine = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0;
    if (fine && address.u.any.sa_family == AF_INET6)
        fine = setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) == 0;
    if (fine)
        fine = bind(fd, &address.u.any, address.size) == 0 || errno == EADDRNOTAVAIL;
    (void)close(fd); /* never used */
    return fine;
}

bool port_is_free(uint16_t port)
{
    return can_bind("0.0.0.0", port) && can_bind("::", port);
}

enum rc port_choose(const struct port_wish *wish, uint16_t *ret, struct diag *diag)
{
    if (wish->fixed != 0) {
        if (wish->taken(wish->user, wish->fixed) || !port_is_free(wish->fixed))
            return fail(diag, RC_CONFLICT, "port %u is taken by another process",
                        (unsigned)wish->fixed);
        *ret = wish->fixed;
        return RC_OK;
    }
    uint32_t port = wish->first;
    for (int i = 0; i < PORTS_TRIED_MAX && port <= UINT16_MAX; i++, port++) {
        if (wish->taken(wish->user, (uint16_t)port) || !port_is_free((uint16_t)port))
            continue;
        *ret = (uint16_t)port;
        return RC_OK;
    }
    return fail(diag, RC_LIMIT, "none of the ports %u to %u is free", (unsigned)wish->first,
                (unsigned)port - 1);
}
