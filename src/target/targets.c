/* targets.c - the set of all targets: finds the kind, keeps the replicas by id, tells the news. */
#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/clock.h"
#include "io/file.h"
#include "target/gpu_found.h"
#include "target/target_internal.h"

static const struct target_ops *const kinds[] = {
#define TARGET(name) &target_##name,
#include "target/registry.def"
#undef TARGET
};

const struct target_ops *target_ops_of(int kind)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (kinds[i]->kind == kind)
            return kinds[i];
    return NULL;
}

int64_t targets_now(const struct targets *t)
{
    return clock_monotonic_ns() + t->config.axis_offset_ns;
}

/* ---- replicas by id ---- */

/* Where id stands, or would. */
static size_t place_of(const struct targets *t, uint64_t id)
{
    size_t low = 0;
    size_t high = t->replica_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (t->replica[middle]->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct replica *targets_find(const struct targets *t, uint64_t id)
{
    const size_t at = place_of(t, id);
    return at < t->replica_count && t->replica[at]->id == id ? t->replica[at] : NULL;
}

static void replica_fill(struct replica *r, struct targets *t, const struct target_ops *ops,
                         uint64_t id, const char *pool)
{
    *r = (struct replica){.set = t, .ops = ops, .id = id, .started_ns = targets_now(t)};
    (void)snprintf(r->pool, sizeof r->pool, "%s", pool);
}

struct replica *replica_new(struct targets *t, const struct target_ops *ops, uint64_t id,
                            const char *pool)
{
    const size_t at = place_of(t, id);
    if (at < t->replica_count && t->replica[at]->id == id)
        return NULL;
    struct replica *r = mem_new(1, ops->replica_size);
    void *array = t->replica;
    if (!r || mem_grow(&array, &t->replica_cap, t->replica_count + 1, sizeof(struct replica *),
                       TARGET_REPLICAS_MAX) != RC_OK) {
        free(r);
        return NULL;
    }
    t->replica = array;
    memmove(&t->replica[at + 1], &t->replica[at],
            (t->replica_count - at) * sizeof(struct replica *));
    t->replica[at] = r;
    t->replica_count++;
    replica_fill(r, t, ops, id, pool);
    return r;
}

static void replica_free(struct replica *r)
{
    probe_stop(&r->probe);
    if (r->ops && r->ops->release)
        r->ops->release(r);
    free(r);
}

void replica_remove(struct replica *r)
{
    struct targets *t = r->set;
    const size_t at = place_of(t, r->id);
    assert(!r->queued);
    assert(at < t->replica_count);
    assert(t->replica[at] == r);
    t->replica_count--;
    memmove(&t->replica[at], &t->replica[at + 1],
            (t->replica_count - at) * sizeof(struct replica *));
    replica_free(r);
}

/* ---- news ---- */

void replica_due(struct replica *r, uint32_t due)
{
    struct targets *t = r->set;
    r->due |= due;
    if (!r->queued) {
        r->queued = true;
        r->next_due = NULL;
        if (t->due_last)
            t->due_last->next_due = r;
        else
            t->due_first = r;
        t->due_last = r;
    }
    loop_defer(t->loop, &t->task);
}

void replica_end(struct replica *r, enum news_kind end, const char *format, ...)
{
    va_list args;
    assert(!r->ended);
    probe_stop(&r->probe);
    va_start(args, format);
    (void)vsnprintf(r->text, sizeof r->text, format, args);
    va_end(args);
    r->ended = true;
    r->end = end;
    r->due &= ~(DUE_READY | DUE_UNREADY); /* not true any more */
    if (r->due & DUE_FOUND) {
        r->due = 0; /* nobody has heard of it */
        replica_due(r, 0);
        return;
    }
    replica_due(r, DUE_END);
}

static void tell(struct replica *r, enum news_kind kind, enum replica_phase phase)
{
    const struct targets *t = r->set;
    struct replica_news news = {.kind = kind,
                                .replica = r->id,
                                .class_ = r->class_,
                                .phase = (uint8_t)phase,
                                .ready = r->serves,
                                .target_hash = r->hash,
                                .port = r->port,
                                .started_ns = r->started_ns};
    static_assert(sizeof news.host == sizeof r->host, "one size of addresses");
    memcpy(news.pool, r->pool, sizeof news.pool);
    memcpy(news.host, r->host, sizeof news.host);
    if (kind != NEWS_READY && kind != NEWS_PHASE && kind != NEWS_FOUND)
        memcpy(news.text, r->text, sizeof news.text);
    t->config.news(t->config.user, &news);
}

void replica_found(struct replica *r)
{
    tell(r, NEWS_FOUND, r->accepts ? PHASE_LOADING : PHASE_LAUNCHED);
}

static void tell_due(struct replica *r)
{
    if (r->due & DUE_FOUND) {
        r->due &= ~DUE_FOUND;
        replica_found(r);
    }
    for (uint32_t phase = 0; phase < PHASE_COUNT; phase++)
        if (r->due & DUE_PHASE(phase)) {
            r->due &= ~DUE_PHASE(phase);
            tell(r, NEWS_PHASE, phase);
        }
    if (r->due & DUE_READY)
        tell(r, NEWS_READY, PHASE_LOADING);
    if (r->due & DUE_UNREADY)
        tell(r, NEWS_UNREADY, PHASE_LOADING);
    r->due &= ~(DUE_READY | DUE_UNREADY);
    if (r->due & DUE_END) {
        r->due = 0;
        tell(r, r->end, PHASE_LOADING);
    }
}

static void tell_all(struct task *task)
{
    struct targets *t = (struct targets *)task; /* the first member */
    if (t->dead) {
        free(t);
        return;
    }
    while (t->due_first) {
        struct replica *r = t->due_first;
        t->due_first = r->next_due;
        if (!t->due_first)
            t->due_last = NULL;
        r->queued = false;
        tell_due(r); /* may order something: then more is due */
        if (!r->ended || r->queued)
            continue;
        if (r == t->spare)
            r->ended = false;
        else
            replica_remove(r);
    }
    if (t->room_changed && t->config.room)
        t->config.room(t->config.user);
    t->room_changed = false;
}

void targets_room_changed(struct targets *t)
{
    t->room_changed = true;
    loop_defer(t->loop, &t->task);
}

static void on_probe(void *user, enum probe_state state, const char *words)
{
    struct replica *r = user;
    if (!r->accepts) /* also when the first answer is a ready one */
        replica_due(r, DUE_PHASE(PHASE_LOADING));
    if (!r->accepts && r->ops->accepts)
        r->ops->accepts(r);
    r->accepts = true;
    r->serves = state == PROBE_READY;
    r->served |= r->serves;
    if (state == PROBE_READY || state == PROBE_UNREADY) {
        r->due &= ~(DUE_READY | DUE_UNREADY);
        (void)snprintf(r->text, sizeof r->text, "%s", words);
        replica_due(r, r->serves ? DUE_READY : DUE_UNREADY);
    }
}

enum rc replica_probe(struct replica *r, const struct ready_spec *ready, enum probe_state state)
{
    r->accepts = state != PROBE_SILENT;
    r->serves = r->served = state == PROBE_READY;
    const struct probe_plan plan = {
        .host = r->host, .port = r->port, .path = ready->path, .interval_ns = ready->interval_ns};
    return probe_start(&r->probe, r->set->client, &plan, on_probe, r);
}

void replica_revive(struct replica *r, const struct ready_spec *ready)
{
    r->ended = false;
    r->due &= ~DUE_END;
    if (replica_probe(r, ready, PROBE_SILENT) != RC_OK)
        replica_end(r, NEWS_GONE, "there is no memory to probe it");
}

void replicas_ask(struct asked_replica *asked, size_t count)
{
    struct probe_plan *plan = mem_new(count, sizeof *plan);
    for (size_t i = 0; i < count && plan; i++)
        plan[i] = (struct probe_plan){.host = asked[i].replica->host,
                                      .port = asked[i].replica->port,
                                      .path = asked[i].ready->path,
                                      .interval_ns = asked[i].ready->interval_ns};
    if (plan)
        probe_all(plan, count, SCAN_PROBE_NS);
    for (size_t i = 0; i < count; i++)
        asked[i].state = plan ? plan[i].state : PROBE_SILENT;
    free(plan);
}

/* ---- the set ---- */

/* Names this boot: pids and start times mean something within one boot only. */
static void read_boot(struct targets *t)
{
    struct buf text;
    buf_init(&text, 1 << 17);
    if (file_read("/proc/sys/kernel/random/boot_id", 4096, &text, NULL) == RC_OK)
        (void)span_copy(span_slice(buf_view(&text), 0, 36), t->boot, sizeof t->boot);
    buf_done(&text);
}

enum rc targets_new(struct loop *loop, const struct targets_config *config, struct targets **ret,
                    struct diag *diag)
{
    struct targets *t = mem_new(1, sizeof *t);
    if (!t)
        return fail(diag, RC_NO_MEMORY, "no memory for targets");
    t->loop = loop;
    t->config = *config;
    t->task.run = tell_all;
    t->client = probe_client(loop);
    t->spare = mem_new(1, sizeof *t->spare);
    t->found = mem_new(1, sizeof *t->found);
    if (outputs_init(&t->outputs, loop) != RC_OK || !t->client || !t->spare || !t->found) {
        targets_free(t);
        return fail(diag, RC_NO_MEMORY, "no memory for targets");
    }
    read_boot(t);
    const size_t gpus = gpu_find(&gpu_places_usual, t->found);
    if (gpus > 0)
        log_event(t->config.log, LOG_GPUS_FOUND, LOG_INT("gpus", gpus));
    *ret = t;
    return RC_OK;
}

void targets_free(struct targets *t)
{
    if (!t)
        return;
    t->config.room = NULL;
    t->due_first = t->due_last = NULL;
    const size_t count = t->replica_count;
    t->replica_count = 0;
    for (size_t i = 0; i < count; i++)
        replica_free(t->replica[i]);
    http_client_free(t->client);
    inventory_done(&t->inventory);
    outputs_done(&t->outputs);
    free(t->replica);
    free(t->spare);
    free(t->found);
    t->dead = true;
    if (!t->task.queued) /* else its task frees it */
        free(t);
}

static const struct pool_config *pool_of(const struct targets *t, const char *pool)
{
    return t->spec ? config_pool(t->spec, span_from(pool)) : NULL;
}

enum rc targets_configure(struct targets *t, const struct config *config, struct diag *diag)
{
    struct inventory inventory;
    const enum rc rc = inventory_init(&inventory, config, t->found, diag);
    if (rc != RC_OK)
        return rc;
    inventory_done(&t->inventory);
    t->inventory = inventory; /* replicas claim theirs when they adapt */
    t->spec = config;
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (kinds[i]->configured)
            kinds[i]->configured(t);
    for (size_t i = 0; i < t->replica_count; i++) {
        struct replica *r = t->replica[i];
        if (r->ops->adapt && !r->ended)
            r->ops->adapt(r, pool_of(t, r->pool));
    }
    targets_room_changed(t);
    return RC_OK;
}

/* Where no replica can be kept, the one spare tells of it. */
static void refuse_without_memory(struct targets *t, const char *pool, uint64_t id, uint16_t class_)
{
    if (t->spare->queued) {
        log_event(t->config.log, LOG_PROBLEM, LOG_TEXT("pool", pool), LOG_INT("replica", id),
                  LOG_TEXT("reason", "no memory for a replica, nor to tell so"));
        return;
    }
    replica_fill(t->spare, t, NULL, id, pool);
    t->spare->class_ = class_;
    replica_end(t->spare, NEWS_REFUSED, "no memory for another replica");
}

void targets_start(struct targets *t, const char *pool, uint64_t replica, uint16_t class_)
{
    const struct pool_config *spec = pool_of(t, pool);
    const struct target_ops *ops = spec ? target_ops_of(spec->target.kind) : NULL;
    if (targets_find(t, replica)) {
        log_event(t->config.log, LOG_PROBLEM, LOG_TEXT("pool", pool), LOG_INT("replica", replica),
                  LOG_TEXT("reason", "told to start a replica that is there already"));
        return;
    }
    struct replica *r = replica_new(t, ops ? ops : kinds[0], replica, pool);
    if (!r) {
        refuse_without_memory(t, pool, replica, class_);
        return;
    }
    r->class_ = class_;
    if (!spec) {
        replica_end(r, NEWS_FAILED, "pool \"%s\" is not configured", pool);
    } else if (!ops || !ops->start) {
        replica_end(r, NEWS_FAILED, "replicas of this pool are not started by sluice");
    } else {
        r->hash = spec->target_hash;
        ops->start(r, spec);
    }
}

void targets_stop(struct targets *t, uint64_t replica, bool kill)
{
    struct replica *r = targets_find(t, replica);
    if (r && !r->ended)
        r->ops->stop(r, kill);
    if (r)
        return;
    r = replica_new(t, kinds[0], replica, "");
    if (r)
        replica_end(r, NEWS_GONE, "it is not known");
}

void targets_scan(struct targets *t, const struct span *recorded, size_t recorded_count)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (kinds[i]->scan)
            kinds[i]->scan(t, recorded, recorded_count);
    targets_room_changed(t);
}

void targets_tell(struct targets *t, const char *pool)
{
    for (size_t i = 0; i < t->replica_count; i++)
        if (!t->replica[i]->ended && strcmp(t->replica[i]->pool, pool) == 0)
            replica_found(t->replica[i]);
}

/* ---- reading ---- */

int64_t targets_room(const struct targets *t, const char *pool)
{
    const struct pool_config *spec = pool_of(t, pool);
    const struct target_ops *ops = spec ? target_ops_of(spec->target.kind) : NULL;
    return ops && ops->room ? ops->room(t, spec) : NO_COUNT;
}

double targets_gpus_free(const struct targets *t)
{
    return inventory_free(&t->inventory);
}
