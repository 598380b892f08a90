/* loop.c - see loop.h. Timers live in timer.c. */
#include "io/loop.h"

#include <assert.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <uv.h>

#include "base/mem.h"
#include "io/loop_internal.h"

#define DESCRIPTORS_DEFAULT 1024

struct watch {
    uv_poll_t poll;
    struct loop *loop;
    watch_fn *fn;
    void *user;
    unsigned events;
    bool decided; /* the owner set events since the last call */
};

void loop_settle(struct loop *loop)
{
    while (loop->task_first) {
        struct task *task = loop->task_first;
        loop->task_first = task->next;
        if (!loop->task_first)
            loop->task_last = NULL;
        task->next = NULL;
        task->queued = false;
        task->run(task);
    }
}

void loop_defer(struct loop *loop, struct task *task)
{
    if (task->queued)
        return;
    task->queued = true;
    task->next = NULL;
    if (loop->task_last)
        loop->task_last->next = task;
    else
        loop->task_first = task;
    loop->task_last = task;
}

void loop_orphan(struct loop *loop, struct orphan *orphan)
{
    orphan->prev = NULL;
    orphan->next = loop->orphan;
    if (loop->orphan)
        loop->orphan->prev = orphan;
    loop->orphan = orphan;
}

void loop_orphan_done(struct loop *loop, struct orphan *orphan)
{
    if (orphan->prev)
        orphan->prev->next = orphan->next;
    else
        loop->orphan = orphan->next;
    if (orphan->next)
        orphan->next->prev = orphan->prev;
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct loop *loop = prepare->data;
    loop_settle(loop);
    loop_timers_arm(loop);
}

/* Takes the posts that wait now; those they post themselves come in the next turn. */
static void on_async(uv_async_t *async)
{
    struct loop *loop = async->data;
    uv_mutex_lock(&loop->post_lock);
    size_t count = loop->post_count;
    uv_mutex_unlock(&loop->post_lock);
    for (; count > 0; count--) {
        uv_mutex_lock(&loop->post_lock);
        const struct post post = loop->post[loop->post_head];
        loop->post_head = (loop->post_head + 1) % loop->post_cap;
        loop->post_count--;
        const bool more = loop->post_count > 0;
        uv_mutex_unlock(&loop->post_lock);
        if (post.fn) /* else it was taken back */
            post.fn(post.user);
        loop_settle(loop);
        if (more && count == 1)
            (void)uv_async_send(async); /* only fails for a wrong handle */
    }
}

/* Doubles the ring; the lock is held. */
static bool post_grow(struct loop *loop)
{
    const size_t cap = loop->post_cap ? loop->post_cap * 2 : 64;
    struct post *ring = mem_new(cap, sizeof(*ring));
    if (!ring)
        return false;
    for (size_t i = 0; i < loop->post_count; i++)
        ring[i] = loop->post[(loop->post_head + i) % loop->post_cap];
    free(loop->post);
    loop->post = ring;
    loop->post_cap = cap;
    loop->post_head = 0;
    return true;
}

enum rc loop_post(struct loop *loop, post_fn *fn, void *user)
{
    enum rc rc = RC_OK;
    uv_mutex_lock(&loop->post_lock);
    if (loop->closing)
        rc = RC_CLOSED;
    else if (loop->post_count >= LOOP_POSTS_MAX)
        rc = RC_LIMIT;
    else if (loop->post_count == loop->post_cap && !post_grow(loop))
        rc = RC_NO_MEMORY;
    if (rc == RC_OK) {
        loop->post[(loop->post_head + loop->post_count) % loop->post_cap] =
            (struct post){.fn = fn, .user = user};
        loop->post_count++;
        (void)uv_async_send(&loop->async); /* only fails for a wrong handle */
    }
    uv_mutex_unlock(&loop->post_lock);
    return rc;
}

void loop_unpost(struct loop *loop, post_fn *fn, void *user)
{
    uv_mutex_lock(&loop->post_lock);
    for (size_t i = 0; i < loop->post_count; i++) {
        struct post *post = &loop->post[(loop->post_head + i) % loop->post_cap];
        if (post->fn == fn && post->user == user)
            *post = (struct post){0};
    }
    uv_mutex_unlock(&loop->post_lock);
}

static void on_signal(uv_signal_t *handle, int signal_number)
{
    struct loop_signal *s = handle->data;
    s->fn(s->user, signal_number);
    loop_settle(s->loop);
}

enum rc loop_on_signal(struct loop *loop, int signal_number, signal_fn *fn, void *user)
{
    if (loop->signal_count >= LOOP_SIGNALS_MAX)
        return RC_LIMIT;
    struct loop_signal *s = &loop->signal[loop->signal_count];
    *s = (struct loop_signal){.loop = loop, .fn = fn, .user = user};
    if (uv_signal_init(&loop->uv, &s->handle) != 0)
        return RC_IO;
    loop->signal_count++;
    s->handle.data = s;
    if (uv_signal_start(&s->handle, on_signal, signal_number) != 0)
        return RC_INVALID;
    s->number = signal_number;
    uv_unref((uv_handle_t *)&s->handle);
    return RC_OK;
}

static enum rc loop_start(struct loop *loop)
{
    if (uv_prepare_init(&loop->uv, &loop->prepare) != 0 ||
        uv_prepare_start(&loop->prepare, on_prepare) != 0)
        return RC_IO;
    loop->prepare.data = loop;
    if (uv_async_init(&loop->uv, &loop->async, on_async) != 0)
        return RC_IO;
    loop->async.data = loop;
    return loop_timers_init(loop);
}

enum rc loop_new(struct loop **ret, struct diag *diag)
{
    struct loop *loop = mem_new(1, sizeof(*loop));
    if (!loop)
        return fail(diag, RC_NO_MEMORY, "no memory for an event loop");
    loop->timer_fd = -1;
    if (uv_loop_init(&loop->uv) != 0) {
        free(loop);
        return fail(diag, RC_IO, "an event loop could not be made; are descriptors used up?");
    }
    if (uv_mutex_init(&loop->post_lock) != 0) {
        (void)uv_loop_close(&loop->uv); /* nothing was started on it */
        free(loop);
        return fail(diag, RC_NO_MEMORY, "no lock for an event loop");
    }
    loop->read_buffer = malloc(LOOP_READ_BYTES);
    if (!loop->read_buffer || loop_start(loop) != RC_OK) {
        loop_free(loop);
        return fail(diag, RC_IO, "an event loop could not be started; are descriptors used up?");
    }
    *ret = loop;
    return RC_OK;
}

static void close_handle(uv_handle_t *handle, void *user)
{
    (void)user;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

/* A signal that was asked for means what the owner made of it, never the end of the process, also
 * in the last moments: libuv would leave it as the system has it. */
static void ignore_signals(struct loop *loop)
{
    sigset_t watched, before;
    (void)sigemptyset(&watched); /* none of these can fail for signals that libuv took */
    for (size_t i = 0; i < loop->signal_count; i++)
        if (loop->signal[i].number != 0)
            (void)sigaddset(&watched, loop->signal[i].number);
    if (pthread_sigmask(SIG_BLOCK, &watched, &before) != 0)
        return;
    for (size_t i = 0; i < loop->signal_count; i++) {
        close_handle((uv_handle_t *)&loop->signal[i].handle, NULL);
        if (loop->signal[i].number != 0)
            (void)signal(loop->signal[i].number, SIG_IGN);
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL); /* worked above */
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    loop_settle(loop);
    while (loop->orphan)
        loop->orphan->bury(loop->orphan);
    loop_settle(loop);
    uv_mutex_lock(&loop->post_lock);
    loop->closing = true;
    uv_mutex_unlock(&loop->post_lock);
    loop_timers_done(loop);
    ignore_signals(loop);
    uv_walk(&loop->uv, close_handle, NULL);
    (void)uv_run(&loop->uv, UV_RUN_DEFAULT); /* runs the close callbacks, nothing else is left */
    loop_settle(loop);
    const int rc = uv_loop_close(&loop->uv);
    assert(rc == 0);
    uv_mutex_destroy(&loop->post_lock);
    free(loop->post);
    free(loop->read_buffer);
    free(loop);
}

void loop_run(struct loop *loop)
{
    loop->stopped = false;
    while (!loop->stopped)
        (void)uv_run(&loop->uv, UV_RUN_ONCE);
    loop_settle(loop);
}

void loop_stop(struct loop *loop)
{
    loop->stopped = true;
}

static void stop_posted(void *user)
{
    loop_stop(user);
}

void loop_stop_from_any_thread(struct loop *loop)
{
    if (loop_post(loop, stop_posted, loop) != RC_OK)
        (void)uv_async_send(&loop->async); /* going down already: a wake-up is all it may need */
}

void loop_turn(struct loop *loop, bool wait)
{
    (void)uv_run(&loop->uv, wait ? UV_RUN_ONCE : UV_RUN_NOWAIT);
    loop_settle(loop);
}

struct uv_loop_s *loop_uv(struct loop *loop)
{
    return &loop->uv;
}

char *loop_read_buffer(struct loop *loop)
{
    return loop->read_buffer;
}

void fd_budget_init(struct fd_budget *budget, int64_t reserved)
{
    struct rlimit limit;
    int64_t n = DESCRIPTORS_DEFAULT;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < (rlim_t)INT64_MAX)
        n = (int64_t)limit.rlim_cur;
    budget->limit = n - reserved > 16 ? n - reserved : 16;
    atomic_init(&budget->used, 0);
}

double fd_budget_ratio(struct fd_budget *budget)
{
    if (!budget)
        return 0;
    return (double)atomic_load_explicit(&budget->used, memory_order_relaxed) /
           (double)budget->limit;
}

void loop_set_fd_budget(struct loop *loop, struct fd_budget *budget)
{
    loop->fd_budget = budget;
}

struct fd_budget *loop_fd_budget(struct loop *loop)
{
    return loop->fd_budget;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct watch *watch = poll->data;
    struct loop *loop = watch->loop;
    const unsigned wanted = watch->events;
    unsigned seen = 0;
    watch->decided = true;
    if (status < 0) {
        /* libuv 1.44 stops the poll on EPOLLERR without more: tell it as readable and broken, the
         * owner finds the error with its next read, or behind bytes that came before it. */
        watch->events = 0;
        watch->decided = false;
        seen = WATCH_READ | WATCH_WRITE | WATCH_HANGUP;
    } else {
        seen |= (events & UV_READABLE) ? WATCH_READ : 0;
        seen |= (events & UV_WRITABLE) ? WATCH_WRITE : 0;
        seen |= (events & UV_DISCONNECT) ? WATCH_HANGUP : 0;
    }
    watch->fn(watch->user, seen);
    if (!watch->decided && !uv_is_closing((const uv_handle_t *)&watch->poll))
        watch_set(watch, wanted); /* nothing was said: go on as before */
    loop_settle(loop);
}

static void watch_closed(uv_handle_t *handle)
{
    free(handle->data);
}

struct watch *watch_new(struct loop *loop, int fd, watch_fn *fn, void *user)
{
    struct watch *watch = mem_new(1, sizeof(*watch));
    if (!watch)
        return NULL;
    if (uv_poll_init(&loop->uv, &watch->poll, fd) != 0) {
        free(watch);
        return NULL;
    }
    watch->poll.data = watch;
    watch->loop = loop;
    watch->fn = fn;
    watch->user = user;
    return watch;
}

void watch_set(struct watch *watch, unsigned events)
{
    watch->decided = true;
    if (events == watch->events)
        return;
    watch->events = events;
    int mask = 0;
    mask |= (events & WATCH_READ) ? UV_READABLE : 0;
    mask |= (events & WATCH_WRITE) ? UV_WRITABLE : 0;
    mask |= (events & WATCH_HANGUP) ? UV_DISCONNECT : 0;
    const int rc = mask ? uv_poll_start(&watch->poll, mask, on_poll) : uv_poll_stop(&watch->poll);
    assert(rc == 0); /* fails only for closing handles */
}

void watch_free(struct watch *watch)
{
    if (!watch)
        return;
    uv_close((uv_handle_t *)&watch->poll, watch_closed);
}
