/* stream.h - server-sent events to the clients that watch: each event to all, in order, with an id
 * from which a client that comes back goes on.
 *
 * Bounded: API_STREAMS_MAX clients; one that does not take its bytes is dropped (FAULTS 86), and
 * may come back with Last-Event-ID. Nothing waits for a client. One thread: that of the loop. */
#ifndef SLUICE_API_STREAM_H
#define SLUICE_API_STREAM_H

#include "api/call.h"

#define STREAM_KEPT_MAX 256                   /* events kept for clients that come back ... */
#define STREAM_KEPT_BYTES_MAX (256U << 10)    /* ... and their bytes: less than ... */
#define STREAM_UNSENT_BYTES_MAX (1024U << 10) /* ... what a client may leave unread */
#define STREAM_TICK_NS (250 * MILLISECOND_NS)
#define STREAM_HEARTBEAT_NS (15 * SECOND_NS)

struct stream;

enum rc stream_new(struct loop *loop, struct stream **ret) MUST_CHECK;
void stream_free(struct stream *stream); /* clients are cut */
/* Takes the call over; refuses it when there are too many clients. */
void stream_join(struct stream *stream, struct api_call *call);
/* data: JSON without line ends. */
void stream_send(struct stream *stream, const char *event, struct span data);
/* "tick": tells that numbers may be others. Without id and not kept; at most one every
 * STREAM_TICK_NS, and none while nobody watches. */
void stream_tick(struct stream *stream, int64_t at_wall_ns);

struct stream_stats {
    int64_t clients; /* now */
    int64_t dropped; /* because they were slow */
    int64_t refused;
    int64_t events;
};
void stream_read_stats(const struct stream *stream, struct stream_stats *ret);

#endif
