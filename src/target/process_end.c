/* process_end.c - how an engine's end is seen, told in words, and what is left of it ended too. */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "target/process_internal.h"

/* Processes that a SIGKILL has reached are given 10 s to disappear: 10, 20, 40 ... 640 ms apart. */
#define LEAVING_STEP_NS (10 * MILLISECOND_NS)
#define LEAVING_DOUBLINGS 6
#define LEAVING_TRIES_MAX 21

static const char *signal_words(int number)
{
    const char *name = sigabbrev_np(number);
    return name ? name : "?";
}

static void how_it_ended(const struct process_replica *p, char *ret_text, size_t size)
{
    char memory[NUM_TEXT_MAX];
    if (p->oom) {
        (void)num_print(floor(p->memory_bytes / (1 << 20)), memory);
        (void)snprintf(ret_text, size, "out of memory: killed by the kernel%s%s%s",
                       p->memory_bytes > 0 ? " at its limit of " : "",
                       p->memory_bytes > 0 ? memory : "", p->memory_bytes > 0 ? " MiB" : "");
    } else if (!p->end.known) {
        (void)snprintf(ret_text, size, "ended");
    } else if (p->end.signal == 0) {
        (void)snprintf(ret_text, size, "exit code %d", p->end.exit_code);
    } else if (p->end.signal == SIGKILL && !p->killed) {
        (void)snprintf(
            ret_text, size,
            "killed by SIGKILL, not by sluice: perhaps by the kernel for lack of memory");
    } else {
        (void)snprintf(ret_text, size, "killed by SIG%s", signal_words(p->end.signal));
    }
}

/* What may be otherwise in a while; all else is wrong until somebody changes it. */
static bool may_pass(const struct process_replica *p)
{
    return p->launch.code == RC_LIMIT || p->launch.code == RC_NO_MEMORY ||
           p->launch.code == RC_CONFLICT ||
           (p->launch.code == RC_UNSUPPORTED && p->base.set->group_refused);
}

static void end_words(struct process_replica *p, char *ret_text, size_t size)
{
    const struct replica *r = &p->base;
    const char *path = outputs_path(&r->set->outputs, r->id);
    char how[TEXT_SIZE / 2];
    char line[TEXT_SIZE / 2] = "";
    if (p->launch.code != RC_OK && !p->asked) {
        (void)snprintf(ret_text, size, "%.255s", p->launch.text);
        return;
    }
    how_it_ended(p, how, sizeof how);
    if (path && !p->asked)
        output_last_line(path, line, sizeof line);
    (void)snprintf(ret_text, size, "%s%s%s%s",
                   p->asked    ? "stopped: "
                   : r->served ? ""
                               : "ended before it was ready: ",
                   how, line[0] != '\0' ? "; its last words: " : "", line);
}

void process_finish(struct process_replica *p)
{
    struct replica *r = &p->base;
    struct targets *t = r->set;
    enum news_kind kind = NEWS_FAILED;
    char words[TEXT_SIZE];
    end_words(p, words, sizeof words);
    if (p->asked || r->served)
        kind = NEWS_GONE;
    else if (may_pass(p))
        kind = NEWS_REFUSED;
    /* Kept where somebody may ask why: not of one that served and was told to end. */
    outputs_end(&t->outputs, r->id, !(p->asked && r->served));
    r->ops->release(r);
    replica_end(r, kind, "%s", words);
    targets_room_changed(t);
}

/* The leader has ended: what it started ends too (FAULTS 71). */
static void on_leaving(struct process_replica *p)
{
    struct targets *t = p->base.set;
    size_t left = 0;
    if (p->group.folder_count > 0)
        left = cgroup_close(&p->group) ? 0 : 1 + cgroup_kill(&p->group);
    else
        left = process_end_leftovers(p);
    if (left > 0 && p->leaving_tries < LEAVING_TRIES_MAX) {
        const int doublings =
            p->leaving_tries < LEAVING_DOUBLINGS ? p->leaving_tries : LEAVING_DOUBLINGS;
        p->leaving_tries++;
        timer_after(&p->timer, LEAVING_STEP_NS << doublings);
        return;
    }
    if (left > 0)
        log_event(t->config.log, LOG_PROBLEM, LOG_TEXT("pool", p->base.pool),
                  LOG_INT("replica", p->base.id),
                  LOG_TEXT("reason", "processes of the replica outlive SIGKILL"));
    process_finish(p);
}

void process_leave(struct process_replica *p)
{
    probe_stop(&p->base.probe);
    p->leaving = true;
    p->oom = p->group.folder_count > 0 && cgroup_oom_struck(&p->group);
    on_leaving(p);
}

void process_on_exit(void *user, unsigned events)
{
    struct process_replica *p = user;
    (void)events;
    p->end = child_poll(&p->child);
    if (!p->end.ended)
        return;
    process_on_report(p, 0); /* written before the end, seen after it */
    watch_free(p->watch);
    p->watch = NULL;
    child_done(&p->child);
    p->attached = false;
    process_leave(p);
}
