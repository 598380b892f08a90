/* access.c - who may call: names of hosts, origins of pages, the token, and how often.
 *
 * A page of another site must not reach a sluice on this machine through the reader's browser: with
 * DNS rebinding its requests carry the page's host name, so only names of this machine are taken
 * where no token is asked for; requests that change something must not come from another origin. */
#include <stdio.h>
#include <string.h>

#include "api/api_internal.h"
#include "base/num.h"
#include "io/address.h"
#include "io/clock.h"
#include "io/digest.h"

static struct span host_of(struct span authority)
{
    struct span host = authority;
    uint16_t port;
    if (address_split(authority, 0, &host, &port) != RC_OK)
        host = authority;
    if (host.len > 2 && host.ptr[0] == '[')
        host = span_slice(host, 1, host.len - 2);
    return host;
}

/* "localhost", numeric loopback, or the address we listen on. */
static bool is_own_host(const struct api *api, struct span authority)
{
    struct address address;
    const struct span host = host_of(authority);
    if (span_equal_text_nocase(host, "localhost"))
        return true;
    if (address_parse(host, 0, &address) == RC_OK && address_is_loopback(&address))
        return true;
    return host.len > 0 && span_equal_nocase(host, host_of(span_from(api->listen)));
}

static bool is_listed(const char *hosts, struct span authority)
{
    struct span rest = span_from(hosts);
    struct span name;
    while (span_split(&rest, ',', &name))
        if (name.len > 0 && span_equal_nocase(span_trim(name), host_of(authority)))
            return true;
    return false;
}

static bool check_host(struct api_call *call, bool has_token)
{
    const char *hosts = control_config(call->api->control)->listen.admin_hosts;
    const struct span host = http_header_get(http_request_head(call->request), "host");
    char text[96];
    if ((has_token && hosts[0] == '\0') || is_own_host(call->api, host) || is_listed(hosts, host))
        return true;
    (void)span_copy(host, text, sizeof(text));
    call_failure(
        call, RC_DENIED, "Host", text,
        "requests for the host \"%s\" are not served: use the address or localhost, or name "
        "it in listen.adminHosts",
        text);
    return false;
}

/* Browsers send Origin with whatever changes something; other clients send none. */
static bool check_origin(struct api_call *call)
{
    const struct http_head *head = http_request_head(call->request);
    const struct span origin = http_header_get(head, "origin");
    const struct span host = http_header_get(head, "host");
    char text[96];
    if (origin.ptr == NULL)
        return true;
    const size_t slashes = span_find(origin, span_from("://"), 0);
    if (slashes != SIZE_MAX && span_equal_nocase(span_slice(origin, slashes + 3, origin.len), host))
        return true;
    (void)span_copy(origin, text, sizeof(text));
    call_failure(call, RC_DENIED, "Origin", text, "a page of \"%s\" may not change anything here",
                 text);
    return false;
}

/* The lengths may differ: digests are compared, in constant time. */
static bool is_token(struct span given, const char *wanted)
{
    unsigned char a[DIGEST_SHA256_SIZE];
    unsigned char b[DIGEST_SHA256_SIZE];
    digest_sha256(given, a);
    digest_sha256(span_from(wanted), b);
    return digest_equal(a, b, sizeof(a));
}

/* Nobody changes things, or guesses tokens, faster than the bucket of its address allows. */
static bool check_rate(struct api_call *call)
{
    char peer[ADDRESS_TEXT_MAX];
    char line[48];
    int64_t wait_ns = 0;
    address_print_host(http_request_peer(call->request), peer);
    if (rate_take(call->api->rate, span_from(peer), clock_monotonic_ns(), &wait_ns))
        return true;
    struct shape_problem problem = {.code = RC_LIMIT, .place = "rate"};
    const int64_t seconds = wait_ns / SECOND_NS + 1;
    (void)snprintf(problem.text, sizeof(problem.text),
                   "too many changes or wrong tokens from %s: try again in %lld s", peer,
                   (long long)seconds);
    (void)snprintf(line, sizeof(line), "retry-after: %lld\r\n", (long long)seconds);
    call_refuse(call, 429, line, &problem);
    return false;
}

/* The value of a character of base64; -1 for none. */
static int sextet(char c)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c != '\0' ? strchr(alphabet, c) : NULL;
    return at != NULL ? (int)(at - alphabet) : -1;
}

/* A browser asks its reader for name and password: any name, the token as password. */
static bool is_basic(struct span encoded, const char *token)
{
    char text[TEXT_SIZE + NAME_SIZE];
    size_t len = 0;
    unsigned bits = 0;
    unsigned have = 0;
    while (encoded.len > 0 && encoded.ptr[encoded.len - 1] == '=')
        encoded.len--;
    for (size_t i = 0; i < encoded.len; i++) {
        const int six = sextet(encoded.ptr[i]);
        if (six < 0 || len == sizeof(text))
            return false;
        bits = (bits << 6 | (unsigned)six) & 0xfffU;
        have += 6;
        if (have >= 8) {
            have -= 8;
            text[len++] = (char)(bits >> have & 0xffU);
        }
    }
    const struct span both = span_of(text, len);
    const size_t colon = span_find_byte(both, ':', 0);
    const bool right = colon != SIZE_MAX && is_token(span_slice(both, colon + 1, len), token);
    mem_wipe(text, sizeof(text));
    return right;
}

static bool shows_token(struct span header, const char *token)
{
    if (span_equal_text_nocase(span_slice(header, 0, 7), "Bearer "))
        return is_token(span_trim(span_slice(header, 7, header.len)), token);
    if (span_equal_text_nocase(span_slice(header, 0, 6), "Basic "))
        return is_basic(span_trim(span_slice(header, 6, header.len)), token);
    return false;
}

static bool check_token(struct api_call *call, const char *token)
{
    const struct span header = http_header_get(http_request_head(call->request), "authorization");
    const bool page = strcmp(call->route->pattern, "/") == 0; /* a person with a browser */
    if (shows_token(header, token))
        return true;
    const struct shape_problem problem = {
        .code = RC_DENIED,
        .place = "Authorization",
        .allowed = "Bearer TOKEN",
        .text = "the token is missing or wrong: send \"Authorization: Bearer TOKEN\" with the "
                "listen.adminToken of the configuration"};
    if (check_rate(call))
        call_refuse(call, 401,
                    page ? "www-authenticate: Basic realm=\"sluice: the token as password\"\r\n"
                         : "www-authenticate: Bearer realm=\"sluice\"\r\n",
                    &problem);
    return false;
}

/* Which access a lesser token gives; ACCESS_OPEN: none of them is shown. */
static enum api_access lesser_access(const struct api_call *call, const struct listen_spec *listen)
{
    const struct span header = http_header_get(http_request_head(call->request), "authorization");
    if (listen->operate_token[0] != '\0' && shows_token(header, listen->operate_token))
        return ACCESS_OPERATE;
    if (listen->read_token[0] != '\0' && shows_token(header, listen->read_token))
        return ACCESS_READ;
    return ACCESS_OPEN;
}

static bool check_role(struct api_call *call, const struct listen_spec *listen)
{
    const enum api_access given = lesser_access(call, listen);
    if (given == ACCESS_OPEN)
        return check_token(call, listen->admin_token);
    if (given >= call->route->access)
        return true;
    const struct shape_problem problem = {
        .code = RC_DENIED,
        .place = "Authorization",
        .text = "this token may not do that: listen.operateToken may change pools, "
                "listen.adminToken everything"};
    call_refuse(call, 403, "", &problem);
    return false;
}

bool access_rate(struct api_call *call)
{
    return check_rate(call);
}

bool access_check(struct api_call *call)
{
    const struct listen_spec *listen = &control_config(call->api->control)->listen;
    if (call->route->access == ACCESS_OPEN)
        return true;
    if (call->route->access == ACCESS_SIGNED)
        return true; /* the handler looks at the signature */
    const bool has_token = listen->admin_token[0] != '\0';
    if (!check_host(call, has_token))
        return false;
    if (call->route->access >= ACCESS_OPERATE && (!check_origin(call) || !check_rate(call)))
        return false;
    return !has_token || check_role(call, listen);
}

void access_who(struct api_call *call)
{
    char peer[ADDRESS_TEXT_MAX];
    const struct span agent = http_header_get(http_request_head(call->request), "user-agent");
    address_print_host(http_request_peer(call->request), peer);
    (void)snprintf(call->who, sizeof(call->who), "%s%s%.*s", peer, agent.len > 0 ? " " : "",
                   (int)(agent.len < 64 ? agent.len : 64), agent.len > 0 ? agent.ptr : "");
}
