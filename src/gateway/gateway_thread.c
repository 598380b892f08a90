/* gateway_thread.c - see gateway_thread.h. Letters go down to the gateway's loop and up to
 * control's; a letter with an answer goes down, is filled there, and comes up again itself. */
#include "gateway/gateway_thread.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "gateway/mail.h"

#define MESSAGE_BYTES_MAX                                                                          \
    (512U << 20) /* of one message: the routes of the largest installation                         \
                  */

struct gateway_thread {
    struct loop *loop;
    struct gateway *gateway;
    struct mailbox *down;
    struct mailbox *up;
    gateway_up_fn *up_fn;
    void *user;
    pthread_t thread;
    bool started;
    uint16_t port;
    _Atomic int64_t lost;
    struct gateway_stats stats; /* control's copy */
};

/* ---- messages ---- */

struct message_letter {
    struct letter letter;
    struct arena arena;
    struct message message;
};

static void message_drop(struct letter *letter)
{
    struct message_letter *m = (struct message_letter *)letter; /* the first member */
    arena_done(&m->arena);
    free(m);
}

static struct message_letter *message_letter_new(const struct message *message)
{
    struct message_letter *m = mem_new(1, sizeof(*m));
    if (!m)
        return NULL;
    arena_init(&m->arena, MESSAGE_BYTES_MAX);
    m->letter.drop = message_drop;
    m->letter.bulky = message->snapshot != NULL;
    if (message_copy(&m->arena, message, &m->message) != RC_OK) {
        message_drop(&m->letter);
        return NULL;
    }
    return m;
}

static enum rc send_message(struct mailbox *box, const struct message *message,
                            void (*open)(struct letter *, void *))
{
    struct message_letter *m = message_letter_new(message);
    if (!m)
        return RC_NO_MEMORY;
    m->letter.open = open;
    const enum rc rc = mailbox_send(box, &m->letter);
    if (rc != RC_OK)
        message_drop(&m->letter);
    return rc;
}

static void lose(struct gateway_thread *t)
{
    atomic_fetch_add_explicit(&t->lost, 1, memory_order_relaxed);
}

static void open_up(struct letter *letter, void *reader)
{
    const struct gateway_thread *t = reader;
    t->up_fn(t->user, &((struct message_letter *)letter)->message);
    message_drop(letter);
}

/* On the gateway's thread. */
static void on_up(void *user, const struct message *message)
{
    struct gateway_thread *t = user;
    if (send_message(t->up, message, open_up) != RC_OK)
        lose(t);
}

/* ---- letters that come back ---- */

struct round_trip {
    struct letter letter;
    struct gateway_thread *thread;
    void (*there)(struct round_trip *trip); /* on the gateway's loop; ends in trip_return() */
    void (*back)(struct round_trip *trip);  /* on control's */
    void *user;
    const struct config *config;
    gateway_configured_fn *configured;
    gateway_idle_fn *idle;
    gateway_requests_fn *listed;
    gateway_cancelled_fn *cancelled;
    struct gateway_request *rows;
    struct gateway_stats stats;
    size_t count;
    uint64_t id;
    enum rc rc;
    bool found;
};

static void trip_free(struct round_trip *trip)
{
    free(trip->rows);
    free(trip);
}

static void trip_drop(struct letter *letter)
{
    trip_free((struct round_trip *)letter); /* the first member */
}

static void trip_open_above(struct letter *letter, void *reader)
{
    struct round_trip *trip = (struct round_trip *)letter;
    (void)reader;
    trip->back(trip);
    trip_free(trip);
}

/* Sends it back; lost when control does not read. */
static void trip_return(struct round_trip *trip)
{
    struct gateway_thread *t = trip->thread;
    trip->letter.open = trip_open_above;
    if (mailbox_send(t->up, &trip->letter) != RC_OK) {
        lose(t);
        trip_free(trip);
    }
}

static void trip_open_below(struct letter *letter, void *reader)
{
    struct round_trip *trip = (struct round_trip *)letter;
    (void)reader;
    trip->there(trip);
}

static struct round_trip *trip_new(struct gateway_thread *t, void (*there)(struct round_trip *),
                                   void (*back)(struct round_trip *), void *user)
{
    struct round_trip *trip = mem_new(1, sizeof(*trip));
    if (!trip)
        return NULL;
    trip->thread = t;
    trip->there = there;
    trip->back = back;
    trip->user = user;
    trip->letter.open = trip_open_below;
    trip->letter.drop = trip_drop;
    return trip;
}

static enum rc trip_send(struct round_trip *trip)
{
    const enum rc rc = mailbox_send(trip->thread->down, &trip->letter);
    if (rc != RC_OK)
        trip_free(trip);
    return rc;
}

/* ---- what is asked ---- */

static void stats_back(struct round_trip *trip)
{
    trip->thread->stats = trip->stats;
}

static void send_stats(struct gateway_thread *t)
{
    struct round_trip *trip = trip_new(t, NULL, stats_back, NULL);
    if (!trip)
        return;
    gateway_read_stats(t->gateway, &trip->stats);
    trip_return(trip);
}

static void open_down(struct letter *letter, void *reader)
{
    struct gateway_thread *t = reader;
    const struct message *message = &((struct message_letter *)letter)->message;
    if (gateway_tell(t->gateway, message) != RC_OK)
        lose(t);
    if (message->kind == MESSAGE_ASK)
        send_stats(t);
    message_drop(letter);
}

enum rc gateway_thread_tell(struct gateway_thread *t, const struct message *message)
{
    return send_message(t->down, message, open_down);
}

static void configure_there(struct round_trip *trip)
{
    trip->rc = gateway_configure(trip->thread->gateway, trip->config);
    trip_return(trip);
}

static void configure_back(struct round_trip *trip)
{
    if (trip->configured)
        trip->configured(trip->user, trip->rc);
}

enum rc gateway_thread_configure(struct gateway_thread *t, const struct config *config,
                                 gateway_configured_fn *done, void *user)
{
    struct round_trip *trip = trip_new(t, configure_there, configure_back, user);
    if (!trip)
        return RC_NO_MEMORY;
    trip->config = config;
    trip->configured = done;
    return trip_send(trip);
}

static void idle_there(void *user)
{
    trip_return(user);
}

static void stop_there(struct round_trip *trip)
{
    gateway_stop_accepting(trip->thread->gateway, idle_there, trip);
}

static void stop_back(struct round_trip *trip)
{
    if (trip->idle)
        trip->idle(trip->user);
}

enum rc gateway_thread_stop_accepting(struct gateway_thread *t, gateway_idle_fn *idle, void *user)
{
    struct round_trip *trip = trip_new(t, stop_there, stop_back, user);
    if (!trip)
        return RC_NO_MEMORY;
    trip->idle = idle;
    return trip_send(trip);
}

static void list_there(struct round_trip *trip)
{
    trip->rows = mem_new(REQUESTS_LISTED_MAX, sizeof(*trip->rows));
    if (trip->rows)
        trip->count = gateway_requests(trip->thread->gateway, trip->rows, REQUESTS_LISTED_MAX);
    trip_return(trip);
}

static void list_back(struct round_trip *trip)
{
    trip->listed(trip->user, trip->rows, trip->count);
}

enum rc gateway_thread_requests(struct gateway_thread *t, gateway_requests_fn *fn, void *user)
{
    struct round_trip *trip = trip_new(t, list_there, list_back, user);
    if (!trip)
        return RC_NO_MEMORY;
    trip->listed = fn;
    return trip_send(trip);
}

static void cancel_there(struct round_trip *trip)
{
    trip->found = gateway_cancel(trip->thread->gateway, trip->id);
    trip_return(trip);
}

static void cancel_back(struct round_trip *trip)
{
    if (trip->cancelled)
        trip->cancelled(trip->user, trip->found);
}

enum rc gateway_thread_cancel(struct gateway_thread *t, uint64_t id, gateway_cancelled_fn *fn,
                              void *user)
{
    struct round_trip *trip = trip_new(t, cancel_there, cancel_back, user);
    if (!trip)
        return RC_NO_MEMORY;
    trip->id = id;
    trip->cancelled = fn;
    return trip_send(trip);
}

/* ---- life ---- */

static void *thread_main(void *user)
{
    struct gateway_thread *t = user;
    loop_run(t->loop);
    return NULL;
}

/* Signals are for the thread of control. */
static bool thread_start(struct gateway_thread *t)
{
    sigset_t all, before;
    (void)sigfillset(&all); /* cannot fail */
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0)
        return false;
    t->started = pthread_create(&t->thread, NULL, thread_main, t) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL); /* worked a line above */
    return t->started;
}

enum rc gateway_thread_new(struct loop *control, const struct gateway_config *config,
                           struct fd_budget *budget, gateway_up_fn *up, void *user,
                           struct gateway_thread **ret, struct diag *diag)
{
    struct gateway_thread *t = mem_new(1, sizeof(*t));
    if (!t)
        return fail(diag, RC_NO_MEMORY, "no memory for a gateway");
    t->up_fn = up;
    t->user = user;
    const struct mailbox_limits down = {.letters_max = MAIL_DOWN_MAX, .bulky_max = MAIL_DOWN_MAX};
    const struct mailbox_limits above = {.letters_max = MAIL_UP_MAX,
                                         .bulky_max = MAIL_SNAPSHOTS_MAX};
    enum rc rc = loop_new(&t->loop, diag);
    if (rc == RC_OK) {
        loop_set_fd_budget(t->loop, budget);
        t->down = mailbox_new(t->loop, &down, t);
        t->up = mailbox_new(control, &above, t);
        if (!t->down || !t->up)
            rc = fail(diag, RC_NO_MEMORY, "no memory for a gateway");
    }
    if (rc == RC_OK)
        rc = gateway_new(t->loop, config, on_up, t, &t->gateway, diag);
    if (rc == RC_OK) {
        t->port = gateway_port(t->gateway);
        gateway_read_stats(t->gateway, &t->stats);
    }
    if (rc == RC_OK && !thread_start(t))
        rc = fail(diag, RC_LIMIT, "no thread for a gateway; is the limit of processes reached?");
    if (rc != RC_OK) {
        gateway_thread_free(t);
        return rc;
    }
    *ret = t;
    return RC_OK;
}

void gateway_thread_free(struct gateway_thread *t)
{
    if (!t)
        return;
    if (t->started) {
        loop_stop_from_any_thread(t->loop);
        (void)pthread_join(t->thread, NULL); /* it ends by itself */
    }
    mailbox_free(t->down);
    gateway_free(t->gateway);
    mailbox_free(t->up);
    loop_free(t->loop);
    free(t);
}

uint16_t gateway_thread_port(const struct gateway_thread *t)
{
    return t->port;
}

void gateway_thread_read_stats(const struct gateway_thread *t, struct gateway_stats *ret)
{
    *ret = t->stats;
}

int64_t gateway_thread_lost(const struct gateway_thread *t)
{
    return atomic_load_explicit(&t->lost, memory_order_relaxed);
}
