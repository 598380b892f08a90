/* headers.c - which header lines pass, in which direction, and those of ours. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "gateway/gateway_internal.h"
#include "io/clock.h"

#define EXPOSED                                                                                    \
    "x-request-id, x-sluice-pool, x-sluice-replica, x-sluice-model, x-sluice-queue-ms, "           \
    "x-sluice-cold-start, x-sluice-reason, x-should-retry, retry-after, server-timing"

struct header_name {
    const char *name;
    size_t len;
    enum header_kind kind;
};
#define NAME(name_, kind_)                                                                         \
    {                                                                                              \
        .name = (name_), .len = sizeof(name_) - 1, .kind = HEADER_##kind_                          \
    }
static const struct header_name names[] = {
    /* by length */
    NAME("te", HOP),
    NAME("host", FRAME),
    NAME("expect", FRAME),
    NAME("trailer", HOP),
    NAME("upgrade", HOP),
    NAME("x-model", MODEL),
    NAME("x-api-key", KEY),
    NAME("connection", HOP),
    NAME("keep-alive", HOP),
    NAME("traceparent", TRACE),
    NAME("x-request-id", REQUEST_ID),
    NAME("x-session-id", SESSION),
    NAME("authorization", AUTH),
    NAME("content-length", FRAME),
    NAME("proxy-connection", HOP),
    NAME("x-sluice-priority", PRIORITY),
    NAME("transfer-encoding", HOP),
    NAME("proxy-authenticate", HOP),
    NAME("proxy-authorization", HOP),
    NAME("x-litellm-session-id", SESSION),
    NAME("x-gateway-inference-objective", OBJECTIVE),
};

/* By length: one more than the index of the first name of it; 0: there is none. */
static const uint8_t place_of_length[] = {
    [2] = 1,   [4] = 2,   [6] = 3,   [7] = 4,   [9] = 7,   [10] = 8,  [11] = 10, [12] = 11,
    [13] = 13, [14] = 14, [16] = 15, [17] = 16, [18] = 18, [19] = 19, [20] = 20, [29] = 21};

static enum header_kind kind_of(struct span name)
{
    const size_t place = name.len < COUNT_OF(place_of_length) ? place_of_length[name.len] : 0;
    for (size_t i = place; i > 0 && i <= COUNT_OF(names) && names[i - 1].len == name.len; i++)
        if (span_same_letters(name.ptr, names[i - 1].name, name.len))
            return names[i - 1].kind;
    if (name.len > 9 && span_equal_text_nocase(span_slice(name, 0, 9), "x-sluice-"))
        return HEADER_OURS;
    return HEADER_PLAIN;
}

/* Headers that Connection names are of this connection only. */
static void drop_listed(const struct http_head *head, struct span list, uint8_t *kinds)
{
    struct span option;
    while (span_split(&list, ',', &option)) {
        option = span_trim(option);
        for (size_t i = 0; i < head->header_count; i++)
            if (span_equal_nocase(option, head->header[i].name))
                kinds[i] = HEADER_HOP;
    }
}

static void read_kinds(const struct http_head *head, uint8_t *kinds)
{
    for (size_t i = 0; i < head->header_count; i++)
        kinds[i] = (uint8_t)kind_of(head->header[i].name);
    for (size_t i = 0; i < head->header_count; i++)
        if (span_equal_text_nocase(head->header[i].name, "connection"))
            drop_listed(head, head->header[i].value, kinds);
}

static void hex(uint64_t value, char *ret)
{
    for (int i = 15; i >= 0; i--, value >>= 4)
        ret[i] = "0123456789abcdef"[value & 15];
}

static bool is_id(struct span id)
{
    if (id.len == 0 || id.len >= REQUEST_ID_SIZE)
        return false;
    for (size_t i = 0; i < id.len; i++)
        if (id.ptr[i] <= ' ' || id.ptr[i] > '~')
            return false;
    return true;
}

struct span headers_get(const struct exchange *x, enum header_kind kind)
{
    const struct http_head *head = http_request_head(x->request);
    for (size_t i = 0; i < head->header_count; i++)
        if (x->kinds[i] == kind)
            return head->header[i].value;
    return (struct span){0};
}

void headers_read(struct exchange *x)
{
    read_kinds(http_request_head(x->request), x->kinds);
    const struct span id = headers_get(x, HEADER_REQUEST_ID);
    if (is_id(id)) {
        (void)span_copy(id, x->request_id, sizeof(x->request_id)); /* it fits */
        return;
    }
    hex(rng_next(&x->gateway->rng), x->request_id);
    hex(rng_next(&x->gateway->rng), x->request_id + 16);
}

/* Lines first to last as they were sent: in a head they stand one behind the other. */
static void copy_lines(struct buf *lines, const struct http_header *first,
                       const struct http_header *last)
{
    const char *end = last->value.len > 0 ? last->value.ptr + last->value.len
                                          : last->name.ptr + last->name.len + 1; /* the colon */
    buf_append(lines, first->name.ptr, (size_t)(end - first->name.ptr));
    buf_append(lines, "\r\n", 2);
}

/* Copies the lines whose bit is set in `pass`, in runs. */
static void copy_passing(struct buf *lines, const struct http_head *head, const bool *pass)
{
    for (size_t i = 0; i < head->header_count; i++) {
        const size_t first = i;
        while (i < head->header_count && pass[i])
            i++;
        if (i > first)
            copy_lines(lines, &head->header[first], &head->header[i - 1]);
    }
}

static void trace_line(struct exchange *x, struct buf *lines)
{
    char text[] = "00-................................-................-01";
    hex(rng_next(&x->gateway->rng), text + 3);
    hex(rng_next(&x->gateway->rng) | 1, text + 19); /* all zeros would be invalid */
    hex(rng_next(&x->gateway->rng) | 1, text + 36);
    (void)http_line_text(lines, "traceparent", text); /* ours: no line end */
}

static bool goes_to_replica(const struct exchange *x, enum header_kind kind)
{
    switch (kind) {
    case HEADER_HOP:
    case HEADER_FRAME:
    case HEADER_REQUEST_ID:
        return false;
    case HEADER_AUTH:
    case HEADER_KEY:
        return x->keys == NULL; /* keys of ours are nobody else's business */
    case HEADER_PLAIN:
    case HEADER_TRACE:
    case HEADER_SESSION:
    case HEADER_PRIORITY:
    case HEADER_OBJECTIVE:
    case HEADER_MODEL:
    case HEADER_OURS:
        return true;
    }
    return true;
}

void headers_to_replica(struct exchange *x, struct buf *lines)
{
    const struct http_head *head = http_request_head(x->request);
    bool pass[HTTP_HEADERS_MAX] = {false};
    bool traced = false;
    for (size_t i = 0; i < head->header_count; i++) {
        traced |= x->kinds[i] == HEADER_TRACE;
        pass[i] = goes_to_replica(x, x->kinds[i]);
    }
    copy_passing(lines, head, pass);
    (void)http_line_text(lines, "x-request-id", x->request_id); /* checked */
    if (!traced)
        trace_line(x, lines);
}

static void number_line(struct buf *lines, const char *name, int64_t value, const char *rest)
{
    buf_text(lines, name);
    buf_int(lines, value);
    buf_text(lines, rest);
    buf_append(lines, "\r\n", 2);
}

/* As OpenAI writes spans: 12ms, 7s, 6m0s. */
static void span_text(int64_t ns, char ret[32])
{
    const int64_t seconds = ns / SECOND_NS;
    if (seconds < 1)
        (void)snprintf(ret, 32, "%dms", (int)(ns / MILLISECOND_NS));
    else if (seconds < 60)
        (void)snprintf(ret, 32, "%ds", (int)seconds);
    else
        (void)snprintf(ret, 32, "%dm%ds", (int)(seconds / 60), (int)(seconds % 60));
}

static void limit_lines(struct buf *lines, const char *what, const struct limit_left *left)
{
    char reset[32];
    if (left->limit == 0)
        return;
    span_text(left->reset_ns, reset);
    buf_printf(lines,
               "x-ratelimit-limit-%s: %" PRId64 "\r\nx-ratelimit-remaining-%s: %" PRId64
               "\r\nx-ratelimit-reset-%s: %s\r\n",
               what, left->limit, what, left->left, what, reset);
}

static void key_lines(const struct exchange *x, struct buf *lines)
{
    struct limit_left requests, tokens;
    if (!x->key)
        return;
    limits_left(&x->gateway->limits, x->key->id, &x->key->tier, clock_monotonic_ns(), &requests,
                &tokens);
    limit_lines(lines, "requests", &requests);
    limit_lines(lines, "tokens", &tokens);
}

void headers_of_ours(const struct exchange *x, struct buf *lines)
{
    (void)http_line_text(lines, "x-request-id", x->request_id); /* checked */
    if (x->endpoint.family == FAMILY_ANTHROPIC)
        (void)http_line_text(lines, "request-id", x->request_id); /* checked */
    key_lines(x, lines);
    if (!x->pool)
        return;
    (void)http_line_text(lines, "x-sluice-pool", x->pool->name); /* names have no line ends */
    if (x->model[0] != '\0')
        (void)http_line_text(lines, "x-sluice-model", x->model); /* left out with a line end */
    if (x->replica != 0)
        number_line(lines, "x-sluice-replica: ", (int64_t)x->replica, "");
    if (x->assigned_ns != 0) {
        const int64_t queue_ms = (x->assigned_ns - x->started_ns) / MILLISECOND_NS;
        number_line(lines, "x-sluice-queue-ms: ", queue_ms, "");
        number_line(lines, "server-timing: queue;dur=", queue_ms, "");
    }
    if (x->cold)
        buf_text(lines, "x-sluice-cold-start: true\r\n");
}

static bool is_local(struct span origin)
{
    static const char *const hosts[] = {"localhost", "127.0.0.1", "[::1]"};
    const size_t scheme = span_find(origin, span_from("://"), 0);
    if (scheme == SIZE_MAX)
        return false;
    const struct span rest = span_slice(origin, scheme + 3, SIZE_MAX);
    for (size_t i = 0; i < COUNT_OF(hosts); i++) {
        const struct span port = span_slice(rest, strlen(hosts[i]), SIZE_MAX);
        if (span_starts_with(rest, hosts[i]) && (port.len == 0 || span_starts_with(port, ":")))
            return true;
    }
    return false;
}

static bool is_listed(struct span origin, const char *list)
{
    struct span rest = span_from(list);
    struct span one;
    while (span_split(&rest, ',', &one)) {
        one = span_trim(one);
        if (one.len > 0 && (span_equal_text(one, "*") || span_equal_nocase(one, origin)))
            return true;
    }
    return false;
}

void headers_cors(const struct exchange *x, struct buf *lines)
{
    const struct span origin = http_header_get(http_request_head(x->request), "origin");
    if (origin.len == 0 || (!is_local(origin) && !is_listed(origin, x->gateway->cors_origins)))
        return;
    if (http_line(lines, "access-control-allow-origin", origin))
        buf_text(lines, "vary: origin\r\naccess-control-expose-headers: " EXPOSED "\r\n");
}

void headers_to_client(const struct exchange *x, const struct http_head *head, struct buf *lines)
{
    uint8_t kinds[HTTP_HEADERS_MAX];
    bool pass[HTTP_HEADERS_MAX] = {false};
    bool cors = false;
    read_kinds(head, kinds);
    for (size_t i = 0; i < head->header_count; i++) {
        const struct http_header *header = &head->header[i];
        pass[i] = kinds[i] != HEADER_HOP && kinds[i] != HEADER_FRAME &&
                  kinds[i] != HEADER_REQUEST_ID && kinds[i] != HEADER_OURS;
        cors |= pass[i] && span_equal_text_nocase(header->name, "access-control-allow-origin");
    }
    copy_passing(lines, head, pass);
    headers_of_ours(x, lines);
    if (!cors)
        headers_cors(x, lines);
}
