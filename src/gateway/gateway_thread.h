/* gateway_thread.h - a gateway on a thread and a loop of its own, and the messages between it and
 * control, both ways as owned copies through bounded boxes.
 *
 * Nobody waits for the other: control never blocks in a call below, and a gateway whose control
 * hangs goes on with the routes it has (R12); what it has to say is kept up to a limit and then
 * lost, with a count. All functions are for the control loop's thread; all callbacks come there. */
#ifndef SLUICE_GATEWAY_GATEWAY_THREAD_H
#define SLUICE_GATEWAY_GATEWAY_THREAD_H

#include "gateway/gateway.h"

#define MAIL_DOWN_MAX 4096      /* messages that wait for the gateway */
#define MAIL_UP_MAX 65536       /* messages that wait for control ... */
#define MAIL_SNAPSHOTS_MAX 1024 /* ... those with a snapshot among them */
#define REQUESTS_LISTED_MAX 1000

struct gateway_thread;

/* Listens when it returns. `budget` may be NULL; it outlives the thread, as config->log does. */
enum rc gateway_thread_new(struct loop *control, const struct gateway_config *config,
                           struct fd_budget *budget, gateway_up_fn *up, void *user,
                           struct gateway_thread **ret, struct diag *diag) MUST_CHECK;
/* Ends the thread; open requests are cut, messages not yet delivered are dropped. */
void gateway_thread_free(struct gateway_thread *thread);

/* Copies. RC_LIMIT, RC_NO_MEMORY: not sent; it may be told again later. */
enum rc gateway_thread_tell(struct gateway_thread *thread,
                            const struct message *message) MUST_CHECK;
/* The configuration must stay until `done` is called (rc of gateway_configure()); after an error of
 * this function `done` is not called. */
typedef void gateway_configured_fn(void *user, enum rc rc);
enum rc gateway_thread_configure(struct gateway_thread *thread, const struct config *config,
                                 gateway_configured_fn *done, void *user) MUST_CHECK;
/* Takes no new connections; `idle` is called once when no request is open any more. */
typedef void gateway_idle_fn(void *user);
enum rc gateway_thread_stop_accepting(struct gateway_thread *thread, gateway_idle_fn *idle,
                                      void *user) MUST_CHECK;

uint16_t gateway_thread_port(const struct gateway_thread *thread);
/* The newest copy known here; it comes with every answer to an ask. */
void gateway_thread_read_stats(const struct gateway_thread *thread, struct gateway_stats *ret);
int64_t gateway_thread_lost(const struct gateway_thread *thread); /* messages up that were lost */

/* Open requests, oldest first, at most REQUESTS_LISTED_MAX; the rows live during the call. */
typedef void gateway_requests_fn(void *user, const struct gateway_request *rows, size_t count);
enum rc gateway_thread_requests(struct gateway_thread *thread, gateway_requests_fn *fn,
                                void *user) MUST_CHECK;
/* `fn` may be NULL. */
typedef void gateway_cancelled_fn(void *user, bool found);
enum rc gateway_thread_cancel(struct gateway_thread *thread, uint64_t id, gateway_cancelled_fn *fn,
                              void *user) MUST_CHECK;

#endif
