#include "source/fetch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/digest.h"
#include "io/http_fetch.h"
#include "io/web_fetch.h"
#include "source/secret.h"

#define LINES_BYTES_MAX ((size_t)2 * SECRET_BYTES_MAX)

struct source_fetch {
    struct http_fetch *plain;
    struct web_fetch *web;
    source_reply_fn *fn;
    void *user;
    char url[96]; /* for words: without query, which may be long */
};

/* ---- who we are ---- */

static enum rc put_token(const char *path, struct buf *lines, struct diag *diag)
{
    struct buf token;
    const enum rc rc = secret_read(path, &token, diag);
    if (rc == RC_OK)
        buf_printf(lines, "authorization: Bearer %.*s\r\n", SPAN_ARG(buf_view(&token)));
    secret_done(&token);
    return rc;
}

static void put_basic(const struct source_access *access, struct buf *lines)
{
    char pair[NAME_SIZE + TEXT_SIZE];
    char text[2 * sizeof(pair)];
    (void)snprintf(pair, sizeof(pair), "%s:%s", access->user, access->password);
    (void)digest_base64(span_from(pair), text, sizeof(text)); /* twice the size holds it */
    buf_printf(lines, "authorization: Basic %s\r\n", text);
    mem_wipe(pair, sizeof(pair));
    mem_wipe(text, sizeof(text));
}

static enum rc put_lines(const struct source_access *access, struct buf *lines, struct diag *diag)
{
    buf_text(lines, "accept-encoding: identity\r\nuser-agent: sluice/" SLUICE_VERSION "\r\n");
    if (access->token_file[0] != '\0')
        return put_token(access->token_file, lines, diag);
    if (access->token[0] != '\0')
        buf_printf(lines, "authorization: Bearer %s\r\n", access->token);
    else if (access->user[0] != '\0')
        put_basic(access, lines);
    return RC_OK;
}

/* ---- answers ---- */

const char *source_fetch_head(struct span body, char ret_text[FETCH_HEAD_SIZE])
{
    size_t n = 0;
    bool space = true; /* runs of what cannot be shown become one space */
    for (size_t i = 0; i < body.len && n < FETCH_HEAD_SIZE - 1; i++) {
        const bool shown = body.ptr[i] > ' ' && body.ptr[i] < 0x7f;
        if (shown)
            ret_text[n++] = body.ptr[i];
        else if (!space)
            ret_text[n++] = ' ';
        space = !shown;
    }
    ret_text[n] = '\0';
    return ret_text;
}

enum source_fault fetch_fault(enum rc rc)
{
    static const struct {
        enum rc rc;
        enum source_fault fault;
    } rows[] = {
        {RC_REFUSED, SOURCE_FAULT_UNREACHABLE}, {RC_NOT_FOUND, SOURCE_FAULT_UNREACHABLE},
        {RC_TIMEOUT, SOURCE_FAULT_TIMEOUT},     {RC_CLOSED, SOURCE_FAULT_CUT},
        {RC_SYNTAX, SOURCE_FAULT_NOT_PARSED},   {RC_LIMIT, SOURCE_FAULT_TOO_LARGE},
        {RC_DENIED, SOURCE_FAULT_DENIED},       {RC_IO, SOURCE_FAULT_UNREACHABLE},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (rows[i].rc == rc)
            return rows[i].fault;
    return SOURCE_FAULT_LOCAL;
}

static enum source_fault fault_of_status(int status, int64_t retry_ns)
{
    if (status >= 200 && status < 300)
        return SOURCE_FAULT_NONE;
    if (status == 401 || status == 403)
        return SOURCE_FAULT_DENIED;
    return (status == 429 || status == 503) && retry_ns >= 0 ? SOURCE_FAULT_BUSY
                                                             : SOURCE_FAULT_STATUS;
}

static void word_status(const struct source_fetch *fetch, const struct source_reply *reply,
                        char *ret_text, size_t size)
{
    char head[FETCH_HEAD_SIZE];
    const char *hint = "";
    if (reply->status >= 300 && reply->status < 400)
        hint = " (redirects are not followed: is there a login page in front?)";
    else if (reply->status == 401)
        hint = " (it asks who we are: set token, tokenFile or user)";
    else if (reply->status == 403)
        hint = " (it knows us, but we may not ask this)";
    (void)snprintf(ret_text, size, "%s answers %d%s: %s", fetch->url, reply->status, hint,
                   source_fetch_head(reply->body, head));
}

static void on_result(void *user, const struct http_result *result)
{
    struct source_fetch *fetch = user;
    char text[TEXT_SIZE] = "";
    struct source_reply reply = {.fault = fetch_fault(result->rc), .retry_ns = -1, .text = text};
    if (result->rc == RC_OK) {
        reply.status = result->status;
        reply.body = result->body;
        reply.retry_ns = result->retry_after_ns;
        reply.fault = fault_of_status(result->status, result->retry_after_ns);
        if (reply.fault != SOURCE_FAULT_NONE)
            word_status(fetch, &reply, text, sizeof(text));
    } else {
        (void)snprintf(text, sizeof(text), "%s: %.150s", fetch->url, result->diag->text);
    }
    fetch->fn(fetch->user, &reply);
    free(fetch);
}

/* ---- requests ---- */

static void keep_url(struct source_fetch *fetch, struct span url)
{
    const size_t query = span_find_byte(url, '?', 0);
    (void)span_copy(span_slice(url, 0, query == SIZE_MAX ? url.len : query), fetch->url,
                    sizeof(fetch->url)); /* a longer one is cut */
}

static enum rc begin(struct source_fetch *fetch, struct source *s,
                     const struct http_fetch_options *options, const char *ca_file,
                     struct diag *diag)
{
    if (!span_starts_with(options->url, "https://"))
        fetch->plain = http_fetch(source_client(s), options, on_result, fetch);
    else if (source_web_client(s) != NULL)
        fetch->web = web_fetch(source_web_client(s), options, ca_file, on_result, fetch);
    return fetch->web != NULL || fetch->plain != NULL
               ? RC_OK
               : fail(diag, RC_NO_MEMORY, "no memory for a request");
}

struct source_fetch *source_fetch(struct source *s, struct span url,
                                  const struct source_access *access, size_t bytes_max,
                                  source_reply_fn *fn, void *user, struct diag *diag)
{
    struct buf lines;
    struct source_fetch *fetch = mem_new(1, sizeof(*fetch));
    if (fetch == NULL) {
        (void)fail(diag, RC_NO_MEMORY, "no memory for a request");
        return NULL;
    }
    fetch->fn = fn;
    fetch->user = user;
    keep_url(fetch, url);
    buf_init(&lines, LINES_BYTES_MAX);
    enum rc rc = put_lines(access, &lines, diag);
    const struct http_fetch_options options = {.url = url,
                                               .lines = buf_view(&lines),
                                               .timeout_ns = source_deadline_ns(s->spec),
                                               .body_bytes_max = bytes_max};
    if (rc == RC_OK)
        rc = begin(fetch, s, &options, access->ca_file, diag);
    if (lines.ptr != NULL)
        mem_wipe(lines.ptr, lines.len);
    buf_done(&lines);
    if (rc == RC_OK)
        return fetch;
    free(fetch);
    return NULL;
}

void source_fetch_cancel(struct source_fetch *fetch)
{
    if (fetch == NULL)
        return;
    http_fetch_cancel(fetch->plain);
    web_fetch_cancel(fetch->web);
    free(fetch);
}
