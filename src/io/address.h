/* address.h - numeric socket addresses: text in and out, sockets made from them. */
#ifndef SLUICE_IO_ADDRESS_H
#define SLUICE_IO_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "base/rc.h"
#include "base/span.h"

#define ADDRESS_TEXT_MAX 64

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } u;
    socklen_t size;
};

/* Numeric IPv4 or IPv6 (brackets allowed). RC_SYNTAX when it is a name. */
enum rc address_parse(struct span host, uint16_t port, struct address *ret) MUST_CHECK;
/* "127.0.0.1:8080", "[::1]:8080", ":8080" (all interfaces); port 0 is allowed. */
enum rc address_parse_listen(struct span text, struct address *ret, struct diag *diag) MUST_CHECK;
/* Cuts "host:port" or "[v6]:port"; the port may be missing (then default_port). */
enum rc address_split(struct span text, uint16_t default_port, struct span *ret_host,
                      uint16_t *ret_port) MUST_CHECK;
void address_print(const struct address *address, char ret_text[ADDRESS_TEXT_MAX]);
/* Without the port: for counting connections per peer. */
void address_print_host(const struct address *address, char ret_text[ADDRESS_TEXT_MAX]);
uint16_t address_port(const struct address *address);
bool address_is_loopback(const struct address *address);

#endif
