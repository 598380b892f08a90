#include "api/stream.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "io/clock.h"
#include "io/random.h"

struct client {
    struct stream *stream;
    struct http_request *request; /* NULL: the place is free */
};

struct kept {
    uint64_t id;
    char *text; /* whole event with its empty line */
    size_t len;
};

struct stream {
    struct timer heartbeat;
    char run[9]; /* of this process, in ids: those of an earlier one mean nothing */
    uint64_t next_id;
    struct client client[API_STREAMS_MAX];
    struct kept kept[STREAM_KEPT_MAX]; /* a ring: id % STREAM_KEPT_MAX */
    uint64_t oldest_id;
    size_t kept_bytes;
    int64_t tick_ns; /* monotonic; of the last "tick" */
    struct stream_stats stats;
};

static void leave(struct client *client)
{
    client->request = NULL;
    client->stream->stats.clients--;
}

static void on_gone(void *user)
{
    leave(user);
}

static const struct http_request_ops client_ops = {.gone = on_gone};

/* False: it was dropped. */
static bool write_to(struct client *client, struct span text)
{
    if (http_response_over_high_water(client->request)) {
        struct http_request *request = client->request;
        leave(client);
        client->stream->stats.dropped++;
        http_response_abort(request);
        return false;
    }
    http_response_data(client->request, text);
    return true;
}

static void write_to_all(struct stream *stream, struct span text)
{
    for (size_t i = 0; i < API_STREAMS_MAX; i++)
        if (stream->client[i].request != NULL)
            (void)write_to(&stream->client[i], text); /* dropped ones are counted */
}

static void on_heartbeat(void *user)
{
    struct stream *stream = user;
    write_to_all(stream, span_from(":\n\n"));
    timer_after(&stream->heartbeat, STREAM_HEARTBEAT_NS);
}

enum rc stream_new(struct loop *loop, struct stream **ret)
{
    struct stream *stream = mem_new(1, sizeof(*stream));
    if (stream == NULL)
        return RC_NO_MEMORY;
    random_hex((sizeof(stream->run) - 1) / 2, stream->run);
    stream->next_id = 1;
    stream->oldest_id = 1;
    const enum rc rc = timer_init(&stream->heartbeat, loop, on_heartbeat, stream);
    if (rc != RC_OK) {
        free(stream);
        return rc;
    }
    timer_after(&stream->heartbeat, STREAM_HEARTBEAT_NS);
    *ret = stream;
    return RC_OK;
}

static void forget_oldest(struct stream *stream)
{
    struct kept *kept = &stream->kept[stream->oldest_id++ % STREAM_KEPT_MAX];
    stream->kept_bytes -= kept->len;
    free(kept->text);
    *kept = (struct kept){0};
}

void stream_free(struct stream *stream)
{
    if (stream == NULL)
        return;
    for (size_t i = 0; i < API_STREAMS_MAX; i++) {
        struct http_request *request = stream->client[i].request;
        stream->client[i].request = NULL;
        if (request != NULL)
            http_response_cut(request);
    }
    while (stream->oldest_id < stream->next_id)
        forget_oldest(stream);
    timer_done(&stream->heartbeat);
    free(stream);
}

/* ---- coming back ---- */

/* The id after the one that the client saw last; 0 when it saw none of this run. */
static uint64_t wanted_from(const struct stream *stream, struct span last)
{
    int64_t seen = 0;
    const size_t dash = span_find_byte(last, '-', 0);
    if (dash == SIZE_MAX || !span_equal_text(span_slice(last, 0, dash), stream->run) ||
        num_parse_int(span_slice(last, dash + 1, last.len), &seen) != RC_OK || seen < 0)
        return 0;
    return (uint64_t)seen + 1;
}

static void replay(struct stream *stream, struct client *client, uint64_t from)
{
    if (from < stream->oldest_id)
        from = stream->oldest_id;
    for (; from < stream->next_id; from++) {
        const struct kept *kept = &stream->kept[from % STREAM_KEPT_MAX];
        if (!write_to(client, span_of(kept->text, kept->len)))
            return;
    }
}

static struct client *free_place(struct stream *stream)
{
    for (size_t i = 0; i < API_STREAMS_MAX; i++)
        if (stream->client[i].request == NULL)
            return &stream->client[i];
    return NULL;
}

void stream_join(struct stream *stream, struct api_call *call)
{
    struct client *client = free_place(stream);
    if (client == NULL) {
        stream->stats.refused++;
        http_response_close_after(
            call->request); /* ten thousand must not hold connections either */
        call_failure(call, RC_LIMIT, "stream", NULL,
                     "%d clients watch already: no more are taken, try again later",
                     API_STREAMS_MAX);
        return;
    }
    struct http_request *request = call->request;
    const struct span last = http_header_get(http_request_head(request), "last-event-id");
    const uint64_t from = last.ptr == NULL ? 0 : wanted_from(stream, last);
    *client = (struct client){.stream = stream, .request = request};
    stream->stats.clients++;
    http_request_set(request, &client_ops, client);
    http_response_begin(request, 200,
                        span_from("content-type: text/event-stream\r\ncache-control: no-store\r\n"
                                  "x-accel-buffering: no\r\n"),
                        HTTP_LENGTH_STREAM);
    http_response_data(request, span_from("retry: 2000\n\n"));
    call_end(call);
    if (from > 0)
        replay(stream, client, from);
}

/* ---- events ---- */

static void keep(struct stream *stream, struct span text)
{
    char *copy = mem_new(1, text.len);
    if (copy != NULL)
        memcpy(copy, text.ptr, text.len);
    const size_t len = copy != NULL ? text.len : 0; /* without memory nobody gets it again */
    while (stream->oldest_id < stream->next_id &&
           (stream->next_id - stream->oldest_id >= STREAM_KEPT_MAX ||
            stream->kept_bytes + len > STREAM_KEPT_BYTES_MAX))
        forget_oldest(stream);
    stream->kept[stream->next_id % STREAM_KEPT_MAX] =
        (struct kept){.id = stream->next_id, .text = copy, .len = len};
    stream->kept_bytes += len;
    stream->next_id++;
}

void stream_send(struct stream *stream, const char *event, struct span data)
{
    struct buf text;
    buf_init(&text, STREAM_KEPT_BYTES_MAX);
    buf_printf(&text, "id: %s-%" PRIu64 "\nevent: %s\ndata: ", stream->run, stream->next_id, event);
    buf_span(&text, data);
    buf_append(&text, "\n\n", 2);
    if (!text.failed) {
        stream->stats.events++;
        keep(stream, buf_view(&text));
        write_to_all(stream, buf_view(&text));
    }
    buf_done(&text);
}

void stream_tick(struct stream *stream, int64_t at_wall_ns)
{
    char at[DURATION_TEXT_MAX];
    char text[96];
    const int64_t now_ns = clock_monotonic_ns();
    if (stream->stats.clients == 0 || now_ns - stream->tick_ns < STREAM_TICK_NS)
        return;
    stream->tick_ns = now_ns;
    (void)time_print_rfc3339(at_wall_ns, at);
    (void)snprintf(text, sizeof(text), "event: tick\ndata: {\"at\":\"%s\"}\n\n", at);
    write_to_all(stream, span_from(text));
}

void stream_read_stats(const struct stream *stream, struct stream_stats *ret)
{
    *ret = stream->stats;
}
