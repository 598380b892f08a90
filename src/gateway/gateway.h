/* gateway.h - the data plane on one loop: takes requests of clients, finds model, pool and replica,
 * holds them while none is ready, passes bytes both ways, and meters.
 *
 * What a request gets is decided by traffic/ (router, dispatcher); here are the sockets around it.
 * Control tells it routes and limits and asks for snapshots; without control it goes on with what
 * it was told last (R12). One thread: that of the loop. gateway_thread.h runs one on a thread of
 * its own. */
#ifndef SLUICE_GATEWAY_GATEWAY_H
#define SLUICE_GATEWAY_GATEWAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "core/message.h"
#include "io/http_server.h"
#include "io/log.h"
#include "io/loop.h"
#include "traffic/family.h"

struct gateway;

struct gateway_config {
    struct http_server_config server; /* address and limits of the listener */
    uint16_t index;                   /* of this gateway, in its snapshots */
    uint64_t seed;                    /* request ids, canaries, jitter */
    const struct log *log;            /* NULL: nothing is logged; must outlive the gateway */
    int64_t hold_after_ns;            /* a held stream is answered after this; 1 s */
    int64_t hold_every_ns;            /* between two keep-alives of a held stream; 5 s */
    int64_t interim_every_ns; /* between two `102 Processing` to a held plain request; 15 s */
};
void gateway_defaults(struct gateway_config *config);

/* Up: snapshot, wake (with its snapshot), drained, suspect. The message is valid during the call;
 * the callee must not call the gateway. */
typedef void gateway_up_fn(void *user, const struct message *message);

/* Listens at once; connections wait until the first routes are known. RC_IO and others of
 * http_server_new(). */
enum rc gateway_new(struct loop *loop, const struct gateway_config *config, gateway_up_fn *up,
                    void *user, struct gateway **ret, struct diag *diag) MUST_CHECK;
/* Cuts what is open. */
void gateway_free(struct gateway *gateway);

/* Keys, tiers, and per pool: limits, objectives, timeouts, holding. Read during the call only;
 * counts for running requests too where it can. RC_NO_MEMORY: the old one stays in force. */
enum rc gateway_configure(struct gateway *gateway, const struct config *config) MUST_CHECK;
/* Routes, drain, undrain, limits, ask; copied. Routes of a generation that is not newer change
 * nothing. RC_NO_MEMORY: tell it again. RC_INVALID: no message for a gateway. */
enum rc gateway_tell(struct gateway *gateway, const struct message *message) MUST_CHECK;

/* Takes no new connections; open requests go on. `idle` (may be NULL) is called once when none is
 * open any more, at the latest by gateway_free(). */
typedef void gateway_idle_told_fn(void *user);
void gateway_stop_accepting(struct gateway *gateway, gateway_idle_told_fn *idle, void *user);
bool gateway_idle(const struct gateway *gateway); /* no request is open */
uint16_t gateway_port(const struct gateway *gateway);

/* Amounts since the start. */
struct gateway_stats {
    struct http_server_stats server;
    int64_t upstream_connections; /* open now, idle ones too */
    int64_t open_requests;        /* now, all states */
    int64_t held_bytes;           /* request bodies in memory now */
    double descriptors_ratio;     /* used of the budget; 0 without one */
    bool shedding;
    uint64_t generation;             /* of the routes in force */
    int64_t requests;                /* taken, own answers included */
    int64_t forwarded;               /* an answer of a replica was passed on whole */
    int64_t own;                     /* answered here: lists, health */
    int64_t gone;                    /* the client left before the end */
    int64_t broken;                  /* cut in the middle of an answer */
    int64_t retries;                 /* tries on another replica */
    int64_t stale;                   /* tries repeated because a kept connection was dead */
    int64_t shed;                    /* refused because descriptors or memory ran out */
    int64_t troubles[TROUBLE_COUNT]; /* errors of ours by kind */
};
void gateway_read_stats(const struct gateway *gateway, struct gateway_stats *ret);

enum request_phase { PHASE_RECEIVING, PHASE_HELD, PHASE_WAITING, PHASE_ANSWERING };
const char *request_phase_name(enum request_phase phase);

/* One open request, for people. */
struct gateway_request {
    uint64_t id;
    char model[TEXT_SIZE];
    char pool[NAME_SIZE]; /* "" before it is routed */
    char key[NAME_SIZE];  /* name of the key, "" = none */
    uint64_t replica;     /* 0 = none yet */
    enum request_phase phase;
    int64_t position;      /* HELD: 1 = next */
    int64_t output_tokens; /* so far */
    int64_t age_ns;
};
/* Oldest first; returns how many were written. */
size_t gateway_requests(const struct gateway *gateway, struct gateway_request *ret, size_t max);
/* Ends an open request as if its time were over. False: no such request. */
bool gateway_cancel(struct gateway *gateway, uint64_t id);

#endif
