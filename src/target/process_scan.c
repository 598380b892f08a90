/* process_scan.c - engines that run already: found by their mark, checked, adopted (FAULTS 72).
 *
 * The environment of a process names installation, replica and leader; its cgroup and what the
 * store recorded (pid, start time, boot) must not contradict. The record alone serves for a process
 * that has overwritten its environment, as programs do that set their title. What contradicts is
 * left alone and reported; what a dead leader left behind is ended. */
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/clock.h"
#include "target/mark.h"
#include "target/ports.h"
#include "target/proc.h"
#include "target/process_internal.h"

#define SIGHTINGS_MAX 65536
#define USUAL_LOG_BYTES (16 << 20) /* of a pool that is not configured any more */
#define SCAN_PROBE_NS SECOND_NS    /* all probes of a scan together */

struct sighting {
    struct mark mark;
    pid_t pid;
    uint64_t ticks;
    bool leader;
};

struct scan {
    struct targets *t;
    struct buf environ;
    struct sighting *seen;
    size_t seen_count;
    size_t seen_cap;
    struct mark *recorded; /* of this boot */
    size_t recorded_count;
    uint64_t *alone; /* replicas of processes that are left alone */
    size_t alone_count;
    size_t alone_cap;
};

/* ---- gathering ---- */

static void leave_alone(struct scan *scan, const struct mark *mark, pid_t pid, const char *reason)
{
    void *array = scan->alone;
    if (mem_grow(&array, &scan->alone_cap, scan->alone_count + 1, sizeof *scan->alone,
                 SIGHTINGS_MAX) == RC_OK) {
        scan->alone = array;
        scan->alone[scan->alone_count++] = mark->replica;
    }
    log_event(scan->t->config.log, LOG_NOT_ADOPTED, LOG_TEXT("pool", mark->pool),
              LOG_INT("replica", mark->replica), LOG_INT("pid", pid), LOG_TEXT("reason", reason));
}

static bool is_left_alone(const struct scan *scan, uint64_t replica)
{
    for (size_t i = 0; i < scan->alone_count; i++)
        if (scan->alone[i] == replica)
            return true;
    return false;
}

static void look_at(void *user, pid_t pid)
{
    struct scan *scan = user;
    struct sighting s = {.pid = pid, .ticks = child_start_ticks(pid)};
    buf_clear(&scan->environ);
    if (s.ticks == 0 || !proc_environ(pid, &scan->environ))
        return;
    const enum rc rc = mark_read(buf_view(&scan->environ), scan->t->config.installation, &s.mark);
    if (rc == RC_CORRUPT)
        leave_alone(scan, &s.mark, pid, "its mark is not whole");
    if (rc != RC_OK)
        return;
    s.leader = s.mark.pid == pid;
    void *array = scan->seen;
    if (mem_grow(&array, &scan->seen_cap, scan->seen_count + 1, sizeof s, SIGHTINGS_MAX) != RC_OK)
        return;
    scan->seen = array;
    scan->seen[scan->seen_count++] = s;
}

static const struct mark *recorded_of(const struct scan *scan, uint64_t replica)
{
    for (size_t i = 0; i < scan->recorded_count; i++)
        if (scan->recorded[i].replica == replica)
            return &scan->recorded[i];
    return NULL;
}

static bool runs_as_recorded(const struct mark *recorded)
{
    return recorded->pid > 1 && child_start_ticks(recorded->pid) == recorded->start_ticks;
}

static void read_recorded(struct scan *scan, const struct span *recorded, size_t count)
{
    scan->recorded = mem_new(count, sizeof *scan->recorded);
    for (size_t i = 0; i < count && scan->recorded; i++) {
        struct mark *m = &scan->recorded[scan->recorded_count];
        if (mark_read_document(recorded[i], m) != RC_OK) {
            log_event(scan->t->config.log, LOG_PROBLEM, LOG_SPAN("document", recorded[i]),
                      LOG_TEXT("reason", "the record of a replica cannot be read"));
            continue;
        }
        /* Pids and start times of another boot name nobody. */
        if (strcmp(m->boot, scan->t->boot) == 0)
            scan->recorded_count++;
    }
}

/* ---- checking ---- */

/* Why this leader is not adopted; NULL when all agrees. */
static const char *contradiction(const struct scan *scan, const struct sighting *s)
{
    const struct mark *recorded = recorded_of(scan, s->mark.replica);
    struct replica as_marked = {.set = scan->t, .id = s->mark.replica};
    char group[CGROUP_PATH_SIZE];
    memcpy(as_marked.pool, s->mark.pool, sizeof as_marked.pool);
    process_group_name(&as_marked, group);
    if (!proc_leads_session(s->pid))
        return "it carries the mark of a replica and leads no session";
    if (s->mark.group[0] != '\0' &&
        (strcmp(s->mark.group, group) != 0 || !proc_in_group(s->pid, group)))
        return "it is not in the cgroup that its mark names";
    if (recorded && recorded->pid == s->pid && recorded->start_ticks != s->ticks)
        return "it was not started when the record says";
    if (recorded && recorded->pid != s->pid && runs_as_recorded(recorded))
        return "the record names another process, which runs";
    for (const struct sighting *other = scan->seen; other < scan->seen + scan->seen_count; other++)
        if (other != s && other->leader && other->mark.replica == s->mark.replica &&
            !(recorded && recorded->pid == s->pid) &&
            (other->ticks < s->ticks || (other->ticks == s->ticks && other->pid < s->pid)))
            return "an older process carries the mark of the same replica";
    return NULL;
}

/* ---- adopting ---- */

/* When the process was started, on the axis of the groups. */
static int64_t started_ns(const struct targets *t, uint64_t ticks)
{
    const int64_t hertz = sysconf(_SC_CLK_TCK);
    const int64_t since_boot = (int64_t)(ticks * (uint64_t)(SECOND_NS / hertz));
    return targets_now(t) - (clock_boot_ns() - since_boot);
}

/* A replica of the set as the mark describes it, without a process yet. */
static struct process_replica *as_marked(struct targets *t, const struct mark *mark)
{
    struct replica *r = replica_new(t, &target_process, mark->replica, mark->pool);
    const struct pool_config *pool = t->spec ? config_pool(t->spec, span_from(mark->pool)) : NULL;
    struct process_target usual;
    if (!r)
        return NULL;
    struct process_replica *p = process_of(r);
    r->class_ = mark->class_;
    r->hash = mark->hash;
    r->port = mark->port;
    (void)snprintf(r->host, sizeof r->host, PROCESS_HOST);
    memcpy(p->gpus, mark->gpus, sizeof p->gpus);
    p->gpu_share = mark->gpu_share;
    p->leader = mark->pid;
    if (mark->group[0] != '\0' && cgroup_find(NULL, mark->group, &p->group))
        memcpy(p->group_name, mark->group, sizeof p->group_name);
    if (timer_init(&p->timer, t->loop, process_on_timer, p) != RC_OK) {
        replica_remove(r);
        return NULL;
    }
    opt_defaults(process_target_options, process_target_option_count, &usual);
    process_follow(p, &usual); /* of a pool that is not configured any more */
    r->ops->adapt(r, pool);
    return p;
}

static void adopt_log(struct process_replica *p, const struct mark *recorded)
{
    const struct targets *t = p->base.set;
    const struct pool_config *pool = t->spec ? config_pool(t->spec, span_from(p->base.pool)) : NULL;
    char path[PATH_MAX];
    if (!proc_output(p->child.pid, path, sizeof path) &&
        !(recorded && span_copy(span_from(recorded->log), path, sizeof path)))
        return;
    struct diag diag;
    if (process_open_log(p, path, pool ? pool->target.process.log_bytes_max : USUAL_LOG_BYTES,
                         &diag) != RC_OK)
        log_event(t->config.log, LOG_PROBLEM, LOG_TEXT("path", path),
                  LOG_TEXT("reason", diag.text));
}

static void adopt(struct scan *scan, const struct mark *mark, pid_t pid, uint64_t ticks)
{
    struct targets *t = scan->t;
    struct process_replica *p = as_marked(t, mark);
    if (!p) {
        leave_alone(scan, mark, pid, "there is no memory for it");
        return;
    }
    if (child_attach(pid, ticks, &p->child) != RC_OK) {
        p->base.served = true; /* it has just ended, and this was no failed start */
        process_leave(p);
        return;
    }
    p->attached = true;
    p->base.started_ns = started_ns(t, ticks);
    adopt_log(p, recorded_of(scan, mark->replica));
}

static void adopt_marked(struct scan *scan)
{
    for (size_t i = 0; i < scan->seen_count; i++) {
        const struct sighting *s = &scan->seen[i];
        if (!s->leader || targets_find(scan->t, s->mark.replica))
            continue;
        const char *reason = contradiction(scan, s);
        if (reason)
            leave_alone(scan, &s->mark, s->pid, reason);
        else
            adopt(scan, &s->mark, s->pid, s->ticks);
    }
}

/* Those whose environment cannot be read any more. */
static void adopt_recorded(struct scan *scan)
{
    for (size_t i = 0; i < scan->recorded_count; i++) {
        const struct mark *m = &scan->recorded[i];
        if (targets_find(scan->t, m->replica) || !runs_as_recorded(m))
            continue;
        if (m->group[0] != '\0' && !proc_in_group(m->pid, m->group))
            leave_alone(scan, m, m->pid, "it is not in the cgroup that its record names");
        else
            adopt(scan, m, m->pid, m->start_ticks);
    }
}

/* ---- what dead leaders left behind ---- */

static void bury(struct scan *scan, const struct mark *mark)
{
    struct targets *t = scan->t;
    if (targets_find(t, mark->replica) || is_left_alone(scan, mark->replica))
        return;
    struct process_replica *p = as_marked(t, mark);
    if (!p)
        return;
    p->base.served = true; /* nobody waits for it to become ready */
    log_event(t->config.log, LOG_LEFTOVER, LOG_TEXT("pool", mark->pool),
              LOG_INT("replica", mark->replica));
    process_leave(p);
}

/* "chat-17": a group without a process that carries a mark. */
static void bury_group(void *user, const char *name)
{
    struct scan *scan = user;
    struct mark mark = {.gpu_share = 0};
    const char *dash = strrchr(name, '-');
    if (!dash || !span_copy(span_of(name, (size_t)(dash - name)), mark.pool, sizeof mark.pool))
        return;
    mark.replica = strtoull(dash + 1, NULL, 10);
    (void)snprintf(mark.group, sizeof mark.group, CGROUP_PREFIX "%.64s/%s",
                   scan->t->config.installation, name);
    bury(scan, &mark);
}

/* Of a replica that ended while nobody looked. */
static void keep_log(struct targets *t, const struct mark *mark)
{
    const struct output_spec spec = {
        .replica = mark->replica, .pool = mark->pool, .path = mark->log};
    if (outputs_open(&t->outputs, &spec) == RC_OK)
        outputs_end(&t->outputs, mark->replica, true);
}

static void bury_dead(struct scan *scan)
{
    struct targets *t = scan->t;
    char around[CGROUP_PATH_SIZE];
    for (size_t i = 0; i < scan->seen_count; i++)
        if (!scan->seen[i].leader)
            bury(scan, &scan->seen[i].mark);
    (void)snprintf(around, sizeof around, CGROUP_PREFIX "%.64s", t->config.installation);
    cgroup_each(NULL, around, bury_group, scan);
    for (size_t i = 0; i < scan->recorded_count; i++) {
        const struct mark *m = &scan->recorded[i];
        if (!targets_find(t, m->replica) && m->log[0] != '\0')
            keep_log(t, m);
    }
}

/* ---- telling ---- */

static void watch_adopted(struct targets *t)
{
    struct asked_replica *asked = mem_new(t->replica_count, sizeof *asked);
    size_t count = 0;
    for (size_t i = 0; i < t->replica_count && asked; i++) {
        const struct process_replica *p = process_of(t->replica[i]);
        if (t->replica[i]->ops == &target_process && p->attached && !p->watch)
            asked[count++] = (struct asked_replica){.replica = t->replica[i], .ready = &p->ready};
    }
    replicas_ask(asked, count);
    for (size_t i = 0; i < count; i++) {
        struct replica *r = asked[i].replica;
        struct diag diag;
        enum rc rc = process_watch(process_of(r), &diag);
        if (rc == RC_OK) {
            rc = replica_probe(r, asked[i].ready, asked[i].state);
            if (rc != RC_OK)
                (void)fail(&diag, rc, "no memory to probe it"); /* told below */
        }
        if (rc == RC_OK) {
            if (!r->accepts)
                process_of(r)->port_reserved =
                    port_reserve(r->port, &process_of(r)->port_fd, NULL) == RC_OK;
            replica_found(r);
            continue;
        }
        log_event(t->config.log, LOG_NOT_ADOPTED, LOG_TEXT("pool", r->pool),
                  LOG_INT("replica", r->id), LOG_TEXT("reason", diag.text));
        replica_remove(r);
    }
    free(asked);
}

void process_scan(struct targets *t, const struct span *recorded, size_t count)
{
    struct scan scan = {.t = t};
    buf_init(&scan.environ, PROC_ENVIRON_BYTES_MAX * 2);
    read_recorded(&scan, recorded, count);
    proc_each(look_at, &scan);
    adopt_marked(&scan);
    adopt_recorded(&scan);
    bury_dead(&scan);
    watch_adopted(t);
    buf_done(&scan.environ);
    free(scan.seen);
    free(scan.recorded);
    free(scan.alone);
}

/* ---- ending what a leader left behind ---- */

struct hunt {
    const struct process_replica *p;
    struct buf environ;
    size_t count;
};

static void end_if_marked(void *user, pid_t pid)
{
    struct hunt *hunt = user;
    struct mark mark;
    struct child child;
    buf_clear(&hunt->environ);
    if (child_attach(pid, 0, &child) != RC_OK)
        return;
    /* Read through a pid that is held: it is the same process that is signalled. */
    if (proc_environ(pid, &hunt->environ) &&
        mark_read(buf_view(&hunt->environ), hunt->p->base.set->config.installation, &mark) ==
            RC_OK &&
        mark.replica == hunt->p->base.id && mark.pid == hunt->p->leader && child_kill_one(&child))
        hunt->count++;
    child_done(&child);
}

size_t process_end_leftovers(const struct process_replica *p)
{
    struct hunt hunt = {.p = p};
    buf_init(&hunt.environ, PROC_ENVIRON_BYTES_MAX * 2);
    proc_each(end_if_marked, &hunt);
    buf_done(&hunt.environ);
    return hunt.count;
}
