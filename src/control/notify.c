#include "control/notify.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "io/clock.h"
#include "io/http_fetch.h"
#include "io/random.h"
#include "io/web_fetch.h"
#include "source/push.h"
#include "source/secret.h"

#define TRIES_MAX 6
#define WAIT_MIN_NS SECOND_NS
#define WAIT_MAX_NS MINUTE_NS
#define RETRY_AFTER_MAX_NS (10 * MINUTE_NS)
#define ANSWER_BYTES_MAX 4096 /* nobody reads it */
#define LINES_BYTES_MAX 4096
#define ID_BYTES 12

struct letter {
    struct letter *next;
    char pool[NAME_SIZE];
    char id[2 * ID_BYTES + 1]; /* the same for each try: who gets it twice can see that */
    size_t size;
    char body[];
};

struct hook {
    struct notify *set;
    struct notify_config spec;
    struct timer timer; /* the next try */
    struct letter *first;
    struct letter *last;
    struct http_fetch *plain;
    struct web_fetch *web;
    struct notify_status status;
    int tries; /* of the first letter */
    char text[TEXT_SIZE];
};

struct notify {
    struct loop *loop;
    const struct log *log;
    struct http_client *client;
    struct web_client *web; /* made when it is needed */
    struct hook *hook[NOTIFY_HOOKS_MAX];
    size_t count;
};

/* ---- one hook ---- */

static bool is_sending(const struct hook *h)
{
    return h->plain != NULL || h->web != NULL;
}

static void drop_first(struct hook *h)
{
    struct letter *letter = h->first;
    h->first = letter->next;
    if (h->first == NULL)
        h->last = NULL;
    h->status.waiting--;
    h->tries = 0;
    free(letter);
}

static void hook_free(struct hook *h)
{
    if (h == NULL)
        return;
    http_fetch_cancel(h->plain);
    web_fetch_cancel(h->web);
    while (h->first != NULL)
        drop_first(h);
    timer_done(&h->timer);
    mem_wipe(&h->spec, sizeof(h->spec)); /* the secret */
    free(h);
}

/* ---- a try ---- */

static enum rc put_lines(const struct hook *h, const struct letter *letter, struct buf *lines,
                         struct diag *diag)
{
    char stamp[24];
    char signature[PUSH_SIGNATURE_SIZE];
    struct buf secret;
    buf_text(lines, "content-type: application/json\r\nuser-agent: sluice/" SLUICE_VERSION "\r\n");
    buf_printf(lines, "x-sluice-nonce: %s\r\n", letter->id);
    if (h->spec.secret[0] == '\0' && h->spec.secret_file[0] == '\0')
        return RC_OK;
    const bool in_file = h->spec.secret_file[0] != '\0';
    const enum rc rc = in_file ? secret_read(h->spec.secret_file, &secret, diag) : RC_OK;
    if (rc == RC_OK) {
        (void)snprintf(stamp, sizeof(stamp), "%" PRId64, clock_wall_ns() / SECOND_NS);
        const struct push_message message = {.timestamp = span_from(stamp),
                                             .nonce = span_from(letter->id),
                                             .body = span_of(letter->body, letter->size)};
        push_sign(in_file ? buf_view(&secret) : span_from(h->spec.secret), letter->pool, &message,
                  signature);
        buf_printf(lines, "x-sluice-timestamp: %s\r\nx-sluice-signature: %s\r\n", stamp, signature);
    }
    if (in_file)
        secret_done(&secret);
    return rc;
}

static void try_soon(struct hook *h, int64_t wait_ns)
{
    if (h->first != NULL && !is_sending(h))
        timer_after(&h->timer, wait_ns);
}

static void sent(struct hook *h)
{
    h->status.sent++;
    h->status.failures = 0;
    drop_first(h);
    try_soon(h, 0);
}

static void give_up(struct hook *h)
{
    h->status.dropped++;
    log_event(h->set->log, LOG_PROBLEM, LOG_TEXT("what", "notify-dropped"),
              LOG_TEXT("hook", h->spec.name), LOG_TEXT("text", h->text));
    drop_first(h);
    try_soon(h, WAIT_MIN_NS);
}

/* for_good: another try would end the same way. */
static void failed(struct hook *h, bool for_good, int64_t retry_ns)
{
    int64_t wait_ns = WAIT_MIN_NS;
    h->status.failures++;
    h->tries++;
    if (for_good || h->tries == TRIES_MAX) {
        give_up(h);
        return;
    }
    for (int i = 1; i < h->tries && wait_ns < WAIT_MAX_NS; i++)
        wait_ns *= 2;
    wait_ns -= (int64_t)(random_u64() % (uint64_t)(wait_ns / 4));
    if (retry_ns > wait_ns)
        wait_ns = retry_ns < RETRY_AFTER_MAX_NS ? retry_ns : RETRY_AFTER_MAX_NS;
    try_soon(h, wait_ns);
}

static void on_result(void *user, const struct http_result *result)
{
    struct hook *h = user;
    h->plain = NULL;
    h->web = NULL;
    const int status = result->rc == RC_OK ? result->status : 0;
    if (status >= 200 && status < 300) {
        sent(h);
        return;
    }
    if (result->rc == RC_OK)
        (void)snprintf(h->text, sizeof(h->text), "it answers %d", status);
    else
        (void)snprintf(h->text, sizeof(h->text), "%.200s", result->diag->text);
    const bool refused = status >= 400 && status < 500 && status != 408 && status != 429;
    failed(h, refused, result->retry_after_ns);
}

static bool begin(struct hook *h, const struct http_fetch_options *options)
{
    struct notify *n = h->set;
    if (!span_starts_with(options->url, "https://")) {
        h->plain = http_fetch(n->client, options, on_result, h);
        return h->plain != NULL;
    }
    if (n->web == NULL)
        n->web = web_client_new(n->loop);
    if (n->web != NULL)
        h->web = web_fetch(n->web, options, h->spec.ca_file, on_result, h);
    return h->web != NULL;
}

static void on_time(void *user)
{
    struct hook *h = user;
    struct buf lines;
    struct diag diag = {0};
    if (h->first == NULL || is_sending(h))
        return;
    buf_init(&lines, LINES_BYTES_MAX);
    const enum rc rc = put_lines(h, h->first, &lines, &diag);
    const struct http_fetch_options options = {.url = span_from(h->spec.url),
                                               .lines = buf_view(&lines),
                                               .body = span_of(h->first->body, h->first->size),
                                               .timeout_ns = h->spec.timeout_ns,
                                               .body_bytes_max = ANSWER_BYTES_MAX};
    const bool begun = rc == RC_OK && !lines.failed && begin(h, &options);
    buf_done(&lines);
    if (begun)
        return;
    (void)snprintf(h->text, sizeof(h->text), "%.200s",
                   diag.text[0] != '\0' ? diag.text : "no memory for a request");
    failed(h, false, -1);
}

/* ---- queues ---- */

static bool wants(const struct notify_config *spec, enum notify_kind kind)
{
    switch (kind) {
    case NOTIFY_DECISION:
        return spec->decisions;
    case NOTIFY_CONDITION:
        return spec->conditions;
    }
    return false;
}

static void enqueue(struct hook *h, const char *pool, struct span body)
{
    struct letter *letter = NULL;
    if (h->status.waiting < NOTIFY_QUEUE_MAX)
        letter = mem_new(1, sizeof(*letter) + body.len);
    if (letter == NULL) {
        h->status.dropped++;
        return;
    }
    (void)span_copy(span_from(pool), letter->pool, sizeof(letter->pool)); /* names of pools fit */
    random_hex(ID_BYTES, letter->id);
    letter->size = body.len;
    memcpy(letter->body, body.ptr, body.len);
    if (h->last != NULL)
        h->last->next = letter;
    else
        h->first = letter;
    h->last = letter;
    if (h->status.waiting++ == 0)
        try_soon(h, 0);
}

void notify_send(struct notify *n, enum notify_kind kind, const char *pool, struct span body)
{
    for (size_t i = 0; n != NULL && i < n->count; i++)
        if (wants(&n->hook[i]->spec, kind))
            enqueue(n->hook[i], pool, body);
}

bool notify_at(const struct notify *n, size_t index, struct notify_status *ret)
{
    if (n == NULL || index >= n->count)
        return false;
    *ret = n->hook[index]->status;
    ret->name = n->hook[index]->spec.name;
    ret->text = n->hook[index]->text;
    return true;
}

/* ---- life ---- */

struct notify *notify_new(struct loop *loop, const struct log *log)
{
    struct http_client_config config;
    struct notify *n = mem_new(1, sizeof(*n));
    if (n == NULL)
        return NULL;
    http_client_defaults(&config);
    n->loop = loop;
    n->log = log;
    n->client = http_client_new(loop, &config);
    if (n->client != NULL)
        return n;
    free(n);
    return NULL;
}

void notify_free(struct notify *n)
{
    if (n == NULL)
        return;
    for (size_t i = 0; i < n->count; i++)
        hook_free(n->hook[i]);
    http_client_free(n->client);
    web_client_free(n->web);
    free(n);
}

static struct hook *hook_new(struct notify *n, const struct notify_config *spec)
{
    struct hook *h = mem_new(1, sizeof(*h));
    if (h == NULL)
        return NULL;
    h->set = n;
    h->spec = *spec;
    if (timer_init(&h->timer, n->loop, on_time, h) == RC_OK)
        return h;
    free(h);
    return NULL;
}

/* The hook of that name and address goes on with what else is asked of it now. */
static struct hook *take_old(struct hook **old, size_t count, const struct notify_config *spec)
{
    for (size_t i = 0; i < count; i++) {
        struct hook *h = old[i];
        if (h == NULL || strcmp(h->spec.name, spec->name) != 0 ||
            strcmp(h->spec.url, spec->url) != 0)
            continue;
        old[i] = NULL;
        h->spec = *spec;
        return h;
    }
    return NULL;
}

enum rc notify_configure(struct notify *n, const struct config *config)
{
    struct hook *old[NOTIFY_HOOKS_MAX];
    const size_t old_count = n->count;
    enum rc rc = RC_OK;
    memcpy(old, n->hook, sizeof(old));
    n->count = 0;
    for (size_t i = 0; i < config->notify_count; i++) {
        struct hook *h = take_old(old, old_count, &config->notify[i]);
        if (h == NULL)
            h = hook_new(n, &config->notify[i]);
        if (h == NULL)
            rc = RC_NO_MEMORY;
        else
            n->hook[n->count++] = h;
    }
    for (size_t i = 0; i < old_count; i++)
        hook_free(old[i]);
    return rc;
}
