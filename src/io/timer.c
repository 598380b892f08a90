/* timer.c - the timers of loop.h: a binary heap with lazy deadlines over one timerfd.
 *
 * A timer sits in the heap at `armed_ns`. Moving its deadline later, or stopping it, leaves it
 * there; when armed_ns passes it is put back for its real deadline or forgotten. So the deadlines
 * that each request moves cost a store, not a heap operation. */
#include <assert.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/num.h"
#include "io/clock.h"
#include "io/loop_internal.h"

#define TIMERS_MAX (1U << 24)

static void heap_put(struct loop *loop, size_t i, struct timer *timer)
{
    loop->heap[i] = timer;
    timer->index = i;
}

static void heap_up(struct loop *loop, size_t i)
{
    struct timer *timer = loop->heap[i];
    while (i > 0) {
        const size_t parent = (i - 1) / 2;
        if (loop->heap[parent]->armed_ns <= timer->armed_ns)
            break;
        heap_put(loop, i, loop->heap[parent]);
        i = parent;
    }
    heap_put(loop, i, timer);
}

static void heap_down(struct loop *loop, size_t i)
{
    struct timer *timer = loop->heap[i];
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= loop->heap_count)
            break;
        if (child + 1 < loop->heap_count &&
            loop->heap[child + 1]->armed_ns < loop->heap[child]->armed_ns)
            child++;
        if (timer->armed_ns <= loop->heap[child]->armed_ns)
            break;
        heap_put(loop, i, loop->heap[child]);
        i = child;
    }
    heap_put(loop, i, timer);
}

static void heap_insert(struct timer *timer, int64_t armed_ns)
{
    struct loop *loop = timer->loop;
    assert(loop->heap_count < loop->heap_cap);
    timer->armed_ns = armed_ns;
    heap_put(loop, loop->heap_count++, timer);
    heap_up(loop, timer->index);
}

static void heap_remove(struct timer *timer)
{
    struct loop *loop = timer->loop;
    const size_t i = timer->index;
    timer->index = SIZE_MAX;
    struct timer *last = loop->heap[--loop->heap_count];
    if (last == timer)
        return;
    heap_put(loop, i, last);
    heap_up(loop, i);
    heap_down(loop, last->index);
}

enum rc timer_init(struct timer *timer, struct loop *loop, timer_fn *fn, void *user)
{
    const enum rc rc = mem_grow((void **)&loop->heap, &loop->heap_cap, loop->timer_count + 1,
                                sizeof(struct timer *), TIMERS_MAX);
    if (rc != RC_OK)
        return rc;
    loop->timer_count++;
    *timer = (struct timer){
        .loop = loop, .fn = fn, .user = user, .deadline_ns = TIME_NONE, .index = SIZE_MAX};
    return RC_OK;
}

void timer_at(struct timer *timer, int64_t deadline_ns)
{
    timer->deadline_ns = deadline_ns;
    if (timer->index == SIZE_MAX) {
        heap_insert(timer, deadline_ns);
    } else if (deadline_ns < timer->armed_ns) {
        timer->armed_ns = deadline_ns;
        heap_up(timer->loop, timer->index);
    }
}

void timer_after(struct timer *timer, int64_t span_ns)
{
    timer_at(timer, num_add_sat(clock_monotonic_ns(), span_ns));
}

void timer_stop(struct timer *timer)
{
    timer->deadline_ns = TIME_NONE;
}

void timer_done(struct timer *timer)
{
    if (!timer->loop)
        return;
    if (timer->index != SIZE_MAX)
        heap_remove(timer);
    timer->loop->timer_count--;
    timer->loop = NULL;
}

/* Runs what is due at the time of the call; timers set meanwhile for "now" come in the next turn.
 */
static void on_timer_fd(void *user, unsigned events)
{
    (void)events;
    struct loop *loop = user;
    uint64_t expirations;
    (void)!read(loop->timer_fd, &expirations, sizeof(expirations)); /* only clears readiness */
    loop->timer_fd_ns = INT64_MAX;
    const int64_t now_ns = clock_monotonic_ns();
    while (loop->heap_count > 0 && loop->heap[0]->armed_ns <= now_ns) {
        struct timer *timer = loop->heap[0];
        const int64_t deadline_ns = timer->deadline_ns;
        heap_remove(timer);
        if (deadline_ns == TIME_NONE)
            continue;
        if (deadline_ns > now_ns) {
            heap_insert(timer, deadline_ns);
            continue;
        }
        timer->deadline_ns = TIME_NONE;
        timer->fn(timer->user);
        loop_settle(loop);
    }
}

void loop_timers_arm(struct loop *loop)
{
    if (loop->heap_count == 0 || loop->heap[0]->armed_ns >= loop->timer_fd_ns)
        return;
    int64_t at_ns = loop->heap[0]->armed_ns;
    loop->timer_fd_ns = at_ns;
    if (at_ns < 1)
        at_ns = 1; /* zero would disarm the descriptor */
    const struct itimerspec spec = {
        .it_value = {.tv_sec = at_ns / SECOND_NS, .tv_nsec = at_ns % SECOND_NS}};
    (void)timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL); /* arguments are valid */
}

enum rc loop_timers_init(struct loop *loop)
{
    loop->timer_fd_ns = INT64_MAX;
    loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (loop->timer_fd < 0)
        return RC_IO;
    loop->timer_watch = watch_new(loop, loop->timer_fd, on_timer_fd, loop);
    if (!loop->timer_watch)
        return RC_NO_MEMORY;
    watch_set(loop->timer_watch, WATCH_READ);
    return RC_OK;
}

void loop_timers_done(struct loop *loop)
{
    watch_free(loop->timer_watch);
    loop->timer_watch = NULL;
    if (loop->timer_fd >= 0)
        (void)close(loop->timer_fd); /* a timerfd has nothing to lose */
    loop->timer_fd = -1;
    free(loop->heap);
    loop->heap = NULL;
}
