/* loop_internal.h - what loop.c and timer.c share. Not for others. */
#ifndef SLUICE_IO_LOOP_INTERNAL_H
#define SLUICE_IO_LOOP_INTERNAL_H

#include <uv.h>

#include "io/loop.h"

struct post {
    post_fn *fn;
    void *user;
};

struct loop_signal {
    uv_signal_t handle;
    int number; /* 0: not watched */
    struct loop *loop;
    signal_fn *fn;
    void *user;
};

struct loop {
    uv_loop_t uv;
    uv_prepare_t prepare;
    uv_async_t async;
    bool stopped;
    bool closing; /* under post_lock */
    struct task *task_first;
    struct task *task_last;
    struct orphan *orphan;
    char *read_buffer;
    struct fd_budget *fd_budget;
    int64_t jobs; /* in the worker pool */

    /* Timers: binary heap by armed_ns; one timerfd armed for its head. */
    struct timer **heap;
    size_t heap_cap;
    size_t heap_count;
    size_t timer_count; /* initialised ones: the heap has room for all of them */
    int timer_fd;
    struct watch *timer_watch;
    int64_t timer_fd_ns; /* what the descriptor is armed for; INT64_MAX = nothing */

    uv_mutex_t post_lock;
    struct post *post; /* ring, under post_lock */
    size_t post_cap;
    size_t post_head;
    size_t post_count;

    struct loop_signal signal[LOOP_SIGNALS_MAX];
    size_t signal_count;
};

enum rc loop_timers_init(struct loop *loop) MUST_CHECK;
void loop_timers_done(struct loop *loop);
void loop_timers_arm(struct loop *loop); /* before the loop waits */

#endif
