/* loop.h - one thread's event loop: watched descriptors, timers, work at the end of an event, posts
 * from other threads, signals. A thin layer over libuv.
 *
 * Everything but loop_post() and loop_stop_from_any_thread() belongs to the thread that runs the
 * loop. Callbacks are never nested: whatever a callback asks for happens after it returned. Tasks
 * deferred in a callback run right after that callback, before the next descriptor is looked at, so
 * that bytes leave in the loop turn they arrived in. */
#ifndef SLUICE_IO_LOOP_H
#define SLUICE_IO_LOOP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/duration.h"
#include "base/rc.h"

#define LOOP_POSTS_MAX 65536 /* messages from other threads that wait */
#define LOOP_READ_BYTES                                                                            \
    ((size_t)64 * 1024) /* one read at most; the buffer is shared by all connections */
#define LOOP_SIGNALS_MAX 8

struct loop;
struct uv_loop_s;

enum rc loop_new(struct loop **ret, struct diag *diag) MUST_CHECK;
/* Everything that was started on the loop must be freed before; posts not yet run are dropped. */
void loop_free(struct loop *loop);
void loop_run(struct loop *loop); /* until loop_stop() */
void loop_stop(struct loop *loop);
void loop_stop_from_any_thread(struct loop *loop);
/* One turn: waits for an event when `wait`. For tests and commands that run a loop until done. */
void loop_turn(struct loop *loop, bool wait);
struct uv_loop_s *loop_uv(struct loop *loop); /* for uv_queue_work and uv_getaddrinfo */
char *loop_read_buffer(struct loop *loop); /* LOOP_READ_BYTES; valid until the callback returns */

/* How many descriptors this process may hold; shared by all loops. Reserved ones (log, store, pipes
 * of engines) are taken off the limit. */
struct fd_budget {
    int64_t limit;
    _Atomic int64_t used;
};
void fd_budget_init(struct fd_budget *budget, int64_t reserved);      /* from RLIMIT_NOFILE */
double fd_budget_ratio(struct fd_budget *budget);                     /* used / limit; 0 for NULL */
void loop_set_fd_budget(struct loop *loop, struct fd_budget *budget); /* NULL = not counted */
struct fd_budget *loop_fd_budget(struct loop *loop);

/* Work at the end of the current callback; a task already queued stays where it is. */
struct task {
    void (*run)(struct task *task);
    struct task *next;
    bool queued;
};
void loop_defer(struct loop *loop, struct task *task);

/* Timers: embedded, ns resolution. Moving a deadline later costs nothing until the old one passes.
 */
typedef void timer_fn(void *user);
struct timer {
    struct loop *loop;
    timer_fn *fn;
    void *user;
    int64_t deadline_ns; /* TIME_NONE = off */
    int64_t armed_ns;
    size_t index; /* in the heap of the loop; SIZE_MAX = not there */
};
enum rc timer_init(struct timer *timer, struct loop *loop, timer_fn *fn, void *user) MUST_CHECK;
void timer_at(struct timer *timer, int64_t deadline_ns); /* of clock_monotonic_ns() */
void timer_after(struct timer *timer, int64_t span_ns);
void timer_stop(struct timer *timer);
void timer_done(struct timer *timer); /* also of a zeroed or half-built timer */

/* A watched descriptor. The watch does not own it. */
#define WATCH_READ 1U
#define WATCH_WRITE 2U
#define WATCH_HANGUP 4U /* the other side closed its sending half, or reset */
struct watch;
typedef void watch_fn(void *user, unsigned events);
struct watch *watch_new(struct loop *loop, int fd, watch_fn *fn, void *user); /* NULL: cannot */
void watch_set(struct watch *watch, unsigned events);                         /* 0 = none */
void watch_free(struct watch *watch); /* also inside its own callback; then close the descriptor */

/* Runs fn(user) on the loop's thread; from any thread. RC_LIMIT when LOOP_POSTS_MAX wait, RC_CLOSED
 * when the loop is going down. */
typedef void post_fn(void *user);
enum rc loop_post(struct loop *loop, post_fn *fn, void *user) MUST_CHECK;

/* Takes back what was posted with these two and has not run; on the loop's thread, or while it does
 * not run. */
void loop_unpost(struct loop *loop, post_fn *fn, void *user);

/* Once watched, a signal is ignored when the loop is gone: told twice to end is no crash at the
 * end.
 */
typedef void signal_fn(void *user, int signal_number);
enum rc loop_on_signal(struct loop *loop, int signal_number, signal_fn *fn, void *user) MUST_CHECK;

/* Something without an owner that ends by itself (a connection that still sends its last bytes);
 * loop_free() buries what is left. */
struct orphan {
    struct orphan *prev;
    struct orphan *next;
    void (*bury)(struct orphan *orphan); /* must call loop_orphan_done() */
};
void loop_orphan(struct loop *loop, struct orphan *orphan);
void loop_orphan_done(struct loop *loop, struct orphan *orphan);

/* For code that gets callbacks from libuv itself: run the deferred tasks before returning. */
void loop_settle(struct loop *loop);

#endif
