/* probe.h - asking one engine over and over whether it serves: a GET that is answered 2xx, or an
 * open port where no path is given.
 *
 * Embedded in its owner; one thread. Tells changes only. Until the engine is ready it asks every
 * `interval_ns`, then every PROBE_CALM_NS, and sooner once something is wrong. */
#ifndef SLUICE_TARGET_PROBE_H
#define SLUICE_TARGET_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/message.h"
#include "io/http_fetch.h"

#define PROBE_CALM_NS (5 * SECOND_NS)    /* between two probes of a ready engine */
#define PROBE_DOUBT_NS SECOND_NS         /* the same once one has failed */
#define PROBE_TIMEOUT_NS (5 * SECOND_NS) /* of one probe */
#define PROBE_FAILURES 3                 /* in a row, until a ready engine is unready */

enum probe_state {
    PROBE_SILENT,  /* nobody accepts a connection */
    PROBE_LOADING, /* somebody accepts; not ready yet */
    PROBE_READY,
    PROBE_UNREADY, /* was ready and fails now */
};
/* words: why an engine is unready; "" otherwise. The probe may be stopped inside. */
typedef void probe_fn(void *user, enum probe_state state, const char *words);

struct probe_plan {
    const char *host; /* numeric, or a name */
    uint16_t port;
    const char *path; /* "" = an open port is enough */
    int64_t interval_ns;
    int64_t calm_ns;  /* 0 = PROBE_CALM_NS */
    int64_t doubt_ns; /* 0 = PROBE_DOUBT_NS */
    enum probe_state state;
};

struct probe {
    struct http_client *client; /* NULL = never started */
    struct timer timer;
    struct http_fetch *fetch;
    struct conn *conn;
    probe_fn *fn;
    void *user;
    char host[ADDRESS_SIZE];
    char path[TEXT_SIZE];
    uint16_t port;
    int64_t interval_ns;
    int64_t calm_ns;
    int64_t doubt_ns;
    enum probe_state state;
    int failures;
    bool tell_same; /* every probe is told, not only changes */
};

/* A client with limits that suit probes; for any number of them. NULL: no memory. */
struct http_client *probe_client(struct loop *loop);
/* `state` is what is known already: an engine that was found ready is asked again after a while.
 * Otherwise the first probe is made in the next loop turn. Strings are copied. RC_NO_MEMORY. */
enum rc probe_start(struct probe *probe, struct http_client *client, const struct probe_plan *plan,
                    probe_fn *fn, void *user) MUST_CHECK;
/* Asks each once, all at the same time, on a loop of its own: returns within `limit_ns`. Without an
 * answer the state stays as it is in the plan. For start-up. */
void probe_all(struct probe_plan *plan, size_t count, int64_t limit_ns);
/* Another path or interval for a running one; does nothing otherwise. */
void probe_change(struct probe *probe, const char *path, int64_t interval_ns);
void probe_stop(struct probe *probe); /* also of a zeroed or stopped one */

#endif
