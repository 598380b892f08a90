#include "cli/client.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/duration.h"
#include "cli/load.h"
#include "io/address.h"
#include "io/env.h"
#include "io/file.h"
#include "io/http_fetch.h"
#include "io/http_server.h"
#include "io/tls.h"

#define ANSWER_BYTES_MAX ((size_t)64 << 20)

/* ---- where, and with which token ---- */

/* There the API speaks plain HTTP. */
static bool is_loopback(const char *text)
{
    struct address address;
    return address_parse_listen(span_from(text), &address, NULL) == RC_OK &&
           address_is_loopback(&address);
}

static enum rc read_config(struct client *client, const char *file, struct diag *diag)
{
    struct problem_list problems;
    struct buf text;
    problem_list_init(&problems);
    struct config *config = load_config(file, &problems, &text);
    enum rc rc = RC_OK;
    if (config == NULL) {
        const char *first = problems.count > 0 ? problems.item[0].text : "it cannot be read";
        rc = fail(diag, RC_INVALID, "%s: %s (sluice check tells everything)", file, first);
    } else if (config->listen.admin[0] == '\0') {
        rc = fail(diag, RC_MISSING, "%s: listen.admin is empty: that sluice has no API", file);
    } else {
        memcpy(client->address, config->listen.admin, sizeof(client->address));
        memcpy(client->token, config->listen.admin_token, sizeof(client->token));
        mem_wipe(config->listen.admin_token, sizeof(config->listen.admin_token));
        memcpy(client->trust, config->listen.tls_certificate, sizeof(client->trust));
        client->tls = client->trust[0] != '\0' && !is_loopback(client->address);
    }
    config_free(config);
    buf_done(&text);
    problem_list_done(&problems);
    return rc;
}

static enum rc read_token(struct client *client, const char *file, struct diag *diag)
{
    struct buf text;
    buf_init(&text, 1U << 20);
    enum rc rc = file_read(file, 4096, &text, diag);
    struct span token = span_trim(buf_view(&text));
    while (token.len > 0 && (token.ptr[token.len - 1] == '\n' || token.ptr[token.len - 1] == '\r'))
        token.len--;
    if (rc == RC_OK && !span_copy(token, client->token, sizeof(client->token)))
        rc = fail(diag, RC_LIMIT, "%s holds no token: more than %zu bytes", file,
                  sizeof(client->token) - 1);
    mem_wipe(text.ptr, text.len);
    buf_done(&text);
    return rc;
}

/* All addresses of this machine: the first one is here. */
static void choose_loopback(struct client *client)
{
    struct address address;
    if (address_parse_listen(span_from(client->address), &address, NULL) != RC_OK)
        return;
    const bool any4 = address.u.any.sa_family == AF_INET && address.u.v4.sin_addr.s_addr == 0;
    const bool any6 = address.u.any.sa_family == AF_INET6 &&
                      memcmp(&address.u.v6.sin6_addr, &in6addr_any, sizeof(in6addr_any)) == 0;
    if (any4 || any6)
        (void)snprintf(client->address, sizeof(client->address), "127.0.0.1:%u",
                       (unsigned)address_port(&address));
}

static enum rc set_address(struct client *client, const char *text, struct diag *diag)
{
    struct span address = span_from(text);
    client->tls = span_starts_with(address, "https://");
    if (client->tls)
        address = span_slice(address, 8, address.len);
    else if (span_starts_with(address, "http://"))
        address = span_slice(address, 7, address.len);
    const size_t slash = span_find_byte(address, '/', 0);
    if (slash != SIZE_MAX)
        address.len = slash;
    if (address.len == 0 || !span_copy(address, client->address, sizeof(client->address)))
        return fail(diag, RC_INVALID, "\"%s\" is no HOST:PORT", text);
    return RC_OK;
}

enum rc client_init(struct client *client, const struct client_options *options, struct diag *diag)
{
    const char *address = options->admin != NULL ? options->admin : env_get("SLUICE_ADMIN");
    const char *token = env_get("SLUICE_TOKEN");
    enum rc rc = RC_OK;
    *client = (struct client){.address = CLIENT_ADDRESS_DEFAULT};
    if (options->config != NULL)
        rc = read_config(client, options->config, diag);
    if (rc == RC_OK && token != NULL)
        (void)span_copy(span_from(token), client->token, sizeof(client->token));
    if (rc == RC_OK && options->token_file != NULL)
        rc = read_token(client, options->token_file, diag);
    if (rc == RC_OK && address != NULL &&
        (options->admin != NULL || options->config == NULL)) /* a file says it better than $... */
        rc = set_address(client, address, diag);
    if (rc == RC_OK)
        choose_loopback(client);
    return rc;
}

void client_done(struct client *client)
{
    mem_wipe(client->token, sizeof(client->token));
}

/* ---- one call ---- */

void client_encode(struct buf *path, const char *text)
{
    for (; *text != '\0'; text++) {
        const unsigned char c = (unsigned char)*text;
        const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                           (c >= 'A' && c <= 'Z') || strchr("-._~", c) != NULL;
        if (plain)
            buf_byte(path, (char)c);
        else
            buf_printf(path, "%%%02X", (unsigned)c);
    }
}

static void put_lines(const struct client *client, bool has_body, struct buf *lines)
{
    const char *user = env_get("USER");
    char agent[96];
    (void)snprintf(agent, sizeof(agent), "sluice/" SLUICE_VERSION "%s%.60s%s",
                   user != NULL ? " (" : "", user != NULL ? user : "", user != NULL ? ")" : "");
    (void)http_line_text(lines, "user-agent", agent); /* left out when it holds a line end */
    if (has_body)
        (void)http_line_text(lines, "content-type", "application/json");
    if (client->token[0] != '\0') {
        buf_text(lines, "authorization: Bearer ");
        buf_text(lines, client->token);
        buf_text(lines, "\r\n");
    }
}

static enum rc explain_failure(const struct client *client, enum rc rc, struct diag *diag)
{
    if (rc == RC_REFUSED)
        return fail(diag, rc,
                    "nothing listens at %s: is sluice running? Say where with --admin HOST:PORT or "
                    "--config FILE",
                    client->address);
    if (client->tls && (rc == RC_CLOSED || rc == RC_IO))
        return fail(
            diag, rc,
            "%s speaks no TLS, or its certificate is not trusted here: --config FILE trusts "
            "the one that FILE names",
            client->address);
    if (rc == RC_TIMEOUT)
        return fail(diag, rc, "%s does not answer", client->address);
    return rc; /* its words are good */
}

static enum rc explain_error(const struct client *client, int status, const struct tree *json,
                             struct diag *diag)
{
    const struct span words = client_text(json, "error.message");
    if (words.len == 0)
        return fail(diag, RC_INVALID,
                    "%s answers %d, which the API of a sluice does not: is it one?",
                    client->address, status);
    if (status == 401)
        return fail(diag, RC_DENIED,
                    "a token is wanted, or another one: set SLUICE_TOKEN, or say --token-file FILE "
                    "or --config FILE");
    return fail(diag, RC_INVALID, "%.*s", SPAN_ARG(words));
}

/* One request; the body of the answer goes to *ret. Words for what keeps it from coming. */
static enum rc exchange(const struct client *client, const char *method, const char *path,
                        struct span body, int *ret_status, struct buf *ret, struct diag *diag)
{
    struct buf lines;
    struct buf url;
    struct tls_context *tls = NULL;
    enum rc rc = RC_OK;
    if (client->tls)
        rc = tls_client_new(client->trust[0] != '\0' ? client->trust : NULL, &tls, diag);
    if (rc != RC_OK)
        return rc;
    buf_init(&lines, HTTP_HEAD_BYTES_MAX);
    buf_init(&url, HTTP_HEAD_BYTES_MAX);
    put_lines(client, body.ptr != NULL, &lines);
    buf_printf(&url, "http%s://%s%s", client->tls ? "s" : "", client->address, path);
    const struct http_fetch_options options = {.method = method,
                                               .url = buf_view(&url),
                                               .lines = buf_view(&lines),
                                               .body = body,
                                               .timeout_ns = CLIENT_TIMEOUT_NS,
                                               .body_bytes_max = ANSWER_BYTES_MAX,
                                               .tls = tls};
    rc = http_fetch_wait(&options, ret_status, ret, diag);
    tls_context_free(tls);
    mem_wipe(lines.ptr, lines.len); /* the token */
    buf_done(&lines);
    buf_done(&url);
    return rc == RC_OK ? RC_OK : explain_failure(client, rc, diag);
}

static void answer_init(struct client_answer *answer)
{
    *answer = (struct client_answer){.json = NULL};
    arena_init(&answer->arena, 8 * ANSWER_BYTES_MAX);
    buf_init(&answer->body, ANSWER_BYTES_MAX + 1);
}

enum rc client_call(const struct client *client, const char *method, const char *path,
                    struct span body, struct client_answer *ret, struct diag *diag)
{
    int status = 0;
    answer_init(ret);
    const enum rc rc = exchange(client, method, path, body, &status, &ret->body, diag);
    if (rc != RC_OK)
        return rc;
    if (json_read(&ret->arena, buf_view(&ret->body), NULL, &ret->json, NULL) != RC_OK)
        ret->json = NULL;
    if (status < 200 || status > 299 || ret->json == NULL)
        return explain_error(client, status, ret->json, diag);
    return RC_OK;
}

enum rc client_read(const struct client *client, const char *path, struct client_answer *ret,
                    struct diag *diag)
{
    int status = 0;
    answer_init(ret);
    const enum rc rc = exchange(client, "GET", path, (struct span){0}, &status, &ret->body, diag);
    if (rc != RC_OK || (status >= 200 && status <= 299))
        return rc;
    if (json_read(&ret->arena, buf_view(&ret->body), NULL, &ret->json, NULL) != RC_OK)
        ret->json = NULL;
    return explain_error(client, status, ret->json, diag);
}

void client_answer_done(struct client_answer *answer)
{
    arena_done(&answer->arena);
    buf_done(&answer->body);
}

int client_run(const struct command_ops *command, const struct client_options *options,
               const char *method, const char *path, struct span body, client_show_fn *show,
               void *user)
{
    struct client client;
    struct client_answer answer = {.json = NULL};
    struct diag diag = {.code = RC_OK};
    enum rc rc = client_init(&client, options, &diag);
    if (rc == RC_OK)
        rc = client_call(&client, method, path, body, &answer, &diag);
    if (rc == RC_OK && options->json)
        (void)fwrite(answer.body.ptr, 1, answer.body.len, stdout); /* main looks at stdout */
    else if (rc == RC_OK)
        show(user, answer.json);
    client_answer_done(&answer);
    client_done(&client);
    return rc == RC_OK ? EXIT_OK : command_failed(command, &diag);
}

void client_show_done(void *user, const struct tree *json)
{
    (void)user;
    const struct span text = client_text(json, "text");
    (void)printf("%.*s\n", SPAN_ARG(text));
}

/* ---- reading answers ---- */

struct span client_text(const struct tree *json, const char *path)
{
    struct span text = {"", 0};
    (void)tree_string(tree_path(json, path), &text); /* stays empty */
    return text;
}

int64_t client_int(const struct tree *json, const char *path)
{
    int64_t value = 0;
    (void)tree_int(tree_path(json, path), &value); /* stays 0 */
    return value;
}

double client_number(const struct tree *json, const char *path)
{
    double value = NAN;
    (void)tree_number(tree_path(json, path), &value); /* stays unknown */
    return value;
}

bool client_bool(const struct tree *json, const char *path)
{
    bool value = false;
    (void)tree_bool(tree_path(json, path), &value); /* stays false */
    return value;
}

bool client_known(const struct tree *json, const char *path)
{
    const struct tree *node = tree_path(json, path);
    return node != NULL && node->kind != TREE_NULL;
}
