/* process.c - engines as processes of this machine: placed, started, probed, stopped, buried. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/num.h"
#include "target/launch.h"
#include "target/ports.h"
#include "target/process_internal.h"
#include "target/usage.h"

#define UNWATCHED_LOOK_NS (10 * MILLISECOND_NS) /* where there was no memory to watch an end */

static const int stop_signals[] = {
    [STOP_TERM] = SIGTERM, [STOP_INT] = SIGINT, [STOP_QUIT] = SIGQUIT, [STOP_HUP] = SIGHUP};

void process_follow(struct process_replica *p, const struct process_target *target)
{
    p->ready = target->ready;
    p->stop_signal = stop_signals[target->stop_signal];
    p->stop_grace_ns = target->stop_grace_ns;
}

void process_group_name(const struct replica *r, char ret_name[CGROUP_PATH_SIZE])
{
    (void)snprintf(ret_name, CGROUP_PATH_SIZE, CGROUP_PREFIX "%.64s/%s-%" PRIu64,
                   r->set->config.installation, r->pool, r->id);
}

/* ---- the stop ---- */

static void kill_now(struct process_replica *p)
{
    p->killed = true;
    child_signal(&p->child, SIGKILL);
    if (p->group.folder_count > 0)
        (void)cgroup_kill(&p->group);
}

void process_on_timer(void *replica)
{
    struct process_replica *p = replica;
    if (p->leaving) {
        process_leave(p);
    } else if (p->watch) {
        kill_now(p); /* the grace is over */
    } else {
        timer_after(&p->timer, UNWATCHED_LOOK_NS);
        process_on_exit(p, 0);
    }
}

static void process_stop(struct replica *r, bool kill)
{
    struct process_replica *p = process_of(r);
    const bool first = !p->asked;
    p->asked = true;
    probe_stop(&r->probe);
    if (p->leaving || !p->watch)
        return; /* is being ended already */
    if (kill || p->stop_grace_ns == 0) {
        timer_stop(&p->timer);
        kill_now(p);
    } else if (first) {
        child_signal(&p->child, p->stop_signal);
        timer_after(&p->timer, p->stop_grace_ns);
    }
}

/* Processes go on; a group that still has some stays. */
static void process_release(struct replica *r)
{
    struct process_replica *p = process_of(r);
    watch_free(p->watch);
    watch_free(p->launch_watch);
    p->watch = p->launch_watch = NULL;
    timer_done(&p->timer);
    process_free_port(p);
    if (p->attached)
        child_done(&p->child);
    p->attached = false;
    inventory_give_back(&r->set->inventory, &p->grant);
    p->grant.count = 0;
    if (p->group.folder_count > 0)
        (void)cgroup_close(&p->group); /* refused while somebody lives in it */
}

/* ---- the start ---- */

static bool port_given(const void *user, uint16_t port)
{
    const struct targets *t = user;
    for (size_t i = 0; i < t->replica_count; i++)
        if (t->replica[i]->ops->kind == TARGET_PROCESS && t->replica[i]->port == port)
            return true;
    return false;
}

void process_free_port(struct process_replica *p)
{
    if (p->port_reserved)
        (void)close(p->port_fd); /* a name only */
    p->port_reserved = false;
}

static enum rc place(struct process_replica *p, const struct pool_config *pool, struct diag *diag)
{
    struct targets *t = p->base.set;
    const struct process_target *target = &pool->target.process;
    const struct port_wish wish = {.fixed = (uint16_t)target->port,
                                   .first = (uint16_t)target->port_first,
                                   .taken = port_given,
                                   .user = t};
    struct gpu_need need;
    struct buf ids;
    inventory_need(&t->inventory, pool, p->base.class_, &need);
    enum rc rc = inventory_take(&t->inventory, &need, &p->grant, diag);
    if (rc != RC_OK)
        return rc;
    if (p->grant.count > 0) {
        buf_init(&ids, sizeof p->gpus);
        gpu_ids(t->inventory.gpus, &p->grant, &ids);
        (void)span_copy(buf_view(&ids), p->gpus, sizeof p->gpus); /* sized for the most ids */
        buf_done(&ids);
        p->gpu_share = p->grant.ratio;
    }
    (void)snprintf(p->base.host, sizeof p->base.host, PROCESS_HOST);
    rc = port_choose(&wish, &p->base.port, &p->port_fd, diag);
    p->port_reserved = rc == RC_OK;
    return rc;
}

static bool has_limits(const struct process_target *target)
{
    return target->cpus > 0 || target->memory_bytes > 0;
}

static void go_without_group(struct process_replica *p, const char *reason)
{
    struct targets *t = p->base.set;
    if (p->group.folder_count > 0)
        (void)cgroup_close(&p->group); /* nobody has joined it */
    p->group.folder_count = 0;
    p->group_name[0] = '\0';
    if (!t->group_refused)
        log_event(t->config.log, LOG_UNGROUPED, LOG_TEXT("reason", reason));
    t->group_refused = true;
}

/* RC_OK without a group where none can be made and no limit is asked for. */
static enum rc enclose(struct process_replica *p, const struct process_target *target,
                       struct diag *diag)
{
    struct targets *t = p->base.set;
    const struct cgroup_limits limits = {.cpus = target->cpus,
                                         .memory_bytes = target->memory_bytes};
    struct diag why;
    char name[CGROUP_PATH_SIZE];
    process_group_name(&p->base, name);
    p->memory_bytes = target->memory_bytes;
    if (t->group_refused && !has_limits(target))
        return RC_OK;
    const enum rc rc = cgroup_open(NULL, name, &limits, &p->group, &why);
    if (rc == RC_OK) {
        memcpy(p->group_name, name, sizeof p->group_name);
        return RC_OK;
    }
    if (has_limits(target))
        return fail(diag, rc, "limits of cpu and memory cannot be kept here: %s", why.text);
    go_without_group(p, why.text);
    return RC_OK;
}

static bool make_folders(char *path)
{
    for (char *at = path + 1; *at != '\0'; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        const bool fine = mkdir(path, 0750) == 0 || errno == EEXIST;
        *at = '/';
        if (!fine)
            return false;
    }
    return true;
}

static enum rc choose_log(struct process_replica *p, const char *folder, double bytes_max,
                          struct diag *diag)
{
    const struct replica *r = &p->base;
    char path[PATH_MAX];
    if (folder[0] == '\0')
        folder = r->set->config.folder;
    const int len = snprintf(path, sizeof path, "%s/%s-%" PRIu64 ".log", folder, r->pool, r->id);
    if (len < 0 || (size_t)len >= sizeof path)
        return fail(diag, RC_RANGE, "the folder for output %.100s... is too long", folder);
    if (!make_folders(path))
        return fail(diag, RC_IO, "the folder for output %s cannot be made: %s", folder,
                    strerror(errno));
    return process_open_log(p, path, bytes_max, diag);
}

enum rc process_open_log(struct process_replica *p, const char *path, double bytes_max,
                         struct diag *diag)
{
    const struct output_spec spec = {.replica = p->base.id,
                                     .pool = p->base.pool,
                                     .path = path,
                                     .bytes_max = (size_t)num_to_int(bytes_max, 0, INT64_MAX)};
    const enum rc rc = outputs_open(&p->base.set->outputs, &spec);
    return rc == RC_OK ? rc : fail(diag, rc, "no memory for the name of an output file");
}

static bool watch_report(struct process_replica *p)
{
    if (p->child.report_fd < 0)
        return true;
    p->launch_watch = watch_new(p->base.set->loop, p->child.report_fd, process_on_report, p);
    if (p->launch_watch)
        watch_set(p->launch_watch, WATCH_READ);
    return p->launch_watch != NULL;
}

enum rc process_watch(struct process_replica *p, struct diag *diag)
{
    p->watch = watch_new(p->base.set->loop, p->child.pidfd, process_on_exit, p);
    if (!p->watch || !watch_report(p))
        return fail(diag, RC_NO_MEMORY, "no memory or descriptor to watch an engine");
    watch_set(p->watch, WATCH_READ);
    return RC_OK;
}

void process_on_report(void *replica, unsigned events)
{
    struct process_replica *p = replica;
    struct diag diag;
    (void)events;
    if (p->child.report_fd < 0)
        return;
    watch_free(p->launch_watch); /* before its descriptor is closed */
    p->launch_watch = NULL;
    enum rc rc = child_launched(&p->child, &diag);
    if (rc == RC_AGAIN && watch_report(p))
        return;
    if (rc == RC_OK) {
        replica_due(&p->base, DUE_PHASE(PHASE_FETCHED) | DUE_PHASE(PHASE_LAUNCHED));
        rc = p->asked ? RC_OK : replica_probe(&p->base, &p->ready, PROBE_SILENT);
        if (rc == RC_OK)
            return;
        (void)fail(&diag, rc, "no memory to probe an engine"); /* rc is told below */
    }
    p->launch = diag;
    p->launch.code = rc;
    kill_now(p); /* its end is told with these words */
}

static enum rc spawn(struct process_replica *p, const struct pool_config *pool, struct diag *diag)
{
    const struct replica *r = &p->base;
    const struct launch_values values = {.installation = r->set->config.installation,
                                         .replica = r->id,
                                         .class_ = r->class_,
                                         .port = r->port,
                                         .hash = r->hash,
                                         .gpus = p->gpus,
                                         .gpu_share = p->gpu_share,
                                         .group = p->group_name};
    struct launch launch;
    enum rc rc = launch_init(&launch, pool, &values, diag);
    if (rc == RC_OK)
        rc = choose_log(p, launch.log_folder, pool->target.process.log_bytes_max, diag);
    if (rc == RC_OK && !launch.argv[0])
        rc = fail(diag, RC_MISSING, "the command of the target is empty");
    if (rc == RC_OK) {
        const struct spawn_spec spec = {.argv = launch.argv,
                                        .envp = launch.envp,
                                        .workdir = launch.workdir,
                                        .output_path = outputs_path(&r->set->outputs, r->id),
                                        .group = p->group.folder_count > 0 ? &p->group : NULL,
                                        .pid_slot = launch.pid_slot,
                                        .pid_digits = MARK_PID_DIGITS};
        rc = child_spawn(&spec, &p->child, diag);
        p->attached = rc == RC_OK;
        p->leader = p->child.pid;
    }
    launch_done(&launch);
    return rc;
}

static void give_up(struct process_replica *p, enum rc rc, const struct diag *diag)
{
    p->launch = *diag;
    p->launch.code = rc;
    if (!p->attached) {
        process_finish(p);
        return;
    }
    kill_now(p); /* it runs and cannot be watched */
    watch_free(p->watch);
    p->watch = NULL;
    timer_after(&p->timer, UNWATCHED_LOOK_NS);
}

static enum rc try_start(struct process_replica *p, const struct pool_config *pool,
                         struct diag *diag)
{
    const struct process_target *target = &pool->target.process;
    enum rc rc = timer_init(&p->timer, p->base.set->loop, process_on_timer, p);
    if (rc != RC_OK)
        return fail(diag, rc, "no timer for a replica: %s", rc_words(rc));
    rc = place(p, pool, diag);
    if (rc != RC_OK)
        return rc;
    replica_due(&p->base, DUE_PHASE(PHASE_SCHEDULED));
    rc = enclose(p, target, diag);
    if (rc == RC_OK)
        rc = spawn(p, pool, diag);
    if (rc == RC_UNSUPPORTED && !has_limits(target)) {
        go_without_group(p, diag->text); /* one could be made, not joined */
        rc = spawn(p, pool, diag);
    }
    return rc == RC_OK ? process_watch(p, diag) : rc;
}

static void process_start(struct replica *r, const struct pool_config *pool)
{
    struct process_replica *p = process_of(r);
    struct diag diag;
    process_follow(p, &pool->target.process);
    const enum rc rc = try_start(p, pool, &diag);
    if (rc != RC_OK)
        give_up(p, rc, &diag);
    else
        targets_room_changed(r->set);
}

/* ---- reading ---- */

static void process_accepts(struct replica *r)
{
    process_free_port(process_of(r)); /* who asks for it now sees that it is taken */
}

static void process_adapt(struct replica *r, const struct pool_config *pool)
{
    struct process_replica *p = process_of(r);
    if (p->gpus[0] != '\0' && !r->ended &&
        inventory_claim(&r->set->inventory, span_from(p->gpus), p->gpu_share, &p->grant) > 0)
        log_event(r->set->config.log, LOG_PROBLEM, LOG_TEXT("pool", r->pool),
                  LOG_INT("replica", r->id), LOG_TEXT("gpus", p->gpus),
                  LOG_TEXT("reason", "it runs on GPUs that the inventory does not name"));
    if (!pool || pool->target.kind != TARGET_PROCESS)
        return;
    process_follow(p, &pool->target.process);
    probe_change(&r->probe, p->ready.path, p->ready.interval_ns);
}

static int64_t process_room(const struct targets *t, const struct pool_config *pool)
{
    const int64_t room = inventory_room(&t->inventory, pool);
    if (pool->target.process.port != 0)
        return room > 0 ? 1 : 0;
    return room == INT64_MAX ? NO_COUNT : room;
}

static void process_document(const struct replica *r, struct json_writer *w)
{
    const struct process_replica *p = process_of_const(r);
    json_member_text(w, "boot", r->set->boot);
    json_member_int(w, "pid", p->child.pid);
    json_key(w, "startTicks");
    json_uint(w, p->child.start_ticks);
    json_member_text(w, "gpus", p->gpus);
    json_member_number(w, "gpuShare", p->gpu_share);
    json_member_text(w, "group", p->group_name);
}

static bool process_usage(const struct replica *r, const struct pool_config *pool,
                          struct target_usage *ret)
{
    const struct process_replica *p = process_of_const(r);
    const double cpus = pool ? pool->target.process.cpus : 0;
    if (!usage_read(&p->group, p->leader > 0 ? p->leader : p->child.pid, ret))
        return false;
    ret->cpus = cpus > 0 ? cpus : usage_host_cpus();
    ret->memory_limit_bytes = p->memory_bytes > 0 ? p->memory_bytes : usage_host_memory_bytes();
    return true;
}

static const char *process_gpus(const struct replica *r)
{
    return process_of_const(r)->gpus;
}

static bool process_holds(const struct replica *r, size_t device)
{
    const struct process_replica *p = process_of_const(r);
    for (size_t i = 0; i < p->grant.count; i++)
        if (p->grant.device[i] == device)
            return true;
    return false;
}

const struct target_ops target_process = {
    .name = "process",
    .kind = TARGET_PROCESS,
    .replica_size = sizeof(struct process_replica),
    .start = process_start,
    .stop = process_stop,
    .accepts = process_accepts,
    .scan = process_scan,
    .adapt = process_adapt,
    .release = process_release,
    .room = process_room,
    .usage = process_usage,
    .gpus = process_gpus,
    .document = process_document,
    .holds = process_holds,
};
