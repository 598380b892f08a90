/* address.c - see address.h. */
#include "io/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"

#define PORT_MAX 65535

enum rc address_parse(struct span host, uint16_t port, struct address *ret)
{
    char text[ADDRESS_TEXT_MAX];
    if (host.len >= 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']')
        host = span_slice(host, 1, host.len - 2);
    if (!span_copy(host, text, sizeof(text)))
        return RC_SYNTAX;
    struct address a = {.size = 0};
    if (inet_pton(AF_INET, text, &a.u.v4.sin_addr) == 1) {
        a.u.v4.sin_family = AF_INET;
        a.u.v4.sin_port = htons(port);
        a.size = sizeof(a.u.v4);
    } else if (inet_pton(AF_INET6, text, &a.u.v6.sin6_addr) == 1) {
        a.u.v6.sin6_family = AF_INET6;
        a.u.v6.sin6_port = htons(port);
        a.size = sizeof(a.u.v6);
    } else {
        return RC_SYNTAX;
    }
    *ret = a;
    return RC_OK;
}

enum rc address_split(struct span text, uint16_t default_port, struct span *ret_host,
                      uint16_t *ret_port)
{
    size_t colon = SIZE_MAX;
    size_t host_len = text.len;
    if (text.len > 0 && text.ptr[0] == '[') {
        const size_t end = span_find_byte(text, ']', 0);
        if (end == SIZE_MAX)
            return RC_SYNTAX;
        host_len = end + 1;
        if (host_len < text.len)
            colon = host_len;
    } else {
        colon = span_find_byte(text, ':', 0);
        if (colon != SIZE_MAX && span_find_byte(text, ':', colon + 1) != SIZE_MAX)
            colon = SIZE_MAX; /* a bare IPv6 address */
        if (colon != SIZE_MAX)
            host_len = colon;
    }
    uint16_t port = default_port;
    if (colon != SIZE_MAX) {
        int64_t value = 0;
        if (text.ptr[colon] != ':' ||
            num_parse_int(span_slice(text, colon + 1, text.len), &value) != RC_OK || value < 0 ||
            value > PORT_MAX)
            return RC_SYNTAX;
        port = (uint16_t)value;
    }
    *ret_host = span_slice(text, 0, host_len);
    *ret_port = port;
    return RC_OK;
}

enum rc address_parse_listen(struct span text, struct address *ret, struct diag *diag)
{
    struct span host = {0};
    uint16_t port = 0;
    if (address_split(text, 0, &host, &port) != RC_OK)
        return fail(diag, RC_SYNTAX,
                    "'%.*s' is not an address; wanted is HOST:PORT, as in "
                    "127.0.0.1:8080",
                    SPAN_ARG(text));
    if (host.len == 0)
        host = span_from("0.0.0.0");
    else if (span_equal_text(host, "localhost"))
        host = span_from("127.0.0.1");
    if (address_parse(host, port, ret) != RC_OK)
        return fail(diag, RC_SYNTAX, "'%.*s' is not a numeric address to listen on",
                    SPAN_ARG(host));
    return RC_OK;
}

void address_print_host(const struct address *address, char ret_text[ADDRESS_TEXT_MAX])
{
    const void *bytes = address->u.any.sa_family == AF_INET ? (const void *)&address->u.v4.sin_addr
                                                            : &address->u.v6.sin6_addr;
    if (!inet_ntop(address->u.any.sa_family, bytes, ret_text, ADDRESS_TEXT_MAX))
        ret_text[0] = '\0';
}

void address_print(const struct address *address, char ret_text[ADDRESS_TEXT_MAX])
{
    char host[ADDRESS_TEXT_MAX];
    address_print_host(address, host);
    const bool v6 = address->u.any.sa_family == AF_INET6;
    (void)snprintf(ret_text, ADDRESS_TEXT_MAX, v6 ? "[%.46s]:%u" : "%.46s:%u", host,
                   (unsigned)address_port(address)); /* always fits */
}

uint16_t address_port(const struct address *address)
{
    return ntohs(address->u.any.sa_family == AF_INET ? address->u.v4.sin_port
                                                     : address->u.v6.sin6_port);
}

bool address_is_loopback(const struct address *address)
{
    if (address->u.any.sa_family == AF_INET)
        return (ntohl(address->u.v4.sin_addr.s_addr) >> 24) == 127;
    return IN6_IS_ADDR_LOOPBACK(&address->u.v6.sin6_addr);
}
