#include "source/push.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "io/digest.h"
#include "source/secret.h"
#include "source/sources_internal.h"

#define NONCES_MAX 4096 /* of one source within its window: also what bounds the rate */
#define SIGNED_BYTES_MAX (1U << 20)

struct nonce {
    int64_t until_wall_ns; /* the message is too old from here on */
    unsigned char digest[DIGEST_SHA256_SIZE];
};

struct push {
    struct source base;
    struct nonce *nonce;
    size_t nonce_count;
    size_t nonce_cap;
};

static struct push *push_of(struct source *s)
{
    return (struct push *)s; /* base is the first member */
}

static void push_stop(struct source *s)
{
    free(push_of(s)->nonce);
}

const struct source_ops source_push = {
    .name = "push",
    .kind = SOURCE_PUSH,
    .size = sizeof(struct push),
    .stop = push_stop,
};

/* ---- signatures ---- */

static void sign(struct span secret, const char *pool, const struct push_message *m,
                 unsigned char ret[DIGEST_SHA256_SIZE])
{
    struct buf text;
    buf_init(&text, SIGNED_BYTES_MAX);
    buf_span(&text, m->timestamp);
    buf_byte(&text, '\n');
    buf_span(&text, m->nonce);
    buf_printf(&text, "\n%s\n", pool);
    buf_span(&text, m->body);
    digest_hmac_sha256(secret, buf_view(&text), ret);
    if (text.failed)
        memset(ret, 0, DIGEST_SHA256_SIZE);
    buf_done(&text);
}

void push_sign(struct span secret, const char *pool, const struct push_message *message,
               char ret_text[PUSH_SIGNATURE_SIZE])
{
    unsigned char digest[DIGEST_SHA256_SIZE];
    sign(secret, pool, message, digest);
    (void)snprintf(ret_text, PUSH_SIGNATURE_SIZE, "sha256=");
    for (size_t i = 0; i < sizeof(digest); i++)
        (void)snprintf(ret_text + 7 + 2 * i, 3, "%02x", digest[i]);
}

static bool is_signed_with(struct span secret, const char *pool, const struct push_message *m)
{
    char wanted[PUSH_SIGNATURE_SIZE];
    if (secret.len == 0 || m->body.len > SIGNED_BYTES_MAX / 2)
        return false;
    push_sign(secret, pool, m, wanted);
    return m->signature.len == strlen(wanted) &&
           digest_equal(m->signature.ptr, wanted, m->signature.len);
}

/* A secret in a file is read each time: it may be changed. */
static bool knows(const struct source *s, const struct push_message *m)
{
    struct buf secret;
    if (s->spec->push.secret_file[0] == '\0')
        return is_signed_with(span_from(s->spec->push.secret), s->pool, m);
    const bool known = secret_read(s->spec->push.secret_file, &secret, NULL) == RC_OK &&
                       is_signed_with(buf_view(&secret), s->pool, m);
    secret_done(&secret);
    return known;
}

static enum rc find(struct sources *set, const char *pool, const struct push_message *m,
                    struct source **ret, struct diag *diag)
{
    bool any = false;
    for (size_t i = 0; i < set->count; i++) {
        struct source *s = set->source[i];
        if (s->ops != &source_push || strcmp(s->pool, pool) != 0)
            continue;
        any = true;
        if (!knows(s, m))
            continue;
        *ret = s;
        return RC_OK;
    }
    if (!any)
        return fail(diag, RC_NOT_FOUND, "the pool %s has no source of the kind push", pool);
    return fail(diag, RC_DENIED,
                "the signature is of no secret of this pool: it is HMAC-SHA256 over the time "
                "stamp, the nonce, the pool and the body, with a line feed after the first three");
}

/* ---- once only ---- */

static enum rc check_time(const struct source *s, const struct push_message *m,
                          int64_t *ret_stamp_ns, struct diag *diag)
{
    int64_t seconds = 0;
    const int64_t window_ns = s->spec->push.window_ns;
    if (num_parse_int(m->timestamp, &seconds) != RC_OK || seconds < 0)
        return fail(diag, RC_RANGE, "the time stamp is not in whole Unix seconds");
    *ret_stamp_ns = num_mul_sat(seconds, SECOND_NS);
    const int64_t apart_ns = m->wall_ns - *ret_stamp_ns;
    if (apart_ns > window_ns || apart_ns < -window_ns)
        return fail(diag, RC_RANGE,
                    "the time stamp is %" PRId64 " s from our clock, at most %" PRId64
                    " s are allowed",
                    apart_ns / SECOND_NS, window_ns / SECOND_NS);
    return RC_OK;
}

/* Stamps are in whole seconds: a part of one is no age. */
static int64_t age_of(const struct push_message *m, int64_t stamp_ns)
{
    const int64_t age_ns = m->wall_ns - stamp_ns;
    return age_ns < SECOND_NS ? 0 : age_ns;
}

static void forget_old(struct push *push, int64_t wall_ns)
{
    for (size_t i = 0; i < push->nonce_count;)
        if (push->nonce[i].until_wall_ns < wall_ns)
            push->nonce[i] = push->nonce[--push->nonce_count];
        else
            i++;
}

static enum rc take_nonce(struct push *push, const struct push_message *m, int64_t stamp_ns,
                          struct diag *diag)
{
    struct nonce fresh = {.until_wall_ns = num_add_sat(stamp_ns, push->base.spec->push.window_ns)};
    void *array = push->nonce;
    if (m->nonce.len < PUSH_NONCE_MIN || m->nonce.len > PUSH_NONCE_MAX)
        return fail(diag, RC_RANGE, "the nonce has %zu bytes, %d to %d are wanted", m->nonce.len,
                    PUSH_NONCE_MIN, PUSH_NONCE_MAX);
    digest_sha256(m->nonce, fresh.digest);
    forget_old(push, m->wall_ns);
    for (size_t i = 0; i < push->nonce_count; i++)
        if (memcmp(push->nonce[i].digest, fresh.digest, sizeof(fresh.digest)) == 0)
            return fail(diag, RC_CONFLICT, "this nonce was used before: the message is replayed");
    if (mem_grow(&array, &push->nonce_cap, push->nonce_count + 1, sizeof(fresh), NONCES_MAX) !=
        RC_OK)
        return fail(diag, RC_LIMIT, "more than %d messages within the window: send fewer",
                    NONCES_MAX);
    push->nonce = array;
    push->nonce[push->nonce_count++] = fresh;
    return RC_OK;
}

/* ---- values ---- */

static const struct signal_ref *signal_of(const struct source *s, struct span name)
{
    for (size_t i = 0; i < s->spec->signal_count; i++)
        if (span_equal_text(name, s->spec->signal_text[i]))
            return &s->spec->signal[i];
    return NULL;
}

/* Checks all before one is taken. */
static enum rc read_value(const struct source *s, const struct tree *node, struct source_value *ret,
                          struct diag *diag)
{
    const struct signal_ref *signal = signal_of(s, node->key);
    double value = 0;
    if (signal == NULL)
        return fail(diag, RC_UNKNOWN,
                    "the source does not measure \"%.*s\": it stands not under "
                    "`signal`",
                    SPAN_ARG(span_slice(node->key, 0, 60)));
    if (node->kind != TREE_NULL && (!tree_number(node, &value) || !isfinite(value)))
        return fail(diag, RC_SYNTAX, "\"%.*s\" is %s, a number or null is wanted",
                    SPAN_ARG(node->key), tree_kind_name(node->kind));
    *ret = (struct source_value){.signal = *signal,
                                 .state = node->kind == TREE_NULL ? SIGNAL_ABSENT : SIGNAL_VALUE,
                                 .value = value};
    return RC_OK;
}

static enum rc read_values(struct source *s, struct span body, int64_t age_ns,
                           struct arena *scratch, struct diag *diag)
{
    const struct tree *json = NULL;
    struct source_value value[SIGNALS_PER_SOURCE_MAX];
    size_t n = 0;
    enum rc rc = json_read(scratch, body, NULL, &json, diag);
    if (rc != RC_OK)
        return rc;
    const struct tree *signals = tree_get(json, "signals");
    if (signals == NULL || signals->kind != TREE_OBJECT || json->count != 1)
        return fail(diag, RC_SYNTAX, "the body is not {\"signals\": {NAME: NUMBER}}");
    if (signals->count == 0 || signals->count > SIGNALS_PER_SOURCE_MAX)
        return fail(diag, RC_RANGE, "\"signals\" has %zu members, 1 to %d are wanted",
                    signals->count, SIGNALS_PER_SOURCE_MAX);
    for (const struct tree *t = signals->first; t != NULL; t = t->next) {
        rc = read_value(s, t, &value[n], diag);
        if (rc != RC_OK)
            return rc;
        value[n++].age_ns = age_ns;
    }
    for (size_t i = 0; i < n; i++)
        source_value(s, &value[i]);
    return RC_OK;
}

enum rc push_take(struct sources *sources, const char *pool, const struct push_message *message,
                  struct arena *scratch, size_t *ret_count, struct diag *diag)
{
    struct source *s = NULL;
    int64_t stamp_ns = 0;
    enum rc rc = find(sources, pool, message, &s, diag);
    if (rc == RC_OK)
        rc = check_time(s, message, &stamp_ns, diag);
    if (rc == RC_OK)
        rc = take_nonce(push_of(s), message, stamp_ns, diag);
    if (rc == RC_OK)
        rc = read_values(s, message->body, age_of(message, stamp_ns), scratch, diag);
    if (rc != RC_OK)
        return rc;
    *ret_count = s->value_count;
    source_end(s);
    if (s->status.fault != SOURCE_FAULT_NONE)
        return fail(diag, RC_RANGE, "%s", s->status.text);
    return RC_OK;
}
