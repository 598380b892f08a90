#include "io/web_fetch.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "io/curl_library.h"

#define BODY_DEFAULT_MAX (16U << 20)
#define TIMEOUT_DEFAULT_NS (30 * SECOND_NS)
#define CONNECTIONS_KEPT 16L
#define WEB_LINE_MAX 32768 /* of a URL or a header line */

struct web_watch {
    struct web_client *client;
    struct watch *watch;
    curl_socket_t fd;
    struct web_watch *next;
};

struct web_fetch {
    struct web_client *client;
    CURL *easy;
    struct curl_slist *lines;
    struct buf url;
    struct buf request;
    struct buf body;
    char content_type[128];
    char error[CURL_ERROR_SIZE];
    int64_t retry_after_ns;
    http_fetch_fn *fn;
    void *user;
    struct web_fetch *next;
};

struct web_client {
    struct loop *loop;
    const struct curl_library *curl;
    CURLM *multi;
    struct timer timer;
    struct task task; /* tells what has ended, outside of libcurl's callbacks */
    struct web_watch *watch;
    struct web_fetch *open;
};

/* ---- sockets and time ---- */

static void act(struct web_client *client, curl_socket_t fd, int events)
{
    int running = 0;
    (void)client->curl->multi_socket_action(client->multi, fd, events,
                                            &running); /* ends are read below */
    loop_defer(client->loop, &client->task);
}

static void on_events(void *user, unsigned events)
{
    const struct web_watch *watch = user;
    int bits = 0;
    if ((events & (WATCH_READ | WATCH_HANGUP)) != 0)
        bits |= CURL_CSELECT_IN;
    if ((events & WATCH_WRITE) != 0)
        bits |= CURL_CSELECT_OUT;
    act(watch->client, watch->fd, bits);
}

static void on_time(void *user)
{
    act(user, CURL_SOCKET_TIMEOUT, 0);
}

static int on_timer(CURLM *multi, long timeout_ms, void *user)
{
    struct web_client *client = user;
    (void)multi;
    if (timeout_ms < 0)
        timer_stop(&client->timer);
    else
        timer_after(&client->timer, timeout_ms * MILLISECOND_NS);
    return 0;
}

static void watch_end(struct web_watch *watch)
{
    watch_free(watch->watch);
    free(watch);
}

static void forget_watch(struct web_watch *watch)
{
    struct web_watch **at = &watch->client->watch;
    while (*at != watch)
        at = &(*at)->next;
    *at = watch->next;
    watch_end(watch);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *of_socket)
{
    struct web_client *client = user;
    struct web_watch *watch = of_socket;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (watch != NULL)
            forget_watch(watch);
        return 0;
    }
    if (watch == NULL) {
        watch = mem_new(1, sizeof(*watch));
        if (watch == NULL)
            return -1;
        *watch = (struct web_watch){.client = client, .fd = fd, .next = client->watch};
        watch->watch = watch_new(client->loop, fd, on_events, watch);
        if (watch->watch == NULL) {
            free(watch);
            return -1;
        }
        client->watch = watch;
        (void)client->curl->multi_assign(client->multi, fd,
                                         watch); /* the socket is there: it was told */
    }
    watch_set(watch->watch,
              (what & CURL_POLL_IN ? WATCH_READ : 0U) | (what & CURL_POLL_OUT ? WATCH_WRITE : 0U));
    return 0;
}

/* ---- one fetch ---- */

static void fetch_end(struct web_fetch *fetch)
{
    const struct curl_library *curl = fetch->client->curl;
    if (fetch->easy != NULL) {
        (void)curl->multi_remove_handle(fetch->client->multi,
                                        fetch->easy); /* it may not be there */
        curl->easy_cleanup(fetch->easy);
    }
    curl->slist_free_all(fetch->lines);
    if (fetch->request.ptr != NULL)
        mem_wipe(fetch->request.ptr, fetch->request.len);
    buf_done(&fetch->url);
    buf_done(&fetch->request);
    buf_done(&fetch->body);
    free(fetch);
}

static void fetch_free(struct web_fetch *fetch)
{
    struct web_fetch **at = &fetch->client->open;
    while (*at != fetch)
        at = &(*at)->next;
    *at = fetch->next;
    fetch_end(fetch);
}

static size_t on_data(char *bytes, size_t size, size_t count, void *user)
{
    struct web_fetch *fetch = user;
    buf_append(&fetch->body, bytes, size * count);
    return fetch->body.failed ? 0 : size * count;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *user)
{
    struct web_fetch *fetch = user;
    struct span value = span_of(bytes, size * count);
    struct span name;
    int64_t seconds = 0;
    if (!span_split(&value, ':', &name))
        return size * count;
    while (value.len > 0 && (value.ptr[value.len - 1] == '\n' || value.ptr[value.len - 1] == '\r'))
        value.len--;
    value = span_trim(value);
    if (span_equal_text_nocase(name, "content-type"))
        (void)span_copy(value, fetch->content_type, sizeof(fetch->content_type));
    else if (span_equal_text_nocase(name, "retry-after") &&
             num_parse_int(value, &seconds) == RC_OK && seconds >= 0)
        fetch->retry_after_ns = num_mul_sat(seconds, SECOND_NS);
    return size * count;
}

static enum rc rc_of(const struct web_fetch *fetch, CURLcode code)
{
    static const struct {
        CURLcode code;
        enum rc rc;
    } rows[] = {
        {CURLE_OK, RC_OK},
        {CURLE_COULDNT_CONNECT, RC_REFUSED},
        {CURLE_COULDNT_RESOLVE_HOST, RC_NOT_FOUND},
        {CURLE_OPERATION_TIMEDOUT, RC_TIMEOUT},
        {CURLE_PARTIAL_FILE, RC_CLOSED},
        {CURLE_RECV_ERROR, RC_CLOSED},
        {CURLE_GOT_NOTHING, RC_CLOSED},
        {CURLE_PEER_FAILED_VERIFICATION, RC_DENIED},
        {CURLE_SSL_CONNECT_ERROR, RC_DENIED},
        {CURLE_SSL_CACERT_BADFILE, RC_DENIED},
        {CURLE_UNSUPPORTED_PROTOCOL, RC_INVALID},
        {CURLE_URL_MALFORMAT, RC_INVALID},
        {CURLE_OUT_OF_MEMORY, RC_NO_MEMORY},
    };
    if (fetch->body.failed)
        return RC_LIMIT;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (rows[i].code == code)
            return rows[i].rc;
    return RC_SYNTAX;
}

static void tell(struct web_fetch *fetch, CURLcode code)
{
    struct diag diag = {0};
    long status = 0;
    const enum rc rc = rc_of(fetch, code);
    (void)fetch->client->curl->easy_getinfo(fetch->easy, CURLINFO_RESPONSE_CODE,
                                            &status); /* 0 without an answer */
    if (rc == RC_LIMIT)
        (void)fail(&diag, rc, "the answer is larger than %zu bytes", fetch->body.limit_bytes);
    else if (rc != RC_OK)
        (void)fail(&diag, rc, "%s",
                   fetch->error[0] != '\0' ? fetch->error
                                           : fetch->client->curl->easy_strerror(code));
    const struct http_result result = {.rc = rc,
                                       .status = (int)status,
                                       .content_type = span_from(fetch->content_type),
                                       .body = buf_view(&fetch->body),
                                       .retry_after_ns = fetch->retry_after_ns,
                                       .diag = &diag};
    fetch->fn(fetch->user, &result);
}

/* What is told may cancel others: the list is read anew each time. */
static void tell_ended(struct task *task)
{
    struct web_client *client =
        (struct web_client *)(void *)((char *)task - offsetof(struct web_client, task));
    CURLMsg *message;
    int left = 0;
    while ((message = client->curl->multi_info_read(client->multi, &left)) != NULL) {
        char *of_easy = NULL;
        const CURLcode code = message->data.result;
        if (message->msg != CURLMSG_DONE ||
            client->curl->easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &of_easy) !=
                CURLE_OK)
            continue;
        struct web_fetch *fetch = (struct web_fetch *)(void *)of_easy;
        tell(fetch, code);
        fetch_free(fetch);
    }
}

static bool add_lines(struct web_fetch *fetch, struct span lines)
{
    struct span line;
    while (span_split(&lines, '\n', &line)) {
        char text[WEB_LINE_MAX];
        if (line.len > 0 && line.ptr[line.len - 1] == '\r')
            line.len--;
        if (line.len == 0)
            continue;
        struct curl_slist *more = span_copy(line, text, sizeof(text))
                                      ? fetch->client->curl->slist_append(fetch->lines, text)
                                      : NULL;
        mem_wipe(text, sizeof(text));
        if (more == NULL)
            return false;
        fetch->lines = more;
    }
    return true;
}

static bool set_up(struct web_fetch *fetch, const struct http_fetch_options *options,
                   const char *ca_file)
{
    const struct curl_library *curl = fetch->client->curl;
    CURL *easy = fetch->easy;
    const int64_t limit_ns = options->timeout_ns > 0 ? options->timeout_ns : TIMEOUT_DEFAULT_NS;
    bool good = curl->easy_setopt(easy, CURLOPT_URL, buf_cstr(&fetch->url)) == CURLE_OK;
    good &= curl->easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK;
    good &= curl->easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
    good &= curl->easy_setopt(easy, CURLOPT_PRIVATE, fetch) == CURLE_OK;
    good &= curl->easy_setopt(easy, CURLOPT_ERRORBUFFER, fetch->error) == CURLE_OK;
    good &= curl->easy_setopt(easy, CURLOPT_HTTPHEADER, fetch->lines) == CURLE_OK;
    good &= curl->easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data) == CURLE_OK;
    good &= curl->easy_setopt(easy, CURLOPT_WRITEDATA, fetch) == CURLE_OK;
    good &= curl->easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK;
    good &= curl->easy_setopt(easy, CURLOPT_HEADERDATA, fetch) == CURLE_OK;
    good &=
        curl->easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(limit_ns / MILLISECOND_NS)) == CURLE_OK;
    if (ca_file[0] != '\0')
        good &= curl->easy_setopt(easy, CURLOPT_CAINFO, ca_file) == CURLE_OK;
    if (options->body.ptr != NULL) {
        good &=
            curl->easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)fetch->request.len) == CURLE_OK;
        good &= curl->easy_setopt(easy, CURLOPT_POSTFIELDS, fetch->request.ptr) == CURLE_OK;
    }
    if (options->method != NULL)
        good &= curl->easy_setopt(easy, CURLOPT_CUSTOMREQUEST, options->method) == CURLE_OK;
    return good;
}

struct web_fetch *web_fetch(struct web_client *client, const struct http_fetch_options *options,
                            const char *ca_file, http_fetch_fn *fn, void *user)
{
    struct web_fetch *fetch = mem_new(1, sizeof(*fetch));
    if (fetch == NULL)
        return NULL;
    *fetch = (struct web_fetch){
        .client = client, .fn = fn, .user = user, .retry_after_ns = -1, .next = client->open};
    client->open = fetch;
    buf_init(&fetch->url, WEB_LINE_MAX);
    buf_init(&fetch->request, HTTP_BODY_BYTES_MAX);
    buf_init(&fetch->body,
             options->body_bytes_max > 0 ? options->body_bytes_max : BODY_DEFAULT_MAX);
    buf_span(&fetch->url, options->url);
    buf_span(&fetch->request, options->body);
    fetch->easy = client->curl->easy_init();
    if (fetch->easy != NULL && !fetch->url.failed && !fetch->request.failed &&
        add_lines(fetch, options->lines) && set_up(fetch, options, ca_file) &&
        client->curl->multi_add_handle(client->multi, fetch->easy) == CURLM_OK)
        return fetch;
    fetch_free(fetch);
    return NULL;
}

void web_fetch_cancel(struct web_fetch *fetch)
{
    if (fetch != NULL)
        fetch_free(fetch);
}

/* ---- the client ---- */

struct web_client *web_client_new(struct loop *loop)
{
    struct web_client *client = mem_new(1, sizeof(*client));
    if (client == NULL)
        return NULL;
    client->loop = loop;
    client->task.run = tell_ended;
    client->curl = curl_library();
    client->multi = client->curl != NULL ? client->curl->multi_init() : NULL;
    if (client->multi == NULL || timer_init(&client->timer, loop, on_time, client) != RC_OK) {
        web_client_free(client);
        return NULL;
    }
    bool good =
        client->curl->multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, on_socket) == CURLM_OK;
    good &= client->curl->multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client) == CURLM_OK;
    good &= client->curl->multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_timer) == CURLM_OK;
    good &= client->curl->multi_setopt(client->multi, CURLMOPT_TIMERDATA, client) == CURLM_OK;
    good &= client->curl->multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_KEPT) ==
            CURLM_OK;
    if (good)
        return client;
    web_client_free(client);
    return NULL;
}

void web_client_free(struct web_client *client)
{
    if (client == NULL)
        return;
    while (client->open != NULL) {
        struct web_fetch *fetch = client->open;
        client->open = fetch->next;
        fetch_end(fetch);
    }
    if (client->multi != NULL)
        (void)client->curl->multi_cleanup(
            client->multi); /* closes kept connections, by on_socket() */
    while (client->watch != NULL) {
        struct web_watch *watch = client->watch;
        client->watch = watch->next;
        watch_end(watch);
    }
    timer_done(&client->timer);
    free(client);
}
